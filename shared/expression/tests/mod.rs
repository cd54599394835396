//! The expressions as an author meets them.

mod functions;
mod javascript;
mod limits;
mod templates;
mod values;

use serde_json::{Value, json};

use super::{Engine, ExpressionError, Scope, Script, Template};
use crate::domain::time::Stamp;

/// A run of 14 September 2026, in the evening in London and the next morning in Auckland.
fn scope(record: Value) -> Scope {
    Scope::new(Stamp::parse("2026-09-14T20:00:00Z").unwrap())
        .with("record", record)
        .with("tables", json!({"account": {"Hardware": "200", "Services": "210", "default": "260"}, "tax": {"NZ": "OUTPUT2"}}))
}

fn render(template: &str, record: Value) -> Result<Value, ExpressionError> {
    Template::compile(template).unwrap().render(&scope(record), &Engine::default())
}

fn run(script: &str, record: Value) -> Result<Value, ExpressionError> {
    Script::compile(script).unwrap().run(&scope(record), &Engine::default())
}

/// JSON that keeps the digits it is written with.
fn exact(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
