//! From page to page of a collection in the order of its stamps, while others edit it.
//!
//! An edit moves a record to the end, and what stands behind its old place moves up by one: page numbers alone would
//! skip a record. So each full page is followed by a first page from its last stamp on. Where one second fills a page,
//! its further pages are found first and then read backwards: what moves up is met on the page before.
//!
//! A place says by itself where it is: it may be kept, and gone on from whenever there is time. A poll may meet a record
//! twice; a find of all tells apart what [`Place::counts`], and also goes on behind a crowded second, where those are that
//! were edited while it was read.

use jiff::{SignedDuration, Timestamp};

use crate::ports::connector::Call;

/// Which page to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// `If-Modified-Since`, in whole seconds.
    pub(super) since: Timestamp,
    pub(super) page: u64,
    /// On the way back through a crowded second; where to go on after its first page.
    back: Option<Then>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    End,
    Since(Timestamp),
}

impl Place {
    pub(super) fn first(from: Timestamp) -> Self {
        Self { since: whole_second(from), page: 1, back: None }
    }

    /// The call, of this page.
    /// <https://developer.xero.com/documentation/api/efficient-data-retrieval>
    pub(super) fn asked(self, call: Call) -> Call {
        call.with_header("if-modified-since", self.since.strftime("%Y-%m-%dT%H:%M:%S").to_string())
            .with_query("order", "UpdatedDateUTC ASC")
            .with_query("page", self.page.to_string())
    }

    /// Which records of a page count, when each is to count once: what has the last second of a full page is left to the
    /// page after it, and a crowded second counts on the way back.
    pub(super) fn counts(self, is_full: bool, last: Option<Timestamp>) -> impl Fn(Timestamp) -> bool {
        let last = last.map(whole_second).filter(|last| *last > self.since);
        move |stamp| match (self.back, self.page, is_full, last) {
            // What stood behind the second may have moved up into it.
            (Some(Then::Since(then)), ..) => whole_second(stamp) < then,
            (Some(Then::End), ..) | (None, 2.., false, _) => whole_second(stamp) == self.since,
            (None, _, false, _) => true,
            (None, _, true, Some(last)) => whole_second(stamp) < last,
            (None, ..) => false,
        }
    }

    /// Where a find of all goes on.
    pub(super) fn next_of_all(self, is_full: bool, last: Option<Timestamp>) -> Option<Self> {
        let behind = || Self::first(self.since + SignedDuration::from_secs(1));
        self.next(is_full, last).or_else(|| self.back.map(|_| behind()))
    }

    /// As the continuation of a poll, and as the place of a find; `read` takes it back.
    pub(super) fn text(self) -> String {
        let back = match self.back {
            None => String::new(),
            Some(Then::End) => " back".to_owned(),
            Some(Then::Since(then)) => format!(" back {then}"),
        };
        format!("{} {}{back}", self.since, self.page)
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (since, page) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let back = match (words.next(), words.next()) {
            (None, _) => None,
            (Some(_), None) => Some(Then::End),
            (Some(_), Some(then)) => Some(Then::Since(then.parse().ok()?)),
        };
        Some(Self { since, page, back })
    }

    /// Where to go on, after a page that is full or not and whose last record has this stamp; `None` at the end.
    pub(super) fn next(self, is_full: bool, last: Option<Timestamp>) -> Option<Self> {
        if let Some(then) = self.back {
            return match (self.page, then) {
                (2.., _) => Some(Self { page: self.page - 1, ..self }),
                (_, Then::End) => None,
                (_, Then::Since(since)) => Some(Self::first(since)),
            };
        }
        let moved_on = last.map(whole_second).filter(|last| *last > self.since);
        let then = match (is_full, moved_on) {
            // One second fills the page: what else is in it?
            (true, None) => return Some(Self { page: self.page + 1, ..self }),
            (true, Some(last)) => Then::Since(last),
            (false, _) => Then::End,
        };
        match (self.page, then) {
            (2.., then) => Some(Self { page: self.page - 1, back: Some(then), ..self }),
            (_, Then::Since(since)) => Some(Self::first(since)),
            (_, Then::End) => None,
        }
    }
}

pub(super) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_full_page_is_followed_by_the_first_from_its_last_stamp_on() {
        let place = Place::first(at(10));
        assert_eq!(place.next(true, Some(at(15))), Some(Place::first(at(15))));
        assert_eq!(place.next(false, Some(at(15))), None);
        let place = Place::read(&place.text()).unwrap();
        assert_eq!(place, Place::first(at(10)));
    }

    #[test]
    fn a_crowded_second_is_read_to_its_end_and_back() {
        let mut place = Place::first(at(10));
        let mut pages = Vec::new();
        for (is_full, last) in [(true, 10), (true, 10), (true, 20), (true, 10), (true, 10), (false, 30)] {
            pages.push((place.since.as_second(), place.page));
            let next = place.next(is_full, Some(at(last)));
            place = match next {
                Some(next) => Place::read(&next.text()).unwrap(),
                None => break,
            };
        }
        assert_eq!(pages, [(10, 1), (10, 2), (10, 3), (10, 2), (10, 1), (20, 1)]);
    }

    /// What a find of all comes to: how often each record counts, which stands in pages of three and may be edited, or
    /// leave what is looked for, between any two of them.
    fn found(mut records: Vec<(i64, usize)>, mut edit: impl FnMut(&mut Vec<(i64, usize)>)) -> Vec<usize> {
        let (mut found, mut place) = (Vec::new(), Some(Place::first(at(0))));
        while let Some(asked) = place {
            records.sort_unstable();
            let since = asked.since.as_second();
            let matching = records.iter().copied().filter(|(stamp, _)| *stamp >= since);
            let page: Vec<_> = matching.skip((asked.page as usize - 1) * 3).take(3).collect();
            let (is_full, last) = (page.len() == 3, page.last().map(|(stamp, _)| at(*stamp)));
            let counts = asked.counts(is_full, last);
            found.extend(page.iter().filter(|(stamp, _)| counts(at(*stamp))).map(|(_, id)| *id));
            place = asked.next_of_all(is_full, last).map(|next| Place::read(&next.text()).unwrap());
            edit(&mut records);
        }
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn a_find_of_all_counts_each_record_once(stamps in proptest::collection::vec(0_i64..4, 0..20)) {
            let all: Vec<usize> = (0..stamps.len()).collect();
            prop_assert_eq!(found(stamps.into_iter().zip(0..).collect(), |_| {}), all);
        }

        #[test]
        fn a_find_of_all_misses_nothing_that_is_there_throughout_whatever_is_edited_or_leaves(
            stamps in proptest::collection::vec(0_i64..4, 1..20),
            edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<bool>()), 0..12),
        ) {
            let (mut edits, mut now, mut left) = (edits.into_iter(), 100, BTreeSet::new());
            let records: Vec<(i64, usize)> = stamps.iter().copied().zip(0..).collect();
            let found = found(records, |records| {
                let Some((place, leaves)) = edits.next().filter(|_| !records.is_empty()) else { return };
                let place = place.index(records.len());
                now += 1;
                records[place].0 = now;
                if leaves {
                    left.insert(records.swap_remove(place).1);
                }
            });
            let missed: Vec<usize> =
                (0..stamps.len()).filter(|id| !found.contains(id) && !left.contains(id)).collect();
            prop_assert_eq!(missed, Vec::<usize>::new());
        }

        /// Records of few seconds, pages of three, and an edit of some record between any two pages.
        #[test]
        fn no_record_is_missed_while_others_are_edited(
            stamps in proptest::collection::vec(0_i64..4, 1..20),
            edits in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        ) {
            let mut records: Vec<(i64, usize)> = stamps.iter().copied().zip(0..).collect();
            let mut edits = edits.into_iter();
            let mut now = 100;
            // What is edited meanwhile comes with the next poll.
            let (mut seen, mut edited) = (BTreeSet::new(), BTreeSet::new());
            let mut place = Some(Place::first(at(0)));
            while let Some(asked) = place {
                records.sort_unstable();
                let since = asked.since.as_second();
                let matching: Vec<_> = records.iter().copied().filter(|(stamp, _)| *stamp >= since).collect();
                let start = (asked.page as usize - 1) * 3;
                let page: Vec<_> = matching.into_iter().skip(start).take(3).collect();
                seen.extend(page.iter().map(|(_, id)| *id));
                place = asked.next(page.len() == 3, page.last().map(|(stamp, _)| at(*stamp)));
                if let Some(edit) = edits.next() {
                    let record = &mut records[edit.index(stamps.len())];
                    now += 1;
                    record.0 = now;
                    edited.insert(record.1);
                }
            }
            let missed: Vec<usize> = (0..stamps.len()).filter(|id| !seen.contains(id) && !edited.contains(id)).collect();
            prop_assert_eq!(missed, Vec::<usize>::new());
        }
    }
}
