//! `GET /Reports/BankSummary`: what each bank account had, received, spent and has.
//!
//! <https://developer.xero.com/documentation/api/accounting/reports#banksummary>

use std::collections::HashMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::columns::add;
use super::periods::Period;
use super::{
    Report, accounts_of, header, linked, long_day, money_cell, only_read, row, section, summary_row,
    text_cell,
};
use crate::xero::answer::{Refusal, Reply};
use crate::xero::journal::Basis;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::shelves;

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Cash {
    pub(super) opening: Decimal,
    pub(super) received: Decimal,
    pub(super) spent: Decimal,
}

impl Cash {
    pub(super) fn closing(self) -> Decimal {
        self.opening + self.received - self.spent
    }
}

pub(crate) fn serve(organisation: &mut Organisation, request: &Request) -> Result<Reply, Refusal> {
    only_read(request)?;
    let period = Period::asked(organisation, request)?;
    let moved = moved(organisation, period);
    let mut totals = [Decimal::ZERO; 4];
    let mut rows = Vec::new();
    for account in accounts_of(organisation, &["BANK"]).into_iter().filter(|account| account.active) {
        let cash = moved.get(&account.id).copied().unwrap_or_default();
        let amounts = [cash.opening, cash.received, cash.spent, cash.closing()];
        add(&mut totals, &amounts);
        let [opening, received, spent, closing] = amounts.map(money_cell);
        rows.push(row(vec![
            linked(text_cell(&account.name), "accountID", account.id),
            opening,
            linked(received, "account", account.id),
            linked(spent, "account", account.id),
            closing,
        ]));
    }
    rows.push(summary_row("Total", &totals));
    let report = Report {
        id: "BankSummary",
        name: "Bank Summary",
        titles: vec![
            "Bank Summary".to_owned(),
            organisation.name.clone(),
            format!("From {} to {}", long_day(period.from), long_day(period.to)),
        ],
        rows: vec![
            header(["Bank Accounts", "Opening Balance", "Cash Received", "Cash Spent", "Closing Balance"]),
            section("", rows),
        ],
    };
    Ok(report.reply(organisation, request))
}

/// By account, of any type: those of the banks are asked for.
pub(super) fn moved(organisation: &Organisation, period: Period) -> HashMap<Uuid, Cash> {
    let mut moved: HashMap<Uuid, Cash> = HashMap::new();
    for entry in shelves::entries(organisation, Basis::Accrual).filter(|entry| entry.date <= period.to) {
        for posting in entry.postings {
            let cash = moved.entry(posting.place.account).or_default();
            match (entry.date < period.from, posting.amount >= Decimal::ZERO) {
                (true, _) => cash.opening += posting.amount,
                (false, true) => cash.received += posting.amount,
                (false, false) => cash.spent -= posting.amount,
            }
        }
    }
    moved
}
