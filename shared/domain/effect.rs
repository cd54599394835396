//! Effects: calls that change something elsewhere, and how each may be repeated.

use serde::{Deserialize, Serialize};

/// What an action does out there, which decides what may be done when its answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Changes nothing: may be asked again at any time.
    Read,
    /// Update, upsert by id or unique key, delete: repeatable after the order check.
    Set,
    /// Makes something new; carries our marker in a field, by which it is looked up before it is made again.
    Create,
    /// Can't be looked up (a plain POST, an e-mail): in doubt it fails, and a person decides.
    Send,
}

impl EffectKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Set => "set",
            Self::Create => "create",
            Self::Send => "send",
        }
    }
}
