//! A flow's head: what changes about it. Who changes it says which revision it has read, so that nothing that was
//! written meanwhile is undone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::rows::item_of;
use crate::domain::ids::{FlowId, Life};
use crate::ports::table::{Condition, Item, Key, Write};

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
    /// What happened from then until it was live is told of by neither version: the one before had yet to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<Timestamp>,
    /// It was paused: it reads on from here by itself until it has caught up with the others of its watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_up_from: Option<Timestamp>,
    /// `http.webhook`: the part of the URL that nobody can guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_path: Option<String>,
    /// Which of its lives it is in, or was in last, and how many have a number, also of those that never began.
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
    /// How often it was written.
    #[serde(default)]
    pub revision: i64,
}

/// A life that is about to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextLife {
    pub version: u32,
    pub life: u32,
}

impl FlowHead {
    /// Of a flow that is pushed for the first time: its first version is its live one.
    pub(super) fn new(id: FlowId, name: &str, webhook_path: String, now: Timestamp) -> Self {
        Self {
            id,
            name: name.to_owned(),
            live_version: 1,
            newest_version: 1,
            state: FlowState::Disabled,
            live_from: None,
            passed_over: None,
            catch_up_from: None,
            webhook_path: Some(webhook_path),
            life: 0,
            newest_life: 0,
            going_live: None,
            fired: None,
            changed_at: now,
            revision: 1,
        }
    }

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

    /// Whether it does what it did then: the same version in the same life and state, and the same on its way. How far
    /// it has caught up, which tick was fired, and how many lives have numbers, may differ.
    pub fn stands_as(&self, then: &Self) -> bool {
        let standing = |head: &Self| {
            let lives = (head.live_version, head.life, head.live_from);
            (head.id, head.state, lives, head.going_live)
        };
        standing(self) == standing(then)
    }

    /// The first write of it.
    pub(super) fn first(&self) -> Write {
        Write::put(item(self), Condition::Absent)
    }

    /// The write that puts the next revision in the place of what was read; refused where somebody else has.
    pub(super) fn next(&mut self, was: &Self) -> Write {
        let as_read = match was.revision {
            // Written by a version of this program that counted none.
            0 => Condition::All(vec![Condition::Exists, Condition::Missing(REVISION.to_owned())]),
            revision => Condition::equals(REVISION, revision),
        };
        self.revision = was.revision + 1;
        Write::put(item(self), as_read)
    }
}

const REVISION: &str = "revision";

fn item(head: &FlowHead) -> Item {
    let mut item = item_of(key(&head.name), head);
    item.fields.insert(REVISION.to_owned(), head.revision.into());
    item
}

pub(super) fn key(name: &str) -> Key {
    Key::new(HEADS, name)
}

pub(super) const HEADS: &str = "flows";
