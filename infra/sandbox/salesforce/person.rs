//! What a person in the org can do without the API, for tests and the demo: read and edit records, commit
//! late, add fields, write rules, end sessions. Edits are by another user than the API's.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::answer::Refused;
use super::clients::Client;
use super::condition::Condition;
use super::filter::Filter;
use super::ids;
use super::objects::Object;
use super::org::Org;
use super::refusals::{Check, Refusal};
use super::rules;
use super::store::{Fields, Record};
use super::tokens::Grantee;
use super::values;
use super::{Options, Salesforce};
use crate::control::Look;

impl Salesforce {
    /// Creates a record as a person. Panics when the org refuses it: the caller's record is wrong.
    pub fn insert(&self, object: &str, fields: Value) -> String {
        self.try_insert(object, fields)
            .unwrap_or_else(|refused| panic!("insert {object}: {}", refused.message))
    }

    pub fn try_insert(&self, object: &str, fields: Value) -> Result<String, Refused> {
        let mut org = self.org();
        let (object, writer) = (org.object(object)?, org.as_person());
        org.create(&object, &of(fields), &writer)
    }

    /// Changes a record as a person. Panics when the org refuses it.
    pub fn update(&self, object: &str, id: &str, fields: Value) {
        self.try_update(object, id, fields)
            .unwrap_or_else(|refused| panic!("update {object}: {}", refused.message));
    }

    pub fn try_update(&self, object: &str, id: &str, fields: Value) -> Result<(), Refused> {
        let mut org = self.org();
        let (object, writer) = (org.object(object)?, org.as_person());
        org.change(&object, &known(id), &of(fields), &writer)
    }

    /// To the recycle bin, as a person.
    pub fn delete(&self, object: &str, id: &str) -> Result<(), Refused> {
        let mut org = self.org();
        let (object, writer) = (org.object(object)?, org.as_person());
        org.remove(&object, &known(id), &writer).map(drop)
    }

    /// Creates a record now that nobody sees before so many seconds have passed, with the stamps of now.
    pub fn insert_late(&self, object: &str, fields: Value, seconds: i64) -> Result<String, Refused> {
        let mut org = self.org();
        let (object, writer) = (org.object(object)?, org.as_person());
        let visible = org.now + SignedDuration::from_secs(seconds);
        org.late(visible, |org| org.create(&object, &of(fields), &writer))
    }

    /// The same for a change: until then the record is seen as it was.
    pub fn update_late(&self, object: &str, id: &str, fields: Value, seconds: i64) -> Result<(), Refused> {
        let mut org = self.org();
        let (object, writer, id) = (org.object(object)?, org.as_person(), known(id));
        let visible = org.now + SignedDuration::from_secs(seconds);
        org.late(visible, |org| org.change(&object, &id, &of(fields), &writer).map(|()| id.clone()))?;
        Ok(())
    }

    /// A record with all its fields, also one in the recycle bin.
    pub fn get(&self, object: &str, id: &str) -> Option<Value> {
        let org = self.org();
        let object = org.object(object).ok()?;
        org.store.table(&object.name).get(&known(id)).map(|record| shown(&object, record))
    }

    /// The records of an object, oldest change first, without those in the recycle bin.
    pub fn records(&self, object: &str) -> Vec<Value> {
        let org = self.org();
        let Ok(object) = org.object(object) else { return Vec::new() };
        let table = org.store.table(&object.name);
        table.all().filter(|record| !record.is("IsDeleted")).map(|record| shown(&object, record)).collect()
    }

    /// The records that a SOQL condition accepts, e.g. `StageName = 'Closed Won'`.
    pub fn find(&self, object: &str, condition: &str) -> Result<Vec<Value>, Refused> {
        let org = self.org();
        let object = org.object(object)?;
        let condition = Condition::bind(&org, &object, condition)?;
        let mut found = Vec::new();
        Filter::visit(condition.filter(), &org, &object, &mut |record| {
            if !record.is("IsDeleted") {
                found.push((record.id.clone(), shown(&object, record)));
            }
        });
        found.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        Ok(found.into_iter().map(|(_, record)| record).collect())
    }

    /// A field in the words of `standard_objects.txt`, e.g. `Xero_Invoice__c: string(50) external unique`.
    pub fn add_field(&self, object: &str, field: &str) -> Result<(), String> {
        let mut org = self.org();
        org.schema_changed = org.now;
        org.schema.add_field(object, field)
    }

    /// Objects in the words of `standard_objects.txt`.
    pub fn add_objects(&self, text: &str) -> Result<(), String> {
        let mut org = self.org();
        org.schema_changed = org.now;
        org.schema.add_objects(text)
    }

    /// Refuses the next matching writes through the API: locked rows, duplicates, whatever the error says.
    pub fn refuse(&self, refusal: Refusal) {
        self.org().refusals.arm(refusal);
    }

    /// A validation rule: refuses records that the SOQL condition accepts.
    pub fn refuse_where(&self, object: &str, condition: &str, message: &str) -> Result<(), Refused> {
        let mut org = self.org();
        let object = org.object(object)?;
        let condition = Condition::bind(&org, &object, condition)?;
        org.refusals.rule_where(&object.name, condition, message);
        Ok(())
    }

    /// A validation rule in Rust.
    pub fn validate(&self, object: &str, check: Check) {
        self.org().refusals.rule(object, check);
    }

    /// Takes away arranged refusals and validation rules.
    pub fn clear_refusals(&self) {
        self.org().refusals.clear();
    }

    pub fn register_client(&self, client: Client) {
        self.org().access.clients.insert(client.id.clone(), client);
    }

    /// A consent that was given earlier: its refresh token. None when there is no such client.
    pub fn grant(&self, client: &str) -> Option<String> {
        let mut org = self.org();
        let scope = org.access.clients.get(client)?.scopes.join(" ");
        let grantee = Grantee::new(client, &org.integration_user, &scope);
        Some(org.open_grant(grantee).0)
    }

    /// An access token of the integration user, without asking for one.
    pub fn token(&self) -> String {
        let mut org = self.org();
        let grantee = Grantee::new("sandbox-client", &org.integration_user, "api");
        org.open_session(&grantee)
    }

    /// Every access token ends at once.
    pub fn end_sessions(&self) {
        self.org().access.end_sessions();
    }

    /// Every open query is forgotten: `INVALID_QUERY_LOCATOR`.
    pub fn forget_queries(&self) {
        self.org().cursors.clear();
    }

    /// Other programs use up so many calls of the day.
    pub fn use_up_calls(&self, calls: u64) {
        self.org().use_up(calls);
    }

    /// Changes options while the org runs. Currencies that it has taken on stay.
    pub fn configure(&self, change: impl FnOnce(&mut Options)) {
        let mut org = self.org();
        let had_currencies = org.options.multi_currency;
        change(&mut org.options);
        if org.options.multi_currency && !had_currencies {
            org.take_on_currencies();
        }
        org.options.multi_currency |= had_currencies;
    }

    pub fn options(&self) -> Options {
        self.org().options.clone()
    }

    pub fn organization_id(&self) -> String {
        self.org().organization.clone()
    }

    /// Whom the API acts for.
    pub fn integration_user(&self) -> String {
        self.org().integration_user.clone()
    }

    /// Whom changes from outside the API are by.
    pub fn person(&self) -> String {
        self.org().person.clone()
    }

    pub(crate) fn limits_left(&self) -> Value {
        let org = self.org();
        let (used, of) = org.calls_of_the_day();
        json!([{ "account": org.options.organization_name, "limit": "calls a day",
                 "left": of.saturating_sub(used), "of": of }])
    }

    /// What there is of each object.
    pub(crate) fn kinds_kept(&self) -> Value {
        let org = self.org();
        let counts = org.schema.objects.iter().map(|object| (object, org.store.table(&object.name).len()));
        let kept = counts.filter(|(_, count)| *count > 0);
        let name = &org.options.organization_name;
        kept.map(|(object, count)| json!({ "account": name, "kind": object.name, "count": count })).collect()
    }

    /// Records of one object, newest change first, also those in the recycle bin.
    pub(crate) fn newest(&self, look: &Look) -> Vec<Value> {
        let org = self.org();
        let Ok(object) = org.object(&look.kind) else { return Vec::new() };
        look.choose(org.store.table(&object.name).newest().map(|record| shown(&object, record)))
    }

    pub(crate) fn everything(&self) -> Value {
        let org = self.org();
        let mut everything = Map::new();
        for object in &org.schema.objects {
            let records: Vec<Value> =
                org.store.table(&object.name).all().map(|it| shown(object, it)).collect();
            if !records.is_empty() {
                everything.insert(object.name.clone(), records.into());
            }
        }
        Value::Object(everything)
    }

    /// What must hold whatever was done: no orphan, no unique value twice, amounts that follow their lines.
    pub(crate) fn broken(&self) -> Vec<String> {
        let org = self.org();
        let mut broken = Vec::new();
        for object in &org.schema.objects {
            org.store.table(&object.name).sift("", |record| {
                if !record.is("IsDeleted") {
                    broken_references(&org, object, record, &mut broken);
                    broken_stamps(object, record, &mut broken);
                }
                false
            });
        }
        broken.extend(rules::broken_totals(&org));
        broken
    }
}

fn broken_references(org: &Org, object: &Object, record: &Record, broken: &mut Vec<String>) {
    for field in &object.fields {
        let value = record.get(&field.name);
        if value.is_null() {
            continue;
        }
        let shown = || values::spelled(value);
        if field.master && super::filter::parent(org, &shown()).is_none_or(|parent| parent.is("IsDeleted")) {
            broken.push(format!("{} {}: its {} {} is gone", object.name, record.id, field.name, shown()));
        }
        if field.unique && org.with_value(object, field, value).len() > 1 {
            broken.push(format!("{} {}: {} {} is not unique", object.name, record.id, field.name, shown()));
        }
    }
}

fn broken_stamps(object: &Object, record: &Record, broken: &mut Vec<String>) {
    let (created, modified) = (record.text("CreatedDate"), record.text("LastModifiedDate"));
    if created > modified || modified > record.text("SystemModstamp") {
        broken.push(format!("{} {}: its stamps go back", object.name, record.id));
    }
}

/// All fields in the order of describe, nulls too.
fn shown(object: &Object, record: &Record) -> Value {
    let fields = object.fields.iter().map(|field| (field.name.clone(), record.get(&field.name).clone()));
    Value::Object(fields.collect())
}

fn known(id: &str) -> String {
    ids::normalise(id).unwrap_or_else(|| id.to_owned())
}

fn of(fields: Value) -> Fields {
    match fields {
        Value::Object(fields) => fields,
        other => of(json!({ "fields": other })),
    }
}
