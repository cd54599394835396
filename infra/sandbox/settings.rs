//! What a sandbox is made with. What can change while it runs is on the stand-ins themselves.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{salesforce, xero};

/// Where the stand-ins read the time. The caller gives it: a test moves it, a program passes the system's.
pub type TimeSource = Arc<dyn Fn() -> Timestamp + Send + Sync>;

#[derive(Clone)]
pub struct Settings {
    /// The same seed makes the same ids, tokens, documents and faults by chance.
    pub seed: u64,
    pub time: TimeSource,
    /// Where their time begins, and stands still until its speed is set; the source's when left out.
    pub begins: Option<Timestamp>,
    /// `false`: no rate limits at all, for benchmarks.
    pub limits: bool,
    pub salesforce: salesforce::Options,
    pub xero: xero::Options,
}

impl Settings {
    pub fn new(time: TimeSource) -> Self {
        Self { time, ..Self::default() }
    }
}

impl Default for Settings {
    /// Time stands still at 2026-11-22 10:00 UTC until the caller gives a source or moves the clock.
    fn default() -> Self {
        let start = Timestamp::constant(1_795_341_600, 0);
        Self {
            seed: 1,
            time: Arc::new(move || start),
            begins: None,
            limits: true,
            salesforce: salesforce::Options::default(),
            xero: xero::Options::default(),
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("seed", &self.seed)
            .field("limits", &self.limits)
            .field("salesforce", &self.salesforce)
            .field("xero", &self.xero)
            .finish_non_exhaustive()
    }
}
