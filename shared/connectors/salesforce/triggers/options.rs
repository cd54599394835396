//! The options of all triggers, checked and turned into what a poll needs to know.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::soql;
use crate::domain::outcome::Failure;
use crate::domain::{Object, Value};
use crate::ports::connector::{Changed, Events, Interest};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    /// The object's API name: Opportunity, Xero_Document__c.
    object: String,
    /// Fields to read, also over relationships (Account.Name). Id and the system times always come along.
    #[serde(default)]
    fields: Vec<String>,
    /// Fields that are asked for only where the org has them, such as CurrencyIsoCode.
    #[serde(default)]
    optional_fields: Vec<String>,
    /// Child relationships and their fields; they reach the flow as complete lists.
    #[serde(default)]
    children: BTreeMap<String, Child>,
    /// A condition in SOQL, as after WHERE: only such records are watched.
    #[serde(default, rename = "where")]
    condition: Option<String>,
    /// Only when these fields change: {StageName: {to: Closed Won}}, with `from` and `to` as a value or a list, or
    /// {any: [Amount, CloseDate]}.
    #[serde(default)]
    changed: Option<Object>,
    /// Whether changes that our own user made are left out. True unless you say otherwise.
    #[serde(default = "yes")]
    ignore_own: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Child {
    /// Fields of the children, also over relationships (Product2.ProductCode).
    fields: Vec<String>,
}

fn yes() -> bool {
    true
}

/// The options' schema, without those that mean nothing to a trigger.
pub(super) fn schema(without: &[(&str, &str)]) -> Value {
    let mut schema = schemars::schema_for!(Options).to_value();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| !without.iter().any(|(option, _)| name == option));
    }
    schema
}

pub(super) fn interest(options: &Object, events: Events) -> Result<Interest, Failure> {
    let options: Options = serde_json::from_value(Value::Object(options.clone())).map_err(|error| {
        Failure::new(
            "bad_options",
            format!("The trigger's options can't be used: {error}. Correct the flow."),
        )
    })?;
    let changed = options.changed.as_ref().map(|wish| Changed::read(wish, field)).transpose()?;
    let watched = changed.iter().flat_map(Changed::watched);
    let fields = names(options.fields.iter().map(String::as_str).chain(watched))?;
    let optional_fields = names(options.optional_fields.iter().map(String::as_str))?;
    let children = options
        .children
        .iter()
        .map(|(relationship, child)| {
            let fields = names(child.fields.iter().map(String::as_str))?;
            if fields.is_empty() {
                return Err(Failure::new(
                    "bad_options",
                    format!(
                        "`children.{relationship}.fields` is empty: name the children's fields, at least Id"
                    ),
                ));
            }
            Ok((soql::single_name(relationship)?.to_owned(), fields))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    Ok(Interest {
        object: soql::single_name(&options.object)?.to_owned(),
        filter: options.condition.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        fields,
        optional_fields,
        children,
        changed,
        ignore_own: options.ignore_own,
        events,
    })
}

/// What is remembered when a flow goes live: only the records that satisfy `to`, where that is all that matters.
pub(super) fn settled(interest: &Interest) -> Interest {
    let changed = interest.changed.as_ref();
    let fields = changed.map(|c| c.fields.as_slice()).unwrap_or_default();
    let any = changed.map(|c| c.any.as_slice()).unwrap_or_default();
    let by_value = any.is_empty() && fields.iter().all(|change| change.from.is_none());
    let conditions: Vec<String> = fields
        .iter()
        .filter(|_| by_value)
        .filter_map(|change| {
            let values: Vec<String> =
                change.to.as_ref()?.iter().map(soql::literal).collect::<Result<_, _>>().ok()?;
            Some(format!("{} IN ({})", change.field, values.join(", ")))
        })
        .chain(interest.filter.iter().map(|filter| format!("({filter})")))
        .collect();
    Interest {
        filter: (!conditions.is_empty()).then(|| conditions.join(" AND ")),
        fields: fields.iter().map(|change| change.field.clone()).chain(any.iter().cloned()).collect(),
        optional_fields: Vec::new(),
        children: Vec::new(),
        ..interest.clone()
    }
}

fn field(name: &str) -> Result<String, Failure> {
    Ok(soql::name(name)?.to_owned())
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Failure> {
    let names = names.map(soql::name).collect::<Result<Vec<_>, _>>()?;
    Ok(soql::without_repeats(names).into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(options: Value) -> Result<Interest, Failure> {
        interest(options.as_object().unwrap(), Events::EachVersion)
    }

    #[test]
    fn what_is_watched_is_read_as_well() {
        let interest = of(json!({"object": "Opportunity", "fields": ["Id", "Name", "name"],
            "changed": {"StageName": {"from": null, "to": ["Closed Won", "Signed"]}, "any": ["Amount", "Name"]}}))
        .unwrap();
        assert_eq!(interest.fields, ["Id", "Name", "StageName", "Amount"]);
        let changed = interest.changed.unwrap();
        assert_eq!(changed.fields[0].from, Some(vec![Value::Null]));
        assert_eq!(changed.fields[0].to, Some(vec![json!("Closed Won"), json!("Signed")]));
        assert_eq!(changed.any, ["Amount", "Name"]);
        assert!(interest.ignore_own);
    }

    #[test]
    fn children_and_conditions_are_kept() {
        let interest = of(json!({"object": " Opportunity ", "where": " Amount > 0 ", "ignore_own": false,
            "optional_fields": ["CurrencyIsoCode"], "children": {"OpportunityLineItems": {"fields": ["Id"]}}}))
        .unwrap();
        assert_eq!(
            (interest.object.as_str(), interest.filter.as_deref()),
            ("Opportunity", Some("Amount > 0"))
        );
        assert_eq!(interest.children, [("OpportunityLineItems".to_owned(), vec!["Id".to_owned()])]);
        assert!(!interest.ignore_own);
    }

    #[test]
    fn going_live_remembers_only_what_satisfies_the_transition_already() {
        let options = json!({
            "object": "Opportunity", "fields": ["Name"], "where": "Amount > 0",
            "changed": {"StageName": {"to": ["Closed Won", "Won"]}},
        });
        let settled = settled(&of(options).expect("options"));
        assert_eq!(settled.filter.as_deref(), Some("StageName IN ('Closed Won', 'Won') AND (Amount > 0)"));
        assert_eq!(settled.fields, ["StageName"]);
        let from =
            json!({"object": "Opportunity", "fields": ["Name"], "changed": {"StageName": {"from": "New"}}});
        assert_eq!(
            super::settled(&of(from).expect("options")).filter,
            None,
            "the value before matters, of all"
        );
    }

    #[test]
    fn what_cant_be_meant_is_refused() {
        for (options, code) in [
            (json!({}), "bad_options"),
            (json!({"object": "Account", "feilds": []}), "bad_options"),
            (json!({"object": "Account", "fields": ["Name, Secret__c"]}), "bad_name"),
            (json!({"object": "Account", "children": {"Contacts": {"fields": []}}}), "bad_options"),
            (json!({"object": "Account", "children": {"Contacts.X": {"fields": ["Id"]}}}), "bad_name"),
            (json!({"object": "Account", "changed": {}}), "bad_changed"),
            (json!({"object": "Account", "changed": {"Name": "x"}}), "bad_changed"),
            (json!({"object": "Account", "changed": {"Name": {}}}), "bad_changed"),
            (json!({"object": "Account", "changed": {"Name": {"too": "x"}}}), "bad_changed"),
            (json!({"object": "Account", "changed": {"any": [1]}}), "bad_changed"),
        ] {
            assert_eq!(of(options.clone()).unwrap_err().code, code, "{options}");
        }
    }
}
