//! Endpoints: one place at the provider that takes many elements in one call.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Account;
use crate::domain::Value;
use crate::domain::effect::EffectKind;
use crate::domain::ids::Marker;
use crate::domain::outcome::{Failure, Fault};
use crate::ports::http::{Method, Response};

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

/// What a call came to for one of its elements.
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
