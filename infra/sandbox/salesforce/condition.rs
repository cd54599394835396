//! A SOQL condition that an administrator wrote into a rule: kept as its text, used as the filter that it binds to.

use serde::{Deserialize, Serialize};

use super::answer::Refused;
use super::filter::Filter;
use super::objects::Object;
use super::org::Org;
use super::soql;
use super::store::Record;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Condition {
    text: String,
    /// Bound anew, by `rebind`, when it was read from a file.
    #[serde(skip)]
    filter: Option<Filter>,
}

impl Condition {
    pub(crate) fn bind(org: &Org, object: &std::sync::Arc<Object>, text: &str) -> Result<Self, Refused> {
        let filter = Some(bound(org, object, text)?);
        Ok(Self { text: text.to_owned(), filter })
    }

    pub(crate) fn rebind(&mut self, org: &Org, object: &str) -> Result<(), Refused> {
        self.filter = Some(bound(org, &org.object(object)?, &self.text)?);
        Ok(())
    }

    pub(crate) fn accepts(&self, org: &Org, record: &Record) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.accepts(org, record))
    }

    pub(crate) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }
}

fn bound(org: &Org, object: &std::sync::Arc<Object>, condition: &str) -> Result<Filter, Refused> {
    let text = format!("SELECT Id FROM {} WHERE {condition}", object.name);
    let select = soql::parse(&text)?;
    let none = || Refused::new(400, "MALFORMED_QUERY", "a condition is needed");
    Filter::bind(org, &text, object, &select.condition.ok_or_else(none)?)
}
