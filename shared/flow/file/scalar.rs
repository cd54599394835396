//! What a scalar means where any value may stand.
//!
//! YAML reads `NO` as false, `090` as a number and `2026-01-01` as a date in one tool and not in another. Here only
//! what can't be anything else is more than text: `true`, `false`, `null`, and numbers as JSON writes them.

use super::tree::{Scalar, Style};
use crate::domain::Value;

/// The value of a scalar for which no type is known.
pub(super) fn value_of(scalar: &Scalar) -> Value {
    if scalar.style != Style::Plain {
        return Value::String(scalar.text.clone());
    }
    match scalar.text.as_str() {
        "null" | "~" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        // 1e5 is more often a product code than a number.
        text if !text.contains(['e', 'E']) => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
        text => Value::String(text.to_owned()),
    }
}

/// A number as JSON writes it, with the text that it was written with: `1.10`, never `090`.
pub(super) fn number(text: &str) -> Option<Value> {
    let plausible = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    plausible.then(|| text.parse::<serde_json::Number>().ok().map(Value::Number)).flatten()
}

pub(super) fn is_null(scalar: &Scalar) -> bool {
    scalar.style == Style::Plain && matches!(scalar.text.as_str(), "null" | "~")
}

/// Whether the text has a `{{ … }}` in it.
pub(super) fn is_template(scalar: &Scalar) -> bool {
    scalar.text.contains("{{")
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Kind, parse};
    use super::*;

    fn read(text: &str) -> Value {
        let (root, _) = parse(&format!("a: {text}\n")).unwrap();
        match &root.get("a").unwrap().kind {
            Kind::Scalar(scalar) => value_of(scalar),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_plain_numbers_are_numbers_and_they_keep_their_text() {
        for text in ["1.10", "200", "-3", "0", "12345678901234567890.10"] {
            let value = read(text);
            assert!(value.is_number(), "{text}");
            assert_eq!(value.to_string(), text);
        }
        for text in
            ["090", "NO", "yes", "2026-01-01", "0x1F", "1_000", "+5", ".5", "1e5", "'200'", "\"1\"", "1."]
        {
            assert!(read(text).is_string(), "{text} became {:?}", read(text));
        }
    }

    #[test]
    fn true_false_and_null_are_what_they_say() {
        assert_eq!(read("true"), Value::Bool(true));
        assert_eq!(read("null"), Value::Null);
        assert_eq!(read("~"), Value::Null);
        assert_eq!(read("'null'"), Value::String("null".into()));
    }
}
