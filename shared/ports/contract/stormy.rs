//! A table in bad weather: throttled, in conflict, its answers lost. An emulator has only fine days.
//!
//! Goes around any table, in tests. What happens when is drawn from the random source that it is given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::ports::random::{Random, below};
use crate::ports::table::{Item, Key, Page, Query, Table, TableError, Write};

/// How many of a hundred requests meet what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// Nothing is done: [`TableError::Busy`].
    pub throttled: u8,
    /// A write is done, and its answer is lost: [`TableError::Unavailable`].
    pub lost: u8,
}

pub struct Stormy<T> {
    table: T,
    weather: Weather,
    random: Arc<dyn Random>,
    strikes: AtomicU64,
}

impl<T: Table> Stormy<T> {
    pub fn new(table: T, weather: Weather, random: Arc<dyn Random>) -> Self {
        Self { table, weather, random, strikes: AtomicU64::new(0) }
    }

    /// How many requests the weather has met.
    pub fn strikes(&self) -> u64 {
        self.strikes.load(Ordering::Relaxed)
    }

    fn meets(&self, of_a_hundred: u8) -> bool {
        let strikes = below(&*self.random, 100) < of_a_hundred.into();
        self.strikes.fetch_add(strikes.into(), Ordering::Relaxed);
        strikes
    }

    fn pass(&self) -> Result<(), TableError> {
        if self.meets(self.weather.throttled) {
            return Err(TableError::Busy(
                "ThrottlingException: Throughput exceeds the current capacity".to_owned(),
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl<T: Table> Table for Stormy<T> {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        self.pass()?;
        self.table.get(keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        self.pass()?;
        self.table.query(query).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.pass()?;
        self.table.write(writes).await?;
        if self.meets(self.weather.lost) {
            return Err(TableError::Unavailable("no answer within 5 s".to_owned()));
        }
        Ok(())
    }
}
