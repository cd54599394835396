//! Values as they come in, as they are kept, and as they compare.
//!
//! Kept the way they go out: datetimes as `2026-05-06T11:56:44.000+0000`, dates as `2026-05-24`, numbers
//! as JSON numbers rounded to the field's scale, text trimmed, empty text as null. No amount passes through
//! a float.

use std::borrow::Cow;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Number, Value};

use super::answer::Refused;
use super::ids;
use super::objects::{Field, FieldType};

/// Whole seconds, as every stamp of a record has.
pub(crate) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    Timestamp::from_str(text).ok()
}

/// A day, or that of an instant, as it is written.
fn day(text: &str) -> Option<Date> {
    let day = text.get(..10)?;
    (day == text || instant(text).is_some()).then(|| day.parse().ok()).flatten()
}

/// The same as `read`, but a text that is too long may be cut instead of refused.
pub(crate) fn read_or_cut(field: &Field, value: &Value, cut: bool) -> Result<Value, Refused> {
    match (read(field, value), value) {
        (Err(refused), Value::String(text)) if cut && refused.code == "STRING_TOO_LONG" => {
            let start: String = text.trim().chars().take(field.length).collect();
            read(field, &start.into())
        }
        (read, _) => read,
    }
}

/// What the field keeps of the value, or why it doesn't take it.
pub(crate) fn read(field: &Field, value: &Value) -> Result<Value, Refused> {
    if value.is_null() {
        return Ok(if field.kind == FieldType::Boolean { false.into() } else { Value::Null });
    }
    let text = match value {
        Value::String(text) => text.trim(),
        Value::Number(_) if field.kind.is_number() => return number(field, &value.to_string()),
        Value::Bool(truth) if field.kind == FieldType::Boolean => return Ok((*truth).into()),
        _ => return Err(wrong_type(field, value)),
    };
    if text.is_empty() && field.kind != FieldType::Boolean {
        return Ok(Value::Null);
    }
    match field.kind {
        FieldType::Boolean => match text {
            "true" | "1" => Ok(true.into()),
            "false" | "0" | "" => Ok(false.into()),
            _ => Err(wrong_type(field, value)),
        },
        kind if kind.is_number() => number(field, text),
        FieldType::Date => Ok(day(text).ok_or_else(|| wrong_type(field, value))?.to_string().into()),
        FieldType::DateTime => Ok(stamp(instant(text).ok_or_else(|| wrong_type(field, value))?).into()),
        FieldType::Id | FieldType::Reference => match ids::normalise(text) {
            Some(id) => Ok(id.into()),
            None => Err(Refused::record(
                "MALFORMED_ID",
                format!("{}: id value of incorrect type: {text}", spoken(&field.name)),
                &[&field.name],
            )),
        },
        FieldType::Base64 => base64(field, text).ok_or_else(|| wrong_type(field, value)),
        _ => worded(field, text),
    }
}

/// A value without the quotes of a text.
pub(crate) fn spelled(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Kept as the text it came as, once it can be read.
fn base64(field: &Field, text: &str) -> Option<Value> {
    let compact: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(&compact).ok()?;
    (field.length == 0 || bytes.len() <= field.length).then(|| compact.into())
}

fn worded(field: &Field, text: &str) -> Result<Value, Refused> {
    if field.length > 0 && text.chars().count() > field.length {
        let start: String = text.chars().take(255).collect();
        let message =
            format!("{}: data value too large: {start} (max length={})", spoken(&field.name), field.length);
        return Err(Refused::record("STRING_TOO_LONG", message, &[&field.name]));
    }
    let chosen = |value: &str| field.picklist.iter().any(|known| known.eq_ignore_ascii_case(value));
    if field.restricted && !text.split(';').all(chosen) {
        let message = format!("{}: bad value for restricted picklist field: {text}", spoken(&field.name));
        return Err(Refused::record("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[&field.name]));
    }
    if field.kind == FieldType::Email && !plausible_email(text) {
        let message = format!("{}: invalid email address: {text}", spoken(&field.name));
        return Err(Refused::record("INVALID_EMAIL_ADDRESS", message, &[&field.name]));
    }
    Ok(text.into())
}

pub(crate) fn plausible_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !host.ends_with('.') && !text.contains(char::is_whitespace)
    })
}

fn number(field: &Field, text: &str) -> Result<Value, Refused> {
    let wrong = || wrong_type(field, &Value::String(text.to_owned()));
    let amount = decimal(text).ok_or_else(wrong)?;
    let rounded = amount.round_dp_with_strategy(field.scale, RoundingStrategy::MidpointAwayFromZero);
    let room = field.precision.saturating_sub(field.scale).min(28);
    if rounded.abs() >= Decimal::from_i128_with_scale(10_i128.pow(room), 0) {
        let message =
            format!("{}: value outside of valid range on numeric field: {text}", spoken(&field.name));
        return Err(Refused::record("NUMBER_OUTSIDE_VALID_RANGE", message, &[&field.name]));
    }
    Ok(written(rounded, field.kind == FieldType::Int))
}

/// A decimal as Salesforce writes it: a whole number where the field is one, else at least one decimal.
pub(crate) fn written(amount: Decimal, whole: bool) -> Value {
    let mut text = amount.normalize().to_string();
    if !whole && !text.contains('.') {
        text.push_str(".0");
    }
    Number::from_str(&text).map_or(Value::Null, Value::Number)
}

pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

pub(crate) fn amount(value: &Value) -> Option<Decimal> {
    value.as_number().and_then(|number| decimal(number.as_str()))
}

fn wrong_type(field: &Field, value: &Value) -> Refused {
    let (token, shown) = match value {
        Value::String(text) => ("VALUE_STRING", text.clone()),
        Value::Number(number) if number.to_string().contains('.') => {
            ("VALUE_NUMBER_FLOAT", number.to_string())
        }
        Value::Number(number) => ("VALUE_NUMBER_INT", number.to_string()),
        Value::Bool(true) => ("VALUE_TRUE", "true".into()),
        Value::Bool(false) => ("VALUE_FALSE", "false".into()),
        Value::Array(_) => ("START_ARRAY", "[".into()),
        _ => ("START_OBJECT", "{".into()),
    };
    let wanted = match field.kind {
        FieldType::Date => "date",
        FieldType::DateTime => "datetime",
        FieldType::Boolean => "boolean",
        FieldType::Int => "int",
        FieldType::Base64 => "base64Binary",
        kind if kind.is_number() => "double",
        _ => "string",
    };
    let message = format!(
        "Cannot deserialize instance of {wanted} from {token} value {shown} or request may be missing a \
         required field at [line:1, column:1]"
    );
    Refused::new(400, "JSON_PARSER_ERROR", message)
}

/// `AccountId` as errors say it: `Account ID`.
fn spoken(name: &str) -> String {
    if name.ends_with("__c") {
        return name.trim_end_matches("__c").replace('_', " ");
    }
    let spaced = label(name);
    spaced.strip_suffix(" Id").map_or(spaced.clone(), |rest| format!("{rest} ID"))
}

/// `BillingCity` as a label: `Billing City`.
pub(crate) fn label(name: &str) -> String {
    let mut label = String::new();
    let mut before = ' ';
    for letter in name.trim_end_matches("__c").chars() {
        if letter == '_' {
            label.push(' ');
        } else {
            if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
                label.push(' ');
            }
            label.push(letter);
        }
        before = letter;
    }
    label
}

/// A kept value in the form that is compared, sorted and grouped by: text without case, numbers by amount.
/// Null is less than everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key<'a> {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(Cow<'a, str>),
}

impl<'a> Key<'a> {
    pub(crate) fn of(kind: FieldType, value: &'a Value) -> Self {
        match value {
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(_) => amount(value).map_or(Self::Null, Self::Number),
            Value::String(text) if kind.is_text() => Self::Text(text.to_lowercase().into()),
            Value::String(text) => Self::Text(text.as_str().into()),
            _ => Self::Null,
        }
    }

    pub(crate) fn into_owned(self) -> Key<'static> {
        match self {
            Self::Null => Key::Null,
            Self::Bool(truth) => Key::Bool(truth),
            Self::Number(amount) => Key::Number(amount),
            Self::Text(text) => Key::Text(text.into_owned().into()),
        }
    }
}

impl From<i64> for Key<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::Schema;
    use super::*;
    use serde_json::json;

    fn take(object: &str, field: &str, value: Value) -> Result<Value, (String, String)> {
        let schema = Schema::standard(false);
        let field = schema.object(object).unwrap().field(field).unwrap().clone();
        read(&field, &value).map_err(|refused| (refused.code, refused.message))
    }

    #[test]
    fn numbers_are_rounded_to_the_fields_scale_and_written_with_a_decimal() {
        let written = |value: Value| take("Opportunity", "Amount", value).unwrap().to_string();
        assert_eq!(written(json!(15000)), "15000.0");
        assert_eq!(written(json!("12.345")), "12.35");
        assert_eq!(written(serde_json::from_str("1E4").unwrap()), "10000.0");
        assert_eq!(take("Account", "NumberOfEmployees", json!(7)).unwrap().to_string(), "7");
        let (code, _) = take("Opportunity", "Amount", json!("12345678901234567")).unwrap_err();
        assert_eq!(code, "NUMBER_OUTSIDE_VALID_RANGE");
    }

    #[test]
    fn dates_and_instants_are_kept_as_salesforce_writes_them() {
        let at = take("Event", "StartDateTime", json!("2026-05-06T13:56:44+02:00")).unwrap();
        assert_eq!(at, json!("2026-05-06T11:56:44.000+0000"));
        assert_eq!(instant(at.as_str().unwrap()).unwrap().to_string(), "2026-05-06T11:56:44Z");
        assert_eq!(take("Opportunity", "CloseDate", json!("2026-05-24")).unwrap(), json!("2026-05-24"));
        let day = take("Opportunity", "CloseDate", json!("2026-05-24T23:00:00.000Z")).unwrap();
        assert_eq!(day, json!("2026-05-24"));
        for wrong in ["24/05/2026", "2026-05-24xyz", "2026-05-24T", "2026-05-2", "2026-02-30"] {
            let (code, message) = take("Opportunity", "CloseDate", json!(wrong)).unwrap_err();
            assert_eq!(code, "JSON_PARSER_ERROR");
            let start = format!("Cannot deserialize instance of date from VALUE_STRING value {wrong} or");
            assert!(message.starts_with(&start), "{message}");
        }
    }

    #[test]
    fn text_is_trimmed_measured_and_empty_text_is_null() {
        assert_eq!(take("Account", "Name", json!("  Acme ")).unwrap(), json!("Acme"));
        assert_eq!(take("Account", "Phone", json!("")).unwrap(), Value::Null);
        let (code, message) = take("Account", "AccountNumber", json!("x".repeat(41))).unwrap_err();
        assert_eq!(code, "STRING_TOO_LONG");
        assert!(
            message.ends_with("(max length=40)")
                && message.starts_with("Account Number: data value too large")
        );
        let (code, message) = take("Account", "ParentId", json!("Acme")).unwrap_err();
        assert_eq!(
            (code.as_str(), message.as_str()),
            ("MALFORMED_ID", "Parent ID: id value of incorrect type: Acme")
        );
    }
}
