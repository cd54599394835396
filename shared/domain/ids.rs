//! Names for things, each in its own type, and the keys that make an event happen once.
//!
//! Keys are the product's memory: they must never change for the same event, whatever the process, the
//! attempt or the edit of the flow. Their text forms are stored, so a change here needs a new version.

use std::fmt;

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

text_id!(
    /// One authorised account: the name its owner gave to a Salesforce org or a Xero organisation.
    ConnectionId
);
text_id!(
    /// What makes an event the same event: a record id, a record id and its stamp, an instant, a hash.
    EventKey
);
text_id!(
    /// A node of a flow, named by its id, never by its position.
    StepId
);
text_id!(
    /// The name under which a flow remembers a document that it made: `link: invoice`.
    LinkName
);
uuid_id!(
    /// A flow's identity, given at first push: a deleted and re-made flow of the same name is another.
    FlowId
);
uuid_id!(
    /// One event through one flow.
    RunId
);
uuid_id!(
    /// What a person allowed in a browser; several connections may share it.
    ConsentId
);
uuid_id!(
    /// One walk through the old records of a flow.
    BackfillId
);
uuid_id!(
    /// One provider call, the unit of doubt. A UUIDv7; it is the Idempotency-Key too.
    GroupId
);

impl RunId {
    /// UUIDv5 of the flow's UUID over the connection and the event key: the same event can't become two runs.
    pub fn of(flow: FlowId, connection: Option<&ConnectionId>, key: &EventKey) -> Self {
        let connection = connection.map_or("", ConnectionId::as_str);
        Self(Uuid::new_v5(&flow.0, format!("{connection}\n{key}").as_bytes()))
    }
}

impl ConsentId {
    /// The same person letting the same app in again renews the same consent: a provider keeps one set of tokens for
    /// the two, whatever they are used for. `org`: where tokens are bound to one. A sandbox that was copied from an
    /// org has its users and apps under the same ids, and is another.
    pub fn of(provider: &str, client_id: &str, org: Option<&str>, user: &str) -> Self {
        let name = format!("{provider}\n{client_id}\n{}\n{user}", org.unwrap_or_default());
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
    }
}

/// Run id, step id and, in a loop, the item's key: the same on every attempt and after any edit of the flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectKey(String);

impl EffectKey {
    pub fn new(run: RunId, step: &StepId, item: Option<&str>) -> Self {
        match item {
            None => Self(format!("{run}/{step}")),
            Some(item) => Self(format!("{run}/{step}/{item}")),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// 22 characters (132 bits) that stand for this key in a provider's field, where a document is looked up by it.
    pub fn marker(&self) -> Marker {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
        text.truncate(22);
        Marker(text)
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Our key as a document carries it: proof that the document is ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marker(String);

impl Marker {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One life of a flow: from going live until it is disabled, or until a version goes live that watches for something
/// else. What is remembered of records is a life's own, so that a new one begins with what is there then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Life {
    pub flow: FlowId,
    pub number: u32,
}

impl Life {
    /// The sort key of what this life keeps under a name. Life 0 is of before they were counted.
    pub fn its(self, name: &str) -> String {
        if self.number == 0 { name.to_owned() } else { format!("{name}#{}", self.number) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> FlowId {
        "6f0d8f0e-9f0a-4b57-8f2e-0a52c1f6f001".parse().unwrap()
    }

    #[test]
    fn the_same_event_in_the_same_flow_is_the_same_run() {
        let crm = ConnectionId::from("crm");
        let key = EventKey::from("006A@2026-01-01T00:00:00Z");
        assert_eq!(RunId::of(flow(), Some(&crm), &key), RunId::of(flow(), Some(&crm), &key));
        assert_ne!(
            RunId::of(flow(), Some(&crm), &key),
            RunId::of(flow(), Some(&ConnectionId::from("other")), &key)
        );
    }

    #[test]
    fn a_run_id_never_changes_between_versions() {
        let id = RunId::of(flow(), Some(&ConnectionId::from("crm")), &EventKey::from("k"));
        assert_eq!(id, RunId(Uuid::new_v5(&flow().0, b"crm\nk")));
    }

    #[test]
    fn a_person_and_an_app_are_one_consent_however_often_it_is_given() {
        let consent = ConsentId::of("salesforce", "app", Some("00D1"), "ada");
        assert_eq!(consent, ConsentId::of("salesforce", "app", Some("00D1"), "ada"));
        for (provider, app, org, user) in [
            ("xero", "app", None, "ada"),
            ("salesforce", "other", Some("00D1"), "ada"),
            ("salesforce", "app", Some("00D1"), "bob"),
            ("salesforce", "app", Some("00D2"), "ada"),
        ] {
            assert_ne!(consent, ConsentId::of(provider, app, org, user));
        }
    }

    #[test]
    fn a_marker_has_22_characters_that_a_url_may_carry() {
        let run = RunId::of(flow(), None, &EventKey::from("k"));
        let marker = EffectKey::new(run, &StepId::from("invoice"), None).marker();
        assert_eq!(marker.as_str().len(), 22);
        assert!(marker.as_str().chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        assert_ne!(marker, EffectKey::new(run, &StepId::from("invoice"), Some("1")).marker());
    }
}
