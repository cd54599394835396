//! An action step: the action, its input by the action's schema, and how it links and matches.

use super::advice::{did_you_mean, listed, nearest};
use super::expressions::Written;
use super::fields::Fields;
use super::fit::Fit;
use super::problem::Finding;
use super::read::Reader;
use super::scalar::is_template;
use super::tree::{Kind, Node};
use crate::domain::flow::{ActionStep, IfExists, IfFound, IfMany, IfMissing, LinkRule, Matching};
use crate::domain::ids::LinkName;
use crate::domain::{Object, Value};
use crate::ports::connector::ActionDescription;

const IF_EXISTS: [(&str, IfExists); 4] = [
    ("use", IfExists::Use),
    ("update", IfExists::Update),
    ("skip", IfExists::Skip),
    ("fail", IfExists::Fail),
];
const IF_FOUND: [(&str, IfFound); 3] =
    [("update", IfFound::Update), ("fill_empty", IfFound::FillEmpty), ("keep", IfFound::Keep)];
const IF_MISSING: [(&str, IfMissing); 3] =
    [("create", IfMissing::Create), ("skip", IfMissing::Skip), ("fail", IfMissing::Fail)];
const IF_MANY: [(&str, IfMany); 3] =
    [("fail", IfMany::Fail), ("oldest", IfMany::Oldest), ("newest", IfMany::Newest)];

/// Fields of every action step, whatever the action.
const COMMON: [&str; 8] =
    ["connection", "with", "link", "if_exists", "match", "if_found", "if_missing", "if_many"];

pub(super) fn read<'n>(
    node: &'n Node,
    fields: &mut Fields<'n>,
    reader: &mut Reader<'n, '_>,
) -> Option<ActionStep> {
    let id = reader.literal(node, "action");
    let catalog = reader.catalog;
    let Some(action) = id.as_deref().and_then(|id| catalog.action(id)).map(|(description, _)| description)
    else {
        if let Some(id) = &id {
            reader.finding(unknown(node, id, reader));
        }
        forgive(fields);
        return None;
    };
    let connection = fields.take("connection").and_then(|node| reader.template(node, "connection"));
    let with = input(action, fields, reader);
    let link = link(action, fields, reader);
    let matching = matching(action, fields, reader);
    let options = options(action, fields, reader);
    Some(ActionStep { action: action.id.to_owned(), connection, with, link, matching, options })
}

fn unknown(node: &Node, id: &str, reader: &Reader<'_, '_>) -> Finding {
    let known = || reader.catalog.actions().map(|(description, _)| description.id);
    let finding = Finding::new(node.place, "unknown_action", format!("there is no action `{id}`"));
    let trigger = reader.catalog.trigger_descriptions().any(|trigger| trigger.id == id);
    if trigger && nearest(id, known()).is_none() {
        return finding.advise(format!("{id} is a trigger; a step has an action"));
    }
    finding.advise(did_you_mean(id, known()).unwrap_or_else(|| format!("known: {}", listed(known()))))
}

/// Nothing can be said of the fields of an action that nobody knows.
fn forgive(fields: &mut Fields<'_>) {
    let names: Vec<String> =
        COMMON.into_iter().map(str::to_owned).chain(fields.unknown().map(|e| e.name.clone())).collect();
    for name in names {
        fields.know(&name);
    }
}

fn input<'n>(action: &ActionDescription, fields: &mut Fields<'n>, reader: &mut Reader<'n, '_>) -> Value {
    let fit = Fit { root: &action.input, templates: true };
    match fields.take("with") {
        Some(node) if matches!(&node.kind, Kind::Scalar(scalar) if is_template(scalar)) => {
            fit.value(node, "with", reader)
        }
        Some(node) if !matches!(node.kind, Kind::Map(_)) => {
            reader.wrong_shape(node, "with", "a map of the action's inputs");
            Value::Null
        }
        Some(node) => fit.value(node, "with", reader),
        None => {
            let required = action.input.get("required").and_then(Value::as_array).into_iter().flatten();
            let required: Vec<&str> = required.filter_map(Value::as_str).collect();
            if !required.is_empty() {
                let message = format!("{} needs `with`: {}", fields.what, listed(required));
                reader.finding(Finding::new(fields.place, "missing_input", message));
            }
            Value::Object(Object::new())
        }
    }
}

/// `link: invoice`, or `link: {name, key, if_exists}`; `if_exists` may stand on the step as well.
fn link<'n>(
    action: &ActionDescription,
    fields: &mut Fields<'n>,
    reader: &mut Reader<'n, '_>,
) -> Option<LinkRule> {
    let entry = fields.entry("link");
    let beside = fields.entry("if_exists");
    let Some(entry) = entry else {
        if let Some(beside) = beside {
            let finding = Finding::new(
                beside.place,
                "link_needed",
                "if_exists says what a link does, and there is none",
            );
            reader.finding(finding.advise("add link: NAME".to_owned()));
        }
        return None;
    };
    if !action.links {
        let message = format!("{} makes nothing that a link could remember", action.id);
        reader.finding(Finding::new(entry.place, "does_not_link", message));
        return None;
    }
    let if_exists = beside.and_then(|entry| reader.one_of(&entry.value, "if_exists", &IF_EXISTS));
    if !matches!(entry.value.kind, Kind::Map(_)) {
        let name = LinkName::new(reader.identifier(&entry.value, "link")?);
        return Some(LinkRule { name, key: None, if_exists: if_exists.unwrap_or_default() });
    }
    let mut link = Fields::of(&entry.value, "link", reader)?;
    let name = link.require("name", reader).and_then(|node| reader.identifier(node, "link.name"));
    let key = link.take("key").and_then(|node| reader.template(node, "link.key"));
    let inside = link.take("if_exists").and_then(|node| reader.one_of(node, "link.if_exists", &IF_EXISTS));
    link.finish(reader);
    if let (Some(beside), Some(_)) = (beside, inside) {
        let message = "if_exists is written twice, in the link and beside it";
        reader.finding(Finding::new(beside.place, "written_twice", message));
    }
    let if_exists = inside.or(if_exists).unwrap_or_default();
    Some(LinkRule { name: LinkName::new(name?), key, if_exists })
}

fn matching<'n>(
    action: &ActionDescription,
    fields: &mut Fields<'n>,
    reader: &mut Reader<'n, '_>,
) -> Matching {
    if action.matches.is_empty() {
        for name in ["match", "if_found", "if_missing", "if_many"] {
            let known = action.options.get(name).is_some()
                || action.options.pointer(&format!("/properties/{name}")).is_some();
            if let (Some(entry), false) = (fields.has(name).then(|| fields.entry(name)).flatten(), known) {
                let message = format!("{} matches nothing, so `{name}` can't stand on it", action.id);
                reader.finding(Finding::new(entry.place, "does_not_match", message));
            }
        }
        return Matching::default();
    }
    let alternatives =
        fields.take("match").map(|node| alternatives(node, action, reader)).unwrap_or_default();
    Matching {
        alternatives,
        if_found: fields
            .take("if_found")
            .and_then(|node| reader.one_of(node, "if_found", &IF_FOUND))
            .unwrap_or_default(),
        if_missing: fields
            .take("if_missing")
            .and_then(|node| reader.one_of(node, "if_missing", &IF_MISSING))
            .unwrap_or_default(),
        if_many: fields
            .take("if_many")
            .and_then(|node| reader.one_of(node, "if_many", &IF_MANY))
            .unwrap_or_default(),
    }
}

/// `[ContactNumber, {all: [Name, EmailAddress]}]`
fn alternatives<'n>(
    node: &'n Node,
    action: &ActionDescription,
    reader: &mut Reader<'n, '_>,
) -> Vec<Vec<String>> {
    let nodes = reader.list(node, "match");
    let mut alternatives = Vec::new();
    for node in nodes {
        let names: Vec<&'n Node> = match &node.kind {
            Kind::Map(_) => {
                let Some(mut fields) = Fields::of(node, "match", reader) else { continue };
                let all = fields.require("all", reader).map(|node| reader.list(node, "match.all"));
                fields.finish(reader);
                all.unwrap_or_default().iter().collect()
            }
            _ => vec![node],
        };
        let fields = names.into_iter().filter_map(|node| match_field(node, action, reader)).collect();
        alternatives.push(fields);
    }
    if alternatives.is_empty() && matches!(node.kind, Kind::List(_)) {
        let finding = Finding::new(node.place, "missing_field", "match names no field");
        reader.finding(finding.advise(format!("choose from {}", listed(action.matches.iter().copied()))));
    }
    alternatives
}

fn match_field<'n>(
    node: &'n Node,
    action: &ActionDescription,
    reader: &mut Reader<'n, '_>,
) -> Option<String> {
    let name = reader.literal(node, "match")?;
    let known = || action.matches.iter().copied();
    if known().any(|known| known == name || known == "*") {
        return Some(name);
    }
    let advice = did_you_mean(&name, known()).unwrap_or_else(|| format!("choose from {}", listed(known())));
    let message = format!("{} can't match by `{name}`", action.id);
    reader.finding(Finding::new(node.place, "unknown_match", message).advise(advice));
    None
}

/// The action's own fields of the step: `approve: submit`.
fn options<'n>(action: &ActionDescription, fields: &mut Fields<'n>, reader: &mut Reader<'n, '_>) -> Object {
    // Described as a schema of an object, or as its properties alone.
    let properties = match action.options.get("properties") {
        Some(Value::Object(properties)) if action.options.get("type").is_some() => Some(properties),
        _ => action.options.as_object(),
    };
    let fit = Fit { root: &action.options, templates: true };
    let mut options = Object::new();
    for (name, schema) in properties.into_iter().flatten() {
        if let Some(node) = fields.take(name) {
            options.insert(name.clone(), fit.fit(node, schema, name, reader));
        }
    }
    options
}

impl<'n> Reader<'n, '_> {
    /// A text that may hold templates.
    pub(super) fn template(&mut self, node: &'n Node, what: &str) -> Option<String> {
        let scalar = self.scalar(node, what)?;
        if is_template(scalar) {
            self.writes(Written::Template, scalar);
        }
        Some(scalar.text.clone())
    }
}
