//! Lambda's runtime: logs, deadlines, and the loop that hands events to a handler.

use std::time::Duration;

use jiff::Timestamp;
pub use lambda_runtime::Error;
use lambda_runtime::tower::service_fn;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::settings::{LOG_LEVEL, variable};

/// What is kept of a function's time for writing down how far it came, and for its answer.
const MARGIN: Duration = Duration::from_secs(5);

/// Logs as JSON lines. The level is ours alone: what libraries say below a warning may hold what was sent.
pub fn start_logging() {
    let level = variable(LOG_LEVEL).and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let ours = Targets::new().with_default(LevelFilter::WARN).with_target("counterfoil", level);
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    tracing_subscriber::registry().with(lines).with(ours).init();
}

/// Hands events to `handle`, one at a time, with the instant by which it must be done.
pub async fn run<E, A>(handle: impl AsyncFn(E, Timestamp) -> Result<A, Error>) -> Result<(), Error>
where
    E: DeserializeOwned,
    A: Serialize,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| async move {
        let deadline = deadline(&event.context);
        handle(event.payload, deadline).await.map_err(Diagnostic::from)
    }))
    .await
}

fn deadline(context: &Context) -> Timestamp {
    Timestamp::try_from(context.deadline() - MARGIN).unwrap_or(Timestamp::MIN)
}
