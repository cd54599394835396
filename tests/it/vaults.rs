//! Vaults with something in between: full, down, watched, or at whose operations a process stops.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil::flow::Stack;
use counterfoil::ports::clock::Clock;
use counterfoil::ports::vault::{Vault, Written};
use counterfoil::ports::{Ports, Unavailable};
use secrecy::SecretString;
use tokio::sync::Notify;

use crate::world::{World, new_stack};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Write,
    WriteGeneration,
    Remove,
}

/// What comes between a process and its vault.
#[async_trait]
pub(crate) trait Between: Send + Sync {
    /// What this refuses isn't done.
    async fn before(&self, _operation: Operation) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn after(&self, _operation: Operation, _name: &str) {}
}

struct Behind<B: ?Sized> {
    between: Arc<B>,
    inner: Arc<dyn Vault>,
}

pub(crate) fn behind<B: Between + 'static>(between: &Arc<B>, ports: Ports) -> Ports {
    let between = Arc::clone(between);
    Ports { vault: Arc::new(Behind { between, inner: ports.vault }), ..ports }
}

impl<B: Between + ?Sized> Behind<B> {
    async fn asked<T>(
        &self,
        operation: Operation,
        name: &str,
        work: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, Unavailable> {
        self.between.before(operation).await?;
        let done = work.await?;
        self.between.after(operation, name).await;
        Ok(done)
    }
}

#[async_trait]
impl<B: Between + ?Sized> Vault for Behind<B> {
    async fn read(&self, name: &str) -> Result<Option<SecretString>, Unavailable> {
        self.asked(Operation::Read, name, self.inner.read(name)).await
    }

    async fn write(&self, name: &str, secret: SecretString) -> Result<(), Unavailable> {
        self.asked(Operation::Write, name, self.inner.write(name, secret)).await
    }

    async fn write_generation(
        &self,
        name: &str,
        generation: u64,
        secret: SecretString,
    ) -> Result<Written, Unavailable> {
        let write = self.inner.write_generation(name, generation, secret);
        self.asked(Operation::WriteGeneration, name, write).await
    }

    async fn remove(&self, name: &str) -> Result<(), Unavailable> {
        self.asked(Operation::Remove, name, self.inner.remove(name)).await
    }
}

/// How many more tokens the vault keeps.
pub(crate) struct Room(pub(crate) AtomicI64);

#[async_trait]
impl Between for Room {
    async fn before(&self, operation: Operation) -> Result<(), Unavailable> {
        if operation == Operation::WriteGeneration && self.0.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(Unavailable::new("vault", "it is full"));
        }
        Ok(())
    }
}

/// A vault that is down after so many operations, which takes a client twenty seconds to notice.
pub(crate) struct Down {
    pub(crate) after: AtomicI64,
    clock: Arc<dyn Clock>,
}

impl Down {
    pub(crate) fn process(world: &World, after: i64) -> (Arc<Self>, Stack) {
        let ports = world.ports();
        let down = Arc::new(Self { after: AtomicI64::new(after), clock: Arc::clone(&ports.clock) });
        let stack = new_stack(&behind(&down, ports));
        (down, stack)
    }
}

#[async_trait]
impl Between for Down {
    async fn before(&self, _operation: Operation) -> Result<(), Unavailable> {
        if self.after.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        self.clock.sleep(Duration::from_secs(20)).await;
        Err(Unavailable::new("vault", "no answer"))
    }
}

/// A vault that takes so many seconds for each answer.
pub(crate) struct Slow {
    pub(crate) seconds: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl Slow {
    pub(crate) fn process(world: &World) -> (Arc<Self>, Stack) {
        let ports = world.ports();
        let slow = Arc::new(Self { seconds: AtomicU64::new(0), clock: Arc::clone(&ports.clock) });
        let stack = new_stack(&behind(&slow, ports));
        (slow, stack)
    }
}

#[async_trait]
impl Between for Slow {
    async fn before(&self, _operation: Operation) -> Result<(), Unavailable> {
        self.clock.sleep(Duration::from_secs(self.seconds.load(Ordering::SeqCst))).await;
        Ok(())
    }
}

/// A vault that doesn't take one of its removals.
pub(crate) struct Clinging(pub(crate) AtomicI64);

#[async_trait]
impl Between for Clinging {
    async fn before(&self, operation: Operation) -> Result<(), Unavailable> {
        if operation == Operation::Remove && self.0.fetch_sub(1, Ordering::SeqCst) == 0 {
            return Err(Unavailable::new("vault", "it is busy"));
        }
        Ok(())
    }
}

/// A process that stops at a write of a token: before it, after it, or both.
pub(crate) struct Stopping {
    before: bool,
    after: bool,
    pub(crate) stopped: Notify,
    pub(crate) go_on: Notify,
}

impl Stopping {
    pub(crate) fn process(world: &World, after: bool) -> (Arc<Self>, Stack) {
        Self::at(world, !after, after)
    }

    pub(crate) fn twice(world: &World) -> (Arc<Self>, Stack) {
        Self::at(world, true, true)
    }

    fn at(world: &World, before: bool, after: bool) -> (Arc<Self>, Stack) {
        let stopping = Arc::new(Self { before, after, stopped: Notify::new(), go_on: Notify::new() });
        let stack = new_stack(&behind(&stopping, world.ports()));
        (stopping, stack)
    }

    async fn stop(&self) {
        self.stopped.notify_one();
        self.go_on.notified().await;
    }
}

#[async_trait]
impl Between for Stopping {
    async fn before(&self, operation: Operation) -> Result<(), Unavailable> {
        if operation == Operation::WriteGeneration && self.before {
            self.stop().await;
        }
        Ok(())
    }

    async fn after(&self, operation: Operation, _name: &str) {
        if operation == Operation::WriteGeneration && self.after {
            self.stop().await;
        }
    }
}

/// The names of what is in the vault, of what was written through it.
#[derive(Default)]
pub(crate) struct Names(Mutex<BTreeSet<String>>);

impl Names {
    pub(crate) fn beginning_with(&self, prefix: &str) -> Vec<String> {
        let names = self.0.lock().expect("nobody panicked");
        names.iter().filter(|name| name.starts_with(prefix)).cloned().collect()
    }
}

#[async_trait]
impl Between for Names {
    async fn after(&self, operation: Operation, name: &str) {
        let mut names = self.0.lock().expect("nobody panicked");
        match operation {
            Operation::Read => {}
            Operation::Write | Operation::WriteGeneration => drop(names.insert(name.to_owned())),
            Operation::Remove => drop(names.remove(name)),
        }
    }
}
