//! Tax rates, currencies, branding themes, the organisation and its people.

use serde_json::{Value, json};

use super::{Client, digits, encoded};

fn city_tax() -> Value {
    json!({
        "Name": "City tax", "ReportTaxType": "OUTPUT",
        "TaxComponents": [{ "Name": "State", "Rate": 7.5 }, { "Name": "City", "Rate": 2, "IsCompound": true }],
    })
}

#[tokio::test]
async fn a_tax_rate_gets_its_type_from_xero_and_its_rate_from_its_components() {
    let client = Client::unlimited().await;
    let rate = client.put("TaxRates", city_tax()).await.json()["TaxRates"][0].clone();
    assert_eq!((&rate["TaxType"], &rate["Status"]), (&json!("TAX001"), &json!("ACTIVE")));
    assert_eq!(
        (digits(&rate["EffectiveRate"]), &rate["CanApplyToExpenses"]),
        ("9.65".to_owned(), &json!(false))
    );
    client.ledger().add_contact_named("Acme").unwrap();
    let invoice = |tax: &str, account: &str| {
        json!({
            "Type": "ACCREC", "Contact": { "Name": "Acme" }, "Status": "AUTHORISED",
            "LineItems": [{ "Description": "Work", "UnitAmount": 100, "AccountCode": account, "TaxType": tax }],
        })
    };
    let body = client.put("Invoices", invoice("TAX001", "200")).await.json();
    assert_eq!(digits(&body["Invoices"][0]["TotalTax"]), "9.65");
    assert_eq!(
        client.put("Invoices", invoice("TAX001", "400")).await.messages(),
        ["The TaxType code 'TAX001' cannot be used with account code '400'."]
    );
    assert_eq!(client.put("TaxRates", city_tax()).await.messages(), ["Please enter a unique Name."]);
}

#[tokio::test]
async fn a_deleted_rate_taxes_no_new_line() {
    let client = Client::unlimited().await;
    client.put("TaxRates", city_tax()).await;
    let gone = json!({ "Name": "City tax", "Status": "DELETED" });
    let rate = client.post("TaxRates", gone).await.json()["TaxRates"][0].clone();
    assert_eq!((&rate["TaxType"], &rate["Status"]), (&json!("TAX001"), &json!("DELETED")));
    assert_eq!(rate["TaxComponents"].as_array().unwrap().len(), 2);
    client.ledger().add_contact_named("Acme").unwrap();
    let invoice = json!({ "Type": "ACCREC", "Contact": { "Name": "Acme" },
        "LineItems": [{ "Description": "Work", "UnitAmount": 100, "TaxType": "TAX001" }] });
    assert_eq!(
        client.put("Invoices", invoice).await.messages(),
        ["The TaxType code TAX001 does not exist or cannot be used for this type of transaction."]
    );
    assert_eq!(client.get("TaxRates/TAX001").await.json()["TaxRates"][0]["Name"], "City tax");
}

#[tokio::test]
async fn a_tax_rate_is_written_alone_and_checked() {
    let client = Client::unlimited().await;
    let two = json!({ "TaxRates": [city_tax(), city_tax()] });
    assert_eq!(
        client.put("TaxRates", two).await.messages(),
        ["Only one of the TaxRates may be written in a request"]
    );
    let part = json!([{ "Name": "A", "Rate": 1 }]);
    for (sent, messages) in [
        (
            json!({}),
            vec![
                "At least one TaxComponent must be specified",
                "Name must be specified",
                "ReportTaxType must be specified",
            ],
        ),
        (
            json!({ "Name": "A", "ReportTaxType": "NOPE", "TaxComponents": part }),
            vec!["The ReportTaxType 'NOPE' is not valid"],
        ),
        (
            json!({ "Name": "A", "ReportTaxType": "INPUT", "TaxComponents": [{ "Name": "A", "Rate": 101 }] }),
            vec!["The Rate of a TaxComponent must be between 0 and 100"],
        ),
        (json!({ "TaxType": "TAX999", "Name": "A" }), vec!["The TaxType code 'TAX999' does not exist"]),
    ] {
        assert_eq!(client.post("TaxRates", sent).await.messages(), messages);
    }
    let filter = encoded("CanApplyToRevenue==true AND Status==\"ACTIVE\"");
    let body = client.get(&format!("TaxRates?where={filter}&order=Name%20DESC")).await.json();
    let names: Vec<_> =
        body["TaxRates"].as_array().unwrap().iter().map(|rate| rate["Name"].clone()).collect();
    assert_eq!(names, ["Zero Rated", "No GST", "15% GST on Income"]);
}

#[tokio::test]
async fn a_currency_is_added_once_and_documents_may_have_it() {
    let client = Client::unlimited().await;
    let usd = json!({ "Code": "USD" });
    for _ in 0..2 {
        let body = client.put("Currencies", usd.clone()).await.json();
        assert_eq!(body["Currencies"], json!([{ "Code": "USD", "Description": "United States Dollar" }]));
    }
    let codes = client.get("Currencies").await.json();
    assert_eq!(codes["Currencies"].as_array().unwrap().len(), 2);
    for unknown in ["dollar", "XXQ", "usd", ""] {
        let refused = client.put("Currencies", json!({ "Code": unknown })).await;
        assert_eq!(refused.messages(), [format!("The currency code '{unknown}' is not valid")]);
    }
    assert_eq!(client.put("Currencies", json!({ "Code": "ZMW" })).await.status, 200);
    assert_eq!(client.post("Currencies", usd).await.status, 501);
    client.ledger().add_contact_named("Acme").unwrap();
    let invoice =
        json!({ "Type": "ACCREC", "Contact": { "Name": "Acme" }, "CurrencyCode": "USD", "LineItems": [] });
    assert_eq!(client.put("Invoices", invoice).await.json()["Invoices"][0]["CurrencyCode"], "USD");
}

#[tokio::test]
async fn the_organisation_says_what_may_be_done_in_it_and_cannot_be_written() {
    let client = Client::new().await;
    let actions = client.get("Organisation/Actions").await.json()["Actions"].clone();
    assert!(
        actions.as_array().unwrap().contains(&json!({ "Name": "UseMulticurrency", "Status": "ALLOWED" }))
    );
    assert_eq!(client.post("Organisation", json!({ "Name": "Other" })).await.status, 501);
    assert_eq!(client.get("Organisation/Nope").await.status, 404);
}

#[tokio::test]
async fn users_and_themes_are_read_and_never_written() {
    let client = Client::new().await;
    let users = client.get("Users?order=FirstName").await.json()["Users"].clone();
    assert_eq!((&users[1]["FirstName"], &users[1]["IsSubscriber"]), (&json!("Olive"), &json!(true)));
    let one = client.get(&format!("Users/{}", users[0]["UserID"].as_str().unwrap())).await.json();
    assert_eq!(one["Users"][0]["OrganisationRole"], "STANDARD");
    let filter = encoded("IsSubscriber==true");
    assert_eq!(
        client.get(&format!("Users?where={filter}")).await.json()["Users"].as_array().unwrap().len(),
        1
    );
    let theme = client.get("BrandingThemes").await.json()["BrandingThemes"][0].clone();
    assert_eq!((&theme["Name"], &theme["Type"]), (&json!("Standard"), &json!("INVOICE")));
    for path in ["Users", "BrandingThemes"] {
        assert_eq!(client.put(path, json!({ "Name": "A" })).await.status, 501);
    }
}
