//! Randomness is an argument, so that a failing run of the tests can be had again by its seed.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use secrecy::SecretString;
use uuid::Uuid;

use super::clock::Clock;

/// Bytes that nobody can foresee; in tests, those of a seed.
pub trait Random: Send + Sync {
    fn bytes(&self, into: &mut [u8]);
}

/// The same bytes for the same seed, in the order in which they are asked for. Fit for tests, never for keys.
pub struct SeededRandom(Mutex<StdRng>);

impl SeededRandom {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Random for SeededRandom {
    fn bytes(&self, into: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(into);
    }
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

/// 256 bits that nobody guesses, as 43 letters that an address may carry.
pub fn token(random: &dyn Random) -> SecretString {
    let mut bytes = [0; 32];
    random.bytes(&mut bytes);
    SecretString::from(URL_SAFE_NO_PAD.encode(bytes))
}

/// A number in `0..bound` (0 when `bound` is 0).
pub fn below(random: &dyn Random, bound: u64) -> u64 {
    let mut bytes = [0; 8];
    random.bytes(&mut bytes);
    u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let draw = |seed| {
            let random = SeededRandom::new(seed);
            [random_uuid(&random), random_uuid(&random)]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(draw(7)[0], draw(7)[1]);
    }
}
