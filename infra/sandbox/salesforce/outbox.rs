//! What the sandbox's sender delivers of Salesforce's: outbound messages and change events that have an address.
//!
//! Each letter is one POST; what its answer means is decided by the room it came from.

use std::collections::HashMap;

use super::Salesforce;
use super::outbound::{Addressed, OutboundMessage};
use crate::sender::{Letter, Outbox, Reply};

/// Letters handed to the sender and not yet answered.
#[derive(Debug, Default)]
pub(crate) struct Post {
    last: u64,
    under_way: HashMap<u64, Sent>,
}

#[derive(Debug)]
enum Sent {
    Message(OutboundMessage),
    /// By the number of its delivery.
    Event(u64),
}

impl Post {
    fn letter(&mut self, sent: Sent, url: &str, headers: &[(&'static str, &str)], body: &str) -> Letter {
        self.last += 1;
        self.under_way.insert(self.last, sent);
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Letter { number: self.last, url: url.to_owned(), headers, body: body.to_owned() }
    }
}

impl Outbox for Salesforce {
    fn due(&self) -> Vec<Letter> {
        let events = self.events_due();
        let mut org = self.org();
        let messages = org.due_messages(Addressed::Yes);
        let soap = [("content-type", "text/xml; charset=utf-8"), ("soapaction", "\"\"")];
        let json = [("content-type", "application/json")];
        let mut letters = Vec::new();
        for message in messages {
            let (url, body) = (message.url.clone().unwrap_or_default(), message.body.clone());
            letters.push(org.post.letter(Sent::Message(message), &url, &soap, &body));
        }
        for event in events {
            letters.push(org.post.letter(Sent::Event(event.number), &event.url, &json, &event.body));
        }
        letters
    }

    fn answered(&self, letter: &Letter, reply: Option<&Reply>) {
        let sent = self.org().post.under_way.remove(&letter.number);
        match (sent, reply) {
            (Some(Sent::Message(message)), Some(reply)) => {
                self.outbound_answered(&message, reply.status, &reply.body);
            }
            (Some(Sent::Event(number)), Some(reply)) => self.event_answered(number, reply.status),
            _ => {}
        }
    }
}
