//! The total that Xero will come to, computed before it does: tax is rounded per line, then summed.
//!
//! <https://central.xero.com/s/article/Rounding-in-Xero>

use std::sync::Arc;

use rust_decimal::Decimal;

use super::codes::lines;
use super::directory::{A_DAY, Directory, Setting};
use super::wire::text;
use crate::domain::Value;
use crate::domain::money::{Amount, CENTS, MoneyError};
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::Account;

/// Decimals of a UnitAmount that Xero keeps with `unitdp=4`.
const UNIT_DECIMALS: u32 = 4;

/// Fails with what the lines come to, where that isn't `expected`.
pub(super) async fn check(
    directory: &Directory,
    account: &dyn Account,
    invoice: &Value,
    expected: Amount,
) -> Result<(), Fault> {
    let rates = match text(invoice, "LineAmountTypes").unwrap_or("Exclusive") {
        "Exclusive" => Some(Rates {
            tax_rates: directory.settings.read(account, Setting::TaxRates, A_DAY).await?,
            accounts: directory.settings.read(account, Setting::Accounts, A_DAY).await?,
        }),
        _ => None,
    };
    let total = total(invoice, rates.as_ref()).map_err(Fault::Terminal)?;
    if total == expected {
        return Ok(());
    }
    Err(Fault::terminal(
        "unexpected_total",
        format!("the lines come to {total}, and expect_total says {expected}"),
    ))
}

struct Rates {
    tax_rates: Option<Arc<Vec<Value>>>,
    accounts: Option<Arc<Vec<Value>>>,
}

/// `rates`: only where tax comes on top.
fn total(invoice: &Value, rates: Option<&Rates>) -> Result<Amount, Failure> {
    let wrong =
        |error: MoneyError| Failure::new(error.code(), format!("the total can't be computed: {error}"));
    let mut total = Amount::ZERO;
    for line in lines(invoice) {
        let net = line_amount(line).map_err(wrong)?;
        let tax = match (amount(line, "TaxAmount"), rates) {
            (_, None) => Amount::ZERO,
            (Some(tax), Some(_)) => tax,
            (None, Some(_)) if net.is_zero() => Amount::ZERO,
            (None, Some(rates)) => {
                let percent = rates.percent(line).ok_or_else(unknown)?;
                net.times(percent).and_then(hundredth).and_then(|tax| tax.round(CENTS)).map_err(wrong)?
            }
        };
        total = total.plus(net).and_then(|sum| sum.plus(tax)).map_err(wrong)?;
    }
    total.round(CENTS).map_err(wrong)
}

/// Quantity times UnitAmount less the discount; a quantity that isn't given is 1.
fn line_amount(line: &Value) -> Result<Amount, MoneyError> {
    if let Some(given) = amount(line, "LineAmount") {
        return Ok(given);
    }
    let unit = amount(line, "UnitAmount").unwrap_or(Amount::ZERO).round(UNIT_DECIMALS)?;
    let gross = amount(line, "Quantity").unwrap_or(Amount::from(1)).times(unit)?;
    let net = match (amount(line, "DiscountRate"), amount(line, "DiscountAmount")) {
        (Some(rate), _) => hundredth(gross.times(Amount::from(100).minus(rate)?)?)?,
        (None, Some(discount)) => gross.minus(discount)?,
        (None, None) => gross,
    };
    net.round(CENTS)
}

fn hundredth(amount: Amount) -> Result<Amount, MoneyError> {
    amount.times(Amount::from(Decimal::new(1, 2)))
}

fn amount(line: &Value, name: &str) -> Option<Amount> {
    line.get(name).and_then(|value| Amount::from_json(value).ok())
}

fn unknown() -> Failure {
    Failure::new(
        "total_unknown",
        "expect_total needs the tax of every line: give each a TaxType, an AccountCode or a TaxAmount, and the connection the settings scope",
    )
}

impl Rates {
    /// The line's tax type, else its account's, in per cent.
    fn percent(&self, line: &Value) -> Option<Amount> {
        let code = match text(line, "TaxType") {
            Some(code) => code,
            None => {
                let code = text(line, "AccountCode")?;
                let account =
                    self.accounts.as_ref()?.iter().find(|account| text(account, "Code") == Some(code))?;
                text(account, "TaxType")?
            }
        };
        let rate = self.tax_rates.as_ref()?.iter().find(|rate| text(rate, "TaxType") == Some(code))?;
        Amount::from_json(rate.get("EffectiveRate")?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn total_of(types: &str, lines: Value) -> Result<String, String> {
        let rates = Rates {
            tax_rates: Some(Arc::new(vec![json!({"TaxType": "OUTPUT2", "EffectiveRate": 15})])),
            accounts: Some(Arc::new(vec![json!({"Code": "200", "TaxType": "OUTPUT2"})])),
        };
        let invoice = json!({"LineItems": lines});
        let rates = (types == "Exclusive").then_some(&rates);
        total(&invoice, rates).map(|total| total.to_string()).map_err(|failure| failure.code)
    }

    #[test]
    fn tax_is_rounded_per_line_and_then_summed() {
        let line = json!({"Quantity": 1, "UnitAmount": 0.10, "TaxType": "OUTPUT2"});
        // 0.015 rounds to 0.02 on each line; rounding the sum would give 0.35.
        assert_eq!(total_of("Exclusive", json!([line, line, line])).unwrap(), "0.36");
        assert_eq!(total_of("NoTax", json!([line, line, line])).unwrap(), "0.30");
    }

    #[test]
    fn the_recorded_amounts_come_out() {
        let line = |amount: &str| json!([{"Quantity": 1, "UnitAmount": amount, "AccountCode": "200"}]);
        assert_eq!(total_of("Exclusive", line("21.00")).unwrap(), "24.15");
        assert_eq!(total_of("Inclusive", line("541.25")).unwrap(), "541.25");
    }

    #[test]
    fn discounts_and_small_unit_prices_are_kept() {
        assert_eq!(total_of("NoTax", json!([{"Quantity": 1000, "UnitAmount": 0.1648}])).unwrap(), "164.80");
        assert_eq!(
            total_of("NoTax", json!([{"Quantity": 3, "UnitAmount": 10, "DiscountRate": 12.5}])).unwrap(),
            "26.25"
        );
        assert_eq!(
            total_of("NoTax", json!([{"Quantity": 1, "UnitAmount": 10, "DiscountAmount": 2.5}])).unwrap(),
            "7.50"
        );
    }

    #[test]
    fn a_line_whose_tax_is_unknown_is_no_total() {
        assert_eq!(
            total_of("Exclusive", json!([{"Quantity": 1, "UnitAmount": 10, "ItemCode": "A"}])),
            Err("total_unknown".into())
        );
    }
}
