//! Randomness is an argument, so that a failing run of the tests can be had again by its seed.

use uuid::Uuid;

use super::clock::Clock;

pub trait Random: Send + Sync {
    fn bytes(&self, into: &mut [u8]);
}

/// A version 7 UUID of this instant: sorts by time of making, and serves as an Idempotency-Key.
pub fn time_ordered_uuid(clock: &dyn Clock, random: &dyn Random) -> Uuid {
    let mut tail = [0; 10];
    random.bytes(&mut tail);
    let millis = u64::try_from(clock.now().as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
}

/// A version 4 UUID.
pub fn random_uuid(random: &dyn Random) -> Uuid {
    let mut bytes = [0; 16];
    random.bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A number in `0..bound` (0 when `bound` is 0).
pub fn below(random: &dyn Random, bound: u64) -> u64 {
    let mut bytes = [0; 8];
    random.bytes(&mut bytes);
    u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0)
}
