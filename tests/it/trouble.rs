//! What bad days are made of: a process that dies at a given operation, a full disk, and time that goes on after.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil::domain::run::Status;
use counterfoil::flow::stack::Times;
use counterfoil::flow::{Stack, keep};
use counterfoil::ports::clock::ManualClock;
use counterfoil::ports::http::{Http, HttpError, Method, Request, Response};
use counterfoil::ports::queue::{Delivery, Outgoing, Queue, QueueName, Settle};
use counterfoil::ports::random::{SeededRandom, below};
use counterfoil::ports::table::{Item, Key, Page, Query, Table, TableError, Write};
use counterfoil::ports::{Ports, Unavailable};
use counterfoil::runtime::pump;
use counterfoil_sandbox::Provider as _;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::main_job::{FLOW, opportunity, win};
use crate::vaults::{Between, Operation, behind};
use crate::world::{World, new_stack};

// ------------------------------------------------------------ a process that dies

/// The operations that a process has left. After the last one nothing that it asks for ever returns.
pub(crate) struct Life {
    left: AtomicI64,
    died: Notify,
    dead: AtomicBool,
    fatal: Option<Fatal>,
    /// Operations until it stands still, as a process does that its machine has forgotten.
    until_it_stands: AtomicI64,
    stands: Notify,
    goes_on: Notify,
    /// Who has a turn after each operation.
    turns: Option<SeededRandom>,
    /// What each operation takes, by this clock.
    takes: Option<(Arc<ManualClock>, Duration)>,
}

/// What a process dies of.
#[derive(Clone)]
pub(crate) enum Fatal {
    /// When it is about to make this call: method and part of the URL.
    Before(Method, &'static str),
    /// When the call was made and its answer is there.
    After(Method, &'static str),
    /// When it looks at the link of this record: so it is in this one run's walk.
    LinkOf(String),
}

impl Life {
    pub(crate) fn of(operations: i64) -> Arc<Self> {
        Arc::new(Self::new(operations, None))
    }

    /// Ends of this.
    pub(crate) fn until(fatal: Fatal) -> Arc<Self> {
        Arc::new(Self::new(i64::MAX, Some(fatal)))
    }

    /// Stands still after so many operations, until it is told to go on.
    pub(crate) fn that_stands_after(operations: i64) -> Arc<Self> {
        Arc::new(Self { until_it_stands: AtomicI64::new(operations), ..Self::new(i64::MAX, None) })
    }

    /// Others have a turn between its operations, as the seed says.
    pub(crate) fn among_others(operations: i64, seed: u64) -> Arc<Self> {
        Arc::new(Self { turns: Some(SeededRandom::new(seed)), ..Self::new(operations, None) })
    }

    /// Each of its operations takes so long.
    pub(crate) fn slow(world: &World, operations: i64, takes: Duration) -> Arc<Self> {
        Arc::new(Self { takes: Some((Arc::clone(&world.clock), takes)), ..Self::new(operations, None) })
    }

    fn new(operations: i64, fatal: Option<Fatal>) -> Self {
        Self {
            left: AtomicI64::new(operations),
            died: Notify::new(),
            dead: AtomicBool::new(false),
            fatal,
            until_it_stands: AtomicI64::new(i64::MAX),
            stands: Notify::new(),
            goes_on: Notify::new(),
            turns: None,
            takes: None,
        }
    }

    /// Returns once it stands still.
    pub(crate) async fn stands(&self) {
        self.stands.notified().await;
    }

    /// Does the work until it stands still. False: it was through before.
    pub(crate) async fn stands_within<T>(&self, work: &mut (impl Future<Output = T> + Unpin)) -> bool {
        tokio::select! {
            biased;
            _ = work => false,
            () = self.stands() => true,
        }
    }

    /// Waits until it stands still. False: the task that lives by it was through before.
    pub(crate) async fn stands_before_the_end<T>(&self, task: &JoinHandle<T>) -> bool {
        let ends = async {
            while !task.is_finished() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = self.stands() => true,
            () = ends => false,
        }
    }

    pub(crate) fn go_on(&self) {
        self.goes_on.notify_one();
    }

    async fn spend(&self) {
        if let Some((clock, takes)) = &self.takes {
            clock.advance(*takes);
        }
        if self.turns.as_ref().is_some_and(|turns| below(turns, 3) == 0) {
            tokio::task::yield_now().await;
        }
        if self.until_it_stands.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.stands.notify_one();
            self.goes_on.notified().await;
        }
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.die().await;
        }
    }

    async fn die(&self) {
        self.left.store(0, Ordering::SeqCst);
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
        std::future::pending::<()>().await;
    }

    /// Does the work, as far as life reaches. `None`: it died on the way.
    pub(crate) async fn live<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let work = Box::pin(work);
        tokio::select! {
            biased;
            () = self.died.notified() => None,
            done = work => (!self.dead.load(Ordering::SeqCst)).then_some(done),
        }
    }
}

/// What is on the queue is worked off by a process that dies of this.
pub(crate) async fn a_process_dies_at_work(world: &World, of: Fatal) {
    let life = Life::until(of);
    let stack = mortal(world, &life);
    let lived = world.flowing(life.live(pump::runs(&stack, QueueName::Runs))).await;
    assert!(lived.is_none(), "it was to die");
}

/// A port whose every operation spends life.
struct Mortal<P: ?Sized> {
    life: Arc<Life>,
    inner: Arc<P>,
}

/// A process over the world's ports that lives for so many operations.
pub(crate) fn mortal(world: &World, life: &Arc<Life>) -> Stack {
    new_stack(&mortal_ports(world.ports(), life))
}

pub(crate) fn mortal_ports(ports: Ports, life: &Arc<Life>) -> Ports {
    let ports = behind(life, ports);
    Ports {
        table: Arc::new(Mortal { life: Arc::clone(life), inner: ports.table }),
        queue: Arc::new(Mortal { life: Arc::clone(life), inner: ports.queue }),
        http: Arc::new(Mortal { life: Arc::clone(life), inner: ports.http }),
        web: Arc::new(Mortal { life: Arc::clone(life), inner: ports.web }),
        public_web: Arc::new(Mortal { life: Arc::clone(life), inner: ports.public_web }),
        ..ports
    }
}

#[async_trait]
impl Table for Mortal<dyn Table> {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        self.life.spend().await;
        if let Some(Fatal::LinkOf(record)) = &self.life.fatal
            && keys.iter().any(|key| key.partition.starts_with("L#") && key.sort == *record)
        {
            self.life.die().await;
        }
        self.inner.get(keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        self.life.spend().await;
        self.inner.query(query).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.life.spend().await;
        self.inner.write(writes).await
    }
}

#[async_trait]
impl Queue for Mortal<dyn Queue> {
    async fn send(&self, queue: QueueName, messages: Vec<Outgoing>) -> Result<(), Unavailable> {
        self.life.spend().await;
        self.inner.send(queue, messages).await
    }

    async fn receive(
        &self,
        queue: QueueName,
        most: usize,
        hidden_for: Duration,
    ) -> Result<Vec<Delivery>, Unavailable> {
        self.life.spend().await;
        self.inner.receive(queue, most, hidden_for).await
    }

    async fn settle(&self, queue: QueueName, receipts: Vec<(String, Settle)>) -> Result<(), Unavailable> {
        self.life.spend().await;
        self.inner.settle(queue, receipts).await
    }

    async fn depth(&self, queue: QueueName) -> Result<u64, Unavailable> {
        self.life.spend().await;
        self.inner.depth(queue).await
    }
}

#[async_trait]
impl Between for Life {
    async fn before(&self, _operation: Operation) -> Result<(), Unavailable> {
        self.spend().await;
        Ok(())
    }
}

#[async_trait]
impl Http for Mortal<dyn Http> {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.life.spend().await;
        let is = |method: Method, path: &str| request.method == method && request.url.contains(path);
        let (before, after) = match &self.life.fatal {
            Some(Fatal::Before(method, path)) => (is(*method, path), false),
            Some(Fatal::After(method, path)) => (false, is(*method, path)),
            _ => (false, false),
        };
        if before {
            self.life.die().await;
        }
        let answer = self.inner.send(request).await;
        if after {
            self.life.die().await;
        }
        answer
    }
}

// ------------------------------------------------------------ a full disk

/// A table that can be full: it reads, and takes nothing.
pub(crate) struct Disk {
    pub(crate) full: AtomicBool,
    inner: Arc<dyn Table>,
}

/// A process over the world's ports, on a disk that may fill up.
pub(crate) fn on_a_disk(world: &World) -> (Stack, Arc<Disk>) {
    let disk = Arc::new(Disk { full: AtomicBool::new(false), inner: world.ports().table });
    let stack = new_stack(&Ports { table: Arc::clone(&disk) as Arc<dyn Table>, ..world.ports() });
    (stack, disk)
}

#[async_trait]
impl Table for Disk {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        self.inner.get(keys).await
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        self.inner.query(query).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(TableError::Full("no space left on device".into()));
        }
        self.inner.write(writes).await
    }
}

// ------------------------------------------------------------ calls that take long

/// A caller gives up after a minute, and the call goes on without it. Never ends.
pub(crate) async fn nobody_waits_for_what_is_late(world: &World) {
    let mut held = 0;
    loop {
        let now = world.sandbox.xero.held();
        if now > held {
            world.advance(Duration::from_secs(61));
        }
        held = now;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

// ------------------------------------------------------------ stories

/// So many Opportunities of as many Accounts, each with a line, won; nothing has been polled since.
pub(crate) async fn won(world: &World, count: usize) -> Vec<String> {
    world.given_flow(FLOW).await;
    let ids: Vec<String> = (0..count).map(|n| opportunity(world, &format!("Company {n:03}"))).collect();
    world.settle().await;
    for id in &ids {
        win(world, id);
    }
    world.sandbox.xero.harness().counters.clear();
    ids
}

/// Time goes on, with the keeper each minute, until nothing waits or so many minutes have passed.
pub(crate) async fn time_goes_on(world: &World, stack: &Stack, minutes: u32) {
    for _ in 0..minutes {
        world.advance(Duration::from_secs(60));
        let deadline = world.clock_now() + Times::default().function;
        world.flowing(keep::keep(stack, deadline)).await.expect("kept");
        world.drain_by(stack).await;
        let runs = world.runs().await;
        let open = runs.iter().filter(|run| !run.row.status.is_final()).count();
        let mut queued = 0;
        for queue in [QueueName::Runs, QueueName::RunsBulk] {
            queued += world.ports().queue.depth(queue).await.expect("a depth");
        }
        // Before there is a run, its message may be hidden.
        if open == 0 && queued == 0 && !runs.is_empty() {
            return;
        }
    }
}

/// Each has one contact, one invoice, and its number; each run succeeded.
pub(crate) async fn each_is_invoiced_once(world: &World, ids: &[String]) {
    let runs = world.runs().await;
    let ends: Vec<_> = runs.iter().map(|run| (run.row.status, run.row.failure.clone())).collect();
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, ids.len())]), "{ends:#?}");
    assert_eq!(world.sandbox.xero.ledger().duplicates(), Vec::<String>::new());
    let numbers: Vec<String> = world
        .invoices()
        .iter()
        .map(|invoice| invoice["InvoiceNumber"].as_str().unwrap_or("-").to_owned())
        .collect();
    assert_eq!((world.contacts().len(), numbers.len()), (ids.len(), ids.len()));
    let mut written: Vec<String> = ids
        .iter()
        .map(|id| {
            let record = world.sandbox.salesforce.get("Opportunity", id).expect("there");
            record["Xero_Invoice__c"].as_str().unwrap_or("-").to_owned()
        })
        .collect();
    let mut numbers = numbers;
    numbers.sort();
    written.sort();
    assert_eq!(written, numbers, "the numbers came back");
}
