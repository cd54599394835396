//! One bad record never sinks its group, and never vanishes.

use std::collections::BTreeMap;

use counterfoil::domain::run::Status;
use counterfoil_sandbox::{Fault, Provider as _};
use serde_json::json;

use crate::main_job::{FLOW, opportunity, win};
use crate::trouble::{each_is_invoiced_once, time_goes_on, won};
use crate::world::World;

/// An Opportunity whose line sells what the books don't know.
fn opportunity_of_an_unknown_item(world: &World, account: &str) -> String {
    let salesforce = &world.sandbox.salesforce;
    let id = opportunity(world, account);
    let product =
        salesforce.insert("Product2", json!({"Name": "Ghost", "ProductCode": "GHOST", "Family": "Hardware"}));
    salesforce.insert(
        "OpportunityLineItem",
        json!({"OpportunityId": id, "Product2Id": product, "Quantity": 1, "UnitPrice": 1, "Description": "Ghost"}),
    );
    id
}

async fn fifty_with(bad: usize) {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let ids: Vec<String> = (0..50)
        .map(|n| {
            let account = format!("Company {n:02}");
            // Spread over the group.
            if (n * 7) % 50 < bad {
                opportunity_of_an_unknown_item(&world, &account)
            } else {
                opportunity(&world, &account)
            }
        })
        .collect();
    world.settle().await;
    for id in &ids {
        win(&world, id);
    }
    world.settle().await;
    time_goes_on(&world, &world.stack, 20).await;
    let mut expected = BTreeMap::new();
    for (status, count) in [(Status::Succeeded, 50 - bad), (Status::Failed, bad)] {
        if count > 0 {
            expected.insert(status, count);
        }
    }
    assert_eq!(world.statuses().await, expected);
    assert_eq!(world.invoices().len(), 50 - bad);
    assert_eq!(world.sandbox.xero.ledger().duplicates(), Vec::<String>::new());
    for run in world.runs().await.iter().filter(|run| run.row.status == Status::Failed) {
        let failure = run.row.failure.as_ref().expect("a reason");
        assert!(failure.message.contains("GHOST"), "the provider's own words: {failure}");
        assert_eq!(run.row.at_step.as_deref(), Some("invoice"));
    }
    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), bad, "each where its owner looks");
    assert!(letters.iter().all(|letter| letter.attributes.contains_key("code")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_invoice_of_fifty_fails_by_itself() {
    fifty_with(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_five_bad_invoices_of_fifty_fail_by_themselves() {
    fifty_with(25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_good_invoice_of_fifty_is_made() {
    fifty_with(49).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_bad_invoices_fail_each_with_its_reason() {
    fifty_with(50).await;
}

const BY_ID: &str = r#"
flow: invoice-for-a-given-contact
trigger:
  type: salesforce.updated_record
  object: Opportunity
  fields: [Id, Name, StageName, CloseDate, Description]
  changed: { StageName: { to: Closed Won } }
steps:
  - id: invoice
    action: xero.create_invoice
    link: invoice
    with:
      Contact: { ContactID: "{{ record.Description }}" }
      Date: "{{ record.CloseDate }}"
      DueDate: "{{ record.CloseDate }}"
      LineAmountTypes: Exclusive
      LineItems: [{ Description: "{{ record.Name }}", Quantity: 1, UnitAmount: 10, AccountCode: "200" }]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_for_an_unknown_contact_fails_by_itself() {
    let world = World::new().await;
    world.given_flow(BY_ID).await;
    let contact = world.sandbox.xero.ledger().add_contact_named("Acme").expect("a contact");
    let ids: Vec<String> = (0..9).map(|n| opportunity(&world, &format!("Company {n}"))).collect();
    world.settle().await;
    for (n, id) in ids.iter().enumerate() {
        let to =
            if n == 4 { "11111111-2222-4333-8444-555555555555".to_owned() } else { contact.id.to_string() };
        world.sandbox.salesforce.update(
            "Opportunity",
            id,
            json!({"Description": to, "StageName": "Closed Won"}),
        );
    }
    world.settle().await;
    time_goes_on(&world, &world.stack, 30).await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 8), (Status::Failed, 1)]));
    assert_eq!(world.invoices().len(), 8);
    assert_eq!(world.sandbox.xero.ledger().duplicates(), Vec::<String>::new());
    let runs = world.runs().await;
    let failed = runs.iter().find(|run| run.row.status == Status::Failed).expect("one");
    assert_eq!(failed.row.record().map(|(_, record)| record.to_string()), Some(ids[4].clone()));
}

/// What a demo company's monthly reset leaves: our directory believes in contacts that are gone. One of them refuses
/// a whole call of contacts with a 404 that doesn't say which it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_that_are_gone_refuse_whole_calls_until_each_stands_alone_and_is_made_anew() {
    let world = World::new().await;
    let flow = FLOW.replace("if_found: fill_empty", "if_found: update");
    assert_ne!(flow, FLOW);
    world.given_flow(&flow).await;
    let before: Vec<String> = (0..3).map(|n| opportunity(&world, &format!("Known {n}"))).collect();
    world.settle().await;
    for id in &before {
        win(&world, id);
    }
    world.settle().await;
    each_is_invoiced_once(&world, &before).await;

    let ledger = world.sandbox.xero.ledger();
    for contact in ledger.contacts() {
        ledger.erase_contact(contact.id);
    }
    let mut ids: Vec<String> = (0..5).map(|n| opportunity(&world, &format!("New {n}"))).collect();
    for (n, known) in before.iter().enumerate() {
        let account = world.sandbox.salesforce.get("Opportunity", known).expect("there")["AccountId"].clone();
        let phone = json!({"Phone": format!("09 379 000{n}")});
        world.sandbox.salesforce.update("Account", account.as_str().expect("an id"), phone);
        let id = opportunity(&world, "Placeholder");
        world.sandbox.salesforce.update("Opportunity", &id, json!({"AccountId": account}));
        ids.push(id);
    }
    world.settle().await;
    for id in &ids {
        win(&world, id);
    }
    world.sandbox.xero.harness().counters.clear();
    world.settle().await;
    time_goes_on(&world, &world.stack, 30).await;
    let failures: Vec<_> = world.runs().await.into_iter().filter_map(|run| run.row.failure).collect();
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 11)]), "{failures:#?}");
    assert_eq!((world.contacts().len(), world.invoices().len()), (8, 3 + 8));
    assert_eq!(world.sandbox.xero.ledger().duplicates(), Vec::<String>::new());
    let refused = world.sandbox.xero.calls().iter().filter(|call| call.status == 404).count();
    assert!((3..=12).contains(&refused), "{refused} refused calls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_refused_with_several_bad_elements_is_halved_and_the_good_ones_are_made() {
    let world = World::new().await;
    let ids = won(&world, 8).await;
    let element =
        json!({"ValidationErrors": [{"Message": "Something is wrong"}], "HasValidationErrors": true});
    let body = json!({"ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred",
        "Elements": [element.clone(), element]});
    world.sandbox.xero.harness().faults.add(Fault::on("PUT", "/Invoices", Fault::status(400, body)));
    world.settle().await;
    time_goes_on(&world, &world.stack, 20).await;
    each_is_invoiced_once(&world, &ids).await;
    let calls = world.sandbox.xero.calls();
    let keys: Vec<_> =
        calls.iter().filter(|c| c.method == "PUT").map(|c| c.idempotency_key.clone()).collect();
    assert_eq!(keys.len(), 3, "the whole, and its halves");
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2], "each under its own key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_another_kind_is_looked_up_and_nothing_is_made_twice() {
    let world = World::new().await;
    let ids = won(&world, 3).await;
    world.sandbox.xero.harness().faults.add(Fault::on(
        "PUT",
        "/Invoices",
        Fault::status(200, json!("<html>")),
    ));
    world.settle().await;
    time_goes_on(&world, &world.stack, 30).await;
    each_is_invoiced_once(&world, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_opportunities_of_one_account_in_one_batch_make_one_contact() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let first = opportunity(&world, "Acme Ltd");
    let second = opportunity(&world, "Placeholder");
    let account = world.sandbox.salesforce.get("Opportunity", &first).expect("there")["AccountId"].clone();
    world.sandbox.salesforce.update("Opportunity", &second, json!({"AccountId": account}));
    world.settle().await;
    win(&world, &first);
    win(&world, &second);
    world.settle().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 2)]));
    assert_eq!((world.contacts().len(), world.invoices().len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_accounts_of_one_name_don_t_become_one_contact_in_silence() {
    let world = World::new().await;
    world.given_flow(FLOW).await;
    let ids = [opportunity(&world, "Acme Ltd"), opportunity(&world, "Acme Ltd")];
    world.settle().await;
    for id in &ids {
        win(&world, id);
    }
    world.settle().await;
    time_goes_on(&world, &world.stack, 20).await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 1), (Status::Failed, 1)]));
    assert_eq!((world.contacts().len(), world.invoices().len()), (1, 1));
    let runs = world.runs().await;
    let failed = runs.iter().find(|run| run.row.status == Status::Failed).expect("one");
    let failure = failed.row.failure.clone().expect("a reason");
    assert!(failure.message.contains("ContactNumber"), "says which two: {failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_a_person_has_used_is_never_taken_over() {
    let world = World::new().await;
    let flow = FLOW.replace("      Date: ", "      InvoiceNumber: \"{{ record.Name }}\"\n      Date: ");
    assert_ne!(flow, FLOW);
    world.given_flow(&flow).await;
    let ledger = world.sandbox.xero.ledger();
    let contact = ledger.add_contact_named("Somebody").expect("a contact");
    ledger
        .add_invoice(json!({"Type": "ACCREC", "InvoiceNumber": "Desks", "Contact": {"ContactID": contact.id.to_string()},
            "LineItems": [{"Description": "by hand", "Quantity": 1, "UnitAmount": 5, "AccountCode": "200"}]}))
        .expect("an invoice");
    let id = opportunity(&world, "Acme Ltd");
    world.settle().await;
    win(&world, &id);
    world.settle().await;
    time_goes_on(&world, &world.stack, 20).await;
    let runs = world.runs().await;
    assert_eq!(runs[0].row.status, Status::Failed);
    assert_eq!(runs[0].row.failure.as_ref().expect("a reason").code, "number_taken");
    assert_eq!(world.invoices().len(), 1, "the person's own");
}
