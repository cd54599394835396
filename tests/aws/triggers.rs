//! Every native trigger on the deployed stack: its own function, queue and schedule, and an event through it to a run.

use std::time::Duration;

use counterfoil::domain::Value;
use counterfoil::domain::connection::Provider;
use counterfoil::domain::ids::EventKey;
use counterfoil::domain::run::Status;
use counterfoil::flow::flows::FlowHead;
use counterfoil::flow::keep;
use counterfoil::flow::look::{self, Search};
use counterfoil::flow::rows::StoredRun;
use counterfoil::ports::clock::Clock as _;
use counterfoil::ports::queue::POLLED;
use counterfoil::runtime::system_clock::SystemClock;
use futures::StreamExt as _;
use futures::stream;
use serde_json::json;

use crate::deployed::Deployed;

/// What happens in Salesforce and in Xero, one thing for each trigger.
async fn something_of_each_kind(deployed: &Deployed, deleted: &str) {
    let org = &deployed.sandbox.salesforce;
    org.insert("Account", json!({"Name": "New Ltd"}));
    org.delete("Account", deleted).expect("deleted");

    let ledger = deployed.sandbox.xero.ledger();
    let contact = json!({"ContactID": ledger.add_contact_named("Acme Ltd").expect("a contact").id});
    let line = |account: &str| json!([{"Description": "Desk", "Quantity": 1, "UnitAmount": 50, "AccountCode": account}]);
    let document = |fields: Value| {
        let mut document = json!({"Contact": contact, "Date": "2026-11-20", "LineItems": line("200")});
        let fields = fields.as_object().cloned().unwrap_or_default();
        document.as_object_mut().expect("a map").extend(fields);
        document
    };
    let approved =
        |kind: &str| document(json!({"Type": kind, "Status": "AUTHORISED", "DueDate": "2026-12-20"}));
    let banked = |kind: &str, account: &str| {
        document(json!({"Type": kind, "BankAccount": {"Code": "090"}, "LineItems": line(account)}))
    };
    let invoice = deployed.in_books("Invoices", approved("ACCREC")).await;
    let paid = json!({"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Account": {"Code": "090"},
        "Date": "2026-11-21", "Amount": 10});
    for (kind, document) in [
        ("Invoices", approved("ACCPAY")),
        ("CreditNotes", approved("ACCRECCREDIT")),
        ("Payments", paid),
        ("PurchaseOrders", document(json!({}))),
        ("Quotes", document(json!({}))),
        ("BankTransactions", banked("SPEND", "400")),
        ("BankTransactions", banked("RECEIVE-PREPAYMENT", "200")),
        ("BankTransactions", banked("RECEIVE-OVERPAYMENT", "610")),
    ] {
        deployed.in_books(kind, document).await;
    }
}

/// A flow that does nothing but take notice.
fn noticing(trigger: &str) -> String {
    let object =
        if trigger.starts_with("salesforce.") { "  object: Account\n  fields: [Id, Name]\n" } else { "" };
    let name = trigger.replace(['.', '_'], "-");
    format!("flow: {name}\ntrigger:\n  type: {trigger}\n{object}steps:\n  - set: {{ seen: yes }}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_of_each_kind_goes_through_its_own_function_to_a_run() {
    let deployed = Deployed::new().await;
    let deleted = deployed.sandbox.salesforce.insert("Account", json!({"Name": "Old Ltd"}));
    let mut heads: Vec<(&str, FlowHead)> = Vec::new();
    for (trigger, _) in POLLED.into_iter().filter(|(trigger, _)| Provider::of(trigger).is_some()) {
        heads.push((trigger, deployed.given_flow(&noticing(trigger)).await));
    }
    // Stamps have whole seconds: what is made in the second of going live may be older.
    tokio::time::sleep(Duration::from_secs(2)).await;
    something_of_each_kind(&deployed, &deleted).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    for (trigger, _) in &heads {
        deployed.wake(trigger).await;
    }
    for (trigger, head) in &heads {
        let run = deployed.run(head, Status::Succeeded).await;
        let event = run.row.message.event.expect("an event");
        assert_eq!(event.kind, *trigger);
        assert!(event.record.is_object(), "{trigger}: {}", event.record);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keepers_minute_and_a_persons_word_start_a_run_for_each_account_that_is_found() {
    let deployed = Deployed::new().await;
    deployed.sandbox.salesforce.insert("Account", json!({"Name": "Acme Ltd"}));
    let each = "  each:\n    action: salesforce.find_records\n    with: { object: Account, fields: [Id, Name], match: { Name: Acme Ltd } }\n    \
                as: account\n    key: account.Id\nsteps:\n  - set: { seen: '{{ account.Name }}' }\n";
    let minute = format!("flow: minute\ntrigger:\n  type: schedule\n  cron: '* * * * *'\n{each}");
    let minute = deployed.given_flow(&minute).await;
    let word = deployed.given_flow(&format!("flow: word\ntrigger:\n  type: manual\n{each}")).await;
    let stack = &deployed.stack;
    keep::start(stack, &word, "manual", EventKey::new("a word"), stack.now(), json!({}))
        .await
        .expect("started");
    for head in [word, minute] {
        let search = Search { flow: Some(head.name.clone()), limit: 10, ..Search::default() };
        deployed
            .eventually(&format!("a run of {} for the account", head.name), async || {
                let runs = look::runs(stack, &search).await.expect("runs");
                let found = |run: StoredRun| {
                    run.row.message.event.is_some_and(|event| event.record["Name"] == "Acme Ltd")
                };
                runs.into_iter().any(|run| run.row.status == Status::Succeeded && found(run)).then_some(())
            })
            .await;
    }
}

/// Xero counts what takes longer as not delivered.
const IN_TIME: Duration = Duration::from_secs(5);

/// Beyond that, the answer's time is printed and not asserted: it is the emulator's and this machine's as much as ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_notifications_in_a_burst_are_all_taken_and_cause_at_most_three_polls() {
    let deployed = Deployed::new().await;
    deployed.given_xero_signs_with_our_key().await;
    let head = deployed.given_flow(&noticing("xero.new_or_updated_contact")).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ledger = deployed.sandbox.xero.ledger();
    let notify = async |sequence: u64| {
        let (body, signature) = deployed.notification(sequence);
        let began = SystemClock.now();
        let answer = deployed.post_to("/hooks/xero", &[("x-xero-signature", &signature)], &body).await;
        (answer.status, SystemClock.now().duration_since(began).unsigned_abs())
    };
    let (status, first) = notify(1).await;
    assert_eq!(status, 200);
    let mut one_by_one = Vec::new();
    for sequence in 2..=120 {
        let (status, took) = notify(sequence).await;
        assert_eq!(status, 200);
        one_by_one.push(took);
    }
    // By then the function is warm.
    one_by_one.drain(..19);
    one_by_one.sort();
    // The polls that these have woken are over.
    let quiet = async || {
        let is_quiet = async || deployed.is_quiet("xero.new_or_updated_contact").await.then_some(());
        deployed.eventually("a quiet moment", is_quiet).await;
        // What a poller has just taken up isn't counted, and may have another follow.
        tokio::time::sleep(Duration::from_secs(8)).await;
        deployed.eventually("a quiet moment", is_quiet).await;
    };
    quiet().await;
    ledger.add_contact_named("Acme Ltd").expect("a contact");
    let began = SystemClock.now();
    let answers: Vec<(u16, Duration)> =
        stream::iter(121..=1_120).map(notify).buffer_unordered(4).collect().await;
    deployed.run(&head, Status::Succeeded).await;
    // What looks at everything comes a minute after the first notification that was overtaken.
    quiet().await;
    let calls = deployed.sandbox.xero.calls().into_iter();
    let polled = calls.filter(|call| call.at >= began && call.method == "GET" && call.route == "/Contacts");
    let polled: Vec<i64> = polled.map(|call| call.at.duration_since(began).as_secs()).collect();
    let polls = polled.len() as u64;
    // The schedule polls as well, each five minutes.
    let scheduled = SystemClock.now().duration_since(began).as_secs().unsigned_abs() / 300 + 1;

    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 1_000);
    let mut times: Vec<Duration> = answers.into_iter().map(|(_, took)| took).collect();
    times.sort();
    eprintln!(
        "xero-webhook: the first call {first:?}; warm, one by one: p50 {:?}, p99 {:?}; 1,000 in a burst, 4 at once: \
         p50 {:?}, p99 {:?}; {polls} polls, of them at most {scheduled} by the schedule, at the seconds {polled:?}",
        one_by_one[50], one_by_one[98], times[500], times[990]
    );
    assert!(first.max(times[999]) < IN_TIME, "the first took {first:?}, the longest {:?}", times[999]);
    assert!(polls <= 3 + scheduled, "{polls} polls");
}
