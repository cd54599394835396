//! Stand-in Salesforce and Xero: servers that keep state, enforce the real limits, refuse what the real
//! ones refuse in the real words, and break on request.
//!
//! Called by the tests (in one process, through the routers), by the local program (over loopback sockets)
//! and by people who try a flow. It must not use anything of the product: a wire type that is wrong on both
//! sides would agree with itself.

mod bytes;
mod clock;
mod control;
mod counters;
mod deliveries;
mod faults;
mod harness;
mod held;
mod in_base64;
mod made_up;
mod markup;
mod origin;
mod page;
mod pairs;
pub mod salesforce;
mod sender;
mod settings;
mod signing;
mod snapshots;
pub mod xero;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use clock::Clock;
pub use control::Look;
pub use counters::{Call, Counters};
pub use faults::{ConnectionLost, Fault, FaultId, FaultKind, Faults};
pub use harness::{Admission, Begun, Harness, Job, Provider};
pub use sender::{Letter, Outbox, Reply};
pub use settings::{Settings, TimeSource};

/// Both stand-ins, on one clock.
#[derive(Debug, Clone)]
pub struct Sandbox {
    pub salesforce: Arc<salesforce::Salesforce>,
    pub xero: Arc<xero::Xero>,
    pub clock: Clock,
}

impl Sandbox {
    pub fn new(settings: Settings) -> Self {
        let clock = match settings.begins {
            Some(moment) => Clock::standing(settings.time.clone(), moment),
            None => Clock::new(settings.time.clone()),
        };
        Self {
            salesforce: Arc::new(salesforce::Salesforce::new(&settings, clock.clone())),
            xero: Arc::new(xero::Xero::new(&settings, clock.clone())),
            clock,
        }
    }

    /// Fills both with about so many records in all: an org that sells, and books that know half of its customers.
    pub fn fill(&self, records: usize) -> Result<(), String> {
        self.salesforce.fill(&salesforce::Amounts::about(records * 2 / 3));
        let books = self.xero.fill(&xero::Amounts::about(records / 3));
        books.map_err(|refused| refused.0.join("; "))
    }

    /// Both, and the time that they believe, a line of JSON each: what `restore` goes on from.
    pub fn keep(&self) -> Result<Vec<u8>, String> {
        let now = self.clock.now().to_string().into_bytes();
        Ok([now, self.salesforce.keep()?, self.xero.keep()?].join(&b'\n'))
    }

    /// As it was when this was kept. The clock never goes back behind what was.
    pub fn restore(&self, kept: &[u8]) -> Result<(), String> {
        let lines: Vec<&[u8]> = kept.split(|byte| *byte == b'\n').collect();
        let [now, salesforce, xero] = lines.as_slice() else {
            return Err("this is not what a sandbox keeps: it has three lines".to_owned());
        };
        let now: jiff::Timestamp =
            String::from_utf8_lossy(now).parse().map_err(|error: jiff::Error| error.to_string())?;
        self.clock.advance_seconds(now.duration_since(self.clock.now()).as_secs().max(0));
        self.salesforce.go_back(salesforce)?;
        self.xero.go_back(xero)
    }

    /// Grows with everything that may have changed what is kept.
    pub fn changes(&self) -> u64 {
        self.salesforce.harness().snapshots.changes() + self.xero.harness().snapshots.changes()
    }

    /// Everything Salesforce answers to, with its `/_sandbox/*` control routes. Cheap to clone.
    pub fn salesforce_router(&self) -> axum::Router {
        harness::router(self.salesforce.clone())
    }

    /// Everything Xero answers to, with its `/_sandbox/*` control routes. Cheap to clone.
    pub fn xero_router(&self) -> axum::Router {
        harness::router(self.xero.clone())
    }
}

/// A stand-in goes on after a panic in one of its requests, like the real ones do.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
