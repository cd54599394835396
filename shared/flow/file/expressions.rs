//! Every expression of the file: whether it can be parsed, and whether what it refers to is there.

use super::advice::{did_you_mean, listed, nearest};
use super::problem::Finding;
use super::read::Reader;
use super::tree::{Place, Scalar};
use crate::domain::Object;

/// What a scalar of the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Text with `{{ … }}` in it.
    Template,
    /// True or not, with or without the braces.
    Condition,
    /// One expression, with or without the braces.
    Expression,
    /// A function body.
    Script,
    /// A bare path into the record.
    Path,
}

/// An expression, and what can be seen from its place.
#[derive(Debug)]
pub(super) struct Use<'n> {
    pub(super) written: Written,
    pub(super) scalar: &'n Scalar,
    /// The first step that it can see.
    pub(super) part: usize,
    /// The number of steps that are written before it.
    pub(super) before: usize,
    /// The names of the items around it.
    pub(super) locals: Vec<String>,
}

/// The flow's own names.
pub(super) struct Known<'f> {
    pub(super) tables: &'f Object,
    pub(super) settings: &'f Object,
}

/// A path that an expression mentions, and its byte in the scalar's text.
#[derive(Debug)]
struct Mention {
    path: Vec<String>,
    offset: usize,
}

/// Checks them all, now that every name of the file is known.
pub(super) fn check(uses: &[Use<'_>], known: &Known<'_>, reader: &mut Reader<'_, '_>) {
    let mut findings = Vec::new();
    for place in uses {
        match mentions(place) {
            Err(finding) => findings.push(finding),
            Ok(mentions) => {
                for mention in mentions {
                    findings.extend(look_up(&mention, place, known, reader));
                }
            }
        }
    }
    reader.findings.extend(findings);
}

/// What is wrong with a reference, if anything.
fn look_up(mention: &Mention, place: &Use<'_>, known: &Known<'_>, reader: &Reader<'_, '_>) -> Option<Finding> {
    let at = place.scalar.place_of(mention.offset);
    let root = mention.path.first()?.as_str();
    if place.locals.iter().any(|local| local == root) {
        return None;
    }
    let second = mention.path.get(1).map(String::as_str);
    match (root, second) {
        ("steps", Some(id)) => {
            let part = &reader.declared[place.part..];
            let seen = place.before.saturating_sub(place.part).min(part.len());
            if part[..seen].iter().any(|step| step.id == id) {
                return None;
            }
            if let Some(later) = reader.declared.iter().find(|step| step.id == id) {
                let message = format!("steps.{id} isn't there yet: that step is in line {}", later.place.line);
                return Some(Finding::new(at, "step_comes_later", message));
            }
            let ids = part[..seen].iter().map(|step| step.id.as_str());
            Some(unknown(at, "unknown_step", "step", id, ids))
        }
        ("tables", Some(name)) if !known.tables.contains_key(name) => {
            Some(unknown(at, "unknown_table", "table", name, known.tables.keys().map(String::as_str)))
        }
        ("settings", Some(name)) if !known.settings.contains_key(name) => {
            Some(unknown(at, "unknown_setting", "setting", name, known.settings.keys().map(String::as_str)))
        }
        _ if place.written == Written::Path => path_root(root, at, &mention.path),
        _ => None,
    }
}

/// `require` is looked at before any step: only the event is there.
fn path_root(root: &str, at: Place, path: &[String]) -> Option<Finding> {
    const ROOTS: [&str; 3] = ["record", "previous", "event"];
    if ROOTS.contains(&root) && path.len() > 1 {
        return None;
    }
    let finding = Finding::new(at, "bad_path", format!("`{}` is no path into the record", path.join(".")));
    let advice = nearest(root, ROOTS).map_or_else(
        || format!("record.{}", path.join(".")),
        |meant| format!("did you mean {}?", [&[meant.to_owned()], &path[1..]].concat().join(".")),
    );
    Some(finding.advise(advice))
}

fn unknown<'k>(
    at: Place,
    code: &'static str,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Finding {
    let advice = did_you_mean(name, known.clone()).unwrap_or_else(|| format!("known here: {}", listed(known)));
    Finding::new(at, code, format!("there is no {what} `{name}`")).advise(advice)
}

fn mentions(place: &Use<'_>) -> Result<Vec<Mention>, Finding> {
    let text = &place.scalar.text;
    let broken = |offset: usize, message: &str| {
        Err(Finding::new(place.scalar.place_of(offset), "bad_expression", message.to_owned()))
    };
    if place.written != Written::Template {
        let bare = text.trim().strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
        let source = bare.unwrap_or(text.trim());
        let offset = source.as_ptr() as usize - text.as_ptr() as usize;
        return Ok(paths(source, offset));
    }
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find("{{").map(|open| at + open) {
        let Some(close) = text[open..].find("}}").map(|close| open + close) else {
            return broken(open, "this `{{` is never closed");
        };
        found.extend(paths(&text[open + 2..close], open + 2));
        at = close + 2;
    }
    Ok(found)
}

fn paths(source: &str, start: usize) -> Vec<Mention> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
    let mut found = Vec::new();
    let mut at = 0;
    for piece in source.split(|c: char| !is_part(c)) {
        if piece.starts_with(|c: char| c.is_alphabetic()) {
            let path = piece.split('.').map(str::to_owned).collect();
            found.push(Mention { path, offset: start + at });
        }
        at += piece.len() + source[at + piece.len()..].chars().next().map_or(0, char::len_utf8);
    }
    found
}
