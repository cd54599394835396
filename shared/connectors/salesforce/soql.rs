//! Writing SOQL that means what was meant: names are checked against what a name may be, values are quoted.
//!
//! No call is made here. Only a user's own `where` goes into a query as it was written, in parentheses.

use crate::domain::outcome::Failure;
use crate::domain::time::Stamp;
use crate::domain::{Object, Value};

/// An object, a field, or a path over relationships: `Account.Owner.Name`.
pub(super) fn name(text: &str) -> Result<&str, Failure> {
    let text = text.trim();
    let plain = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if text.split('.').all(plain) {
        return Ok(text);
    }
    Err(Failure::new(
        "bad_name",
        format!(
            "`{}` is no name that Salesforce could have: write an API name such as Xero_Invoice__c, or a path such \
             as Account.Name",
            text.chars().take(60).collect::<String>()
        ),
    ))
}

/// One name, without a path.
pub(super) fn single_name(text: &str) -> Result<&str, Failure> {
    match name(text)? {
        path if path.contains('.') => Err(Failure::new(
            "bad_name",
            format!("`{path}` is a path over relationships: only a single API name can stand here"),
        )),
        single => Ok(single),
    }
}

/// A text in quotes.
/// <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm>
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("\\'"),
            '"' => quoted.push_str("\\\""),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// A value to compare a field with. Days and instants can't be told from texts here, so texts are quoted: a
/// comparison with a date belongs in `where`.
pub(super) fn literal(value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(quoted(text)),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Failure::new(
            "bad_match_value",
            "`match` compares a field with a text, a number or true/false: write anything else in `where`",
        )),
    }
}

/// An instant, unquoted and in UTC.
/// <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_dateformats.htm>
pub(super) fn instant(at: jiff::Timestamp) -> String {
    Stamp(at).to_soql()
}

/// Field names without repeats, which SOQL refuses. Names are the same whatever their capitals.
pub(super) fn without_repeats<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::new();
    for name in names {
        if !kept.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            kept.push(name);
        }
    }
    kept
}

/// `Field = 'value' AND …` in the order of the object; None when there is nothing to compare.
pub(super) fn all_equal(fields: &Object) -> Result<Option<String>, Failure> {
    let terms = fields
        .iter()
        .map(|(field, value)| Ok(format!("{} = {}", name(field)?, literal(value)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    Ok(if terms.is_empty() { None } else { Some(terms.join(" AND ")) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_paths_pass_and_everything_else_is_refused_by_name() {
        for good in ["Id", "Xero_Invoice__c", "Account.Owner.Name", " Name "] {
            assert_eq!(name(good).unwrap(), good.trim());
        }
        for bad in ["", "1st", "Name, Secret__c", "Name FROM User", "Account..Name", ".Name", "Näme", "a'b"]
        {
            let failure = name(bad).unwrap_err();
            assert_eq!(failure.code, "bad_name", "{bad}");
            assert!(failure.message.contains(bad), "{bad}");
        }
        assert_eq!(single_name("Account.Name").unwrap_err().code, "bad_name");
    }

    #[test]
    fn a_quote_in_a_value_ends_nothing() {
        assert_eq!(quoted("O'Brien \\ \"Co\"\n\u{1}"), r#"'O\'Brien \\ \"Co\"\n\u0001'"#);
    }

    #[test]
    fn values_are_written_as_soql_reads_them() {
        assert_eq!(literal(&json!("a")).unwrap(), "'a'");
        assert_eq!(literal(&json!(true)).unwrap(), "true");
        let exact: Value = serde_json::from_str("1234567890.12345678901").unwrap();
        assert_eq!(literal(&exact).unwrap(), "1234567890.12345678901");
        assert_eq!(literal(&json!([1])).unwrap_err().code, "bad_match_value");
    }

    #[test]
    fn an_instant_is_unquoted_and_never_later_than_it_is() {
        let at = "2026-05-06T11:56:44.9999Z".parse().unwrap();
        assert_eq!(instant(at), "2026-05-06T11:56:44.999Z");
    }

    #[test]
    fn a_field_is_asked_for_once_however_it_is_capitalised() {
        assert_eq!(without_repeats(["Id", "name", "ID", "Name"]), ["Id", "name"]);
    }

    proptest! {
        #[test]
        fn a_quoted_text_ends_at_its_last_quote_only(text in "\\PC{0,40}|['\\\\\"\n]{0,10}") {
            let quoted = quoted(&text);
            let inside = &quoted[1..quoted.len() - 1];
            let mut characters = inside.chars();
            while let Some(character) = characters.next() {
                prop_assert_ne!(character, '\'');
                if character == '\\' {
                    prop_assert!(characters.next().is_some());
                }
            }
        }
    }
}
