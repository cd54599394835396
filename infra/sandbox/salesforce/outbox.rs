//! What the sandbox's sender delivers of Salesforce's: outbound messages and change events that have an address.
//!
//! Each letter is one POST; what its answer means is decided by the room it came from.

use std::collections::HashMap;

use super::Salesforce;
use super::change_events::EventDelivery;
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
    /// These notifications.
    Message(Vec<String>),
    /// By the number of its delivery.
    Event(u64),
}

impl Post {
    fn message(&mut self, message: OutboundMessage) -> Letter {
        let about = format!("outbound message: {} of {}", message.notifications.len(), message.object);
        let headers =
            vec![("content-type", "text/xml; charset=utf-8".to_owned()), ("soapaction", "\"\"".to_owned())];
        let number = self.number(Sent::Message(message.notifications));
        Letter { number, about, url: message.url.unwrap_or_default(), headers, body: message.body }
    }

    fn event(&mut self, event: EventDelivery) -> Letter {
        let number = self.number(Sent::Event(event.number));
        let headers = vec![("content-type", "application/json".to_owned())];
        Letter { number, about: event.about, url: event.url, headers, body: event.body }
    }

    fn number(&mut self, sent: Sent) -> u64 {
        self.last += 1;
        self.under_way.insert(self.last, sent);
        self.last
    }
}

impl Outbox for Salesforce {
    fn due(&self) -> Vec<Letter> {
        let events = self.events_due();
        let mut org = self.org();
        let messages = org.due_messages(Addressed::Yes);
        let messages = messages.into_iter().map(|message| org.post.message(message));
        let mut letters: Vec<Letter> = messages.collect();
        letters.extend(events.into_iter().map(|event| org.post.event(event)));
        letters
    }

    fn answered(&self, letter: &Letter, reply: Option<&Reply>) {
        let sent = self.org().post.under_way.remove(&letter.number);
        let problem = match (sent, reply) {
            // It went out before a reset.
            (None, _) => return,
            (_, None) => Some("no answer"),
            (Some(Sent::Message(ids)), Some(Reply { status, body, .. })) => {
                let acknowledged = self.org().outbound.answered(&ids, *status, body);
                (!acknowledged).then_some("not acknowledged")
            }
            (Some(Sent::Event(number)), Some(reply)) => {
                let taken = self.event_answered(number, reply.status);
                (!taken).then_some("not answered with 2xx")
            }
        };
        self.harness.deliveries.record(self.harness.clock.now(), letter, reply, problem);
    }
}
