//! `GET /Reports/ProfitAndLoss`: what was earned and spent in a period, beside the periods before it.
//!
//! <https://developer.xero.com/documentation/api/accounting/reports#profitandloss>

use rust_decimal::Decimal;
use serde_json::Value;

use super::columns::{Column, Figures, add, basis_asked, columns};
use super::periods::Period;
use super::{
    Report, account_row, accounts_of, check_layout, header, long_day, named_cells, only_read, row, section,
    summary_row,
};
use crate::xero::answer::{Refusal, Reply};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;

pub(super) const INCOME: &[&str] = &["REVENUE", "SALES"];
pub(super) const COST_OF_SALES: &[&str] = &["DIRECTCOSTS"];
pub(super) const OTHER_INCOME: &[&str] = &["OTHERINCOME"];
pub(super) const EXPENSES: &[&str] = &["EXPENSE", "OVERHEADS", "DEPRECIATN"];

pub(crate) fn serve(organisation: &mut Organisation, request: &Request) -> Result<Reply, Refusal> {
    only_read(request)?;
    check_layout(request)?;
    let period = Period::asked(organisation, request)?;
    let basis = basis_asked(request)?;
    let (headings, columns): (Vec<String>, Vec<Column>) =
        columns(organisation, request, period)?.into_iter().unzip();
    let figures = Figures::within(organisation, basis, &columns);
    let mut rows = vec![header([""].into_iter().chain(headings.iter().map(String::as_str)))];
    let mut part = |title: &str, total: &str, kinds: &[&str], sign: Decimal| {
        let (section, sum) = group(organisation, &figures, columns.len(), (title, total), kinds, sign);
        rows.extend(section);
        sum
    };
    let mut gross = part("Income", "Total Income", INCOME, Decimal::NEGATIVE_ONE);
    let costs = part("Less Cost of Sales", "Total Cost of Sales", COST_OF_SALES, Decimal::ONE);
    subtract(&mut gross, &costs);
    rows.push(section("", vec![row(named_cells("Gross Profit", &gross))]));
    let mut part = |title: &str, total: &str, kinds: &[&str], sign: Decimal| {
        let (section, sum) = group(organisation, &figures, columns.len(), (title, total), kinds, sign);
        rows.extend(section);
        sum
    };
    let other = part("Plus Other Income", "Total Other Income", OTHER_INCOME, Decimal::NEGATIVE_ONE);
    let spent = part("Less Operating Expenses", "Total Operating Expenses", EXPENSES, Decimal::ONE);
    let mut net = gross;
    add(&mut net, &other);
    subtract(&mut net, &spent);
    rows.push(section("", vec![row(named_cells("Net Profit", &net))]));
    let report = Report {
        id: "ProfitAndLoss",
        name: "Profit and Loss",
        titles: vec![
            "Profit & Loss".to_owned(),
            organisation.name.clone(),
            format!("{} to {}", long_day(period.from), long_day(period.to)),
        ],
        rows,
    };
    Ok(report.reply(organisation, request))
}

fn subtract(sum: &mut [Decimal], amounts: &[Decimal]) {
    sum.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum -= amount);
}

/// Accounts of a kind with their total; accounts that didn't move are left out, and a part without any too.
pub(super) fn group(
    organisation: &Organisation,
    figures: &Figures,
    columns: usize,
    (title, total): (&str, &str),
    kinds: &[&str],
    sign: Decimal,
) -> (Option<Value>, Vec<Decimal>) {
    let mut sum = vec![Decimal::ZERO; columns];
    let mut rows = Vec::new();
    for account in accounts_of(organisation, kinds) {
        let amounts: Vec<Decimal> = figures.of(account.id).into_iter().map(|amount| sign * amount).collect();
        if amounts.iter().any(|amount| !amount.is_zero()) {
            add(&mut sum, &amounts);
            rows.push(account_row(account, &amounts));
        }
    }
    if rows.is_empty() {
        return (None, sum);
    }
    rows.push(summary_row(total, &sum));
    (Some(section(title, rows)), sum)
}
