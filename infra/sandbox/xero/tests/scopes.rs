//! Scopes: which one opens what, and what a token without it is told.

use serde_json::json;

use super::Client;
use super::identity::{CALLBACK, assert_refused, consented, status_of, token, token_of};
use crate::xero::{App, SCOPES};

/// What a person or a developer reads in the vendor's list, endpoint by endpoint.
/// <https://developer.xero.com/documentation/guides/oauth2/scopes/>
const OPENS: [(&str, &[&str]); 26] = [
    ("Invoices", &["accounting.invoices"]),
    ("CreditNotes", &["accounting.invoices"]),
    ("Quotes", &["accounting.invoices"]),
    ("PurchaseOrders", &["accounting.invoices"]),
    ("Items", &["accounting.invoices", "accounting.settings"]),
    ("Payments", &["accounting.payments"]),
    ("BatchPayments", &["accounting.payments"]),
    ("Prepayments", &["accounting.payments"]),
    ("Overpayments", &["accounting.payments"]),
    ("BankTransactions", &["accounting.banktransactions"]),
    ("BankTransfers", &["accounting.banktransactions"]),
    ("ManualJournals", &["accounting.manualjournals"]),
    ("Contacts", &["accounting.contacts"]),
    ("Accounts", &["accounting.settings"]),
    ("TaxRates", &["accounting.settings"]),
    ("TrackingCategories", &["accounting.settings"]),
    ("Currencies", &["accounting.settings"]),
    ("Organisation", &["accounting.settings"]),
    ("BrandingThemes", &["accounting.settings"]),
    ("Reports/AgedReceivablesByContact", &["accounting.reports.aged.read"]),
    ("Reports/AgedPayablesByContact", &["accounting.reports.aged.read"]),
    ("Reports/BalanceSheet", &["accounting.reports.balancesheet.read"]),
    ("Reports/BankSummary", &["accounting.reports.banksummary.read"]),
    ("Reports/ExecutiveSummary", &["accounting.reports.executivesummary.read"]),
    ("Reports/ProfitAndLoss", &["accounting.reports.profitandloss.read"]),
    ("Reports/TrialBalance", &["accounting.reports.trialbalance.read"]),
];

#[tokio::test]
async fn an_endpoint_opens_to_its_own_scopes_and_to_no_other() {
    let mut client = Client::unlimited().await;
    for scope in SCOPES {
        let read = if scope.ends_with(".read") { scope.to_owned() } else { format!("{scope}.read") };
        for held in [scope, &read] {
            client.sign_in(held).await;
            for (path, opened_by) in OPENS {
                let opens = opened_by.contains(&scope);
                let found = client.get(path).await;
                assert_eq!(found.status != 401 && found.status != 404, opens, "{held} and GET {path}");
                let written = client.put(path, json!({})).await;
                let may_write = opens && !held.ends_with(".read");
                assert_eq!(written.status != 401, may_write, "{held} and PUT {path}");
                if !may_write {
                    let challenge = written.header("www-authenticate").unwrap();
                    assert!(challenge.contains("insufficent_scope"), "{challenge}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_missing_scope_is_a_401_that_says_so_in_its_header_only() {
    let mut client = Client::new().await;
    client.sign_in("accounting.contacts.read").await;
    assert_eq!(client.get("Contacts").await.status, 200);
    for reply in [client.get("Invoices").await, client.put("Contacts", json!({ "Name": "A" })).await] {
        assert_eq!(reply.status, 401);
        assert!(reply.header("www-authenticate").unwrap().contains("insufficent_scope"));
    }
}

#[tokio::test]
async fn an_old_app_that_became_a_custom_connection_has_no_broad_scopes_either() {
    let client = Client::new().await;
    let tenant = client.ledger().tenant_id();
    let scopes = vec!["accounting.transactions".to_owned(), "accounting.contacts".to_owned()];
    let app = App::custom_connection("machine", "secret", "Machine", tenant);
    client.xero().register_app(App { scopes, has_broad_scopes: true, ..app }).unwrap();
    let ask = async |scope: &str| {
        token_of(&client, "machine:secret", &format!("grant_type=client_credentials&scope={scope}")).await
    };
    assert_refused(&ask("accounting.transactions").await, "invalid_scope", "broad");
    assert_refused(&ask("accounting.settings").await, "invalid_scope", "not assigned");
    let given = ask("accounting.contacts.read").await.json();
    assert_eq!(given["scope"], "accounting.contacts.read");
    assert_eq!(status_of(&client, &given["access_token"], "Contacts").await, 200);
}

#[tokio::test]
async fn broad_scopes_of_an_old_app_end_by_the_calendar() {
    let client = Client::new().await;
    let scopes = vec!["accounting.transactions".to_owned()];
    let app = App::web("web-app", "web-secret", "Old", &[CALLBACK]);
    client.xero().register_app(App { scopes, has_broad_scopes: true, ..app }).unwrap();
    let tokens = consented(&client, &["accounting.transactions", "offline_access"]).await;
    assert_eq!(status_of(&client, &tokens["access_token"], "Invoices").await, 200);
    assert_eq!(status_of(&client, &tokens["access_token"], "Contacts").await, 401);
    let mut refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    // From November 2026 to September 2027, used within each sixty days.
    for _ in 0..6 {
        client.advance(50 * 86_400);
        let form = format!("grant_type=refresh_token&refresh_token={refresh}");
        refresh = token(&client, &form).await.json()["refresh_token"].as_str().unwrap().to_owned();
    }
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    let late = token(&client, &form).await.json();
    assert_eq!(status_of(&client, &late["access_token"], "Invoices").await, 401);
}
