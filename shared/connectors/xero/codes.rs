//! Codes that an invoice names, checked against the organisation's lists before anything is sent.
//!
//! A list is one call a day, however many invoices. That a code is missing is believed only of a list that was read
//! a moment ago; where a list can't be read, Xero is the one who checks.

use std::sync::Arc;

use super::directory::{A_DAY, Directory, PROOF, Setting};
use super::wire::text;
use crate::domain::Value;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::time::Day;
use crate::ports::connector::Account;

pub(super) async fn check(
    directory: &Directory,
    account: &dyn Account,
    invoice: &Value,
) -> Result<(), Fault> {
    for line in lines(invoice) {
        if let Some(code) = text(line, "AccountCode") {
            look(directory, account, Setting::Accounts, |list| account_code(list, code)).await?;
        }
        if let Some(code) = text(line, "TaxType") {
            look(directory, account, Setting::TaxRates, |list| tax_type(list, code)).await?;
        }
        for tracking in line["Tracking"].as_array().into_iter().flatten() {
            look(directory, account, Setting::Tracking, |list| tracking_option(list, tracking)).await?;
        }
    }
    if let Some(code) = text(invoice, "CurrencyCode") {
        let organisation = directory.organisation(account).await?;
        if organisation.is_none_or(|organisation| text(&organisation, "BaseCurrency") != Some(code)) {
            look(directory, account, Setting::Currencies, |list| currency(list, code)).await?;
        }
    }
    match text(invoice, "Date").and_then(|date| Day::parse(date).ok()) {
        // Xero itself decides whether a draft may be dated in a locked period.
        Some(day) if text(invoice, "Status") != Some("DRAFT") => {
            look(directory, account, Setting::Organisation, |list| period(list, day)).await
        }
        _ => Ok(()),
    }
}

pub(super) fn lines(invoice: &Value) -> impl Iterator<Item = &Value> {
    invoice["LineItems"].as_array().into_iter().flatten()
}

/// Asks the list that is there, and once more a fresh one before believing that something is wrong.
async fn look(
    directory: &Directory,
    account: &dyn Account,
    setting: Setting,
    find: impl Fn(&[Value]) -> Result<(), Failure>,
) -> Result<(), Fault> {
    for age in [A_DAY, PROOF] {
        let list: Option<Arc<Vec<Value>>> = directory.settings.read(account, setting, age).await?;
        match list.map(|list| find(&list)) {
            None | Some(Ok(())) => return Ok(()),
            Some(Err(failure)) if age == PROOF => return Err(Fault::Terminal(failure)),
            Some(Err(_)) => {}
        }
    }
    Ok(())
}

fn account_code(accounts: &[Value], code: &str) -> Result<(), Failure> {
    match accounts.iter().find(|account| text(account, "Code") == Some(code)) {
        Some(account) if text(account, "Status") == Some("ARCHIVED") => Err(Failure::new(
            "account_archived",
            format!("account {code} is archived: use an active one, or restore it in Xero"),
        )),
        Some(_) => Ok(()),
        None => {
            let hint = suggestion(accounts, code, "Code");
            Err(Failure::new(
                "unknown_account_code",
                format!("the organisation has no account with the code {code}{hint}"),
            ))
        }
    }
}

fn tax_type(rates: &[Value], code: &str) -> Result<(), Failure> {
    if rates.iter().any(|rate| text(rate, "TaxType") == Some(code)) {
        return Ok(());
    }
    let hint = suggestion(rates, code, "TaxType");
    Err(Failure::new("unknown_tax_type", format!("the organisation has no tax type {code}{hint}")))
}

/// People write the name where the code belongs, or the code in other letters.
fn suggestion(list: &[Value], written: &str, member: &str) -> String {
    let same = |entry: &&Value| {
        [member, "Name"]
            .iter()
            .any(|name| text(entry, name).is_some_and(|known| known.eq_ignore_ascii_case(written)))
    };
    match list.iter().find(same).and_then(|entry| text(entry, member)) {
        Some(code) => format!(": did you mean {code}?"),
        None => ": `counterfoil describe` lists the codes".to_owned(),
    }
}

fn tracking_option(categories: &[Value], tracking: &Value) -> Result<(), Failure> {
    let (name, option) =
        (text(tracking, "Name").unwrap_or_default(), text(tracking, "Option").unwrap_or_default());
    let Some(category) = categories.iter().find(|category| text(category, "Name") == Some(name)) else {
        return Err(Failure::new(
            "unknown_tracking",
            format!("the organisation has no active tracking category {name}"),
        ));
    };
    if category["Options"].as_array().into_iter().flatten().any(|known| text(known, "Name") == Some(option)) {
        return Ok(());
    }
    Err(Failure::new(
        "unknown_tracking",
        format!("the tracking category {name} has no option {option}: add it in Xero"),
    ))
}

fn currency(currencies: &[Value], code: &str) -> Result<(), Failure> {
    if currencies.iter().any(|currency| text(currency, "Code") == Some(code)) {
        return Ok(());
    }
    Err(Failure::new(
        "currency_not_subscribed",
        format!("the organisation doesn't use {code}: add it in Xero (Settings, Currencies)"),
    ))
}

fn period(organisations: &[Value], day: Day) -> Result<(), Failure> {
    for member in ["PeriodLockDate", "EndOfYearLockDate"] {
        let lock = organisations.first().and_then(|organisation| text(organisation, member));
        if let Some(lock) = lock.and_then(|lock| Day::parse(lock).ok()).filter(|lock| day <= *lock) {
            return Err(Failure::new(
                "period_locked",
                format!(
                    "the date {day} lies in a period that is locked up to {lock}: use a later date, or have the lock date moved in Xero"
                ),
            ));
        }
    }
    Ok(())
}
