//! The schema and the reader must say the same of a file, as far as a schema can.

use serde_json::{Value, json};

use super::flow_schema;
use crate::flow::file::{check, json_of};
use crate::flow::made_up::catalog;
use crate::ports::connector::Catalog;

fn validator(catalog: &Catalog) -> jsonschema::Validator {
    let schema = flow_schema(catalog);
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Whether the schema takes the text, as an editor reads it.
fn schema_takes(validator: &jsonschema::Validator, text: &str) -> bool {
    validator.is_valid(&json_of(text).unwrap())
}

fn reader_says(catalog: &Catalog, text: &str) -> Result<(), String> {
    let reading = check(text, "f.yaml", catalog, &|_| Err("there is none".to_owned()));
    let problems: Vec<String> = reading.problems.iter().map(ToString::to_string).collect();
    if reading.flow.is_some() { Ok(()) } else { Err(problems.join("\n")) }
}

fn flow_of(trigger: &str, step: &str) -> String {
    let indented = |text: &str| text.trim_end().replace('\n', "\n    ");
    // What the step refers to stands before it.
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

/// Every example of a catalog passes the reader and the schema.
fn examples_pass(catalog: &Catalog) {
    let validator = validator(catalog);
    let steps = catalog.actions().map(|(action, _)| flow_of("type: manual", action.example));
    let triggers = catalog.trigger_descriptions().map(|trigger| flow_of(trigger.example, "stop: true"));
    for text in steps.chain(triggers) {
        assert_eq!(reader_says(catalog, &text), Ok(()), "{text}");
        let errors: Vec<String> =
            validator.iter_errors(&json_of(&text).unwrap()).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{text}\n{}", errors.join("\n"));
    }
}

#[test]
fn the_examples_of_actions_and_triggers_are_valid() {
    examples_pass(&catalog());
}

#[test]
fn the_schema_and_the_reader_agree() {
    let (catalog, invoice) = (catalog(), "action: xero.create_invoice\nwith: ");
    let validator = validator(&catalog);
    let with = |with: &str| format!("{invoice}{with}");
    let good_steps = [
        with("{ Contact: { ContactID: 1 }, Date: 2026-01-01, Reference: NO }"),
        with("{ Contact: { ContactID: true }, LineItems: [{ Quantity: '1.50', UnitAmount: 1.50 }] }"),
        with("{ Contact: \"{{ record.c }}\", LineItems: \"{{ record.l }}\", SentToContact: \"{{ record.s }}\" }"),
        with("{ Contact: { ContactID: x }, LineItems: { each: record.l, as: line, with: { Quantity: 1 }, plus: [{}] } }"),
        with("{ Contact: { ContactID: x }, Reference: { clear: true }, clear: [Date] }"),
        with("{ Contact: { ContactID: x }, Reference: null, LineAmountTypes: NoTax, SentToContact: true }"),
        with("\"{{ record.all }}\""),
        format!("{invoice}{{ Contact: {{ ContactID: x }} }}\nlink: {{ name: a, key: 1 }}\nif_exists: skip\napprove: submit"),
        "action: xero.upsert_contact\nmatch: [Name, { all: [Name, EmailAddress] }]\nif_found: keep\nwith: { Name: 1 }".into(),
        "action: salesforce.update_record\nwith: { object: A, id: 1, fields: { A: 1, B: [1, { c: d }] }, clear: [X] }".into(),
        "action: salesforce.create_task\nwith: { Subject: x, Anything: 1 }\non_error: { then: continue, in_doubt: true }".into(),
        "javascript: return 1\nretry: { attempts: 2 }\nwhen: true".into(),
        "branch: { when: record.a, steps: [{ stop: true }], else: [{ stop: { error: x } }] }".into(),
        "set: { a: 1, b: [{ c: null }] }\nid: x\nwas: y".into(),
    ];
    let bad_steps = [
        with("{ Date: 2026-01-01 }"),
        with("{ Contact: { ContactID: x }, Dat: 2026-01-01 }"),
        with("{ Contact: { ContactId: x } }"),
        with("{ Contact: x }"),
        with("{ Contact: { ContactID: x }, LineItems: [{ Quantity: many }] }"),
        with("{ Contact: { ContactID: x }, LineItems: [{ UnitAmount: a lot }] }"),
        with("{ Contact: { ContactID: x }, LineItems: { Quantity: 1 } }"),
        with("{ Contact: { ContactID: x }, LineItems: { each: record.l } }"),
        with("{ Contact: { ContactID: x }, LineItems: { each: record.l, with: { Quantitty: 1 } } }"),
        with("{ Contact: { ContactID: x }, LineAmountTypes: exclusive }"),
        with("{ Contact: { ContactID: x }, SentToContact: maybe }"),
        with("[1]"),
        format!("{invoice}{{ Contact: {{ ContactID: x }} }}\nif_exists: skip"),
        format!("{invoice}{{ Contact: {{ ContactID: x }} }}\napprove: maybe"),
        format!("{invoice}{{ Contact: {{ ContactID: x }} }}\nmatch: [Name]"),
        "action: xero.create_invoice".into(),
        "action: xero.create_invoyce\nwith: {}".into(),
        "action: xero.upsert_contact\nmatch: [Nmae]\nwith: { Name: x }".into(),
        "action: salesforce.find_records\nwith: { object: A, match: { a: b }, limit: 1.5 }".into(),
        "javascript: return 1\nwith: {}".into(),
        "branch: { when: record.a }".into(),
        "set: {}".into(),
        "stop: no".into(),
        "set: { a: 1 }\nid: 1st".into(),
        "set: { a: 1 }\nretry: { attempts: 0 }".into(),
        "set: { a: 1 }\non_error: ignore".into(),
        "set: { a: 1 }\non_error: { in_doubt: true }".into(),
        "set: { a: 1 }\nstop: true".into(),
        "for_each: { in: x }".into(),
        "id: nothing".into(),
    ];
    let updated = |more: &str| format!("type: salesforce.updated_record\nobject: Account\n{more}");
    let good_triggers = [
        updated("fields: [Id]\nwhere: Name != null\nconnection: crm"),
        updated("changed: { StageName: { from: [A, 1], to: NO }, any: [Amount] }"),
        updated("children: { Contacts: { fields: [Id] } }"),
        "type: http.webhook\nsecret_path: true\nsignature: { header: x-sig, secret: hook, algorithm: sha512, tolerance_seconds: 60 }".into(),
        "type: schedule\ncron: 0 7 * * *".into(),
    ];
    let bad_triggers = [
        updated("field: [Id]"),
        updated("changed: { StageName: Won }"),
        updated("changed: { StageName: { too: Won } }"),
        updated("changed: {}"),
        updated("fields: Id"),
        updated("children: { Contacts: [Id] }"),
        "type: salesforce.updated_record".into(),
        "type: salesforce.deleted_record".into(),
        "type: http.webhook\nsignature: { header: x-sig }".into(),
        "type: http.webhook\nconnection: crm".into(),
        "type: schedule".into(),
        "object: Account".into(),
    ];
    let top = |top: &str| format!("{top}\n{}", flow_of("type: manual", "stop: true"));
    let good_tops = [
        "title: 1\nwithin: 12h\norder: every\nwhen_failed: { email: true }",
        "tables: { a: { x: 1, y: { z: 090 }, default: b } }\nsettings: { a: [1] }\nconnections: [a]\nrequire: [record.a]",
        "require: [record.a]\nif_missing_fields: [{ stop: true }]",
    ];
    let bad_tops = [
        "titel: x",
        "within: 30",
        "order: oldest",
        "when_failed: true",
        "when_failed: { mail: true }",
        "tables: { a: [x] }",
        "tables: { a: {} }",
        "if_missing_fields: [{ stop: true }]",
        "if_missing_fields: []\nrequire: [record.a]",
        "connections: a",
    ];
    let good = good_steps.iter().map(|step| flow_of("type: manual", step));
    let good = good.chain(good_triggers.iter().map(|trigger| flow_of(trigger, "stop: true")));
    for text in good.chain(good_tops.map(top)) {
        assert_eq!(reader_says(&catalog, &text), Ok(()), "{text}");
        assert!(schema_takes(&validator, &text), "the schema refuses\n{text}");
    }
    let bad = bad_steps.iter().map(|step| flow_of("type: manual", step));
    let bad = bad.chain(bad_triggers.iter().map(|trigger| flow_of(trigger, "stop: true")));
    for text in bad.chain(bad_tops.map(top)) {
        assert!(reader_says(&catalog, &text).is_err(), "the reader takes\n{text}");
        assert!(!schema_takes(&validator, &text), "the schema takes\n{text}");
    }
}

#[test]
fn the_schema_describes_what_an_editor_shows() {
    let schema = flow_schema(&catalog());
    let invoice = &schema["$defs"]["xero.create_invoice"];
    assert_eq!(invoice["title"], json!("Create an invoice"));
    assert!(invoice["description"].as_str().unwrap().contains("https://"));
    assert_eq!(schema["$defs"]["trigger.http.webhook"]["properties"]["type"]["const"], json!("http.webhook"));
}

#[test]
fn every_reference_in_the_schema_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let schema = flow_schema(&catalog());
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(schema.pointer(pointer).is_some(), "{reference}");
    }
}
