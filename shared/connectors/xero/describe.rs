//! Codes to paste into a flow: accounts, bank accounts, tax rates, tracking, currencies.

use serde_json::json;

use super::directory::{Directory, PROOF, Setting};
use super::wire::text;
use crate::domain::outcome::Fault;
use crate::domain::{Object, Value};
use crate::ports::connector::Account;

/// What can be asked for, and the members that are shown of each.
const OBJECTS: &[(&str, Setting, &[&str])] = &[
    ("accounts", Setting::Accounts, &["Code", "Name", "Type", "TaxType", "Status"]),
    (
        "bank_accounts",
        Setting::Accounts,
        &["Code", "Name", "AccountID", "BankAccountNumber", "CurrencyCode", "Status"],
    ),
    ("tax_rates", Setting::TaxRates, &["TaxType", "Name", "EffectiveRate", "Status"]),
    ("tracking", Setting::Tracking, &["Name", "Options", "Status"]),
    ("currencies", Setting::Currencies, &["Code", "Description"]),
    (
        "organisation",
        Setting::Organisation,
        &[
            "Name",
            "BaseCurrency",
            "CountryCode",
            "Timezone",
            "PeriodLockDate",
            "EndOfYearLockDate",
            "ShortCode",
        ],
    ),
];

pub(super) async fn describe(
    directory: &Directory,
    account: &dyn Account,
    object: Option<&str>,
) -> Result<Value, Fault> {
    let wanted = |name: &str| object.is_none_or(|object| object.eq_ignore_ascii_case(name));
    let mut described = Object::new();
    for (name, setting, members) in OBJECTS.iter().filter(|(name, ..)| wanted(name)) {
        let list = directory.settings.read(account, *setting, PROOF).await?;
        let rows = list
            .iter()
            .flat_map(|list| list.iter())
            .filter(|row| is_of(name, row))
            .map(|row| shown(row, members));
        described.insert((*name).to_owned(), rows.collect());
    }
    if described.is_empty() {
        let known: Vec<_> = OBJECTS.iter().map(|(name, ..)| *name).collect();
        return Err(Fault::terminal(
            "unknown_object",
            format!("nothing of that name can be described; known are {}", known.join(", ")),
        ));
    }
    Ok(Value::Object(described))
}

fn is_of(name: &str, row: &Value) -> bool {
    let is_bank = text(row, "Type") == Some("BANK");
    match name {
        "accounts" => !is_bank,
        "bank_accounts" => is_bank,
        _ => true,
    }
}

fn shown(row: &Value, members: &[&str]) -> Value {
    let member = |name: &&str| match *name {
        "Options" => json!(
            row["Options"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|option| text(option, "Name"))
                .collect::<Vec<_>>()
        ),
        name => row[name].clone(),
    };
    let there = members.iter().filter(|name| row.get(**name).is_some());
    Value::Object(there.map(|name| ((*name).to_owned(), member(name))).collect())
}
