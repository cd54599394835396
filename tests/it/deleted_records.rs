//! Records that are deleted in Salesforce: each deletion once, with the record as it was last.

use std::collections::BTreeSet;
use std::time::Duration;

use counterfoil::domain::Value;
use counterfoil::flow::budget::Priority;
use counterfoil::ports::connector::Call;
use counterfoil::ports::http::Method;
use serde_json::json;

use crate::world::World;

fn gone(object: &str, options: &str) -> String {
    format!(
        "flow: gone\ntrigger: {{ type: salesforce.deleted_record, object: {object}, fields: [Id, Name]{options} }}\nsteps:\n  - set: {{ name: \"{{{{ record.Name }}}}\" }}\n"
    )
}

async fn records(world: &World) -> Vec<Value> {
    let runs = world.runs().await.into_iter();
    runs.map(|run| run.row.message.event.expect("an event").record).collect()
}

async fn names(world: &World) -> BTreeSet<String> {
    records(world).await.iter().filter_map(|record| Some(record["Name"].as_str()?.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_is_told_once_a_restoration_never_and_the_next_deletion_again() {
    let world = World::new().await;
    let salesforce = &world.sandbox.salesforce;
    let before = salesforce.insert("Account", json!({"Name": "Deleted before"}));
    salesforce.delete("Account", &before).expect("deleted");
    world.advance(Duration::from_secs(5));
    world.given_flow(&gone("Account", "")).await;
    let (acme, kept) = (
        salesforce.insert("Account", json!({"Name": "Acme"})),
        salesforce.insert("Account", json!({"Name": "Kept"})),
    );
    world.settle().await;
    salesforce.update("Account", &kept, json!({"Phone": "1"}));
    salesforce.delete("Account", &acme).expect("deleted");
    for _ in 0..3 {
        world.settle().await;
    }
    let told = records(&world).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["Name"], &told[0]["Id"]), (&json!("Acme"), &json!(acme)));

    salesforce.undelete("Account", &acme).expect("restored");
    salesforce.update("Account", &acme, json!({"Phone": "2"}));
    world.settle().await;
    assert_eq!(world.runs().await.len(), 1, "it is there again");
    salesforce.delete("Account", &acme).expect("deleted");
    for _ in 0..2 {
        world.settle().await;
    }
    assert_eq!(world.runs().await.len(), 2, "deleted again is another event");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_that_are_deleted_in_one_second_are_told_of_once_each() {
    let world = World::with(|settings| settings.salesforce.page_size = 200).await;
    world.given_flow(&gone("Account", "")).await;
    let salesforce = &world.sandbox.salesforce;
    let ids: Vec<String> =
        (0..300).map(|n| salesforce.insert("Account", json!({"Name": format!("Account {n:03}")}))).collect();
    world.settle().await;
    for id in &ids {
        salesforce.delete("Account", id).expect("deleted");
    }
    for _ in 0..3 {
        world.settle().await;
    }
    assert_eq!((world.runs().await.len(), names(&world).await.len()), (300, 300));
    // Once a day two days are read again.
    world.advance(Duration::from_secs(25 * 3_600));
    world.settle().await;
    assert_eq!(world.runs().await.len(), 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_with_its_parent_is_told_and_what_the_condition_leaves_out_is_not() {
    let world = World::new().await;
    world.given_flow(&gone("OpportunityLineItem", ", where: Quantity > 1")).await;
    let salesforce = &world.sandbox.salesforce;
    let product = salesforce.insert("Product2", json!({"Name": "Desk"}));
    let deal = salesforce
        .insert("Opportunity", json!({"Name": "Desks", "StageName": "New", "CloseDate": "2026-11-20"}));
    for quantity in [1, 2, 3] {
        salesforce.insert(
            "OpportunityLineItem",
            json!({"OpportunityId": deal, "Product2Id": product, "Quantity": quantity, "UnitPrice": 1}),
        );
    }
    world.settle().await;
    salesforce.delete("Opportunity", &deal).expect("deleted");
    world.settle().await;
    assert_eq!(world.runs().await.len(), 2, "two of the three lines");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_connection_itself_deletes_is_no_news_unless_it_is_asked_for() {
    for (options, told) in [("", 0), (", ignore_own: false", 1)] {
        let world = World::new().await;
        world.given_flow(&gone("Account", options)).await;
        let id = world.sandbox.salesforce.insert("Account", json!({"Name": "Acme"}));
        let crm = world.stack.connections.get(&"crm".into()).await.expect("read").expect("there");
        let deadline = world.clock_now() + Duration::from_secs(120);
        let client = world.stack.client(crm, Priority::Live, deadline).expect("a client");
        let permit = client.reserve().await.expect("a send");
        let path = format!("/services/data/v67.0/sobjects/Account/{id}");
        let call = Call { method: Method::Delete, ..Call::get(path) };
        let answer = client.send(permit, &call, None).await.expect("sent").response.expect("an answer");
        assert_eq!(answer.status, 204);
        world.settle().await;
        assert_eq!(world.runs().await.len(), told, "{options}");
    }
}
