//! The flows that ship, and every action's and trigger's example, against the real catalog: the reader and the
//! published schema take them all, and each flow's sample event has what the flow requires.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it didn't expect")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil::connectors::{salesforce::Salesforce, xero::Xero};
use counterfoil::domain::Value;
use counterfoil::flow::file;
use counterfoil::flow::schema::flow_schema;
use counterfoil::flow::unpolled::unpolled_triggers;
use counterfoil::ports::connector::Catalog;

fn catalog() -> Catalog {
    Catalog::new(vec![Arc::new(Salesforce), Arc::new(Xero::new())], unpolled_triggers())
}

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let flows: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    assert!(flows.len() >= 3);
    flows
}

/// What is wrong with a file, by the reader and by the schema.
fn complaints(text: &str, name: &str, catalog: &Catalog, schema: &jsonschema::Validator) -> Vec<String> {
    let reading = file::check(text, name, catalog, &|path| Err(format!("there is no {path}")));
    let found = reading.problems.iter().chain(&reading.warnings).map(ToString::to_string);
    let plain: Value = serde_saphyr::from_str(text).unwrap();
    let errors = schema.iter_errors(&plain).map(|error| format!("{name}: the schema says: {error}"));
    found.chain(errors).collect()
}

fn validator(catalog: &Catalog) -> jsonschema::Validator {
    let schema = flow_schema(catalog);
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[test]
fn the_flows_that_ship_have_no_problems_and_no_warnings() {
    let catalog = catalog();
    let schema = validator(&catalog);
    for path in shipped() {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert_eq!(complaints(&text, &name, &catalog, &schema), Vec::<String>::new());
        let flow = file::read(&text, &name, &catalog, &|_| Err("none".into())).unwrap();
        assert_eq!(flow.name, name, "a flow that ships is named as its file");
    }
}

#[test]
fn a_flow_that_ships_has_a_sample_event_with_everything_that_it_requires() {
    let catalog = catalog();
    for path in shipped() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let event = path.with_file_name("events").join(format!("{name}.json"));
        let event: Value = serde_json::from_str(&std::fs::read_to_string(event).unwrap()).unwrap();
        assert!(event["record"].is_object(), "{name}");
        event["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let flow = file::read(&text, &name, &catalog, &|_| Err("none".into())).unwrap();
        for required in &flow.require {
            let found = event.pointer(&format!("/{}", required.replace('.', "/")));
            assert!(found.and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty()), "{required}");
        }
    }
}

/// An example as a flow, with stand-ins for the steps that it refers to.
fn flow_around(trigger: &str, step: &str) -> String {
    let indented = |text: &str| text.trim_end().replace('\n', "\n    ");
    let mut before = String::new();
    for (at, _) in step.match_indices("steps.") {
        let name: String =
            step[at + 6..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if !before.contains(&format!("id: {name}\n")) {
            before.push_str(&format!("  - id: {name}\n    set: {{ stands: in }}\n"));
        }
    }
    format!("flow: example\ntrigger:\n    {}\nsteps:\n{before}  - {}\n", indented(trigger), indented(step))
}

#[test]
fn every_example_in_the_catalog_can_be_pasted_into_a_flow() {
    let catalog = catalog();
    let schema = validator(&catalog);
    let mut wrong = Vec::new();
    for (action, _) in catalog.actions() {
        let text = flow_around("type: manual", action.example);
        wrong.extend(complaints(&text, action.id, &catalog, &schema));
    }
    for trigger in catalog.trigger_descriptions() {
        let text = flow_around(trigger.example, "stop: true");
        wrong.extend(complaints(&text, trigger.id, &catalog, &schema));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
