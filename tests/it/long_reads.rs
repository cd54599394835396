//! More has changed than a worker has time for: what it has read it needn't read again, nothing is lost and nothing is
//! told twice, whatever is edited, committed late or begun meanwhile. What that costs is printed and enforced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil::domain::ids::FlowId;
use counterfoil::flow::flows::FlowHead;
use counterfoil::flow::{Stack, lifecycle, poll};
use counterfoil::ports::Unavailable;
use counterfoil::ports::clock::{Clock, ManualClock};
use counterfoil::ports::http::{Http, HttpError, Request, Response};
use counterfoil::ports::random::SeededRandom;
use counterfoil::runtime::pump;
use counterfoil_sandbox::xero::Contact;
use counterfoil_sandbox::{Fault, Provider as _, Sandbox};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::passing;
use crate::plain::Plain;
use crate::world::{InProcess, connect, go_live, new_stack};

const UPDATED: &str = "salesforce.updated_record";
const CONTACT: &str = "xero.new_or_updated_contact";

type AfterPage = Box<dyn Fn(&Sandbox, u32) + Send + Sync>;

/// Pages take their time, and people act between them.
struct Slow {
    inner: Arc<dyn Http>,
    clock: Arc<ManualClock>,
    sandbox: Arc<Sandbox>,
    page_takes: Duration,
    pages: AtomicU32,
    /// The next page is dated a while after what it says was true, as a slow answer is.
    dates_late: AtomicBool,
    after_page: Mutex<Option<AfterPage>>,
}

#[async_trait]
impl Http for Slow {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let is_page = request.url.contains("/query") || request.url.contains("/Contacts");
        let mut answer = self.inner.send(request).await;
        if is_page {
            self.clock.advance(self.page_takes);
            let page = self.pages.fetch_add(1, Ordering::SeqCst);
            if let Some(act) = self.after_page.lock().expect("people").as_ref() {
                act(&self.sandbox, page);
            }
            if self.dates_late.swap(false, Ordering::SeqCst) {
                self.clock.advance(Duration::from_secs(5));
                let date = self.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
                let headers = answer.iter_mut().flat_map(|answer| &mut answer.headers);
                headers.filter(|(name, _)| name == "date").for_each(|(_, value)| value.clone_from(&date));
            }
        }
        answer
    }
}

/// A slow org and slow books, and who polls them.
struct Desk {
    clock: Arc<ManualClock>,
    sandbox: Arc<Sandbox>,
    plain: Arc<Plain>,
    slow: Arc<Slow>,
    stack: Stack,
    /// How often each flow was told of each key.
    told: Mutex<BTreeMap<(FlowId, String), u32>>,
}

impl Desk {
    async fn with_pages_of(records: usize) -> Self {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("an instant");
        let clock = Arc::new(ManualClock::at(start));
        let time = Arc::clone(&clock);
        let mut settings = counterfoil_sandbox::Settings::new(Arc::new(move || time.now()));
        settings.salesforce.page_size = records;
        let sandbox = Arc::new(Sandbox::new(settings));
        let plain = Plain::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let slow = Arc::new(Slow {
            inner: InProcess::of(&sandbox, &clock),
            clock: Arc::clone(&clock),
            sandbox: Arc::clone(&sandbox),
            page_takes: Duration::from_secs(10),
            pages: AtomicU32::new(0),
            dates_late: AtomicBool::new(false),
            after_page: Mutex::default(),
        });
        let ports = plain.ports(Arc::clone(&slow) as Arc<dyn Http>, Arc::new(SeededRandom::new(7)));
        let stack = new_stack(&ports);
        connect(&sandbox, &stack).await;
        Self { clock, sandbox, plain, slow, stack, told: Mutex::default() }
    }

    async fn given_flow(&self, name: &str, trigger: &str, options: &str) -> FlowHead {
        let text = format!(
            "flow: {name}\ntrigger:\n  type: {trigger}\n{options}\nsteps:\n  - set: {{ seen: yes }}\n"
        );
        let head = self.flowing(go_live(&self.stack, &text)).await;
        self.clock.advance(Duration::from_secs(5));
        head
    }

    fn meanwhile(&self, act: impl Fn(&Sandbox, u32) + Send + Sync + 'static) {
        *self.slow.after_page.lock().expect("people") = Some(Box::new(act));
    }

    /// Time goes on where work waits for nothing else.
    fn flowing<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        passing::where_idle(&self.clock, work)
    }

    /// One poll, by the schedule or because the one before wasn't through.
    async fn poll(&self, trigger: &str) -> Result<poll::Report, Unavailable> {
        let report = self.flowing(pump::wakes(&self.stack, trigger)).await.expect("polled");
        let mut told = self.told.lock().expect("what was told");
        for message in self.plain.take_runs() {
            let key = message.event.expect("an event").key.to_string();
            *told.entry((message.flow, key)).or_default() += 1;
        }
        Ok(report.unwrap_or_default())
    }

    /// So many polls, so many minutes apart.
    async fn polls(&self, polls: usize, minutes: i64, trigger: &str) -> poll::Report {
        let mut sum = poll::Report::default();
        for _ in 0..polls {
            let next = self.stack.now() + SignedDuration::from_mins(minutes);
            poll::wake(&self.stack, trigger, "schedule").await.expect("woken");
            let report = self.poll(trigger).await.expect("polled");
            // One that has no time for a watch goes on with the others first, the next time.
            assert!(report.busy == 0 && report.failures.iter().all(|(_, code)| code == "not_started"));
            sum.pages += report.pages;
            sum.events += report.events;
            let rest = next.duration_since(self.stack.now());
            if rest.is_positive() {
                self.clock.advance(rest.unsigned_abs());
            }
        }
        sum
    }

    fn keys(&self, flow: &FlowHead) -> BTreeSet<String> {
        let told = self.told.lock().expect("what was told");
        told.keys().filter(|(of, _)| *of == flow.id).map(|(_, key)| key.clone()).collect()
    }

    fn nothing_was_told_twice(&self) {
        let told = self.told.lock().expect("what was told");
        let twice: Vec<_> = told.iter().filter(|(_, times)| **times > 1).take(5).collect();
        assert!(twice.is_empty(), "told more than once: {twice:?}");
    }

    /// The newest version of each account, as events are known by.
    fn accounts(&self) -> BTreeSet<String> {
        let key = |account: &serde_json::Value| {
            let stamp = account["SystemModstamp"].as_str()?.replace("+0000", "Z");
            let stamp: Timestamp = stamp.parse().ok()?;
            Some(format!("{}@{stamp}", account["Id"].as_str()?))
        };
        self.sandbox.salesforce.records("Account").iter().filter_map(key).collect()
    }

    fn contacts(&self) -> BTreeSet<String> {
        let contacts = self.sandbox.xero.ledger().contacts().into_iter();
        let key = |contact: Contact| {
            let stamp = Timestamp::from_second(contact.updated.as_second()).expect("a stamp");
            format!("{}@{stamp}", contact.id)
        };
        contacts.map(key).collect()
    }
}

#[expect(clippy::print_stdout, reason = "the figures are the point of it")]
fn shown(what: &str) {
    println!("{what}");
}

#[tokio::test]
async fn more_changes_of_one_minute_than_a_worker_has_time_for_are_each_told_of_once() {
    const CHANGES: usize = 6_000;
    const PAGES: u32 = 30;
    let desk = Desk::with_pages_of(CHANGES / PAGES as usize).await;
    let updated = desk.given_flow("updated", UPDATED, "  object: Account\n  fields: [Id, Name]").await;
    let changed = "  object: Account\n  changed: { Rating: { to: Hot } }";
    let hot = desk.given_flow("hot", UPDATED, changed).await;
    desk.polls(1, 1, UPDATED).await;
    let org = &desk.sandbox.salesforce;
    let mut ids = Vec::with_capacity(CHANGES);
    for n in 0..CHANGES {
        if n % (CHANGES / 60) == 0 {
            desk.clock.advance(Duration::from_secs(1));
        }
        let rating = if n % 10 == 0 { "Hot" } else { "Cold" };
        ids.push(org.insert("Account", json!({"Name": format!("Account {n}"), "Rating": rating})));
    }
    org.insert_late("Account", json!({"Name": "Late", "Rating": "Hot"}), 500).expect("taken");
    // What was read already, and what is yet to be read, is edited while it is read.
    let edited = ids.clone();
    desk.meanwhile(move |sandbox, page| {
        let page = page as usize;
        if page < 40 {
            for place in [page * 97, CHANGES / 2 + page * 59, CHANGES - 1 - page * 83] {
                sandbox.salesforce.update("Account", &edited[place], json!({"Name": "Edited"}));
            }
        }
    });
    org.counters().clear();
    let first = desk.polls(6, 1, UPDATED).await;
    assert!(first.pages <= 6 * 8, "a worker has time for seven pages: {first:?}");
    assert!(desk.keys(&updated).len() > CHANGES, "all is told of after the polls that it takes");
    let rest = desk.polls(20, 3, UPDATED).await;
    desk.nothing_was_told_twice();
    let missed: Vec<_> = desk.accounts().difference(&desk.keys(&updated)).cloned().collect();
    assert_eq!(missed, Vec::<String>::new());
    assert_eq!(desk.keys(&hot).len(), CHANGES / 10 + 1, "each that is hot, and the late one");
    let calls = org.calls().iter().filter(|call| call.path.contains("/query")).count();
    let pages = first.pages + rest.pages;
    shown(&format!("{CHANGES} changes of one minute, {PAGES} pages, 26 polls: {calls} calls"));
    assert_eq!(calls, pages as usize);
    // Until nothing can be committed late any more, the minute is read again: five polls to a read of it.
    assert!(pages <= 5 * PAGES + 2 * 26, "{pages}");
}

#[tokio::test]
async fn a_second_that_holds_more_than_a_worker_reads_is_read_over_several_polls() {
    let desk = Desk::with_pages_of(200).await;
    let updated = desk.given_flow("updated", UPDATED, "  object: Account\n  fields: [Id, Name]").await;
    for n in 0..1_800 {
        desk.sandbox.salesforce.insert("Account", json!({"Name": format!("Account {n}")}));
    }
    desk.clock.advance(Duration::from_secs(15));
    let first = desk.polls(1, 1, UPDATED).await;
    assert_eq!((first.pages, first.events), (7, 1_400));
    let second = desk.polls(1, 1, UPDATED).await;
    assert_eq!((second.pages, second.events), (2, 400), "it goes on within the second");
    assert_eq!(desk.keys(&updated), desk.accounts());
    desk.polls(6, 4, UPDATED).await;
    desk.nothing_was_told_twice();
}

#[tokio::test]
async fn a_flow_that_joins_or_pauses_while_much_is_read_misses_nothing() {
    let desk = Desk::with_pages_of(200).await;
    let first = desk.given_flow("first", UPDATED, "  object: Account\n  fields: [Id, Name]").await;
    let insert = |from: usize| {
        for n in from..from + 2_000 {
            desk.sandbox.salesforce.insert("Account", json!({"Name": format!("Account {n}")}));
        }
        desk.clock.advance(Duration::from_secs(15));
    };
    insert(0);
    desk.polls(1, 1, UPDATED).await;
    let second = desk.given_flow("second", UPDATED, "  object: Account\n  fields: [Id]").await;
    let there_before = desk.accounts();
    insert(2_000);
    desk.polls(1, 1, UPDATED).await;
    lifecycle::pause(&desk.stack, "first").await.expect("paused");
    insert(4_000);
    desk.polls(2, 1, UPDATED).await;
    lifecycle::resume(&desk.stack, "first").await.expect("resumed");
    desk.polls(30, 3, UPDATED).await;
    let all = desk.accounts();
    assert_eq!(desk.keys(&first).len(), all.len());
    assert_eq!(desk.keys(&second), all.difference(&there_before).cloned().collect());
    let head = desk.stack.flows.named("first").await.expect("there");
    assert_eq!(head.catch_up_from, None, "it shares the watch again");
}

#[tokio::test]
async fn thousands_of_contacts_some_of_one_second_are_told_of_once_by_workers_with_little_time() {
    let desk = Desk::with_pages_of(2_000).await;
    let both = desk.given_flow("both", CONTACT, "  only: both").await;
    let new = desk.given_flow("new", CONTACT, "  only: new").await;
    desk.polls(1, 3, CONTACT).await;
    let books = desk.sandbox.xero.ledger();
    let seed = |name: &str, count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("{name} {n}")).collect();
        books.seed_contacts_named(&names.iter().map(String::as_str).collect::<Vec<_>>());
        desk.clock.advance(Duration::from_secs(1));
    };
    // Four and a half pages in one second, and as many in a minute.
    seed("Crowd", 4_500);
    for second in 0..60 {
        seed(&format!("Second {second}"), 75);
    }
    let ids: Vec<_> = books.contacts().into_iter().map(|contact| contact.id).collect();
    desk.meanwhile(move |sandbox, page| {
        let page = page as usize;
        // Whoever is edited leaves its page, and those behind it move up.
        for place in [page * 97, 3_000 + page * 89, 8_999 - page * 83] {
            if page < 30 {
                let fields = json!({"Name": format!("Edited {page} {place}")});
                sandbox.xero.ledger().edit_contact(ids[place], fields).expect("edited");
            }
        }
    });
    desk.sandbox.xero.harness().counters.clear();
    let report = desk.polls(15, 3, CONTACT).await;
    desk.nothing_was_told_twice();
    let missed: Vec<_> = desk.contacts().difference(&desk.keys(&both)).cloned().collect();
    assert_eq!(missed, Vec::<String>::new());
    assert_eq!(desk.keys(&new).len(), 9_000);
    shown(&format!("9,000 contacts, 4,500 of one second, 15 polls: {} calls", report.pages));
    // A crowded second is read to its end and back; news once, and at most twice more for what comes late.
    assert!(report.pages <= 3 * (5 + 4 + 5 + 2) + 15 + 10, "{report:?}");
}

#[tokio::test]
async fn what_is_edited_while_a_flow_goes_live_hides_no_record_behind_it() {
    let desk = Desk::with_pages_of(200).await;
    let org = &desk.sandbox.salesforce;
    let account = |n: usize| json!({"Name": format!("Account {n:03}"), "Rating": "Cold"});
    let ids: Vec<_> = (0..600).map(|n| org.insert("Account", account(n))).collect();
    desk.clock.advance(Duration::from_secs(15));
    // The first of each page that is yet to be read.
    let edited = [ids[200].clone(), ids[400].clone()];
    desk.meanwhile(move |sandbox, page| {
        if page == 1 {
            for id in &edited {
                sandbox.salesforce.update("Account", id, json!({"Name": "Edited"}));
            }
        }
    });
    let changed = "  object: Account\n  changed: { any: [Rating] }";
    let flow = desk.given_flow("rated", UPDATED, changed).await;
    org.update("Account", &ids[599], json!({"Rating": "Hot"}));
    desk.polls(2, 1, UPDATED).await;
    let told = desk.keys(&flow);
    assert!(told.len() == 1 && told.iter().all(|key| key.starts_with(&ids[599])), "{told:?}");
}

#[tokio::test]
async fn an_edit_and_a_lost_locator_while_a_flow_goes_live_leave_no_old_record_for_news() {
    let desk = Desk::with_pages_of(200).await;
    let org = &desk.sandbox.salesforce;
    let account = |n: usize| json!({"Name": format!("Account {n:03}"), "Rating": "Hot"});
    let ids: Vec<_> = (0..800).map(|n| org.insert("Account", account(n))).collect();
    desk.clock.advance(Duration::from_secs(15));
    // One of the second page, which comes with its new stamp where it stood; then the third page isn't known any more.
    let edited = ids[200].clone();
    let page_of_it = ids[200].clone();
    desk.meanwhile(move |sandbox, page| {
        if page == 1 {
            sandbox.salesforce.update("Account", &edited, json!({"Name": "Edited"}));
        }
    });
    let lost = json!([{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]);
    org.faults().add(Fault::on("GET", "/query/", Fault::status(400, lost)).skip(1));
    let changed = "  object: Account\n  changed: { Rating: { to: Hot } }";
    let flow = desk.given_flow("hot", UPDATED, changed).await;
    for id in [&ids[199], &ids[399], &ids[400], &ids[799]] {
        org.update("Account", id, json!({"Name": "Still hot"}));
    }
    desk.polls(3, 1, UPDATED).await;
    // What it was before, nobody has seen.
    let told: Vec<String> =
        desk.keys(&flow).into_iter().filter(|key| !key.starts_with(&page_of_it)).collect();
    assert_eq!(told, Vec::<String>::new(), "they were hot before");
}

#[tokio::test]
async fn an_edit_that_is_older_than_a_slow_first_answer_is_dated_hides_nothing_that_is_yet_to_be_read() {
    for meanwhile in ["nothing", "another flow joins", "the flow is paused"] {
        let desk = Desk::with_pages_of(200).await;
        let options = "  object: Account\n  fields: [Id, Name]";
        let first = desk.given_flow("first", UPDATED, options).await;
        desk.polls(1, 1, UPDATED).await;
        let org = &desk.sandbox.salesforce;
        let ids: Vec<_> =
            (0..2_000).map(|n| org.insert("Account", json!({"Name": format!("Account {n}")}))).collect();
        desk.clock.advance(Duration::from_hours(1));
        // One of the second page is edited before the first one is there.
        let edited = ids[250].clone();
        desk.slow.pages.store(0, Ordering::SeqCst);
        desk.slow.dates_late.store(true, Ordering::SeqCst);
        desk.meanwhile(move |sandbox, page| {
            if page == 0 {
                sandbox.salesforce.update("Account", &edited, json!({"Name": "Edited"}));
            }
        });
        let report = desk.polls(1, 1, UPDATED).await;
        assert!(report.pages < 10, "a worker has no time for all: {report:?}");
        match meanwhile {
            "another flow joins" => drop(desk.given_flow("second", UPDATED, options).await),
            "the flow is paused" => {
                lifecycle::pause(&desk.stack, "first").await.expect("paused");
                desk.clock.advance(Duration::from_hours(1));
                lifecycle::resume(&desk.stack, "first").await.expect("resumed");
            }
            _ => {}
        }
        desk.polls(12, 3, UPDATED).await;
        let missed = desk.accounts().difference(&desk.keys(&first)).count();
        assert_eq!(missed, 0, "{meanwhile}");
    }
}
