//! A connector whose account has no ceilings: the stand-in of a benchmark has none either.

use std::sync::Arc;

use async_trait::async_trait;
use counterfoil::domain::Value;
use counterfoil::domain::connection::{Connection, Provider};
use counterfoil::domain::outcome::{Failure, Fault};
use counterfoil::ports::connector::{
    Account, Action, Call, Connector, Endpoint, GrantFault, Identity, Limits, RefreshRules, Token, TokenAsk,
    Trigger, Usage, Verdict,
};
use counterfoil::ports::http::{HttpError, Method, Request, Response};
use jiff::Timestamp;
use secrecy::SecretString;

pub(super) struct Unlimited(pub(super) Arc<dyn Connector>);

#[async_trait]
impl Connector for Unlimited {
    /// The calls at once stay as they are: more of them would measure another product.
    fn limits(&self, connection: &Connection) -> Limits {
        Limits { minute: None, day: None, ..self.0.limits(connection) }
    }

    fn usage(&self, _response: &Response) -> Usage {
        Usage::default()
    }

    fn provider(&self) -> Provider {
        self.0.provider()
    }

    fn actions(&self) -> Vec<Arc<dyn Action>> {
        self.0.actions()
    }

    fn endpoints(&self) -> Vec<Arc<dyn Endpoint>> {
        self.0.endpoints()
    }

    fn triggers(&self) -> Vec<Arc<dyn Trigger>> {
        self.0.triggers()
    }

    fn classify(&self, method: Method, exchange: &Result<Response, HttpError>) -> Verdict {
        self.0.classify(method, exchange)
    }

    fn authorise(&self, connection: &Connection, token: &Token, call: &Call, key: Option<&str>) -> Request {
        self.0.authorise(connection, token, call, key)
    }

    fn token_request(
        &self,
        connection: &Connection,
        ask: &TokenAsk<'_>,
        secret: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<Request, Failure> {
        self.0.token_request(connection, ask, secret, now)
    }

    fn read_token(&self, exchange: Result<Response, HttpError>, now: Timestamp) -> Result<Token, GrantFault> {
        self.0.read_token(exchange, now)
    }

    fn refresh_rules(&self) -> RefreshRules {
        self.0.refresh_rules()
    }

    fn disconnect(&self, connection: &Connection) -> Option<Call> {
        self.0.disconnect(connection)
    }

    fn revoke(
        &self,
        connection: &Connection,
        token: &SecretString,
        secret: Option<&SecretString>,
    ) -> Option<Request> {
        self.0.revoke(connection, token, secret)
    }

    async fn identify(&self, account: &dyn Account) -> Result<Identity, Fault> {
        self.0.identify(account).await
    }

    async fn describe(&self, account: &dyn Account, object: Option<&str>) -> Result<Value, Fault> {
        self.0.describe(account, object).await
    }
}
