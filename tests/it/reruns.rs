//! Reruns: what a person, a redrive or a new version of the flow changes about a run that has ended.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil::domain::run::Status;
use counterfoil::flow::rerun::{self, Again};
use counterfoil::flow::rows::StoredRun;
use counterfoil::ports::queue::{Outgoing, QueueName, Settle};
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use serde_json::json;

use crate::main_job::{FLOW, opportunity, win};
use crate::world::World;

/// Two effects: an invoice, then a task whose subject comes from `subject`.
fn two_effects(subject: &str) -> String {
    format!(
        "\
flow: two-effects
trigger:
  type: salesforce.updated_record
  object: Opportunity
  fields: [Id, Name, Account.Name]
  changed: {{ StageName: {{ to: Closed Won }} }}
steps:
  - id: contact
    action: xero.upsert_contact
    with: {{ Name: '{{{{ record.Account.Name }}}}' }}
  - id: invoice
    action: xero.create_invoice
    link: invoice
    with:
      Contact: {{ ContactID: '{{{{ steps.contact.ContactID }}}}' }}
      LineAmountTypes: Exclusive
      Reference: '{{{{ record.Name }}}}'
      LineItems: [{{ Description: Desk, Quantity: 1, UnitAmount: 10, AccountCode: '200' }}]
  - id: write_back
    action: salesforce.update_record
    with: {{ object: Opportunity, id: '{{{{ record.Id }}}}', fields: {{ NextStep: '{{{{ {subject} }}}}' }} }}
when_failed: {{ email: true }}
"
    )
}

async fn only_run(world: &World) -> StoredRun {
    let mut runs = world.runs().await;
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

/// Won, invoiced, and then the last step failed.
async fn failed_after_the_invoice(world: &World) -> (String, StoredRun) {
    world.given_flow(&two_effects("record.Nothing.at.all()")).await;
    let id = opportunity(world, "Acme Ltd");
    win(world, &id);
    world.settle().await;
    let run = only_run(world).await;
    assert_eq!((run.row.status, run.row.at_step.as_deref()), (Status::Failed, Some("write_back")));
    assert_eq!(world.invoices().len(), 1);
    (id, run)
}

async fn push(world: &World, text: &str) {
    world.stack.flows.push("two-effects", "flow.yaml", text, BTreeMap::new()).await.expect("pushed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_flow_is_mended_a_rerun_does_the_rest_and_makes_nothing_again() {
    let world = World::new().await;
    let (id, run) = failed_after_the_invoice(&world).await;
    push(&world, &two_effects("steps.invoice.Reference")).await;
    world.sandbox.xero.harness().counters.clear();
    rerun::rerun(&world.stack, run.row.message.run, Again::default()).await.expect("asked");
    world.drain().await;
    let run = only_run(&world).await;
    assert_eq!(
        (run.row.status, run.row.message.flow_version),
        (Status::Succeeded, 2),
        "{:?}",
        run.row.failure
    );
    assert_eq!(world.invoices().len(), 1);
    assert_eq!(world.sandbox.xero.harness().counters.total(), 0, "Xero isn't asked for anything");
    assert_eq!(world.sandbox.salesforce.get("Opportunity", &id).expect("there")["NextStep"], "Desks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_that_is_put_back_is_a_rerun() {
    let world = World::new().await;
    world.given_flow(&two_effects("record.Name")).await;
    let id = opportunity(&world, "Acme Ltd");
    world
        .sandbox
        .salesforce
        .refuse_where("Opportunity", "NextStep = 'Desks'", "not like this")
        .expect("a rule");
    win(&world, &id);
    world.settle().await;
    let run = only_run(&world).await;
    assert_eq!((run.row.status, run.row.at_step.as_deref()), (Status::Failed, Some("write_back")));

    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(letter.attributes["run"], run.row.message.run.to_string());
    assert_eq!(letter.attributes["flow"], "two-effects");
    assert_eq!(letter.attributes["step"], "write_back");
    assert_eq!(letter.attributes["record"], id);
    assert_eq!(letter.attributes["code"], run.row.failure.as_ref().expect("a failure").code);
    assert!(letter.attributes["message"].contains("not like this"));
    assert!(letter.attributes.len() <= 10);

    // What SQS calls a redrive: the same body into the source queue. First while nothing has changed, then mended.
    for expected in [Status::Failed, Status::Succeeded] {
        let letters = if expected == Status::Failed { letters.clone() } else { world.dead_letters().await };
        assert_eq!(letters.len(), 1, "{expected:?}");
        if expected == Status::Succeeded {
            world.sandbox.salesforce.clear_refusals();
        }
        let outgoing = Outgoing { body: letters[0].body.clone(), ..Outgoing::default() };
        world.stack.ports.queue.send(QueueName::Runs, vec![outgoing.clone()]).await.expect("sent");
        let done = vec![(letters[0].receipt.clone(), Settle::Delete)];
        world.stack.ports.queue.settle(QueueName::RunsDead, done).await.expect("settled");
        world.drain().await;
        assert_eq!(only_run(&world).await.row.status, expected);
        // The same letter once more is answered by nobody: it asks for a generation that is over.
        world.stack.ports.queue.send(QueueName::Runs, vec![outgoing]).await.expect("sent");
        world.drain().await;
    }
    assert_eq!(world.invoices().len(), 1);
    assert_eq!(world.sandbox.salesforce.get("Opportunity", &id).expect("there")["NextStep"], "Desks");
    assert_eq!(world.dead_letters().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_of_one_kind_are_mailed_once_an_hour() {
    let world = World::new().await;
    world.given_flow(&two_effects("record.Nothing.at.all()")).await;
    let ids = [0, 1, 2].map(|n| opportunity(&world, &format!("Company {n}")));
    for id in &ids {
        win(&world, id);
        world.settle().await;
    }
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Failed, 3)]));
    let mails = world.embedded.outbox().mails(10).expect("the outbox");
    assert_eq!(mails.len(), 1);
    let (subject, body) = (&mails[0].subject, &mails[0].body);
    assert!(subject.contains("two-effects") && body.contains("write_back"), "{subject}: {body}");
    assert!(body.contains(&ids[0]) && body.contains("counterfoil run rerun "), "{body}");
    assert_eq!(world.dead_letters().await.len(), 3);
    world.advance(Duration::from_mins(61));
    let id = opportunity(&world, "Later");
    win(&world, &id);
    world.settle().await;
    assert_eq!(world.embedded.outbox().mails(10).expect("the outbox").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rerun_with_refresh_reads_the_record_as_it_is_now_and_sends_a_changed_set_again() {
    let world = World::new().await;
    world.given_flow(&two_effects("record.Name")).await;
    let id = opportunity(&world, "Acme Ltd");
    win(&world, &id);
    world.settle().await;
    let run = only_run(&world).await.row.message.run;
    assert_eq!(world.sandbox.salesforce.get("Opportunity", &id).expect("there")["NextStep"], "Desks");
    world.sandbox.salesforce.update("Opportunity", &id, json!({"Name": "Chairs"}));

    let patches = || world.sandbox.salesforce.calls().iter().filter(|call| call.method == "PATCH").count();
    let before = patches();
    rerun::rerun(&world.stack, run, Again::default()).await.expect("asked");
    world.drain().await;
    assert_eq!(patches(), before, "nothing has changed for it");

    rerun::rerun(&world.stack, run, Again { refresh: true, ..Again::default() }).await.expect("asked");
    world.drain().await;
    let stored = world.run(run).await;
    assert_eq!(stored.row.status, Status::Succeeded, "{:?}", stored.row.failure);
    assert_eq!(stored.row.message.event.as_ref().expect("an event").record["Name"], "Chairs");
    assert_eq!(patches(), before + 1);
    assert_eq!(world.sandbox.salesforce.get("Opportunity", &id).expect("there")["NextStep"], "Chairs");
    assert_eq!(world.invoices().len(), 1, "a create is not sent again");
    assert_eq!(world.invoices()[0]["Reference"], "Desks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rerun_of_everything_makes_a_document_again_only_when_it_is_forced() {
    let world = World::new().await;
    world.given_flow(&two_effects("record.Name").replace("    link: invoice\n", "")).await;
    let id = opportunity(&world, "Acme Ltd");
    win(&world, &id);
    world.settle().await;
    let run = only_run(&world).await.row.message.run;
    rerun::rerun(&world.stack, run, Again { whole: true, ..Again::default() }).await.expect("asked");
    world.drain().await;
    assert_eq!((only_run(&world).await.row.status, world.invoices().len()), (Status::Succeeded, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cant_be_rerun_says_why() {
    let world = World::new().await;
    let (_, run) = failed_after_the_invoice(&world).await;
    let id = run.row.message.run;
    let asked = async |again: Again| {
        rerun::rerun(&world.stack, id, again).await.map_err(|error| error.failure().code)
    };
    let from = Again { from: Some("invoise".into()), ..Again::default() };
    assert_eq!(asked(from).await, Err("unknown_step".into()));
    let resolved = rerun::resolve(&world.stack, id, "invoice", None).await;
    assert_eq!(resolved.map_err(|error| error.failure().code), Err("not_in_doubt".into()));
    let cancelled = rerun::cancel(&world.stack, id).await;
    assert_eq!(cancelled.map_err(|error| error.failure().code), Err("already_ended".into()));
    asked(Again::default()).await.expect("asked");
    // Asked twice: one of the two is answered.
    asked(Again::default()).await.expect("asked again");
    world.drain().await;
    assert_eq!(world.run(id).await.row.status, Status::Failed);
    assert_eq!(world.run(id).await.generation, run.generation + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ignored_failure_leaves_the_list_with_a_note() {
    let world = World::new().await;
    let (_, run) = failed_after_the_invoice(&world).await;
    rerun::ignore(&world.stack, run.row.message.run, "typed in by hand").await.expect("ignored");
    let run = only_run(&world).await;
    assert_eq!((run.row.status, run.row.note.as_deref()), (Status::Cancelled, Some("typed in by hand")));
    // Its dead letter is no rerun any more? It still is, when somebody asks for it.
    rerun::rerun(&world.stack, run.row.message.run, Again::default()).await.expect("asked");
    world.drain().await;
    assert_eq!(only_run(&world).await.row.status, Status::Failed);
}

/// The invoice was sent, no answer came, and nobody can be asked: in doubt.
async fn in_doubt(world: &World) -> (String, StoredRun) {
    world.given_flow(FLOW).await;
    let id = opportunity(world, "Acme Ltd");
    let body = json!({"Title": "An error occurred", "Detail": "try later"});
    world
        .sandbox
        .xero
        .harness()
        .faults
        .add(Fault::on("PUT", "/Invoices", Fault::status(500, body.clone())).always());
    world.sandbox.xero.harness().faults.add(Fault::on("GET", "/Invoices", Fault::status(500, body)).always());
    win(world, &id);
    world.settle().await;
    for _ in 0..400 {
        if world.runs().await.iter().all(|run| run.row.status.is_final()) {
            break;
        }
        world.advance(Duration::from_mins(16));
        world.keep().await;
        world.drain().await;
    }
    world.sandbox.xero.harness().faults.clear();
    let run = only_run(world).await;
    assert_eq!(
        (run.row.status, run.row.at_step.as_deref()),
        (Status::InDoubt, Some("invoice")),
        "{:?}",
        run.row.failure
    );
    (id, run)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubt_cant_be_ignored() {
    let world = World::new().await;
    let (_, run) = in_doubt(&world).await;
    let ignored = rerun::ignore(&world.stack, run.row.message.run, "never mind").await;
    let failure = ignored.expect_err("is refused").failure();
    assert!(failure.code == "in_doubt" && failure.message.contains("run resolve"), "{failure}");
}

/// Won again after it was cancelled while nobody knew whether Xero had made the invoice.
async fn won_again_after(world: &World, made: FaultKind) {
    world.given_flow(FLOW).await;
    let id = opportunity(world, "Acme Ltd");
    let faults = &world.sandbox.xero.harness().faults;
    let failing = faults.add(Fault::on("PUT", "/Invoices", made).always());
    let blind = faults.add(Fault::on("GET", "/Invoices", FaultKind::Html).always());
    win(world, &id);
    world.settle().await;
    let run = only_run(world).await.row.message.run;
    world.advance(Duration::from_secs(155));
    rerun::cancel(&world.stack, run).await.expect("cancelled");
    faults.remove(failing);
    world.sandbox.salesforce.update("Opportunity", &id, json!({"StageName": "Negotiation/Review"}));
    world.settle().await;
    win(world, &id);
    world.settle().await;
    assert!(world.invoices().len() <= 1, "nothing is made while it isn't known");
    faults.remove(blind);
    for _ in 0..10 {
        world.advance(Duration::from_mins(2));
        world.keep().await;
        world.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cancelled_run_had_made_is_used_by_the_next_and_not_made_twice() {
    let world = World::new().await;
    won_again_after(&world, FaultKind::InternalErrorAfterApply).await;
    let statuses = world.statuses().await;
    assert_eq!(statuses, BTreeMap::from([(Status::Cancelled, 1), (Status::Succeeded, 1)]));
    assert_eq!(world.invoices().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cancelled_run_had_not_made_is_made_by_the_next() {
    let world = World::new().await;
    won_again_after(&world, Fault::status(500, json!({"Title": "An error occurred"}))).await;
    let statuses = world.statuses().await;
    assert_eq!(statuses, BTreeMap::from([(Status::Cancelled, 1), (Status::Succeeded, 1)]));
    assert_eq!(world.invoices().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubt_that_is_resolved_as_not_made_makes_it() {
    let world = World::new().await;
    let (_, run) = in_doubt(&world).await;
    rerun::resolve(&world.stack, run.row.message.run, "invoice", None).await.expect("resolved");
    world.drain().await;
    assert_eq!((only_run(&world).await.row.status, world.invoices().len()), (Status::Succeeded, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubt_that_is_resolved_as_made_makes_nothing_now_or_later() {
    let world = World::new().await;
    let (id, run) = in_doubt(&world).await;
    rerun::resolve(&world.stack, run.row.message.run, "invoice", Some("INV-0815")).await.expect("resolved");
    world.drain().await;
    assert_eq!((only_run(&world).await.row.status, world.invoices().len()), (Status::Succeeded, 0));
    // Won once more: its link remembers the document.
    world.sandbox.salesforce.update("Opportunity", &id, json!({"StageName": "Negotiation/Review"}));
    world.settle().await;
    win(&world, &id);
    world.settle().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 2)]));
    assert_eq!(world.invoices().len(), 0);
}
