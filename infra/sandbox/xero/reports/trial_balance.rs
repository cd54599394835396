//! `GET /Reports/TrialBalance`: every account's movement in the month so far, and where it stands in the year.
//!
//! Debits equal credits in either pair of columns.
//! <https://developer.xero.com/documentation/api/accounting/reports#trialbalance>

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::balance_sheet::earnings;
use super::columns::{Figures, basis_asked};
use super::periods::{Period, year_start};
use super::{Report, day_asked, header, linked, long_day, money_cell, only_read, row, section, text_cell};
use crate::xero::answer::{Refusal, Reply};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::settings::accounts::{Account, SystemAccount};

/// Title, and the class of its accounts.
const SECTIONS: [(&str, &str); 5] = [
    ("Revenue", "REVENUE"),
    ("Expenses", "EXPENSE"),
    ("Assets", "ASSET"),
    ("Liabilities", "LIABILITY"),
    ("Equity", "EQUITY"),
];

pub(crate) fn serve(organisation: &mut Organisation, request: &Request) -> Result<Reply, Refusal> {
    only_read(request)?;
    let basis = basis_asked(request)?;
    let day = day_asked(request, "date")?.unwrap_or_else(|| organisation.today(request.now));
    let year = year_start(day);
    let month = Period { from: day.first_of_month(), to: day };
    let until = |from: Date| Period { from, to: day };
    let before = Period { from: Date::MIN, to: year.yesterday().unwrap_or(year) };
    // The month, the year, everything; and the years before, whose earnings are retained.
    let figures = Figures::of_periods(organisation, basis, &[month, until(year), until(Date::MIN), before]);
    let retained = earnings(organisation, &figures, 4).last().copied().unwrap_or_default();
    let mut rows = vec![header(["Account", "Debit", "Credit", "YTD Debit", "YTD Credit"])];
    let mut totals = [Decimal::ZERO; 4];
    for (title, class) in SECTIONS {
        let mut shown = Vec::new();
        for account in of_class(organisation, class) {
            let amounts = figures.of(account.id);
            let stands = match class {
                "REVENUE" | "EXPENSE" => amounts[1],
                _ if account.system == Some(SystemAccount::RetainedEarnings) => amounts[2] - retained,
                _ => amounts[2],
            };
            if amounts[0].is_zero() && stands.is_zero() {
                continue;
            }
            let pairs =
                [amounts[0], stands].map(|amount| (amount.max(Decimal::ZERO), (-amount).max(Decimal::ZERO)));
            let columns = [pairs[0].0, pairs[0].1, pairs[1].0, pairs[1].1];
            totals.iter_mut().zip(columns).for_each(|(total, amount)| *total += amount);
            shown.push(account_row(account, columns, class));
        }
        if !shown.is_empty() {
            rows.push(section(title, shown));
        }
    }
    let sums = [text_cell("Total")].into_iter().chain(totals.map(money_cell)).collect::<Vec<_>>();
    rows.push(section("", vec![json!({ "RowType": "SummaryRow", "Cells": sums })]));
    let report = Report {
        id: "TrialBalance",
        name: "Trial Balance",
        titles: vec![
            "Trial Balance".to_owned(),
            organisation.name.clone(),
            format!("As at {}", long_day(day)),
        ],
        rows,
    };
    Ok(report.reply(organisation, request))
}

fn of_class<'a>(organisation: &'a Organisation, class: &str) -> Vec<&'a Account> {
    let accounts = organisation.shelves.accounts.since(None);
    let mut accounts: Vec<&Account> = accounts.filter(|account| account.class == class).collect();
    accounts.sort_by(|left, right| (&left.code, left.id).cmp(&(&right.code, right.id)));
    accounts
}

/// Nothing is an empty cell on the side where the account doesn't usually stand, and 0.00 where it does.
fn account_row(account: &Account, columns: [Decimal; 4], class: &str) -> Value {
    let stands_in_debit = matches!(class, "EXPENSE" | "ASSET");
    let cells = columns.iter().enumerate().map(|(place, amount)| {
        let usual = (place % 2 == 0) == stands_in_debit;
        if amount.is_zero() && !usual { text_cell("") } else { money_cell(*amount) }
    });
    let name = text_cell(format!("{} ({})", account.name, account.code));
    row([name].into_iter().chain(cells).map(|cell| linked(cell, "account", account.id)).collect())
}
