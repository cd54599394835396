//! What a person or a test arranged to be refused: records that are locked, duplicates, validation rules.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Refused;
use super::condition::Condition;
use super::duplicates::{self, DuplicateRule};
use super::objects::Object;
use super::org::{Org, Writer};
use super::store::Record;

/// Refuses the next matching writes through the API.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Any object when left out.
    pub object: Option<String>,
    /// Any record when left out; creates have none yet.
    pub record: Option<String>,
    pub times: u32,
    pub error: Refused,
    /// A duplicate rule that only warns: `allowSave=true` passes it.
    pub allow_save: bool,
}

impl Refusal {
    pub fn new(object: &str, times: u32, error: Refused) -> Self {
        Self { object: Some(object.to_owned()), record: None, times, error, allow_save: false }
    }

    /// Another transaction holds the record: worth another try.
    pub fn row_lock(record: &str) -> Self {
        let message = format!("unable to obtain exclusive access to this record or 1 records: {record}");
        let error = Refused::record("UNABLE_TO_LOCK_ROW", message, &[]);
        Self { object: None, record: Some(record.to_owned()), times: 1, error, allow_save: false }
    }

    /// What a duplicate rule says about a record that looks like `existing`. The member of the error is
    /// misspelled, as in real answers.
    pub fn duplicates(object: &str, existing: &str, allow_save: bool) -> Self {
        let rule = DuplicateRule {
            name: format!("Standard_{object}_Duplicate_Rule"),
            object: object.to_owned(),
            against: object.to_owned(),
            fields: Vec::new(),
            allow_save,
        };
        let record = json!({ "attributes": { "type": object,
            "url": format!("/services/data/v67.0/sobjects/{object}/{existing}") }, "Id": existing });
        let error = duplicates::refused(&rule, vec![record], false);
        Self { object: Some(object.to_owned()), record: None, times: 1, error, allow_save }
    }
}

/// Looks at a record about to be saved and the one before; the text refuses it.
pub type Check = Arc<dyn Fn(&Value, Option<&Value>) -> Option<String> + Send + Sync>;

/// Refuses records that match a SOQL condition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ValidationRule {
    pub(crate) object: String,
    pub(crate) condition: Condition,
    message: String,
}

#[derive(Default)]
pub(crate) struct Refusals {
    armed: Vec<Refusal>,
    pub(crate) rules: Vec<ValidationRule>,
    /// By object.
    checks: Vec<(String, Check)>,
    pub(crate) duplicates: Vec<DuplicateRule>,
}

impl Refusals {
    pub(crate) fn arm(&mut self, refusal: Refusal) {
        self.armed.push(refusal);
    }

    pub(crate) fn rule_where(&mut self, object: &str, condition: Condition, message: &str) {
        let (object, message) = (object.to_owned(), message.to_owned());
        self.rules.push(ValidationRule { object, condition, message });
    }

    pub(crate) fn rule(&mut self, object: &str, check: Check) {
        self.checks.push((object.to_owned(), check));
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// An arranged refusal for this write, used up by it.
    pub(crate) fn meet(&mut self, object: &Object, id: Option<&str>, writer: &Writer) -> Result<(), Refused> {
        if !writer.api {
            return Ok(());
        }
        let met = self.armed.iter_mut().find(|refusal| {
            refusal.times > 0
                && refusal.object.as_deref().is_none_or(|name| name == object.name)
                && refusal.record.as_deref().is_none_or(|record| Some(record) == id)
                && !(refusal.allow_save && writer.allow_duplicates)
        });
        let Some(refusal) = met else { return Ok(()) };
        refusal.times -= 1;
        Err(refusal.error.clone())
    }
}

/// The org's validation rules, for people and the API alike.
pub(crate) fn validate(
    org: &Org,
    object: &Object,
    record: &Record,
    before: Option<&Record>,
) -> Result<(), Refused> {
    let Refusals { rules, checks, .. } = &org.refusals;
    let rules = rules.iter().filter(|rule| rule.object == object.name);
    let broken = rules.filter(|rule| rule.condition.accepts(org, record)).map(|rule| rule.message.clone());
    let checks = checks.iter().filter(|(name, _)| *name == object.name);
    let objected = checks.filter_map(|(_, check)| {
        let before = before.map(|before| Value::Object(before.fields.clone()));
        check(&Value::Object(record.fields.clone()), before.as_ref())
    });
    match broken.chain(objected).next() {
        Some(message) => Err(Refused::record("FIELD_CUSTOM_VALIDATION_EXCEPTION", message, &[])),
        None => Ok(()),
    }
}
