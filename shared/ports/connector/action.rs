//! Actions: what a step of a flow can do. Planning is all that an action does; calls are its endpoint's.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Account;
use crate::domain::effect::EffectKind;
use crate::domain::flow::Matching;
use crate::domain::ids::{EffectKey, Marker};
use crate::domain::outcome::Fault;
use crate::domain::record_id::RecordId;
use crate::domain::{Object, Value};

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
