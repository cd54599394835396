//! What this build can do: the connectors, and the triggers that nobody polls. The one place that names them all.

use std::sync::Arc;
use std::time::Duration;

use crate::connectors::salesforce::Salesforce;
use crate::connectors::xero::Xero;
use crate::expression::{Engine, Limits};
use crate::flow::unpolled::unpolled_triggers;
use crate::ports::connector::Catalog;

/// How long one step's JavaScript may run.
const LONGEST_SCRIPT: Duration = Duration::from_secs(2);

pub fn catalog() -> Catalog {
    Catalog::new(vec![Arc::new(Salesforce), Arc::new(Xero::new())], unpolled_triggers())
}

/// The engine of a process: each step's code is stopped two seconds after it began, on the machine's own clock.
#[expect(clippy::disallowed_methods, reason = "a script burns real time, whatever the product's clock says")]
pub fn engine() -> Engine {
    Engine::new(Limits::default(), || {
        let began = std::time::Instant::now();
        Box::new(move || began.elapsed() > LONGEST_SCRIPT)
    })
}
