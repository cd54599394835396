//! The lines of an invoice as they are kept: there are more of them than of anything else, and mostly nobody looks.
//!
//! A line is about a hundred bytes here, a quarter of what it is unpacked. Reading them makes new ones every time.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::line::{Line, Tracking};
use crate::bytes::{Bytes, put_counted, put_number};
use crate::xero::documents::stock::Moved;

#[derive(Debug, Clone, Default)]
pub struct PackedLines(Box<[u8]>);

/// Which of these a line has, a bit each, in their order.
const OPTIONAL: [fn(&Line) -> bool; 11] = [
    |line| line.description.is_some(),
    |line| line.quantity.is_some(),
    |line| line.unit_amount.is_some(),
    |line| line.item.is_some(),
    |line| line.account_code.is_some(),
    |line| line.account_id.is_some(),
    |line| line.tax_type.is_some(),
    |line| line.discount_rate.is_some(),
    |line| line.discount_amount.is_some(),
    |line| line.tax_sent.is_some(),
    |line| !line.tracking.is_empty() || line.moved.is_some(),
];

impl PackedLines {
    pub(crate) fn of(lines: &[Line]) -> Self {
        let mut bytes = Vec::new();
        lines.iter().for_each(|line| pack(line, &mut bytes));
        Self(bytes.into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn read(&self) -> Vec<Line> {
        let mut bytes = Bytes(&self.0);
        let mut lines = Vec::new();
        while !bytes.is_empty() {
            lines.push(unpack(&mut bytes));
        }
        lines
    }
}

fn pack(line: &Line, bytes: &mut Vec<u8>) {
    let has = OPTIONAL.iter().enumerate().map(|(place, has)| usize::from(has(line)) << place);
    put_number(bytes, has.sum());
    bytes.extend_from_slice(line.id.as_bytes());
    if let Some(text) = &line.description {
        put_counted(bytes, text.as_bytes());
    }
    for amount in [line.quantity, line.unit_amount].into_iter().flatten() {
        put_amount(bytes, amount);
    }
    if let Some((id, code, name)) = &line.item {
        bytes.extend_from_slice(id.as_bytes());
        put_counted(bytes, code.as_bytes());
        put_counted(bytes, name.as_bytes());
    }
    if let Some(code) = &line.account_code {
        put_counted(bytes, code.as_bytes());
    }
    if let Some(id) = line.account_id {
        bytes.extend_from_slice(id.as_bytes());
    }
    if let Some(code) = &line.tax_type {
        put_counted(bytes, code.as_bytes());
    }
    for amount in [line.discount_rate, line.discount_amount, line.tax_sent].into_iter().flatten() {
        put_amount(bytes, amount);
    }
    if !line.tracking.is_empty() || line.moved.is_some() {
        let seldom = serde_json::to_vec(&(&line.tracking, &line.moved));
        put_counted(bytes, &seldom.unwrap_or_default());
    }
    put_amount(bytes, line.tax_amount);
    put_amount(bytes, line.line_amount);
}

/// In the order in which `pack` wrote them.
fn unpack(bytes: &mut Bytes<'_>) -> Line {
    let has = bytes.number();
    let mut next = 0;
    let mut is_there = || {
        next += 1;
        has >> (next - 1) & 1 == 1
    };
    let id = id(bytes);
    let description = is_there().then(|| bytes.text().to_owned());
    let quantity = is_there().then(|| amount(bytes));
    let unit_amount = is_there().then(|| amount(bytes));
    let item = is_there().then(|| (self::id(bytes), bytes.text().to_owned(), bytes.text().to_owned()));
    let account_code = is_there().then(|| bytes.text().to_owned());
    let account_id = is_there().then(|| self::id(bytes));
    let tax_type = is_there().then(|| bytes.text().to_owned());
    let discount_rate = is_there().then(|| amount(bytes));
    let discount_amount = is_there().then(|| amount(bytes));
    let tax_sent = is_there().then(|| amount(bytes));
    let seldom = is_there().then(|| serde_json::from_slice(bytes.counted()).unwrap_or_default());
    let (tracking, moved): (Vec<Tracking>, Option<Box<Moved>>) = seldom.unwrap_or_default();
    let (tax_amount, line_amount) = (amount(bytes), amount(bytes));
    Line {
        id,
        description,
        quantity,
        unit_amount,
        item,
        account_code,
        account_id,
        tax_type,
        tax_amount,
        line_amount,
        discount_rate,
        discount_amount,
        tracking,
        tax_sent,
        moved,
    }
}

fn id(bytes: &mut Bytes<'_>) -> Uuid {
    Uuid::from_slice(bytes.take(16)).unwrap_or_default()
}

/// Where the point stands is in the lower bits of the first byte, the sign above it, and at the top whether the
/// digits are too many for a number of 64 bits.
fn put_amount(bytes: &mut Vec<u8>, amount: Decimal) {
    let sign = if amount.is_sign_negative() { NEGATIVE } else { 0 };
    let digits = amount.mantissa().unsigned_abs();
    let scale = amount.scale() as u8 | sign;
    match usize::try_from(digits) {
        Ok(digits) => {
            bytes.push(scale);
            put_number(bytes, digits);
        }
        Err(_) => {
            bytes.push(scale | LONG);
            bytes.extend_from_slice(&digits.to_le_bytes());
        }
    }
}

const NEGATIVE: u8 = 0x40;
const LONG: u8 = 0x80;

fn amount(bytes: &mut Bytes<'_>) -> Decimal {
    let first = bytes.byte();
    let digits = if first & LONG == 0 {
        bytes.number() as i128
    } else {
        i128::from_le_bytes(bytes.take(16).try_into().unwrap_or_default())
    };
    let mut amount = Decimal::from_i128_with_scale(digits, u32::from(first & !(LONG | NEGATIVE)));
    amount.set_sign_negative(first & NEGATIVE != 0);
    amount
}

/// By what the amounts are worth, however they are written.
impl PartialEq for PackedLines {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.read() == other.read()
    }
}

impl Serialize for PackedLines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.read().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PackedLines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|lines: Vec<Line>| Self::of(&lines))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;

    fn decimal() -> impl Strategy<Value = Decimal> {
        let short =
            (-1_000_000_i64..1_000_000, 0..6_u32).prop_map(|(digits, scale)| Decimal::new(digits, scale));
        let long = (any::<[u8; 12]>(), 0..29_u32).prop_map(|(bytes, scale)| {
            let mut digits = [0; 16];
            digits[..12].copy_from_slice(&bytes);
            Decimal::from_i128_with_scale(i128::from_le_bytes(digits), scale)
        });
        prop_oneof![3 => short, 1 => long]
    }

    fn uuid() -> impl Strategy<Value = Uuid> {
        any::<u128>().prop_map(Uuid::from_u128)
    }

    fn line() -> impl Strategy<Value = Line> {
        let tracking =
            (uuid(), uuid(), ".{0,9}", ".{0,9}").prop_map(|(category_id, option_id, category, option)| {
                Tracking { category_id, option_id, category, option }
            });
        let said =
            (of(".{0,200}"), of((uuid(), ".{0,9}", ".{0,9}")), of("[0-9]{3}"), of(uuid()), of("[A-Z]{4}"));
        let amounts = [of(decimal()), of(decimal()), of(decimal()), of(decimal()), of(decimal())];
        (uuid(), said, amounts, decimal(), decimal(), vec(tracking, 0..3)).prop_map(
            |(id, said, amounts, tax_amount, line_amount, tracking)| {
                let (description, item, account_code, account_id, tax_type) = said;
                let [quantity, unit_amount, discount_rate, discount_amount, tax_sent] = amounts;
                Line {
                    id,
                    description,
                    quantity,
                    unit_amount,
                    item,
                    account_code,
                    account_id,
                    tax_type,
                    tax_amount,
                    line_amount,
                    discount_rate,
                    discount_amount,
                    tracking,
                    tax_sent,
                    moved: None,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn every_line_comes_back_to_the_digit(lines in vec(line(), 0..5)) {
            let packed = PackedLines::of(&lines);
            // Digits and scale, not only the worth.
            prop_assert_eq!(format!("{:?}", packed.read()), format!("{lines:?}"));
            let kept: PackedLines = serde_json::from_str(&serde_json::to_string(&packed).unwrap()).unwrap();
            prop_assert_eq!(kept, packed);
        }
    }

    #[test]
    fn lines_are_the_same_however_their_amounts_are_written() {
        let line =
            |quantity: Decimal| PackedLines::of(&[Line { quantity: Some(quantity), ..Line::default() }]);
        assert_eq!(line(Decimal::ONE), line(Decimal::new(1_000, 3)));
        assert_ne!(line(Decimal::ONE), line(Decimal::TWO));
    }
}
