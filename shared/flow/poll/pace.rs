//! How often a watch is polled whose account has few calls left today.
//!
//! Each poll uses up its part of what the account's day can give to polls. A poll whose turn it is may be one part
//! early, which evens out schedules; one that a notification asks for may be two, so that news is met at once as long as
//! it is rare. Who comes sooner is put off, and a stream of notifications costs no more than its part.

use jiff::{SignedDuration, Timestamp};

use super::super::FlowError;
use super::super::stack::Stack;
use super::super::wake::Why;
use super::lease;
use super::place::Place;
use crate::domain::connection::Connection;
use crate::ports::table::Key;

/// How many parts may be used at once.
const BURST: i32 = 3;
/// Who may poll each minute needn't be put off: schedules are no faster, and neither are streams of notifications.
const WORTH_IT: SignedDuration = SignedDuration::from_mins(1);

/// How far apart the polls of one watch must be in the long run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace(SignedDuration);

impl Pace {
    /// That of an account that has so many watches.
    pub(super) async fn of(
        stack: &Stack,
        connection: &Connection,
        watches: usize,
    ) -> Result<Self, FlowError> {
        let Some(connector) = stack.catalog.connector(connection.provider) else {
            return Ok(Self(SignedDuration::ZERO));
        };
        let budget = stack.budgets.look(connection).await?;
        let calls = budget.pace(&connector.limits(connection), stack.now()).unwrap_or_default();
        Ok(Self(calls.saturating_mul(i32::try_from(watches).unwrap_or(i32::MAX))))
    }

    /// When a watch may be polled for this reason; `None`: now.
    pub(super) async fn not_before(
        self,
        stack: &Stack,
        watch: &Key,
        why: Why,
    ) -> Result<Option<Timestamp>, FlowError> {
        if self.0 <= WORTH_IT || why == Why::AtOnce {
            return Ok(None);
        }
        let place: Place = lease::read(stack, watch).await?;
        Ok(self.opens(place.paced_until, why, stack.now()))
    }

    fn opens(self, paced_until: Option<Timestamp>, why: Why, now: Timestamp) -> Option<Timestamp> {
        let early = match why {
            Why::AtOnce => return None,
            Why::News => BURST - 1,
            Why::Turn => 1,
        };
        let opens = self.of_today(paced_until?, now) - self.0 * early;
        (opens > now).then_some(opens)
    }

    /// What stands in the watch's place after a poll.
    pub(super) fn after_a_poll(self, paced_until: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let used = paced_until.map_or(now, |until| self.of_today(until, now).max(now));
        (self.0 > WORTH_IT).then(|| used + self.0)
    }

    /// A day that was nearly used up leaves nothing to be made up for on the next.
    fn of_today(self, paced_until: Timestamp, now: Timestamp) -> Timestamp {
        paced_until.min(now + self.0 * BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// Seconds at which a watch is polled that is asked for at each of these.
    fn polled(pace: Pace, asked: impl Iterator<Item = i64>, why: Why) -> Vec<i64> {
        let mut paced_until = None;
        let mut polls = Vec::new();
        for second in asked {
            if pace.opens(paced_until, why, at(second)).is_none() {
                paced_until = pace.after_a_poll(paced_until, at(second));
                polls.push(second);
            }
        }
        polls
    }

    #[test]
    fn schedules_that_are_too_fast_lose_a_turn_now_and_then_and_slow_ones_none() {
        let pace = |seconds| Pace(SignedDuration::from_secs(seconds));
        let day = || (0..288).map(|n| n * 300);
        assert_eq!(polled(pace(300), day(), Why::Turn).len(), 288);
        assert_eq!(polled(pace(360), day(), Why::Turn).len(), 241);
        assert_eq!(polled(pace(1_800), day(), Why::Turn).len(), 49);
        assert_eq!(polled(pace(20), 0..3_600, Why::Turn).len(), 3_600, "there is plenty");
    }

    #[test]
    fn rare_news_is_met_at_once_and_a_stream_gets_its_part() {
        let pace = Pace(SignedDuration::from_secs(600));
        assert_eq!(polled(pace, (0..20).map(|n| n * 900), Why::News).len(), 20);
        assert_eq!(polled(pace, [0, 5, 9, 11].into_iter(), Why::News), [0, 5, 9]);
        assert_eq!(polled(pace, (0..86_400).step_by(7), Why::News).len(), 144 + 2);
    }

    #[test]
    fn the_end_of_a_short_day_is_forgotten_by_the_next() {
        let paced_until = Pace(SignedDuration::from_hours(30)).after_a_poll(None, at(0));
        let tomorrow = Pace(SignedDuration::from_secs(100));
        let opens = tomorrow.opens(paced_until, Why::Turn, at(60));
        assert_eq!(opens, Some(at(260)));
    }
}
