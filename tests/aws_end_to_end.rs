//! The shipped template on an AWS emulator: real queues, a real table, functions as processes, an API Gateway.

mod aws;
#[path = "aws/deployed.rs"]
mod deployed;
#[path = "aws/feeds.rs"]
mod feeds;
#[path = "aws/parts.rs"]
mod parts;
#[path = "aws/triggers.rs"]
mod triggers;

use counterfoil::domain::Value;
use counterfoil::domain::run::Status;
use counterfoil::flow::rows::{run_key, sortable};
use counterfoil::ports::table::{Condition, Index, Key, Write};
use counterfoil_sandbox::Fault;
use deployed::Deployed;
use jiff::SignedDuration;
use serde_json::json;

const INVOICE: &str = include_str!("../flows/won-opportunity-to-invoice.yaml");
const TASK: &str = include_str!("../flows/webhook-to-task.yaml");

/// An Opportunity with a line of that product, not yet won.
fn opportunity(deployed: &Deployed, account: &str, product: &str) -> String {
    let org = &deployed.sandbox.salesforce;
    let account =
        org.insert("Account", json!({"Name": account, "BillingCountry": "NZ", "Phone": "09 300 2345"}));
    let product =
        org.insert("Product2", json!({"Name": "Desk", "ProductCode": product, "Family": "Hardware"}));
    let opportunity = org.insert(
        "Opportunity",
        json!({"Name": "Desks", "StageName": "Negotiation/Review", "CloseDate": "2026-11-20", "AccountId": account}),
    );
    org.insert(
        "OpportunityLineItem",
        json!({"OpportunityId": opportunity, "Product2Id": product, "Quantity": 2, "UnitPrice": 100.50, "Description": "Desk"}),
    );
    opportunity
}

/// Wins it, and asks for polls until the books or the run log show what came of it.
async fn win<T>(
    deployed: &Deployed,
    opportunity: &str,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    deployed.sandbox.salesforce.update("Opportunity", opportunity, json!({"StageName": "Closed Won"}));
    deployed
        .eventually(what, async || {
            deployed.wake("salesforce.updated_record").await;
            look().await
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_won_opportunity_arrives_as_an_invoice() {
    let deployed = Deployed::new().await;
    deployed.sandbox.xero.ledger().add_item("DESK", "Desk", 100.into(), "200");
    let head = deployed.given_flow(INVOICE).await;
    let id = opportunity(&deployed, "Acme Ltd", "DESK");

    win(&deployed, &id, "an invoice", async || deployed.invoices().first().cloned()).await;

    let run = deployed.run(&head, Status::Succeeded).await;
    assert_eq!(run.row.record().map(|(_, record)| record.to_string()), Some(id.clone()));
    let invoices = deployed.invoices();
    assert_eq!(invoices.len(), 1, "however often it was polled");
    let won = deployed.sandbox.salesforce.get("Opportunity", &id).expect("there");
    assert_eq!(won["Xero_Invoice__c"], invoices[0]["InvoiceNumber"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_to_the_address_of_a_flow_runs_it() {
    let deployed = Deployed::new().await;
    deployed.sandbox.salesforce.insert("Account", json!({"Name": "Acme Ltd"}));
    let head = deployed.given_flow(TASK).await;
    let body = json!({"enquiry": {"id": "1", "company": "Acme Ltd", "topics": "urgent", "message": "Wer kommt, größe?"}});

    let answer = deployed.post(&head, &body.to_string()).await;
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
    let again = deployed.post(&head, &body.to_string()).await;
    let again: Value = serde_json::from_slice(&again.body).expect("JSON");
    assert_eq!(again["duplicate"], true);

    deployed.run(&head, Status::Succeeded).await;
    let tasks = deployed.tasks();
    assert_eq!(tasks.len(), 1, "the same enquiry twice is one task");
    assert_eq!(tasks[0]["Description"], "Wer kommt, größe?");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_xero_refuses_is_in_the_dead_letter_queue() {
    let deployed = Deployed::new().await;
    let head = deployed.given_flow(INVOICE).await;
    let id = opportunity(&deployed, "Bad Ltd", "NO-SUCH-ITEM");

    let flow = head.clone();
    win(&deployed, &id, "a failed run", async || {
        let search = counterfoil::flow::look::Search {
            flow: Some(flow.name.clone()),
            statuses: vec![Status::Failed],
            limit: 1,
            ..Default::default()
        };
        deployed.stack.flows.forget_heads();
        counterfoil::flow::look::runs(&deployed.stack, &search).await.expect("runs").pop()
    })
    .await;

    let run = deployed.run(&head, Status::Failed).await.row.message.run;
    let letter = deployed.dead_letter(run).await;
    let said = |name: &str| letter.attributes.get(name).map(String::as_str).unwrap_or_default();
    assert_eq!(said("flow"), head.name);
    assert_eq!(said("step"), "invoice");
    assert_eq!(said("record"), id);
    assert!(!said("code").is_empty());
    assert!(said("message").contains("NO-SUCH-ITEM"), "{}", said("message"));
    assert!(deployed.stack.command.starts_with("counterfoil --stack "), "{}", deployed.stack.command);
    assert_eq!(said("rerun"), format!("{} run rerun {run}", deployed.stack.command));
    assert!(deployed.invoices().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_waits_for_longer_than_a_queue_can_is_put_back_by_the_keeper() {
    let deployed = Deployed::new().await;
    let faults = deployed.sandbox.salesforce.faults();
    let no_calls_left =
        json!([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]);
    faults.add(Fault {
        path: "^/services/data".to_owned(),
        times: None,
        ..Fault::new(Fault::status(403, no_calls_left))
    });
    let head = deployed
        .given_flow("flow: late-task\ntrigger: { type: http.webhook }\nsteps:\n  - action: salesforce.create_task\n    with: { Subject: \"{{ record.subject }}\" }\n")
        .await;

    let answer = deployed.post(&head, r#"{"subject": "Call back"}"#).await;
    assert_eq!(answer.status, 202);
    let waiting = deployed.run(&head, Status::Waiting).await;
    assert!(deployed.tasks().is_empty());

    // The next day: the org has calls again, and what was due then is due now.
    faults.clear();
    let table = &deployed.stack.ports.table;
    let budget = Key::new(format!("B#salesforce#{}", deployed.crm().replace("crm-", "00D")), "budget");
    table.write(vec![Write::Delete { key: budget, when: Condition::Always }]).await.expect("deleted");
    let key = run_key(waiting.row.message.run);
    let mut item = table.get(&[key]).await.expect("read").remove(0).expect("a row");
    let (_, due_at) = item.indexes.get_mut(&Index::Due).expect("it is in the table with a due time");
    *due_at = sortable(deployed.stack.now() - SignedDuration::from_secs(1));
    table.write(vec![Write::put(item, Condition::Exists)]).await.expect("written");

    deployed.run(&head, Status::Succeeded).await;
    let tasks = deployed.tasks();
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0]["Subject"], "Call back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_xero_notifies_us_of_is_found_by_the_poll_that_it_wakes() {
    let deployed = Deployed::new().await;
    deployed.given_xero_signs_with_our_key().await;
    let head = deployed
        .given_flow("flow: contacts\ntrigger:\n  type: xero.new_or_updated_contact\nsteps:\n  - action: salesforce.create_task\n    with: { Subject: \"{{ record.Name }} is in the books\" }\n")
        .await;
    // Stamps have whole seconds: what is made in the second of going live may be older.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    deployed.sandbox.xero.ledger().add_contact_named("Acme Ltd").expect("a contact");

    let (body, signature) = deployed.notification(1);
    let answer = deployed.post_to("/hooks/xero", &[("x-xero-signature", &signature)], &body).await;
    assert_eq!((answer.status, answer.body.len(), answer.header("set-cookie")), (200, 0, None));
    let forged = deployed.post_to("/hooks/xero", &[("x-xero-signature", "Zm9yZ2Vk")], &body).await;
    assert_eq!((forged.status, forged.body.len()), (401, 0));

    deployed.run(&head, Status::Succeeded).await;
    assert_eq!(deployed.tasks()[0]["Subject"], "Acme Ltd is in the books");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_salesforce_tells_of_by_an_outbound_message_is_found_by_the_poll_that_it_wakes() {
    let deployed = Deployed::new().await;
    let secret = deployed.given_salesforce_knows_our_address().await;
    let head = deployed
        .given_flow("flow: accounts\ntrigger:\n  type: salesforce.updated_record\n  object: Account\n  fields: [Id, Name]\nsteps:\n  - action: salesforce.create_task\n    with: { Subject: \"{{ record.Name }} is in the org\" }\n")
        .await;
    // Stamps have whole seconds: what is made in the second of going live may be older.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let org = &deployed.sandbox.salesforce;
    org.notify_of("Account", None, &["Id", "Name"]).expect("a rule");
    org.insert("Account", json!({"Name": "Acme Ltd"}));
    let message = org.outbound_due().remove(0);
    let post = async |secret: &str| {
        let xml = [("content-type", "text/xml; charset=utf-8")];
        deployed.post_to(&format!("/hooks/salesforce/{secret}"), &xml, &message.body).await
    };

    let stranger = post("another").await;
    assert_eq!((stranger.status, stranger.body.len()), (404, 0));
    let wake = Key::new("H#salesforce.updated_record", org.organization_id());
    let wakes = async || {
        let mut row = deployed.stack.ports.table.get(std::slice::from_ref(&wake)).await.expect("read");
        row.remove(0).map(|item| item.document)
    };
    let before = wakes().await;
    let answer = post(secret).await;
    let body = String::from_utf8_lossy(&answer.body);
    assert!(answer.status == 200 && body.contains("<Ack>true"), "{}: {body}", answer.status);
    assert!(org.outbound_answered(&message, answer.status, &body), "it is not sent again");
    assert_ne!(wakes().await, before, "the poller is woken, and does not wait for its schedule");

    deployed.run(&head, Status::Succeeded).await;
    assert_eq!(deployed.tasks()[0]["Subject"], "Acme Ltd is in the org");
}
