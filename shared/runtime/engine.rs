//! The JavaScript engine with its deadline: two seconds of this machine's time.

use std::time::{Duration, Instant};

use crate::expression::{Engine, Limits};

const DEADLINE: Duration = Duration::from_secs(2);

#[expect(clippy::disallowed_methods, reason = "runtime is where clocks are read")]
pub fn engine() -> Engine {
    Engine::new(Limits::default(), || {
        let began = Instant::now();
        Box::new(move || began.elapsed() > DEADLINE)
    })
}
