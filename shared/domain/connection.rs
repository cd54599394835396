//! A connection: one authorised account. What is secret about it lives in the vault, never here.

use serde::{Deserialize, Serialize};

use super::ids::ConnectionId;

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

    /// The provider that an action or trigger id belongs to: `xero.create_invoice` is Xero's.
    pub fn of(id: &str) -> Option<Self> {
        match id.split('.').next() {
            Some("salesforce") => Some(Self::Salesforce),
            Some("xero") => Some(Self::Xero),
            _ => None,
        }
    }
}

/// How tokens are had. Browser consents will be further kinds of grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// Xero custom connection and Salesforce client credentials: id and secret.
    ClientCredentials,
    /// Salesforce JWT bearer: an RS256 assertion signed with a private key.
    JwtBearer,
}

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
    /// Xero: the scopes that are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Xero: calls a day by tier (1,000 Starter, 5,000 Core and above). Salesforce: read from the headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_limit: Option<u32>,
    pub state: ConnectionState,
}
