//! The contracts of the ports, and what only this adapter promises.

mod contracts;
mod directory;
mod durability;
mod queue;
mod table;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Embedded, OpenError, Settings};
use crate::ports::clock::ManualClock;
use crate::ports::queue::QueueName;
use crate::ports::random::SeededRandom;
use crate::ports::table::{Condition, Item, Key, Table, Write};

fn noon() -> Timestamp {
    "2026-05-06T12:00:00Z".parse().expect("an instant")
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(noon()))
}

fn random() -> Arc<SeededRandom> {
    Arc::new(SeededRandom::new(7))
}

fn settings() -> Settings {
    Settings { max_receives: [(QueueName::Runs, 3)].into(), look_again: None }
}

fn temporary(clock: Arc<ManualClock>) -> Embedded {
    Embedded::temporary(clock, random(), settings()).expect("opens")
}

fn open(directory: &Path) -> Result<Embedded, OpenError> {
    Embedded::open(directory, clock(), random(), settings())
}

fn item(partition: &str) -> Item {
    Item::new(Key::new(partition, "-"))
}

async fn put(stack: &Embedded, item: Item) {
    stack.table().write(vec![Write::put(item, Condition::Always)]).await.expect("writes");
}

async fn get(stack: &Embedded, key: &Key) -> Option<Item> {
    stack.table().get(std::slice::from_ref(key)).await.expect("reads").remove(0)
}

/// The answer of one SQL query, past all adapters.
fn count(stack: &Embedded, sql: &str) -> i64 {
    let count = |connection: &rusqlite::Connection| Ok(connection.query_row(sql, [], |row| row.get(0))?);
    stack.store().readers.read(count).expect("reads")
}
