//! Randomness fit for keys, of a generator that the operating system seeds.

use rand::RngCore;

use crate::ports::random::Random;

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn bytes(&self, into: &mut [u8]) {
        rand::rng().fill_bytes(into);
    }
}
