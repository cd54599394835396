//! Flows as they are kept: a head for each (which version is live, whether it runs, from when on), and its
//! versions, which never change.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::FlowError;
use super::compile::Compiled;
use super::rows::{document_of, going_live_key, item_of};
use super::run::write_patiently;
use crate::domain::connection::Provider;
use crate::domain::ids::{ConnectionId, FlowId, Life};
use crate::domain::outcome::Failure;
use crate::ports::Ports;
use crate::ports::connector::{Catalog, Changed, Interest};
use crate::ports::random::random_uuid;
use crate::ports::table::{Condition, Key, Query, Write, all_pages};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowState {
    /// Nothing is noticed.
    Disabled,
    Enabled,
    /// Nothing is noticed, and the place is kept.
    Paused,
}

impl FlowState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Paused => "paused",
        }
    }
}

/// What changes about a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowHead {
    pub id: FlowId,
    pub name: String,
    pub live_version: u32,
    pub newest_version: u32,
    pub state: FlowState,
    /// Events with an older stamp are none of this flow's. By the provider's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_from: Option<Timestamp>,
    /// It was paused: it reads on from here by itself until it has caught up with the others of its watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_up_from: Option<Timestamp>,
    /// `http.webhook`: the part of the URL that nobody can guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_path: Option<String>,
    /// Which of its lives it is in, or was in last, and how many were begun.
    #[serde(default)]
    pub life: u32,
    #[serde(default)]
    pub newest_life: u32,
    /// What it goes live with, while it remembers what is there; until then it is as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub going_live: Option<NextLife>,
    /// `schedule`: the instant that was fired last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fired: Option<Timestamp>,
    pub changed_at: Timestamp,
}

/// A life that is about to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextLife {
    pub version: u32,
    pub life: u32,
}

impl FlowHead {
    pub fn life(&self) -> Life {
        Life { flow: self.id, number: self.life }
    }

    /// From when on what happens is its to tell of; after a pause, from where it reads on.
    pub fn begins(&self) -> Option<Timestamp> {
        self.catch_up_from.or(self.live_from)
    }

    pub fn next_life(&self) -> Option<Life> {
        self.going_live.map(|next| Life { flow: self.id, number: next.life })
    }
}

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
const HEADS: &str = "flows";

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

    /// Writes a head, for everyone to see. One that says it is going live is refused where it isn't any more.
    pub async fn change(&self, head: &FlowHead) -> Result<(), FlowError> {
        self.change_with(head, still_going_live(head)).await
    }

    /// Writes a head together with what else must be so then, or nothing of it.
    pub async fn change_with(&self, head: &FlowHead, mut writes: Vec<Write>) -> Result<(), FlowError> {
        let item = item_of(Key::new(HEADS, head.name.as_str()), head);
        writes.push(Write::put(item, Condition::Always));
        write_patiently(&self.ports, writes).await?;
        self.forget_heads();
        Ok(())
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
        if version == head.live_version {
            return Ok(head);
        }
        let head = FlowHead { live_version: version, ..head };
        self.change(&head).await?;
        Ok(head)
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
        self.forget_heads();
        let now = self.ports.clock.now();
        let before = self.head(name).await?;
        if let Some(head) = &before {
            let going_live = head.going_live.map(|next| next.version);
            for version in going_live.into_iter().chain([head.live_version]) {
                let kept = self.version(head.id, version).await?;
                if kept.is_some_and(|kept| kept.text == text && kept.files == files) {
                    return Ok(Kept { head: head.clone(), version, is_new: false });
                }
            }
        }
        let id =
            before.as_ref().map_or_else(|| FlowId(random_uuid(self.ports.random.as_ref())), |head| head.id);
        let number = before.as_ref().map_or(1, |head| head.newest_version + 1);
        let version = FlowVersion {
            flow: id,
            version: number,
            file_name: file_name.to_owned(),
            text: text.to_owned(),
            files,
            pushed_at: now,
        };
        let head = match before {
            Some(head) => FlowHead { newest_version: number, changed_at: now, ..head },
            None => FlowHead {
                id,
                name: name.to_owned(),
                live_version: number,
                newest_version: number,
                state: FlowState::Disabled,
                live_from: None,
                catch_up_from: None,
                webhook_path: Some(random_uuid(self.ports.random.as_ref()).simple().to_string()),
                life: 0,
                newest_life: 0,
                going_live: None,
                fired: None,
                changed_at: now,
            },
        };
        let put = Write::put(item_of(version_key(id, number), &version), Condition::Absent);
        let writes = still_going_live(&head).into_iter().chain([put]).collect();
        self.change_with(&head, writes).await?;
        Ok(Kept { head, version: number, is_new: true })
    }

    pub async fn version(&self, id: FlowId, number: u32) -> Result<Option<FlowVersion>, FlowError> {
        let item = self.ports.table.get(&[version_key(id, number)]).await?.into_iter().next().flatten();
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

fn still_going_live(head: &FlowHead) -> Vec<Write> {
    let still = |life| Write::Check { key: going_live_key(life), when: Condition::Exists };
    head.next_life().map(still).into_iter().collect()
}

fn version_key(id: FlowId, number: u32) -> Key {
    Key::new(format!("F#{id}"), format!("v#{number:06}"))
}
