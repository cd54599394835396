//! Flows as they are kept: a head for each (which version is live, whether it runs, from when on), and its
//! versions, which never change.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::FlowError;
use super::compile::Compiled;
use super::rows::{document_of, item_of};
use crate::domain::connection::Provider;
use crate::domain::ids::{ConnectionId, FlowId};
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
    /// `schedule`: the instant that was fired last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fired: Option<Timestamp>,
    pub changed_at: Timestamp,
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

    /// The flow of a message. One that isn't enabled as far as this process remembers may have been pushed or enabled
    /// by another one before the message was sent: then the table is asked, once for all messages that waited.
    pub async fn head_at(&self, id: FlowId, sent_at: Timestamp) -> Result<Option<FlowHead>, FlowError> {
        let head = self.head_of(id).await?;
        let is_enabled = head.as_ref().is_some_and(|head| head.state == FlowState::Enabled);
        if is_enabled || self.lock().heads_read_at > sent_at.as_millisecond() {
            return Ok(head);
        }
        self.forget_heads();
        self.head_of(id).await
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

    /// Writes a head that was read as `was`.
    pub async fn change(&self, head: &FlowHead) -> Result<(), FlowError> {
        let item = item_of(Key::new(HEADS, head.name.as_str()), head);
        self.ports.table.write(vec![Write::put(item, Condition::Always)]).await?;
        self.forget_heads();
        Ok(())
    }

    pub fn forget_heads(&self) {
        self.lock().heads_read_at = i64::MIN / 2;
    }

    /// Keeps a new version and makes it live. The text has been checked; pushing the same text again changes
    /// nothing. A first push leaves the flow disabled.
    pub async fn push(
        &self,
        name: &str,
        file_name: &str,
        text: &str,
        files: BTreeMap<String, String>,
    ) -> Result<FlowHead, FlowError> {
        self.forget_heads();
        let now = self.ports.clock.now();
        let before = self.head(name).await?;
        if let Some(head) = &before
            && let Some(live) = self.version(head.id, head.live_version).await?
            && live.text == text
            && live.files == files
        {
            return Ok(head.clone());
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
            Some(head) => FlowHead { live_version: number, newest_version: number, changed_at: now, ..head },
            None => FlowHead {
                id,
                name: name.to_owned(),
                live_version: number,
                newest_version: number,
                state: FlowState::Disabled,
                live_from: None,
                catch_up_from: None,
                webhook_path: Some(random_uuid(self.ports.random.as_ref()).simple().to_string()),
                fired: None,
                changed_at: now,
            },
        };
        let put = Write::put(item_of(version_key(id, number), &version), Condition::Absent);
        self.ports.table.write(vec![put]).await?;
        self.change(&head).await?;
        Ok(head)
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

    /// The flows that notice things, with their live version. One that can't be read any more (it was pushed by
    /// other code) stops none of the others.
    pub async fn enabled(&self) -> Result<Vec<(FlowHead, Arc<Compiled>)>, FlowError> {
        let mut enabled = Vec::new();
        for head in self.heads().await?.into_iter().filter(|head| head.state == FlowState::Enabled) {
            match self.compiled(head.id, head.live_version).await {
                Ok(Some(compiled)) => enabled.push((head, compiled)),
                Ok(None) => {}
                Err(FlowError::Asked(failure)) => {
                    tracing::error!(flow = %head.name, %failure, "the flow can't be read; push it again");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(enabled)
    }

    /// The transitions that flows watch for on a connection.
    pub async fn transitions_on(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<(FlowHead, Changed)>, FlowError> {
        let mut found = Vec::new();
        for (head, compiled) in self.enabled().await? {
            let trigger = &compiled.flow.trigger;
            let elsewhere = trigger.connection.as_ref().is_some_and(|named| named != connection);
            if elsewhere || Provider::of(&trigger.id).is_none() {
                continue;
            }
            if let Some(Ok(Interest { changed: Some(changed), .. })) = &compiled.interest {
                found.push((head, changed.clone()));
            }
        }
        Ok(found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn version_key(id: FlowId, number: u32) -> Key {
    Key::new(format!("F#{id}"), format!("v#{number:06}"))
}
