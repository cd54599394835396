//! What a connector gives: a provider's manners, behind traits that the flow room can use without knowing it.
//!
//! The words: an **action** turns a step's input into an **operation** (or into an answer that needs no call).
//! Operations of many runs that go to the same **endpoint** in the same shape are made in one **call**.
//! A **connector** knows how calls are authorised, what answers mean, and what the account's limits are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::feed::Feed;
use super::http::{HttpError, Method, Request, Response};
use super::notification::{Heard, Notification, Reply};
use super::random::Random;
use super::table::Table;
use crate::domain::connection::{Connection, Provider};
use crate::domain::effect::EffectKind;
use crate::domain::flow::{Matching, Order};
use crate::domain::ids::{EffectKey, Marker};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::domain::{Object, Value};

pub use super::changed::{Changed, FieldChange};
pub use super::consent::ConsentAsk;

// ---------------------------------------------------------------- actions

/// What an action is, for the catalog, the JSON Schema of flow files, the help texts and the conformance tests.
#[derive(Debug, Clone, Serialize)]
pub struct ActionDescription {
    /// `xero.create_invoice`
    pub id: &'static str,
    pub title: &'static str,
    /// What it does, and what a user must know, in a few sentences.
    pub about: &'static str,
    /// The provider's own page.
    pub documentation: &'static str,
    pub effect: EffectKind,
    /// What the connection must be allowed, where the provider gives out leave piece by piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// JSON Schema of `with`, derived from the input type.
    pub input: Value,
    /// JSON Schema of the step's further keys (`approve: …`): an object schema's `properties`.
    pub options: Value,
    /// Fields that `match` may name; the first alternative of the default comes first. Empty: it doesn't match.
    pub matches: &'static [&'static str],
    /// Whether `link` may stand on the step.
    pub links: bool,
    /// A step in YAML that passes `flow check`.
    pub example: &'static str,
}

/// One action: one file. Planning is all that it does; calls are its endpoint's.
#[async_trait]
pub trait Action: Send + Sync {
    fn describe(&self) -> ActionDescription;

    /// Checks the input and decides what is to be done. Must give the same operation for the same input and the
    /// same account, and must change nothing. Bad input is `Fault::Terminal` with a code.
    async fn plan(&self, planning: Planning<'_>) -> Result<Plan, Fault>;

    /// For an `each` over all that a read-only action finds, however much: the input for the first page (`found` is
    /// `None`) and, after a page, the one for the next. `None`: as it was written, and there is no next page.
    fn find_next(&self, _input: &Object, _found: Option<&Value>) -> Option<Object> {
        None
    }
}

/// Everything that a plan may depend on.
pub struct Planning<'a> {
    /// The rendered `with`. Empty values have left their keys out; JSON null means *empty it there*.
    pub input: Object,
    pub options: &'a Object,
    pub matching: &'a Matching,
    pub effect: &'a EffectKey,
    pub marker: Marker,
    /// Where a person finds the source record, for the document's `Url`.
    pub source_url: Option<&'a str>,
    /// `if_exists: update`: the document that the link remembers.
    pub existing: Option<&'a Value>,
    pub account: &'a dyn Account,
}

/// What a plan came to.
#[derive(Debug, Clone)]
pub enum Plan {
    /// No call is needed: the step's result, with `_found` and its like.
    Answer(Value),
    Perform(Operation),
}

/// One member of a call to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The endpoint's id: `xero/invoices.create`.
    pub endpoint: &'static str,
    /// Operations of one endpoint share a call only in the same shape: query parameters, an object's name.
    pub shape: String,
    /// This member's part of the body.
    pub element: Value,
    /// Match values (`number:001…`, `name:acme`). Two operations that share one don't share a call, unless they
    /// are equal; then they are one.
    pub unique: Vec<String>,
    /// What the element sets on which record, for the memory of transitions: our own write is no change.
    pub sets: Option<Sets>,
}

/// Field values that an effect writes to a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sets {
    pub record: RecordId,
    pub fields: Object,
}

// ---------------------------------------------------------------- endpoints

/// One place at the provider that takes many elements in one call: how a group of operations becomes a call, and
/// how its answer becomes their results.
#[async_trait]
pub trait Endpoint: Send + Sync {
    /// `xero/invoices.create`
    fn id(&self) -> &'static str;
    fn effect(&self) -> EffectKind;
    fn capacity(&self) -> Capacity;

    /// The call for these elements, in this order: the same bytes every time.
    fn compose(&self, shape: &str, elements: &[Element]) -> Call;

    /// One outcome per element, of an answer that `Connector::classify` called *answered*. Results are matched by
    /// marker or unique field, by position only if every echoed field that we sent agrees.
    fn settle(&self, shape: &str, elements: &[Element], response: &Response) -> Vec<MemberOutcome>;

    /// What a refusal of the whole call means for the one member that it held: `failure` is `classify`'s.
    fn refused(&self, _element: &Element, failure: Failure) -> MemberOutcome {
        MemberOutcome::Failed(failure)
    }

    /// What the outcomes teach about the account (a new contact for the directory). Failing here loses nothing.
    async fn learn(
        &self,
        _elements: &[Element],
        _outcomes: &[MemberOutcome],
        _account: &dyn Account,
    ) -> Result<(), Fault> {
        Ok(())
    }

    /// For *create*: the documents that carry the elements' markers, made at or after `since`; in one read where
    /// the provider allows it, never one call a member.
    async fn look_up(
        &self,
        _shape: &str,
        elements: &[Element],
        _since: Timestamp,
        _account: &dyn Account,
    ) -> Result<Vec<Option<Value>>, Fault> {
        Ok(vec![None; elements.len()])
    }
}

/// How much goes into one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub elements: usize,
    pub bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Element {
    pub marker: Marker,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberOutcome {
    /// The provider's document, or what the action returns for it.
    Done(Value),
    /// Refused, with nothing changed: won't get better by itself.
    Failed(Failure),
    /// Refused, with nothing changed: may get better (a locked row).
    Retry(Failure),
    /// Refused because our picture of the account was wrong; it has been corrected, so plan again.
    Replan(Failure),
    /// Refused because such a document is there already: looked up, and adopted if the marker proves it ours, else
    /// failed for this reason.
    Taken(Failure),
    /// No result could be matched to it: in doubt.
    Unclear,
}

/// A request before it is authorised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub method: Method,
    /// From the connection's API URL on, encoded: `/api.xro/2.0/Invoices`.
    pub path: String,
    /// Not encoded.
    pub query: Vec<(String, String)>,
    /// Further headers, names in lower case: `if-modified-since`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Call {
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::Get, path: path.into(), query: Vec::new(), headers: Vec::new(), body: None }
    }

    #[must_use]
    pub fn with_query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

// ---------------------------------------------------------------- accounts

/// An account, as plans, look-ups and polls may use it. Every read is budgeted, authorised (with one refresh after
/// a 401) and classified.
#[async_trait]
pub trait Account: Send + Sync {
    fn connection(&self) -> &Connection;
    /// A 2xx (or 304) answer, or why there is none. `not_found` is the code of a 404.
    async fn read(&self, call: Call) -> Result<Response, Fault>;
    fn table(&self) -> &dyn Table;
    fn clock(&self) -> &dyn Clock;
    fn random(&self) -> &dyn Random;
}

// ---------------------------------------------------------------- connectors

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

    /// The request that ends a consent, with all that was given by it.
    fn revoke(
        &self,
        connection: &Connection,
        refresh: &SecretString,
        secret: Option<&SecretString>,
    ) -> Request;

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

    /// Who answers at the other end: called when a connection is added or checked.
    async fn identify(&self, account: &dyn Account) -> Result<Identity, Fault>;
    /// Fields and picklists of an object; or, without one, accounts, tax rates, tracking: codes to paste.
    async fn describe(&self, account: &dyn Account, object: Option<&str>) -> Result<Value, Fault>;
}

/// What a token is asked for with.
#[derive(Debug)]
pub enum TokenAsk<'a> {
    /// Client credentials or a signed assertion: the client proves itself, and that is all.
    Machine,
    /// What a person's browser brought back from the consent page.
    Code { code: &'a SecretString, redirect_uri: &'a str, verifier: &'a SecretString },
    /// The refresh token of a consent.
    Refresh(&'a SecretString),
}

/// An access token and what came with it; never printed.
#[derive(Debug, Clone)]
pub struct Token {
    pub access: SecretString,
    /// What gets the next token, of a consent; None where the answer brought none, as at a provider that doesn't
    /// rotate them: the one before stays good.
    pub refresh: Option<SecretString>,
    /// What it may do, where the provider says so.
    pub scopes: Vec<String>,
    /// As whom it acts, where the provider says so: its id of the user.
    pub user: Option<String>,
    /// When it was had, by our clock.
    pub issued_at: Timestamp,
    /// When it ends, where the provider says so.
    pub expires_at: Option<Timestamp>,
    /// Where the provider says that calls go (Salesforce's `instance_url`).
    pub api_url: Option<String>,
}

/// What becomes of a provider's refresh tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshRules {
    /// One that nobody uses for so long ends.
    pub unused_life: SignedDuration,
    /// For so long the one before the newest is still taken. None: where they rotate, sending it again ends the grant.
    pub grace: Option<SignedDuration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantFault {
    /// The grant is dead (`invalid_grant`): a person must connect again.
    Dead(Failure),
    /// Our own id, secret or scopes are wrong: the connection isn't marked dead for it.
    Misconfigured(Failure),
    /// Refused for now, or never sent: keep what there is and try later.
    Unavailable(Failure),
    /// No answer that can be read: it may have been given, and a refresh token may be spent.
    Lost(Failure),
}

impl GrantFault {
    pub fn failure(self) -> Failure {
        match self {
            Self::Dead(failure)
            | Self::Misconfigured(failure)
            | Self::Unavailable(failure)
            | Self::Lost(failure) => failure,
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

/// The ceilings of an account, before its headers lower them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Calls in any 61 seconds.
    pub minute: Option<u32>,
    pub in_flight: u32,
    /// Calls a day.
    pub day: Option<u32>,
    /// The time limit of one call.
    pub timeout: Duration,
    /// How long a call may still be running at the provider after we gave up on it.
    pub longest_call: Duration,
    /// They are ours alone: what is used of them and not by us, somebody else used with our client id.
    pub own: bool,
    /// For how long the provider answers a repeated Idempotency-Key with the first answer; None: it has none.
    pub key_window: Option<Duration>,
}

/// What an answer's headers say; None where they don't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    pub minute_remaining: Option<u32>,
    pub app_minute_remaining: Option<u32>,
    pub day_remaining: Option<u32>,
    pub day_limit: Option<u32>,
}

/// What an exchange means as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint reads the members' results out of it.
    Answered,
    /// Refused as a whole, nothing applied. With several members it is halved until the bad one stands alone.
    Refused(Failure),
    /// Not applied, because of a limit; the account pauses, and only it.
    Limited { limit: LimitKind, retry_after: Option<Duration>, failure: Failure },
    /// Not applied: the token is no longer taken. One refresh, one more try.
    Unauthorised(Failure),
    /// Not applied: a scope, a role or the whole grant is missing, and a refresh won't help. A person is needed.
    Forbidden(Failure),
    /// Not applied and never sent, or refused for now: try again.
    NotApplied(Failure),
    /// It may have been applied. `answered`: an answer came (5xx), so the same Idempotency-Key must not be used again.
    InDoubt { answered: bool, failure: Failure },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    Minute,
    Day,
    InFlight,
    AppMinute,
}

// ---------------------------------------------------------------- triggers

/// What a trigger is, for the catalog, the schema and the help texts.
#[derive(Debug, Clone, Serialize)]
pub struct TriggerDescription {
    /// `salesforce.updated_record`
    pub id: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub documentation: &'static str,
    /// JSON Schema of the trigger's options.
    pub options: Value,
    #[serde(skip)]
    pub order: Order,
    /// How often it is polled when nothing wakes it; 0 where it isn't polled.
    pub minutes: u32,
    /// What the connection must be allowed, where the provider gives out leave piece by piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// A trigger in YAML that passes `flow check`.
    pub example: &'static str,
    /// An event's `record` as this trigger gives it.
    pub sample: Value,
}

/// A polled trigger: how one page of what changed is read.
#[async_trait]
pub trait Trigger: Send + Sync {
    fn describe(&self) -> TriggerDescription;

    /// The options, parsed: what is watched and what this flow wants of it.
    fn interest(&self, options: &Object) -> Result<Interest, Failure>;

    /// Records whose stamp is at or after `from`, in order of (stamp, id): one page.
    async fn poll(&self, ask: PollAsk<'_>, account: &dyn Account) -> Result<PollPage, Fault>;

    /// One record as it is now, shaped as `poll` would: for reruns with `--refresh` and for tests of a flow.
    async fn fetch(
        &self,
        interest: &Interest,
        record: &RecordId,
        account: &dyn Account,
    ) -> Result<Option<Change>, Fault>;

    /// When a record was made, for triggers that remember ids: asked only of records that changed while a flow went
    /// live. `None`: the provider doesn't say.
    async fn made_at(&self, _record: &RecordId, _account: &dyn Account) -> Result<Option<Timestamp>, Fault> {
        Ok(None)
    }

    /// Whether a record counts as new since then, for a backfill of a trigger that remembers ids.
    async fn is_new_since(
        &self,
        _change: &Change,
        _since: Timestamp,
        _account: &dyn Account,
    ) -> Result<bool, Fault> {
        Ok(true)
    }

    /// How many records are watched, or have a stamp at or after `from`: one call. `None`: the provider can't say.
    async fn count(
        &self,
        _interest: &Interest,
        _from: Option<Timestamp>,
        _account: &dyn Account,
    ) -> Result<Option<Counted>, Fault> {
        Ok(None)
    }

    /// What must be remembered when a flow with `changed` goes live: the watched fields of the records that satisfy it
    /// already; of all records where the transition asks for the value before.
    fn settled(&self, interest: &Interest) -> Interest;

    /// The record with no more than the flow asked for: flows that share a poll don't see each other's fields.
    fn project(&self, interest: &Interest, record: &Value) -> Value;
}

/// What one flow wants of a watch. Interests with the same `object` and `filter` share a poll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interest {
    pub object: String,
    /// The user's `where`, as the provider understands it.
    pub filter: Option<String>,
    pub fields: Vec<String>,
    /// Asked for only where the account has them.
    pub optional_fields: Vec<String>,
    /// Child relationship -> fields.
    pub children: Vec<(String, Vec<String>)>,
    pub changed: Option<Changed>,
    pub ignore_own: bool,
    pub events: Events,
}

/// Which versions of a record are events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Events {
    /// Each one that is seen.
    EachVersion,
    /// One for each record: the trigger goes by when a record was made.
    EachRecord,
    /// The first of each record. The provider doesn't say when records were made, so their ids are remembered.
    First,
    /// Each one but the first.
    AfterTheFirst,
    /// Each one, and each is a deletion.
    EachDeletion,
}

impl Events {
    /// Whether the ids of records must be remembered.
    pub fn remembers_ids(self) -> bool {
        matches!(self, Self::First | Self::AfterTheFirst)
    }
}

pub struct PollAsk<'a> {
    /// What the flows that share the poll want together: the union of their fields and children.
    pub union: &'a Interest,
    /// Stamps from here on, included.
    pub from: Timestamp,
    /// What the page before said; None for the first page of a poll.
    pub continuation: Option<&'a str>,
}

#[derive(Debug, Clone)]
pub struct PollPage {
    pub changes: Vec<Change>,
    pub continuation: Option<String>,
    /// The provider's clock (the answer's `Date`).
    pub provider_now: Timestamp,
}

/// How many records there are, and what a few of them are called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    pub count: u64,
    pub bound: Bound,
    pub names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    Exact,
    AtLeast,
    /// A condition is left out that the provider can't be asked.
    AtMost,
}

/// One record in one version.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub id: RecordId,
    /// What the trigger goes by: `SystemModstamp`, or `CreatedDate` for *new* triggers.
    pub stamp: Timestamp,
    /// Last written by the connection's own user.
    pub own: bool,
    pub record: Value,
    /// Where a person finds it.
    pub url: Option<String>,
}

// ---------------------------------------------------------------- the catalog

/// Everything that this build can do. `runtime` fills it once; `flow` looks things up in it.
#[derive(Clone, Default)]
pub struct Catalog {
    connectors: BTreeMap<Provider, Arc<dyn Connector>>,
    actions: BTreeMap<&'static str, (ActionDescription, Arc<dyn Action>)>,
    endpoints: BTreeMap<&'static str, Arc<dyn Endpoint>>,
    triggers: BTreeMap<&'static str, (TriggerDescription, Arc<dyn Trigger>)>,
    /// Polled, without an account: `http.poll`.
    feeds: BTreeMap<&'static str, (TriggerDescription, Arc<dyn Feed>)>,
    /// Triggers that aren't polled: `http.webhook`, `schedule`, `manual`.
    unpolled: BTreeMap<&'static str, TriggerDescription>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.connectors.keys()).finish()
    }
}

impl Catalog {
    pub fn new(connectors: Vec<Arc<dyn Connector>>, unpolled: Vec<TriggerDescription>) -> Self {
        let mut catalog = Self::default();
        for connector in connectors {
            for action in connector.actions() {
                let description = action.describe();
                catalog.actions.insert(description.id, (description, action));
            }
            for endpoint in connector.endpoints() {
                catalog.endpoints.insert(endpoint.id(), endpoint);
            }
            for trigger in connector.triggers() {
                let description = trigger.describe();
                catalog.triggers.insert(description.id, (description, trigger));
            }
            catalog.connectors.insert(connector.provider(), connector);
        }
        catalog.unpolled = unpolled.into_iter().map(|trigger| (trigger.id, trigger)).collect();
        catalog
    }

    #[must_use]
    pub fn with_feed(mut self, feed: Arc<dyn Feed>) -> Self {
        let description = feed.describe();
        self.feeds.insert(description.id, (description, feed));
        self
    }

    pub fn connector(&self, provider: Provider) -> Option<&Arc<dyn Connector>> {
        self.connectors.get(&provider)
    }

    pub fn action(&self, id: &str) -> Option<&(ActionDescription, Arc<dyn Action>)> {
        self.actions.get(id)
    }

    pub fn actions(&self) -> impl Iterator<Item = &(ActionDescription, Arc<dyn Action>)> {
        self.actions.values()
    }

    pub fn endpoint(&self, id: &str) -> Option<&Arc<dyn Endpoint>> {
        self.endpoints.get(id)
    }

    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<dyn Endpoint>> {
        self.endpoints.values()
    }

    /// A trigger that is polled with an account.
    pub fn trigger(&self, id: &str) -> Option<&(TriggerDescription, Arc<dyn Trigger>)> {
        self.triggers.get(id)
    }

    /// A trigger that is polled without one.
    pub fn feed(&self, id: &str) -> Option<&Arc<dyn Feed>> {
        self.feeds.get(id).map(|(_, feed)| feed)
    }

    /// Every trigger, polled or not.
    pub fn trigger_descriptions(&self) -> impl Iterator<Item = &TriggerDescription> {
        let triggers = self.triggers.values().map(|(description, _)| description);
        let feeds = self.feeds.values().map(|(description, _)| description);
        triggers.chain(feeds).chain(self.unpolled.values())
    }

    pub fn trigger_description(&self, id: &str) -> Option<&TriggerDescription> {
        self.trigger_descriptions().find(|description| description.id == id)
    }
}
