//! Amounts of money: exact decimals, read from and written to the text that a provider sent.
//!
//! Nothing here rounds unless it was asked to, and no amount passes through a float. An operation whose exact
//! result has no room in 28 digits is an error, never an approximation. Flows reach it by the `money`
//! functions, connectors by their wire types.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use thiserror::Error;

use super::shape::shape_of;

/// The decimals that most currencies have, and the least that `split` cuts to unless it is told otherwise.
pub const CENTS: u32 = 2;

/// More decimals than this have no room beside any whole digits.
pub const MOST_DECIMALS: u32 = 28;

/// More shares than this is a mistake in the flow, not a plan for paying.
const MOST_SHARES: u32 = 10_000;

/// An exact decimal amount. `1.10` stays `1.10`, and equals `1.1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Decimal);

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    #[error("`{shape}` is not an amount: write digits with a decimal point, such as 1234.50")]
    NotAnAmount { shape: String },
    #[error(
        "the amount has {digits} digits, and no more than 28 are kept exactly: round it before it gets here"
    )]
    TooLong { digits: usize },
    #[error("the result of {operation} has more than 28 digits: round the amounts first")]
    Overflow { operation: &'static str },
    #[error("an amount can't be split {ways} ways: give a whole number from 1 to 10000")]
    BadSplit { ways: u32 },
    #[error("{decimals} decimals can't be kept: give a whole number from 0 to 28")]
    BadDecimals { decimals: u32 },
}

impl MoneyError {
    /// The stable code that people search for.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnAmount { .. } => "not_an_amount",
            Self::TooLong { .. } => "amount_too_long",
            Self::Overflow { .. } => "amount_overflow",
            Self::BadSplit { .. } => "bad_split",
            Self::BadDecimals { .. } => "bad_decimals",
        }
    }
}

impl Amount {
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Reads the text of a JSON number, or the same in a string: `1234.50`, `-0.5`, `1.5e3`.
    /// Thousands separators and currency signs are refused: `1.234` must not be read two ways.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let text = text.trim();
        let parts = Parts::of(text).ok_or_else(|| MoneyError::NotAnAmount { shape: shape_of(text) })?;
        parts.amount().ok_or(MoneyError::TooLong { digits: parts.whole.len() + parts.fraction.len() })
    }

    /// Reads a JSON number by its text, or a JSON string.
    pub fn from_json(value: &Value) -> Result<Self, MoneyError> {
        match value {
            Value::Number(number) => Self::parse(number.as_str()),
            Value::String(text) => Self::parse(text),
            Value::Null => Err(MoneyError::NotAnAmount { shape: "nothing".into() }),
            Value::Bool(_) => Err(MoneyError::NotAnAmount { shape: "true or false".into() }),
            Value::Array(_) => Err(MoneyError::NotAnAmount { shape: "a list".into() }),
            Value::Object(_) => Err(MoneyError::NotAnAmount { shape: "an object".into() }),
        }
    }

    /// Writes a JSON number with exactly these digits.
    pub fn to_json(self) -> Value {
        Value::Number(self.to_number())
    }

    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        exact_sum(self.0.checked_add(other.0), self, other, "add")
    }

    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        exact_sum(self.0.checked_sub(other.0), self, other, "sub")
    }

    /// The exact product. Zeros that the multiplication put behind the longer of the two are dropped:
    /// `1.10 * 2.00` is `2.20`.
    pub fn times(self, other: Self) -> Result<Self, MoneyError> {
        let overflow = MoneyError::Overflow { operation: "mul" };
        let (left, right) = (self.0.normalize(), other.0.normalize());
        let product = left.checked_mul(right).ok_or(overflow.clone())?;
        let exact = product.is_zero() == (left.is_zero() || right.is_zero())
            && (product.is_zero() || product.scale() == left.scale() + right.scale());
        if !exact {
            return Err(overflow);
        }
        let product = product.normalize();
        Ok(Self(with_at_least(product, self.0.scale().max(other.0.scale()))).without_minus_zero())
    }

    /// Cuts into `ways` shares whose sum is the amount. What doesn't divide goes to the first shares, one
    /// smallest unit each: `100` in three is `33.34, 33.33, 33.33`. `decimals` is the smallest unit; an amount
    /// that has more decimals than that is cut to its own.
    pub fn split(self, ways: u32, decimals: u32) -> Result<Vec<Self>, MoneyError> {
        if ways == 0 || ways > MOST_SHARES {
            return Err(MoneyError::BadSplit { ways });
        }
        if decimals > MOST_DECIMALS {
            return Err(MoneyError::BadDecimals { decimals });
        }
        let decimals = decimals.max(self.0.normalize().scale());
        let units = with_at_least(self.0.normalize(), decimals);
        if units.scale() != decimals {
            return Err(MoneyError::Overflow { operation: "split" });
        }
        let (share, rest) = (units.mantissa() / i128::from(ways), units.mantissa() % i128::from(ways));
        (0..ways)
            .map(|index| {
                let extra = if u128::from(index) < rest.unsigned_abs() { rest.signum() } else { 0 };
                Decimal::try_from_i128_with_scale(share + extra, decimals)
                    .map(Self)
                    .map_err(|_| MoneyError::Overflow { operation: "split" })
            })
            .collect()
    }

    /// Half away from zero, as Xero rounds its line totals. `12.5` to two decimals is `12.50`.
    pub fn round(self, decimals: u32) -> Result<Self, MoneyError> {
        if decimals > MOST_DECIMALS {
            return Err(MoneyError::BadDecimals { decimals });
        }
        let rounded = self.0.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
        Ok(Self(with_at_least(rounded, decimals)).without_minus_zero())
    }

    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    pub fn negated(self) -> Self {
        Self(-self.0).without_minus_zero()
    }

    fn to_number(self) -> serde_json::Number {
        // The text of a decimal is digits, a point and digits: always a JSON number.
        serde_json::Number::from_string_unchecked(self.0.to_string())
    }

    fn without_minus_zero(self) -> Self {
        if self.0.is_zero() { Self(self.0.abs()) } else { self }
    }
}

/// Adding aligns both sides to the longer scale; where the digits don't fit the library rounds, and that shows
/// as a scale shorter than the longer one.
fn exact_sum(
    sum: Option<Decimal>,
    left: Amount,
    right: Amount,
    operation: &'static str,
) -> Result<Amount, MoneyError> {
    let needed = left.0.normalize().scale().max(right.0.normalize().scale());
    match sum {
        Some(sum) if sum.scale() >= needed => Ok(Amount(sum).without_minus_zero()),
        _ => Err(MoneyError::Overflow { operation }),
    }
}

/// Pads with zeros where there is room for them.
fn with_at_least(mut amount: Decimal, decimals: u32) -> Decimal {
    if amount.scale() < decimals {
        amount.rescale(decimals);
    }
    amount
}

/// The grammar of a number, apart from what fits into one.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i32,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None if digits.is_empty() => return None,
            None => (digits, ""),
        };
        let is_number = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        is_number.then_some(Self { negative, whole, fraction, exponent })
    }

    fn amount(&self) -> Option<Amount> {
        let digits = format!("{}{}", self.whole, self.fraction);
        let mut scale = i64::try_from(self.fraction.len()).ok()? - i64::from(self.exponent);
        let mut digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            let scale = u32::try_from(scale.clamp(0, i64::from(MOST_DECIMALS))).ok()?;
            return Decimal::try_from_i128_with_scale(0, scale).ok().map(Amount);
        }
        while (scale > i64::from(MOST_DECIMALS) || digits.len() > 28) && scale > 0 && digits.ends_with('0') {
            digits = &digits[..digits.len() - 1];
            scale -= 1;
        }
        let mut mantissa: i128 = digits.parse().ok()?;
        while scale < 0 {
            mantissa = mantissa.checked_mul(10)?;
            scale += 1;
        }
        let signed = if self.negative { -mantissa } else { mantissa };
        Decimal::try_from_i128_with_scale(signed, u32::try_from(scale).ok()?).ok().map(Amount)
    }
}

impl From<Decimal> for Amount {
    fn from(decimal: Decimal) -> Self {
        Self(decimal).without_minus_zero()
    }
}

impl From<Amount> for Decimal {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl From<i64> for Amount {
    fn from(whole: i64) -> Self {
        Self(Decimal::from(whole))
    }
}

impl FromStr for Amount {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_number().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_json(&value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    fn texts(amounts: Vec<Amount>) -> Vec<String> {
        amounts.iter().map(Amount::to_string).collect()
    }

    #[test]
    fn an_amount_is_written_with_the_digits_it_was_read_with() {
        for text in [
            "0",
            "1.10",
            "-12.3400",
            "0.00",
            "9999999999999999999999999.99",
            "0.1000000000000000000000000001",
        ] {
            assert_eq!(amount(text).to_string(), text);
            let json: Amount = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&json).unwrap(), text);
        }
    }

    #[test]
    fn a_number_and_the_same_number_in_a_string_are_one_amount() {
        let both: Vec<Amount> = serde_json::from_str(r#"[15000.10, "15000.10"]"#).unwrap();
        assert_eq!(both[0], both[1]);
        assert_eq!(amount("1.5e3").to_string(), "1500");
        assert_eq!(amount("15E-4").to_string(), "0.0015");
        assert_eq!(amount("-0.00").to_string(), "0.00");
        assert_eq!(amount(" .5 ").to_string(), "0.5");
    }

    #[test]
    fn what_is_not_an_amount_is_refused_by_its_shape() {
        for text in ["", "-", "1,234.50", "12.", "€5", "0x10", "1_000", "NaN", "Infinity", "1e", "--1", "1 2"]
        {
            assert_eq!(Amount::parse(text).unwrap_err().code(), "not_an_amount", "{text}");
        }
        assert!(Amount::parse("1,234.50").unwrap_err().to_string().contains("`9,999.99`"));
        assert_eq!(Amount::from_json(&Value::Null).unwrap_err().code(), "not_an_amount");
    }

    #[test]
    fn an_amount_with_too_many_digits_is_refused_and_not_rounded() {
        for text in ["0.12345678901234567890123456789", "123456789012345678901234567890", "1e40", "1e-40"] {
            assert_eq!(Amount::parse(text).unwrap_err().code(), "amount_too_long", "{text}");
        }
        assert_eq!(amount("1.00000000000000000000000000000000").to_string(), "1.000000000000000000000000000");
    }

    #[test]
    fn sums_and_products_are_exact() {
        assert_eq!(amount("0.1").plus(amount("0.2")).unwrap().to_string(), "0.3");
        assert_eq!(amount("1.00").minus(amount("1.00")).unwrap().to_string(), "0.00");
        assert_eq!(amount("1.10").times(amount("2.00")).unwrap().to_string(), "2.20");
        assert_eq!(amount("1.25").times(amount("1.25")).unwrap().to_string(), "1.5625");
        assert_eq!(amount("-3").times(amount("0")).unwrap().to_string(), "0");
    }

    #[test]
    fn a_result_without_room_for_its_digits_is_an_error() {
        let huge = amount("9999999999999999999999999999");
        let tiny = amount("0.0000000000000000000000000001");
        assert_eq!(huge.plus(tiny).unwrap_err().code(), "amount_overflow");
        assert_eq!(tiny.times(tiny).unwrap_err().code(), "amount_overflow");
        assert_eq!(huge.times(huge).unwrap_err().code(), "amount_overflow");
        assert_eq!(
            amount("1.0000000000000001").times(amount("1.0000000000000001")).unwrap_err().code(),
            "amount_overflow"
        );
        assert_eq!(huge.split(3, 28).unwrap_err().code(), "amount_overflow");
    }

    #[test]
    fn what_does_not_divide_goes_to_the_first_shares() {
        assert_eq!(texts(amount("100").split(3, CENTS).unwrap()), ["33.34", "33.33", "33.33"]);
        assert_eq!(texts(amount("-0.05").split(3, CENTS).unwrap()), ["-0.02", "-0.02", "-0.01"]);
        assert_eq!(texts(amount("1000").split(3, 0).unwrap()), ["334", "333", "333"]);
        assert_eq!(texts(amount("0.001").split(2, CENTS).unwrap()), ["0.001", "0.000"]);
        assert_eq!(amount("1").split(0, CENTS).unwrap_err().code(), "bad_split");
    }

    #[test]
    fn a_half_is_rounded_away_from_zero() {
        for (from, decimals, to) in [
            ("1.005", 2, "1.01"),
            ("-1.005", 2, "-1.01"),
            ("2.5", 0, "3"),
            ("12.5", 2, "12.50"),
            ("-0.001", 2, "0.00"),
        ] {
            assert_eq!(amount(from).round(decimals).unwrap().to_string(), to);
        }
        assert_eq!(amount("1").round(29).unwrap_err().code(), "bad_decimals");
    }

    proptest! {
        #[test]
        fn shares_always_add_up_to_the_amount(cents in -1_000_000_000_000i64..1_000_000_000_000, ways in 1u32..200) {
            let whole = Amount::from(Decimal::new(cents, 2));
            let shares = whole.split(ways, CENTS).unwrap();
            let sum = shares.iter().try_fold(Amount::ZERO, |sum, share| sum.plus(*share)).unwrap();
            prop_assert_eq!(sum, whole);
            let spread = shares.iter().max().unwrap().minus(*shares.iter().min().unwrap()).unwrap();
            prop_assert!(spread <= amount("0.01"));
        }

        #[test]
        fn any_decimal_text_of_up_to_twenty_eight_digits_survives(text in "-?[1-9][0-9]{0,12}(\\.[0-9]{1,14})?") {
            prop_assert_eq!(amount(&text).to_string(), text);
        }
    }
}
