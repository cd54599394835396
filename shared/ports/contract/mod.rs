//! What every adapter of a port must do, as cases that run on any of them.
//!
//! Built for tests only (feature `contract`). A *stand* is an adapter, set up for one case: with a clock that the
//! case may move and names that no other case uses. Whoever has an adapter builds stands and calls [`run_all`].

pub mod queue;
pub mod stormy;
pub mod table;
pub mod vault;

use std::fmt::Write;

use futures::future::BoxFuture;

/// A sentence that must be true of an adapter, and its proof: it panics where the adapter breaks it.
pub struct Case<S> {
    pub name: &'static str,
    pub run: fn(S) -> BoxFuture<'static, ()>,
}

/// Runs every case on a stand of its own, and then panics with the names of all that failed.
pub async fn run_all<S: Send + 'static>(cases: Vec<Case<S>>, mut stand: impl AsyncFnMut(&'static str) -> S) {
    let mut failed = String::new();
    let count = cases.len();
    for case in cases {
        let running = tokio::spawn((case.run)(stand(case.name).await));
        if let Err(error) = running.await {
            let _ = write!(failed, "\n- {}: {error}", case.name);
        }
    }
    assert!(failed.is_empty(), "of {count} cases, these failed:{failed}");
}

/// The list of a suite's cases, in the order in which they are told.
macro_rules! cases {
    ($stand:ty: $($name:ident,)+) => {
        pub fn cases() -> Vec<super::Case<$stand>> {
            vec![$(super::Case { name: stringify!($name), run: |stand| Box::pin($name(stand)) }),+]
        }
    };
}
use cases;
