//! Ports that refuse on request: the queue, the table and the vault as they are on a bad day.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil::flow::Stack;
use counterfoil::flow::stack::Times;
use counterfoil::ports::Unavailable;
use counterfoil::ports::queue::{Delivery, Outgoing, Queue, QueueName, Settle};
use counterfoil::ports::table::{Item, Key, Page, Query, Table, TableError, Write};
use counterfoil::runtime::{catalog, engine};

use tokio::sync::Notify;

use crate::vaults::{Room, behind};
use crate::world::World;

/// Another process whose queue or table is down, or whose table hangs or refuses writes, while the switch is on, or whose
/// vault is full.
pub(crate) struct Broken {
    pub(crate) stack: Stack,
    pub(crate) queue_down: Arc<AtomicBool>,
    pub(crate) table_down: Arc<AtomicBool>,
    pub(crate) table_hangs: Arc<AtomicBool>,
    /// Notified when somebody waits for the table.
    pub(crate) hangs: Arc<Notify>,
    pub(crate) writes_refused: Arc<AtomicBool>,
    /// How many more tokens the vault keeps.
    pub(crate) vault_room: Arc<Room>,
}

impl Broken {
    pub(crate) fn process(world: &World) -> Self {
        let (queue_down, table_down) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let vault_room = Arc::new(Room(AtomicI64::new(i64::MAX)));
        let mut ports = world.ports();
        let (table_hangs, writes_refused) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let hangs = Arc::new(Notify::new());
        ports.queue = Arc::new(Switched { inner: Arc::clone(&ports.queue), down: Arc::clone(&queue_down) });
        ports.table = Arc::new(Switched { inner: Arc::clone(&ports.table), down: Arc::clone(&table_down) });
        ports.table = Arc::new(Throttled {
            inner: ports.table,
            hanging: Arc::clone(&table_hangs),
            hangs: Arc::clone(&hangs),
            writes_refused: Arc::clone(&writes_refused),
        });
        let ports = behind(&vault_room, ports);
        let stack =
            Stack::new(ports, catalog::catalog(), engine::engine(), 2, Times::default(), "counterfoil");
        Self { stack, queue_down, table_down, table_hangs, hangs, writes_refused, vault_room }
    }
}

struct Switched<P: ?Sized> {
    inner: Arc<P>,
    down: Arc<AtomicBool>,
}

impl<P: ?Sized> Switched<P> {
    fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Queue for Switched<dyn Queue> {
    async fn send(&self, queue: QueueName, messages: Vec<Outgoing>) -> Result<(), Unavailable> {
        if self.is_down() {
            return Err(Unavailable::new("queue", "it is down"));
        }
        self.inner.send(queue, messages).await
    }

    async fn receive(
        &self,
        queue: QueueName,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, Unavailable> {
        self.inner.receive(queue, max, visibility).await
    }

    async fn settle(&self, queue: QueueName, receipts: Vec<(String, Settle)>) -> Result<(), Unavailable> {
        self.inner.settle(queue, receipts).await
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, Unavailable> {
        self.inner.depth(queue).await
    }
}

#[async_trait]
impl Table for Switched<dyn Table> {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        if self.is_down() {
            return Err(TableError::Unavailable("it is down".into()));
        }
        self.inner.get(keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        if self.is_down() {
            return Err(TableError::Unavailable("it is down".into()));
        }
        self.inner.query(query).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        if self.is_down() {
            return Err(TableError::Unavailable("it is down".into()));
        }
        self.inner.write(writes).await
    }
}

struct Throttled {
    inner: Arc<dyn Table>,
    hanging: Arc<AtomicBool>,
    hangs: Arc<Notify>,
    writes_refused: Arc<AtomicBool>,
}

impl Throttled {
    async fn hang(&self) {
        if self.hanging.load(Ordering::SeqCst) {
            self.hangs.notify_one();
            std::future::pending().await
        }
    }
}

#[async_trait]
impl Table for Throttled {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        self.hang().await;
        self.inner.get(keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        self.hang().await;
        self.inner.query(query).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.hang().await;
        if self.writes_refused.load(Ordering::SeqCst) {
            return Err(TableError::Busy("throttled".into()));
        }
        self.inner.write(writes).await
    }
}
