//! The catalog as a page to read: every trigger and action, with its inputs and an example.

use crate::domain::Value;
use crate::ports::connector::Catalog;

/// Markdown. What it says comes from the descriptions alone, so that a new action brings its own chapter.
pub fn catalog_page(catalog: &Catalog) -> String {
    let mut page = String::from(
        "# Triggers and actions\n\nMade from the catalog itself: `counterfoil catalog --markdown`. Inputs are named as the provider names them.\n\n## Triggers\n",
    );
    for trigger in catalog.trigger_descriptions() {
        page.push_str(&format!(
            "\n### `{}`\n\n**{}.** {}\n\n[The provider's page]({})\n",
            trigger.id, trigger.title, trigger.about, trigger.documentation
        ));
        fields(&mut page, "Option", &trigger.options);
        page.push_str(&format!("\n```yaml\n{}\n```\n", trigger.example.trim()));
    }
    page.push_str("\n## Actions\n");
    for (action, _) in catalog.actions() {
        page.push_str(&format!(
            "\n### `{}`\n\n**{}.** {}\n\nEffect: *{}*. [The provider's page]({})\n",
            action.id,
            action.title,
            action.about,
            action.effect.as_str(),
            action.documentation
        ));
        if !action.matches.is_empty() {
            let names: Vec<String> = action.matches.iter().map(|name| format!("`{name}`")).collect();
            page.push_str(&format!("\n`match` may name {}.\n", names.join(", ")));
        }
        fields(&mut page, "Input", &action.input);
        fields(&mut page, "Option", &serde_json::json!({ "properties": options(&action.options) }));
        page.push_str(&format!("\n```yaml\n{}\n```\n", action.example.trim()));
    }
    page
}

/// An action's options are properties, or an object schema that has them.
fn options(schema: &Value) -> Value {
    schema.get("properties").unwrap_or(schema).clone()
}

fn fields(page: &mut String, kind: &str, schema: &Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    if properties.is_empty() {
        return;
    }
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    page.push_str(&format!("\n| {kind} | Type | |\n|---|---|---|\n"));
    for (name, property) in properties {
        let needed = if required.contains(&name.as_str()) { " (required)" } else { "" };
        let about =
            property.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        let all = [about.replace('|', "\\|"), bounds(property)];
        let all: Vec<String> = all.into_iter().filter(|text| !text.is_empty()).collect();
        page.push_str(&format!("| `{name}`{needed} | {} | {} |\n", kind_of(property), all.join(" ")));
    }
}

/// `1 to 1440; 5 when left out.`
fn bounds(property: &Value) -> String {
    let said = |name: &str| property.get(name).filter(|value| value.is_number());
    let range = match (said("minimum"), said("maximum")) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (None, None) => None,
    };
    let default = said("default").map(|default| format!("{default} when left out"));
    let all: Vec<String> = range.into_iter().chain(default).collect();
    if all.is_empty() { String::new() } else { format!("{}.", all.join("; ")) }
}

fn kind_of(property: &Value) -> String {
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        return values
            .iter()
            .map(|value| format!("`{}`", value.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(", ");
    }
    match property.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}
