//! The arithmetic of an account's limits: what may be sent now, and what answers say of it. Pure; the table is [`super`]'s.
//!
//! A rolling log of the last 61 seconds' sends is safe whatever the phase of a provider's fixed minute. Slots for
//! calls in flight expire, so that a crash doesn't keep one. The day's count is the lower of ours and what the
//! headers say.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ports::connector::{LimitKind, Limits, Usage};

/// Who asks: backfills leave room for live events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    Live,
    Bulk,
    /// Bulk work, all of which together has at most so many percent of the day.
    Share(u8),
}

/// The state of an account's limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Milliseconds of each send of the last 61 seconds, oldest first.
    sends: Vec<i64>,
    /// Calls in flight: id, and when the slot is free in any case.
    slots: Vec<(Uuid, i64)>,
    /// When the count of the day began.
    day_began: i64,
    day_count: u32,
    /// How many of them were not for live events.
    #[serde(default)]
    bulk_count: u32,
    /// What the headers said last: remaining calls of the day and of the minute, and when.
    header_day: Option<(u32, i64)>,
    header_minute: Option<(u32, i64)>,
    header_day_limit: Option<u32>,
    /// Nothing is sent before this: a limit was hit.
    paused_until: i64,
    paused_for: Option<LimitKind>,
    /// The owner was told of this pause.
    told: bool,
    /// Calls ever sent.
    #[serde(default)]
    sent: u64,
    /// What the header of the day said when nothing else was in flight, and how many calls had been sent then.
    #[serde(default)]
    quiet: Option<(u32, u64)>,
    /// Calls of the day that the headers count and we didn't make.
    #[serde(default)]
    foreign: u32,
    #[serde(default)]
    foreign_told: bool,
}

/// What the owner should hear of, after a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct News {
    /// A limit was hit, and it takes long.
    pub long_pause: bool,
    /// So many calls that aren't ours, told for the first time.
    pub shared: Option<u32>,
}

/// A send that is allowed: give it back when the call has ended. Nil: a read that took nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    pub(super) slot: Uuid,
}

impl Permit {
    /// Whether it was for a read that took nothing.
    pub fn is_free(&self) -> bool {
        self.slot.is_nil()
    }
}

/// Not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotYet {
    pub until: Timestamp,
    pub limit: LimitKind,
    /// There are calls left, but not for bulk work.
    pub kept: bool,
}

const MINUTE: i64 = 61_000;
const DAY: i64 = 24 * 3_600_000;
/// A fifth of the minute and of the day is kept from backfills.
const KEPT_FOR_LIVE: u32 = 5;
/// Fewer than this may be calls of ours that ended otherwise than they seemed to.
const FOREIGN: u32 = 10;
/// Of what the day has left, polls use three quarters at most: what they find has effects, and those need calls too.
const KEPT_FOR_EFFECTS: u32 = 4;
/// When all slots are taken by other processes: look again after this.
const SLOT_WAIT: i64 = 250;

impl Budget {
    /// Takes one send, or says when to ask again.
    pub fn take(
        &mut self,
        now: Timestamp,
        limits: &Limits,
        priority: Priority,
        slot: Uuid,
    ) -> Result<Permit, NotYet> {
        self.look(now, limits, priority)?;
        let at = now.as_millisecond();
        let not_yet = |until: i64, limit| NotYet { until: instant(until, now), limit, kept: false };
        if let Some(minute) = limits.minute {
            let allowed = minute.saturating_sub(kept(minute, priority)) as usize;
            if self.sends.len() >= allowed.max(1) {
                let oldest = self.sends[self.sends.len() - allowed.max(1)];
                return Err(not_yet(oldest + MINUTE, LimitKind::Minute));
            }
            // Somebody else uses the account too: their calls show in the headers only.
            if let Some((remaining, said_at)) = self.header_minute
                && at - said_at < MINUTE
            {
                let since = self.sends.iter().filter(|sent| **sent > said_at).count();
                if since >= remaining as usize {
                    return Err(not_yet(said_at + MINUTE, LimitKind::Minute));
                }
            }
        }
        if self.slots.len() >= limits.in_flight as usize {
            return Err(not_yet(at + SLOT_WAIT, LimitKind::InFlight));
        }
        self.sends.push(at);
        self.day_count += 1;
        self.bulk_count += u32::from(priority != Priority::Live);
        self.sent += 1;
        let free_at = at + i64::try_from(limits.timeout.as_millis()).unwrap_or(60_000) + 5_000;
        self.slots.push((slot, free_at));
        Ok(Permit { slot })
    }

    /// Whether anything may be sent now, as far as the day and a limit that was hit go.
    pub fn look(&mut self, now: Timestamp, limits: &Limits, priority: Priority) -> Result<(), NotYet> {
        let at = now.as_millisecond();
        self.sends.retain(|sent| at - sent < MINUTE);
        self.slots.retain(|(_, free_at)| *free_at > at);
        if at - self.day_began >= DAY {
            (self.day_began, self.day_count, self.bulk_count, self.header_day) = (at, 0, 0, None);
            (self.quiet, self.foreign) = (None, 0);
        }
        let not_yet = |until: i64, limit| NotYet { until: instant(until, now), limit, kept: false };

        if self.paused_until > at {
            return Err(not_yet(self.paused_until, self.paused_for.unwrap_or(LimitKind::Minute)));
        }
        let left = self.day_left(limits).unwrap_or(u32::MAX);
        if left == 0 {
            return Err(not_yet(self.day_began + DAY, LimitKind::Day));
        }
        if left <= kept(self.day_limit(limits).unwrap_or(0), priority)
            || self.share_of(limits, priority).is_some_and(|share| self.bulk_count >= share)
        {
            return Err(NotYet { kept: true, ..not_yet(self.day_began + DAY, LimitKind::Day) });
        }
        Ok(())
    }

    /// Whether what an answer says of the day is more than a tenth of it away from what is known: often where little
    /// is left, and hardly ever on a quiet day.
    pub(super) fn is_news(&self, usage: &Usage, limits: &Limits) -> bool {
        let Some(said) = usage.day_remaining else { return false };
        self.day_left(limits).is_none_or(|known| known.abs_diff(said) > said / 10)
    }

    /// A call has ended.
    pub fn give_back(&mut self, now: Timestamp, permit: &Permit, usage: &Usage) {
        let at = now.as_millisecond();
        self.slots.retain(|(slot, _)| *slot != permit.slot);
        // Of several answers on their way, the lowest number is the newest.
        let lower = |old: Option<(u32, i64)>, new: u32| match old {
            Some((remaining, said_at)) if at - said_at < 1_000 && remaining < new => (remaining, at),
            _ => (new, at),
        };
        if let Some(remaining) = usage.minute_remaining {
            self.header_minute = Some(lower(self.header_minute, remaining));
        }
        if let Some(remaining) = usage.day_remaining {
            self.header_day = Some(lower(self.header_day, remaining));
        }
        if usage.day_limit.is_some() {
            self.header_day_limit = usage.day_limit;
        }
    }

    /// Between two moments with nothing in flight, what is left of the day falls by our own calls, or by less: a call
    /// that is refused isn't counted, and old ones leave the day. What it falls by more, somebody else has used. Returns
    /// how much that is, when it is worth telling for the first time.
    pub fn compare(&mut self, limits: &Limits, usage: &Usage) -> Option<u32> {
        let remaining = usage.day_remaining.filter(|_| limits.own && self.slots.is_empty())?;
        let (before, sent) = self.quiet.replace((remaining, self.sent)).unwrap_or((remaining, self.sent));
        let ours = u32::try_from(self.sent - sent).unwrap_or(u32::MAX);
        self.foreign += before.saturating_sub(remaining).saturating_sub(ours);
        let tell = self.foreign >= FOREIGN && !self.foreign_told;
        self.foreign_told |= tell;
        tell.then_some(self.foreign)
    }

    /// Calls of the day that somebody else made with our client id, as far as it is certain.
    pub fn foreign(&self) -> Option<u32> {
        (self.foreign >= FOREIGN).then_some(self.foreign)
    }

    /// When the account was called last.
    pub fn last_sent(&self) -> Option<Timestamp> {
        self.sends.last().and_then(|at| Timestamp::from_millisecond(*at).ok())
    }

    /// A limit was hit anyway: nothing is sent until the time that the provider gave. Returns whether it is long
    /// enough to tell its owner, for the first time.
    pub fn pause(&mut self, now: Timestamp, limit: LimitKind, retry_after: Option<Duration>) -> bool {
        let wait = retry_after.unwrap_or(match limit {
            LimitKind::InFlight => Duration::from_secs(1),
            LimitKind::Minute | LimitKind::AppMinute => Duration::from_secs(61),
            LimitKind::Day => Duration::from_hours(1),
        });
        let until = now.as_millisecond() + i64::try_from(wait.as_millis()).unwrap_or(DAY) + 1_000;
        if until > self.paused_until {
            if self.paused_until <= now.as_millisecond() {
                self.told = false;
            }
            (self.paused_until, self.paused_for) = (until, Some(limit));
        }
        let long = wait > Duration::from_mins(15);
        let tell = long && !self.told;
        self.told |= long;
        tell
    }

    pub fn paused(&self, now: Timestamp) -> Option<NotYet> {
        (self.paused_until > now.as_millisecond()).then(|| NotYet {
            until: instant(self.paused_until, now),
            limit: self.paused_for.unwrap_or(LimitKind::Minute),
            kept: false,
        })
    }

    /// Calls that the minute still has; None where there is no such limit.
    pub fn minute_left(&self, limits: &Limits, now: Timestamp) -> Option<u32> {
        let sent = self.sends.iter().filter(|sent| now.as_millisecond() - **sent < MINUTE).count();
        limits.minute.map(|minute| minute.saturating_sub(u32::try_from(sent).unwrap_or(u32::MAX)))
    }

    pub fn day_count(&self) -> u32 {
        self.day_count
    }

    /// Calls of the day that were not for live events.
    pub fn bulk_count(&self, now: Timestamp) -> u32 {
        if now.as_millisecond() - self.day_began >= DAY { 0 } else { self.bulk_count }
    }

    /// Calls of a day that all bulk work together may make; `None`: nobody has set a share, or knows the limit.
    pub fn share_of(&self, limits: &Limits, priority: Priority) -> Option<u32> {
        let Priority::Share(percent) = priority else { return None };
        let calls = u64::from(self.day_limit(limits)?) * u64::from(percent) / 100;
        u32::try_from(calls).ok()
    }

    /// Calls a day, by the lower of what we know and what the provider says; `None` where nobody knows.
    pub fn day_limit(&self, limits: &Limits) -> Option<u32> {
        match (limits.day, self.header_day_limit) {
            (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
            (ours, theirs) => ours.or(theirs),
        }
    }

    /// How far apart an account's polls must be so that they leave a part of the day to effects, whenever these come, and
    /// last until it ends; None where nobody knows what the day has left.
    pub fn pace(&self, limits: &Limits, now: Timestamp) -> Option<SignedDuration> {
        let at = now.as_millisecond();
        let mut today = self.clone();
        if at - today.day_began >= DAY {
            (today.day_began, today.day_count) = (at, 0);
            // Where the provider alone counts the day, what it said last still holds.
            let holds = |(_, said_at): &(u32, i64)| limits.minute.is_none() && at - said_at < DAY;
            today.header_day = today.header_day.filter(holds);
        }
        let left = today.day_left(limits)?;
        let for_polls = (left - left / KEPT_FOR_EFFECTS).max(1);
        Some(SignedDuration::from_millis((today.day_began + DAY - at) / i64::from(for_polls)))
    }

    /// Calls that the day still has; None where nobody knows.
    pub fn day_left(&self, limits: &Limits) -> Option<u32> {
        let counted = self.day_limit(limits).map(|limit| limit.saturating_sub(self.day_count));
        let header = self.header_day.map(|(remaining, said_at)| {
            let since = self.sends.iter().filter(|sent| **sent > said_at).count();
            remaining.saturating_sub(u32::try_from(since).unwrap_or(u32::MAX))
        });
        match (counted, header) {
            (Some(counted), Some(header)) => Some(counted.min(header)),
            (counted, header) => counted.or(header),
        }
    }
}

fn kept(limit: u32, priority: Priority) -> u32 {
    match priority {
        Priority::Live => 0,
        Priority::Bulk | Priority::Share(_) => limit.div_ceil(KEPT_FOR_LIVE),
    }
}

fn instant(milliseconds: i64, otherwise: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            minute: Some(60),
            in_flight: 5,
            day: Some(1_000),
            timeout: Duration::from_mins(1),
            longest_call: Duration::from_mins(6),
            own: true,
            key_window: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn send(budget: &mut Budget, second: i64, priority: Priority) -> Result<(), NotYet> {
        let permit = budget.take(at(second), &limits(), priority, Uuid::from_u128(u128::MAX))?;
        budget.give_back(at(second), &permit, &Usage::default());
        Ok(())
    }

    #[test]
    fn the_sixty_first_call_waits_until_the_first_is_61_seconds_old() {
        let mut budget = Budget::default();
        for n in 0..60 {
            send(&mut budget, n / 2, Priority::Live).unwrap();
        }
        let not_yet = send(&mut budget, 30, Priority::Live).unwrap_err();
        assert_eq!(not_yet, NotYet { until: at(61), limit: LimitKind::Minute, kept: false });
        send(&mut budget, 61, Priority::Live).unwrap();
    }

    #[test]
    fn backfills_leave_a_fifth_of_the_minute_to_live_events() {
        let mut budget = Budget::default();
        for _ in 0..48 {
            send(&mut budget, 0, Priority::Bulk).unwrap();
        }
        assert!(send(&mut budget, 1, Priority::Bulk).is_err());
        for _ in 0..12 {
            send(&mut budget, 1, Priority::Live).unwrap();
        }
        assert!(send(&mut budget, 1, Priority::Live).is_err());
    }

    #[test]
    fn five_are_in_flight_at_the_most_and_a_crash_frees_its_slot() {
        let mut budget = Budget::default();
        for n in 0..5 {
            budget.take(at(0), &limits(), Priority::Live, Uuid::from_u128(n)).unwrap();
        }
        let not_yet = budget.take(at(0), &limits(), Priority::Live, Uuid::from_u128(9)).unwrap_err();
        assert_eq!(not_yet.limit, LimitKind::InFlight);
        budget.take(at(66), &limits(), Priority::Live, Uuid::from_u128(9)).unwrap();
    }

    #[test]
    fn the_day_ends_at_its_limit_and_a_fifth_is_kept_for_live_events() {
        let mut budget = Budget::default();
        for n in 0..800 {
            send(&mut budget, n * 2, Priority::Bulk).unwrap();
        }
        let not_yet = send(&mut budget, 1_700, Priority::Bulk).unwrap_err();
        assert_eq!(not_yet, NotYet { until: at(86_400), limit: LimitKind::Day, kept: true });
        for n in 0..200 {
            send(&mut budget, 1_700 + n * 2, Priority::Live).unwrap();
        }
        assert_eq!(send(&mut budget, 2_200, Priority::Live).unwrap_err().limit, LimitKind::Day);
        send(&mut budget, 86_400, Priority::Live).unwrap();
    }

    #[test]
    fn a_share_of_the_day_holds_for_all_bulk_work_together_and_begins_anew_with_the_day() {
        let mut budget = Budget::default();
        for n in 0..60 {
            send(&mut budget, n * 2, Priority::Share(10)).unwrap();
        }
        for n in 60..100 {
            send(&mut budget, n * 2, Priority::Bulk).unwrap();
        }
        let not_yet = send(&mut budget, 300, Priority::Share(10)).unwrap_err();
        assert_eq!(not_yet, NotYet { until: at(86_400), limit: LimitKind::Day, kept: true });
        send(&mut budget, 300, Priority::Share(20)).unwrap();
        send(&mut budget, 302, Priority::Live).unwrap();
        assert_eq!(budget.bulk_count(at(302)), 101);
        send(&mut budget, 86_400, Priority::Share(10)).unwrap();
        assert_eq!(budget.bulk_count(at(86_400)), 1);
    }

    #[test]
    fn polls_are_as_far_apart_as_three_quarters_of_what_the_day_has_left_allow() {
        let mut budget = Budget::default();
        let pace = |budget: &Budget, second| budget.pace(&limits(), at(second)).map(|pace| pace.as_secs());
        assert_eq!(pace(&budget, 0), Some(86_400 / 750), "a day that hasn't begun");
        for n in 0..600 {
            send(&mut budget, n * 2, Priority::Live).unwrap();
        }
        assert_eq!(pace(&budget, 43_200), Some(43_200 / 300));
        assert_eq!(
            pace(&budget, 86_400 - 300),
            Some(1),
            "what the end of the day has left is there to be used"
        );
        assert_eq!(pace(&budget, 86_400), Some(86_400 / 750));
        let unknown = Limits { day: None, ..limits() };
        assert_eq!(budget.pace(&unknown, at(0)), None);
        let said = Usage { day_remaining: Some(100), day_limit: Some(15_000), ..Usage::default() };
        let by_header = Limits { minute: None, day: None, ..limits() };
        let mut budget = Budget::default();
        budget.give_back(at(0), &Permit { slot: Uuid::nil() }, &said);
        assert_eq!(budget.pace(&by_header, at(60)).map(|pace| pace.as_secs()), Some(86_400 / 75));
    }

    #[test]
    fn headers_that_say_less_than_our_count_are_believed() {
        let mut budget = Budget::default();
        let permit = budget.take(at(0), &limits(), Priority::Live, Uuid::nil()).unwrap();
        let usage = Usage { minute_remaining: Some(1), day_remaining: Some(2), ..Usage::default() };
        budget.give_back(at(0), &permit, &usage);
        send(&mut budget, 1, Priority::Live).unwrap();
        assert_eq!(send(&mut budget, 2, Priority::Live).unwrap_err().until, at(61));
        send(&mut budget, 61, Priority::Live).unwrap();
        assert_eq!(
            send(&mut budget, 130, Priority::Live),
            Ok(()),
            "sends older than the log are in the count"
        );
    }

    #[test]
    fn calls_that_the_headers_count_and_we_did_not_make_are_somebody_elses() {
        let mut budget = Budget::default();
        let mut left = 900;
        let mut call = |second: i64, foreign: u32| {
            let permit = budget.take(at(second), &limits(), Priority::Live, Uuid::nil()).unwrap();
            left -= 1 + foreign;
            let usage = Usage { day_remaining: Some(left), ..Usage::default() };
            budget.give_back(at(second), &permit, &usage);
            (budget.compare(&limits(), &usage), budget.foreign())
        };
        assert!((0..20).all(|n| call(n, 0) == (None, None)), "ours alone");
        assert_eq!(call(30, 9), (None, None), "so few may be a mistake");
        assert_eq!(call(40, 3), (Some(12), Some(12)));
        assert_eq!(call(50, 5), (None, Some(17)), "told once");
    }

    #[test]
    fn calls_in_flight_and_a_new_day_are_no_strangers() {
        let mut budget = Budget::default();
        let usage = |left| Usage { day_remaining: Some(left), ..Usage::default() };
        let [first, second] =
            [1, 2].map(|n| budget.take(at(0), &limits(), Priority::Live, Uuid::from_u128(n)).unwrap());
        // The later call was counted first.
        budget.give_back(at(1), &second, &usage(898));
        assert_eq!(budget.compare(&limits(), &usage(898)), None);
        budget.give_back(at(1), &first, &usage(899));
        budget.compare(&limits(), &usage(899));
        budget.compare(&limits(), &usage(5_000));
        assert_eq!((budget.compare(&limits(), &usage(5_000)), budget.foreign()), (None, None));
        let shared = Limits { own: false, ..limits() };
        assert_eq!(budget.compare(&shared, &usage(100)), None, "others may use an org");
    }

    #[test]
    fn a_limit_that_is_hit_pauses_until_the_time_given_and_a_long_one_is_told_once() {
        let mut budget = Budget::default();
        assert!(!budget.pause(at(0), LimitKind::Minute, Some(Duration::from_secs(26))));
        assert_eq!(send(&mut budget, 20, Priority::Live).unwrap_err().until, at(27));
        send(&mut budget, 27, Priority::Live).unwrap();
        assert!(budget.pause(at(30), LimitKind::Day, Some(Duration::from_secs(66_975))));
        assert!(!budget.pause(at(31), LimitKind::Day, Some(Duration::from_secs(66_974))));
        assert_eq!(budget.paused(at(40)).unwrap().limit, LimitKind::Day);
    }
}
