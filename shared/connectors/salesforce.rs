//! Salesforce's manners: how its calls are authorised, what its answers mean, what can be asked and done there.
//!
//! A new action is one file in `actions/` and one line in `actions/mod.rs`; a new trigger likewise. Nothing here
//! sends a request itself: endpoints compose calls, and reads go through the account that they are given.

mod actions;
mod auth;
mod classify;
mod consent;
mod endpoints;
#[cfg(test)]
mod fake;
mod limits;
mod metadata;
mod notification;
mod query;
mod record;
mod refusal;
mod soql;
mod triggers;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use percent_encoding::utf8_percent_encode;
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::Value;
use crate::domain::connection::{Connection, Provider};
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::{
    Account, Action, Call, Connector, Endpoint, GrantFault, Identity, Limits, RefreshRules, Token, TokenAsk,
    Trigger, Usage, Verdict,
};
use crate::ports::http::{HttpError, Method, Request, Response};
use crate::ports::notification::{Heard, Notification, Reply};

/// Summer '26. Older versions stay available for years; a newer one may rename inputs, so it is fixed here.
/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_versions.htm>
const API_VERSION: &str = "v67.0";

/// Where every data call begins, also those that Salesforce gives us to follow.
const SERVICES: &str = "/services/";

/// Shows up in change events as the origin of a change.
const CLIENT: &str = "client=counterfoil";

fn path(resource: &str) -> String {
    format!("/services/data/{API_VERSION}/{resource}")
}

/// Where a person finds a record.
fn record_url(connection: &Connection, id: &str) -> String {
    format!("{}/{id}", connection.api_url.trim_end_matches('/'))
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Salesforce;

#[async_trait]
impl Connector for Salesforce {
    fn provider(&self) -> Provider {
        Provider::Salesforce
    }

    fn actions(&self) -> Vec<Arc<dyn Action>> {
        actions::all()
    }

    fn endpoints(&self) -> Vec<Arc<dyn Endpoint>> {
        endpoints::all()
    }

    fn triggers(&self) -> Vec<Arc<dyn Trigger>> {
        triggers::all()
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

    /// The host is the token's `instance_url`, which follows an org that moves; the connection's until there is one.
    fn authorise(
        &self,
        connection: &Connection,
        token: &Token,
        call: &Call,
        _idempotency_key: Option<&str>,
    ) -> Request {
        let host = token.api_url.as_deref().unwrap_or(&connection.api_url).trim_end_matches('/');
        let mut url = format!("{host}{}", call.path);
        for (at, (name, value)) in call.query.iter().enumerate() {
            url.push(if at == 0 && !call.path.contains('?') { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.extend(utf8_percent_encode(value, auth::UNRESERVED));
        }
        let mut headers = vec![
            ("authorization".to_owned(), format!("Bearer {}", token.access.expose_secret())),
            ("accept".to_owned(), "application/json".to_owned()),
            ("sforce-call-options".to_owned(), CLIENT.to_owned()),
        ];
        if call.body.is_some() {
            headers.push(("content-type".to_owned(), "application/json; charset=UTF-8".to_owned()));
        }
        headers.extend(call.headers.iter().cloned());
        let body = call.body.clone().unwrap_or_default().into_bytes();
        Request { method: call.method, url, headers, body, timeout: limits::TIMEOUT }
    }

    fn token_request(
        &self,
        connection: &Connection,
        ask: &TokenAsk<'_>,
        secret: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<Request, Failure> {
        auth::token_request(connection, ask, secret, now)
    }

    fn read_token(&self, exchange: Result<Response, HttpError>, now: Timestamp) -> Result<Token, GrantFault> {
        auth::read_token(exchange, now)
    }

    fn authorize_url(&self, connection: &Connection) -> Option<String> {
        Some(consent::authorize_url(connection))
    }

    fn consent_scopes(&self, needed: &BTreeSet<String>) -> Vec<String> {
        consent::scopes(needed)
    }

    fn is_issuer(&self, connection: &Connection, issuer: &str) -> bool {
        consent::is_issuer(connection, issuer)
    }

    async fn consented(&self, _token: &Token, account: &dyn Account) -> Result<Vec<Identity>, Fault> {
        consent::consented(account).await
    }

    fn refresh_rules(&self) -> RefreshRules {
        auth::REFRESH
    }

    fn revoke(
        &self,
        connection: &Connection,
        token: &SecretString,
        _secret: Option<&SecretString>,
    ) -> Option<Request> {
        Some(auth::revoke(connection, token))
    }

    fn hear(&self, notification: &Notification<'_>, keys: &[SecretString]) -> Result<Heard, Reply> {
        notification::hear(notification, keys)
    }

    async fn identify(&self, account: &dyn Account) -> Result<Identity, Fault> {
        metadata::identify(account).await
    }

    async fn describe(&self, account: &dyn Account, object: Option<&str>) -> Result<Value, Fault> {
        match object {
            Some(object) => metadata::object(object, account).await,
            None => metadata::objects(account).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::salesforce::fake::connection;

    fn token(api_url: Option<&str>) -> Token {
        Token {
            access: SecretString::from("00D!AQ"),
            refresh: None,
            scopes: Vec::new(),
            user: None,
            org: None,
            issued_at: "2026-05-06T11:00:00Z".parse().unwrap(),
            expires_at: None,
            api_url: api_url.map(str::to_owned),
        }
    }

    #[test]
    fn a_call_gets_host_token_and_an_encoded_query() {
        let call = Call::get(path("query")).with_query("q", "SELECT Id FROM A WHERE B >= 'ü&='");
        let request = Salesforce.authorise(&connection(), &token(None), &call, Some("key"));
        assert_eq!(
            request.url,
            "https://acme.my.salesforce.com/services/data/v67.0/query?q=SELECT%20Id%20FROM%20A%20WHERE%20B%20%3E%3D%20%27%C3%BC%26%3D%27"
        );
        assert!(request.headers.contains(&("authorization".into(), "Bearer 00D!AQ".into())));
        assert!(request.body.is_empty());
        assert!(!request.headers.iter().any(|(name, _)| name == "content-type" || name == "idempotency-key"));
    }

    #[test]
    fn an_org_that_moved_is_followed() {
        let moved = token(Some("https://acme-new.my.salesforce.com"));
        let request = Salesforce.authorise(&connection(), &moved, &Call::get(path("limits")), None);
        assert_eq!(request.url, "https://acme-new.my.salesforce.com/services/data/v67.0/limits");
    }
}
