//! One app's webhook, from the first probe to the day it is disabled: what it keeps, what is due, what an answer
//! means.
//!
//! Events are kept in order and handed out in batches, one letter at a time. A failed delivery is tried again at
//! once, then further and further apart; after a day of failures the webhook is disabled, and what is kept is
//! delivered when it has proven itself again. <https://developer.xero.com/documentation/webhooks/overview>

use std::borrow::Cow;
use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::news::{Category, Change};
use crate::sender::Reply;

/// Right and wrong signatures by turns. How many the vendor sends, and in which order, is not documented.
const PROBES: [bool; 4] = [true, false, true, false];
/// The probes must be answered within this.
const PROBING_SECONDS: i64 = 30;
const FIRST_GAP_SECONDS: i64 = 15 * 60;
/// "With decreasing frequency"; the figures are not documented.
const LONGEST_GAP_SECONDS: i64 = 4 * 3_600;
const DISABLED_AFTER_SECONDS: i64 = 24 * 3_600;
const KEPT_SECONDS: i64 = 31 * 24 * 3_600;
/// How many events go into one letter is not documented.
const MOST_EVENTS: usize = 100;
/// The last deliveries, for people.
const KEPT_DELIVERIES: usize = 100;

/// As the developer portal names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    IntentToReceiveRequired,
    IntentToReceiveInProgress,
    Ok,
    Retry,
    Disabled,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Event {
    /// Counted for each webhook.
    pub(super) sequence: u64,
    pub(super) category: Category,
    pub(super) resource: Uuid,
    pub(super) is_new: bool,
    pub(super) tenant: Uuid,
    pub(super) at: Timestamp,
    pub(super) data: Option<Value>,
    is_delivered: bool,
}

/// What can be made to go wrong with the next delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mischief {
    /// The newest event goes first, alone.
    pub(super) reorder: bool,
    /// What was taken is sent once more.
    pub(super) duplicate: bool,
    /// A letter with a signature of somebody else goes before the right one.
    pub(super) wrong_signature: bool,
}

/// What a letter is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matter {
    Probe {
        is_signed: bool,
    },
    /// These sequences.
    Events(Vec<u64>),
    /// Whatever comes back, nothing follows from it.
    Forged(Vec<u64>),
    Again(Vec<u64>),
}

impl Matter {
    pub(super) fn sequences(&self) -> &[u64] {
        match self {
            Self::Probe { .. } => &[],
            Self::Events(sequences) | Self::Forged(sequences) | Self::Again(sequences) => sequences,
        }
    }

    /// For people.
    fn name(&self) -> &'static str {
        match self {
            Self::Probe { is_signed: true } => "probe, rightly signed",
            Self::Probe { is_signed: false } => "probe, wrongly signed",
            Self::Events(_) => "events",
            Self::Forged(_) => "events, wrongly signed",
            Self::Again(_) => "events, once more",
        }
    }

    pub(super) fn about(&self) -> String {
        match self.sequences().len() {
            0 => format!("webhook: {}", self.name()),
            events => format!("webhook: {events} {}", self.name()),
        }
    }

    pub(super) fn is_signed(&self) -> bool {
        !matches!(self, Self::Probe { is_signed: false } | Self::Forged(_))
    }
}

/// For people: what was sent when, and what came back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Delivery {
    at: Timestamp,
    matter: Cow<'static, str>,
    events: usize,
    /// 0 when there was no answer.
    status: u16,
    problem: Option<Cow<'static, str>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Subscription {
    pub(super) id: Uuid,
    pub(super) client: String,
    pub(super) url: String,
    pub(super) key: String,
    pub(super) categories: Vec<Category>,
    /// What resources' addresses begin with.
    pub(super) base: String,
    pub(super) tells_payments: bool,
    pub(super) mischief: Mischief,
    pub(super) state: State,
    pub(super) deliveries: VecDeque<Delivery>,
    events: VecDeque<Event>,
    last_sequence: u64,
    /// It was healthy once: from then on events are kept.
    is_proven: bool,
    probes_left: VecDeque<bool>,
    probing_since: Timestamp,
    failing_since: Option<Timestamp>,
    tries: u32,
    due: Timestamp,
    again: Option<Vec<u64>>,
    /// A letter is out; the answer to one that went before a restart is not waited for.
    #[serde(skip)]
    is_under_way: bool,
}

impl Subscription {
    pub(super) fn new(id: Uuid, client: &str, url: &str, key: &str, categories: &[Category]) -> Self {
        Self {
            id,
            client: client.to_owned(),
            url: url.to_owned(),
            key: key.to_owned(),
            categories: categories.to_vec(),
            base: "https://api.xero.com".to_owned(),
            tells_payments: true,
            mischief: Mischief::default(),
            state: State::IntentToReceiveRequired,
            deliveries: VecDeque::new(),
            events: VecDeque::new(),
            last_sequence: 0,
            is_proven: false,
            probes_left: VecDeque::new(),
            probing_since: Timestamp::UNIX_EPOCH,
            failing_since: None,
            tries: 0,
            due: Timestamp::UNIX_EPOCH,
            again: None,
            is_under_way: false,
        }
    }

    /// The receiver has to prove that it checks signatures: at the start, and again after it was disabled.
    pub(super) fn probe(&mut self, now: Timestamp) {
        self.state = State::IntentToReceiveInProgress;
        self.probes_left = PROBES.into();
        (self.probing_since, self.due) = (now, now);
    }

    /// Keeps what it subscribed to, once it has been healthy.
    pub(super) fn notice(&mut self, tenant: Uuid, change: &Change, at: Timestamp) {
        let news = &change.news;
        let wanted = self.categories.contains(&news.category) && (self.tells_payments || !news.is_settlement);
        if !wanted || !self.is_proven {
            return;
        }
        self.last_sequence += 1;
        self.events.push_back(Event {
            sequence: self.last_sequence,
            category: news.category,
            resource: change.id,
            is_new: change.is_new,
            tenant,
            at,
            data: news.data.clone(),
            is_delivered: false,
        });
    }

    /// What is to be sent now; nothing while a letter is under way.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Matter> {
        let is_old = |event: &Event| now.as_second() - event.at.as_second() >= KEPT_SECONDS;
        while self.events.front().is_some_and(is_old) {
            self.events.pop_front();
        }
        if self.is_under_way || now < self.due {
            return None;
        }
        let matter = match self.state {
            State::IntentToReceiveRequired | State::Disabled => None,
            State::IntentToReceiveInProgress => {
                self.probes_left.front().map(|is_signed| Matter::Probe { is_signed: *is_signed })
            }
            State::Ok | State::Retry => self.next_events(),
        }?;
        self.is_under_way = true;
        Some(matter)
    }

    fn next_events(&mut self) -> Option<Matter> {
        if let Some(sequences) = self.again.take() {
            return Some(Matter::Again(sequences));
        }
        let waiting = self.events.iter().filter(|event| !event.is_delivered).map(|event| event.sequence);
        let newest = waiting.clone().next_back();
        let batch: Vec<u64> = waiting.take(MOST_EVENTS).collect();
        if batch.is_empty() {
            return None;
        }
        if std::mem::take(&mut self.mischief.wrong_signature) {
            return Some(Matter::Forged(batch));
        }
        if batch.len() > 1 && std::mem::take(&mut self.mischief.reorder) {
            return Some(Matter::Events(newest.into_iter().collect()));
        }
        Some(Matter::Events(batch))
    }

    pub(super) fn events(&self, sequences: &[u64]) -> Vec<&Event> {
        self.events.iter().filter(|event| sequences.contains(&event.sequence)).collect()
    }

    /// What came back for the letter under way; nothing means that it didn't answer in time.
    /// What is wrong with that is returned.
    pub(super) fn answered(
        &mut self,
        matter: &Matter,
        reply: Option<&Reply>,
        now: Timestamp,
    ) -> Option<&'static str> {
        self.is_under_way = false;
        let problem = problem_with(reply, matter.is_signed());
        self.log(matter, reply, problem, now);
        match (matter, problem) {
            (Matter::Probe { .. }, problem) => self.probed(problem.is_none(), now),
            (Matter::Events(sequences), None) => self.taken(sequences),
            (Matter::Events(_), Some(_)) => self.failed(now),
            (Matter::Forged(_) | Matter::Again(_), _) => {}
        }
        problem
    }

    fn probed(&mut self, is_right: bool, now: Timestamp) {
        if self.state != State::IntentToReceiveInProgress {
            return;
        }
        if !is_right || now.as_second() - self.probing_since.as_second() > PROBING_SECONDS {
            self.probes_left.clear();
            self.state = State::IntentToReceiveRequired;
            return;
        }
        self.probes_left.pop_front();
        if self.probes_left.is_empty() {
            self.is_proven = true;
            self.recover();
        }
    }

    fn taken(&mut self, sequences: &[u64]) {
        for event in self.events.iter_mut().filter(|event| sequences.contains(&event.sequence)) {
            event.is_delivered = true;
        }
        if self.state == State::IntentToReceiveInProgress {
            return;
        }
        if std::mem::take(&mut self.mischief.duplicate) {
            self.again = Some(sequences.to_vec());
        }
        self.recover();
    }

    fn recover(&mut self) {
        self.state = State::Ok;
        (self.failing_since, self.tries) = (None, 0);
    }

    /// Again at once, then after a quarter of an hour, then after twice as long each time, until a day is over.
    fn failed(&mut self, now: Timestamp) {
        if self.state == State::IntentToReceiveInProgress {
            return;
        }
        let since = *self.failing_since.get_or_insert(now);
        self.tries += 1;
        let end = since + SignedDuration::from_secs(DISABLED_AFTER_SECONDS);
        if now >= end {
            self.state = State::Disabled;
            return;
        }
        self.state = State::Retry;
        let gap = match self.tries {
            1 => 0,
            tries => (FIRST_GAP_SECONDS << (tries - 2).min(8)).min(LONGEST_GAP_SECONDS),
        };
        self.due = (now + SignedDuration::from_secs(gap)).min(end);
    }

    /// Delivers again what was delivered, from a sequence on, as far as it is still kept.
    pub(super) fn replay(&mut self, from: u64) {
        self.events
            .iter_mut()
            .filter(|event| event.sequence >= from)
            .for_each(|event| event.is_delivered = false);
    }

    pub(super) fn waiting(&self) -> usize {
        self.events.iter().filter(|event| !event.is_delivered).count()
    }

    pub(super) fn next_try(&self) -> Option<Timestamp> {
        (self.state == State::Retry).then_some(self.due)
    }

    fn log(&mut self, matter: &Matter, reply: Option<&Reply>, problem: Option<&'static str>, at: Timestamp) {
        let status = reply.map_or(0, |reply| reply.status);
        if self.deliveries.len() == KEPT_DELIVERIES {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(Delivery {
            at,
            matter: matter.name().into(),
            events: matter.sequences().len(),
            status,
            problem: problem.map(Cow::from),
        });
    }
}

/// What is expected: 2xx for a right signature, 401 for a wrong one; no body, no cookies.
fn problem_with(reply: Option<&Reply>, is_signed: bool) -> Option<&'static str> {
    let Some(reply) = reply else { return Some("no answer within five seconds") };
    match (is_signed, reply.status) {
        (true, 200..=299) if !reply.body.is_empty() => Some("the answer has a body"),
        (true, 200..=299) if reply.sets_cookie => Some("the answer sets a cookie"),
        (true, 200..=299) | (false, 401) => None,
        (true, _) => Some("not answered with 200"),
        (false, _) => Some("a wrong signature is to be answered with 401"),
    }
}
