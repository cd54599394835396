//! A provider's manners: how calls are authorised, what answers mean, who answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{
    Account, Action, Call, Endpoint, GrantFault, Limits, RefreshRules, Token, TokenAsk, Trigger, Usage,
    Verdict,
};
use crate::domain::Value;
use crate::domain::connection::{Connection, Provider};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::ports::http::{HttpError, Method, Request, Response};
use crate::ports::notification::{Heard, Notification, Reply};

/// A provider's manners.
#[async_trait]
pub trait Connector: Send + Sync {
    fn provider(&self) -> Provider;
    fn actions(&self) -> Vec<Arc<dyn Action>>;
    fn endpoints(&self) -> Vec<Arc<dyn Endpoint>>;
    fn triggers(&self) -> Vec<Arc<dyn Trigger>>;

    fn limits(&self, connection: &Connection) -> Limits;
    /// What the headers of any answer say of the account's limits.
    fn usage(&self, response: &Response) -> Usage;
    /// What an exchange means as a whole. One table per connector; every row of the vendor's error tables is a test.
    fn classify(&self, method: Method, exchange: &Result<Response, HttpError>) -> Verdict;

    /// Adds host, authorisation and the provider's usual headers.
    fn authorise(
        &self,
        connection: &Connection,
        token: &Token,
        call: &Call,
        idempotency_key: Option<&str>,
    ) -> Request;

    /// The request that gets a token. `secret`: the client's secret, or the private key (PEM) of a JWT grant; None for
    /// an app that has none and proves itself by the verifier alone.
    fn token_request(
        &self,
        connection: &Connection,
        ask: &TokenAsk<'_>,
        secret: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<Request, Failure>;
    fn read_token(&self, exchange: Result<Response, HttpError>, now: Timestamp) -> Result<Token, GrantFault>;

    /// What becomes of refresh tokens.
    fn refresh_rules(&self) -> RefreshRules;

    /// The call that ends what this connection alone has at the provider; None where there is nothing but its grant.
    fn disconnect(&self, _connection: &Connection) -> Option<Call> {
        None
    }

    /// The request that ends a grant, with all that was given by it. `token`: its refresh token, or the access token of a
    /// grant that has no other. None: it can't be asked for, and what there is ends by itself.
    fn revoke(
        &self,
        connection: &Connection,
        token: &SecretString,
        secret: Option<&SecretString>,
    ) -> Option<Request>;

    /// Whether the connection is allowed what this scope allows, as far as is known.
    fn allows(&self, _connection: &Connection, _scope: &str) -> bool {
        true
    }

    /// Where people are asked for their consent; None: they aren't.
    fn authorize_url(&self, _connection: &Connection) -> Option<String> {
        None
    }

    /// The scopes that a person is asked for when flows need these.
    fn consent_scopes(&self, _needed: &BTreeSet<String>) -> Vec<String> {
        Vec::new()
    }

    /// The scopes that a machine's grant asks for when flows need these and nobody named any.
    fn machine_scopes(&self, _needed: &BTreeSet<String>) -> Vec<String> {
        Vec::new()
    }

    /// Whether the server of this name gives the connection's tokens. <https://www.rfc-editor.org/rfc/rfc9207>
    fn is_issuer(&self, _connection: &Connection, _issuer: &str) -> bool {
        false
    }

    /// The accounts that a consent was given for: asked with its first token. The connection's own account is among
    /// them where the token opens it. What only a call to the account itself tells may be missing.
    async fn consented(&self, _token: &Token, _account: &dyn Account) -> Result<Vec<Identity>, Fault> {
        Err(Fault::terminal("no_consents", "this provider's accounts are connected without a browser"))
    }

    /// Whether a notification is the provider's, and what it says has changed; else how it is refused. `keys`: what the
    /// provider's notifications are known by.
    fn hear(&self, _notification: &Notification<'_>, _keys: &[SecretString]) -> Result<Heard, Reply> {
        Err(Reply::empty(404))
    }

    /// Whether a poll's changes say who wrote them.
    fn tells_authors(&self) -> bool {
        true
    }

    /// Which version of which record a document is that one of our own calls wrote, where the provider doesn't say who
    /// wrote a version: so that our own writes are known when they are seen again.
    fn version_of(&self, _document: &Value) -> Option<(RecordId, Timestamp)> {
        None
    }

    /// Whether something was refused for this perhaps since the account as a whole was taken from the connection, and not
    /// only what was wanted: the accounts that are open tell.
    fn may_be_disconnected(&self, _because: &Failure) -> bool {
        false
    }

    /// The accounts that the connection's tokens open by now.
    async fn opened(&self, _account: &dyn Account) -> Result<Opened, Fault> {
        Ok(Opened::Own)
    }

    /// Who answers at the other end: called when a connection is added or checked.
    async fn identify(&self, account: &dyn Account) -> Result<Identity, Fault>;
    /// Fields and picklists of an object; or, without one, accounts, tax rates, tracking: codes to paste.
    async fn describe(&self, account: &dyn Account, object: Option<&str>) -> Result<Value, Fault>;
}

/// Which accounts are open to tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The connection's own, as long as they are good.
    Own,
    /// By the provider's ids.
    These(BTreeSet<String>),
}

impl Opened {
    pub fn has(&self, account: &str) -> bool {
        match self {
            Self::Own => true,
            Self::These(accounts) => accounts.contains(account),
        }
    }
}

/// Who a connection is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Xero: tenant id. Salesforce: organisation id.
    pub account: String,
    pub title: String,
    /// The user as whom we write. Salesforce: user id.
    pub own_user: String,
    pub daily_limit: Option<u32>,
    /// Xero: what it calls the connection itself, by which one organisation of a consent is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
}
