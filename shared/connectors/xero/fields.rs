//! The fields of an input, as one table each: from it come the JSON Schema, the checks and the clean element.
//!
//! Text fields take YAML scalars as written (`090`, `NO`), amounts keep their digits, empty values leave their key
//! out, and an error says where: `LineItems[2].Quantity`.

use serde_json::json;
use uuid::Uuid;

use crate::domain::money::Amount;
use crate::domain::outcome::Failure;
use crate::domain::time::Day;
use crate::domain::{Object, Value};

pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
}

pub(super) enum Kind {
    /// At most this many characters.
    Text(usize),
    /// A GUID.
    Id,
    Day,
    Decimal,
    Choice(&'static [&'static str]),
    Object(&'static [Field]),
    /// An entry that has none of `needs` is left out.
    List {
        of: &'static [Field],
        needs: &'static [&'static str],
        most: usize,
    },
}

pub(super) const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about }
}

/// An object schema. Numbers and dates may also be text: that is what a template yields.
pub(super) fn schema(fields: &[Field], required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties(fields), "required": required, "additionalProperties": false})
}

pub(super) fn properties(fields: &[Field]) -> Value {
    Value::Object(fields.iter().map(|field| (field.name.to_owned(), described(field))).collect())
}

fn described(field: &Field) -> Value {
    let mut schema = match &field.kind {
        Kind::Text(most) => json!({"type": ["string", "number", "boolean", "null"], "maxLength": most}),
        Kind::Id => json!({"type": "string"}),
        Kind::Day => json!({"type": ["string", "null"]}),
        Kind::Decimal => json!({"type": ["number", "string", "null"]}),
        Kind::Choice(choices) => json!({"type": "string", "enum": choices}),
        Kind::Object(fields) => schema(fields, &[]),
        Kind::List { of, .. } => json!({"type": "array", "items": schema(of, &[])}),
    };
    schema["description"] = field.about.into();
    schema
}

/// The input, checked and in the form that Xero takes. JSON null stays null: *empty it there*.
pub(super) fn clean(fields: &[Field], input: &Object, path: &str) -> Result<Object, Failure> {
    let mut cleaned = Object::new();
    for (name, value) in input {
        let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let known: Vec<_> = fields.iter().map(|field| field.name).collect();
            return Err(Failure::new(
                "unknown_field",
                format!("`{place}` is no field here; known are {}", known.join(", ")),
            ));
        };
        if let Some(value) = clean_value(&field.kind, value, &place)? {
            cleaned.insert(name.clone(), value);
        }
    }
    Ok(cleaned)
}

fn clean_value(kind: &Kind, value: &Value, place: &str) -> Result<Option<Value>, Failure> {
    match (kind, value) {
        (Kind::Object(_) | Kind::List { .. } | Kind::Id | Kind::Choice(_), Value::Null) => {
            Err(Failure::new("cannot_clear", format!("`{place}` can't be emptied in Xero: leave it out")))
        }
        (_, Value::Null) => Ok(Some(Value::Null)),
        (Kind::Object(fields), Value::Object(object)) => {
            let cleaned = clean(fields, object, place)?;
            Ok((!cleaned.is_empty()).then_some(Value::Object(cleaned)))
        }
        (Kind::List { of, needs, most }, Value::Array(list)) => clean_list(of, needs, *most, list, place),
        (Kind::Object(_), _) => Err(wrong(place, "an object")),
        (Kind::List { .. }, _) => Err(wrong(place, "a list")),
        (scalar, value) => clean_scalar(scalar, value, place),
    }
}

fn clean_list(
    of: &[Field],
    needs: &[&str],
    most: usize,
    list: &[Value],
    place: &str,
) -> Result<Option<Value>, Failure> {
    let mut cleaned = Vec::new();
    for (at, entry) in list.iter().enumerate() {
        let place = format!("{place}[{at}]");
        let Value::Object(entry) = entry else { return Err(wrong(&place, "an object")) };
        let entry = clean(of, entry, &place)?;
        if needs.is_empty() || needs.iter().any(|need| entry.get(*need).is_some_and(|value| !value.is_null()))
        {
            cleaned.push(Value::Object(entry));
        }
    }
    if cleaned.len() > most {
        return Err(Failure::new(
            "too_many",
            format!("`{place}` has {} entries; Xero takes {most}", cleaned.len()),
        ));
    }
    Ok((!cleaned.is_empty()).then_some(Value::Array(cleaned)))
}

fn clean_scalar(kind: &Kind, value: &Value, place: &str) -> Result<Option<Value>, Failure> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return Err(wrong(place, "one value")),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let failed = |code: &str, why: &str| Failure::new(code, format!("`{place}`: {why}"));
    let cleaned = match kind {
        Kind::Text(most) if text.chars().count() > *most => {
            return Err(failed(
                "too_long",
                &format!("Xero takes {most} characters, and this has {}", text.chars().count()),
            ));
        }
        Kind::Day => {
            Day::parse(&text).map_err(|error| failed(error.code(), &error.to_string()))?.to_string().into()
        }
        Kind::Decimal => {
            Amount::parse(&text).map_err(|error| failed(error.code(), &error.to_string()))?.to_json()
        }
        Kind::Id => match Uuid::parse_str(&text) {
            Ok(id) => id.to_string().into(),
            Err(_) => {
                return Err(failed(
                    "not_an_id",
                    "this is no Xero id (a GUID such as bd2270c3-8706-4c11-9cfb-000b551c3f51)",
                ));
            }
        },
        Kind::Choice(choices) => match choices.iter().find(|choice| choice.eq_ignore_ascii_case(&text)) {
            Some(choice) => Value::from(*choice),
            None => return Err(failed("unknown_choice", &format!("choose one of {}", choices.join(", ")))),
        },
        _ => text.into(),
    };
    Ok(Some(cleaned))
}

fn wrong(place: &str, wanted: &str) -> Failure {
    Failure::new("wrong_type", format!("`{place}` must be {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[Field] = &[
        field("Description", Kind::Text(10), ""),
        field("AccountCode", Kind::Text(10), ""),
        field("Quantity", Kind::Decimal, ""),
    ];
    const FIELDS: &[Field] = &[
        field("Date", Kind::Day, ""),
        field("Type", Kind::Choice(&["Exclusive", "NoTax"]), ""),
        field("LineItems", Kind::List { of: LINE, needs: &["Description"], most: 2 }, ""),
        field("ContactID", Kind::Id, ""),
    ];

    fn cleaned(json: &str) -> Result<String, Failure> {
        let input: Object = serde_json::from_str(json).unwrap();
        clean(FIELDS, &input, "").map(|object| Value::Object(object).to_string())
    }

    #[test]
    fn codes_stay_text_amounts_stay_exact_and_empty_entries_are_left_out() {
        let input = r#"{"Date":"2026-09-14T00:00:00","Type":"notax","LineItems":[{"Description":" a ","AccountCode":200,"Quantity":"1.10"},{"Description":""}]}"#;
        assert_eq!(
            cleaned(input).unwrap(),
            r#"{"Date":"2026-09-14","Type":"NoTax","LineItems":[{"Description":"a","AccountCode":"200","Quantity":1.10}]}"#
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (input, code, place) in [
            (r#"{"Dat":1}"#, "unknown_field", "`Dat`"),
            (r#"{"Date":"tomorrow"}"#, "not_a_day", "`Date`"),
            (
                r#"{"LineItems":[{"Description":"a","Quantity":"1,5"}]}"#,
                "not_an_amount",
                "`LineItems[0].Quantity`",
            ),
            (r#"{"LineItems":[{"Description":"01234567890"}]}"#, "too_long", "`LineItems[0].Description`"),
            (r#"{"LineItems":{}}"#, "wrong_type", "`LineItems`"),
            (
                r#"{"LineItems":[{"Description":"a"},{"Description":"b"},{"Description":"c"}]}"#,
                "too_many",
                "`LineItems`",
            ),
            (r#"{"LineItems":null}"#, "cannot_clear", "`LineItems`"),
            (r#"{"Type":"Maybe"}"#, "unknown_choice", "`Type`"),
            (r#"{"ContactID":"Acme"}"#, "not_an_id", "`ContactID`"),
        ] {
            let failure = cleaned(input).unwrap_err();
            assert_eq!(failure.code, code, "{input}");
            assert!(failure.message.contains(place), "{failure}");
        }
    }
}
