//! `counterfoil catalog`: everything that this build can do, as it says of itself.

use std::process::ExitCode;

use counterfoil::domain::Value;
use counterfoil::flow::page::catalog_page;
use counterfoil::ports::connector::{ActionDescription, TriggerDescription};
use counterfoil::runtime::catalog::catalog;
use serde_json::json;

use crate::output;

const EXAMPLES: &str = "\
Examples:
  counterfoil catalog
  counterfoil catalog xero.create_invoice
  counterfoil catalog --json";

/// Every trigger and action, with its input, its effect and an example
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Catalog {
    /// One trigger or action, with all its fields
    id: Option<String>,
    /// One JSON document: {"triggers": [...], "actions": [...]}, with JSON Schemas of inputs and options
    #[arg(long)]
    json: bool,
    /// A page to read: docs/catalog.md
    #[arg(long, conflicts_with_all = ["json", "id"])]
    markdown: bool,
}

impl Catalog {
    pub(crate) async fn perform(self) -> anyhow::Result<ExitCode> {
        let catalog = catalog();
        if self.markdown {
            output::text(&catalog_page(&catalog));
            return Ok(ExitCode::SUCCESS);
        }
        let asked = |id: &str| self.id.as_deref().is_none_or(|asked| asked == id);
        let triggers: Vec<&TriggerDescription> =
            catalog.trigger_descriptions().filter(|t| asked(t.id)).collect();
        let actions: Vec<&ActionDescription> =
            catalog.actions().map(|(action, _)| action).filter(|action| asked(action.id)).collect();
        if triggers.is_empty() && actions.is_empty() {
            let id = self.id.unwrap_or_default();
            anyhow::bail!(counterfoil::domain::outcome::Failure::new(
                "unknown_action",
                format!("there is no trigger or action called {id}; `counterfoil catalog` lists them"),
            ));
        }
        if self.json {
            output::document(&json!({ "triggers": triggers, "actions": actions }))?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.id.is_some() {
            triggers.iter().for_each(|trigger| show_trigger(trigger));
            actions.iter().for_each(|action| show_action(action));
            return Ok(ExitCode::SUCCESS);
        }
        let rows = |kind: &str, id: &str, effect: &str, title: &str| {
            [kind, id, effect, title].map(str::to_owned).to_vec()
        };
        let mut table: Vec<Vec<String>> =
            triggers.iter().map(|trigger| rows("trigger", trigger.id, "", trigger.title)).collect();
        table.extend(
            actions.iter().map(|action| rows("action", action.id, action.effect.as_str(), action.title)),
        );
        output::table(&["", "ID", "EFFECT", "TITLE"], &table);
        output::note("\n`counterfoil catalog ID` shows one with its fields and an example.");
        Ok(ExitCode::SUCCESS)
    }
}

fn show_trigger(trigger: &TriggerDescription) {
    output::line(format!(
        "{}: {}\n\n{}\n{}",
        trigger.id, trigger.title, trigger.about, trigger.documentation
    ));
    fields("Options", &trigger.options);
    example(trigger.example);
}

fn show_action(action: &ActionDescription) {
    output::line(format!("{}: {}\n\n{}\n{}", action.id, action.title, action.about, action.documentation));
    output::line(format!("\nEffect: {}", action.effect.as_str()));
    if !action.matches.is_empty() {
        output::line(format!("match: any of {}", action.matches.join(", ")));
    }
    if action.links {
        output::line("link: may stand on the step");
    }
    fields("with", &action.input);
    fields("Options", &json!({ "properties": action.options }));
    example(action.example);
}

fn fields(heading: &str, schema: &Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|p| !p.is_empty())
    else {
        return;
    };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    output::line(format!("\n{heading}:"));
    for (name, field) in properties {
        let about = field.get("description").and_then(Value::as_str).unwrap_or_default();
        let must = if required.contains(&name.as_str()) { " (required)" } else { "" };
        let values = field.get("enum").and_then(Value::as_array).map(|values| {
            let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            format!(" [{}]", values.join(", "))
        });
        output::line(format!("  {name}{must}{}  {about}", values.unwrap_or_default()).trim_end());
    }
}

fn example(yaml: &str) {
    output::line("\nExample:");
    for line in yaml.trim_matches('\n').lines() {
        output::line(format!("  {line}"));
    }
}
