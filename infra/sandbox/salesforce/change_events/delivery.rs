//! Who is sent events as they are made: each in a POST of its own, again and again until it is taken.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::Salesforce;
use super::super::org::Org;
use crate::sender::is_deliverable;

/// Tries are further and further apart, up to an hour, for a day.
/// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
const FIRST_GAP_SECONDS: i64 = 5;
const LONGEST_GAP_SECONDS: i64 = 3600;
const DROPPED_AFTER_SECONDS: i64 = 24 * 3600;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Subscriber {
    url: String,
    waiting: Vec<Waiting>,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Waiting {
    number: u64,
    body: Value,
    made: Timestamp,
    due: Timestamp,
    gap: i64,
}

/// One POST of an event: JSON, to be answered with any 2xx.
#[derive(Debug, Clone)]
pub struct EventDelivery {
    pub number: u64,
    pub url: String,
    /// The event's name and the kind of change, for people.
    pub about: String,
    pub body: String,
}

fn about(event: &Value) -> String {
    let change = event.pointer("/detail/payload/ChangeEventHeader/changeType");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}: {}", text(&event["detail-type"]), change.map(text).unwrap_or_default())
}

impl Org {
    /// How many events were not taken yet, each as often as somebody subscribed.
    pub(crate) fn events_waiting(&self) -> usize {
        self.feed.subscribers.iter().map(|subscriber| subscriber.waiting.len()).sum()
    }

    /// Puts an event before everybody who subscribed.
    pub(super) fn address(&mut self, body: &Value) {
        let now = self.now;
        for subscriber in &mut self.feed.subscribers {
            self.feed.deliveries += 1;
            subscriber.waiting.push(Waiting {
                number: self.feed.deliveries,
                body: body.clone(),
                made: now,
                due: now,
                gap: FIRST_GAP_SECONDS,
            });
        }
    }
}

impl Salesforce {
    /// Changes of these objects become events from now on, as by the page "Change Data Capture" of Setup.
    pub fn capture_changes(&self, objects: &[&str]) {
        self.org().feed.selected.extend(objects.iter().map(|object| (*object).to_owned()));
    }

    /// The events after this replay id, oldest first. Some may come twice.
    pub fn change_events(&self, since: u64) -> Vec<Value> {
        let org = self.org();
        org.feed.events.iter().filter(|event| event.replay > since).map(|event| event.body.clone()).collect()
    }

    /// The next events tell only that there was a change (`GAP_…`).
    pub fn tell_gaps(&self, count: u32) {
        self.org().feed.gaps += count;
    }

    /// The next events come twice.
    pub fn tell_twice(&self, count: u32) {
        self.org().feed.twice += count;
    }

    /// An event that tells of changes without any: `GAP_UPDATE` of some records, or `GAP_OVERFLOW`.
    pub fn tell_gap(&self, object: &str, kind: &str, records: &[&str]) {
        let records = match records {
            [] => vec!["000000000000000AAA".to_owned()],
            some => some.iter().map(|record| (*record).to_owned()).collect(),
        };
        self.org().gap(object, kind, records);
    }

    /// Events made from now on are sent to this URL on this machine by the sandbox's sender.
    pub fn subscribe_to_changes(&self, url: &str) -> Result<(), String> {
        if !is_deliverable(url) {
            return Err(format!("{url}: the stand-in only delivers to http:// on this machine"));
        }
        self.org().feed.subscribers.push(Subscriber { url: url.to_owned(), waiting: Vec::new() });
        Ok(())
    }

    /// What is to be sent now. Without `event_answered` it comes again, further and further apart.
    pub fn events_due(&self) -> Vec<EventDelivery> {
        let mut org = self.org();
        let now = org.now;
        let mut due = Vec::new();
        for subscriber in &mut org.feed.subscribers {
            let age = |it: &Waiting| now.as_second() - it.made.as_second();
            subscriber.waiting.retain(|it| age(it) < DROPPED_AFTER_SECONDS);
            for waiting in subscriber.waiting.iter_mut().filter(|it| it.due <= now) {
                let (number, url) = (waiting.number, subscriber.url.clone());
                let (about, body) = (about(&waiting.body), waiting.body.to_string());
                due.push(EventDelivery { number, url, about, body });
                waiting.due = now + SignedDuration::from_secs(waiting.gap);
                waiting.gap = (waiting.gap * 2).min(LONGEST_GAP_SECONDS);
            }
        }
        due
    }

    /// Done with, where the status is a 2xx: whether it is.
    pub fn event_answered(&self, number: u64, status: u16) -> bool {
        let taken = (200..300).contains(&status);
        for subscriber in self.org().feed.subscribers.iter_mut().filter(|_| taken) {
            subscriber.waiting.retain(|waiting| waiting.number != number);
        }
        taken
    }
}
