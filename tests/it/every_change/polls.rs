//! Somebody polls: to the end, until it dies, two at once, one that stands still for longer than its lease, in a
//! storm, while the provider fails; because it is time or because it was notified.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use counterfoil::domain::connection::Provider;
use counterfoil::flow::{hear, poll};
use counterfoil::ports::Ports;
use counterfoil::ports::contract::stormy::{Stormy, Weather};
use counterfoil::ports::notification::Notification;
use counterfoil::ports::random::SeededRandom;
use counterfoil_sandbox::{Fault, FaultKind, Outbox as _, Provider as _};
use serde_json::Value;

use super::hour::Hour;
use super::model::Look;
use crate::trouble::Life;

impl Hour {
    pub(super) async fn a_poll(&mut self) -> Result<(), String> {
        let trigger = self.triggers[self.one_of(self.triggers.len())];
        self.busy.store(self.draw(4) == 0, Ordering::SeqCst);
        match self.draw(if self.calm { 4 } else { 12 }) {
            0..3 => self.polls(0, trigger).await,
            3 => self.polls(1, trigger).await,
            4..6 => {
                let dies = self.process(Life::of(i64::try_from(self.draw(40)).expect("a count")));
                self.is_woken(trigger).await;
                let look = self.flowing(dies.polls(trigger)).await;
                self.saw(trigger, look.into_iter().collect());
            }
            6 => {
                self.is_woken(trigger).await;
                let looks = self.two_at_once(trigger).await;
                self.saw(trigger, looks);
            }
            7..10 => self.one_that_stands_still(trigger).await?,
            10 => self.in_a_storm(trigger).await,
            _ => {
                self.provider_fails();
                self.polls(0, trigger).await;
                self.sandbox.salesforce.faults().clear();
                self.sandbox.xero.harness().faults.clear();
            }
        }
        self.busy.store(false, Ordering::SeqCst);
        Ok(())
    }

    async fn is_woken(&self, trigger: &str) {
        poll::wake(&self.lasting[0].stack, trigger, "schedule").await.expect("woken");
    }

    /// One of those that last.
    pub(super) async fn polls(&mut self, which: usize, trigger: &'static str) {
        self.is_woken(trigger).await;
        let look = self.flowing(self.lasting[which].polls(trigger)).await;
        self.saw(trigger, look.into_iter().collect());
    }

    async fn two_at_once(&self, trigger: &str) -> Vec<Look> {
        let lives = |operations| Life::among_others(operations, self.draw(u64::MAX));
        let one = self.process(lives(i64::MAX));
        let dies = self.draw(2) == 0;
        let other = self.process(lives(if dies { 20 } else { i64::MAX }));
        // Each has a wake-up of its own.
        let both = async {
            let second = async {
                tokio::task::yield_now().await;
                self.is_woken(trigger).await;
                other.polls(trigger).await
            };
            tokio::join!(one.polls(trigger), second)
        };
        let (one, other) = self.flowing(both).await;
        one.into_iter().chain(other).collect()
    }

    /// Its lease may end while it stands still; others poll, owners come, and then it wakes.
    async fn one_that_stands_still(&mut self, trigger: &'static str) -> Result<(), String> {
        let stands = self.process(Life::that_stands_after(i64::try_from(self.draw(36)).expect("a count")));
        self.is_woken(trigger).await;
        let began = self.people.now().at;
        let mut first = Box::pin(stands.polls(trigger));
        let look = tokio::select! {
            biased;
            look = self.flowing(&mut first) => Some(look),
            () = stands.life.stands() => None,
        };
        if let Some(look) = look {
            self.saw(trigger, look.into_iter().collect());
            return Ok(());
        }
        let so_far = Look { began, moments: stands.moments(), ended_well: false, looks_back: false };
        self.saw(trigger, vec![so_far]);
        self.tell("it stands still");
        self.time_passes_meanwhile(trigger, true).await?;
        self.tell("it wakes");
        stands.life.go_on();
        let look = self.flowing(first).await;
        self.saw(trigger, look.into_iter().collect());
        Ok(())
    }

    /// While somebody stands still: for a moment, for longer than a lease, for longer than polls look back.
    pub(super) async fn time_passes_meanwhile(
        &mut self,
        trigger: &'static str,
        owners_come: bool,
    ) -> Result<(), String> {
        let (least, more) = [(0, 20), (30, 200), (150, 350)][self.one_of(3)];
        for _ in 0..=self.draw(3) {
            self.clock.advance(self.seconds(least, more));
            (0..self.draw(3)).for_each(|_| self.people.insist());
            self.clock.advance(self.seconds(0, 6));
            match self.draw(4) {
                0 if owners_come => self.an_owner_does_something().await?,
                1 if owners_come => {
                    self.an_owner_pauses_and_resumes(trigger).await?;
                    self.polls(1, trigger).await;
                }
                0 => self.polls(0, trigger).await,
                _ => self.polls(1, trigger).await,
            }
        }
        Ok(())
    }

    async fn in_a_storm(&mut self, trigger: &'static str) {
        let random = Arc::new(SeededRandom::new(self.draw(u64::MAX)));
        let weather = Weather { throttled: 10, lost: 15 };
        let process = self.process_over(Life::of(i64::MAX), |ports| Ports {
            table: Arc::new(Stormy::new(Arc::clone(&ports.table), weather, random)),
            ..ports
        });
        self.is_woken(trigger).await;
        let look = self.flowing(process.polls(trigger)).await;
        self.saw(trigger, look.into_iter().collect());
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

    /// Some of what the providers have to tell is lost, some comes twice.
    pub(super) async fn some_are_notified(&mut self) {
        let stack = &self.lasting[0].stack;
        let times = || self.draw(6).saturating_sub(3);
        match self.provider {
            Provider::Salesforce => {
                for message in self.sandbox.salesforce.outbound_due() {
                    for _ in 0..times() {
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
                    for _ in 0..times() {
                        let notification =
                            Notification { secret: "", headers: &headers, body: letter.body.as_bytes() };
                        answer.status = hear::hear(stack, self.provider, &notification).await.status;
                    }
                    self.sandbox.xero.answered(&letter, Some(&answer));
                }
            }
        }
        for trigger in self.triggers.clone() {
            if let Some(look) = self.flowing(self.lasting[1].polls(trigger)).await {
                self.saw(trigger, vec![look]);
            }
        }
    }
}
