//! What can be done in Salesforce. A new action is one file here and one line in [`all`].

#[cfg(test)]
mod conformance;
mod create_task;
mod find_records;
mod update_record;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::domain::outcome::Fault;
use crate::domain::{Object, Value};
use crate::ports::connector::Action;

pub(super) fn all() -> Vec<Arc<dyn Action>> {
    vec![
        Arc::new(create_task::CreateTask),
        Arc::new(find_records::FindRecords),
        Arc::new(update_record::UpdateRecord),
    ]
}

/// The schema of an input, from its type.
fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// No action here has options yet.
fn no_options() -> Value {
    Value::Object(Object::new())
}

/// The input as its type, or which of it is wrong.
fn read<T: DeserializeOwned>(input: &Object) -> Result<T, Fault> {
    serde_json::from_value(Value::Object(input.clone())).map_err(|error| {
        Fault::terminal(
            "bad_input",
            format!("The step's `with` can't be used: {error}. Correct the flow, then rerun."),
        )
    })
}
