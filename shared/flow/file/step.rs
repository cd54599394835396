//! Steps: what kind each is, its name, and the rules that stand around it.

use super::action;
use super::advice::nearest;
use super::expressions::Written;
use super::fields::{Fields, is_identifier};
use super::fit::Fit;
use super::problem::Finding;
use super::read::Reader;
use super::tree::{Kind, Node, Place, Style};
use crate::domain::flow::{DEFAULT_ATTEMPTS, OnError, OnErrorThen, Step, StepKind, Stop, each_step};
use crate::domain::ids::{ConnectionId, StepId};

const KINDS: [&str; 5] = ["action", "javascript", "branch", "set", "stop"];
/// Kinds that will come: named, so that nobody looks for the misspelling.
pub(super) const LATER: [&str; 4] = ["for_each", "http", "delay", "use"];
/// More attempts than this would outlive the queue's memory of a run.
const MAX_ATTEMPTS: u32 = 50;

/// A step's name as it was met in the file.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) id: String,
    pub(super) was: Option<(String, Place)>,
    pub(super) place: Place,
    /// Whether the name is written, or was made from the action's name or the step's kind.
    written: bool,
}

pub(super) fn read<'n>(node: &'n Node, what: &str, reader: &mut Reader<'n, '_>) -> Vec<Step> {
    let nodes = reader.list(node, what);
    if nodes.is_empty() && matches!(node.kind, Kind::List(_)) {
        reader.finding(Finding::new(node.place, "missing_field", format!("{what} has no steps")));
    }
    nodes.iter().filter_map(|node| step(node, reader)).collect()
}

fn step<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Option<Step> {
    let mut fields = Fields::of(node, "a step", reader)?;
    let id = fields.take("id");
    let written = id.and_then(|node| reader.identifier(node, "id"));
    let kind = kind_of(&mut fields, reader)?;
    let (default, numbered) = default_id(kind, &mut fields);
    let name = written.clone().unwrap_or_else(|| match (numbered, id) {
        // An id that can't be used was said; the step still needs a name of its own.
        (true, _) | (_, Some(_)) => unused(&default, reader),
        _ => default,
    });
    fields.what = format!("step {name}");

    let was = fields.take("was").and_then(|node| Some((reader.identifier(node, "was")?, node.place)));
    let when = fields.take("when").and_then(|node| reader.condition(node, "when"));
    let attempts = fields.take("retry").and_then(|node| attempts(node, reader)).unwrap_or(DEFAULT_ATTEMPTS);
    let on_error = fields.take("on_error");
    let value = fields.take(kind);
    let kind = match (kind, value) {
        ("action", Some(value)) => {
            action::read(value, &mut fields, reader).map(|action| StepKind::Action(Box::new(action)))
        }
        ("javascript", Some(value)) => reader.scalar(value, "javascript").map(|scalar| {
            reader.writes(Written::Script, scalar);
            StepKind::JavaScript(scalar.text.clone())
        }),
        ("branch", Some(value)) => branch(value, reader),
        ("set", Some(value)) => set(value, reader),
        ("stop", Some(value)) => stop(value, reader),
        _ => None,
    };
    reader.declared.push(Declared {
        id: name.clone(),
        was: was.clone(),
        place: node.place,
        written: written.is_some(),
    });
    let on_error = on_error.and_then(|node| on_error_of(node, reader)).unwrap_or_default();
    fields.finish(reader);
    Some(Step {
        id: StepId::new(name),
        was: was.map(|(was, _)| StepId::new(was)),
        when,
        on_error,
        attempts,
        kind: kind?,
        line: node.place.line,
    })
}

/// The one field that says what the step does.
fn kind_of<'n>(fields: &mut Fields<'n>, reader: &mut Reader<'n, '_>) -> Option<&'static str> {
    if let Some(later) = LATER.iter().find(|name| fields.has(name)) {
        let message = format!("`{later}` steps are planned, but not built yet");
        reader.finding(Finding::new(fields.place, "not_yet", message));
        return None;
    }
    let found: Vec<&'static str> = KINDS.into_iter().filter(|kind| fields.has(kind)).collect();
    match found[..] {
        [kind] => Some(kind),
        [] => {
            let common = ["id", "was", "when", "retry", "on_error", "with", "link", "match", "connection"];
            for name in KINDS.into_iter().chain(common) {
                fields.know(name);
            }
            let misspelled = fields.unknown().find_map(|entry| Some((entry, nearest(&entry.name, KINDS)?)));
            let finding = match misspelled {
                Some((entry, meant)) => {
                    let message = format!("a step has no field `{}`", entry.name);
                    Finding::new(entry.place, "unknown_field", message)
                        .advise(format!("did you mean {meant}?"))
                }
                None => Finding::new(fields.place, "no_kind", "this step does nothing")
                    .advise(format!("it needs one of {}", KINDS.join(", "))),
            };
            reader.finding(finding);
            None
        }
        _ => {
            let message = format!("a step does one thing, this one has {}", found.join(" and "));
            let finding = Finding::new(fields.place, "two_kinds", message);
            reader.finding(finding.advise("make two steps of it".to_owned()));
            None
        }
    }
}

/// The name of a step that has none, and whether a number may be put behind it: only where nothing outside and no
/// expression goes by the name.
fn default_id(kind: &'static str, fields: &mut Fields<'_>) -> (String, bool) {
    let action = fields.take("action").and_then(|node| match &node.kind {
        Kind::Scalar(scalar) => scalar.text.rsplit('.').next().filter(|name| is_identifier(name)),
        _ => None,
    });
    match (kind, action) {
        ("action", Some(name)) => (name.to_owned(), false),
        ("set", _) => (kind.to_owned(), false),
        _ => (kind.to_owned(), true),
    }
}

fn unused(name: &str, reader: &Reader<'_, '_>) -> String {
    let taken = |name: &str| reader.declared.iter().any(|declared| declared.id == name);
    if !taken(name) {
        return name.to_owned();
    }
    let mut numbers = 2..;
    numbers
        .find_map(|number| Some(format!("{name}_{number}")).filter(|name| !taken(name)))
        .unwrap_or_default()
}

fn branch<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Option<StepKind> {
    let mut fields = Fields::of(node, "branch", reader)?;
    let when = fields.require("when", reader).and_then(|node| reader.condition(node, "branch.when"));
    let steps = fields.require("steps", reader).map(|node| read(node, "branch.steps", reader));
    let otherwise = fields.take("else").map(|node| read(node, "branch.else", reader)).unwrap_or_default();
    fields.finish(reader);
    Some(StepKind::Branch { when: when?, steps: steps?, otherwise })
}

fn set<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Option<StepKind> {
    match &node.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            Some(StepKind::Set(Fit::FREE.value(node, "set", reader)))
        }
        _ => {
            reader.wrong_shape(node, "set", "a map of names and values");
            None
        }
    }
}

fn stop<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Option<StepKind> {
    if let Kind::Scalar(scalar) = &node.kind
        && (scalar.text == "true" && scalar.style == Style::Plain)
    {
        return Some(StepKind::Stop(Stop { error: None }));
    }
    if matches!(node.kind, Kind::Scalar(_)) {
        reader.finding(
            Finding::new(node.place, "wrong_shape", "stop is true, or a map with `error`")
                .advise("stop: true ends the run well; stop: { error: \"why\" } fails it".to_owned()),
        );
        return None;
    }
    let mut fields = Fields::of(node, "stop", reader)?;
    let error = fields.take("error").and_then(|node| reader.template(node, "stop.error"));
    fields.finish(reader);
    Some(StepKind::Stop(Stop { error }))
}

fn attempts<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Option<u32> {
    let mut fields = Fields::of(node, "retry", reader)?;
    let found = fields.require("attempts", reader);
    let text = found.and_then(|node| reader.text(node, "retry.attempts"));
    fields.finish(reader);
    let attempts = text.as_ref()?.parse().ok().filter(|attempts| (1..=MAX_ATTEMPTS).contains(attempts));
    if attempts.is_none() {
        let message = format!("retry.attempts is a whole number from 1 to {MAX_ATTEMPTS}");
        reader.finding(Finding::new(found.map_or(node.place, |node| node.place), "wrong_shape", message));
    }
    attempts
}

/// `continue`, `fail`, `{steps: […], in_doubt: true}` or `{then: continue, in_doubt: true}`.
fn on_error_of<'n>(node: &'n Node, reader: &mut Reader<'n, '_>) -> Option<OnError> {
    #[derive(Clone, Copy)]
    enum Word {
        Continue,
        Fail,
    }
    let words = [("continue", Word::Continue), ("fail", Word::Fail)];
    let then = |word: Option<Word>| match word {
        Some(Word::Continue) => OnErrorThen::Continue,
        _ => OnErrorThen::Fail,
    };
    if !matches!(node.kind, Kind::Map(_)) {
        return Some(OnError { then: then(reader.one_of(node, "on_error", &words)), in_doubt: false });
    }
    let mut fields = Fields::of(node, "on_error", reader)?;
    let word = fields.take("then").map(|node| reader.one_of(node, "on_error.then", &words));
    let steps = fields.take("steps").map(|node| read(node, "on_error.steps", reader));
    let in_doubt = fields.take("in_doubt").and_then(|node| reader.flag(node, "on_error.in_doubt"));
    let place = fields.place;
    fields.finish(reader);
    let then = match (word, steps) {
        (Some(word), None) => then(word),
        (None, Some(steps)) => OnErrorThen::Steps(steps),
        (Some(_), Some(_)) => {
            let finding = Finding::new(place, "two_kinds", "on_error has both `then` and `steps`");
            reader.finding(finding.advise("after `steps` the flow goes on anyway".to_owned()));
            return None;
        }
        (None, None) => {
            reader.finding(Finding::new(place, "missing_field", "on_error needs `then` or `steps`"));
            return None;
        }
    };
    Some(OnError { then, in_doubt: in_doubt.unwrap_or(false) })
}

/// Ids are unique over the whole flow, `was` included: effects are kept under them.
pub(super) fn check_names(reader: &mut Reader<'_, '_>) {
    let mut findings = Vec::new();
    for (index, step) in reader.declared.iter().enumerate() {
        let earlier = reader.declared[..index].iter().find(|earlier| earlier.id == step.id);
        if let Some(earlier) = earlier {
            let line = earlier.place.line;
            let finding = match step.written {
                true => Finding::new(
                    step.place,
                    "duplicate_id",
                    format!("the id {} is taken by the step in line {line}", step.id),
                ),
                false => Finding::new(
                    step.place,
                    "id_needed",
                    format!(
                        "a step needs an id where its name, {}, is that of the step in line {line}",
                        step.id
                    ),
                ),
            };
            findings.push(finding.advise(format!("id: {}_2", step.id)));
        }
        if let Some((was, place)) = &step.was {
            let clash = reader.declared.iter().enumerate().any(|(other, declared)| {
                declared.id == *was
                    || (other != index && declared.was.as_ref().is_some_and(|(other, _)| other == was))
            });
            if clash {
                let message = format!("was: {was} is the name of another step");
                findings.push(
                    Finding::new(*place, "duplicate_id", message)
                        .advise("effects are kept under it: two steps can't share them".to_owned()),
                );
            }
        }
    }
    reader.findings.extend(findings);
}

/// A template for a connection needs the list of those that it may yield.
pub(super) fn check_connections(
    steps: &[Step],
    if_missing: &[Step],
    connections: &[ConnectionId],
    reader: &mut Reader<'_, '_>,
) {
    let needs = |step: &Step| match &step.kind {
        StepKind::Action(action) => action.connection.as_ref().is_some_and(|name| name.contains("{{")),
        _ => false,
    };
    let mut wanting = Vec::new();
    each_step(steps, &mut |step| wanting.extend(needs(step).then_some(step.line)));
    each_step(if_missing, &mut |step| wanting.extend(needs(step).then_some(step.line)));
    if connections.is_empty() {
        for line in wanting {
            let message = "a connection by template needs the flow's `connections`";
            let finding = Finding::new(Place { line, column: 1 }, "connections_needed", message);
            reader.finding(
                finding.advise("list what it may yield: connections: [xero-nz, xero-au]".to_owned()),
            );
        }
    }
}
