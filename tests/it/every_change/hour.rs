//! One hour: what is there when it begins, what happens in it, and the peace after it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use counterfoil::domain::connection::Provider;
use counterfoil::domain::ids::FlowId;
use counterfoil::flow::{hear, poll};
use counterfoil::ports::Ports;
use counterfoil::ports::clock::{Clock, ManualClock};
use counterfoil::ports::http::Http;
use counterfoil::ports::random::{SeededRandom, below};
use counterfoil_sandbox::Sandbox;
use counterfoil_sandbox::xero::Category;
use jiff::Timestamp;
use secrecy::SecretString;

use super::flows::Wanted;
use super::judge::Seen;
use super::model::Checked;
use super::people::{ACCOUNTS, People, Where};
use super::process::Process;
use crate::passing;
use crate::plain::Plain;
use crate::trouble::Life;
use crate::world::{InProcess, connect};

/// For so long a process may believe that a flow is as it was, with a second to be on the safe side.
pub(super) const BELIEVED_FOR: Duration = Duration::from_secs(6);

pub(super) struct Hour {
    random: SeededRandom,
    pub(super) clock: Arc<ManualClock>,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) people: Arc<People>,
    pub(super) plain: Arc<Plain>,
    http: Arc<dyn Http>,
    /// Somebody acts after each page that is read.
    pub(super) busy: Arc<AtomicBool>,
    /// Two that live as long as the hour, with all that they remember.
    pub(super) lasting: Vec<Process>,
    pub(super) triggers: Vec<&'static str>,
    pub(super) provider: Provider,
    pub(super) flows: Vec<Flow>,
    /// Nothing goes wrong in this hour: then nothing may even be queued twice.
    pub(super) calm: bool,
    aloud: bool,
    pub(super) queued: BTreeSet<(FlowId, String)>,
    pub(super) seen: Vec<Seen>,
}

/// A flow of the hour, and what is known of it.
pub(super) struct Flow {
    pub(super) id: FlowId,
    pub(super) wanted: Wanted,
    pub(super) version: usize,
    pub(super) revision: u64,
    pub(super) state: State,
    pub(super) changed_at: Timestamp,
    pub(super) checked: Checked,
    /// As it was before it went live anew: who hasn't heard of that may still tell it so.
    pub(super) before: Vec<Checked>,
    /// Well told by polls that came to their ends since it was changed, after so many of them.
    pub(super) kept: BTreeSet<String>,
    pub(super) looks: u32,
    pub(super) looked_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    Disabled,
    Enabled,
    Paused,
}

impl Hour {
    pub(super) async fn begins(seed: u64, aloud: bool) -> Self {
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
            aloud,
            queued: BTreeSet::new(),
            seen: Vec::new(),
        };
        hour.lasting = vec![hour.process(Life::of(i64::MAX)), hour.process(Life::of(i64::MAX))];
        hour.connects().await;
        // What is there before any flow is live.
        for _ in 0..2 + hour.draw(8) {
            hour.people.act();
            hour.clock.advance(Duration::from_secs(hour.draw(3)));
        }
        hour.clock.advance(Duration::from_mins(12));
        hour.flows_are_written(place).await;
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

    /// Of an hour that is tried alone: what happens.
    #[expect(clippy::print_stdout, reason = "for who looks for what is wrong in an hour")]
    pub(super) fn tell(&self, what: &str) {
        if self.aloud {
            println!("{} {what}", self.clock.now());
        }
    }

    pub(super) fn told(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.flows.iter().map(|flow| (flow.wanted.name, flow.checked.told()))
    }

    pub(super) fn draw(&self, bound: u64) -> u64 {
        below(&self.random, bound)
    }

    pub(super) fn one_of(&self, count: usize) -> usize {
        usize::try_from(self.draw(count as u64)).expect("a place")
    }

    pub(super) fn seconds(&self, least: u64, more: u64) -> Duration {
        Duration::from_millis(least * 1_000 + self.draw(more * 1_000))
    }

    pub(super) fn process(&self, life: Arc<Life>) -> Process {
        self.process_over(life, |ports| ports)
    }

    pub(super) fn process_over(&self, life: Arc<Life>, change: impl FnOnce(Ports) -> Ports) -> Process {
        let random = Arc::new(SeededRandom::new(self.draw(u64::MAX)));
        let ports = change(self.plain.ports(Arc::clone(&self.http), random));
        Process::new(ports, life, &self.people, &self.busy)
    }

    /// Time goes on where work waits for nothing else.
    pub(super) fn flowing<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        passing::where_idle(&self.clock, work)
    }

    pub(super) async fn passes(&mut self) -> Result<(), String> {
        let end = self.clock.now() + Duration::from_hours(1);
        while self.clock.now() < end {
            self.clock.advance(self.seconds(0, 360));
            match self.draw(20) {
                0..9 => (0..=self.draw(2)).for_each(|_| self.people.act()),
                9..17 => Box::pin(self.a_poll()).await?,
                _ => self.an_owner_comes().await?,
            }
            self.some_are_notified().await;
            self.all_is_right()?;
        }
        self.ends().await
    }

    /// Peace: late commits come to light, leases end, and then everything has been told.
    async fn ends(&mut self) -> Result<(), String> {
        self.everything_goes_on().await?;
        for turn in 0..3 {
            self.clock.advance(Duration::from_secs(250));
            self.each_is_polled(turn == 2, false).await?;
        }
        if self.people.are_very_late() {
            // Once a day the last two days are read again, for what was committed later than any poll looks back.
            self.clock.advance(Duration::from_hours(25));
            self.each_is_polled(true, true).await?;
        }
        self.flows_are_as_their_owners_left_them().await?;
        self.people.is_true()
    }

    async fn each_is_polled(&mut self, to_its_end: bool, looks_back: bool) -> Result<(), String> {
        for trigger in self.triggers.clone() {
            poll::wake(&self.lasting[0].stack, trigger, "schedule").await.expect("woken");
            let mut look = self.flowing(self.lasting[0].polls(trigger)).await.ok_or("it was woken")?;
            if to_its_end && !look.ended_well {
                return Err(format!("{trigger} can't be polled any more"));
            }
            look.looks_back = looks_back;
            self.saw(trigger, vec![look]);
        }
        self.all_is_right()
    }
}
