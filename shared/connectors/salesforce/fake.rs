//! A scripted account for this room's tests: it answers what it was told to, in order, and remembers what it was
//! asked. Its table is a map.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use crate::domain::Value;
use crate::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::Fault;
use crate::ports::clock::Clock;
use crate::ports::connector::{Account, Call};
use crate::ports::http::Response;
use crate::ports::random::Random;
use crate::ports::table::{Item, Key, Page, Query, Table, TableError, Write};

pub(super) const OWN_USER: &str = "005dM000001aBcDQAU";
pub(super) const DATE: &str = "Wed, 06 May 2026 12:00:00 GMT";

pub(super) fn connection() -> Connection {
    Connection {
        id: ConnectionId::from("crm"),
        provider: Provider::Salesforce,
        grant: GrantKind::ClientCredentials,
        consent: None,
        credentials: None,
        client_id: "3MVG9".into(),
        login_url: "https://acme.my.salesforce.com/".into(),
        api_url: "https://acme.my.salesforce.com".into(),
        account: "00DdM000001aBcDUAU".into(),
        title: "Acme".into(),
        own_user: OWN_USER.into(),
        username: None,
        scopes: Vec::new(),
        daily_limit: None,
        granted_scopes: Vec::new(),
        connected_at: None,
        remote_id: None,
        state: ConnectionState::Active,
    }
}

/// The answer of a query that fits on one page.
pub(super) fn records(records: &[Value]) -> Value {
    json!({"totalSize": records.len(), "done": true, "records": records})
}

pub(super) fn error(code: &str, message: &str) -> Value {
    json!([{"message": message, "errorCode": code}])
}

pub(super) fn response(status: u16, body: &Value) -> Response {
    Response {
        status,
        headers: vec![
            ("date".into(), DATE.into()),
            ("sforce-limit-info".into(), "api-usage=45/15000".into()),
        ],
        body: body.to_string().into_bytes(),
    }
}

pub(super) struct Scripted {
    connection: Connection,
    answers: Mutex<VecDeque<Result<Response, Fault>>>,
    asked: Mutex<Vec<Call>>,
    items: Mutex<BTreeMap<Key, Item>>,
    now: Mutex<Timestamp>,
}

impl Scripted {
    pub(super) fn new() -> Self {
        Self {
            connection: connection(),
            answers: Mutex::default(),
            asked: Mutex::default(),
            items: Mutex::default(),
            now: Mutex::new("2026-05-06T12:00:00Z".parse().unwrap()),
        }
    }

    pub(super) fn answer(self, body: Value) -> Self {
        self.then(Ok(response(200, &body)))
    }

    pub(super) fn fails(self, fault: Fault) -> Self {
        self.then(Err(fault))
    }

    fn then(self, answer: Result<Response, Fault>) -> Self {
        lock(&self.answers).push_back(answer);
        self
    }

    pub(super) fn asked(&self) -> Vec<Call> {
        lock(&self.asked).clone()
    }

    /// The SOQL of the n-th call, however it was sent.
    pub(super) fn soql(&self, at: usize) -> String {
        let call = &self.asked()[at];
        call.query.iter().find(|(name, _)| name == "q").map(|(_, soql)| soql.clone()).unwrap_or_default()
    }

    pub(super) fn advance(&self, by: Duration) {
        let mut now = lock(&self.now);
        *now = now.checked_add(jiff::SignedDuration::try_from(by).unwrap()).unwrap();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Account for Scripted {
    fn connection(&self) -> &Connection {
        &self.connection
    }

    async fn read(&self, call: Call) -> Result<Response, Fault> {
        let what = format!("{} {} {:?}", call.method.as_str(), call.path, call.query);
        lock(&self.asked).push(call);
        lock(&self.answers).pop_front().unwrap_or_else(|| panic!("nobody said what to answer to {what}"))
    }

    fn table(&self) -> &dyn Table {
        self
    }

    fn clock(&self) -> &dyn Clock {
        self
    }

    fn random(&self) -> &dyn Random {
        self
    }
}

#[async_trait]
impl Table for Scripted {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        let items = lock(&self.items);
        let now = self.now();
        let alive = |item: &&Item| item.expires_at.is_none_or(|at| at > now);
        Ok(keys.iter().map(|key| items.get(key).filter(alive).cloned()).collect())
    }

    async fn query(&self, _query: Query) -> Result<Page, TableError> {
        Ok(Page::default())
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        for write in writes {
            if let Write::Put { item, .. } = write {
                lock(&self.items).insert(item.key.clone(), item);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Clock for Scripted {
    fn now(&self) -> Timestamp {
        *lock(&self.now)
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

impl Random for Scripted {
    fn bytes(&self, into: &mut [u8]) {
        into.fill(7);
    }
}
