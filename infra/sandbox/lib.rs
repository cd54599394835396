//! Stand-in Salesforce and Xero: servers that keep state, enforce the real limits, refuse what the real
//! ones refuse in the real words, and break on request.
//!
//! Called by the tests (in one process, through the routers), by the local program (over loopback sockets)
//! and by people who try a flow. It must not use anything of the product: a wire type that is wrong on both
//! sides would agree with itself.

mod clock;
mod control;
mod counters;
mod faults;
mod harness;
mod held;
mod made_up;
mod markup;
mod origin;
mod page;
pub mod salesforce;
mod sender;
mod settings;
mod signing;
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
        let clock = Clock::new(settings.time.clone());
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
