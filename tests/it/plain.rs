//! Ports that are nothing but memory: as quick as tests by the thousand need them, and the same in every run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil::domain::event::RunMessage;
use counterfoil::ports::clock::{Clock, later};
use counterfoil::ports::mailer::Mailer;
use counterfoil::ports::queue::{Delivery, Outgoing, Queue, QueueName, Settle};
use counterfoil::ports::table::{Item, Key, Page, Query, Table, TableError, Write};
use counterfoil::ports::vault::{Vault, Written};
use counterfoil::ports::{Ports, Unavailable, http, random};
use jiff::Timestamp;
use secrecy::SecretString;

/// The memory behind the ports of one stack.
pub(crate) struct Plain {
    clock: Arc<dyn Clock>,
    items: Mutex<BTreeMap<(String, String), Item>>,
    messages: Mutex<Vec<Message>>,
    runs: Mutex<Vec<RunMessage>>,
    secrets: Mutex<BTreeMap<String, SecretString>>,
    generations: Mutex<BTreeMap<String, u64>>,
}

struct Message {
    queue: QueueName,
    id: u64,
    visible_at: Timestamp,
    receive_count: u32,
    body: String,
}

impl Plain {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            items: Mutex::default(),
            messages: Mutex::default(),
            runs: Mutex::default(),
            secrets: Mutex::default(),
            generations: Mutex::default(),
        })
    }

    pub(crate) fn ports(
        self: &Arc<Self>,
        http: Arc<dyn http::Http>,
        random: Arc<dyn random::Random>,
    ) -> Ports {
        Ports {
            table: Arc::clone(self) as Arc<dyn Table>,
            queue: Arc::clone(self) as Arc<dyn Queue>,
            vault: Arc::clone(self) as Arc<dyn Vault>,
            web: Arc::clone(&http),
            public_web: Arc::clone(&http),
            http,
            clock: Arc::clone(&self.clock),
            random,
            mailer: Arc::clone(self) as Arc<dyn Mailer>,
        }
    }

    /// What came to the runs queue since the last look. Nobody walks it.
    pub(crate) fn take_runs(&self) -> Vec<RunMessage> {
        std::mem::take(&mut *self.runs.lock().expect("the runs"))
    }

    fn alive(&self, item: &Item) -> bool {
        item.expires_at.is_none_or(|at| at > self.clock.now())
    }
}

fn place(key: &Key) -> (String, String) {
    (key.partition.clone(), key.sort.clone())
}

#[async_trait]
impl Table for Plain {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        let items = self.items.lock().expect("the items");
        Ok(keys.iter().map(|key| items.get(&place(key)).filter(|item| self.alive(item)).cloned()).collect())
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        let items = self.items.lock().expect("the items");
        let sort_in = |item: &Item| match query.index {
            None => (item.key.partition == query.partition).then(|| item.key.sort.clone()),
            Some(index) => {
                let (partition, sort) = item.indexes.get(&index)?;
                (*partition == query.partition).then(|| sort.clone())
            }
        };
        let mut found: Vec<(String, Item)> = items
            .values()
            .filter(|item| self.alive(item))
            .filter_map(|item| Some((sort_in(item)?, item.clone())))
            .filter(|(sort, _)| *sort >= query.from && query.before.as_ref().is_none_or(|end| sort < end))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        if query.descending {
            found.reverse();
        }
        let first: usize = query.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or(0);
        let after = (found.len() > first + query.limit).then(|| (first + query.limit).to_string());
        Ok(Page {
            items: found.into_iter().skip(first).take(query.limit).map(|(_, item)| item).collect(),
            after,
        })
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        let mut items = self.items.lock().expect("the items");
        for (n, write) in writes.iter().enumerate() {
            let is = items.get(&place(write.key())).filter(|item| self.alive(item));
            if !write.when().holds(is) {
                return Err(TableError::Refused(n));
            }
        }
        for write in writes {
            let at = place(write.key());
            match write {
                Write::Put { item, .. } => drop(items.insert(at, item)),
                Write::Update { key, set, .. } => {
                    items.entry(at).or_insert_with(|| Item::new(key)).fields.extend(set);
                }
                Write::Delete { .. } => drop(items.remove(&at)),
                Write::Check { .. } => {}
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Queue for Plain {
    async fn send(&self, queue: QueueName, outgoing: Vec<Outgoing>) -> Result<(), Unavailable> {
        if queue == QueueName::Runs {
            let read = |message: Outgoing| serde_json::from_str::<RunMessage>(&message.body);
            let runs: Result<Vec<_>, _> = outgoing.into_iter().map(read).collect();
            self.runs.lock().expect("the runs").extend(runs.expect("run messages"));
            return Ok(());
        }
        let mut messages = self.messages.lock().expect("the messages");
        for message in outgoing {
            let id = messages.last().map_or(0, |last| last.id + 1);
            messages.push(Message {
                queue,
                id,
                visible_at: later(self.clock.now(), message.delay),
                receive_count: 0,
                body: message.body,
            });
        }
        Ok(())
    }

    async fn receive(
        &self,
        queue: QueueName,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, Unavailable> {
        let now = self.clock.now();
        let mut messages = self.messages.lock().expect("the messages");
        let due = messages.iter_mut().filter(|message| message.queue == queue && message.visible_at <= now);
        let deliver = |message: &mut Message| {
            message.visible_at = later(now, visibility);
            message.receive_count += 1;
            Delivery {
                message_id: message.id.to_string(),
                receipt: message.id.to_string(),
                body: message.body.clone(),
                attributes: BTreeMap::new(),
                receive_count: message.receive_count,
            }
        };
        Ok(due.take(max).map(deliver).collect())
    }

    async fn settle(&self, queue: QueueName, receipts: Vec<(String, Settle)>) -> Result<(), Unavailable> {
        let now = self.clock.now();
        let mut messages = self.messages.lock().expect("the messages");
        for (receipt, settle) in receipts {
            let of_receipt = |message: &Message| message.queue == queue && message.id.to_string() == receipt;
            match settle {
                Settle::Delete => messages.retain(|message| !of_receipt(message)),
                Settle::VisibleIn(after) => {
                    for message in messages.iter_mut().filter(|message| of_receipt(message)) {
                        message.visible_at = later(now, after);
                    }
                }
            }
        }
        Ok(())
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, Unavailable> {
        let messages = self.messages.lock().expect("the messages");
        Ok(messages.iter().filter(|message| message.queue == queue).count() as u64)
    }
}

#[async_trait]
impl Vault for Plain {
    async fn read(&self, name: &str) -> Result<Option<SecretString>, Unavailable> {
        Ok(self.secrets.lock().expect("the secrets").get(name).cloned())
    }

    async fn write(&self, name: &str, secret: SecretString) -> Result<(), Unavailable> {
        self.secrets.lock().expect("the secrets").insert(name.to_owned(), secret);
        Ok(())
    }

    async fn write_generation(
        &self,
        name: &str,
        generation: u64,
        secret: SecretString,
    ) -> Result<Written, Unavailable> {
        let mut generations = self.generations.lock().expect("the generations");
        let newest = generations.entry(name.to_owned()).or_default();
        if *newest >= generation {
            return Ok(Written::Overtaken);
        }
        *newest = generation;
        self.secrets.lock().expect("the secrets").insert(name.to_owned(), secret);
        Ok(Written::Done)
    }

    async fn remove(&self, name: &str) -> Result<(), Unavailable> {
        self.secrets.lock().expect("the secrets").remove(name);
        Ok(())
    }
}

#[async_trait]
impl Mailer for Plain {
    async fn send(&self, _subject: &str, _body: &str) -> Result<(), Unavailable> {
        Ok(())
    }
}
