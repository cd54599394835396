//! What is kept of a feed between two polls: when it was read and is to be read, its pages as they were, its trouble.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::lease::Kept;
use super::trail::Trail;
use crate::ports::feed::Validators;

/// What is kept of a feed between two polls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) read_at: Option<Timestamp>,
    /// The last time that it was read to its end began then, and all that it held was told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) whole_at: Option<Timestamp>,
    /// The server asked not to be asked before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) not_before: Option<Timestamp>,
    /// Where the last poll's time ended, or the server wanted a pause: the next one goes on from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) goes_on_at: Option<Trail>,
    /// Pages whose items are all told of, by their address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) pages: BTreeMap<u64, KnownPage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trouble: Option<Trouble>,
}

impl Kept for Place {}

impl Place {
    /// Keeps no pages but those of this trail and of the last list that was read whole; not too many of these.
    pub(super) fn forget_pages(&mut self, trail: &Trail, max_pages: u32) {
        let on_trail = |address: &u64| *address == trail.address() || trail.addresses.contains(address);
        let most = usize::try_from(max_pages).unwrap_or(usize::MAX);
        let of_trail = self.pages.keys().filter(|address| on_trail(address)).count();
        let mut others = most.saturating_sub(of_trail);
        self.pages.retain(|address, page| {
            if on_trail(address) {
                return true;
            }
            let stays = page.of_whole && others > 0;
            others -= usize::from(stays);
            stays
        });
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownPage {
    #[serde(flatten)]
    pub(super) validators: Validators,
    /// Of its ids and versions, in their order.
    pub(super) pairs: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    /// It was on the way when the list was last read to its end.
    #[serde(default)]
    pub(super) of_whole: bool,
}

/// It fails, since when, how often in a row, and whether the owner knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Trouble {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) since: Timestamp,
    pub(super) polls: u32,
    pub(super) told: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_neither_this_trail_nor_the_last_whole_list_came_by_are_forgotten_and_no_more_kept_than_a_list_has()
     {
        let mut trail = Trail::from("https://shop.example".into(), Timestamp::UNIX_EPOCH);
        trail.addresses = [1, 2].into();
        let page = |of_whole| KnownPage { validators: Validators::default(), pairs: 0, next: None, of_whole };
        let left = |max_pages| {
            let pages = [(1, false), (2, true), (3, false), (4, true), (5, true)];
            let pages = pages.into_iter().map(|(address, of_whole)| (address, page(of_whole))).collect();
            let mut place = Place { pages, ..Place::default() };
            place.forget_pages(&trail, max_pages);
            place.pages.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(left(100), [1, 2, 4, 5]);
        assert_eq!(left(3), [1, 2, 4]);
        assert_eq!(left(1), [1, 2]);
    }
}
