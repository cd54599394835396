//! What outlives the program, or is gone back to: schema, records, options, who may come in, rules, flows, reports,
//! sent e-mails, bulk jobs, outbound messages and change events.
//!
//! Not kept: the day's calls, open queries, single records that were arranged to be refused, what was looked at
//! last, writes that are not seen yet.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

use super::actions::{Email, Flow};
use super::bulk::Jobs;
use super::change_events::Feed;
use super::duplicates::DuplicateRule;
use super::objects::Schema;
use super::org::Org;
use super::outbound::Outbound;
use super::refusals::ValidationRule;
use super::reports::Report;
use super::store::{Fields, Record};
use super::tokens::Access;
use super::{Options, Salesforce};
use crate::locked;

#[derive(Serialize)]
struct Keep<'a> {
    options: &'a Options,
    schema: &'a Schema,
    access: &'a Access,
    numbers: &'a BTreeMap<Cow<'static, str>, u64>,
    people: [&'a str; 3],
    next_id: u64,
    last_stamp: &'a str,
    deletions_told_since: Timestamp,
    flows: &'a [Flow],
    reports: &'a BTreeMap<String, Report>,
    sent: &'a [Email],
    bulk: &'a Jobs,
    feed: &'a Feed,
    rules: &'a [ValidationRule],
    duplicate_rules: &'a [DuplicateRule],
    outbound: &'a Outbound,
    records: Records<'a>,
}

#[derive(Deserialize)]
struct Kept {
    options: Options,
    schema: Schema,
    access: Access,
    numbers: BTreeMap<Cow<'static, str>, u64>,
    /// The organization, the integration user, the person.
    people: [String; 3],
    next_id: u64,
    last_stamp: String,
    #[serde(default)]
    deletions_told_since: Timestamp,
    flows: Vec<Flow>,
    reports: BTreeMap<String, Report>,
    sent: Vec<Email>,
    bulk: Jobs,
    feed: Feed,
    rules: Vec<ValidationRule>,
    duplicate_rules: Vec<DuplicateRule>,
    outbound: Outbound,
    records: HashMap<String, Vec<Fields>>,
}

/// Written one by one: a large org is never in memory twice.
struct Records<'a>(&'a Org);

struct Table<'a>(&'a Org, &'a str);

impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.schema.objects.iter().map(|object| object.name.as_str());
        let mut map = serializer.serialize_map(None)?;
        for name in names.filter(|name| self.0.store.table(name).len() > 0) {
            map.serialize_entry(name, &Table(self.0, name))?;
        }
        map.end()
    }
}

impl Serialize for Table<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let mut failed = None;
        // Sifted, and none wanted: so none is kept unpacked.
        self.0.store.table(self.1).sift("", |record| {
            failed = failed.take().or_else(|| list.serialize_element(&record.fields).err());
            false
        });
        failed.map_or_else(|| list.end(), Err)
    }
}

impl Salesforce {
    pub(crate) fn kept(&self) -> Result<Vec<u8>, String> {
        let org = self.org();
        let keep = Keep {
            options: &org.options,
            schema: &org.schema,
            access: &org.access,
            numbers: &org.numbers,
            people: [&org.organization, &org.integration_user, &org.person],
            next_id: org.next_id,
            last_stamp: &org.last_stamp,
            deletions_told_since: org.deletions_told_since,
            flows: &org.flows,
            reports: &org.reports,
            sent: &org.sent,
            bulk: &org.bulk,
            feed: &org.feed,
            rules: &org.refusals.rules,
            duplicate_rules: &org.refusals.duplicates,
            outbound: &org.outbound,
            records: Records(&org),
        };
        serde_json::to_vec(&keep).map_err(|error| error.to_string())
    }

    pub(crate) fn restore(&self, kept: &[u8]) -> Result<(), String> {
        let kept: Kept = serde_json::from_slice(kept).map_err(|error| error.to_string())?;
        let now = self.harness.clock.now();
        // Another seed for each number of ids given out: no token comes twice.
        let seed = self.settings.seed ^ kept.next_id.rotate_left(32);
        let mut org = Org::new(kept.options, self.settings.limits, seed, now);
        org.store = Default::default();
        org.schema = kept.schema;
        org.access = kept.access;
        org.numbers = kept.numbers;
        [org.organization, org.integration_user, org.person] = kept.people;
        org.next_id = kept.next_id;
        org.last_stamp = kept.last_stamp;
        org.deletions_told_since = kept.deletions_told_since;
        (org.flows, org.reports, org.sent) = (kept.flows, kept.reports, kept.sent);
        (org.bulk, org.feed) = (kept.bulk, kept.feed);
        for (name, records) in kept.records {
            let object =
                org.schema.object(&name).cloned().ok_or_else(|| format!("there is no object {name}"))?;
            for fields in records {
                let id = fields.get("Id").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
                org.store.put(&object, Record { id, fields });
            }
        }
        let (mut rules, mut outbound) = (kept.rules, kept.outbound);
        let rules_of = rules.iter_mut().map(|rule| (rule.object.as_str(), &mut rule.condition));
        for (object, condition) in rules_of.chain(outbound.conditions()) {
            condition.rebind(&org, object).map_err(|refused| refused.message)?;
        }
        (org.refusals.rules, org.refusals.duplicates, org.outbound) = (rules, kept.duplicate_rules, outbound);
        *locked(&self.org) = org;
        Ok(())
    }
}
