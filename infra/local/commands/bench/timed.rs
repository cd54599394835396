//! A port with a watch on it: how often it was asked, and how long that took in all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use counterfoil::ports::clock::Clock as _;
use counterfoil::ports::http::{Http, HttpError, Request, Response};
use counterfoil::ports::table::{Item, Key, Page, Query, Table, TableError, Write};
use counterfoil::runtime::system_clock::SystemClock;

pub(super) struct Timed<P: ?Sized> {
    port: Arc<P>,
    spent: Arc<Spent>,
}

#[derive(Default)]
struct Spent {
    times: AtomicU64,
    microseconds: AtomicU64,
}

impl<P: ?Sized> Clone for Timed<P> {
    fn clone(&self) -> Self {
        Self { port: Arc::clone(&self.port), spent: Arc::clone(&self.spent) }
    }
}

impl<P: ?Sized> Timed<P> {
    pub(super) fn new(port: Arc<P>) -> Self {
        Self { port, spent: Arc::default() }
    }

    /// How often, and milliseconds in all.
    pub(super) fn spent(&self) -> (u64, f64) {
        let microseconds = self.spent.microseconds.load(Ordering::Relaxed);
        (self.spent.times.load(Ordering::Relaxed), microseconds as f64 / 1000.0)
    }

    async fn time<T>(&self, work: impl Future<Output = T>) -> T {
        let began = SystemClock.now();
        let result = work.await;
        let took = SystemClock.now().duration_since(began).as_micros();
        self.spent.times.fetch_add(1, Ordering::Relaxed);
        self.spent.microseconds.fetch_add(u64::try_from(took).unwrap_or(0), Ordering::Relaxed);
        result
    }
}

#[async_trait]
impl Http for Timed<dyn Http> {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.time(self.port.send(request)).await
    }
}

#[async_trait]
impl Table for Timed<dyn Table> {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        self.time(self.port.get(keys)).await
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        self.time(self.port.query(query)).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.time(self.port.write(writes)).await
    }
}
