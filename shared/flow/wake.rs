//! A poller is woken in a moment: by a notification, or by a poll that saw what is still too young to be told of.
//!
//! One wake-up covers all that comes before it is due, one of everyone also what an account would be woken for no earlier.
//! Two may follow each other at once; while they keep coming, in whatever rhythm, there is one a minute.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::FlowError;
use super::rows::{document_of, item_of};
use super::stack::Stack;
use crate::ports::Unavailable;
use crate::ports::clock::later;
use crate::ports::queue::{MAX_DELAY, Outgoing, QueueName};
use crate::ports::table::{Condition, Key, Write};

/// A version is told of when it is two seconds old; a poll before that would find nothing.
const AT_FIRST: Duration = Duration::from_secs(3);
/// In the long run there is one in so much time.
const EACH: SignedDuration = SignedDuration::from_secs(60);

/// What a wake-up says. It carries no data into a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct WakeUp {
    v: u8,
    why: String,
    /// Whose watches are meant; `None`: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// What it tells of has happened by then: a poll that begins later has no need of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<Timestamp>,
}

/// Why a watch is to be polled, the weakest reason first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// It is its turn.
    Turn,
    /// Something is said to have changed.
    News,
    /// Somebody waits for it.
    AtOnce,
}

const SCHEDULE: &str = "schedule";
const SOON: &str = "soon";
/// An event of the provider's that no function of ours has heard: there may be any number of them.
const EVENT: &str = "event";

impl WakeUp {
    pub(super) fn of_all(why: &str) -> Self {
        Self { v: 1, why: why.to_owned(), account: None, due: None }
    }

    pub(super) fn message(&self, delay: Duration) -> Outgoing {
        let body = serde_json::to_string(self).unwrap_or_default();
        Outgoing { body, delay, attributes: BTreeMap::new() }
    }
}

/// A poll that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) why: Why,
    /// One that has begun since will do. `None`: none will.
    pub(super) since: Option<Timestamp>,
}

impl Wanted {
    /// For both reasons.
    fn and(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        let since = self.since.zip(other.since).map(|(one, other)| one.max(other));
        Self { why: self.why.max(other.why), since }
    }
}

/// What the wake-ups of a batch ask for, all together.
#[derive(Debug, Default)]
pub(super) struct Woken {
    everyone: Option<Wanted>,
    accounts: BTreeMap<String, Wanted>,
    /// Some of them are events: they ask for a wake-up.
    pub(super) by_events: bool,
}

impl Woken {
    pub(super) fn at_once() -> Self {
        Self { everyone: Some(Wanted { why: Why::AtOnce, since: None }), ..Self::default() }
    }

    /// One that can't be read is taken at its word that somebody waits.
    pub(super) fn by<'a>(bodies: impl IntoIterator<Item = &'a str>) -> Self {
        let mut woken = Self::default();
        for body in bodies {
            let wake_up = serde_json::from_str(body).unwrap_or_else(|_| WakeUp::of_all(""));
            let why = match wake_up.why.as_str() {
                EVENT => {
                    woken.by_events = true;
                    continue;
                }
                SCHEDULE => Why::Turn,
                SOON => Why::News,
                _ => Why::AtOnce,
            };
            let wanted = Wanted { why, since: wake_up.due.filter(|_| why == Why::News) };
            match wake_up.account {
                None => woken.everyone = Some(wanted.and(woken.everyone)),
                Some(account) => {
                    let known = woken.accounts.get(&account).copied();
                    woken.accounts.insert(account, wanted.and(known));
                }
            }
        }
        woken
    }

    /// The poll of this account that is asked for; `None`: none is.
    pub(super) fn wants(&self, account: &str) -> Option<Wanted> {
        match self.accounts.get(account) {
            Some(wanted) => Some(wanted.and(self.everyone)),
            None => self.everyone,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.everyone.is_none() && self.accounts.is_empty()
    }
}

/// Who is woken: the poller of a trigger, for one account or for all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Whom {
    pub(super) trigger: String,
    pub(super) account: Option<String>,
}

impl Whom {
    /// All accounts, this one among them.
    fn everyone(&self) -> Self {
        Self { trigger: self.trigger.clone(), account: None }
    }

    fn key(&self) -> Key {
        Key::new(format!("H#{}", self.trigger), self.account.as_deref().unwrap_or("everyone"))
    }
}

/// The wake-up that is on its way, or was the last.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Sent {
    due: Timestamp,
    /// Until when the wake-ups so far have used up their share of a minute each.
    used_until: Timestamp,
}

impl Sent {
    /// What is put off uses up no more than what isn't.
    fn next(last: Option<Self>, now: Timestamp, not_before: Option<Timestamp>) -> Self {
        let used_until = last.map_or(now, |last| last.used_until);
        let may_be = later(now, AT_FIRST).max(used_until - EACH);
        let due = may_be.max(not_before.unwrap_or(now)).min(later(now, MAX_DELAY));
        Self { due, used_until: used_until.max(may_be) + EACH }
    }

    /// Whether it is on its way, and stands for one that would come no earlier.
    fn covers(self, other: Self, now: Timestamp) -> bool {
        now < self.due && self.due <= other.due
    }
}

/// The wake-ups that a process knows to be on their way: it needn't ask the table for these.
#[derive(Debug, Clone, Default)]
pub struct Wakes(Arc<Mutex<HashMap<Whom, Sent>>>);

/// Wakes pollers soon, or not before the instant that is given, but for those that are about to be woken. The wake-ups
/// are durable when this returns.
pub(super) async fn soon(stack: &Stack, wanted: BTreeMap<Whom, Option<Timestamp>>) -> Result<(), FlowError> {
    let now = stack.now();
    // Held until the messages are sent: who comes meanwhile waits, and is covered by them.
    let mut wakes = stack.wakes.0.lock().await;
    let is_known = |whom: &Whom, not_before: Option<Timestamp>| {
        wakes.get(whom).is_some_and(|sent| sent.covers(Sent::next(Some(*sent), now, not_before), now))
    };
    let wanted: Vec<_> =
        wanted.into_iter().filter(|(whom, not_before)| !is_known(whom, *not_before)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let told_of: BTreeSet<Whom> =
        wanted.iter().flat_map(|(whom, _)| [whom.everyone(), whom.clone()]).collect();
    let mut rows = rows_of(stack, told_of).await?;

    let mut messages: BTreeMap<QueueName, Vec<Outgoing>> = BTreeMap::new();
    let (mut sent, mut known) = (Vec::new(), Vec::new());
    for (whom, not_before) in wanted {
        let Some(queue) = QueueName::wake(&whom.trigger) else { continue };
        let last = rows.get(&whom).copied();
        let next = Sent::next(last, now, not_before);
        let of_all = rows.get(&whom.everyone()).copied();
        if let Some(covers) = [last, of_all].into_iter().flatten().find(|sent| sent.covers(next, now)) {
            let used_until = last.map_or(now, |last| last.used_until);
            known.push((whom, Sent { due: covers.due, used_until }));
            continue;
        }
        rows.insert(whom.clone(), next);
        let (account, due) = (whom.account.clone(), Some(next.due));
        let wake_up = WakeUp { account, due, ..WakeUp::of_all(SOON) };
        let delay = next.due.duration_since(now).unsigned_abs();
        messages.entry(queue).or_default().push(wake_up.message(delay));
        sent.push((whom, next));
    }
    let sends = messages.into_iter().map(|(queue, messages)| stack.ports.queue.send(queue, messages));
    try_join_all(sends).await.map_err(|error: Unavailable| FlowError::from(error))?;

    // Only now: what a row says is on its way. Two processes may send at once, also when a row can't be written: who takes
    // up the one knows by when it was due that the poll of the other has met it.
    let noted = sent.iter().map(|(whom, next)| note(stack, whom, *next));
    join_all(noted).await;
    wakes.extend(sent.into_iter().chain(known));
    Ok(())
}

/// The wake-up of each that is on its way, or was the last.
async fn rows_of(stack: &Stack, of: BTreeSet<Whom>) -> Result<BTreeMap<Whom, Sent>, FlowError> {
    let keys: Vec<Key> = of.iter().map(Whom::key).collect();
    let rows = stack.ports.table.get(&keys).await?;
    let there = of.into_iter().zip(rows).filter_map(|(whom, row)| Some((whom, row?)));
    there.map(|(whom, row)| Ok((whom, document_of(&row)?))).collect()
}

async fn note(stack: &Stack, whom: &Whom, sent: Sent) {
    let mut put = item_of(whom.key(), &sent);
    put.expires_at = Some(sent.used_until + SignedDuration::from_hours(1));
    if let Err(error) = stack.ports.table.write(vec![Write::put(put, Condition::Always)]).await {
        tracing::warn!(trigger = whom.trigger, %error, "a wake-up is on its way, and others will not know");
    }
}

/// The pollers of these triggers, each for these accounts, and not before then.
pub(super) fn each<'a>(
    of: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    not_before: Option<Timestamp>,
) -> BTreeMap<Whom, Option<Timestamp>> {
    let whom = |(trigger, account): (&str, Option<&str>)| Whom {
        trigger: trigger.to_owned(),
        account: account.map(str::to_owned),
    };
    of.into_iter().map(|of| (whom(of), not_before)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// Seconds at which a poller is woken that notifications come for at each of these.
    fn woken(asked: impl Iterator<Item = i64>) -> Vec<i64> {
        let mut last: Option<Sent> = None;
        let mut dues = Vec::new();
        for second in asked {
            if last.is_none_or(|last| last.due <= at(second)) {
                let next = Sent::next(last, at(second), None);
                dues.push(next.due.duration_since(at(0)).as_secs());
                last = Some(next);
            }
        }
        dues
    }

    #[test]
    fn a_stream_of_notifications_costs_one_poll_a_minute_and_a_quiet_while_starts_anew() {
        assert_eq!(woken(0..200), [3, 6, 63, 123, 183, 243]);
        assert_eq!(woken([0, 10, 300, 310].into_iter()), [3, 13, 303, 313]);
    }

    #[test]
    fn no_rhythm_of_notifications_costs_more() {
        for rhythm in [1, 4, 7, 20, 45, 59] {
            let polls = woken((0..3_600).step_by(rhythm)).len();
            assert!(polls <= 62, "one in {rhythm} seconds: {polls} polls an hour");
        }
    }

    #[test]
    fn who_is_put_off_is_woken_when_it_may_be_and_a_queue_holds_nothing_back_longer_than_it_can() {
        let due = |not_before| Sent::next(None, at(0), Some(at(not_before))).due;
        assert_eq!([due(0), due(200), due(5_000)], [at(3), at(200), at(900)]);
    }

    #[test]
    fn who_is_put_off_stands_for_nobody_who_is_not() {
        let put_off = Sent::next(None, at(0), Some(at(600)));
        let news = Sent::next(Some(put_off), at(20), None);
        assert_eq!((news.due, put_off.covers(news, at(20))), (at(23), false));
        let again = Sent::next(Some(put_off), at(20), Some(at(600)));
        assert!(put_off.covers(again, at(20)));
    }

    #[test]
    fn the_strongest_reason_of_a_batch_counts_for_all_or_for_one_account() {
        let soon = r#"{"v":1,"why":"soon","account":"a"}"#;
        let turn = r#"{"v":1,"why":"schedule"}"#;
        let woken = Woken::by([turn, soon]);
        let why = |woken: &Woken, account| woken.wants(account).map(|wanted| wanted.why);
        assert_eq!((why(&woken, "a"), why(&woken, "b")), (Some(Why::News), Some(Why::Turn)));
        assert_eq!(Woken::by([soon]).wants("b"), None);
        for other in [r#"{"v":1,"why":"manual"}"#, "{}", ""] {
            assert_eq!(why(&Woken::by([other]), "b"), Some(Why::AtOnce), "{other}");
        }
        let events = Woken::by([r#"{"v":1,"why":"event"}"#; 3]);
        assert!(events.by_events && events.is_empty());
    }

    #[test]
    fn a_poll_since_the_last_of_some_wake_ups_will_do_unless_it_is_somebodys_turn() {
        let soon = |second: i64| {
            let wake_up = WakeUp { due: Some(at(second)), ..WakeUp::of_all(SOON) };
            wake_up.message(Duration::ZERO).body
        };
        let since = |bodies: &[&str]| Woken::by(bodies.iter().copied()).wants("a").expect("wanted").since;
        let (early, late) = (soon(3), soon(6));
        assert_eq!(since(&[&early, &late]), Some(at(6)));
        assert_eq!(since(&[&late, r#"{"v":1,"why":"schedule"}"#]), None);
        assert_eq!(since(&[r#"{"v":1,"why":"soon"}"#, &late]), None, "it doesn't say when it was due");
    }
}
