//! `GET /Reports/ExecutiveSummary`: cash, profit and what is open, this month beside the last.
//!
//! <https://developer.xero.com/documentation/api/accounting/reports#executivesummary>

use rust_decimal::Decimal;
use serde_json::Value;

use super::bank_summary::{Cash, moved};
use super::columns::Figures;
use super::periods::Period;
use super::profit_and_loss::{COST_OF_SALES, EXPENSES, INCOME, OTHER_INCOME};
use super::{Report, accounts_of, day_asked, header, money_cell, only_read, row, section, text_cell};
use crate::xero::answer::{Refusal, Reply};
use crate::xero::documents::settlement::control_account;
use crate::xero::journal::Basis;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::wire;

pub(crate) fn serve(organisation: &mut Organisation, request: &Request) -> Result<Reply, Refusal> {
    only_read(request)?;
    let day = day_asked(request, "date")?.unwrap_or_else(|| organisation.today(request.now));
    let this = Period::month_of(day);
    let last = Period::month_of(this.from.yesterday().unwrap_or(this.from));
    let months = [this, last];
    let cash = months.map(|month| of_banks(organisation, month));
    let within = Figures::of_periods(organisation, Basis::Accrual, &months);
    let until = months.map(|month| Period { from: jiff::civil::Date::MIN, to: month.to });
    let standing = Figures::of_periods(organisation, Basis::Accrual, &until);
    let sum = |kinds: &[&str], sign: Decimal| {
        let mut sums = [Decimal::ZERO; 2];
        for account in accounts_of(organisation, kinds) {
            sums.iter_mut().zip(within.of(account.id)).for_each(|(sum, amount)| *sum += sign * amount);
        }
        sums
    };
    let both = |amount: &dyn Fn(usize) -> Decimal| [amount(0), amount(1)];
    let income = sum(INCOME, Decimal::NEGATIVE_ONE);
    let costs = sum(COST_OF_SALES, Decimal::ONE);
    let other = sum(OTHER_INCOME, Decimal::NEGATIVE_ONE);
    let expenses = sum(EXPENSES, Decimal::ONE);
    let gross = both(&|month| income[month] - costs[month]);
    let profit = both(&|month| gross[month] + other[month] - expenses[month]);
    let control = |is_sale: bool, sign: Decimal| {
        let amounts = standing.of(control_account(organisation, is_sale));
        both(&|month| sign * amounts[month])
    };
    let names = months.map(|month| month.to.strftime("%b %Y").to_string());
    let report = Report {
        id: "ExecutiveSummary",
        name: "Executive Summary",
        titles: vec![
            "Executive Summary".to_owned(),
            organisation.name.clone(),
            format!("For the month of {}", this.to.strftime("%B %Y")),
        ],
        rows: vec![
            header(["", &names[0], &names[1], "Variance"]),
            section(
                "Cash",
                vec![
                    compared("Cash received", both(&|month| cash[month].received)),
                    compared("Cash spent", both(&|month| cash[month].spent)),
                    compared(
                        "Cash surplus (deficit)",
                        both(&|month| cash[month].received - cash[month].spent),
                    ),
                    compared("Closing bank balance", both(&|month| cash[month].closing())),
                ],
            ),
            section(
                "Profitability",
                vec![
                    compared("Income", income),
                    compared("Direct costs", costs),
                    compared("Gross profit (loss)", gross),
                    compared("Other Income", other),
                    compared("Expenses", expenses),
                    compared("Profit (loss)", profit),
                ],
            ),
            section(
                "Balance Sheet",
                vec![
                    compared("Debtors", control(true, Decimal::ONE)),
                    compared("Creditors", control(false, Decimal::NEGATIVE_ONE)),
                ],
            ),
        ],
    };
    Ok(report.reply(organisation, request))
}

fn of_banks(organisation: &Organisation, period: Period) -> Cash {
    let moved = moved(organisation, period);
    let banks = accounts_of(organisation, &["BANK"]);
    banks.iter().filter_map(|account| moved.get(&account.id)).fold(Cash::default(), |sum, cash| Cash {
        opening: sum.opening + cash.opening,
        received: sum.received + cash.received,
        spent: sum.spent + cash.spent,
    })
}

/// With the change in percent of the month before.
fn compared(name: &str, [this, last]: [Decimal; 2]) -> Value {
    let change = ((this - last) * Decimal::ONE_HUNDRED).checked_div(last.abs()).unwrap_or_default();
    let change = text_cell(format!("{}%", wire::places(change, 1)));
    row(vec![text_cell(name), money_cell(this), money_cell(last), change])
}
