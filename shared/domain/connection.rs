//! A connection: one authorised account. What is secret about it lives in the vault, never here.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::{ConnectionId, ConsentId};

/// The systems that Counterfoil moves work between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Salesforce,
    Xero,
}

impl Provider {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Salesforce => "salesforce",
            Self::Xero => "xero",
        }
    }

    /// As people write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Salesforce => "Salesforce",
            Self::Xero => "Xero",
        }
    }

    /// The provider that an action or trigger id belongs to: `xero.create_invoice` is Xero's.
    pub fn of(id: &str) -> Option<Self> {
        match id.split('.').next() {
            Some("salesforce") => Some(Self::Salesforce),
            Some("xero") => Some(Self::Xero),
            _ => None,
        }
    }
}

/// How tokens are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// Xero custom connection and Salesforce client credentials: id and secret.
    ClientCredentials,
    /// Salesforce JWT bearer: an RS256 assertion signed with a private key.
    JwtBearer,
    /// A person's consent in a browser: a pair of tokens, of which one gets the next pair.
    AuthorizationCode,
}

impl GrantKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client credentials",
            Self::JwtBearer => "JWT bearer",
            Self::AuthorizationCode => "consent",
        }
    }
}

/// Whose tokens a connection's calls are made with: those of its own credentials, or those of a consent that several
/// connections may share. What belongs to a grant is in the vault under this name, and another grant has another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantId {
    /// Credentials of before each that was given had a name of its own.
    Own(ConnectionId),
    Credentials(ConnectionId, Uuid),
    Consent(ConsentId),
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(connection) => write!(f, "connection/{connection}"),
            Self::Credentials(connection, which) => write!(f, "connection/{connection}/{which}"),
            Self::Consent(consent) => write!(f, "consent/{consent}"),
        }
    }
}

/// Whether a connection can be used, as far as the last that tried knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    Active,
    /// The grant is dead: a person must connect again. Runs park, nothing is deleted.
    NeedsReconnect,
}

/// What is known of a connection and is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub provider: Provider,
    pub grant: GrantKind,
    /// The consent that it came by. Xero gives its tokens to a person, not to an organisation: connections of the same
    /// person share them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentId>,
    /// Which of the credentials that a machine's connection ever had are its own now: new ones stand beside the old
    /// ones until this says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Uuid>,
    /// The OAuth client id; its secret or private key is in the vault.
    pub client_id: String,
    /// Where tokens come from: `https://identity.xero.com`, `https://acme.my.salesforce.com`.
    pub login_url: String,
    /// Where calls go: `https://api.xero.com`, or the org's instance URL.
    pub api_url: String,
    /// Xero: the tenant id. Salesforce: the organisation id.
    pub account: String,
    /// What people call the account: the organisation's name.
    pub title: String,
    /// The user as whom we write: our own writes are known by it. Salesforce: user id.
    pub own_user: String,
    /// JWT bearer: the user name to act as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The scopes that are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The scopes that the provider says it gave; empty where it doesn't say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub granted_scopes: Vec<String>,
    /// Xero: calls a day by tier (1,000 Starter, 5,000 Core and above). Salesforce: read from the headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_limit: Option<u32>,
    /// When it was connected last; None for those of before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_at: Option<Timestamp>,
    /// Xero: what it calls the connection itself, as `DELETE /connections/{id}` wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    pub state: ConnectionState,
}

impl Connection {
    pub fn grant_id(&self) -> GrantId {
        match (self.consent, self.credentials) {
            (Some(consent), _) => GrantId::Consent(consent),
            (None, Some(which)) => GrantId::Credentials(self.id.clone(), which),
            (None, None) => GrantId::Own(self.id.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_of_before_consents_is_read_and_has_a_grant_of_its_own() {
        let row = r#"{"id":"books","provider":"xero","grant":"client_credentials","client_id":"5F2A",
            "login_url":"https://identity.xero.com","api_url":"https://api.xero.com","account":"t","title":"Acme",
            "own_user":"5F2A","scopes":["accounting.contacts"],"state":"active"}"#;
        let connection: Connection = serde_json::from_str(row).unwrap();
        assert_eq!(connection.grant_id(), GrantId::Own(ConnectionId::from("books")));
        assert_eq!((connection.connected_at, connection.remote_id.as_deref()), (None, None));
        let written = serde_json::to_string(&connection).unwrap();
        for field in ["consent", "credentials", "connected_at", "remote_id", "granted_scopes"] {
            assert!(
                !written.contains(&format!("\"{field}\":")),
                "{field} is left out: older code reads {written}"
            );
        }
    }

    #[test]
    fn connections_of_one_consent_have_one_grant() {
        let consent = ConsentId::of("xero", "app", None, "ada");
        assert_eq!(GrantId::Consent(consent).to_string(), format!("consent/{consent}"));
        let books = ConnectionId::from("books");
        assert_eq!(GrantId::Own(books.clone()).to_string(), "connection/books");
        let credentials = GrantId::Credentials(books, Uuid::nil());
        assert_eq!(credentials.to_string(), format!("connection/books/{}", Uuid::nil()));
    }
}
