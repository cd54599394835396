//! The main job: a won Opportunity becomes a Xero invoice, once, in as few calls as the API allows.

use std::collections::BTreeMap;

use counterfoil::domain::run::Status;
use counterfoil_sandbox::Provider;
use serde_json::json;

use crate::world::World;

pub(crate) const FLOW: &str = include_str!("../../flows/won-opportunity-to-invoice.yaml");

/// An account with one Opportunity, not yet won.
pub(crate) fn opportunity(world: &World, account: &str) -> String {
    let salesforce = &world.sandbox.salesforce;
    let account = salesforce
        .insert("Account", json!({"Name": account, "BillingCountry": "NZ", "Phone": "09 379 1234"}));
    world.sandbox.xero.ledger().add_item("DESK", "Desk", "100.50".parse().expect("a price"), "200");
    let product =
        salesforce.insert("Product2", json!({"Name": "Desk", "ProductCode": "DESK", "Family": "Hardware"}));
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

pub(crate) fn win(world: &World, opportunity: &str) {
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

/// 1,000 companies, 300 of which the bookkeeper knows among 3,000 contacts made by hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_won_opportunities_take_at_most_56_calls_of_xero() {
    let world = World::new().await;
    let xero = &world.sandbox.xero;
    let names: Vec<String> = (0..1_000).map(|n| format!("Company {n:04}")).collect();
    let known: Vec<&str> = names.iter().take(300).map(String::as_str).collect();
    xero.ledger().seed_contacts_named(&known);
    xero.ledger().seed_contacts(2_700);
    world.given_flow(FLOW).await;
    let ids: Vec<String> = names.iter().map(|name| opportunity(&world, name)).collect();
    world.settle().await;
    for id in &ids {
        win(&world, id);
    }
    world.sandbox.xero.harness().counters.clear();
    world.settle().await;

    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 1_000)]));
    let by_route = calls_by_route(&world);
    println!("{by_route:#?}");
    let spent: u64 = by_route.values().sum();
    assert!(spent <= 56, "{spent} calls: {by_route:#?}");
    assert_eq!(xero.count_429(), 0);
    let contacts = world.contacts();
    let numbered = contacts.iter().filter(|contact| contact.get("ContactNumber").is_some()).count();
    assert_eq!((contacts.len(), numbered, world.invoices().len()), (3_700, 1_000, 1_000));
    assert_eq!(xero.ledger().duplicates(), Vec::<String>::new());

    // The same events again: a poll that has forgotten its place.
    world.sandbox.xero.harness().counters.clear();
    world.redeliver_everything().await;
    assert_eq!(calls_by_route(&world), BTreeMap::new(), "nothing is asked twice");
}

/// Calls of the accounting API by route; tokens and connections aren't counted.
fn calls_by_route(world: &World) -> BTreeMap<String, u64> {
    let mut routes = BTreeMap::new();
    for call in world.sandbox.xero.calls() {
        if call.path.starts_with("/api.xro/") {
            *routes.entry(format!("{} {}", call.method, call.route)).or_default() += 1;
        }
    }
    routes
}
