//! Carries values between the run's JSON and JavaScript, without losing a digit unsaid.
//!
//! Inward: a number that a float can't hold fails when the code reads that field, not before. Outward: numbers get
//! their shortest text; what has no place in JSON is an error that names where it sits.

use rquickjs::{Ctx, Function, Object, Value as Js};
use serde_json::{Map, Number, Value};

use super::error::ExpressionError;
use super::session::{OUR_FILE, eval};
use crate::domain::money::Amount;

/// Deeper than any document of either provider; a guard for our own stack.
const DEEPEST: usize = 100;

/// A result may have as many values as this, and as many bytes of text: shared parts count each time.
const MOST_VALUES: u32 = 1_000_000;
const MOST_BYTES: usize = 16 * 1024 * 1024;

pub(crate) const TOO_LONG: &str = "number_too_long";

/// What a conversion needs of the engine it happens in.
pub(crate) struct Kit<'js> {
    pub ctx: Ctx<'js>,
    /// What the start script handed out.
    pub start: Object<'js>,
    /// The class of amounts, once the code has asked for `money`.
    pub money: Option<Object<'js>>,
}

/// Hands a value to JavaScript: a copy that nobody else has, or a frozen one that many expressions share.
pub(crate) fn into_js<'js>(kit: &Kit<'js>, value: &Value, freeze: bool) -> rquickjs::Result<Js<'js>> {
    match value {
        Value::Null => Ok(Js::new_null(kit.ctx.clone())),
        Value::Bool(flag) => Ok(Js::new_bool(kit.ctx.clone(), *flag)),
        Value::String(text) => Ok(rquickjs::String::from_str(kit.ctx.clone(), text)?.into_value()),
        Value::Number(number) => match as_float(number) {
            Some(float) => Ok(Js::new_number(kit.ctx.clone(), float)),
            None => Err(throw(&kit.ctx, TOO_LONG, &too_long_message())),
        },
        Value::Array(_) | Value::Object(_) => structure(kit, value, freeze),
    }
}

fn structure<'js>(kit: &Kit<'js>, value: &Value, freeze: bool) -> rquickjs::Result<Js<'js>> {
    let mut unreadable = Vec::new();
    collect_unreadable(value, &mut Vec::new(), &mut unreadable);
    let text = serde_json::to_string(value).map_err(|_| {
        rquickjs::Exception::throw_message(&kit.ctx, "this value can't be passed to JavaScript")
    })?;
    let parsed: Js<'js> = kit.ctx.json_parse(text)?;
    if !unreadable.is_empty() {
        let careful: Object = eval(&kit.ctx, include_str!("engine/unreadable.js"), OUR_FILE)?;
        let define: Function = careful.get("unreadable")?;
        let complain = Function::new(kit.ctx.clone(), |ctx: Ctx<'js>| -> rquickjs::Result<()> {
            Err(throw(&ctx, TOO_LONG, &too_long_message()))
        })?;
        for path in &unreadable {
            let Some((last, parents)) = path.split_last() else { continue };
            let mut owner = parsed.clone();
            for step in parents {
                owner = owner.get::<Object>()?.get(step.as_str())?;
            }
            define.call::<_, ()>((owner, last.as_str(), complain.clone()))?;
        }
        if freeze {
            return careful.get::<_, Function>("frozen")?.call((parsed,));
        }
    }
    if !freeze {
        return Ok(parsed);
    }
    kit.start.get::<_, Function>("frozen")?.call((parsed,))
}

fn collect_unreadable<'v>(
    value: &'v Value,
    path: &mut Vec<std::borrow::Cow<'v, str>>,
    found: &mut Vec<Vec<String>>,
) {
    match value {
        Value::Number(number) if as_float(number).is_none() => {
            found.push(path.iter().map(ToString::to_string).collect());
        }
        Value::Array(list) => {
            for (index, entry) in list.iter().enumerate() {
                if matches!(entry, Value::Number(_) | Value::Array(_) | Value::Object(_)) {
                    path.push(index.to_string().into());
                    collect_unreadable(entry, path, found);
                    path.pop();
                }
            }
        }
        Value::Object(map) => {
            for (key, entry) in map {
                path.push(key.as_str().into());
                collect_unreadable(entry, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The number as a float, where the float's shortest text says the same number again.
pub(crate) fn as_float(number: &Number) -> Option<f64> {
    let text = number.as_str();
    let float: f64 = text.parse().ok().filter(|float: &f64| float.is_finite())?;
    // Fifteen digits always survive.
    let short = text.len() <= 15 && !text.contains(['e', 'E']);
    (short || digits_of(text) == digits_of(&format!("{float:e}"))).then_some(float)
}

/// Sign, significant digits and the exponent of the last one: equal for equal numbers, however written.
fn digits_of(text: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(i64::MAX);
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_end_matches('0');
    let dropped = all.len() - significant.len();
    let digits = significant.trim_start_matches('0').to_string();
    if digits.is_empty() {
        return (false, digits, 0);
    }
    let small = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    (negative, digits, exponent.saturating_sub(small(fraction.len())).saturating_add(small(dropped)))
}

fn too_long_message() -> String {
    "this number has more digits than JavaScript can keep: pass it on as a bare path, such as {{ record.Amount }}, \
     or have it as text"
        .into()
}

/// Throws an error that carries one of our codes.
pub(crate) fn throw(ctx: &Ctx<'_>, code: &str, message: &str) -> rquickjs::Error {
    match rquickjs::Exception::from_message(ctx.clone(), message) {
        Ok(exception) => match exception.set("code", code) {
            Ok(()) => exception.throw(),
            Err(error) => error,
        },
        Err(error) => error,
    }
}

/// Why a value can't leave: either JavaScript threw meanwhile, or it is nothing that JSON knows.
pub(crate) enum Refusal {
    Threw,
    Result(ExpressionError),
}

impl From<rquickjs::Error> for Refusal {
    fn from(error: rquickjs::Error) -> Self {
        match error {
            rquickjs::Error::Exception | rquickjs::Error::Allocation => Self::Threw,
            _ => Self::Result(ExpressionError::new(
                "javascript_result",
                "the result has text that isn't Unicode",
            )),
        }
    }
}

/// Takes a result out of JavaScript.
pub(crate) fn from_js<'js>(kit: &Kit<'js>, value: Js<'js>) -> Result<Value, Refusal> {
    Taker { kit, above: Vec::new(), values: 0, bytes: 0 }.take(value)
}

struct Taker<'k, 'js> {
    kit: &'k Kit<'js>,
    above: Vec<Js<'js>>,
    values: u32,
    bytes: usize,
}

impl<'js> Taker<'_, 'js> {
    fn take(&mut self, value: Js<'js>) -> Result<Value, Refusal> {
        self.values += 1;
        if self.values > MOST_VALUES || self.bytes > MOST_BYTES {
            return Err(refuse("is too large: return only what later steps need"));
        }
        if value.is_null() || value.is_undefined() {
            return Ok(Value::Null);
        }
        if let Some(flag) = value.as_bool() {
            return Ok(Value::Bool(flag));
        }
        if let Some(whole) = value.as_int() {
            return Ok(whole.into());
        }
        if let Some(float) = value.as_float() {
            return number_of(float);
        }
        if let Some(text) = value.as_string() {
            let text = text.to_string()?;
            self.bytes += text.len();
            return Ok(Value::String(text));
        }
        let kind = match &value {
            value if value.is_promise() => {
                Some("is a Promise: leave out async and await, nothing here has to wait")
            }
            value if value.is_function() => Some("is a function: call it, or leave it out"),
            value if value.is_big_int() => Some("is a BigInt: turn it into text with .toString()"),
            value if value.is_symbol() => Some("is a Symbol: return text instead"),
            value if value.is_error() => Some("is an Error: throw it, or return its message"),
            value if !value.is_object() => Some("is nothing that JSON knows"),
            _ => None,
        };
        match kind {
            Some(kind) => Err(refuse(kind)),
            None => self.take_structure(value),
        }
    }

    fn take_structure(&mut self, value: Js<'js>) -> Result<Value, Refusal> {
        if self.above.contains(&value) {
            return Err(refuse("refers back to itself"));
        }
        if self.above.len() >= DEEPEST {
            return Err(refuse("is nested more than 100 levels deep"));
        }
        self.above.push(value.clone());
        let taken = match value.as_array() {
            Some(list) => self.take_list(list.as_object()),
            None => self.take_object(&value),
        };
        self.above.pop();
        taken
    }

    /// By its length as the list itself says it, which a proxy may answer with anything.
    fn take_list(&mut self, list: &Object<'js>) -> Result<Value, Refusal> {
        let length = list.get::<_, Js>("length")?.as_int().and_then(|length| u32::try_from(length).ok());
        let Some(length) = length.filter(|length| *length <= MOST_VALUES) else {
            return Err(refuse("is too large: return only what later steps need"));
        };
        (0..length)
            .map(|index| {
                let entry = self.take(list.get(index)?);
                entry.map_err(|refusal| refusal.within(&format!("[{index}]")))
            })
            .collect::<Result<_, _>>()
            .map(Value::Array)
    }

    fn take_object(&mut self, value: &Js<'js>) -> Result<Value, Refusal> {
        let Some(object) = value.as_object() else { return Ok(Value::Null) };
        let plain: Object = self.kit.start.get("plain")?;
        let is_plain = object.get_prototype().is_none_or(|prototype| prototype == plain);
        if !is_plain && let Some(other) = self.take_instance(object)? {
            return Ok(other);
        }
        let mut map = Map::new();
        for key in object.keys::<String>() {
            let key = key?;
            let inner: Js = object.get(key.as_str())?;
            if inner.is_undefined() {
                continue;
            }
            let inner = self.take(inner).map_err(|refusal| refusal.within(&key))?;
            self.bytes += key.len();
            map.insert(key, inner);
        }
        Ok(Value::Object(map))
    }

    /// Objects of a class: amounts keep their digits, dates and others say themselves what they are in JSON.
    fn take_instance(&mut self, object: &Object<'js>) -> Result<Option<Value>, Refusal> {
        if self.kit.money.as_ref().is_some_and(|money| object.is_instance_of(money)) {
            let text: String =
                object.get::<_, Function>("toString")?.call((rquickjs::function::This(object.clone()),))?;
            let amount = Amount::parse(&text)
                .map_err(|error| Refusal::Result(ExpressionError::new(error.code(), error.to_string())))?;
            return Ok(Some(amount.to_json()));
        }
        if let Some(to_json) = object.get::<_, Js>("toJSON")?.into_function() {
            let said: Js = to_json.call((rquickjs::function::This(object.clone()),))?;
            return self.take(said).map(Some);
        }
        for class in self.kit.start.get::<_, rquickjs::Array>("unreturnable")?.iter::<Object>() {
            if object.is_instance_of(class?) {
                return Err(refuse("is a Map, a Set or a RegExp: return a plain object, a list or text"));
            }
        }
        Ok(None)
    }
}

impl Refusal {
    fn within(self, step: &str) -> Self {
        match self {
            Self::Threw => Self::Threw,
            Self::Result(error) => Self::Result(error.within(step)),
        }
    }
}

fn refuse(what: &str) -> Refusal {
    Refusal::Result(ExpressionError::new("javascript_result", format!("the result {what}")))
}

/// A float's shortest text: `0.1`, `15000`, `1e21`.
fn number_of(float: f64) -> Result<Value, Refusal> {
    if !float.is_finite() {
        return Err(refuse(
            "is not a number (NaN or Infinity): one of the values in it is missing or is text",
        ));
    }
    let size = float.abs();
    let text = match () {
        () if size == 0.0 => "0".to_string(),
        () if !(1e-7..1e21).contains(&size) => format!("{float:e}"),
        () => float.to_string(),
    };
    Ok(Value::Number(Number::from_string_unchecked(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_number_is_too_long_when_a_float_would_change_it() {
        for text in
            ["0", "-0", "1.10", "15000.0", "0.1", "9007199254740991", "1e21", "123456789012345.6", "5e-324"]
        {
            assert!(as_float(&number(text)).is_some(), "{text}");
        }
        for text in ["9007199254740993", "0.1000000000000000055", "12345678901234567.89", "1e400", "1e-400"] {
            assert!(as_float(&number(text)).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_that_passes_comes_back_with_the_same_value(text in "-?[1-9][0-9]{0,17}(\\.[0-9]{1,9})?") {
            if let Some(float) = as_float(&number(&text)) {
                prop_assert_eq!(digits_of(&float.to_string()), digits_of(&text));
            }
        }

        #[test]
        fn amounts_with_cents_pass_up_to_a_trillion(cents in -99_999_999_999_999i64..99_999_999_999_999) {
            let text = rust_decimal::Decimal::new(cents, 2).to_string();
            prop_assert!(as_float(&number(&text)).is_some());
        }
    }
}
