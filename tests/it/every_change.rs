//! An hour of an org or of a set of books, by chance but seeded: edits, bulk loads of one second, late commits, lost
//! and repeated notifications, processes that die between any two writes or stand still and wake too late, two polls
//! at once, a table and a provider in bad weather, pauses. What the flows were told of is what has changed, each once.
//!
//! What should be told of comes from the stand-ins' own versions and from when somebody looked ([`model`]). A thousand
//! seeds by default; `COUNTERFOIL_SEEDS=20000` for more, `COUNTERFOIL_SEED=17` for one of them again.

mod model;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil::domain::connection::Provider;
use counterfoil::domain::event::RunMessage;
use counterfoil::domain::ids::FlowId;
use counterfoil::flow::{Stack, hear, lifecycle, poll};
use counterfoil::ports::Ports;
use counterfoil::ports::clock::{Clock, ManualClock};
use counterfoil::ports::contract::stormy::{Stormy, Weather};
use counterfoil::ports::http::{Http, HttpError, Request, Response};
use counterfoil::ports::notification::Notification;
use counterfoil::ports::random::{SeededRandom, below};
use counterfoil::runtime::pump;
use counterfoil_sandbox::xero::Category;
use counterfoil_sandbox::{Fault, FaultKind, Outbox as _, Provider as _, Sandbox};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use self::model::{Checked, Look, Moment, Rule, Told, Watched};
use self::people::{ACCOUNTS, INVOICES, PAYMENTS, People, QUOTES, Where};
use crate::plain::Plain;
use crate::trouble::{Life, mortal_ports};
use crate::world::{InProcess, connect, go_live, new_stack};

const NEW: &str = "salesforce.new_record";
const UPDATED: &str = "salesforce.updated_record";
const INVOICE: &str = "xero.new_or_updated_invoice";
const PAYMENT: &str = "xero.new_payment";
const QUOTE: &str = "xero.new_or_updated_quote";
/// For so long a process may believe that a flow is as it was.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// A flow of the hour, and what it is told of.
struct Wanted {
    name: &'static str,
    trigger: &'static str,
    options: &'static str,
    collection: &'static str,
    /// It is about records with this value only.
    only: Option<(&'static str, &'static str)>,
    told: Told,
}

#[rustfmt::skip]
fn flows(place: Where) -> Vec<Wanted> {
    let wanted = |name, trigger, options, collection, told| Wanted { name, trigger, options, collection, only: None, told };
    let changed = |field, from, to| Told::Changed(Rule { field, from, to });
    match place {
        Where::Org => vec![
            wanted("new", NEW, "", ACCOUNTS, Told::EachRecord),
            wanted("updated", UPDATED, "", ACCOUNTS, Told::EachVersion),
            Wanted { only: Some(("Industry", "Energy")), ..wanted("energetic", UPDATED, "where: Industry = 'Energy'", ACCOUNTS, Told::EachVersion) },
            wanted("hot", UPDATED, "changed: { Rating: { to: Hot } }", ACCOUNTS, changed("Rating", None, Some(&["Hot"]))),
            wanted("warmer", UPDATED, "changed: { Rating: { from: Cold, to: [Warm, Hot] } }", ACCOUNTS, changed("Rating", Some(&["Cold"]), Some(&["Warm", "Hot"]))),
            wanted("phones", UPDATED, "changed: { any: [Phone] }", ACCOUNTS, changed("Phone", None, None)),
        ],
        Where::Books => vec![
            wanted("invoices", INVOICE, "", INVOICES, Told::EachVersion),
            wanted("new-ones", INVOICE, "only: new", INVOICES, Told::First),
            wanted("edited-ones", INVOICE, "only: updated", INVOICES, Told::AfterTheFirst),
            wanted("paid", INVOICE, "changed: { Status: { to: PAID } }", INVOICES, changed("Status", None, Some(&["PAID"]))),
            wanted("due-again", INVOICE, "changed: { Status: { from: PAID } }", INVOICES, changed("Status", Some(&["PAID"]), None)),
            wanted("payments", PAYMENT, "", PAYMENTS, Told::First),
            wanted("quotes", QUOTE, "", QUOTES, Told::EachVersion),
        ],
    }
}

/// Notes when pages are read, and lets people act between them.
struct Watching {
    inner: Arc<dyn Http>,
    people: Arc<People>,
    moments: Arc<Mutex<Vec<Moment>>>,
    /// Somebody acts after each page.
    busy: Arc<AtomicBool>,
}

#[async_trait]
impl Http for Watching {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let is_page = request.url.contains("/query") || request.url.contains("/api.xro/");
        if !is_page {
            return self.inner.send(request).await;
        }
        let before = self.people.now();
        let answer = self.inner.send(request).await;
        self.moments.lock().expect("the moments").extend([before, self.people.now()]);
        if self.busy.load(Ordering::SeqCst) {
            self.people.meddle();
        }
        answer
    }
}

/// A process that polls.
struct Process {
    stack: Stack,
    life: Arc<Life>,
    moments: Arc<Mutex<Vec<Moment>>>,
}

impl Process {
    /// Works off the wake-ups of a trigger. `None`: nothing had woken it.
    async fn polls(&self, trigger: &str) -> Option<Look> {
        let outcome = self.life.live(pump::wakes(&self.stack, trigger)).await;
        let moments = std::mem::take(&mut *self.moments.lock().expect("the moments"));
        let ended_well = match outcome {
            Some(Ok(None)) => return None,
            Some(Ok(Some(report))) => report.failures.is_empty() && report.busy == 0,
            Some(Err(_)) | None => false,
        };
        Some(Look { moments, ended_well })
    }
}

struct Flow {
    id: FlowId,
    checked: Checked,
    paused: bool,
    changed_at: Timestamp,
}

/// One hour.
struct Hour {
    random: SeededRandom,
    clock: Arc<ManualClock>,
    sandbox: Arc<Sandbox>,
    people: Arc<People>,
    plain: Arc<Plain>,
    http: Arc<dyn Http>,
    busy: Arc<AtomicBool>,
    /// Two that live as long as the hour, with all that they remember.
    lasting: Vec<Process>,
    triggers: Vec<&'static str>,
    provider: Provider,
    flows: Vec<Flow>,
    /// Nothing goes wrong in this hour: then nothing may even be queued twice.
    calm: bool,
    aloud: bool,
    queued: BTreeSet<(FlowId, String)>,
}

impl Hour {
    async fn begins(seed: u64) -> Self {
        let place = if seed.is_multiple_of(2) { Where::Org } else { Where::Books };
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("an instant");
        let clock = Arc::new(ManualClock::at(start));
        let time = Arc::clone(&clock);
        let mut settings = counterfoil_sandbox::Settings::new(Arc::new(move || time.now()));
        settings.seed = seed;
        settings.salesforce.page_size = 8;
        let sandbox = Arc::new(Sandbox::new(settings));
        let people = Arc::new(People::new(&sandbox, &clock, place, seed));
        let plain = Plain::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let mut hour = Self {
            random: SeededRandom::new(seed),
            provider: if place == Where::Org { Provider::Salesforce } else { Provider::Xero },
            clock: Arc::clone(&clock),
            sandbox: Arc::clone(&sandbox),
            http: InProcess::of(&sandbox, &clock),
            people,
            plain,
            busy: Arc::default(),
            lasting: Vec::new(),
            triggers: Vec::new(),
            flows: Vec::new(),
            calm: seed.is_multiple_of(5),
            aloud: number("COUNTERFOIL_SEED").is_some(),
            queued: BTreeSet::new(),
        };
        hour.lasting = vec![hour.process(Life::of(i64::MAX)), hour.process(Life::of(i64::MAX))];
        hour.connects().await;
        // What is there before any flow is live.
        for _ in 0..2 + hour.draw(8) {
            hour.people.act();
            hour.clock.advance(Duration::from_secs(hour.draw(3)));
        }
        hour.clock.advance(Duration::from_mins(12));
        hour.goes_live(place).await;
        hour.clock.advance(Duration::from_secs(6));
        hour
    }

    async fn connects(&self) {
        let stack = &self.lasting[0].stack;
        connect(&self.sandbox, stack).await;
        for connection in stack.connections.list().await.expect("read") {
            let mut connection = (*connection).clone();
            match connection.provider {
                Provider::Salesforce => connection.account = self.sandbox.salesforce.organization_id(),
                Provider::Xero => connection.scopes.push("accounting.payments".into()),
            }
            stack.connections.save(&connection).await.expect("saved");
        }
        hear::add_key(stack, self.provider, SecretString::from("key")).await.expect("kept");
        let categories = [Category::Invoice];
        let xero = &self.sandbox.xero;
        xero.subscribe("sandbox-client", "http://127.0.0.1:9/xero", "key", &categories).expect("subscribed");
        self.sandbox.salesforce.notify_of(ACCOUNTS, None, &["Id"]).expect("a rule");
    }

    async fn goes_live(&mut self, place: Where) {
        for Wanted { name, trigger, options, collection, only, told } in flows(place) {
            let object = if place == Where::Org { "\n  object: Account\n  fields: [Id, Name]" } else { "" };
            let text = format!(
                "flow: {name}\ntrigger:\n  type: {trigger}{object}\n  {options}\nsteps:\n  - set: {{ seen: yes }}\n"
            );
            let head = go_live(&self.lasting[0].stack, &text).await;
            let live_from = head.live_from.expect("it is live");
            let watched = Watched { flow: name.to_owned(), trigger, collection, only, told, live_from };
            let there = self.people.history(|history| history.records.get(collection).cloned());
            let checked = Checked::new(watched, &there.unwrap_or_default(), self.people.now());
            self.flows.push(Flow { id: head.id, checked, paused: false, changed_at: self.clock.now() });
            if !self.triggers.contains(&trigger) {
                self.triggers.push(trigger);
            }
        }
    }

    /// Of an hour that is tried alone: what happens.
    #[expect(clippy::print_stdout, reason = "for who looks for what is wrong in an hour")]
    fn tell(&self, what: &str) {
        if self.aloud {
            println!("{} {what}", self.clock.now());
        }
    }

    fn draw(&self, bound: u64) -> u64 {
        below(&self.random, bound)
    }

    fn seconds(&self, least: u64, more: u64) -> Duration {
        Duration::from_millis(least * 1_000 + self.draw(more * 1_000))
    }

    fn process(&self, life: Arc<Life>) -> Process {
        self.process_over(life, |ports| ports)
    }

    fn process_over(&self, life: Arc<Life>, change: impl FnOnce(Ports) -> Ports) -> Process {
        let moments = Arc::<Mutex<Vec<Moment>>>::default();
        let watching = Watching {
            inner: Arc::clone(&self.http),
            people: Arc::clone(&self.people),
            moments: Arc::clone(&moments),
            busy: Arc::clone(&self.busy),
        };
        let random = Arc::new(SeededRandom::new(self.draw(u64::MAX)));
        let ports = change(self.plain.ports(Arc::new(watching), random));
        Process { stack: new_stack(&mortal_ports(ports, &life)), life, moments }
    }

    /// Time goes on where work waits for nothing else.
    async fn flowing<T>(&self, work: impl Future<Output = T>) -> T {
        let flow = async {
            loop {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                self.clock.advance(Duration::from_millis(5));
            }
        };
        tokio::select! {
            biased;
            result = work => result,
            () = flow => unreachable!("time doesn't end"),
        }
    }

    async fn passes(&mut self) -> Result<(), String> {
        let end = self.clock.now() + Duration::from_hours(1);
        while self.clock.now() < end {
            self.clock.advance(self.seconds(0, 220));
            match self.draw(10) {
                0..5 => (0..=self.draw(2)).for_each(|_| self.people.act()),
                5..9 => self.a_poll().await?,
                _ if self.draw(3) == 0 => self.a_person_pauses_or_resumes().await,
                _ => {}
            }
            self.some_are_notified().await?;
        }
        self.ends().await
    }

    // ------------------------------------------------------------ polls

    fn trigger(&self) -> &'static str {
        self.triggers[usize::try_from(self.draw(self.triggers.len() as u64)).expect("a place")]
    }

    async fn a_poll(&mut self) -> Result<(), String> {
        let trigger = self.trigger();
        poll::wake(&self.lasting[0].stack, trigger, "schedule").await.expect("woken");
        self.busy.store(self.draw(4) == 0, Ordering::SeqCst);
        let looks = match self.draw(if self.calm { 4 } else { 12 }) {
            0..4 => vec![self.flowing(self.lasting[0].polls(trigger)).await],
            4 => vec![self.flowing(self.lasting[1].polls(trigger)).await],
            5..8 => {
                let dies = self.process(Life::of(i64::try_from(self.draw(40)).expect("a count")));
                vec![self.flowing(dies.polls(trigger)).await]
            }
            8 => self.two_at_once(trigger).await,
            9 => self.one_that_stands_still(trigger).await,
            10 => self.in_a_storm(trigger).await,
            _ => {
                self.provider_fails();
                let looks = vec![self.flowing(self.lasting[0].polls(trigger)).await];
                self.sandbox.salesforce.faults().clear();
                self.sandbox.xero.harness().faults.clear();
                looks
            }
        };
        self.busy.store(false, Ordering::SeqCst);
        self.all_is_right(trigger, looks.into_iter().flatten().collect())
    }

    async fn two_at_once(&self, trigger: &str) -> Vec<Option<Look>> {
        let lives = |operations| Life::among_others(operations, self.draw(u64::MAX));
        let one = self.process(lives(i64::MAX));
        let dies = self.draw(2) == 0;
        let other = self.process(lives(if dies { 20 } else { i64::MAX }));
        // Each has a wake-up of its own.
        let both = async {
            let second = async {
                tokio::task::yield_now().await;
                poll::wake(&self.lasting[0].stack, trigger, "schedule").await.expect("woken");
                other.polls(trigger).await
            };
            tokio::join!(one.polls(trigger), second)
        };
        let (one, other) = self.flowing(both).await;
        vec![one, other]
    }

    /// Its lease ends while it stands still; another one polls, and then it wakes.
    async fn one_that_stands_still(&self, trigger: &str) -> Vec<Option<Look>> {
        let stands = self.process(Life::that_stands_after(i64::try_from(self.draw(30)).expect("a count")));
        let mut first = Box::pin(self.flowing(stands.polls(trigger)));
        tokio::select! {
            biased;
            look = &mut first => return vec![look],
            () = stands.life.stands() => {}
        }
        self.clock.advance(self.seconds(60, 400));
        for _ in 0..self.draw(4) {
            self.people.act();
        }
        self.clock.advance(self.seconds(0, 6));
        poll::wake(&self.lasting[0].stack, trigger, "schedule").await.expect("woken");
        let second = self.flowing(self.lasting[1].polls(trigger)).await;
        stands.life.go_on();
        vec![first.await, second]
    }

    async fn in_a_storm(&self, trigger: &str) -> Vec<Option<Look>> {
        let random = Arc::new(SeededRandom::new(self.draw(u64::MAX)));
        let weather = Weather { throttled: 10, lost: 15 };
        let process = self.process_over(Life::of(i64::MAX), |ports| Ports {
            table: Arc::new(Stormy::new(Arc::clone(&ports.table), weather, random)),
            ..ports
        });
        vec![self.flowing(process.polls(trigger)).await]
    }

    fn provider_fails(&self) {
        let kind = match self.draw(4) {
            0 => Fault::status(503, Value::Null),
            1 => FaultKind::Html,
            2 => FaultKind::Truncate,
            _ => FaultKind::ReplyLost,
        };
        let skip = u32::try_from(self.draw(3)).expect("a few");
        let fault = |path| Fault::on("GET", path, kind.clone()).skip(skip).times(1);
        self.sandbox.salesforce.faults().add(fault("/query"));
        self.sandbox.xero.harness().faults.add(fault("/api.xro"));
    }

    // ------------------------------------------------------------ notifications

    /// Some of what the providers have to tell is lost, some comes twice.
    async fn some_are_notified(&mut self) -> Result<(), String> {
        let stack = &self.lasting[0].stack;
        match self.provider {
            Provider::Salesforce => {
                for message in self.sandbox.salesforce.outbound_due() {
                    for _ in 0..self.draw(6).saturating_sub(3) {
                        let notification =
                            Notification { secret: "key", headers: &[], body: message.body.as_bytes() };
                        let reply = hear::hear(stack, self.provider, &notification).await;
                        self.sandbox.salesforce.outbound_answered(&message, reply.status, &reply.body);
                    }
                }
            }
            Provider::Xero => {
                for letter in self.sandbox.xero.due() {
                    let headers: Vec<(String, String)> = letter
                        .headers
                        .iter()
                        .map(|(name, value)| ((*name).to_owned(), value.clone()))
                        .collect();
                    let mut answer = counterfoil_sandbox::Reply { status: 200, ..Default::default() };
                    for _ in 0..self.draw(6).saturating_sub(3) {
                        let notification =
                            Notification { secret: "", headers: &headers, body: letter.body.as_bytes() };
                        answer.status = hear::hear(stack, self.provider, &notification).await.status;
                    }
                    self.sandbox.xero.answered(&letter, Some(&answer));
                }
            }
        }
        for trigger in self.triggers.clone() {
            let look = self.flowing(self.lasting[1].polls(trigger)).await;
            if let Some(look) = look {
                self.all_is_right(trigger, vec![look])?;
            }
        }
        Ok(())
    }

    // ------------------------------------------------------------ people and flows

    async fn a_person_pauses_or_resumes(&mut self) {
        if self.calm {
            return;
        }
        let place = usize::try_from(self.draw(self.flows.len() as u64)).expect("a place");
        let now = self.clock.now();
        let flow = &mut self.flows[place];
        let (stack, name) = (&self.lasting[0].stack, flow.checked.watched.flow.clone());
        let done = match flow.paused {
            true => lifecycle::resume(stack, &name).await,
            false => lifecycle::pause(stack, &name).await,
        };
        done.expect("taken");
        (flow.paused, flow.changed_at) = (!flow.paused, now);
        let paused = flow.paused;
        self.tell(&format!("{name} is paused: {paused}"));
    }

    // ------------------------------------------------------------ then

    fn all_is_right(&mut self, trigger: &str, looks: Vec<Look>) -> Result<(), String> {
        for look in &looks {
            self.tell(&format!("{trigger} was polled, to its end: {}", look.ended_well));
        }
        let mut came: BTreeMap<FlowId, BTreeSet<String>> = BTreeMap::new();
        for message in self.plain.take_runs() {
            let event = message.event.as_ref().ok_or("an event of its own")?;
            let key = event.key.as_str().to_owned();
            self.is_as_it_was(&message)?;
            if !self.queued.insert((message.flow, key.clone())) && self.calm {
                return Err(format!("{key} was queued twice, and nothing had gone wrong"));
            }
            came.entry(message.flow).or_default().insert(key);
        }
        for flow in &self.flows {
            for key in came.get(&flow.id).into_iter().flatten() {
                self.tell(&format!("{} is told of {key}", flow.checked.watched.flow));
            }
        }
        let now = self.clock.now();
        for flow in &mut self.flows {
            let came = came.remove(&flow.id).unwrap_or_default();
            let watched = &flow.checked.watched;
            let mut looks = looks.clone();
            if now < flow.changed_at + BELIEVED_FOR + Duration::from_secs(1) {
                looks.iter_mut().for_each(|look| look.ended_well = false);
            } else if flow.paused {
                looks.clear();
            }
            if watched.trigger != trigger {
                looks.clear();
            }
            let collection = watched.collection;
            let checked = &mut flow.checked;
            self.people.history(|history| {
                let empty = BTreeMap::new();
                checked.check(history.records.get(collection).unwrap_or(&empty), &looks, &came)
            })?;
        }
        Ok(())
    }

    /// The record that came is a version that there was.
    fn is_as_it_was(&self, message: &RunMessage) -> Result<(), String> {
        let event = message.event.as_ref().ok_or("an event of its own")?;
        let id = event.record_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let fits = self.people.history(|history| {
            let record = history.records.values().find_map(|records| records.get(&id));
            record.is_some_and(|record| {
                record.versions.iter().any(|version| {
                    let of = |name: &str| event.record[name].as_str().unwrap_or_default();
                    version
                        .values
                        .iter()
                        .all(|(name, value)| event.record.get(*name).is_none() || of(name) == value.as_str())
                })
            })
        });
        if fits { Ok(()) } else { Err(format!("{} was never as it came: {}", event.key, event.record)) }
    }

    /// Peace: late commits come to light, leases end, and then everything has been told.
    async fn ends(&mut self) -> Result<(), String> {
        for place in 0..self.flows.len() {
            if self.flows[place].paused {
                let stack = &self.lasting[0].stack;
                lifecycle::resume(stack, &self.flows[place].checked.watched.flow).await.expect("resumed");
                self.flows[place].paused = false;
            }
        }
        for turn in 0..4 {
            self.clock.advance(Duration::from_secs(200));
            for trigger in self.triggers.clone() {
                poll::wake(&self.lasting[0].stack, trigger, "schedule").await.expect("woken");
                let look = self.flowing(self.lasting[0].polls(trigger)).await.ok_or("it was woken")?;
                if turn == 3 && !look.ended_well {
                    return Err(format!("{trigger} can't be polled any more"));
                }
                self.all_is_right(trigger, vec![look])?;
            }
        }
        self.people.is_true()
    }
}

// ------------------------------------------------------------ seeds

#[expect(clippy::disallowed_methods, reason = "which seeds are tried is the tester's to say")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Every fourth of the seeds, from this one on: so two cores have something to do all the time.
#[expect(clippy::print_stdout, reason = "says how much was told of")]
fn hours(first: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let seeds = match number("COUNTERFOIL_SEED") {
        Some(seed) => (seed..=seed).filter(|seed| seed % 4 == first).collect(),
        None => (first..number("COUNTERFOIL_SEEDS").unwrap_or(1_000)).step_by(4).collect::<Vec<_>>(),
    };
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for seed in &seeds {
        let hour = async {
            let mut hour = Hour::begins(*seed).await;
            let outcome = hour.passes().await;
            for flow in &hour.flows {
                *told.entry(flow.checked.watched.flow.clone()).or_default() += flow.checked.told();
            }
            outcome
        };
        if let Err(what) = runtime.block_on(hour) {
            panic!("seed {seed} (again with COUNTERFOIL_SEED={seed}): {what}");
        }
    }
    println!("{} hours; events by flow: {told:?}", seeds.len());
}

#[test]
fn in_an_hour_of_anything_each_change_is_told_of_once() {
    hours(0);
}

#[test]
fn in_another_hour_of_anything_each_change_is_told_of_once() {
    hours(1);
}

#[test]
fn in_a_third_hour_of_anything_each_change_is_told_of_once() {
    hours(2);
}

#[test]
fn in_a_fourth_hour_of_anything_each_change_is_told_of_once() {
    hours(3);
}
