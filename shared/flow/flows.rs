//! Flows as they are kept: a head for each (which version is live, whether it runs, from when on), and its
//! versions, which never change.

mod head;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

pub use head::{FlowHead, FlowState, NextLife};
use head::{HEADS, key};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::FlowError;
use super::compile::Compiled;
use super::rows::{document_of, item_of};
use super::run::write_patiently;
use crate::domain::connection::Provider;
use crate::domain::ids::{ConnectionId, FlowId, Life};
use crate::domain::outcome::Failure;
use crate::ports::Ports;
use crate::ports::connector::{Catalog, Changed, Interest};
use crate::ports::random::random_uuid;
use crate::ports::table::{Condition, Key, Query, TableError, Write, all_pages};

/// A version, as it was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowVersion {
    pub flow: FlowId,
    pub version: u32,
    pub file_name: String,
    pub text: String,
    /// Files that the text names (CSV tables), as they were when it was pushed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    pub pushed_at: Timestamp,
}

/// A version that was pushed, live or not.
#[derive(Debug, Clone)]
pub struct Kept {
    pub head: FlowHead,
    pub version: u32,
    pub is_new: bool,
}

#[derive(Clone)]
pub struct Flows {
    ports: Ports,
    catalog: Arc<Catalog>,
    cache: Arc<Mutex<Cache>>,
}

#[derive(Default)]
struct Cache {
    heads_read_at: i64,
    heads: Vec<FlowHead>,
    compiled: HashMap<(FlowId, u32), Arc<Compiled>>,
}

/// A process believes for this long what it read of the heads.
const BELIEVED_FOR: i64 = 5_000;

impl std::fmt::Debug for Flows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flows")
    }
}

impl Flows {
    pub fn new(ports: Ports, catalog: Arc<Catalog>) -> Self {
        Self { ports, catalog, cache: Arc::default() }
    }

    pub async fn heads(&self) -> Result<Vec<FlowHead>, FlowError> {
        let now = self.ports.clock.now().as_millisecond();
        {
            let cache = self.lock();
            if now - cache.heads_read_at < BELIEVED_FOR {
                return Ok(cache.heads.clone());
            }
        }
        let mut heads = Vec::new();
        for item in all_pages(self.ports.table.as_ref(), Query::new(HEADS)).await? {
            heads.push(document_of::<FlowHead>(&item)?);
        }
        let mut cache = self.lock();
        cache.heads.clone_from(&heads);
        cache.heads_read_at = now;
        Ok(heads)
    }

    pub async fn head(&self, name: &str) -> Result<Option<FlowHead>, FlowError> {
        Ok(self.heads().await?.into_iter().find(|head| head.name == name))
    }

    pub async fn head_of(&self, id: FlowId) -> Result<Option<FlowHead>, FlowError> {
        Ok(self.heads().await?.into_iter().find(|head| head.id == id))
    }

    /// The life that a flow is in, whose memories count.
    pub async fn life_of(&self, id: FlowId) -> Result<Option<Life>, FlowError> {
        Ok(self.head_of(id).await?.map(|head| head.life()))
    }

    /// The flow of a message. One that isn't enabled as far as this process remembers may have been pushed or enabled
    /// by another one before the message was sent: then the table is asked, once for all messages that waited.
    pub async fn head_at(&self, id: FlowId, sent_at: Timestamp) -> Result<Option<FlowHead>, FlowError> {
        let head = self.head_of(id).await?;
        let is_enabled = head.as_ref().is_some_and(|head| head.state == FlowState::Enabled);
        if is_enabled || self.lock().heads_read_at > sent_at.as_millisecond() {
            return Ok(head);
        }
        self.newest_of(id).await
    }

    /// The named flow, or a mistake with advice.
    pub async fn named(&self, name: &str) -> Result<FlowHead, FlowError> {
        self.head(name).await?.ok_or_else(|| {
            FlowError::Asked(Failure::new(
                "unknown_flow",
                format!("no flow is called `{name}`; see `counterfoil flow list`"),
            ))
        })
    }

    /// The named flow, whatever this process remembers.
    pub async fn newest(&self, name: &str) -> Result<FlowHead, FlowError> {
        self.forget_heads();
        self.named(name).await
    }

    /// The flow with this id, whatever this process remembers.
    pub async fn newest_of(&self, id: FlowId) -> Result<Option<FlowHead>, FlowError> {
        self.forget_heads();
        self.head_of(id).await
    }

    /// Changes a head, for everyone to see. `meant` is asked of the head as it is, and anew where somebody else changes
    /// it at the same time; what else is written then is written with it or not at all. `None`: nothing is meant any
    /// more, and nothing is written.
    pub async fn change_with(
        &self,
        name: &str,
        meant: impl Fn(FlowHead) -> Option<(FlowHead, Vec<Write>)>,
    ) -> Result<Option<FlowHead>, FlowError> {
        loop {
            let Some(was) = self.stored(name).await? else { return Ok(None) };
            let Some((mut head, others)) = meant(was.clone()) else { return Ok(None) };
            let writes = std::iter::once(head.next(&was)).chain(others).collect();
            if self.write(writes).await? {
                return Ok(Some(head));
            }
        }
    }

    /// The same, where nothing else is written.
    pub async fn change(
        &self,
        name: &str,
        meant: impl Fn(FlowHead) -> Option<FlowHead>,
    ) -> Result<Option<FlowHead>, FlowError> {
        self.change_with(name, |head| Some((meant(head)?, Vec::new()))).await
    }

    /// False: the head, which comes first, isn't what was read any more, and nothing is written.
    async fn write(&self, writes: Vec<Write>) -> Result<bool, FlowError> {
        let written = write_patiently(&self.ports, writes).await;
        self.forget_heads();
        match written {
            Ok(()) => Ok(true),
            Err(TableError::Refused(0)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn stored(&self, name: &str) -> Result<Option<FlowHead>, FlowError> {
        let item = self.ports.table.get_one(&key(name)).await?;
        Ok(item.as_ref().map(document_of).transpose()?)
    }

    pub fn forget_heads(&self) {
        self.lock().heads_read_at = i64::MIN / 2;
    }

    /// Keeps a new version and makes it live, whatever it watches for. The text has been checked; pushing the same
    /// text again changes nothing. A first push leaves the flow disabled.
    pub async fn push(
        &self,
        name: &str,
        file_name: &str,
        text: &str,
        files: BTreeMap<String, String>,
    ) -> Result<FlowHead, FlowError> {
        let Kept { head, version, .. } = self.keep(name, file_name, text, files).await?;
        let live = |head: FlowHead| {
            (head.live_version != version).then_some(FlowHead { live_version: version, ..head })
        };
        Ok(self.change(name, live).await?.unwrap_or(head))
    }

    /// Keeps a new version, and says which it is: the live one, or the one that goes live, where the text is theirs. A
    /// flow's first version is its live one.
    pub async fn keep(
        &self,
        name: &str,
        file_name: &str,
        text: &str,
        files: BTreeMap<String, String>,
    ) -> Result<Kept, FlowError> {
        let now = self.ports.clock.now();
        loop {
            let before = self.stored(name).await?;
            if let Some(head) = &before {
                let going_live = head.going_live.map(|next| next.version);
                for version in going_live.into_iter().chain([head.live_version]) {
                    let kept = self.version(head.id, version).await?;
                    if kept.is_some_and(|kept| kept.text == text && kept.files == files) {
                        return Ok(Kept { head: head.clone(), version, is_new: false });
                    }
                }
            }
            let (head, put) = match before {
                Some(was) => {
                    let newest_version = self.newest_number(&was).await? + 1;
                    let mut head = FlowHead { newest_version, changed_at: now, ..was.clone() };
                    let put = head.next(&was);
                    (head, put)
                }
                None => {
                    let id = FlowId(random_uuid(self.ports.random.as_ref()));
                    let secret = random_uuid(self.ports.random.as_ref()).simple().to_string();
                    let head = FlowHead::new(id, name, secret, now);
                    (head.clone(), head.first())
                }
            };
            let version = FlowVersion {
                flow: head.id,
                version: head.newest_version,
                file_name: file_name.to_owned(),
                text: text.to_owned(),
                files: files.clone(),
                pushed_at: now,
            };
            let kept = item_of(version_key(version.flow, version.version), &version);
            if self.write(vec![put, Write::put(kept, Condition::Absent)]).await? {
                return Ok(Kept { version: head.newest_version, head, is_new: true });
            }
        }
    }

    /// The highest number that a version of the flow has, also where its head has lost count.
    async fn newest_number(&self, head: &FlowHead) -> Result<u32, FlowError> {
        let query = Query { descending: true, limit: 1, ..Query::new(version_key(head.id, 0).partition) };
        let page = self.ports.table.query(query).await?;
        let newest = page.items.first().map(document_of::<FlowVersion>).transpose()?;
        Ok(newest.map_or(0, |newest| newest.version).max(head.newest_version))
    }

    pub async fn version(&self, id: FlowId, number: u32) -> Result<Option<FlowVersion>, FlowError> {
        let item = self.ports.table.get_one(&version_key(id, number)).await?;
        Ok(item.map(|item| document_of(&item)).transpose()?)
    }

    pub async fn versions(&self, id: FlowId) -> Result<Vec<FlowVersion>, FlowError> {
        let page = self
            .ports
            .table
            .query(Query { limit: 1_000, ..Query::new(version_key(id, 0).partition) })
            .await?;
        Ok(page.items.iter().map(document_of).collect::<Result<_, _>>()?)
    }

    /// A version ready to be walked.
    pub async fn compiled(&self, id: FlowId, number: u32) -> Result<Option<Arc<Compiled>>, FlowError> {
        if let Some(compiled) = self.lock().compiled.get(&(id, number)) {
            return Ok(Some(Arc::clone(compiled)));
        }
        let Some(version) = self.version(id, number).await? else { return Ok(None) };
        let compiled =
            Arc::new(Compiled::read(&version.text, &version.file_name, &version.files, &self.catalog)?);
        self.lock().compiled.insert((id, number), Arc::clone(&compiled));
        Ok(Some(compiled))
    }

    /// The flows that notice things, with their live version.
    pub async fn enabled(&self) -> Result<Vec<(FlowHead, Arc<Compiled>)>, FlowError> {
        let mut enabled = Vec::new();
        for head in self.heads().await?.into_iter().filter(|head| head.state == FlowState::Enabled) {
            if let Some(compiled) = self.readable(&head, head.live_version).await? {
                enabled.push((head, compiled));
            }
        }
        Ok(enabled)
    }

    /// The transitions that flows watch for on a connection, each in the life that remembers them: of those that
    /// notice, that will when they are resumed, and that are going live.
    pub async fn transitions_on(&self, connection: &ConnectionId) -> Result<Vec<(Life, Changed)>, FlowError> {
        let mut found = Vec::new();
        for head in self.heads().await? {
            let living = (head.state != FlowState::Disabled).then_some((head.life(), head.live_version));
            let next = head.next_life().zip(head.going_live.map(|next| next.version));
            for (life, version) in living.into_iter().chain(next) {
                let Some(compiled) = self.readable(&head, version).await? else { continue };
                let trigger = &compiled.flow.trigger;
                let elsewhere = trigger.connection.as_ref().is_some_and(|named| named != connection);
                if elsewhere || Provider::of(&trigger.id).is_none() {
                    continue;
                }
                if let Some(Ok(Interest { changed: Some(changed), .. })) = &compiled.interest {
                    found.push((life, changed.clone()));
                }
            }
        }
        Ok(found)
    }

    /// A version that can be read by this code. One that can't any more stops none of the others.
    async fn readable(&self, head: &FlowHead, version: u32) -> Result<Option<Arc<Compiled>>, FlowError> {
        match self.compiled(head.id, version).await {
            Err(FlowError::Asked(failure)) => {
                tracing::error!(flow = %head.name, %failure, "the flow can't be read; push it again");
                Ok(None)
            }
            compiled => compiled,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn version_key(id: FlowId, number: u32) -> Key {
    Key::new(format!("F#{id}"), format!("v#{number:06}"))
}
