//! `GET /Reports/AgedReceivablesByContact` and `…/AgedPayablesByContact`: what is open with one contact on a day,
//! and since when it is due.
//!
//! Credit that isn't used yet is a row below zero.
//! <https://developer.xero.com/documentation/api/accounting/reports#agedreceivablesbycontact>

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Report, day_asked, header, linked, long_day, money_cell, only_read, refused, row, section, text_cell,
};
use crate::xero::answer::{Refusal, Reply};
use crate::xero::documents::claims::Claim;
use crate::xero::documents::head::Head;
use crate::xero::documents::settlement::{Settled, SettledKind};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;

pub(crate) fn receivables(organisation: &mut Organisation, request: &Request) -> Result<Reply, Refusal> {
    serve(organisation, request, true)
}

pub(crate) fn payables(organisation: &mut Organisation, request: &Request) -> Result<Reply, Refusal> {
    serve(organisation, request, false)
}

/// One document of the contact, as it stood on the day of the report.
#[derive(Debug)]
struct Open {
    settled: Settled,
    number: String,
    date: Date,
    due: Option<Date>,
    total: Decimal,
    paid: Decimal,
    credited: Decimal,
}

impl Open {
    fn left(&self) -> Decimal {
        self.total - self.paid - self.credited
    }
}

fn serve(organisation: &Organisation, request: &Request, is_sale: bool) -> Result<Reply, Refusal> {
    only_read(request)?;
    let contact = request
        .parameter("contactID")
        .ok_or_else(|| refused("The contactId parameter is required".to_owned()))?;
    let contact = Uuid::parse_str(contact).ok().and_then(|id| organisation.shelves.contacts.get(id));
    let contact = contact.ok_or_else(|| refused("The contact could not be found".to_owned()))?;
    let day = day_asked(request, "date")?.unwrap_or_else(|| organisation.today(request.now));
    let from = day_asked(request, "fromDate")?;
    let to = day_asked(request, "toDate")?.unwrap_or(day);
    // Prepayments don't stand among receivables until they are allocated.
    let mut open: Vec<Open> = organisation
        .claims(Some(contact.id))
        .filter(|(kind, ..)| *kind != SettledKind::Prepayment)
        .filter(|(_, head, claim)| claim.is_sale == is_sale && claim.status.stands() && head.date <= to)
        .map(|(kind, head, claim)| stood(organisation, kind, head, claim, day))
        .filter(|open| !open.left().is_zero())
        .collect();
    open.sort_by(|left, right| (left.date, &left.number).cmp(&(right.date, &right.number)));
    let (before, shown): (Vec<Open>, Vec<Open>) =
        open.into_iter().partition(|open| from.is_some_and(|from| open.date < from));
    let opening: Decimal = before.iter().map(Open::left).sum();
    let first = from.or_else(|| shown.first().map(|open| open.date)).unwrap_or(to);
    let (id, name, title) = match is_sale {
        true => ("AgedReceivablesByContact", "Aged Receivables By Contact", "Invoices"),
        false => ("AgedPayablesByContact", "Aged Payables By Contact", "Bills"),
    };
    let report = Report {
        id,
        name,
        titles: vec![
            title.to_owned(),
            contact.name().to_owned(),
            format!("From {} to {}", long_day(first), long_day(to)),
            format!("Showing payments to {}", long_day(day)),
        ],
        rows: rows(&shown, opening, first, day),
    };
    Ok(report.reply(organisation, request))
}

/// With the payments and allocations that there were by then.
fn stood(organisation: &Organisation, kind: SettledKind, head: &Head, claim: &Claim, day: Date) -> Open {
    let payments = organisation.payments_of(head.id).filter(|payment| payment.date <= day);
    let allocations = organisation.allocations_of(head.id).filter(|allocation| allocation.date <= day);
    let is_invoice = kind == SettledKind::Invoice;
    let sign = if is_invoice { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
    Open {
        settled: Settled { kind, id: head.id },
        number: head.number.to_string(),
        date: head.date,
        due: claim.due_date.filter(|_| is_invoice),
        total: sign * head.totals.total,
        paid: sign * payments.map(|payment| payment.amount).sum::<Decimal>(),
        credited: sign * allocations.map(|allocation| allocation.amount).sum::<Decimal>(),
    }
}

fn rows(shown: &[Open], opening: Decimal, first: Date, day: Date) -> Vec<Value> {
    let date_cell =
        |date: Option<Date>| text_cell(date.map(|date| format!("{date}T00:00:00")).unwrap_or_default());
    let blank = || text_cell("");
    let mut rows: Vec<Value> = Vec::new();
    let mut sums = [Decimal::ZERO; 4];
    for open in shown {
        let amounts = [open.total, open.paid, open.credited, open.left()];
        sums.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
        let late = open.due.map(|due| (day - due).get_days()).filter(|days| *days > 0);
        let mut cells = vec![
            date_cell(Some(open.date)),
            text_cell(&open.number),
            date_cell(open.due),
            text_cell(late.map(|days| format!("{days} days overdue")).unwrap_or_default()),
        ];
        cells.extend(amounts.map(money_cell));
        let what = match open.settled.kind {
            SettledKind::Invoice => "invoiceID",
            SettledKind::CreditNote => "creditNoteID",
            SettledKind::Prepayment | SettledKind::Overpayment => "overpaymentID",
        };
        rows.push(row(cells.into_iter().map(|cell| linked(cell, what, open.settled.id)).collect()));
    }
    let summed = |name: &str, amounts: [Decimal; 4]| {
        let cells: Vec<Value> =
            [text_cell(name), blank(), blank(), blank()].into_iter().chain(amounts.map(money_cell)).collect();
        json!({ "RowType": "SummaryRow", "Cells": cells })
    };
    rows.push(summed("Total", sums));
    let opening_cells = vec![
        date_cell(Some(first)),
        text_cell("Opening Balance"),
        blank(),
        blank(),
        blank(),
        blank(),
        blank(),
        money_cell(opening),
    ];
    let mut closing = sums;
    closing[3] += opening;
    vec![
        header(["Date", "Number", "Due Date", "", "Total", "Paid", "Credited", "Due"]),
        section("", vec![row(opening_cells)]),
        section("", rows),
        section("", vec![summed("Closing Balance", closing)]),
    ]
}
