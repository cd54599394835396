//! `money.*`: arithmetic on amounts, without a float in between.

use serde_json::Value;

use super::{Answer, Guide, Refused};
use crate::domain::money::{Amount, CENTS, MoneyError};

pub(super) const GUIDE: Guide = Guide {
    name: "money",
    signature: "money.add(a, b, …) .sub(a, b, …) .mul(a, b, …) .split(amount, ways, decimals = 2) .min(…) .max(…) \
                .round(amount, decimals = 2)",
    about: "Exact decimal arithmetic. Takes numbers, text and amounts, also in a list; gives an amount, which ends as a \
            JSON number with exactly its digits and prints as such. `split` gives a list whose sum is the amount; \
            `round` goes half away from zero. Compare amounts with `<` and `>`; never add them with `+`.",
    examples: &[
        ("money.add('0.1', 0.2)", "0.3"),
        ("money.add([1, '2.50'], 3)", "6.50"),
        ("money.sub('100', '33.33', '33.33')", "33.34"),
        ("money.mul('19.99', 3)", "59.97"),
        ("money.split(100, 3)", "[33.34,33.33,33.33]"),
        ("money.min('2.5', 3)", "2.5"),
        ("money.max('2.5', 3)", "3"),
        ("money.round('1.005')", "1.01"),
        ("money.round(money.mul('99.95', '0.15'), 2)", "14.99"),
        ("'Total: ' + money.add('1.10', 1)", r#""Total: 2.10""#),
        ("money.add(1, 2) > 2.5", "true"),
    ],
};

/// An amount is an object that keeps its text, so that nothing turns it into a float on its way out.
pub(super) const JAVASCRIPT: &str = r#"(native) => {
  class Money {
    #text
    constructor(text) { this.#text = text; Object.freeze(this) }
    toString() { return this.#text }
    toJSON() { return this.#text }
    [Symbol.toPrimitive](hint) { return hint === 'number' ? native('money.number', this.#text) : this.#text }
  }
  const made = (name) => (...given) => new Money(native('money.' + name, ...given))
  const money = {}
  for (const name of ['add', 'sub', 'mul', 'min', 'max', 'round']) money[name] = made(name)
  money.split = (...given) => native('money.split', ...given).map((text) => new Money(text))
  globalThis.money = Object.freeze(money)
  return Money
}"#;

pub(super) fn call(method: &str, given: &[Value]) -> Answer {
    let text = |amount: Amount| Value::String(amount.to_string());
    match method {
        "add" => fold(given, Amount::plus).map(text),
        "sub" => fold(given, Amount::minus).map(text),
        "mul" => fold(given, Amount::times).map(text),
        "min" => fold(given, |left, right| Ok(left.min(right))).map(text),
        "max" => fold(given, |left, right| Ok(left.max(right))).map(text),
        "round" => {
            let decimals = whole(given.get(1), CENTS)?
                .ok_or_else(|| refused(&MoneyError::BadDecimals { decimals: 0 }))?;
            amount(given.first())?.round(decimals).map(text).map_err(|error| refused(&error))
        }
        "split" => {
            let ways = whole(given.get(1), 0)?.ok_or_else(|| refused(&MoneyError::BadSplit { ways: 0 }))?;
            let decimals = whole(given.get(2), CENTS)?
                .ok_or_else(|| refused(&MoneyError::BadDecimals { decimals: 0 }))?;
            let shares = amount(given.first())?.split(ways, decimals).map_err(|error| refused(&error))?;
            Ok(shares.into_iter().map(text).collect())
        }
        "number" => Ok(amount(given.first())?.to_json()),
        _ => Err(Refused::new("unknown_function", format!("there is no function `money.{method}`"))),
    }
}

/// Works through the amounts from the left; lists count as their entries.
fn fold(
    given: &[Value],
    with: impl Fn(Amount, Amount) -> Result<Amount, MoneyError>,
) -> Result<Amount, Refused> {
    let mut amounts = given.iter().flat_map(|value| match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    });
    let Some(first) = amounts.next() else { return Ok(Amount::ZERO) };
    amounts.try_fold(amount(Some(first))?, |left, right| {
        with(left, amount(Some(right))?).map_err(|error| refused(&error))
    })
}

fn amount(value: Option<&Value>) -> Result<Amount, Refused> {
    Amount::from_json(value.unwrap_or(&Value::Null)).map_err(|error| refused(&error))
}

/// A small whole number; what was left out is the default, what isn't one is nothing.
fn whole(value: Option<&Value>, default: u32) -> Result<Option<u32>, Refused> {
    match value {
        None | Some(Value::Null) => Ok(Some(default)),
        Some(value) => Ok(amount(Some(value))?.to_string().parse().ok()),
    }
}

fn refused(error: &MoneyError) -> Refused {
    Refused::new(error.code(), error.to_string())
}
