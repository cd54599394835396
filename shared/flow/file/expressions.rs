//! Every expression of the file: whether it can be parsed, and whether what it refers to is there.

use super::advice::{did_you_mean, listed, nearest};
use super::problem::Finding;
use super::read::Reader;
use super::tree::{Place, Scalar};
use crate::domain::Object;
use crate::expression::{Condition, ROOTS, Reference, Script, SyntaxError, Template};

/// What a scalar of the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Text with `{{ … }}` in it.
    Template,
    /// True or not, with or without the braces.
    Condition,
    /// One expression, with or without the braces.
    Expression,
    /// One expression that sees the item around it and nothing else.
    About,
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
    /// What the trigger reads of the record, where it says so.
    pub(super) fields_read: Option<Vec<&'f str>>,
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
                let wrong = |mention: &Mention| look_up(mention, place, known, reader);
                findings.extend(mentions.iter().filter_map(wrong));
                reader.warnings.extend(mentions.iter().filter_map(|mention| not_read(mention, place, known)));
                let gone =
                    tables_named(&place.scalar.text).filter(|(_, name)| !known.tables.contains_key(*name));
                findings.extend(gone.map(|(offset, name)| {
                    let at = place.scalar.place_of(offset);
                    unknown(at, "unknown_table", "table", name, known.tables.keys().map(String::as_str))
                }));
            }
        }
    }
    reader.findings.extend(findings);
}

/// What is wrong with a reference, if anything.
fn look_up(
    mention: &Mention,
    place: &Use<'_>,
    known: &Known<'_>,
    reader: &Reader<'_, '_>,
) -> Option<Finding> {
    let at = place.scalar.place_of(mention.offset);
    let root = mention.path.first()?.as_str();
    if place.locals.iter().any(|local| local == root) {
        return None;
    }
    let second = mention.path.get(1).map(String::as_str);
    match (root, second) {
        _ if place.written == Written::About => {
            Some(unknown(at, "unknown_name", "value", root, place.locals.iter().map(String::as_str)))
        }
        ("steps", Some(id)) => {
            let part = &reader.declared[place.part..];
            let seen = place.before.saturating_sub(place.part).min(part.len());
            if part[..seen].iter().any(|step| step.id == id) {
                return None;
            }
            if let Some(later) = reader.declared.iter().find(|step| step.id == id) {
                let message =
                    format!("steps.{id} isn't there yet: that step is in line {}", later.place.line);
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
        _ if ROOTS.contains(&root) => None,
        _ => {
            let locals = place.locals.iter().map(String::as_str);
            Some(unknown(at, "unknown_name", "value", root, ROOTS.into_iter().chain(locals)))
        }
    }
}

/// A field of the record that the trigger doesn't read is always empty.
fn not_read(mention: &Mention, place: &Use<'_>, known: &Known<'_>) -> Option<Finding> {
    let read = known.fields_read.as_ref()?;
    let path = match mention.path.split_first() {
        Some((root, path)) if root == "record" && !path.is_empty() => path,
        _ => return None,
    };
    let same = |(written, known): (&String, &str)| written.eq_ignore_ascii_case(known);
    if read.iter().any(|field| path.iter().zip(field.split('.')).all(same)) {
        return None;
    }
    let path = path.join(".");
    let at = place.scalar.place_of(mention.offset);
    let message = format!("record.{path} is always empty: the trigger doesn't read that field");
    let advice = nearest(&path, read.iter().copied()).map_or_else(
        || format!("add {path} to the trigger's fields"),
        |meant| format!("did you mean record.{meant}?"),
    );
    Some(Finding::new(at, "field_not_read", message).advise(advice))
}

/// `require` is looked at before any step: only the event is there.
fn path_root(root: &str, at: Place, path: &[String]) -> Option<Finding> {
    const THERE: [&str; 3] = ["record", "previous", "event"];
    if THERE.contains(&root) && path.len() > 1 {
        return None;
    }
    let finding = Finding::new(at, "bad_path", format!("`{}` is no path into the record", path.join(".")));
    let advice = nearest(root, THERE).map_or_else(
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
    let advice =
        did_you_mean(name, known.clone()).unwrap_or_else(|| format!("known here: {}", listed(known)));
    Finding::new(at, code, format!("there is no {what} `{name}`")).advise(advice)
}

/// Compiles the expression, as the run will, and lists what it refers to.
fn mentions(place: &Use<'_>) -> Result<Vec<Mention>, Finding> {
    let text = &place.scalar.text;
    let (base, source) = match place.written {
        Written::Condition => bare(text),
        _ => (0, text.as_str()),
    };
    let references = match place.written {
        Written::Template => Template::compile(source).map(|template| template.references()),
        Written::Expression | Written::About => {
            Template::expression(source).map(|template| template.references())
        }
        Written::Condition => Condition::compile(source).map(|condition| condition.references()),
        Written::Script => Script::compile(source).map(|script| script.references().to_vec()),
        Written::Path if is_path(source) => {
            Template::expression(source).map(|template| template.references())
        }
        Written::Path => {
            let finding =
                Finding::new(place.scalar.place_of(0), "bad_path", format!("`{source}` is no path"));
            return Err(finding.advise("name a field: record.Account.Name".to_owned()));
        }
    };
    let references = references.map_err(|error| {
        let at = place.scalar.place_of(base + offset_of(source, &error));
        Finding::new(at, "bad_expression", error.message)
    })?;
    let mention = |reference: Reference| Mention { path: reference.path, offset: base + reference.offset };
    Ok(references.into_iter().map(mention).collect())
}

/// Names with points between them, and numbers in brackets: `record.Lines[0].Id`.
pub(in crate::flow) fn is_path(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let is_index = |index: &str| {
        index
            .strip_suffix(']')
            .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
    };
    text.trim().split('.').all(|piece| {
        let mut parts = piece.split('[');
        parts.next().is_some_and(is_name) && parts.all(is_index)
    })
}

/// A condition that stands in braces as a whole, without them; and where it begins.
fn bare(text: &str) -> (usize, &str) {
    let inside = text.trim().strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
    match inside.filter(|inside| !inside.contains("{{")) {
        Some(inside) => (text.len() - text.trim_start().len() + 2, inside),
        None => (0, text),
    }
}

fn offset_of(text: &str, error: &SyntaxError) -> usize {
    let count = |number: u32| usize::try_from(number.max(1) - 1).unwrap_or_default();
    let start = text.split_inclusive('\n').take(count(error.line)).map(str::len).sum::<usize>();
    let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    start + line.chars().take(count(error.column)).map(char::len_utf8).sum::<usize>()
}

/// The names of tables in `table('account', …)`, as far as they are spelled out.
fn tables_named(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("table(").filter_map(|(at, call)| {
        let before = text[..at].chars().next_back();
        let whole_word = !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'));
        let inside = &text[at + call.len()..];
        let name = inside.trim_start();
        let quote = name.chars().next().filter(|c| whole_word && matches!(c, '\'' | '"'))?;
        let (name, _) = name[1..].split_once(quote)?;
        Some((at, name))
    })
}
