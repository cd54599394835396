//! `GET /Reports/BalanceSheet`: what is owned and owed at the end of a month, beside the ones before.
//!
//! Earnings are a row of their own: those of the financial year, and earlier ones with what was retained.
//! <https://developer.xero.com/documentation/api/accounting/reports#balancesheet>

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::Value;

use super::columns::{Figures, add, basis_asked};
use super::periods::{Period, periods, year_start};
use super::profit_and_loss::{COST_OF_SALES, EXPENSES, INCOME, OTHER_INCOME, group};
use super::{
    Report, account_row, accounts_of, check_layout, day_asked, header, long_day, named_cells, only_read,
    refused, row, section, summary_row,
};
use crate::xero::answer::{Refusal, Reply};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::settings::accounts::SystemAccount;

type Group = (&'static str, &'static [&'static str]);

const ASSETS: &[Group] = &[
    ("Bank", &["BANK"]),
    ("Current Assets", &["CURRENT", "INVENTORY", "PREPAYMENT"]),
    ("Fixed Assets", &["FIXED"]),
    ("Non-current Assets", &["NONCURRENT"]),
];
const LIABILITIES: &[Group] = &[
    ("Current Liabilities", &["CURRLIAB", "LIABILITY", "PAYG", "WAGESPAYABLELIABILITY"]),
    ("Non-current Liabilities", &["TERMLIAB", "SUPERANNUATIONLIABILITY"]),
];

pub(crate) fn serve(organisation: &mut Organisation, request: &Request) -> Result<Reply, Refusal> {
    only_read(request)?;
    check_layout(request)?;
    check_tracking(request)?;
    let basis = basis_asked(request)?;
    let day = day_asked(request, "date")?.unwrap_or_else(|| organisation.today(request.now));
    let month = Period::month_of(day);
    // What stands at the end of a column is everything that was posted until then.
    let columns: Vec<Period> = periods(request, month)?
        .into_iter()
        .map(|column| Period { from: Date::MIN, to: column.to })
        .collect();
    let standing = Figures::of_periods(organisation, basis, &columns);
    let years: Vec<Period> =
        columns.iter().map(|column| Period { from: year_start(column.to), to: column.to }).collect();
    let days: Vec<String> = columns.iter().map(|one| one.to.strftime("%-d %b %Y").to_string()).collect();
    let mut rows = vec![header([""].into_iter().chain(days.iter().map(String::as_str)))];
    let mut part = |title: &str, groups: &[Group], sign: Decimal| {
        let mut sum = vec![Decimal::ZERO; columns.len()];
        rows.push(section(title, Vec::new()));
        for (name, kinds) in groups {
            let total = format!("Total {name}");
            let (section, amounts) =
                group(organisation, &standing, columns.len(), (name, &total), kinds, sign);
            rows.extend(section);
            add(&mut sum, &amounts);
        }
        rows.push(section("", vec![summary_row(&format!("Total {title}"), &sum)]));
        sum
    };
    let mut net = part("Assets", ASSETS, Decimal::ONE);
    let owed: Vec<Decimal> =
        part("Liabilities", LIABILITIES, Decimal::NEGATIVE_ONE).into_iter().map(|amount| -amount).collect();
    add(&mut net, &owed);
    rows.push(section("", vec![row(named_cells("Net Assets", &net))]));
    rows.push(equity(
        organisation,
        &standing,
        &Figures::of_periods(organisation, basis, &years),
        columns.len(),
    ));
    let report = Report {
        id: "BalanceSheet",
        name: "Balance Sheet",
        titles: vec![
            "Balance Sheet".to_owned(),
            organisation.name.clone(),
            format!("As at {}", long_day(month.to)),
        ],
        rows,
    };
    Ok(report.reply(organisation, request))
}

/// The wording is ours.
fn check_tracking(request: &Request) -> Result<(), Refusal> {
    let asked =
        ["trackingOptionID1", "trackingOptionID2"].into_iter().find(|name| request.parameter(name).is_some());
    asked.map_or(Ok(()), |name| {
        Err(refused(format!(
            "A BalanceSheet can't be filtered by {name}: what is in the bank and what is owed is not tracked"
        )))
    })
}

fn equity(organisation: &Organisation, standing: &Figures, years: &Figures, columns: usize) -> Value {
    let earned_this_year = earnings(organisation, years, columns);
    let mut earned_before = earnings(organisation, standing, columns);
    earned_before.iter_mut().zip(&earned_this_year).for_each(|(all, year)| *all -= year);
    let mut sum = earned_this_year.clone();
    let mut rows = vec![row(named_cells("Current Year Earnings", &earned_this_year))];
    for account in accounts_of(organisation, &["EQUITY"]) {
        let mut amounts: Vec<Decimal> = standing.of(account.id).into_iter().map(|amount| -amount).collect();
        if account.system == Some(SystemAccount::RetainedEarnings) {
            add(&mut amounts, &earned_before);
        }
        if amounts.iter().any(|amount| !amount.is_zero()) {
            add(&mut sum, &amounts);
            rows.push(account_row(account, &amounts));
        }
    }
    rows.push(summary_row("Total Equity", &sum));
    section("Equity", rows)
}

/// Profits positive.
pub(super) fn earnings(organisation: &Organisation, figures: &Figures, columns: usize) -> Vec<Decimal> {
    let mut sum = vec![Decimal::ZERO; columns];
    let kinds = [INCOME, COST_OF_SALES, OTHER_INCOME, EXPENSES].concat();
    for account in accounts_of(organisation, &kinds) {
        let amounts: Vec<Decimal> = figures.of(account.id).into_iter().map(|amount| -amount).collect();
        add(&mut sum, &amounts);
    }
    sum
}
