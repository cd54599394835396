//! For this room's tests: an account whose answers are scripted, a table in memory, and a clock that is moved by hand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::domain::Value;
use crate::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use crate::domain::ids::{ConnectionId, EffectKey, EventKey, FlowId, Marker, RunId, StepId};
use crate::domain::outcome::Fault;
use crate::ports::clock::Clock;
use crate::ports::connector::{Account, Call};
use crate::ports::http::Response;
use crate::ports::random::Random;
use crate::ports::table::{Item, Key, Page, Query, Table, TableError, Write};

pub(super) fn connection() -> Connection {
    Connection {
        id: ConnectionId::from("books"),
        provider: Provider::Xero,
        grant: GrantKind::ClientCredentials,
        consent: None,
        credentials: None,
        client_id: "client".into(),
        login_url: "https://identity.xero.com".into(),
        api_url: "https://api.xero.com".into(),
        account: "tenant-1".into(),
        title: "Demo".into(),
        own_user: "client".into(),
        username: None,
        scopes: ["accounting.invoices", "accounting.contacts", "accounting.settings"]
            .map(str::to_owned)
            .to_vec(),
        daily_limit: None,
        granted_scopes: Vec::new(),
        connected_at: None,
        remote_id: None,
        state: ConnectionState::Active,
    }
}

pub(super) fn effect(step: &str) -> EffectKey {
    let flow = FlowId(uuid::Uuid::nil());
    EffectKey::new(RunId::of(flow, None, &EventKey::from("k")), &StepId::from(step), None)
}

pub(super) fn marker(step: &str) -> Marker {
    effect(step).marker()
}

pub(super) fn answer(body: &Value) -> Response {
    Response { status: 200, headers: vec![], body: body.to_string().into_bytes() }
}

/// An organisation with a contact of each kind that matching meets, an account, a tax rate and a locked year.
pub(super) fn organisation_account(table: &Arc<TestTable>) -> TestAccount {
    TestAccount::new(
        table,
        Box::new(|call| {
            let list = match call.path.rsplit('/').next().unwrap_or_default() {
                "Contacts" => json!({"Contacts": [
                    {"ContactID": "a0000000-0000-4000-8000-000000000001", "Name": "Acme", "EmailAddress": "a@acme.example", "ContactStatus": "ACTIVE", "UpdatedDateUTC": "/Date(1000+0000)/"},
                    {"ContactID": "a0000000-0000-4000-8000-000000000002", "Name": "Numbered", "ContactNumber": "001B", "ContactStatus": "ACTIVE", "UpdatedDateUTC": "/Date(2000+0000)/"},
                    {"ContactID": "a0000000-0000-4000-8000-000000000003", "Name": "Old", "ContactStatus": "ARCHIVED"},
                    {"ContactID": "a0000000-0000-4000-8000-000000000004", "Name": "Merged", "ContactStatus": "ARCHIVED", "MergedToContactID": "a0000000-0000-4000-8000-000000000002"},
                    {"ContactID": "a0000000-0000-4000-8000-000000000005", "Name": "Twin A", "EmailAddress": "twin@x.example", "ContactStatus": "ACTIVE", "UpdatedDateUTC": "/Date(5000+0000)/"},
                    {"ContactID": "a0000000-0000-4000-8000-000000000006", "Name": "Twin B", "EmailAddress": "TWIN@x.example", "ContactStatus": "ACTIVE", "UpdatedDateUTC": "/Date(4000+0000)/"},
                ]}),
                "Organisation" => {
                    json!({"Organisations": [{"Name": "Demo", "BaseCurrency": "NZD", "ShortCode": "!Qj35V", "PeriodLockDate": "/Date(1774915200000+0000)/"}]})
                }
                "Accounts" => json!({"Accounts": [
                    {"Code": "200", "Name": "Sales", "Type": "REVENUE", "TaxType": "OUTPUT2", "Status": "ACTIVE"},
                    {"Code": "201", "Name": "Old sales", "Type": "REVENUE", "TaxType": "OUTPUT2", "Status": "ARCHIVED"},
                    {"Code": "090", "Name": "Bank", "Type": "BANK", "AccountID": "b1", "Status": "ACTIVE"},
                ]}),
                "TaxRates" => {
                    json!({"TaxRates": [{"TaxType": "OUTPUT2", "Name": "15% GST on Income", "EffectiveRate": 15.0}]})
                }
                "TrackingCategories" => {
                    json!({"TrackingCategories": [{"Name": "Region", "Options": [{"Name": "North"}]}]})
                }
                "Currencies" => json!({"Currencies": [{"Code": "NZD"}, {"Code": "AUD"}]}),
                "connections" => {
                    json!([{"id": "c", "tenantId": "tenant-1", "tenantType": "ORGANISATION", "tenantName": "Demo"}])
                }
                other => panic!("nobody asks for {other}"),
            };
            let headers = vec![("x-daylimit-remaining".to_owned(), "4990".to_owned())];
            Ok(Response { headers, ..answer(&list) })
        }),
    )
}

/// Answers a read.
pub(super) type Script = Box<dyn Fn(&Call) -> Result<Response, Fault> + Send + Sync>;

pub(super) struct TestAccount {
    pub(super) connection: Connection,
    pub(super) table: Arc<TestTable>,
    pub(super) clock: TestClock,
    pub(super) reads: Mutex<Vec<Call>>,
    script: Script,
    random: TestRandom,
}

impl TestAccount {
    pub(super) fn new(table: &Arc<TestTable>, script: Script) -> Self {
        Self {
            connection: connection(),
            table: table.clone(),
            clock: TestClock(Mutex::new("2026-09-14T09:00:00Z".parse().unwrap())),
            reads: Mutex::default(),
            script,
            random: TestRandom::default(),
        }
    }

    pub(super) fn answer(&self, call: &Call) -> Result<Response, Fault> {
        (self.script)(call)
    }

    pub(super) fn reads_of(&self, path: &str) -> Vec<Call> {
        self.reads.lock().unwrap().iter().filter(|call| call.path.ends_with(path)).cloned().collect()
    }
}

#[async_trait]
impl Account for TestAccount {
    fn connection(&self) -> &Connection {
        &self.connection
    }

    async fn read(&self, call: Call) -> Result<Response, Fault> {
        // Others get their turn here, as they do while a call is under way.
        tokio::task::yield_now().await;
        self.reads.lock().unwrap().push(call.clone());
        self.answer(&call)
    }

    fn table(&self) -> &dyn Table {
        self.table.as_ref()
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn random(&self) -> &dyn Random {
        &self.random
    }
}

pub(super) struct TestClock(Mutex<Timestamp>);

impl TestClock {
    pub(super) fn now_in(&self, seconds: i64) -> Timestamp {
        *self.0.lock().unwrap() + SignedDuration::from_secs(seconds)
    }

    pub(super) fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(SignedDuration::try_from(duration).unwrap());
    }
}

/// Counts: never the same twice in one account, and told apart from other accounts by where it lies in memory.
#[derive(Default)]
struct TestRandom(Mutex<u64>);

impl Random for TestRandom {
    fn bytes(&self, into: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        *state += 1;
        let place = std::ptr::from_ref(self) as usize as u64;
        let mixed = (place ^ state.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes();
        into.iter_mut().zip(mixed.iter().cycle()).for_each(|(to, from)| *to = *from);
    }
}

/// Items in memory, and how many were written.
#[derive(Default)]
pub(super) struct TestTable {
    items: Mutex<BTreeMap<Key, Item>>,
    pub(super) written: Mutex<VecDeque<Key>>,
}

impl TestTable {
    pub(super) fn segments(&self) -> usize {
        self.items.lock().unwrap().keys().filter(|key| key.sort.starts_with("S#")).count()
    }
}

#[async_trait]
impl Table for TestTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        let items = self.items.lock().unwrap();
        Ok(keys.iter().map(|key| items.get(key).cloned()).collect())
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        let items = self.items.lock().unwrap();
        let from = query.after.clone().map_or(query.from.clone(), |after| format!("{after}\0"));
        let rows = items.values().filter(|item| {
            item.key.partition == query.partition
                && item.key.sort >= from
                && query.before.as_ref().is_none_or(|before| item.key.sort < *before)
        });
        let rows: Vec<Item> = rows.take(query.limit).cloned().collect();
        let after =
            (rows.len() == query.limit).then(|| rows.last().map(|item| item.key.sort.clone())).flatten();
        Ok(Page { items: rows, after })
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        let mut items = self.items.lock().unwrap();
        assert!(writes.len() <= crate::ports::table::MAX_TRANSACTION);
        if let Some(at) = writes.iter().position(|write| !write.when().holds(items.get(write.key()))) {
            return Err(TableError::Refused(at));
        }
        for write in writes {
            self.written.lock().unwrap().push_back(write.key().clone());
            match write {
                Write::Put { item, .. } => drop(items.insert(item.key.clone(), item)),
                Write::Update { key, set, .. } => {
                    items.entry(key.clone()).or_insert_with(|| Item::new(key)).fields.extend(set);
                }
                Write::Delete { key, .. } => drop(items.remove(&key)),
                Write::Check { .. } => {}
            }
        }
        Ok(())
    }
}
