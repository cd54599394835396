//! Xero's manners: how calls are authorised, grouped and understood, and what flows can do there.
//!
//! Called through the `Connector` ports only. It never decides when a call is made, nor keeps a token: that is the
//! flow room's. An action is one file in `actions/`; where it needs a new place at Xero, one in `endpoints/` too.

mod actions;
mod auth;
mod classify;
mod codes;
#[cfg(test)]
mod conformance;
mod consent;
mod describe;
mod directory;
mod endpoints;
mod fields;
mod identify;
mod limits;
mod marker;
mod notification;
mod pages;
mod refusals;
mod scopes;
#[cfg(test)]
mod testing;
mod totals;
mod triggers;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::domain::Value;
use crate::domain::connection::{Connection, Provider};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::ports::connector::{
    Account, Action, Call, Connector, Endpoint, GrantFault, Identity, Limits, Opened, RefreshRules, Token,
    TokenAsk, Trigger, Usage, Verdict,
};
use crate::ports::http::{HttpError, Method, Request, Response};
use crate::ports::notification::{Heard, Notification, Reply};
use directory::Directory;

/// Xero, for as many connections as there are. What it learns of their accounts is shared by all plans of the process.
#[derive(Default)]
pub struct Xero {
    directory: Arc<Directory>,
}

impl Xero {
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Connector for Xero {
    fn provider(&self) -> Provider {
        Provider::Xero
    }

    fn actions(&self) -> Vec<Arc<dyn Action>> {
        actions::all(&self.directory)
    }

    fn endpoints(&self) -> Vec<Arc<dyn Endpoint>> {
        endpoints::all(&self.directory)
    }

    fn triggers(&self) -> Vec<Arc<dyn Trigger>> {
        triggers::all(&self.directory)
    }

    fn limits(&self, connection: &Connection) -> Limits {
        limits::limits(connection)
    }

    fn usage(&self, response: &Response) -> Usage {
        limits::usage(response)
    }

    fn classify(&self, method: Method, exchange: &Result<Response, HttpError>) -> Verdict {
        classify::classify(method, exchange)
    }

    fn authorise(
        &self,
        connection: &Connection,
        token: &Token,
        call: &Call,
        idempotency_key: Option<&str>,
    ) -> Request {
        auth::authorise(connection, token, call, idempotency_key)
    }

    fn token_request(
        &self,
        connection: &Connection,
        ask: &TokenAsk<'_>,
        secret: Option<&SecretString>,
        _now: Timestamp,
    ) -> Result<Request, Failure> {
        auth::token_request(connection, ask, secret)
    }

    fn read_token(&self, exchange: Result<Response, HttpError>, now: Timestamp) -> Result<Token, GrantFault> {
        auth::read_token(exchange, now)
    }

    fn tells_authors(&self) -> bool {
        false
    }

    fn version_of(&self, document: &Value) -> Option<(RecordId, Timestamp)> {
        triggers::version_of(document)
    }

    fn allows(&self, connection: &Connection, scope: &str) -> bool {
        scopes::allows(connection, scope)
    }

    fn authorize_url(&self, connection: &Connection) -> Option<String> {
        Some(consent::authorize_url(connection))
    }

    fn consent_scopes(&self, needed: &BTreeSet<String>) -> Vec<String> {
        scopes::of_consent(needed)
    }

    fn machine_scopes(&self, needed: &BTreeSet<String>) -> Vec<String> {
        scopes::of_machine(needed)
    }

    fn is_issuer(&self, connection: &Connection, issuer: &str) -> bool {
        consent::is_issuer(connection, issuer)
    }

    async fn consented(&self, token: &Token, account: &dyn Account) -> Result<Vec<Identity>, Fault> {
        consent::consented(token, account).await
    }

    fn refresh_rules(&self) -> RefreshRules {
        auth::REFRESH
    }

    fn disconnect(&self, connection: &Connection) -> Option<Call> {
        auth::disconnect(connection)
    }

    fn revoke(
        &self,
        connection: &Connection,
        token: &SecretString,
        secret: Option<&SecretString>,
    ) -> Option<Request> {
        auth::revoke(connection, token, secret)
    }

    fn hear(&self, notification: &Notification<'_>, keys: &[SecretString]) -> Result<Heard, Reply> {
        notification::hear(notification, keys)
    }

    fn may_be_disconnected(&self, because: &Failure) -> bool {
        identify::may_be_disconnected(because)
    }

    async fn opened(&self, account: &dyn Account) -> Result<Opened, Fault> {
        let organisations = identify::organisations(account, None).await?;
        Ok(Opened::These(organisations.into_iter().map(|one| one.account).collect()))
    }

    async fn identify(&self, account: &dyn Account) -> Result<Identity, Fault> {
        identify::identify(account).await
    }

    async fn describe(&self, account: &dyn Account, object: Option<&str>) -> Result<Value, Fault> {
        describe::describe(&self.directory, account, object).await
    }
}
