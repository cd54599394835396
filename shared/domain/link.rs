//! A link: the document that a step made, remembered, so that it is made once per source record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Value;
use super::ids::{ConnectionId, EffectKey, LinkName, RunId};

/// (connection, name, key) -> a provider's document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub connection: ConnectionId,
    pub name: LinkName,
    /// By default the source record's id.
    pub key: String,
    pub state: LinkState,
    /// Who claimed it; absent for an imported link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<EffectKey>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Claimed before the create: whoever meets it waits or, when it is its own, goes on.
    Making,
    Made {
        id: String,
        document: Value,
    },
}
