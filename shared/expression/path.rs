//! A bare path, such as `record.Account.Name` or `steps.x.LineItems[0].Amount`: followed through the data itself.
//!
//! What a path finds never passes through JavaScript, so that its numbers keep every digit. A path that leads
//! nowhere is empty, not an error.

use serde_json::Value;

use super::tokens::{is_name_part, is_name_start};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub(crate) root: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Name(String),
    Index(usize),
}

/// Words that look like a path and are JavaScript.
const NOT_A_ROOT: [&str; 9] =
    ["true", "false", "null", "undefined", "NaN", "Infinity", "this", "globalThis", "Math"];

impl Path {
    /// Reads a path, or says that the text is more than one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (root, mut rest) = name(text)?;
        if NOT_A_ROOT.contains(&root) {
            return None;
        }
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = next(rest)?;
            steps.push(step);
            rest = after;
        }
        Some(Self { root: root.into(), steps })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let step = |step: &Step| match step {
            Step::Name(name) => name.clone(),
            Step::Index(index) => index.to_string(),
        };
        std::iter::once(self.root.clone()).chain(self.steps.iter().map(step)).collect()
    }
}

/// Follows steps through a value; nowhere is null.
pub(crate) fn follow(mut value: &Value, steps: &[Step]) -> Value {
    for (at, step) in steps.iter().enumerate() {
        let found = match (value, step) {
            (Value::Object(map), Step::Name(name)) => map.get(name),
            (Value::Object(map), Step::Index(index)) => map.get(&index.to_string()),
            (Value::Array(list), Step::Index(index)) => list.get(*index),
            (Value::Array(list), Step::Name(name)) if name == "length" && at + 1 == steps.len() => {
                return list.len().into();
            }
            (Value::String(text), Step::Name(name)) if name == "length" && at + 1 == steps.len() => {
                return text.encode_utf16().count().into();
            }
            _ => None,
        };
        match found {
            Some(found) => value = found,
            None => return Value::Null,
        }
    }
    value.clone()
}

fn next(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix("?.[").or_else(|| text.strip_prefix('[')) {
        return bracket(rest);
    }
    let rest = text.strip_prefix("?.").or_else(|| text.strip_prefix('.'))?;
    let (step, rest) = name(rest)?;
    Some((Step::Name(step.into()), rest))
}

fn bracket(text: &str) -> Option<(Step, &str)> {
    let quote = text.chars().next()?;
    if quote == '"' || quote == '\'' {
        let (inside, rest) = text[1..].split_once(quote)?;
        let plain = !inside.contains(['\\', '\n']);
        return plain.then_some((Step::Name(inside.into()), rest.strip_prefix(']')?));
    }
    let (digits, rest) = text.split_once(']')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { Some((Step::Index(digits.parse().ok()?), rest)) } else { None }
}

fn name(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with(is_name_start) {
        return None;
    }
    Some(text.split_at(text.find(|character| !is_name_part(character)).unwrap_or(text.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(text: &str, value: &Value) -> Value {
        follow(value, &Path::parse(text).unwrap().steps)
    }

    #[test]
    fn a_path_goes_through_names_and_places() {
        let record = json!({"a": {"b c": [{"d": 1}, {"d": 2}]}, "name": "Zoë"});
        assert_eq!(find("record.a['b c'][1].d", &record), json!(2));
        assert_eq!(find("record.a?.[\"b c\"].length", &record), json!(2));
        assert_eq!(find("record.name.length", &record), json!(3));
        for nowhere in ["record.x.y.z", "record.a['b c'][7].d", "record.name.first", "record.name[0].x"] {
            assert_eq!(find(nowhere, &record), Value::Null);
        }
    }

    #[test]
    fn what_is_more_than_a_path_is_left_to_javascript() {
        for text in
            ["a + b", "a()", "true", "a[b]", "a[-1]", "'a'", "1", "a.", "a..b", "", "a b", "a['x\\n']"]
        {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }
}
