//! People at work in the org and in the books, and the history of what they did, as the stand-ins stamped it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use counterfoil::ports::clock::{Clock, ManualClock, later};
use counterfoil::ports::random::{SeededRandom, below};
use counterfoil_sandbox::Sandbox;
use counterfoil_sandbox::xero::Invoice;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::model::{Moment, OVERLAP, Record, Values, Version};

pub(super) const ACCOUNTS: &str = "Account";
pub(super) const INVOICES: &str = "Invoices";
pub(super) const PAYMENTS: &str = "Payments";
pub(super) const QUOTES: &str = "Quotes";

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Where {
    Org,
    Books,
}

pub(super) struct People {
    pub(super) sandbox: Arc<Sandbox>,
    clock: Arc<ManualClock>,
    random: SeededRandom,
    place: Where,
    history: Mutex<History>,
}

#[derive(Default)]
pub(super) struct History {
    happened: u64,
    pub(super) records: BTreeMap<&'static str, BTreeMap<String, Record>>,
}

impl History {
    fn add(&mut self, collection: &'static str, id: &str, version: Version) {
        self.happened += 1;
        let happened = self.happened;
        let records = self.records.entry(collection).or_default();
        let record = records.entry(id.to_owned()).or_default();
        record.versions.push(Version { happened, ..version });
    }
}

impl People {
    pub(super) fn new(sandbox: &Arc<Sandbox>, clock: &Arc<ManualClock>, place: Where, seed: u64) -> Self {
        Self {
            sandbox: Arc::clone(sandbox),
            clock: Arc::clone(clock),
            random: SeededRandom::new(seed),
            place,
            history: Mutex::default(),
        }
    }

    fn draw(&self, bound: u64) -> u64 {
        below(&self.random, bound)
    }

    fn one_of<T: Clone>(&self, of: &[T]) -> Option<T> {
        let place = usize::try_from(self.draw(of.len() as u64)).ok()?;
        of.get(place).cloned()
    }

    pub(super) fn now(&self) -> Moment {
        Moment { happened: self.history.lock().expect("the history").happened, at: self.clock.now() }
    }

    pub(super) fn history<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        look(&self.history.lock().expect("the history"))
    }

    /// Somebody does something.
    pub(super) fn act(&self) {
        match self.place {
            Where::Org => self.act_in_the_org(),
            Where::Books => self.act_in_the_books(),
        }
    }

    /// Somebody changes what a poll is reading.
    pub(super) fn meddle(&self) {
        match self.place {
            _ if self.draw(3) == 0 => self.act(),
            Where::Org => self.update(None),
            Where::Books => {
                self.edit_a_quote();
                self.note_books();
            }
        }
    }

    /// Somebody changes what was changed just now, there and back.
    pub(super) fn insist(&self) {
        match self.place {
            Where::Org => {
                let ids = self.newest(ACCOUNTS);
                let free = self.free_accounts();
                let ids: Vec<String> = ids.into_iter().filter(|id| free.contains(id)).collect();
                self.update(self.one_of(&ids));
            }
            Where::Books => {
                let ids = self.newest(INVOICES);
                self.pay_or_take_back(self.one_of(&ids).and_then(|id| id.parse().ok()));
                self.note_books();
            }
        }
    }

    /// The few that were changed last.
    fn newest(&self, collection: &str) -> Vec<String> {
        self.history(|history| {
            let records = history.records.get(collection).into_iter().flatten();
            let mut newest: Vec<(u64, String)> = records
                .filter_map(|(id, record)| Some((record.versions.last()?.happened, id.clone())))
                .collect();
            newest.sort_unstable_by(|one, other| other.cmp(one));
            newest.into_iter().take(3).map(|(_, id)| id).collect()
        })
    }

    // ------------------------------------------------------------ the org

    fn act_in_the_org(&self) {
        match self.draw(20) {
            0..6 => self.insert(None),
            6..13 => self.update(None),
            13 => {
                // Twice in one second: one version, as it was last.
                let id = self.one_of(&self.free_accounts());
                for _ in 0..2 {
                    self.update(id.clone());
                }
            }
            14..16 => self.insert(Some(self.late())),
            16 => self.update_late(self.late()),
            17 => self.delete(),
            18 => {
                for _ in 0..self.draw(25) {
                    self.insert(None);
                }
            }
            _ => {
                let ids = self.free_accounts();
                for id in ids.into_iter().take(15) {
                    self.update(Some(id));
                }
            }
        }
    }

    /// For how many seconds nobody sees what is committed: now and then for longer than any poll looks back.
    fn late(&self) -> u64 {
        if self.draw(8) == 0 { 700 + self.draw(1_500) } else { self.draw(590) }
    }

    fn account(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("Name".into(), format!("Account {}", self.draw(u64::MAX)).into());
        fields.insert("Rating".into(), (*self.one_of(&["Hot", "Warm", "Cold"]).expect("one")).into());
        fields.insert("Industry".into(), (*self.one_of(&["Energy", "Media"]).expect("one")).into());
        fields.insert("Phone".into(), format!("555 010{}", self.draw(2)).into());
        fields
    }

    fn insert(&self, late: Option<u64>) {
        let fields = self.account();
        let salesforce = &self.sandbox.salesforce;
        let id = match late {
            None => salesforce.insert(ACCOUNTS, Value::Object(fields.clone())),
            Some(late) => {
                let late = i64::try_from(late).expect("seconds");
                salesforce.insert_late(ACCOUNTS, Value::Object(fields.clone()), late).expect("taken")
            }
        };
        self.note_account(&id, &fields, late.unwrap_or(0), false);
    }

    fn update(&self, id: Option<String>) {
        let Some(id) = id.or_else(|| self.one_of(&self.free_accounts())) else { return };
        let fields = self.account();
        self.sandbox.salesforce.update(ACCOUNTS, &id, Value::Object(fields.clone()));
        self.note_account(&id, &fields, 0, false);
    }

    fn update_late(&self, late: u64) {
        let Some(id) = self.one_of(&self.free_accounts()) else { return };
        // A version is known by its stamp: two of one second, committed minutes apart, nobody can tell apart.
        let now = whole_second(self.clock.now());
        if self.history(|history| history.records[ACCOUNTS][&id].versions.iter().any(|one| one.stamp == now))
        {
            return;
        }
        let fields = self.account();
        let seconds = i64::try_from(late).expect("seconds");
        let salesforce = &self.sandbox.salesforce;
        salesforce.update_late(ACCOUNTS, &id, Value::Object(fields.clone()), seconds).expect("taken");
        self.note_account(&id, &fields, late, false);
    }

    fn delete(&self) {
        let Some(id) = self.one_of(&self.free_accounts()) else { return };
        self.sandbox.salesforce.delete(ACCOUNTS, &id).expect("deleted");
        self.note_account(&id, &Map::new(), 0, true);
    }

    fn note_account(&self, id: &str, fields: &Map<String, Value>, late: u64, gone: bool) {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let values =
            ["Name", "Rating", "Industry", "Phone"].into_iter().map(|name| (name, text(name))).collect();
        let stamp = whole_second(self.clock.now());
        let visible_from = later(self.clock.now(), std::time::Duration::from_secs(late));
        let version = Version { stamp, happened: 0, visible_from, gone, values };
        self.history.lock().expect("the history").add(ACCOUNTS, id, version);
    }

    /// Those that nobody holds: a late commit keeps its record to itself.
    fn free_accounts(&self) -> Vec<String> {
        let now = self.clock.now();
        self.history(|history| {
            let records = history.records.get(ACCOUNTS).into_iter().flatten();
            let free = records.filter(|(_, record)| {
                record.versions.iter().all(|version| version.visible_from <= now && !version.gone)
            });
            free.map(|(id, _)| id.clone()).collect()
        })
    }

    // ------------------------------------------------------------ the books

    fn act_in_the_books(&self) {
        let ledger = self.sandbox.xero.ledger();
        match self.draw(20) {
            0..4 => self.type_in(),
            4..8 => {
                let Some(invoice) = self.invoice() else { return };
                let reference = format!("Reference {}", self.draw(u64::MAX));
                // A void one can't be edited: then nothing has happened.
                let _ = ledger.edit_invoice(
                    invoice.head.id,
                    Map::from_iter([("Reference".to_owned(), reference.into())]),
                );
            }
            8..12 => self.pay_or_take_back(None),
            12..14 => {
                let payments = ledger.stamped_since(PAYMENTS, Timestamp::UNIX_EPOCH);
                if let Some((payment, _)) = self.one_of(&payments) {
                    let _ = ledger.remove_payment(payment);
                }
            }
            14 => {
                let Some(invoice) = self.invoice() else { return };
                let _ = ledger.void_invoice(invoice.head.id);
            }
            15 => {
                for _ in 0..self.draw(8) {
                    self.type_in();
                }
            }
            16 if self.draw(4) == 0 => {
                // More than a page in one second.
                for _ in 0..90 + self.draw(30) {
                    self.quote();
                }
            }
            16..18 => self.quote(),
            _ => self.edit_a_quote(),
        }
        self.note_books();
    }

    fn pay_or_take_back(&self, invoice: Option<Uuid>) {
        let ledger = self.sandbox.xero.ledger();
        let payments = ledger.stamped_since(PAYMENTS, Timestamp::UNIX_EPOCH);
        let Some(invoice) = invoice.or_else(|| self.invoice().map(|invoice| invoice.head.id)) else { return };
        // One that is paid already, or void, can't be paid: then the last payment is taken back.
        if ledger.pay_invoice(invoice).is_err()
            && let Some((payment, _)) = payments.into_iter().max_by_key(|(_, stamp)| *stamp)
        {
            let _ = ledger.remove_payment(payment);
        }
    }

    fn contact(&self) -> Uuid {
        let ledger = self.sandbox.xero.ledger();
        match ledger.contact_named("Acme Ltd") {
            Some(contact) => contact.id,
            None => ledger.add_contact_named("Acme Ltd").expect("a contact").id,
        }
    }

    fn type_in(&self) {
        let line =
            json!({"Description": "Desk", "Quantity": 1, "UnitAmount": "100.00", "AccountCode": "200"});
        let status = self.one_of(&["DRAFT", "AUTHORISED", "AUTHORISED"]).expect("one");
        let fields = json!({"Type": "ACCREC", "Status": status, "Contact": {"ContactID": self.contact()},
            "Date": "2026-11-20", "DueDate": "2026-12-20", "LineItems": [line]});
        self.sandbox.xero.ledger().add_invoice(fields).expect("an invoice");
    }

    fn quote(&self) {
        let line =
            json!({"Description": "Desk", "Quantity": 1, "UnitAmount": "100.00", "AccountCode": "200"});
        let fields =
            json!({"Contact": {"ContactID": self.contact()}, "Date": "2026-11-20", "LineItems": [line]});
        self.sandbox.xero.ledger().add_quote(fields).expect("a quote");
    }

    fn edit_a_quote(&self) {
        let ledger = self.sandbox.xero.ledger();
        let quotes = ledger.stamped_since(QUOTES, Timestamp::UNIX_EPOCH);
        let Some((quote, _)) = self.one_of(&quotes) else { return };
        let title = format!("Quote {}", self.draw(u64::MAX));
        let fields = Map::from_iter([("Title".into(), title.into()), ("Date".into(), "2026-11-20".into())]);
        ledger.edit_quote(quote, fields).expect("edited");
    }

    fn invoice(&self) -> Option<Invoice> {
        let ledger = self.sandbox.xero.ledger();
        let ids = ledger.stamped_since(INVOICES, Timestamp::UNIX_EPOCH);
        self.one_of(&ids).and_then(|(id, _)| ledger.invoice(id))
    }

    /// What the books say has this second's stamp, where it isn't noted as it is.
    fn note_books(&self) {
        let (ledger, now) = (self.sandbox.xero.ledger(), self.clock.now());
        let mut history = self.history.lock().expect("the history");
        for collection in [INVOICES, PAYMENTS, QUOTES] {
            for (id, stamp) in ledger.stamped_since(collection, whole_second(now)) {
                let invoice = (collection == INVOICES).then(|| ledger.invoice(id)).flatten();
                let values = invoice.map(values_of).unwrap_or_default();
                let id = id.to_string();
                let known = history.records.get(collection).and_then(|records| records.get(&id));
                let newest = known.and_then(|record| record.versions.last());
                if newest.is_none_or(|newest| (newest.stamp, &newest.values) != (stamp, &values)) {
                    let version = Version { stamp, happened: 0, visible_from: now, gone: false, values };
                    history.add(collection, &id, version);
                }
            }
        }
    }

    // ------------------------------------------------------------ afterwards

    /// Whether something was committed later than polls look back.
    pub(super) fn are_very_late(&self) -> bool {
        self.history(|history| {
            let mut versions =
                history.records.values().flat_map(BTreeMap::values).flat_map(|record| &record.versions);
            versions.any(|version| version.visible_from > version.stamp + OVERLAP)
        })
    }

    /// Whether the history is the stand-in's own: its newest versions have these stamps.
    pub(super) fn is_true(&self) -> Result<(), String> {
        let newest = |collection: &str| -> BTreeMap<String, Timestamp> {
            self.history(|history| {
                let records = history.records.get(collection).into_iter().flatten();
                let newest = records.filter_map(|(id, record)| Some((id.clone(), record.versions.last()?)));
                newest.filter(|(_, version)| !version.gone).map(|(id, version)| (id, version.stamp)).collect()
            })
        };
        let ledger = self.sandbox.xero.ledger();
        for collection in [INVOICES, PAYMENTS, QUOTES] {
            let stamped = ledger.stamped_since(collection, Timestamp::UNIX_EPOCH);
            let there = stamped.into_iter().map(|(id, stamp)| (id.to_string(), stamp)).collect();
            same(collection, &newest(collection), &there)?;
        }
        let accounts = self.sandbox.salesforce.records(ACCOUNTS);
        let of = |account: &Value| -> Option<(String, Timestamp)> {
            let stamp = account["SystemModstamp"].as_str()?.replace("+0000", "Z");
            Some((account["Id"].as_str()?.to_owned(), stamp.parse().ok()?))
        };
        same(ACCOUNTS, &newest(ACCOUNTS), &accounts.iter().filter_map(of).collect())
    }
}

fn same(
    collection: &str,
    noted: &BTreeMap<String, Timestamp>,
    there: &BTreeMap<String, Timestamp>,
) -> Result<(), String> {
    if noted == there {
        return Ok(());
    }
    Err(format!("the test has lost count of {collection}: {noted:#?}, and there is {there:#?}"))
}

fn values_of(invoice: Invoice) -> Values {
    Values::from([
        ("Status", invoice.claim.status.as_str().to_owned()),
        ("Reference", invoice.head.reference.to_string()),
    ])
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
