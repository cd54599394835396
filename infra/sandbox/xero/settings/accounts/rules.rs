//! Writing the chart of accounts: one account a request, codes and names of their own, and what the books lean on
//! is left alone.
//!
//! <https://developer.xero.com/documentation/api/accounting/accounts>. The sentence about names is Xero's, the
//! others follow it.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Account, Accounts, BankAccount, code_key, name_key};
use crate::xero::answer::{Refusal, Reply};
use crate::xero::documents::head::sent_id;
use crate::xero::journal::{self, Basis};
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::reading::{View, single};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::writing::{Refused, given, text_within};

/// <https://developer.xero.com/documentation/api/accounting/accounts>
const LONGEST_CODE: usize = 10;
const LONGEST_NAME: usize = 150;
const LONGEST_DESCRIPTION: usize = 4_000;
const BANK_KINDS: [&str; 3] = ["BANK", "CREDITCARD", "PAYPAL"];

/// Type, class, and the tax type that an account of it begins with.
/// <https://developer.xero.com/documentation/api/accounting/types#account-types>
const TYPES: [(&str, &str, &str); 18] = [
    ("BANK", "ASSET", "NONE"),
    ("CURRENT", "ASSET", "NONE"),
    ("CURRLIAB", "LIABILITY", "NONE"),
    ("DEPRECIATN", "EXPENSE", "NONE"),
    ("DIRECTCOSTS", "EXPENSE", "INPUT2"),
    ("EQUITY", "EQUITY", "NONE"),
    ("EXPENSE", "EXPENSE", "INPUT2"),
    ("FIXED", "ASSET", "INPUT2"),
    ("INVENTORY", "ASSET", "NONE"),
    ("LIABILITY", "LIABILITY", "NONE"),
    ("NONCURRENT", "ASSET", "NONE"),
    ("OTHERINCOME", "REVENUE", "OUTPUT2"),
    ("OVERHEADS", "EXPENSE", "INPUT2"),
    ("PAYG", "LIABILITY", "NONE"),
    ("PREPAYMENT", "ASSET", "NONE"),
    ("REVENUE", "REVENUE", "OUTPUT2"),
    ("SALES", "REVENUE", "OUTPUT2"),
    ("TERMLIAB", "LIABILITY", "NONE"),
];

pub(super) fn save(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let before = match sent_id(sent, Accounts::ID)? {
        Some(id) => Some(organisation.shelves.accounts.get(id).cloned().ok_or(Refused::NotFound)?),
        None => None,
    };
    let id = before.as_ref().map(|held| held.id);
    let mut messages = Messages::default();
    let mut account = before.clone().unwrap_or_else(|| blank(organisation, request));
    read_type(sent, &mut account, before.as_ref(), &mut messages);
    read_texts(organisation, sent, &mut account, &mut messages);
    read_status(sent, &mut account, &mut messages);
    read_bank_account(organisation, sent, &mut account, &mut messages);
    for (held, field) in [
        (&mut account.enable_payments, "EnablePaymentsToAccount"),
        (&mut account.show_in_expense_claims, "ShowInExpenseClaims"),
        (&mut account.add_to_watchlist, "AddToWatchlist"),
    ] {
        *held = sent.get(field).and_then(Value::as_bool).unwrap_or(*held);
    }
    if account.enable_payments && account.is_control() {
        messages.push(protected(&account));
    }
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    account.updated = request.now;
    let id = account.id;
    organisation.shelves.accounts.put(account);
    Ok(id)
}

fn blank(organisation: &mut Organisation, request: &Request) -> Account {
    Account {
        id: organisation.ids.next(),
        code: String::new(),
        name: String::new(),
        kind: String::new(),
        class: String::new(),
        tax_type: String::new(),
        active: true,
        enable_payments: false,
        description: String::new(),
        show_in_expense_claims: false,
        add_to_watchlist: false,
        bank_account: None,
        system: None,
        updated: request.now,
    }
}

/// The type makes the class. A system account keeps its type.
fn read_type(
    sent: &Map<String, Value>,
    account: &mut Account,
    before: Option<&Account>,
    messages: &mut Messages,
) {
    let Some(kind) = given(sent, "Type") else {
        if before.is_none() {
            messages.push("Please enter a Type.".to_owned());
        }
        return;
    };
    if before.is_some_and(|held| held.kind == kind) {
        return;
    }
    match TYPES.iter().find(|(known, ..)| *known == kind) {
        None => messages.push(format!("The Type '{kind}' is not valid")),
        Some(_) if account.system.is_some() => messages.push(protected(account)),
        Some((kind, class, tax_type)) => {
            (*kind).clone_into(&mut account.kind);
            (*class).clone_into(&mut account.class);
            (*tax_type).clone_into(&mut account.tax_type);
        }
    }
}

fn read_texts(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    account: &mut Account,
    messages: &mut Messages,
) {
    for (held, field, longest) in [
        (&mut account.code, "Code", LONGEST_CODE),
        (&mut account.name, "Name", LONGEST_NAME),
        (&mut account.description, "Description", LONGEST_DESCRIPTION),
    ] {
        if let Some(text) = text_within(sent, field, longest, messages) {
            *held = text;
        }
    }
    // A bank account needs no code.
    if account.code.is_empty() && account.kind != "BANK" {
        messages.push("Please enter a Code.".to_owned());
    }
    if account.name.is_empty() {
        messages.push("Please enter a Name.".to_owned());
    }
    let accounts = &organisation.shelves.accounts;
    let is_taken = |key: &str| accounts.find_all(key).any(|other| other.id != account.id);
    if !account.code.is_empty() && is_taken(&code_key(&account.code)) {
        messages.push("Please enter a unique Code.".to_owned());
    }
    if is_taken(&name_key(&account.name)) {
        messages.push("Please enter a unique Name.".to_owned());
    }
    if let Some(tax_type) = given(sent, "TaxType") {
        if organisation.tax_rate(&tax_type).is_none() {
            messages.push(format!("The TaxType code '{tax_type}' does not exist"));
        }
        account.tax_type = tax_type;
    }
}

fn read_status(sent: &Map<String, Value>, account: &mut Account, messages: &mut Messages) {
    match given(sent, "Status").as_deref() {
        None => {}
        Some("ACTIVE") => account.active = true,
        Some("ARCHIVED") if account.system.is_some() => messages.push(protected(account)),
        Some("ARCHIVED") => account.active = false,
        Some(other) => messages.push(format!("The Status '{other}' is not valid")),
    }
}

fn protected(account: &Account) -> String {
    format!("The account '{}' is a system account and cannot be changed, archived or deleted", account.name)
}

fn read_bank_account(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    account: &mut Account,
    messages: &mut Messages,
) {
    if account.kind != "BANK" {
        account.bank_account = None;
        return;
    }
    let currency = account.bank_account.as_ref().map(|bank| bank.currency.clone());
    let bank = account.bank_account.get_or_insert_with(|| BankAccount {
        number: String::new(),
        kind: BANK_KINDS[0].to_owned(),
        currency: organisation.base_currency.clone(),
    });
    for (held, field) in [
        (&mut bank.number, "BankAccountNumber"),
        (&mut bank.kind, "BankAccountType"),
        (&mut bank.currency, "CurrencyCode"),
    ] {
        *held = given(sent, field).unwrap_or_else(|| std::mem::take(held));
    }
    if bank.number.is_empty() {
        messages.push("Please enter a BankAccountNumber.".to_owned());
    }
    if !BANK_KINDS.contains(&bank.kind.as_str()) {
        messages.push(format!("The BankAccountType '{}' is not valid", bank.kind));
    }
    if currency.is_some_and(|currency| currency != bank.currency) {
        messages.push("The CurrencyCode of a bank account cannot be changed");
    }
    if !organisation.has_currency(&bank.currency) {
        messages.push(format!("Organisation is not subscribed to currency {}", bank.currency));
    }
}

/// Only what nothing was ever posted to.
pub(super) fn delete(organisation: &mut Organisation, request: &Request, id: Uuid) -> Result<Reply, Refusal> {
    let account = organisation.shelves.accounts.get(id).cloned().ok_or(Refusal::NotFound)?;
    let mut body = Accounts::show(organisation, request, &account, View::Written);
    let problem = if account.system.is_some() {
        Some(protected(&account))
    } else if journal::balances(organisation, Basis::Accrual).contains_key(&id) {
        Some(format!("The account '{}' has transactions and can only be archived", account.name))
    } else {
        None
    };
    if let Some(message) = problem {
        body.insert("ValidationErrors".into(), json!([{ "Message": message }]));
        return Err(Refusal::Validation(vec![Value::Object(body)]));
    }
    organisation.shelves.accounts.remove(id);
    body.insert("Status".into(), "DELETED".into());
    Ok(single(Accounts::KEY, Value::Object(body)).into())
}
