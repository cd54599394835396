//! `table(name, key)`: codes and ids that the flow keeps in its `tables`.

use serde_json::{Map, Value};

use super::status::listed;
use super::{Answer, Guide, Refused, text_of};

pub(super) const GUIDE: Guide = Guide {
    name: "table",
    signature: "table(name, key)",
    about: "Looks a key up in one of the flow's tables: as written, else whatever its upper and lower case. `default` \
            stands for every other key, and for an empty one; without it the step fails as `unknown_key`. A table that \
            is kept for each connection is that of the step's connection, in the trigger's where a step has none.",
    examples: &[
        ("table('account', 'Hardware')", r#""200""#),
        ("table('account', 'services')", r#""210""#),
        ("table('account', 'Unheard of')", r#""260""#),
    ],
};

/// The tables of a table that is kept for each connection, by the connection's name.
pub fn per_connection(table: &Value) -> Option<&Map<String, Value>> {
    let table = table.as_object().filter(|table| table.len() == 1)?;
    table.get("connections")?.as_object()
}

pub(super) fn call(name: &Value, key: &Value, tables: &Value) -> Answer {
    let none = Map::new();
    let tables = tables.as_object().unwrap_or(&none);
    let name = text_of(name).unwrap_or_default();
    let Some(table) = tables.get(&name).and_then(Value::as_object) else {
        let message = format!("there is no table `{name}`: the flow's tables are {}", listed(tables.keys()));
        return Err(Refused::new("unknown_table", message));
    };
    if let Some(connections) = tables.get(&name).and_then(per_connection) {
        let message = format!(
            "the table `{name}` is kept for each connection, and has none for this step's: it has {}",
            listed(connections.keys())
        );
        return Err(Refused::new("no_table_for_connection", message));
    }
    let key = text_of(key).unwrap_or_default();
    let alike = || table.iter().find(|(known, _)| known.trim().to_lowercase() == key.to_lowercase());
    let found = table.get(&key).or_else(|| alike().map(|(_, value)| value));
    match found.filter(|_| !key.is_empty()).or_else(|| table.get("default")) {
        Some(value) => Ok(value.clone()),
        None => Err(Refused::new(
            "unknown_key",
            format!("the table `{name}` has no default and not this key, only {}", listed(table.keys())),
        )),
    }
}
