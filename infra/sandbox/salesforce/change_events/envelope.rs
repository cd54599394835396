//! The event as EventBridge hands it on: the relay nests the change below `detail.payload`, and instants are
//! numbers of milliseconds.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_message_structure.htm

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::super::ids;
use super::super::objects::{FieldType, Object};
use super::super::org::Org;
use super::super::store::Fields;
use super::super::values::instant;
use super::{Change, Kind};

/// What the header says beside the change itself.
pub(super) struct Header {
    pub(super) records: Vec<String>,
    pub(super) sequence: u64,
    pub(super) gap: bool,
}

pub(super) fn change(org: &mut Org, change: &Change, header: &Header) -> Value {
    let object = org.schema.object(&change.object).cloned();
    let kind = if header.gap { format!("GAP_{}", change.kind.name()) } else { change.kind.name().to_owned() };
    let key = transaction_key(org, change.transaction);
    let at = change.at.as_millisecond();
    let mut about = json!({ "entityName": change.object, "recordIds": header.records, "changeType": kind,
        "changeOrigin": change.origin, "transactionKey": key, "sequenceNumber": header.sequence,
        "commitTimestamp": at, "commitNumber": commit_number(change.transaction), "commitUser": change.user,
        "nulledFields": [], "diffFields": [], "changedFields": [] });
    let mut payload = Map::new();
    if let Some(object) = object.filter(|_| !header.gap) {
        if change.kind == Kind::Update {
            let named = |wanted: &dyn Fn(&Value) -> bool| -> Vec<String> {
                let fields = change.fields.iter().filter(|(_, value)| wanted(value));
                fields.map(|(name, _)| path(&object, name).join(".")).collect()
            };
            about["nulledFields"] = named(&Value::is_null).into();
            about["changedFields"] = named(&|_| true).into();
        }
        payload = shown(&object, &change.fields);
    }
    wrap(org, &change.object, about, payload)
}

pub(super) fn gap(org: &mut Org, object: &str, kind: &str, records: Vec<String>) -> Value {
    let number = org.feed.transaction;
    let about = json!({ "entityName": object, "recordIds": records, "changeType": kind, "changeOrigin": "",
        "transactionKey": transaction_key(org, number), "sequenceNumber": 1,
        "commitTimestamp": org.now.as_millisecond(), "commitNumber": commit_number(number),
        "commitUser": org.integration_user, "nulledFields": [], "diffFields": [], "changedFields": [] });
    wrap(org, object, about, Map::new())
}

/// The same for every event of a transaction.
fn transaction_key(org: &Org, transaction: u64) -> String {
    let digest = Sha256::digest(format!("{}{transaction}", org.organization));
    let bytes: [u8; 16] = std::array::from_fn(|place| digest[place]);
    uuid::Uuid::from_bytes(bytes).to_string()
}

fn commit_number(transaction: u64) -> u64 {
    10_000_000_000 + transaction
}

fn wrap(org: &mut Org, object: &str, header: Value, fields: Map<String, Value>) -> Value {
    let bytes: [u8; 16] = org.random.random();
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
    let name = match object.strip_suffix("__c") {
        Some(custom) => format!("{custom}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    };
    let source = format!("aws.partner/salesforce.com/{}/{}", org.organization, ids::make("0YL", 1));
    let schema = URL_SAFE_NO_PAD.encode(&Sha256::digest(&name)[..16]);
    let mut payload = Map::new();
    payload.insert("ChangeEventHeader".into(), header);
    payload.extend(fields);
    json!({ "version": "0", "id": id, "detail-type": name, "source": source, "account": "123456789012",
        "time": org.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "region": "us-east-1",
        "resources": [format!("arn:aws:events:us-east-1::event-source/{source}")],
        "detail": { "payload": payload, "schemaId": schema, "event": { "replayId": 0 } } })
}

/// Parts of names and addresses are nested below the whole.
fn shown(object: &Object, fields: &Fields) -> Map<String, Value> {
    let mut shown = Map::new();
    for (name, value) in fields {
        let kind = object.field(name).map(|field| field.kind);
        let value = match kind {
            Some(FieldType::DateTime | FieldType::Date) => milliseconds(value),
            _ => value.clone(),
        };
        match path(object, name).as_slice() {
            [whole, part] => {
                let inner = shown.entry(whole.clone()).or_insert_with(|| json!({}));
                inner[part.as_str()] = value;
            }
            _ => {
                shown.insert(name.clone(), value);
            }
        }
    }
    shown
}

/// A day is its midnight.
fn milliseconds(value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let at = instant(text).or_else(|| instant(&format!("{text}T00:00:00Z")));
    at.map_or(Value::Null, |at| at.as_millisecond().into())
}

fn path(object: &Object, name: &str) -> Vec<String> {
    if object.field("LastName").is_some() && ["Salutation", "FirstName", "LastName"].contains(&name) {
        return vec!["Name".into(), name.to_owned()];
    }
    for part in ["Street", "City", "State", "PostalCode", "Country"] {
        if let Some(prefix) = name.strip_suffix(part) {
            let whole = format!("{prefix}Address");
            if object.field(&whole).is_some_and(|field| field.kind == FieldType::Address) {
                return vec![whole, part.to_owned()];
            }
        }
    }
    vec![name.to_owned()]
}
