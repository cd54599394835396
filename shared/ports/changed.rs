//! `changed:` of a trigger: which change of which fields is an event.

use serde::{Deserialize, Serialize};

use crate::domain::outcome::Failure;
use crate::domain::{Object, Value};

/// A transition: `changed: {StageName: {to: Closed Won}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// All of these must hold.
    pub fields: Vec<FieldChange>,
    /// Any change of any of these fields is a transition.
    pub any: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    pub from: Option<Vec<Value>>,
    pub to: Option<Vec<Value>>,
}

impl Changed {
    /// Reads `{StageName: {from: …, to: …}, any: [Amount]}`. `name` says whether a field can be called so, and how the
    /// provider writes it.
    pub fn read(wish: &Object, name: impl Fn(&str) -> Result<String, Failure>) -> Result<Self, Failure> {
        let bad = |text: String| Failure::new("bad_changed", text);
        let mut changed = Self { fields: Vec::new(), any: Vec::new() };
        for (key, value) in wish {
            match (key.as_str(), value) {
                ("any", Value::Array(fields)) => {
                    for field in fields {
                        let field = field
                            .as_str()
                            .ok_or_else(|| bad("`changed.any` is a list of field names".into()))?;
                        changed.any.push(name(field)?);
                    }
                }
                ("any", Value::String(field)) => changed.any.push(name(field)?),
                (field, Value::Object(ends)) => {
                    let field = name(field)?;
                    if let Some(other) = ends.keys().find(|key| !matches!(key.as_str(), "from" | "to")) {
                        return Err(bad(format!("`changed.{field}` takes `from` and `to`, not `{other}`")));
                    }
                    if ends.is_empty() {
                        return Err(bad(format!(
                            "`changed.{field}` says nothing: give `from` or `to`, or put it under `any`"
                        )));
                    }
                    let (from, to) = (values(ends, "from"), values(ends, "to"));
                    changed.fields.push(FieldChange { field, from, to });
                }
                (field, _) => {
                    return Err(bad(format!(
                        "write `changed: {{{field}: {{to: VALUE}}}}` or `changed: {{any: [{field}]}}`"
                    )));
                }
            }
        }
        if changed.fields.is_empty() && changed.any.is_empty() {
            return Err(bad(
                "`changed` names no field: write {StageName: {to: Closed Won}} or {any: [Amount]}".into(),
            ));
        }
        Ok(changed)
    }

    /// The fields that are watched.
    pub fn watched(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|change| change.field.as_str()).chain(self.any.iter().map(String::as_str))
    }

    /// Whether a record of which nothing is known can be a transition: what it was before is not asked for.
    pub fn takes_strangers(&self) -> bool {
        !self.fields.is_empty() && self.fields.iter().all(|change| change.from.is_none())
    }
}

/// A value stands for a list of one; null is a value too.
fn values(ends: &Object, end: &str) -> Option<Vec<Value>> {
    ends.get(end).map(|value| match value {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    })
}
