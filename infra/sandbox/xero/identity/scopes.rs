//! The scopes there are, in words, and what each of them opens.
//!
//! Endpoints name the granular scopes they need; the broad ones stand for what replaced them.
//! <https://developer.xero.com/documentation/guides/oauth2/scopes/>

use jiff::Timestamp;

/// Granular scopes, as apps made since March 2026 have them.
pub const SCOPES: [&str; 17] = [
    "accounting.invoices",
    "accounting.payments",
    "accounting.banktransactions",
    "accounting.manualjournals",
    "accounting.contacts",
    "accounting.settings",
    "accounting.attachments",
    "projects",
    "accounting.reports.aged.read",
    "accounting.reports.balancesheet.read",
    "accounting.reports.banksummary.read",
    "accounting.reports.budgetsummary.read",
    "accounting.reports.executivesummary.read",
    "accounting.reports.profitandloss.read",
    "accounting.reports.trialbalance.read",
    "accounting.reports.taxreports.read",
    "app.connections",
];

/// Every app may ask for these.
pub(super) const IDENTITY_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// Apps without users manage their connections with it; no person is ever asked for it.
pub(super) const APP_CONNECTIONS: &str = "app.connections";

/// The day from which the broad ones open nothing.
const BROAD_END: &str = "2027-09-13T00:00:00Z";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breadth {
    Granular,
    Broad,
}

/// Granular scopes with their words for the person who is asked.
const GRANULAR: &[(&str, &str)] = &[
    ("accounting.invoices", "invoices, bills, credit notes, quotes, purchase orders and items"),
    ("accounting.payments", "payments, batch payments, prepayments and overpayments"),
    ("accounting.banktransactions", "bank transactions and transfers"),
    ("accounting.manualjournals", "manual journals"),
    ("accounting.contacts", "contacts and contact groups"),
    ("accounting.settings", "the organisation's settings: accounts, tax rates, tracking, currencies, users"),
    ("accounting.attachments", "attached files"),
    ("accounting.journals.read", "journals"),
    ("projects", "projects, their tasks and time"),
    ("accounting.reports.aged.read", "aged receivables and payables"),
    ("accounting.reports.balancesheet.read", "the balance sheet"),
    ("accounting.reports.banksummary.read", "the bank summary"),
    ("accounting.reports.budgetsummary.read", "the budget summary"),
    ("accounting.reports.executivesummary.read", "the executive summary"),
    ("accounting.reports.profitandloss.read", "profit and loss"),
    ("accounting.reports.trialbalance.read", "the trial balance"),
    ("accounting.reports.taxreports.read", "tax reports"),
    (APP_CONNECTIONS, "the app's own connections"),
];

/// What replaced them is what they open.
const BROAD: &[(&str, &str, &[&str])] = &[
    (
        "accounting.transactions",
        "invoices, bills, payments, bank transactions and journals",
        &[
            "accounting.invoices",
            "accounting.payments",
            "accounting.banktransactions",
            "accounting.manualjournals",
        ],
    ),
    (
        "accounting.reports.read",
        "all reports",
        &[
            "accounting.reports.aged.read",
            "accounting.reports.balancesheet.read",
            "accounting.reports.banksummary.read",
            "accounting.reports.budgetsummary.read",
            "accounting.reports.executivesummary.read",
            "accounting.reports.profitandloss.read",
            "accounting.reports.trialbalance.read",
            "accounting.reports.taxreports.read",
        ],
    ),
];

/// Whether one of the held scopes opens what a granular scope is needed for.
pub(super) fn open(held: &[String], needed: &str, writes: bool, now: Timestamp) -> bool {
    held.iter().any(|held| opens(held, needed, writes, now))
}

/// Reading is content with a `.read`.
fn opens(held: &str, needed: &str, writes: bool, now: Timestamp) -> bool {
    if writes && held.ends_with(".read") {
        return false;
    }
    match BROAD.iter().find(|(name, ..)| is_part_of(held, name)) {
        Some((_, _, parts)) => parts.contains(&needed) && !broad_ended(now),
        None => is_part_of(held, needed),
    }
}

pub(super) fn breadth(scope: &str) -> Option<Breadth> {
    if GRANULAR.iter().any(|(name, _)| is_part_of(scope, name)) {
        return Some(Breadth::Granular);
    }
    BROAD.iter().any(|(name, ..)| is_part_of(scope, name)).then_some(Breadth::Broad)
}

/// The scope itself, or its `.read`.
fn is_part_of(scope: &str, whole: &str) -> bool {
    scope == whole || scope.strip_suffix(".read") == Some(whole)
}

pub(super) fn broad_ended(now: Timestamp) -> bool {
    BROAD_END.parse::<Timestamp>().is_ok_and(|end| now >= end)
}

pub(super) fn is_of_identity(scope: &str) -> bool {
    IDENTITY_SCOPES.contains(&scope)
}

/// For the person who is asked, e.g. "View and manage contacts and contact groups".
pub(super) fn in_words(scope: &str) -> String {
    match scope {
        "openid" => return "Know who you are".to_owned(),
        "profile" => return "See your name".to_owned(),
        "email" => return "See your e-mail address".to_owned(),
        "offline_access" => return "Stay connected while you are away".to_owned(),
        _ => {}
    }
    let granular = GRANULAR.iter().find(|(name, _)| is_part_of(scope, name)).map(|(_, words)| *words);
    let broad = || BROAD.iter().find(|(name, ..)| is_part_of(scope, name)).map(|(_, words, _)| *words);
    let words = granular.or_else(broad).unwrap_or(scope);
    let verb = if scope.ends_with(".read") { "View" } else { "View and manage" };
    format!("{verb} {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(held: &str, needed: &str, writes: bool) -> bool {
        opens(held, needed, writes, Timestamp::constant(1_795_341_600, 0))
    }

    #[test]
    fn a_read_scope_reads_and_a_whole_one_does_both() {
        assert!(may("accounting.invoices.read", "accounting.invoices", false));
        assert!(!may("accounting.invoices.read", "accounting.invoices", true));
        assert!(may("accounting.invoices", "accounting.invoices", true));
        assert!(!may("accounting.invoices", "accounting.payments", false));
        assert!(may("accounting.reports.aged.read", "accounting.reports.aged.read", false));
        assert!(!may("accounting.reports.aged.read", "accounting.reports.trialbalance.read", false));
    }

    #[test]
    fn a_broad_scope_opens_what_replaced_it_until_it_ends() {
        for part in ["invoices", "payments", "banktransactions", "manualjournals"] {
            let needed = format!("accounting.{part}");
            assert!(may("accounting.transactions", &needed, true), "{part}");
            assert!(may("accounting.transactions.read", &needed, false), "{part}");
            assert!(!may("accounting.transactions.read", &needed, true), "{part}");
        }
        assert!(!may("accounting.transactions", "accounting.contacts", false));
        assert!(may("accounting.reports.read", "accounting.reports.balancesheet.read", false));
        let end = BROAD_END.parse().unwrap();
        assert!(!opens("accounting.transactions", "accounting.invoices", false, end));
    }

    #[test]
    fn every_scope_that_an_app_can_have_is_in_the_table() {
        for name in SCOPES {
            assert_eq!(breadth(name), Some(Breadth::Granular), "{name}");
            assert_ne!(in_words(name), format!("View and manage {name}"));
        }
    }
}
