//! All webhooks of all apps: who hears of a change, and the letters under way.
//!
//! Locked after the books, never before them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::letter::{self, SIGNATURE_HEADER};
use super::news::{Category, Change, News};
use super::subscription::{Matter, State, Subscription};
use crate::locked;
use crate::sender::{Letter, Outbox, Reply, is_deliverable};
use crate::xero::identity::Identity;
use crate::xero::organisation::{Ids, Organisation};
use crate::xero::{EventTypes, Xero};

#[derive(Debug)]
pub(crate) struct Webhooks {
    inner: Mutex<Switchboard>,
}

#[derive(Debug)]
pub(super) struct Switchboard {
    pub(super) subscriptions: Vec<Subscription>,
    /// Letters handed out and not yet answered.
    under_way: HashMap<u64, (Uuid, Matter)>,
    last_letter: u64,
    ids: Ids,
    random: StdRng,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    subscriptions: Vec<Subscription>,
    ids: Ids,
}

impl Webhooks {
    pub(crate) fn new(seed: u64) -> Self {
        Self { inner: Mutex::new(Switchboard::new(seed)) }
    }

    pub(super) fn board(&self) -> MutexGuard<'_, Switchboard> {
        locked(&self.inner)
    }

    /// Events that no receiver has taken.
    pub(crate) fn events_waiting(&self) -> usize {
        self.board().subscriptions.iter().map(Subscription::waiting).sum()
    }

    pub(crate) fn clear(&self, seed: u64) {
        *self.board() = Switchboard::new(seed);
    }

    /// The apps' webhooks, and where their ids go on.
    pub(crate) fn kept(&self) -> Kept {
        let board = self.board();
        Kept { subscriptions: board.subscriptions.clone(), ids: board.ids.clone() }
    }

    /// Letters that are out are of what was before: their answers mean nothing any more.
    pub(crate) fn restore(&self, kept: Kept) {
        let mut board = self.board();
        board.under_way.clear();
        (board.subscriptions, board.ids) = (kept.subscriptions, kept.ids);
    }

    /// What was put on the organisation's shelves stands: every connected app that wants to know keeps it.
    pub(crate) fn notice(&self, organisation: &mut Organisation, identity: &Identity, at: Timestamp) {
        let mut board = self.board();
        if !board.subscriptions.is_empty() {
            let tenant = organisation.tenant_id;
            let changes = organisation.shelves.changes();
            let hears = |client: &str| identity.is_connected(client, tenant);
            for subscription in board.subscriptions.iter_mut().filter(|one| hears(&one.client)) {
                changes.iter().for_each(|change| subscription.notice(tenant, change, at));
            }
        }
        organisation.shelves.forget_journal();
    }
}

impl Switchboard {
    fn new(seed: u64) -> Self {
        Self {
            subscriptions: Vec::new(),
            under_way: HashMap::new(),
            last_letter: 0,
            ids: Ids::new(seed),
            random: StdRng::seed_from_u64(seed),
        }
    }

    pub(super) fn subscription(&mut self, id: Uuid) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|one| one.id == id)
    }

    pub(super) fn add(
        &mut self,
        client: &str,
        url: &str,
        key: &str,
        categories: &[Category],
    ) -> Result<&mut Subscription, String> {
        if !is_deliverable(url) {
            return Err(format!("{url}: the stand-in only delivers to http:// on this machine"));
        }
        let id = self.ids.next();
        self.subscriptions.push(Subscription::new(id, client, url, key, categories));
        self.subscription(id).ok_or_else(|| "it is gone".to_owned())
    }

    fn due(&mut self, now: Timestamp, types: EventTypes) -> Vec<Letter> {
        let Self { subscriptions, under_way, last_letter, random, .. } = self;
        let mut letters = Vec::new();
        for subscription in subscriptions {
            let Some(matter) = subscription.next(now) else { continue };
            let entropy: String = (0..20).map(|_| char::from(random.random_range(b'A'..=b'Z'))).collect();
            let events = subscription.events(matter.sequences());
            let body = letter::body(&subscription.base, &events, &entropy, types);
            let key = if matter.is_signed() { &subscription.key } else { &entropy };
            *last_letter += 1;
            letters.push(Letter {
                number: *last_letter,
                about: matter.about(),
                url: subscription.url.clone(),
                headers: vec![
                    ("content-type", "application/json".to_owned()),
                    (SIGNATURE_HEADER, letter::signature(key, &body)),
                ],
                body,
            });
            under_way.insert(*last_letter, (subscription.id, matter));
        }
        letters
    }

    /// What is wrong with the answer, if anything is; nothing where the letter is of what was before.
    fn answered(
        &mut self,
        number: u64,
        reply: Option<&Reply>,
        now: Timestamp,
    ) -> Option<Option<&'static str>> {
        let (id, matter) = self.under_way.remove(&number)?;
        Some(self.subscription(id)?.answered(&matter, reply, now))
    }
}

impl Xero {
    /// An app's webhook; probes are due at once. Returns its id, or why it can't be.
    pub fn subscribe(
        &self,
        client_id: &str,
        url: &str,
        key: &str,
        categories: &[Category],
    ) -> Result<Uuid, String> {
        if !self.identity.knows(client_id) {
            return Err(format!("there is no app {client_id}"));
        }
        let now = self.now();
        let mut board = self.webhooks.board();
        let subscription = board.add(client_id, url, key, categories)?;
        subscription.probe(now);
        Ok(subscription.id)
    }

    /// How a webhook is.
    pub fn webhook_state(&self, id: Uuid) -> Option<State> {
        self.webhooks.board().subscription(id).map(|one| one.state)
    }

    /// The app's own subscription in the app store began or changed.
    pub(super) fn app_store_event(&self, client_id: &str, resource: Uuid, is_new: bool) {
        let change = Change { id: resource, is_new, news: News::thin(Category::Subscription) };
        let at = self.harness.clock.now();
        let mut board = self.webhooks.board();
        for subscription in board.subscriptions.iter_mut().filter(|one| one.client == client_id) {
            // The tenant of an app is the app.
            subscription.notice(resource, &change, at);
        }
    }
}

impl Outbox for Xero {
    fn due(&self) -> Vec<Letter> {
        // What lands late may be news.
        drop(self.state());
        let types = self.disputed().event_types;
        self.webhooks.board().due(self.harness.clock.now(), types)
    }

    fn answered(&self, letter: &Letter, reply: Option<&Reply>) {
        let now = self.harness.clock.now();
        let told = self.webhooks.board().answered(letter.number, reply, now);
        if let Some(problem) = told {
            self.harness.deliveries.record(now, letter, reply, problem);
        }
    }
}
