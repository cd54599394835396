//! Outbound messages: SOAP notifications of saved records, repeated until they are acknowledged.
//!
//! https://developer.salesforce.com/docs/platform/api/guide/sforce-api-om-outboundmessaging-notifications.html
//! The stand-in keeps them and writes their bodies; the sandbox's sender delivers those of rules with an
//! address, whoever runs the stand-in the others. A notification keeps its id over all tries, and carries the
//! record as it is when it is sent. They come in any order, and again, when that is arranged.

mod envelope;

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::answer::Refused;
use super::condition::Condition;
use super::ids;
use super::objects::Object;
use super::org::Org;
use super::store::Record;
use crate::sender::is_deliverable;

/// A message carries so many notifications at most.
const MOST_NOTIFICATIONS: usize = 100;
/// Tries are further and further apart, up to two hours.
const FIRST_GAP_SECONDS: i64 = 15;
const LONGEST_GAP_SECONDS: i64 = 2 * 3600;
/// So many acknowledged ones are remembered.
const KEPT: usize = 1_000;
/// After a day a notification is dropped.
const DROPPED_AFTER_SECONDS: i64 = 24 * 3600;

/// One delivery: POST the body as `text/xml`, then say what came back.
#[derive(Debug, Clone)]
pub struct OutboundMessage {
    /// Where it goes, for rules that say so.
    pub url: Option<String>,
    /// Of what its records are.
    pub object: String,
    pub notifications: Vec<String>,
    pub body: String,
}

/// Whether a rule says where its messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addressed {
    Yes,
    No,
}

#[derive(Debug, Serialize, Deserialize)]
struct Rule {
    action: String,
    object: String,
    condition: Option<Condition>,
    fields: Vec<String>,
    url: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Notification {
    id: String,
    rule: usize,
    record: String,
    made: Timestamp,
    due: Timestamp,
    gap: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outbound {
    rules: Vec<Rule>,
    waiting: Vec<Notification>,
    /// Acknowledged ones, the last first: they may come again, which is allowed at any time.
    done: VecDeque<Notification>,
    shuffled: bool,
    made: u64,
}

impl Outbound {
    /// The rules' conditions and the objects that they are about.
    pub(crate) fn conditions(&mut self) -> impl Iterator<Item = (&str, &mut Condition)> {
        let rules = self.rules.iter_mut();
        rules.filter_map(|rule| Some((rule.object.as_str(), rule.condition.as_mut()?)))
    }

    pub(crate) fn add(
        &mut self,
        object: &str,
        condition: Option<Condition>,
        fields: &[&str],
        url: Option<&str>,
    ) {
        let action = ids::make("04k", 1 + self.rules.len() as u64);
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        let url = url.map(str::to_owned);
        self.rules.push(Rule { action, object: object.to_owned(), condition, fields, url });
    }

    /// How many were not acknowledged yet.
    pub(crate) fn count(&self) -> usize {
        self.waiting.len()
    }

    /// Those made since there were so many wait until then: their transaction is not over.
    pub(crate) fn hold(&mut self, since: usize, until: Timestamp) {
        self.waiting.iter_mut().skip(since).for_each(|notification| notification.due = until);
    }

    /// Those made since there were so many: their transaction was undone.
    pub(crate) fn forget(&mut self, since: usize) {
        self.waiting.truncate(since);
    }

    /// Done with, where the answer is the acknowledgement; anything else, an empty 200 too, means again later.
    pub(crate) fn answered(&mut self, notifications: &[String], status: u16, body: &str) -> bool {
        let compact: String = body.split_whitespace().collect();
        let acknowledged = status == 200 && compact.contains("Ack>true</");
        if acknowledged {
            let done = |it: &mut Notification| notifications.contains(&it.id);
            for notification in self.waiting.extract_if(.., done) {
                self.done.push_front(notification);
            }
            self.done.truncate(KEPT);
        }
        acknowledged
    }
}

impl Org {
    /// After a record was saved: every rule that accepts it makes a notification.
    pub(crate) fn notify(&mut self, object: &Object, record: &Record) {
        let rules = self.outbound.rules.iter().enumerate();
        let met: Vec<usize> = rules
            .filter(|(_, rule)| {
                rule.object == object.name
                    && rule.condition.as_ref().is_none_or(|condition| condition.accepts(self, record))
            })
            .map(|(place, _)| place)
            .collect();
        for rule in met {
            self.outbound.made += 1;
            let (id, now) = (ids::make("04l", self.outbound.made), self.now);
            let record = record.id.clone();
            let gap = FIRST_GAP_SECONDS;
            self.outbound.waiting.push(Notification { id, rule, record, made: now, due: now, gap });
        }
    }

    /// What is due now, in messages; each of it is due again later unless it is acknowledged.
    pub(crate) fn due_messages(&mut self, wanted: Addressed) -> Vec<OutboundMessage> {
        let now = self.now;
        let base = self.message_base();
        self.outbound.waiting.retain(|it| now.as_second() - it.made.as_second() < DROPPED_AFTER_SECONDS);
        let mut due: Vec<Notification> = Vec::new();
        let Outbound { rules, waiting, .. } = &mut self.outbound;
        let is_due = |it: &Notification| {
            it.due <= now
                && rules.get(it.rule).is_some_and(|rule| rule.url.is_some() == (wanted == Addressed::Yes))
        };
        for notification in waiting.iter_mut().filter(|notification| is_due(notification)) {
            due.push(notification.clone());
            notification.due = now + SignedDuration::from_secs(notification.gap);
            notification.gap = (notification.gap * 2).min(LONGEST_GAP_SECONDS);
        }
        if self.outbound.shuffled {
            due.shuffle(&mut self.random);
        }
        let mut messages = Vec::new();
        for (place, rule) in self.outbound.rules.iter().enumerate() {
            let of_rule: Vec<&Notification> = due.iter().filter(|it| it.rule == place).collect();
            for batch in of_rule.chunks(MOST_NOTIFICATIONS) {
                let notifications = batch.iter().map(|it| it.id.clone()).collect();
                let body = self.envelope(rule, batch, &base);
                let (url, object) = (rule.url.clone(), rule.object.clone());
                messages.push(OutboundMessage { url, object, notifications, body });
            }
        }
        messages
    }

    fn message_base(&self) -> String {
        self.options.instance_url.clone().unwrap_or_else(|| "https://sandbox.my.salesforce.com".into())
    }
}

impl super::Salesforce {
    /// A rule that notifies of every saved record that the SOQL condition accepts (all of them without one).
    pub fn notify_of(&self, object: &str, condition: Option<&str>, fields: &[&str]) -> Result<(), Refused> {
        self.notify_at(None, object, condition, fields)
    }

    /// The same, delivered to an address on this machine by the sandbox's sender.
    pub fn notify_at(
        &self,
        url: Option<&str>,
        object: &str,
        condition: Option<&str>,
        fields: &[&str],
    ) -> Result<(), Refused> {
        if let Some(url) = url.filter(|url| !is_deliverable(url)) {
            let message = format!("{url}: the stand-in only delivers to http:// on this machine");
            return Err(Refused::record("INVALID_FIELD", message, &["url"]));
        }
        let mut org = self.org();
        let object = org.object(object)?;
        let condition = condition.map(|text| Condition::bind(&org, &object, text)).transpose()?;
        org.outbound.add(&object.name, condition, fields, url);
        Ok(())
    }

    /// The messages that whoever runs the stand-in is to deliver now. Without `outbound_answered` they come
    /// again, further and further apart.
    pub fn outbound_due(&self) -> Vec<OutboundMessage> {
        self.org().due_messages(Addressed::No)
    }

    /// What came back for a message; true when it was the acknowledgement.
    pub fn outbound_answered(&self, message: &OutboundMessage, status: u16, body: &str) -> bool {
        self.org().outbound.answered(&message.notifications, status, body)
    }

    /// Due notifications go out in any order.
    pub fn shuffle_notifications(&self, shuffled: bool) {
        self.org().outbound.shuffled = shuffled;
    }

    /// So many of those that were acknowledged last go out again, with the ids they had.
    pub fn resend_notifications(&self, count: usize) {
        let mut org = self.org();
        let (now, count) = (org.now, count.min(org.outbound.done.len()));
        let again: Vec<Notification> = org.outbound.done.drain(..count).collect();
        let again =
            again.into_iter().map(|it| Notification { made: now, due: now, gap: FIRST_GAP_SECONDS, ..it });
        org.outbound.waiting.extend(again);
    }
}
