//! The way through the pages of a feed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::place::fingerprint;
use crate::domain::outcome::Failure;

/// It ends where it would go in circles, and where it has become too long.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Trail {
    pub(super) url: String,
    /// When the first page was asked for.
    #[serde(default)]
    pub(super) began_at: Timestamp,
    /// The addresses of the pages that were read, hashed.
    pub(super) addresses: BTreeSet<u64>,
    /// What the page before held.
    pairs: u64,
    /// How often in a row this page could not be read.
    #[serde(default)]
    pub(super) failures: u32,
}

impl Trail {
    pub(super) fn from(url: String, began_at: Timestamp) -> Self {
        Self { url, began_at, ..Self::default() }
    }

    pub(super) fn address(&self) -> u64 {
        fingerprint(&[&self.url])
    }

    /// On to the next page. `is_empty`: the page had nothing.
    pub(super) fn on(
        &mut self,
        next: String,
        pairs: u64,
        is_empty: bool,
        max_pages: u32,
    ) -> Result<(), Failure> {
        self.addresses.insert(self.address());
        let number = self.addresses.len();
        let same = !is_empty && number > 1 && pairs == self.pairs;
        if same || self.addresses.contains(&fingerprint(&[&next])) {
            let message = format!("page {number} leads back to one that was read already: look at `paging`");
            return Err(Failure::new("paging_loops", message));
        }
        if number >= usize::try_from(max_pages).unwrap_or(usize::MAX) {
            let message =
                format!("the list goes on after {number} pages: narrow it in the URL, or raise `max_pages`");
            return Err(Failure::new("too_many_pages", message));
        }
        (self.url, self.pairs, self.failures) = (next, pairs, 0);
        Ok(())
    }
}
