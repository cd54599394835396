//! Reports, computed from the organisation's own books at each call: a file for each, its row is in
//! `endpoints.rs`.
//!
//! Their shape (header, sections, rows of cells that are all text) is here, and the days they take.
//! <https://developer.xero.com/documentation/api/accounting/reports>

pub(crate) mod aged;
pub(crate) mod balance_sheet;
pub(crate) mod bank_summary;
mod columns;
pub(crate) mod executive_summary;
mod periods;
pub(crate) mod profit_and_loss;
pub(crate) mod trial_balance;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{Refusal, Reply};
use super::organisation::Organisation;
use super::reading::single;
use super::request::Request;
use super::settings::accounts::Account;
use super::wire;

/// What a report says, before the words that all have.
#[derive(Debug)]
struct Report {
    /// Its last word in the path, e.g. `BalanceSheet`.
    id: &'static str,
    name: &'static str,
    titles: Vec<String>,
    rows: Vec<Value>,
}

impl Report {
    fn reply(self, organisation: &Organisation, request: &Request) -> Reply {
        let Self { id, name, titles, rows } = self;
        let body = json!({
            "ReportID": id, "ReportName": name, "ReportType": id, "ReportTitles": titles,
            "ReportDate": long_day(organisation.today(request.now)),
            "UpdatedDateUTC": wire::bare_stamp(request.now), "Fields": [], "Rows": rows,
        });
        single("Reports", body).into()
    }
}

fn only_read(request: &Request) -> Result<(), Refusal> {
    if request.method == "GET" { Ok(()) } else { Err(Refusal::NotImplemented) }
}

/// `23 April 2019`
fn long_day(day: Date) -> String {
    day.strftime("%-d %B %Y").to_string()
}

fn refused(message: String) -> Refusal {
    Refusal::Validation(vec![json!({ "ValidationErrors": [{ "Message": message }] })])
}

/// A day among the parameters.
fn day_asked(request: &Request, name: &str) -> Result<Option<Date>, Refusal> {
    let Some(text) = request.parameter(name) else { return Ok(None) };
    let day =
        wire::read_day(text).ok_or_else(|| refused(format!("The {name} '{text}' is not a valid date")))?;
    Ok(Some(day))
}

/// A flag among the parameters; not set when it is left out.
fn flag_asked(request: &Request, name: &str) -> Result<bool, Refusal> {
    match request.parameter(name).map(str::to_lowercase).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(refused(format!("The {name} '{other}' must be true or false"))),
    }
}

/// Nobody has arranged reports of their own here, so that all are laid out as they are at first.
fn check_layout(request: &Request) -> Result<(), Refusal> {
    flag_asked(request, "standardLayout").map(|_| ())
}

fn text_cell(text: impl Into<String>) -> Value {
    json!({ "Value": text.into() })
}

fn money_cell(amount: Decimal) -> Value {
    text_cell(wire::places(amount, 2).to_string())
}

/// A cell that leads somewhere: to an account, an invoice.
fn linked(mut cell: Value, what: &str, id: Uuid) -> Value {
    cell["Attributes"] = json!([{ "Value": id.to_string(), "Id": what }]);
    cell
}

fn header<'a>(titles: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "RowType": "Header", "Cells": titles.into_iter().map(text_cell).collect::<Vec<_>>() })
}

fn section(title: &str, rows: Vec<Value>) -> Value {
    json!({ "RowType": "Section", "Title": title, "Rows": rows })
}

fn row(cells: Vec<Value>) -> Value {
    json!({ "RowType": "Row", "Cells": cells })
}

fn summary_row(name: &str, amounts: &[Decimal]) -> Value {
    json!({ "RowType": "SummaryRow", "Cells": named_cells(name, amounts) })
}

fn named_cells(name: &str, amounts: &[Decimal]) -> Vec<Value> {
    [text_cell(name)].into_iter().chain(amounts.iter().map(|amount| money_cell(*amount))).collect()
}

/// An account with its amounts, each of which leads to it.
fn account_row(account: &Account, amounts: &[Decimal]) -> Value {
    let cells = named_cells(&account.name, amounts).into_iter();
    row(cells.map(|cell| linked(cell, "account", account.id)).collect())
}

/// All accounts of some types, as the chart has them.
fn accounts_of<'a>(organisation: &'a Organisation, kinds: &[&str]) -> Vec<&'a Account> {
    let mut accounts: Vec<&Account> = organisation
        .shelves
        .accounts
        .since(None)
        .filter(|account| kinds.contains(&account.kind.as_str()))
        .collect();
    accounts.sort_by(|left, right| (&left.code, left.id).cmp(&(&right.code, right.id)));
    accounts
}
