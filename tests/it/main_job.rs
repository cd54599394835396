//! The main job: a won Opportunity becomes a Xero invoice, once.

use std::collections::BTreeMap;

use counterfoil::domain::run::Status;
use serde_json::json;

use crate::world::World;

pub const FLOW: &str = include_str!("../../flows/won-opportunity-to-invoice.yaml");

/// An account with one Opportunity, not yet won.
pub fn opportunity(world: &World, account: &str) -> String {
    let salesforce = &world.sandbox.salesforce;
    let account = salesforce.insert("Account", json!({"Name": account, "BillingCountry": "NZ", "Phone": "09 123 4567"}));
    let product = salesforce.insert("Product2", json!({"Name": "Desk", "ProductCode": "DESK", "Family": "Hardware"}));
    let opportunity = salesforce.insert(
        "Opportunity",
        json!({"Name": "Desks", "StageName": "Negotiation/Review", "CloseDate": "2026-11-20", "AccountId": account}),
    );
    salesforce.insert(
        "OpportunityLineItem",
        json!({"OpportunityId": opportunity, "Product2Id": product, "Quantity": 2, "UnitPrice": 100.50, "Description": "Desk"}),
    );
    opportunity
}

pub fn win(world: &World, opportunity: &str) {
    world.sandbox.salesforce.update("Opportunity", opportunity, json!({"StageName": "Closed Won"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_won_opportunity_becomes_one_invoice_and_its_number_comes_back() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let id = opportunity(&world, "Acme Ltd");
    world.settle().await;
    assert_eq!(world.invoices().len(), 0, "not won yet");
    win(&world, &id);
    world.settle().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 1)]), "{:#?}", world.runs().await);
    let invoices = world.invoices();
    assert_eq!(invoices.len(), 1);
    assert_eq!(world.contacts().len(), 1);
    let number = invoices[0]["InvoiceNumber"].clone();
    assert_eq!(world.sandbox.salesforce.get("Opportunity", &id).expect("there")["Xero_Invoice__c"], number);
}
