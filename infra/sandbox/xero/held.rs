//! Accounting calls that run long, in the words tests ask for them with; `/_sandbox/faults` has the same as `late`.

use super::Xero;
use crate::{Fault, FaultKind};

/// Which calls to hold, and for how long by the sandbox's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub method: String,
    /// Part of the path.
    pub path: String,
    pub seconds: i64,
    pub times: u32,
}

impl Xero {
    /// The next calls that match are held.
    pub fn hold(&self, hold: Hold) {
        let fault = Fault::on(&hold.method, &hold.path, FaultKind::Late(hold.seconds)).times(hold.times);
        self.harness.faults.add(fault);
    }

    /// How many calls are taken up and not yet applied.
    pub fn held(&self) -> usize {
        self.harness.held.settle(&self.harness.clock);
        self.harness.held.count()
    }
}
