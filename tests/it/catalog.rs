//! What every action and trigger of the catalog must keep to, whichever is added.

use std::collections::BTreeSet;
use std::path::Path;

use counterfoil::domain::Value;
use counterfoil::domain::connection::Provider;
use counterfoil::domain::effect::EffectKind;
use counterfoil::flow::page::catalog_page;
use counterfoil::runtime::catalog::catalog;

#[test]
fn every_action_says_what_it_is_in_words_that_a_person_can_use() {
    let catalog = catalog();
    let mut titles = BTreeSet::new();
    for (action, _) in catalog.actions() {
        let id = action.id;
        assert!(Provider::of(id).is_some(), "{id} belongs to no provider");
        assert!(action.about.len() > 40, "{id} says too little of itself");
        assert!(action.documentation.starts_with("https://"), "{id} has no page of the provider");
        assert!(titles.insert(action.title), "two actions are called {}", action.title);
        let matches = action.example.lines().any(|line| line.starts_with("match:"));
        assert!(!action.matches.is_empty() || !matches, "{id} can't match, and its example does");
        assert_eq!(action.input["type"], "object", "{id}'s input is no object");
        let properties =
            action.input["properties"].as_object().unwrap_or_else(|| panic!("{id} has no inputs"));
        for (name, property) in properties {
            let described =
                property.get("description").and_then(Value::as_str).is_some_and(|text| text.len() > 3);
            assert!(described, "{id}: `{name}` has no description");
        }
    }
    assert!(titles.len() >= 6);
}

#[test]
fn every_trigger_says_what_it_is_and_shows_a_record() {
    for trigger in catalog().trigger_descriptions() {
        assert!(trigger.about.len() > 40, "{} says too little of itself", trigger.id);
        assert!(trigger.sample.is_object(), "{} shows no record", trigger.id);
        assert!(trigger.example.contains(trigger.id), "{}'s example is of another trigger", trigger.id);
    }
}

#[test]
fn every_endpoint_takes_what_a_full_group_brings() {
    for endpoint in catalog().endpoints() {
        let capacity = endpoint.capacity();
        assert!((1..=200).contains(&capacity.elements), "{} takes {}", endpoint.id(), capacity.elements);
        // A read may have to fit into an address; a write takes whole records.
        let least = if endpoint.effect() == EffectKind::Read { 1_000 } else { 500_000 };
        assert!((least..=3_500_000).contains(&capacity.bytes), "{}: {} bytes", endpoint.id(), capacity.bytes);
    }
}

#[test]
fn the_catalogs_page_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("docs/catalog.md");
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == catalog_page(&catalog()),
        "docs/catalog.md is behind the catalog: cargo run -- catalog --markdown > docs/catalog.md"
    );
}
