//! Duplicate rules: a record that looks like another is refused, or only warned of.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/headers-duplicaterules.html. A rule that
//! warns is passed with `allowSave=true`; a rule that blocks is passed by nobody.

use serde_json::{Value, json};

use super::Salesforce;
use super::answer::Refused;
use super::objects::Object;
use super::org::{Org, Writer};
use super::query::{Plan, Writing};
use super::store::Record;

/// Records are alike when all the fields are, without case.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct DuplicateRule {
    pub name: String,
    pub object: String,
    /// The object whose records are looked through: the same one, or Leads for a new Contact.
    pub against: String,
    /// Field of the record, field of the others.
    pub fields: Vec<(String, String)>,
    /// Only warns.
    pub allow_save: bool,
}

const MESSAGE: &str = "You're creating a duplicate record. We recommend you use an existing record instead.";

/// Looks through the others, for every rule of the object.
/// A change is looked at only where it touches what the rule compares.
pub(crate) fn check(
    org: &mut Org,
    object: &Object,
    record: &Record,
    before: Option<&Record>,
    writer: &Writer,
) -> Result<(), Refused> {
    let rules: Vec<DuplicateRule> =
        org.refusals.duplicates.iter().filter(|rule| rule.object == object.name).cloned().collect();
    for rule in rules {
        let same = |before: &Record| rule.fields.iter().all(|(own, _)| before.get(own) == record.get(own));
        if rule.allow_save && writer.allow_duplicates || before.is_some_and(same) {
            continue;
        }
        let alike = alike(org, &rule, record);
        if !alike.is_empty() {
            let shown = alike.iter().map(|id| shown(org, &rule.against, id, writer)).collect();
            return Err(refused(&rule, shown, org.options.duplicate_key_spelled_right));
        }
    }
    Ok(())
}

fn alike(org: &Org, rule: &DuplicateRule, record: &Record) -> Vec<String> {
    let wanted: Vec<(&str, String)> =
        rule.fields.iter().map(|(own, other)| (other.as_str(), record.text(own).to_lowercase())).collect();
    if wanted.is_empty() || wanted.iter().any(|(_, value)| value.is_empty()) {
        return Vec::new();
    }
    let matches = |other: &Record| {
        other.id != record.id
            && !other.is("IsDeleted")
            && wanted.iter().all(|(field, value)| other.text(field).to_lowercase() == *value)
    };
    let table = org.store.table(&rule.against);
    let indexed = org.schema.object(&rule.against).and_then(|object| {
        wanted.iter().find(|(field, _)| object.field(field).is_some_and(super::objects::Field::indexed))
    });
    match indexed {
        Some((field, value)) => {
            table.with(field, value).filter(|it| matches(it)).map(|it| it.id.clone()).collect()
        }
        None => table.sift("", matches).into_iter().map(|it| it.id.clone()).collect(),
    }
}

fn shown(org: &mut Org, object: &str, id: &str, writer: &Writer) -> Value {
    let newest = format!("v{}.0", org.options.newest_version);
    let version = writer.version.as_ref().unwrap_or(&newest);
    let bare = json!({ "attributes": { "type": object,
        "url": format!("/services/data/{version}/sobjects/{object}/{id}") }, "Id": id });
    let known = org.schema.object(object).cloned();
    let record = org.store.table(object).get(id).cloned();
    match known.zip(record).filter(|_| writer.duplicate_details) {
        Some((object, record)) => Plan::whole(&object).row(org, &record, &Writing::in_one(version, false)),
        None => bare,
    }
}

/// The error. Its member is misspelled, as in real answers, unless the org spells it right.
pub(crate) fn refused(rule: &DuplicateRule, alike: Vec<Value>, spelled_right: bool) -> Refused {
    let size = alike.len();
    let records: Vec<Value> = alike
        .into_iter()
        .map(|record| json!({ "additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": record }))
        .collect();
    let found = json!({
        "allowSave": rule.allow_save, "duplicateRule": rule.name, "duplicateRuleEntityType": rule.object,
        "errorMessage": MESSAGE,
        "matchResults": [{ "entityType": rule.against, "errors": [], "matchEngine": "FuzzyMatchEngine",
            "matchRecords": records, "rule": format!("Standard_{}_Match_Rule_v1_1", rule.against), "size": size,
            "success": true }],
    });
    let mut error = Refused::new(400, "DUPLICATES_DETECTED", MESSAGE);
    let key = if spelled_right { "duplicateResult" } else { "duplicateResut" };
    error.extra = Some(Box::new((key.to_owned(), found)));
    error
}

impl Salesforce {
    pub fn add_duplicate_rule(&self, rule: DuplicateRule) {
        self.org().refusals.duplicates.push(rule);
    }
}
