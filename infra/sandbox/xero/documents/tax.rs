//! Line amounts, tax and totals: rounded to 2 places per line, half away from zero, then summed.
//!
//! Pure. <https://developer.xero.com/documentation/guides/how-to-guides/rounding-in-xero>

use rust_decimal::Decimal;

use crate::xero::wire::places;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum LineAmountTypes {
    #[default]
    Exclusive,
    Inclusive,
    NoTax,
}

impl LineAmountTypes {
    pub(crate) fn read(text: &str) -> Option<Self> {
        [Self::Exclusive, Self::Inclusive, Self::NoTax]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exclusive => "Exclusive",
            Self::Inclusive => "Inclusive",
            Self::NoTax => "NoTax",
        }
    }
}

/// Quantity times price, less a rate in percent or an amount.
pub(crate) fn line_amount(
    quantity: Decimal,
    unit_amount: Decimal,
    discount_rate: Option<Decimal>,
    discount_amount: Option<Decimal>,
) -> Decimal {
    let full = quantity * unit_amount;
    let rated =
        discount_rate.map_or(full, |rate| full * (Decimal::ONE_HUNDRED - rate) / Decimal::ONE_HUNDRED);
    places(rated - discount_amount.unwrap_or_default(), 2)
}

/// The tax of one line; `rate` in percent.
pub(crate) fn line_tax(amount: Decimal, rate: Decimal, kind: LineAmountTypes) -> Decimal {
    let tax = match kind {
        LineAmountTypes::Exclusive => amount * rate / Decimal::ONE_HUNDRED,
        LineAmountTypes::Inclusive => {
            amount - places(amount / (Decimal::ONE + rate / Decimal::ONE_HUNDRED), 2)
        }
        LineAmountTypes::NoTax => Decimal::ZERO,
    };
    places(tax, 2)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Totals {
    pub sub_total: Decimal,
    pub total_tax: Decimal,
    pub total: Decimal,
}

impl Totals {
    /// What the sender's own books have lost or won by rounding; part of the total.
    pub(crate) fn rounding(self) -> Decimal {
        self.total - self.sub_total - self.total_tax
    }
}

/// From (line amount, line tax).
pub(crate) fn totals(lines: impl Iterator<Item = (Decimal, Decimal)>, kind: LineAmountTypes) -> Totals {
    let (amount, tax) =
        lines.fold((Decimal::ZERO, Decimal::ZERO), |(a, t), (amount, tax)| (a + amount, t + tax));
    match kind {
        LineAmountTypes::Inclusive => Totals { sub_total: amount - tax, total_tax: tax, total: amount },
        _ => Totals { sub_total: amount, total_tax: tax, total: amount + tax },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn the_recorded_taxes_come_out_to_the_cent() {
        for (amount, kind, tax) in [
            ("21.00", LineAmountTypes::Exclusive, "3.15"),
            ("541.25", LineAmountTypes::Inclusive, "70.60"),
            ("500.00", LineAmountTypes::Inclusive, "65.22"),
            ("89.00", LineAmountTypes::Inclusive, "11.61"),
            ("97.00", LineAmountTypes::Inclusive, "12.65"),
            ("97.00", LineAmountTypes::NoTax, "0.00"),
        ] {
            assert_eq!(line_tax(d(amount), d("15"), kind), d(tax), "{amount} {kind:?}");
        }
    }

    #[test]
    fn tax_is_rounded_per_line_and_then_summed() {
        let tax = line_tax(d("0.03"), d("15"), LineAmountTypes::Exclusive);
        assert_eq!(tax, d("0.00"));
        let lines = [(d("0.03"), tax); 10];
        let totals = totals(lines.into_iter(), LineAmountTypes::Exclusive);
        assert_eq!((totals.sub_total, totals.total_tax, totals.total), (d("0.30"), d("0"), d("0.30")));
    }

    #[test]
    fn discounts_come_off_before_rounding() {
        assert_eq!(line_amount(d("3"), d("9.99"), Some(d("10")), None), d("26.97"));
        assert_eq!(line_amount(d("2"), d("10"), None, Some(d("1.50"))), d("18.50"));
        assert_eq!(line_amount(d("1"), d("0.125"), None, None), d("0.13"));
    }

    #[test]
    fn an_inclusive_total_is_the_sum_of_its_lines() {
        let totals = totals([(d("541.25"), d("70.60"))].into_iter(), LineAmountTypes::Inclusive);
        assert_eq!((totals.sub_total, totals.total), (d("470.65"), d("541.25")));
    }
}
