//! A feed: a list that somebody keeps at a URL. It needs no account, says nothing of what changed, and is read from its
//! beginning each time; what is new in it the product finds out by itself.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::connector::TriggerDescription;
use super::http::Http;
use crate::domain::outcome::Fault;
use crate::domain::{Object, Value};

/// A polled trigger without an account. Which items are events is none of its business: it reads pages.
#[async_trait]
pub trait Feed: Send + Sync {
    fn describe(&self) -> TriggerDescription;

    /// What is wrong with the options beyond their schema: the option, a code, and why.
    fn wrong_options(&self, options: &Object) -> Option<(&'static str, &'static str, String)>;

    /// The secrets that its requests need, by their names in the vault.
    fn secrets(&self, options: &Object) -> Vec<String>;

    /// The address of the first page.
    fn first_page(&self, options: &Object) -> String;

    /// One page. `Fault::Retry` says from when on the feed may be asked again.
    async fn page(&self, ask: PageAsk<'_>) -> Result<Page, Fault>;
}

pub struct PageAsk<'a> {
    pub options: &'a Object,
    /// Absolute: [`Feed::first_page`], or what the page before called next.
    pub url: &'a str,
    /// Of the same address, when its items were read last.
    pub validators: &'a Validators,
    /// By the names that [`Feed::secrets`] gave.
    pub secrets: &'a BTreeMap<String, SecretString>,
    /// To the server that the flow names.
    pub http: &'a dyn Http,
    /// To other servers, which answers lead to.
    pub elsewhere: &'a dyn Http,
    pub now: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Page {
    /// The validators still hold: it is as it was.
    Unchanged,
    Read(PageRead),
}

#[derive(Debug, Clone, PartialEq)]
pub struct PageRead {
    pub items: Vec<Value>,
    /// The whole answer, for the condition that says which page is the last.
    pub answer: Value,
    pub next: Option<String>,
    pub validators: Validators,
    /// The server's clock (the answer's `Date`).
    pub at: Option<Timestamp>,
}

/// What a server calls the state of a resource. <https://www.rfc-editor.org/rfc/rfc9110#section-8.8>
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}
