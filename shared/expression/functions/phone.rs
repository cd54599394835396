//! `phone(x, country)`: a telephone number in the form that every system understands.

use std::str::FromStr;

use phonenumber::{Mode, country};
use serde_json::Value;

use super::countries::code_of;
use super::{Answer, Guide, Refused, is_empty, text_of};
use crate::domain::shape::shape_of;

pub(super) const GUIDE: Guide = Guide {
    name: "phone",
    signature: "phone(x, country)",
    about: "Gives a telephone number as E.164. The country says how to read one without a `+`: its ISO code or its \
            English name. Empty gives empty; what is no telephone number fails as `invalid_phone`, with its shape and \
            not the number in the message.",
    examples: &[
        ("phone('(09) 366 1234', 'New Zealand')", r#""+6493661234""#),
        ("phone('030 901820', 'DE')", r#""+4930901820""#),
        ("phone('+44 20 7946 0018')", r#""+442079460018""#),
        ("phone('', 'NZ')", r#""""#),
    ],
};

pub(super) fn call(given: &Value, country: &Value) -> Answer {
    if is_empty(given) {
        return Ok("".into());
    }
    let text = text_of(given).unwrap_or_default();
    let country = country_of(country)?;
    let invalid = || {
        let hint = if country.is_none() && !text.starts_with('+') {
            ": it has no + and no country was given"
        } else {
            ""
        };
        Refused::new("invalid_phone", format!("`{}` is not a telephone number{hint}", shape_of(&text)))
    };
    let number = phonenumber::parse(country, &text).map_err(|_| invalid())?;
    if !phonenumber::is_valid(&number) {
        return Err(invalid());
    }
    Ok(number.format().mode(Mode::E164).to_string().into())
}

fn country_of(country: &Value) -> Result<Option<country::Id>, Refused> {
    if is_empty(country) {
        return Ok(None);
    }
    let text = text_of(country).unwrap_or_default();
    let code = if text.len() == 2 { Some(text.to_uppercase()) } else { code_of(&text).map(str::to_string) };
    match code.and_then(|code| country::Id::from_str(&code).ok()) {
        Some(id) => Ok(Some(id)),
        None => Err(Refused::new(
            "unknown_country",
            format!(
                "`{}` is not a country: give its ISO code, such as NZ, or its English name",
                shape_of(&text)
            ),
        )),
    }
}
