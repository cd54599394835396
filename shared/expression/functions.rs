//! The value functions: what a flow's JavaScript may call besides the language itself.
//!
//! Each is plain Rust over JSON values, so that it gives the same answer on every machine and can be tried without an
//! engine. A file holds one function, its errors and the examples that document it.

mod countries;
mod date;
mod money;
mod pattern;
mod phone;
mod status;
mod table;
mod tags;
mod today;

use std::sync::Arc;

use serde_json::Value;
pub use table::per_connection;

use super::error::WantedBy;
use super::scope::Scope;
use crate::domain::time::Stamp;

/// How one value function is described to people. Every example is run by a test.
#[derive(Clone, Copy, Debug)]
pub struct Guide {
    pub name: &'static str,
    pub signature: &'static str,
    pub about: &'static str,
    /// An expression and the JSON that it gives.
    pub examples: &'static [(&'static str, &'static str)],
}

/// All value functions, for the documentation.
pub const GUIDES: [&Guide; 7] =
    [&date::GUIDE, &phone::GUIDE, &tags::GUIDE, &status::GUIDE, &money::GUIDE, &table::GUIDE, &today::GUIDE];

/// A function as the engine takes it: by JavaScript that sets up a class, or as it is.
pub(crate) struct Installed {
    pub names: &'static [&'static str],
    pub javascript: Option<&'static str>,
}

pub(crate) const INSTALLED: &[Installed] = &[
    Installed { names: &["date", "today"], javascript: Some(date::JAVASCRIPT) },
    Installed { names: &["money"], javascript: Some(money::JAVASCRIPT) },
    Installed { names: &["phone"], javascript: None },
    Installed { names: &["tags"], javascript: None },
    Installed { names: &["status"], javascript: None },
    Installed { names: &["table"], javascript: None },
];

/// The names of all value functions.
pub const NAMES: [&str; 7] = ["date", "phone", "tags", "status", "money", "table", "today"];

/// What the functions see of the scope.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    enqueued: Stamp,
    tables: Arc<Value>,
    links: Arc<Value>,
}

impl Surroundings {
    pub(crate) fn of(scope: &Scope) -> Self {
        let named = |name| scope.get(name).cloned().unwrap_or_default();
        Self { enqueued: scope.enqueued(), tables: named("tables"), links: named("links") }
    }

    /// What the scope knows about a link: null is an answer too ("there is none"), nothing is none.
    pub(crate) fn link(&self, name: &str, by: WantedBy, key: &str) -> Option<Value> {
        self.links.get(name)?.get(by.word())?.get(key).cloned()
    }
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { enqueued: Stamp(jiff::Timestamp::UNIX_EPOCH), tables: Arc::default(), links: Arc::default() }
    }
}

/// What a value function refuses, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub code: &'static str,
    pub message: String,
}

impl Refused {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

type Answer = Result<Value, Refused>;

/// Calls an operation by its name.
pub(crate) fn call(operation: &str, given: &[Value], surroundings: &Surroundings) -> Answer {
    let argument = |index: usize| given.get(index).unwrap_or(&Value::Null);
    match operation.split_once('.') {
        Some(("date", method)) => date::call(method, argument(0), argument(1)),
        Some(("money", method)) => money::call(method, given),
        _ => match operation {
            "phone" => phone::call(argument(0), argument(1)),
            "tags" => tags::call(argument(0)),
            "status" => status::call(argument(0), argument(1)),
            "table" => table::call(argument(0), argument(1), &surroundings.tables),
            "today" => today::call(argument(0), surroundings.enqueued),
            _ => Err(Refused::new("unknown_function", format!("there is no function `{operation}`"))),
        },
    }
}

/// The code of an error that came back through JavaScript, if it is one of ours.
pub(crate) fn known_code(code: &str) -> Option<&'static str> {
    const CODES: &[&str] = &[
        "amount_overflow",
        "amount_too_long",
        "bad_decimals",
        "bad_pattern",
        "bad_span",
        "bad_split",
        "invalid_phone",
        "javascript_result",
        "not_a_date",
        "no_table_for_connection",
        "not_an_amount",
        "number_too_long",
        "unknown_country",
        "unknown_function",
        "unknown_key",
        "unknown_status",
        "unknown_table",
        "unknown_zone",
    ];
    CODES.iter().find(|known| **known == code).copied()
}

/// Nothing, or text that is only space: what counts as empty everywhere in a flow.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// Text as it stands, and numbers by their digits.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
