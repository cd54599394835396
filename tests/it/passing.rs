//! Time that passes while work is under way, on a clock that is moved by hand.

use std::time::Duration;

use counterfoil::ports::clock::ManualClock;

/// At each tick of the machine's time, a step of the clock's.
pub(crate) async fn by_ticks<T>(
    clock: &ManualClock,
    tick: Duration,
    step: Duration,
    work: impl Future<Output = T>,
) -> T {
    let work = Box::pin(work);
    let pass = async {
        let mut tick = tokio::time::interval(tick);
        loop {
            tick.tick().await;
            clock.advance(step);
        }
    };
    tokio::select! {
        done = work => done,
        () = pass => unreachable!("time doesn't end"),
    }
}

/// Only where work waits for nothing else: the same work takes the same time in every run.
pub(crate) async fn where_idle<T>(clock: &ManualClock, work: impl Future<Output = T>) -> T {
    let work = Box::pin(work);
    let pass = async {
        loop {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_millis(5));
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = pass => unreachable!("time doesn't end"),
    }
}
