//! What a stand-in sent of its own accord (webhooks, outbound messages, change events), each with what came back.
//!
//! Written to by each stand-in's `Outbox`, which knows what an answer means; read by people at
//! `/_sandbox/deliveries`.

use std::collections::VecDeque;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::locked;
use crate::sender::{Letter, Reply};

/// The last so many are kept.
const KEPT: usize = 500;
/// Of a body no more than so many bytes.
const KEPT_BODY: usize = 64 << 10;

#[derive(Debug, Clone, Serialize)]
struct Delivery {
    /// From 1, in the order in which they were answered or given up.
    number: u64,
    at: Timestamp,
    about: String,
    url: String,
    /// 0 when there was no answer.
    status: u16,
    /// Why it will come again, or what was wrong with the answer.
    problem: Option<String>,
    #[serde(skip)]
    sent: String,
    #[serde(skip)]
    answer: String,
}

#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    total: u64,
    log: VecDeque<Delivery>,
}

impl Deliveries {
    pub(crate) fn record(
        &self,
        at: Timestamp,
        letter: &Letter,
        reply: Option<&Reply>,
        problem: Option<&str>,
    ) {
        let mut inner = locked(&self.inner);
        inner.total += 1;
        let number = inner.total;
        if inner.log.len() == KEPT {
            inner.log.pop_front();
        }
        inner.log.push_back(Delivery {
            number,
            at,
            about: letter.about.clone(),
            url: letter.url.clone(),
            status: reply.map_or(0, |reply| reply.status),
            problem: problem.map(str::to_owned),
            sent: beginning(&letter.body),
            answer: reply.map(|reply| beginning(&reply.body)).unwrap_or_default(),
        });
    }

    pub(crate) fn clear(&self) {
        *locked(&self.inner) = Inner::default();
    }

    /// Those after this number, at most the last `most` of them, oldest first; and how many there were in all.
    pub(crate) fn after(&self, number: u64, most: usize) -> Value {
        let inner = locked(&self.inner);
        let newer = inner.log.len() - inner.log.partition_point(|one| one.number <= number);
        let shown: Vec<&Delivery> = inner.log.iter().skip(inner.log.len() - newer.min(most)).collect();
        json!({ "total": inner.total, "deliveries": shown })
    }

    /// One, with both bodies.
    pub(crate) fn one(&self, number: u64) -> Option<Value> {
        let inner = locked(&self.inner);
        let place = inner.log.binary_search_by_key(&number, |one| one.number).ok()?;
        let one = inner.log.get(place)?;
        Some(json!({ "delivery": one, "bodies": { "request": one.sent, "answer": one.answer } }))
    }
}

fn beginning(body: &str) -> String {
    body[..body.floor_char_boundary(KEPT_BODY)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept_and_read_on_from_a_number() {
        let deliveries = Deliveries::default();
        let body = "é".repeat(KEPT_BODY);
        let letter = Letter { about: "news".into(), body, ..Letter::default() };
        let reply = Reply { status: 500, body: "later".into(), ..Reply::default() };
        deliveries.record(Timestamp::UNIX_EPOCH, &letter, None, Some("no answer"));
        for _ in 0..KEPT {
            deliveries.record(Timestamp::UNIX_EPOCH, &letter, Some(&reply), Some("not answered with 200"));
        }
        assert!(deliveries.one(1).is_none());
        let last = deliveries.one(501).unwrap();
        assert_eq!((&last["delivery"]["status"], &last["bodies"]["answer"]), (&json!(500), &json!("later")));
        assert_eq!(last["bodies"]["request"].as_str().unwrap().len(), KEPT_BODY);
        let page = deliveries.after(499, 1);
        assert_eq!((&page["total"], &page["deliveries"][0]["number"]), (&json!(501), &json!(501)));
        assert_eq!(page["deliveries"].as_array().unwrap().len(), 1);
        deliveries.clear();
        assert_eq!(deliveries.after(0, 9), json!({ "total": 0, "deliveries": [] }));
    }
}
