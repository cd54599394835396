//! `counterfoil describe`: fields, picklists and codes of a connected account, to paste into a flow.

use std::process::ExitCode;

use counterfoil::domain::Value;
use counterfoil::flow::budget::Priority;
use counterfoil::flow::{FlowError, Stack};

use crate::output;
use crate::place::Place;

const EXAMPLES: &str = "\
Examples:
  counterfoil describe books                 accounts, bank accounts, tax rates, tracking, currencies
  counterfoil describe books tax_rates
  counterfoil describe crm                   the objects of the org
  counterfoil describe crm Opportunity       its fields, picklists and children";

/// Show fields and picklists, or accounts and tax rates: codes to paste
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Describe {
    /// Which account
    connection: String,
    /// An object of it; what there is when left out
    object: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Describe {
    pub(crate) async fn perform(self, place: &Place) -> anyhow::Result<ExitCode> {
        let described = describe(&place.existing()?, &self.connection, self.object.as_deref()).await?;
        match self.json {
            true => output::document(&described)?,
            false => show(&described),
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn describe(stack: &Stack, name: &str, object: Option<&str>) -> anyhow::Result<Value> {
    let connection = stack.connections.named(name).await?;
    let deadline = stack.now() + stack.times.function;
    let client = stack.client(connection, Priority::Live, deadline).map_err(FlowError::from)?;
    Ok(client.connector.describe(&client, object).await.map_err(FlowError::from)?)
}

/// What is shown of a field; the rest is in `--json`.
const OF_A_FIELD: [&str; 6] = ["name", "label", "type", "length", "required", "picklist"];

/// Each list is a table under its name, everything else a line.
fn show(described: &Value) {
    for (name, value) in described.as_object().into_iter().flatten() {
        let Some(rows) = value.as_array() else {
            output::line(format!("{name}: {}", plain(value)));
            continue;
        };
        output::line(format!("\n{name}"));
        let columns = if name == "fields" { OF_A_FIELD.to_vec() } else { columns(rows) };
        let cells = |row: &Value| columns.iter().map(|column| plain(&row[*column])).collect::<Vec<_>>();
        output::table(&columns, &rows.iter().map(cells).collect::<Vec<_>>());
    }
}

/// In the order in which they are met.
fn columns(rows: &[Value]) -> Vec<&str> {
    let mut columns = Vec::new();
    for name in rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()) {
        if !columns.contains(&name.as_str()) {
            columns.push(name.as_str());
        }
    }
    columns
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(false) => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
