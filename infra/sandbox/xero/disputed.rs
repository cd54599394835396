//! What sources dispute about Xero: a setting each. The defaults are the stricter or the recorded side, so that who gets
//! along with them gets along with the other side too.
//!
//! Set by `xero::Options` at the start and by `PATCH /_sandbox/options` later.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Disputed {
    /// What a POST does of a contact that has the name of an active one, and neither id nor number.
    pub known_name: KnownName,
    /// Bytes of a file: 10 MB by the page on attachments, 25 MB by those on invoices, contacts and credit notes.
    /// Manual journals and accounts have 3 MB by all.
    pub largest_file: usize,
    /// Bytes of a request: 3.5 MB by the older page on limits, 10 MB by the newer.
    pub largest_request: usize,
    /// The word that `X-Rate-Limit-Problem` has for the app's own limit.
    pub app_limit: AppLimit,
    /// The current page says fixed; older ones, rolling.
    pub windows: Windows,
    /// How the members of a 401's body are written.
    pub problem_keys: ProblemKeys,
    /// What the token endpoint says besides OAuth's word.
    pub token_errors: TokenErrors,
    /// How a webhook writes `eventType`.
    pub event_types: EventTypes,
}

impl Default for Disputed {
    fn default() -> Self {
        Self {
            known_name: KnownName::default(),
            largest_file: 10 << 20,
            largest_request: 3_500_000,
            app_limit: AppLimit::default(),
            windows: Windows::default(),
            problem_keys: ProblemKeys::default(),
            token_errors: TokenErrors::default(),
            event_types: EventTypes::default(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownName {
    /// As recorded for a PUT: callers look the contact up first.
    #[default]
    Refused,
    /// The contact is updated.
    Updates,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AppLimit {
    #[default]
    #[serde(rename = "appminute")]
    Joined,
    #[serde(rename = "app-minute")]
    Hyphenated,
}

impl AppLimit {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Joined => "appminute",
            Self::Hyphenated => "app-minute",
        }
    }
}

/// How the calls of a minute, and of a day, are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Windows {
    /// From moments that are other ones for each tenant; then all are there again at once.
    #[default]
    Fixed,
    /// Those of the last minute, or day: each comes back by itself.
    Rolling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKeys {
    /// `title`, as the page on troubleshooting has it.
    #[default]
    Lower,
    /// `Title`, and a `Type`, as others saw it.
    Capitals,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenErrors {
    /// Nothing, as the page on troubleshooting has it.
    #[default]
    Bare,
    /// An `error_description`, as in some samples.
    Described,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventTypes {
    /// `UPDATE`, by the published document.
    #[default]
    Upper,
    /// `Update`, in samples of the documentation.
    Mixed,
}

impl EventTypes {
    pub(crate) fn word(self, is_new: bool) -> &'static str {
        match (self, is_new) {
            (Self::Upper, true) => "CREATE",
            (Self::Upper, false) => "UPDATE",
            (Self::Mixed, true) => "Create",
            (Self::Mixed, false) => "Update",
        }
    }
}
