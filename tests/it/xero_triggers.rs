//! What happens in Xero: each change once, also where the books say nothing of when a record was made or by whom.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil::domain::connection::{Connection, ConnectionState};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::domain::run::Status;
use counterfoil::flow::rows::StoredRun;
use counterfoil::flow::{lifecycle, poll};
use counterfoil::runtime::pump;
use counterfoil_sandbox::xero::{Contact, Invoice};
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use serde_json::{Map, Value, json};

use crate::main_job::{FLOW, opportunity, win};
use crate::world::World;

/// A flow that does nothing but take notice.
fn noticing(name: &str, trigger: &str, options: &str) -> String {
    format!("flow: {name}\ntrigger:\n  type: {trigger}\n{options}\nsteps:\n  - set: {{ seen: yes }}\n")
}

async fn world() -> World {
    let world = World::new().await;
    let books = ConnectionId::from("books");
    let connection = world.stack.connections.get(&books).await.expect("read").expect("there");
    let mut scopes = connection.scopes.clone();
    scopes.extend(["accounting.payments", "accounting.banktransactions"].map(str::to_owned));
    world.stack.connections.save(&Connection { scopes, ..(*connection).clone() }).await.expect("saved");
    world
}

fn contact(world: &World, name: &str) -> Contact {
    world.sandbox.xero.ledger().add_contact_named(name).expect("a contact")
}

/// An approved sales invoice that a person has typed in.
fn invoice(world: &World, contact: &Contact) -> Invoice {
    let line = json!({"Description": "Desk", "Quantity": 2, "UnitAmount": "100.50", "AccountCode": "200"});
    let fields = json!({"Type": "ACCREC", "Status": "AUTHORISED", "Contact": {"ContactID": contact.id},
        "Date": "2026-11-20", "DueDate": "2026-12-20", "LineItems": [line]});
    world.sandbox.xero.ledger().add_invoice(fields).expect("an invoice")
}

fn edit(world: &World, invoice: &Invoice, reference: &str) {
    let fields = Map::from_iter([("Reference".to_owned(), reference.into())]);
    world.sandbox.xero.ledger().edit_invoice(invoice.head.id, fields).expect("edited");
}

async fn seen(world: &World, flow: &str) -> Vec<Value> {
    let of_flow = |run: &StoredRun| run.row.flow_name == flow;
    let record = |run: StoredRun| run.row.message.event.expect("an event").record;
    world.runs().await.into_iter().filter(of_flow).map(record).collect()
}

/// Long enough for a second of its own, and for what was written to count as settled.
async fn later(world: &World) {
    world.settle().await;
    world.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_becomes_paid_is_told_of_in_salesforce_once() {
    let world = world().await;
    let acme = contact(&world, "Acme Ltd");
    let old = invoice(&world, &acme);
    world.sandbox.xero.ledger().pay_invoice(old.head.id).expect("paid");
    world.advance(Duration::from_secs(5));
    world
        .given_flow(
            "flow: paid\ntrigger: { type: xero.new_or_updated_invoice, changed: { Status: { to: PAID } } }\nsteps:\n  \
             - action: salesforce.create_task\n    with: { Subject: 'Paid: {{ record.InvoiceNumber }} {{ record.AmountPaid }}' }\n",
        )
        .await;
    let invoice = invoice(&world, &acme);
    later(&world).await;
    assert_eq!(world.tasks().len(), 0, "neither paid before nor paid yet");

    world.sandbox.xero.ledger().pay_invoice(invoice.head.id).expect("paid");
    later(&world).await;
    edit(&world, &invoice, "as agreed");
    later(&world).await;
    let subjects: Vec<Value> = world.tasks().iter().map(|task| task["Subject"].clone()).collect();
    assert_eq!(subjects, [json!(format!("Paid: {} 231.15", invoice.head.number))]);
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 1)]));
    let event = world.runs().await.remove(0).row.message.event.expect("an event");
    assert_eq!(event.previous, json!({"Status": "AUTHORISED"}));
    assert!(event.url.expect("an address").contains(&format!("InvoiceID={}", invoice.head.id)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_updated_and_both_tell_of_what_they_say() {
    let world = world().await;
    let acme = contact(&world, "Acme Ltd");
    let old = invoice(&world, &acme);
    world.advance(Duration::from_secs(5));
    for only in ["new", "updated", "both"] {
        let options = format!("  only: {only}");
        world.given_flow(&noticing(only, "xero.new_or_updated_invoice", &options)).await;
    }
    edit(&world, &old, "edited after going live");
    later(&world).await;
    let new = invoice(&world, &acme);
    later(&world).await;
    edit(&world, &new, "edited as well");
    later(&world).await;
    let mut told = BTreeMap::new();
    for only in ["new", "updated", "both"] {
        let mut numbers: Vec<String> =
            seen(&world, only).await.iter().map(|record| record["InvoiceNumber"].to_string()).collect();
        numbers.sort();
        told.insert(only, numbers);
    }
    let (old, new) = (format!("\"{}\"", old.head.number), format!("\"{}\"", new.head.number));
    assert_eq!(told["new"], std::slice::from_ref(&new));
    assert_eq!(told["updated"], [old.clone(), new.clone()]);
    assert_eq!(told["both"], [old, new.clone(), new]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_of_an_old_invoice_is_new_and_one_that_is_removed_is_not() {
    let world = world().await;
    let acme = contact(&world, "Acme Ltd");
    let (first, second) = (invoice(&world, &acme), invoice(&world, &acme));
    world.sandbox.xero.ledger().pay_invoice(first.head.id).expect("paid");
    world.advance(Duration::from_secs(5));
    world.given_flow(&noticing("payments", "xero.new_payment", "  kind: sale")).await;
    later(&world).await;
    assert_eq!(seen(&world, "payments").await.len(), 0, "paid before");

    world.sandbox.xero.ledger().pay_invoice(second.head.id).expect("paid");
    later(&world).await;
    let payments = seen(&world, "payments").await;
    assert_eq!(payments.len(), 1);
    assert_eq!(payments[0]["Invoice"]["InvoiceNumber"], *second.head.number);
    assert_eq!(payments[0]["Amount"].to_string(), "231.15");

    let id = payments[0]["PaymentID"].as_str().expect("an id").parse().expect("a GUID");
    world.sandbox.xero.ledger().remove_payment(id).expect("removed");
    later(&world).await;
    assert_eq!(seen(&world, "payments").await.len(), 1, "removed is not new");
    world.sandbox.xero.ledger().pay_invoice(second.head.id).expect("paid again");
    later(&world).await;
    assert_eq!(seen(&world, "payments").await.len(), 2);
}

/// A person's work while a flow goes live: between the question for Xero's time and the last page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_while_a_flow_goes_live_is_new_and_what_is_edited_meanwhile_is_not() {
    let world = world().await;
    let acme = contact(&world, "Acme Ltd");
    let old = invoice(&world, &acme);
    world.advance(Duration::from_secs(5));
    let xero = &world.sandbox.xero;
    // Xero's time is asked for; then the pages are read, which takes a while.
    xero.harness().faults.add(Fault::on("GET", "/Invoices", FaultKind::Delay(300)).skip(1));
    let flow = noticing("invoices", "xero.new_or_updated_invoice", "  only: new");
    let made = async {
        while xero.calls_to("GET /Invoices") == 0 {
            tokio::task::yield_now().await;
        }
        world.advance(Duration::from_secs(5));
        edit(&world, &old, "edited meanwhile");
        invoice(&world, &acme)
    };
    let (_, new) = tokio::join!(world.given_flow(&flow), made);
    later(&world).await;
    let numbers: Vec<Value> =
        seen(&world, "invoices").await.iter().map(|record| record["InvoiceNumber"].clone()).collect();
    assert_eq!(numbers, [json!(new.head.number)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_invoice_starts_no_flow_and_a_persons_edit_of_it_does() {
    let world = world().await;
    world.given_flow(FLOW).await;
    world.given_flow(&noticing("invoices", "xero.new_or_updated_invoice", "")).await;
    world.given_flow(&noticing("contacts", "xero.new_or_updated_contact", "")).await;
    let id = opportunity(&world, "Acme Ltd");
    win(&world, &id);
    later(&world).await;
    later(&world).await;
    assert_eq!((world.invoices().len(), world.contacts().len()), (1, 1));
    assert_eq!(world.runs().await.len(), 1, "ours is no news to us");

    let invoice = world.sandbox.xero.ledger().invoices().remove(0);
    edit(&world, &invoice, "a person was here");
    later(&world).await;
    let seen = seen(&world, "invoices").await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0]["Reference"], "a person was here");
}

const TO_BOOKS: &str = "flow: to-books\ntrigger: { type: salesforce.updated_record, object: Account, \
     fields: [Id, Name, Description] }\nsteps:\n  - action: xero.upsert_contact\n    with: { ContactNumber: \
     '{{ record.Id }}', Name: '{{ record.Name }}', EmailAddress: '{{ record.Description }}' }\n";

/// Our call fills in the contact's number; nothing has been polled in Xero meanwhile.
async fn filled_in(world: &World, account: &str, email: &str) {
    world.sandbox.salesforce.update("Account", account, json!({"Description": email}));
    world.advance(Duration::from_secs(30));
    poll::wake(&world.stack, "salesforce.updated_record", "test").await.expect("woken");
    world.flowing(pump::wakes(&world.stack, "salesforce.updated_record")).await.expect("polled");
    world.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_new_contact_is_new_though_we_have_written_to_it_before_the_poll() {
    let world = world().await;
    let account = world.sandbox.salesforce.insert("Account", json!({"Name": "Acme Ltd"}));
    later(&world).await;
    world.given_flow(TO_BOOKS).await;
    world.given_flow(&noticing("new", "xero.new_or_updated_contact", "  only: new")).await;
    let made = contact(&world, "Acme Ltd");
    filled_in(&world, &account, "ada@acme.example").await;
    let now = world.sandbox.xero.ledger().contact_named("Acme Ltd").expect("there");
    assert_eq!((now.id, now.number()), (made.id, Some(account.as_str())), "ours is the newest version");
    later(&world).await;
    assert_eq!(seen(&world, "new").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_new_contact_is_an_update_and_not_new_when_a_person_has_edited_it_before_the_poll() {
    let world = world().await;
    let account = world.sandbox.salesforce.insert("Account", json!({"Name": "Acme Ltd"}));
    later(&world).await;
    world.given_flow(TO_BOOKS).await;
    world.given_flow(&noticing("new", "xero.new_or_updated_contact", "  only: new")).await;
    world.given_flow(&noticing("updated", "xero.new_or_updated_contact", "  only: updated")).await;
    filled_in(&world, &account, "ada@acme.example").await;
    let made = world.sandbox.xero.ledger().contact_named("Acme Ltd").expect("there");
    world.advance(Duration::from_secs(5));
    world.sandbox.xero.ledger().edit_contact(made.id, json!({"FirstName": "Ada"})).expect("edited");
    later(&world).await;
    assert_eq!((seen(&world, "new").await.len(), seen(&world, "updated").await.len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_field_of_a_contact_that_we_set_ourselves_is_no_change() {
    let world = world().await;
    let account = world.sandbox.salesforce.insert("Account", json!({"Name": "Acme Ltd"}));
    let made = contact(&world, "Acme Ltd");
    later(&world).await;
    world.given_flow(TO_BOOKS).await;
    let changed = "  changed: { any: [EmailAddress] }";
    world.given_flow(&noticing("email", "xero.new_or_updated_contact", changed)).await;
    filled_in(&world, &account, "ada@acme.example").await;
    later(&world).await;
    let now = world.sandbox.xero.ledger().contact_named("Acme Ltd").expect("there");
    assert_eq!(now.email(), Some("ada@acme.example"));
    assert_eq!(seen(&world, "email").await, Vec::<Value>::new());
    let edited = json!({"EmailAddress": "bob@acme.example"});
    world.sandbox.xero.ledger().edit_contact(made.id, edited).expect("edited");
    later(&world).await;
    assert_eq!(seen(&world, "email").await.len(), 1, "a person's edit of it is one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_that_holds_more_than_a_page_loses_nothing() {
    let world = world().await;
    world.given_flow(&noticing("contacts", "xero.new_or_updated_contact", "")).await;
    world.sandbox.xero.ledger().seed_contacts(1_100);
    later(&world).await;
    assert_eq!(seen(&world, "contacts").await.len(), 1_100);
    world.redeliver_everything().await;
    later(&world).await;
    assert_eq!(world.runs().await.len(), 1_100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_whose_connection_lacks_a_scope_does_not_go_live_and_parks_nobody() {
    let world = World::new().await;
    let text = noticing("payments", "xero.new_payment", "");
    lifecycle::push(&world.stack, "payments", "flow.yaml", &text, BTreeMap::new()).await.expect("pushed");
    let refused = lifecycle::enable(&world.stack, "payments").await.expect_err("is refused").failure();
    assert_eq!(refused.code, "missing_scope");
    assert!(refused.message.contains("accounting.payments.read"), "{refused}");
    let books =
        world.stack.connections.get(&ConnectionId::from("books")).await.expect("read").expect("there");
    assert_eq!(books.state, ConnectionState::Active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn xero_is_asked_for_several_statuses_of_invoices_and_for_no_others() {
    let world = world().await;
    let acme = contact(&world, "Acme Ltd");
    for _ in 0..3 {
        invoice(&world, &acme);
    }
    later(&world).await;
    world.sandbox.xero.harness().counters.clear();
    let changed = "  changed: { Status: { to: [VOIDED, DELETED] } }";
    world.given_flow(&noticing("gone", "xero.new_or_updated_invoice", changed)).await;
    let calls = world.sandbox.xero.calls();
    let asked: Vec<_> =
        calls.iter().filter(|call| call.query.contains("Statuses=VOIDED%2CDELETED")).collect();
    assert_eq!(asked.len(), 1, "going live reads those alone");
}

/// Of several statuses of quotes Xero can't be asked, so they are picked out of what comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_place_moves_on_past_pages_of_which_nothing_is_wanted() {
    let world = world().await;
    let acme = contact(&world, "Acme Ltd");
    world.given_flow(&noticing("sent", "xero.new_or_updated_quote", "  status: [SENT, ACCEPTED]")).await;
    let quote = |status: &str| {
        let line =
            json!({"Description": "Desk", "Quantity": 1, "UnitAmount": "100.00", "AccountCode": "200"});
        let fields = json!({"Contact": {"ContactID": acme.id}, "Date": "2026-11-20", "Status": status,
            "LineItems": [line]});
        world.sandbox.xero.ledger().add_quote(fields).expect("a quote")
    };
    // How many quotes were in each answer since.
    let answers = || -> Vec<usize> {
        let calls = world.sandbox.xero.calls().into_iter().filter(|call| call.path.ends_with("/Quotes"));
        let bodies = calls.map(|call| serde_json::from_slice::<Value>(&call.answer).expect("JSON"));
        bodies.map(|body| body["Quotes"].as_array().map_or(0, Vec::len)).collect()
    };
    for n in 0..250 {
        if n % 25 == 0 {
            world.advance(Duration::from_secs(1));
        }
        quote("DRAFT");
    }
    world.sandbox.xero.harness().counters.clear();
    later(&world).await;
    assert!(answers().iter().sum::<usize>() >= 250, "{:?}", answers());
    // What an overlap reads again is behind the place as well.
    world.advance(Duration::from_mins(15));
    later(&world).await;
    world.sandbox.xero.harness().counters.clear();
    later(&world).await;
    assert_eq!(answers(), [0, 0], "each asks from where the last one was");

    let sent = quote("SENT");
    later(&world).await;
    let seen = seen(&world, "sent").await;
    assert_eq!(seen.iter().map(|quote| &quote["QuoteID"]).collect::<Vec<_>>(), [&json!(sent)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archiving_a_contact_is_an_update() {
    let world = world().await;
    let acme = contact(&world, "Acme Ltd");
    world.advance(Duration::from_secs(5));
    let options = "  changed: { ContactStatus: { to: ARCHIVED } }";
    world.given_flow(&noticing("archived", "xero.new_or_updated_contact", options)).await;
    world.sandbox.xero.ledger().archive_contact(acme.id);
    later(&world).await;
    assert_eq!(seen(&world, "archived").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_leaves_paid_and_one_that_is_void_or_deleted_are_updates() {
    let world = world().await;
    let acme = contact(&world, "Acme Ltd");
    let ledger = world.sandbox.xero.ledger();
    let due_again = "  changed: { Status: { from: PAID } }";
    let gone = "  changed: { Status: { to: [VOIDED, DELETED] } }";
    world.given_flow(&noticing("due-again", "xero.new_or_updated_invoice", due_again)).await;
    world.given_flow(&noticing("gone", "xero.new_or_updated_invoice", gone)).await;
    world.given_flow(&noticing("updated", "xero.new_or_updated_invoice", "  only: updated")).await;
    world.given_flow(&noticing("payments", "xero.new_payment", "")).await;
    let (paid, void) = (invoice(&world, &acme), invoice(&world, &acme));
    let draft = ledger
        .add_invoice(json!({"Type": "ACCREC", "Contact": {"ContactID": acme.id}, "LineItems": []}))
        .expect("a draft");
    later(&world).await;
    ledger.pay_invoice(paid.head.id).expect("paid");
    later(&world).await;
    let payment = seen(&world, "payments").await.remove(0);
    ledger
        .remove_payment(payment["PaymentID"].as_str().expect("an id").parse().expect("a GUID"))
        .expect("removed");
    later(&world).await;
    ledger.void_invoice(void.head.id).expect("void");
    ledger.void_invoice(draft.head.id).expect("deleted");
    later(&world).await;
    let statuses = async |flow: &str| -> Vec<String> {
        let mut statuses: Vec<String> =
            seen(&world, flow).await.iter().map(|one| one["Status"].to_string()).collect();
        statuses.sort();
        statuses
    };
    assert_eq!(statuses("due-again").await, ["\"AUTHORISED\""], "a removed payment makes it due again");
    assert_eq!(statuses("gone").await, ["\"DELETED\"", "\"VOIDED\""]);
    assert_eq!(statuses("updated").await, ["\"AUTHORISED\"", "\"DELETED\"", "\"PAID\"", "\"VOIDED\""]);
    assert_eq!(seen(&world, "payments").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_invoice_changed_twice_is_two_runs() {
    let world = world().await;
    let acme = contact(&world, "Acme Ltd");
    let invoice = invoice(&world, &acme);
    world.advance(Duration::from_secs(5));
    world.given_flow(&noticing("invoices", "xero.new_or_updated_invoice", "")).await;
    for reference in ["once", "twice"] {
        edit(&world, &invoice, reference);
        later(&world).await;
    }
    assert_eq!(seen(&world, "invoices").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_invoice_is_no_update_when_two_days_are_read_again() {
    let world = world().await;
    world.given_flow(&noticing("updated", "xero.new_or_updated_invoice", "  only: updated")).await;
    let acme = contact(&world, "Acme Ltd");
    invoice(&world, &acme);
    later(&world).await;
    for _ in 0..3 {
        world.advance(Duration::from_hours(13));
        later(&world).await;
    }
    assert_eq!(seen(&world, "updated").await, Vec::<Value>::new());
}

/// Calls that change something, in Salesforce and in Xero.
fn writes(world: &World) -> (usize, usize) {
    let org = world.sandbox.salesforce.calls();
    let books = world.sandbox.xero.calls();
    let in_org = org.iter().filter(|call| call.method == "PATCH").count();
    let in_books = books.iter().filter(|call| call.method != "GET" && call.path.contains("Contacts")).count();
    (in_org, in_books)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_flows_in_both_directions_one_edit_is_one_write_on_the_other_side_and_then_silence() {
    let world = world().await;
    let org = &world.sandbox.salesforce;
    let account = org.insert("Account", json!({"Name": "Acme Ltd"}));
    world.advance(Duration::from_secs(5));
    for text in [
        "flow: to-books\ntrigger: { type: salesforce.updated_record, object: Account, fields: [Id, Name] }\nsteps:\n  \
         - action: xero.upsert_contact\n    with: { ContactNumber: '{{ record.Id }}', Name: '{{ record.Name }}' }\n",
        "flow: to-org\ntrigger: { type: xero.new_or_updated_contact }\nsteps:\n  - action: salesforce.update_record\n    \
         with: { object: Account, id: '{{ record.ContactNumber }}', fields: { Name: '{{ record.Name }}' } }\n",
    ] {
        world.given_flow(text).await;
    }
    org.update("Account", &account, json!({"Name": "Acme Limited"}));
    for _ in 0..10 {
        world.advance(Duration::from_mins(1));
        world.settle().await;
    }
    assert_eq!(writes(&world), (0, 1), "a person's edit in the org");
    let contact = world.sandbox.xero.ledger().contact_named("Acme Limited").expect("there");
    let edited = json!({"Name": "Acme Holdings"});
    world.sandbox.xero.ledger().edit_contact(contact.id, edited).expect("edited");
    for _ in 0..10 {
        world.advance(Duration::from_mins(1));
        world.settle().await;
    }
    assert_eq!(writes(&world), (1, 1), "and one in the books");
    assert_eq!(org.get("Account", &account).expect("there")["Name"], "Acme Holdings");
}
