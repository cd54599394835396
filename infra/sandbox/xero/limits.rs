//! Xero's four limits, counted as Xero counts: in fixed windows that begin at another moment for each tenant, or in
//! rolling ones, which older pages have.
//!
//! <https://developer.xero.com/documentation/guides/oauth2/limits/>. A refused call uses up nothing.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::disputed::Windows;
use crate::locked;

/// Calls in progress at once, per app and tenant.
pub const CONCURRENT: u32 = 5;
/// Calls a minute, per app and tenant.
pub const PER_MINUTE: u32 = 60;
/// Calls a minute, per app over all tenants.
pub const APP_PER_MINUTE: u32 = 10_000;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 3600;

/// What the app pays for decides the calls per day, app and tenant, and how many connections it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    Starter,
    #[default]
    Core,
    /// Certified apps only, from here up.
    Plus,
    Advanced,
}

impl Tier {
    pub fn per_day(self) -> u32 {
        match self {
            Self::Starter => 1_000,
            Self::Core | Self::Plus | Self::Advanced => 5_000,
        }
    }

    pub fn most_connections(self) -> usize {
        match self {
            Self::Starter => 5,
            Self::Core => 50,
            Self::Plus => 1_000,
            Self::Advanced => 10_000,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    Concurrent,
    Minute { retry_after: i64 },
    Day { retry_after: i64 },
    AppMinute,
}

/// How many calls an app may make in an organisation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    pub(crate) per_day: u32,
    /// In the first half hour of a certified app's connection neither day nor minute count.
    /// <https://developer.xero.com/documentation/guides/oauth2/limits/>
    pub(crate) is_rapid: bool,
    pub(crate) windows: Windows,
}

/// How many calls of each limit are used up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    pub minute: u32,
    pub day: u32,
    pub app_minute: u32,
}

/// For the three `X-…-Remaining` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remaining {
    pub(crate) day: u32,
    pub(crate) minute: u32,
    pub(crate) app_minute: u32,
}

#[derive(Debug)]
pub(crate) struct Limiter {
    on: bool,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    accounts: HashMap<(String, Uuid), Account>,
    apps: HashMap<String, Window>,
}

#[derive(Debug, Default)]
struct Account {
    minute: Window,
    day: Window,
    in_progress: u32,
}

/// The calls of one limit that still count.
#[derive(Debug, Default)]
struct Window {
    /// By second.
    calls: VecDeque<(i64, u32)>,
    used: u32,
}

impl Window {
    /// How many count at that second, and the seconds until there are fewer.
    fn at(&mut self, second: i64, length: i64, windows: Windows) -> (u32, i64) {
        let start = match windows {
            Windows::Fixed => second.div_euclid(length) * length,
            Windows::Rolling => second - length + 1,
        };
        while let Some((_, calls)) = self.calls.pop_front_if(|(at, _)| *at < start) {
            self.used -= calls;
        }
        let wait = match (windows, self.calls.front()) {
            (Windows::Rolling, Some((oldest, _))) => oldest + length - second,
            _ => length - second.rem_euclid(length),
        };
        (self.used, wait)
    }

    fn add(&mut self, second: i64, calls: u32) {
        if calls == 0 {
            // Nobody waits for the end of nothing.
            return;
        }
        match self.calls.back_mut() {
            Some((at, count)) if *at == second => *count += calls,
            _ => self.calls.push_back((second, calls)),
        }
        self.used += calls;
    }
}

/// A place among the calls in progress, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    inner: Arc<Mutex<Inner>>,
    account: (String, Uuid),
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(account) = locked(&self.inner).accounts.get_mut(&self.account) {
            account.in_progress = account.in_progress.saturating_sub(1);
        }
    }
}

impl Limiter {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, inner: Arc::default() }
    }

    pub(crate) fn clear(&self) {
        *locked(&self.inner) = Inner::default();
    }

    /// Takes one call from each limit, or says which one is used up.
    pub(crate) fn take(
        &self,
        client: &str,
        tenant: Uuid,
        Allowance { per_day, is_rapid, windows }: Allowance,
        now: Timestamp,
    ) -> Result<Place, Problem> {
        let key = (client.to_owned(), tenant);
        let mut inner = locked(&self.inner);
        let Inner { accounts, apps } = &mut *inner;
        let account = accounts.entry(key.clone()).or_default();
        let app = apps.entry(client.to_owned()).or_default();
        let [minute_at, day_at] = own_seconds(tenant, now);
        if self.on {
            let (used, retry_after) = account.minute.at(minute_at, MINUTE, windows);
            let minute = (used >= PER_MINUTE).then_some(Problem::Minute { retry_after });
            let (used, retry_after) = account.day.at(day_at, DAY, windows);
            let day = (used >= per_day).then_some(Problem::Day { retry_after });
            let (used, _) = app.at(now.as_second(), MINUTE, windows);
            let app_minute = (used >= APP_PER_MINUTE).then_some(Problem::AppMinute);
            let concurrent = (account.in_progress >= CONCURRENT).then_some(Problem::Concurrent);
            let own = day.or(minute).filter(|_| !is_rapid);
            if let Some(problem) = own.or(app_minute).or(concurrent) {
                return Err(problem);
            }
            app.add(now.as_second(), 1);
            if !is_rapid {
                account.minute.add(minute_at, 1);
                account.day.add(day_at, 1);
            }
        }
        account.in_progress += 1;
        Ok(Place { inner: self.inner.clone(), account: key })
    }

    /// As if there had been so many calls in this second.
    pub(crate) fn use_up(&self, client: &str, tenant: Uuid, used: Used, now: Timestamp) {
        let mut inner = locked(&self.inner);
        let Inner { accounts, apps } = &mut *inner;
        let account = accounts.entry((client.to_owned(), tenant)).or_default();
        let [minute_at, day_at] = own_seconds(tenant, now);
        account.minute.add(minute_at, used.minute);
        account.day.add(day_at, used.day);
        apps.entry(client.to_owned()).or_default().add(now.as_second(), used.app_minute);
    }

    /// For people: what each app has left in each organisation that it has called.
    pub(crate) fn left(
        &self,
        organisations: &[(Uuid, String)],
        allowance: &dyn Fn(&str) -> Allowance,
        now: Timestamp,
    ) -> Value {
        let callers: Vec<(String, Uuid)> = locked(&self.inner).accounts.keys().cloned().collect();
        let mut rows = Vec::new();
        for (client, tenant) in callers {
            let Some((_, name)) = organisations.iter().find(|(id, _)| *id == tenant) else { continue };
            let allowance = allowance(&client);
            let left = self.remaining(&client, tenant, allowance, now);
            let account = format!("{name} ({client})");
            for (limit, left, of) in [
                ("calls a day", left.day, allowance.per_day),
                ("calls a minute", left.minute, PER_MINUTE),
                ("calls a minute, of the app", left.app_minute, APP_PER_MINUTE),
            ] {
                rows.push(json!({ "account": account, "limit": limit, "left": left, "of": of }));
            }
        }
        rows.sort_by_key(|row| row["account"].to_string());
        rows.into()
    }

    pub(crate) fn remaining(
        &self,
        client: &str,
        tenant: Uuid,
        Allowance { per_day, windows, .. }: Allowance,
        now: Timestamp,
    ) -> Remaining {
        let mut inner = locked(&self.inner);
        let app = inner.apps.get_mut(client).map_or(0, |app| app.at(now.as_second(), MINUTE, windows).0);
        let [minute_at, day_at] = own_seconds(tenant, now);
        let account = inner.accounts.get_mut(&(client.to_owned(), tenant));
        let (minute, day) = account.map_or((0, 0), |account| {
            (account.minute.at(minute_at, MINUTE, windows).0, account.day.at(day_at, DAY, windows).0)
        });
        Remaining {
            day: per_day.saturating_sub(day),
            minute: PER_MINUTE.saturating_sub(minute),
            app_minute: APP_PER_MINUTE.saturating_sub(app),
        }
    }
}

/// The seconds by which this tenant's minutes and days are counted: fixed windows of theirs begin at other moments.
fn own_seconds(tenant: Uuid, now: Timestamp) -> [i64; 2] {
    [MINUTE, DAY].map(|length| now.as_second() + offset(tenant, length))
}

/// Where this tenant's windows begin.
fn offset(tenant: Uuid, length: i64) -> i64 {
    let mut hasher = DefaultHasher::new();
    tenant.hash(&mut hasher);
    i64::try_from(hasher.finish() % length.unsigned_abs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: Uuid = Uuid::from_u128(42);
    const A_DAY: Allowance = Allowance { per_day: 5_000, is_rapid: false, windows: Windows::Fixed };
    const ROLLING: Allowance = Allowance { windows: Windows::Rolling, ..A_DAY };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_341_600 + second).unwrap()
    }

    /// How many calls of one second pass.
    fn passed(limiter: &Limiter, second: i64, tries: u32) -> usize {
        (0..tries).filter(|_| limiter.take("app", TENANT, A_DAY, at(second)).is_ok()).count()
    }

    #[test]
    fn the_sixty_first_call_of_a_minute_is_told_when_the_window_ends() {
        let limiter = Limiter::new(true);
        assert_eq!(passed(&limiter, 0, 60), 60);
        let Err(Problem::Minute { retry_after }) = limiter.take("app", TENANT, A_DAY, at(0)) else {
            panic!("not refused")
        };
        assert!((1..=60).contains(&retry_after));
        assert!(limiter.take("app", TENANT, A_DAY, at(retry_after - 1)).is_err());
        assert!(limiter.take("app", TENANT, A_DAY, at(retry_after)).is_ok());
        assert_eq!(limiter.remaining("app", TENANT, A_DAY, at(retry_after)).minute, 59);
    }

    #[test]
    fn in_rolling_windows_each_call_comes_back_a_minute_after_it_was_made() {
        let limiter = Limiter::new(true);
        let take = |second| limiter.take("app", TENANT, ROLLING, at(second)).map(drop);
        let passed = |second, tries: u32| (0..tries).filter(|_| take(second).is_ok()).count();
        assert_eq!((passed(0, 20), passed(30, 50)), (20, 40));
        assert_eq!(take(31), Err(Problem::Minute { retry_after: 29 }));
        assert_eq!(limiter.remaining("app", TENANT, ROLLING, at(59)).minute, 0);
        assert_eq!((passed(60, 50), passed(89, 1), passed(90, 50)), (20, 0, 40));
    }

    #[test]
    fn nobody_waits_for_the_end_of_calls_that_used_up_nothing() {
        let limiter = Limiter::new(true);
        limiter.use_up("app", TENANT, Used { app_minute: 1, ..Used::default() }, at(0));
        limiter.use_up("app", TENANT, Used { minute: 60, ..Used::default() }, at(30));
        let refused = limiter.take("app", TENANT, ROLLING, at(31)).map(drop);
        assert_eq!(refused, Err(Problem::Minute { retry_after: 59 }));
    }

    #[test]
    fn an_app_has_its_own_minute_over_all_tenants() {
        let limiter = Limiter::new(true);
        limiter.use_up("app", TENANT, Used { app_minute: APP_PER_MINUTE - 1, ..Used::default() }, at(0));
        assert!(limiter.take("app", Uuid::from_u128(43), A_DAY, at(0)).is_ok());
        let refused = limiter.take("app", Uuid::from_u128(44), A_DAY, at(0)).unwrap_err();
        assert_eq!(refused, Problem::AppMinute);
        assert!(limiter.take("other", TENANT, A_DAY, at(0)).is_ok());
        assert!(limiter.take("app", TENANT, A_DAY, at(60)).is_ok());
    }

    #[test]
    fn tenants_have_windows_of_their_own() {
        let limiter = Limiter::new(true);
        assert_eq!(passed(&limiter, 0, 61), 60);
        assert!(limiter.take("app", Uuid::from_u128(43), A_DAY, at(0)).is_ok());
        let starts: std::collections::HashSet<i64> =
            (0..50).map(|tenant| offset(Uuid::from_u128(tenant), 60)).collect();
        assert!(starts.len() > 10);
    }

    #[test]
    fn the_sixth_call_in_progress_is_refused_until_one_ends() {
        let limiter = Limiter::new(true);
        let mut held: Vec<Place> =
            (0..5).map(|_| limiter.take("app", TENANT, A_DAY, at(0)).unwrap()).collect();
        assert_eq!(limiter.take("app", TENANT, A_DAY, at(0)).unwrap_err(), Problem::Concurrent);
        held.pop();
        assert!(limiter.take("app", TENANT, A_DAY, at(0)).is_ok());
    }

    #[test]
    fn a_used_up_day_says_so_for_hours() {
        let limiter = Limiter::new(true);
        for call in 0..1_000 {
            assert!(
                limiter
                    .take("app", TENANT, Allowance { per_day: 1_000, ..A_DAY }, at(call / 50 * 60))
                    .is_ok()
            );
        }
        let refused =
            limiter.take("app", TENANT, Allowance { per_day: 1_000, ..A_DAY }, at(1_200)).unwrap_err();
        assert!(matches!(refused, Problem::Day { retry_after } if retry_after > 0), "{refused:?}");
    }

    #[test]
    fn nothing_is_refused_when_limits_are_off() {
        let limiter = Limiter::new(false);
        assert_eq!(passed(&limiter, 0, 500), 500);
        assert_eq!(limiter.remaining("app", TENANT, A_DAY, at(0)).minute, 60);
    }
}
