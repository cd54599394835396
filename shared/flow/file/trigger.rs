//! `trigger:`: its type, its connection, and the options, which are checked by the trigger's own schema.

use super::advice::{did_you_mean, listed, nearest};
use super::changed;
use super::each;
use super::expressions::Written;
use super::fields::Fields;
use super::fit::Fit;
use super::problem::Finding;
use super::read::Reader;
use super::tree::Node;
use crate::domain::connection::Provider;
use crate::domain::flow::{Order, Trigger};
use crate::domain::ids::ConnectionId;
use crate::domain::{Object, Value};
use crate::flow::unpolled::wrong_options;
use crate::ports::connector::{Catalog, TriggerDescription};

/// Triggers that will come: named, so that nobody looks for the misspelling.
pub(super) const LATER: [&str; 1] = ["run.failed"];

pub(super) fn read<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Option<Trigger> {
    let mut fields = Fields::of(node, "trigger", reader)?;
    let kind = fields.require("type", reader)?;
    let id = reader.text(kind, "trigger.type")?;
    let Some(description) = description(reader.catalog, &id) else {
        reader.finding(unknown(kind, &id, reader.catalog));
        return None;
    };
    fields.what = id.clone();
    let connection = fields.entry("connection").and_then(|entry| {
        if Provider::of(&id).is_none() {
            let message = format!("{id} uses no connection");
            reader.finding(Finding::new(entry.place, "unknown_field", message));
        }
        reader.literal(&entry.value, "trigger.connection")
    });
    let schema = &description.options;
    let fit = Fit { root: schema, templates: false };
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut options = Object::new();
    let mut each = None;
    for (name, schema) in properties.into_iter().flatten() {
        let Some(entry) = fields.entry(name) else { continue };
        if name == "each" {
            each = each::read(&entry.value, reader).map(Box::new);
            continue;
        }
        let what = format!("trigger.{name}");
        let about = schema.get("format").and_then(Value::as_str);
        let about = about.and_then(|format| format.strip_suffix("-expression"));
        let value = match (name.as_str(), about) {
            ("changed", _) => changed::read(&entry.value, reader),
            (_, Some(about)) => expression(&entry.value, &what, about, reader),
            _ => fit.fit(&entry.value, schema, &what, reader),
        };
        options.insert(name.clone(), value);
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str).filter(|name| *name != "type" && *name != "connection") {
        fields.require(name, reader);
    }
    let wrong = match reader.catalog.feed(&id) {
        Some(feed) => feed.wrong_options(&options),
        None => wrong_options(&id, &options),
    };
    if let Some((option, code, message)) = wrong {
        let place = fields.take(option).map_or(fields.place, |node| node.place);
        reader.finding(Finding::new(place, code, message));
    }
    fields.finish(reader);
    let connection = connection.map(ConnectionId::new);
    Some(Trigger { id, connection, each, options, line: node.place.line })
}

/// An expression of the trigger's own: what it is about (`item`) is all that it sees.
fn expression<'n>(node: &'n Node, what: &str, about: &str, reader: &mut Reader<'n, '_>) -> Value {
    let Some(scalar) = reader.scalar(node, what) else { return Value::Null };
    reader.within(about.to_owned(), |reader| reader.writes(Written::About, scalar));
    Value::String(scalar.text.clone())
}

/// A transition may not be skipped for a newer one; the rest is as the trigger says.
pub(super) fn order(trigger: &Trigger, catalog: &Catalog) -> Order {
    match description(catalog, &trigger.id) {
        Some(description) if !trigger.options.contains_key("changed") => description.order,
        _ => Order::Every,
    }
}

/// The fields of the record that the trigger reads, where it says which; children by their relationship.
pub(super) fn fields_read(trigger: &Trigger) -> Option<Vec<&str>> {
    /// Read by every poll.
    const ALWAYS: [&str; 5] = ["Id", "CreatedDate", "LastModifiedDate", "LastModifiedById", "SystemModstamp"];
    let names = |option: &str| trigger.options.get(option).and_then(Value::as_array).into_iter().flatten();
    let keys = |option: &str| {
        trigger.options.get(option).and_then(Value::as_object).into_iter().flat_map(Object::keys)
    };
    trigger.options.get("fields")?;
    let any = trigger.options.get("changed").and_then(|changed| changed.get("any")).and_then(Value::as_array);
    let listed = names("fields").chain(names("optional_fields")).chain(any.into_iter().flatten());
    let listed = listed.filter_map(Value::as_str);
    let named = keys("children").chain(keys("changed")).map(String::as_str);
    Some(listed.chain(named).chain(ALWAYS).collect())
}

fn description<'c>(catalog: &'c Catalog, id: &str) -> Option<&'c TriggerDescription> {
    catalog.trigger_descriptions().find(|description| description.id == id)
}

fn unknown(node: &Node, id: &str, catalog: &Catalog) -> Finding {
    if LATER.contains(&id) {
        return Finding::new(
            node.place,
            "not_yet",
            format!("the trigger {id} is planned, but not built yet"),
        );
    }
    let known = || catalog.trigger_descriptions().map(|description| description.id);
    let finding = Finding::new(node.place, "unknown_trigger", format!("there is no trigger `{id}`"));
    if nearest(id, known()).is_none() && catalog.action(id).is_some() {
        return finding.advise(format!("{id} is an action; a trigger starts the flow"));
    }
    finding.advise(did_you_mean(id, known()).unwrap_or_else(|| format!("known: {}", listed(known()))))
}
