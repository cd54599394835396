//! An account as the product uses it: budgeted, authorised and classified calls.
//!
//! Reads go through [`Account::read`]; the gate uses the parts (`reserve`, `send`) since a group's row is written
//! between them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::budget::{Budgets, NotYet, Permit, Priority};
use super::notify::Notices;
use super::refresh::Tokens;
use super::{FlowError, fault_of};
use crate::domain::connection::Connection;
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::Ports;
use crate::ports::clock::Clock;
use crate::ports::connector::{Account, Call, Connector, LimitKind, Limits, Token, Verdict};
use crate::ports::http::Response;
use crate::ports::random::Random;
use crate::ports::table::Table;

/// A wait for a limit that is shorter than this is waited out; a longer one is handed back.
const WAITED_OUT: SignedDuration = SignedDuration::from_secs(3);
/// Below this a person who waits is told at once.
const LEAST_TIME: SignedDuration = SignedDuration::from_secs(1);
/// How long a long pause is when the provider doesn't say.
const LONG_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// One account for one batch of work.
#[derive(Clone)]
pub struct Client {
    pub connection: Arc<Connection>,
    pub connector: Arc<dyn Connector>,
    pub priority: Priority,
    /// No call is started that could end after this.
    pub deadline: Timestamp,
    /// Its calls take the time that is left, where that is less than they may take.
    hurried: bool,
    /// It asks why it was forbidden something, and isn't one that asks already.
    wonders: bool,
    ports: Ports,
    budgets: Budgets,
    tokens: Tokens,
    notices: Notices,
}

/// What a call came to.
#[derive(Debug)]
pub struct Exchange {
    pub response: Option<Response>,
    pub verdict: Verdict,
}

impl Client {
    #[expect(clippy::too_many_arguments, reason = "the parts of a stack, named once, in `Stack::client`")]
    pub fn new(
        connection: Arc<Connection>,
        connector: Arc<dyn Connector>,
        priority: Priority,
        deadline: Timestamp,
        ports: Ports,
        budgets: Budgets,
        tokens: Tokens,
        notices: Notices,
    ) -> Self {
        Self {
            connection,
            connector,
            priority,
            deadline,
            hurried: false,
            wonders: true,
            ports,
            budgets,
            tokens,
            notices,
        }
    }

    /// For a person who waits, whose time is shorter than a call may take: calls begin all the same, and are given up at
    /// the deadline. Only for reads, of which a lost answer loses nothing.
    pub fn hurried(self) -> Self {
        Self { hurried: true, ..self }
    }

    /// No call of it is started that could end after this either.
    pub fn until(&self, end: Timestamp) -> Self {
        Self { deadline: self.deadline.min(end), ..self.clone() }
    }

    /// How long a call may take that begins now.
    fn time_limit(&self, limits: &Limits, now: Timestamp) -> Duration {
        let left = self.deadline.duration_since(now).max(LEAST_TIME).unsigned_abs();
        if self.hurried { limits.timeout.min(left) } else { limits.timeout }
    }

    fn has_time(&self, limits: &Limits, now: Timestamp) -> bool {
        now + signed(self.time_limit(limits, now)) <= self.deadline
    }

    /// One send of the account's budget. Short waits are waited out, as long as the call can still end in time.
    pub async fn reserve(&self) -> Result<Permit, Fault> {
        self.reserved(false).await
    }

    async fn reserved(&self, to_read: bool) -> Result<Permit, Fault> {
        let limits = self.connector.limits(&self.connection);
        loop {
            let now = self.ports.clock.now();
            if !self.has_time(&limits, now) {
                return Err(self.not_started(now, "no time is left for another call"));
            }
            let taken = match to_read {
                true => self.budgets.take_to_read(&self.connection, &limits, self.priority).await,
                false => self.budgets.take(&self.connection, &limits, self.priority).await,
            };
            let not_yet: NotYet = match taken.map_err(|e| fault_of(&e.into(), now))? {
                Ok(permit) => return Ok(permit),
                Err(not_yet) => not_yet,
            };
            if not_yet.wait(now) > WAITED_OUT {
                if not_yet.limit == LimitKind::Day && !not_yet.kept {
                    // Our own count came first: the provider never had to say it.
                    self.notices.long_pause(&self.connection, not_yet.wait(now)).await;
                }
                return Err(not_yet.fault(&self.connection));
            }
            self.ports.clock.sleep(not_yet.wait(now).unsigned_abs().max(Duration::from_millis(5))).await;
        }
    }

    /// Gives back a reservation for a call that was not made.
    pub async fn cancel(&self, permit: &Permit) {
        // A slot that can't be given back expires by itself.
        let limits = self.connector.limits(&self.connection);
        let _ = self.budgets.give_back(&self.connection, &limits, permit, &Default::default(), None).await;
    }

    /// Makes the call; after a 401 once more, with a fresh token. The permit is given back.
    pub async fn send(&self, permit: Permit, call: &Call, key: Option<&str>) -> Result<Exchange, Fault> {
        let token = match self.token(None).await {
            Ok(token) => token,
            Err(fault) => {
                self.cancel(&permit).await;
                return Err(fault);
            }
        };
        let exchange = self.exchange(&permit, call, key, &token).await?;
        let Verdict::Unauthorised(failure) = &exchange.verdict else { return Ok(exchange) };
        let fresh = self.token(Some(&token)).await?;
        tracing::info!(connection = %self.connection.id, code = %failure.code, "token refreshed after a 401");
        let permit = self.reserved(permit.is_free()).await?;
        let exchange = self.exchange(&permit, call, key, &fresh).await?;
        if let Verdict::Unauthorised(failure) = &exchange.verdict {
            self.tokens.is_refused(&self.connection, &fresh, failure).await;
        }
        Ok(exchange)
    }

    /// A token, and the time to use it: what was written down or waited for since the call was reserved took some.
    async fn token(&self, refused: Option<&Token>) -> Result<Token, Fault> {
        let connector = self.connector.as_ref();
        let token = self.tokens.token(&self.connection, connector, refused, self.deadline).await?;
        let now = self.ports.clock.now();
        if !self.has_time(&connector.limits(&self.connection), now) {
            return Err(self.not_started(now, "what came before the call took the time that was left"));
        }
        Ok(token)
    }

    async fn exchange(
        &self,
        permit: &Permit,
        call: &Call,
        key: Option<&str>,
        token: &Token,
    ) -> Result<Exchange, Fault> {
        let limits = self.connector.limits(&self.connection);
        let mut request = self.connector.authorise(&self.connection, token, call, key);
        request.timeout = self.time_limit(&limits, self.ports.clock.now());
        let result = self.ports.http.send(request).await;
        let verdict = self.connector.classify(call.method, &result);
        let usage = result.as_ref().map(|response| self.connector.usage(response)).unwrap_or_default();
        let limited = match &verdict {
            Verdict::Limited { limit, retry_after, .. } => Some((*limit, *retry_after)),
            _ => None,
        };
        match self.budgets.give_back(&self.connection, &limits, permit, &usage, limited).await {
            Ok(news) => {
                if news.long_pause {
                    let pause = limited.and_then(|(_, retry_after)| retry_after).map_or(LONG_PAUSE, signed);
                    self.notices.long_pause(&self.connection, pause).await;
                }
                if let Some(foreign) = news.shared {
                    self.notices.shared(&self.connection, foreign).await;
                }
            }
            // The slot expires; what the call did is known and must not be lost over this.
            Err(error) => tracing::warn!(connection = %self.connection.id, %error, "budget not given back"),
        }
        Ok(Exchange { response: result.ok(), verdict })
    }

    /// What a verdict means for one run, when nothing of the call was applied or it only read.
    pub async fn fault(&self, verdict: Verdict) -> Fault {
        let now = self.ports.clock.now();
        match verdict {
            Verdict::Answered => Fault::terminal("answered", "the call was answered"),
            Verdict::Refused(failure) => Fault::Terminal(failure),
            Verdict::Limited { failure, .. } => {
                let paused = self.budgets.look(&self.connection).await.ok().and_then(|b| b.paused(now));
                match paused {
                    Some(not_yet) => not_yet.fault(&self.connection),
                    None => Fault::Retry(Again { at: now, reason: Reason::Limit, failure }),
                }
            }
            Verdict::Unauthorised(failure) => self.parked(now, failure).await,
            // Seldom, and any call may come to it: it takes no room in the others.
            Verdict::Forbidden(failure) => Box::pin(self.forbidden(now, failure)).await,
            Verdict::NotApplied(failure) => retry(now, failure),
            Verdict::InDoubt { failure, .. } => Fault::InDoubt(failure),
        }
    }

    async fn forbidden(&self, now: Timestamp, failure: Failure) -> Fault {
        let is_closed = self.is_disconnected(&failure).await;
        // A right that is given later is not in the token that is held now.
        self.tokens.forget(&self.connection).await;
        if is_closed {
            match self.tokens.is_closed(&self.connection, &failure).await {
                Ok(()) => return self.waits(now, failure),
                Err(error) => {
                    tracing::warn!(connection = %self.connection.id, %error, "could not mark the connection");
                }
            }
        }
        self.parked(now, failure).await
    }

    /// A fresh token was refused too, or a right is missing: only a person can mend that.
    async fn parked(&self, now: Timestamp, failure: Failure) -> Fault {
        self.notices.parked(&self.connection, &failure).await;
        self.waits(now, failure)
    }

    /// The owner knows.
    fn waits(&self, now: Timestamp, failure: Failure) -> Fault {
        // Parked runs are found by their connection, which the message names first.
        let failure = Failure::new(failure.code, format!("{}: {}", self.connection.id, failure.message));
        Fault::Retry(Again { at: now + SignedDuration::from_mins(15), reason: Reason::Parked, failure })
    }

    /// Whether the whole account is closed to this connection, and not only what one call wanted.
    pub(super) async fn is_disconnected(&self, because: &Failure) -> bool {
        let known = &self.connection.account;
        if !self.wonders || known.is_empty() || !self.connector.may_be_disconnected(because) {
            return false;
        }
        let asks = Self { wonders: false, ..self.clone() };
        match self.connector.opened(&asks).await {
            Ok(opened) => !opened.has(known),
            Err(fault) => {
                // What is refused again is asked about again.
                tracing::info!(connection = %self.connection.id, code = %fault.failure().code, "not known whether it is disconnected");
                false
            }
        }
    }

    fn not_started(&self, now: Timestamp, why: &str) -> Fault {
        Fault::Retry(Again {
            at: now,
            reason: Reason::NotStarted,
            failure: Failure::new("not_started", format!("{}: {why}", self.connection.id)),
        })
    }

    pub async fn paused(&self) -> Result<Option<NotYet>, FlowError> {
        Ok(self.budgets.look(&self.connection).await?.paused(self.ports.clock.now()))
    }
}

/// To be tried again; when, the wait decides by how often it was tried.
pub fn retry(now: Timestamp, failure: Failure) -> Fault {
    Fault::Retry(Again { at: now, reason: Reason::Failed, failure })
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::from_mins(1))
}

#[async_trait]
impl Account for Client {
    fn connection(&self) -> &Connection {
        &self.connection
    }

    async fn read(&self, call: Call) -> Result<Response, Fault> {
        let permit = self.reserved(true).await?;
        let exchange = self.send(permit, &call, None).await?;
        match (exchange.verdict, exchange.response) {
            (Verdict::Answered, Some(response)) => Ok(response),
            // A read changes nothing: doubt is only a failed try.
            (Verdict::InDoubt { failure, .. }, _) => Err(retry(self.ports.clock.now(), failure)),
            (verdict, _) => Err(self.fault(verdict).await),
        }
    }

    fn table(&self) -> &dyn Table {
        self.ports.table.as_ref()
    }

    fn clock(&self) -> &dyn Clock {
        self.ports.clock.as_ref()
    }

    fn random(&self) -> &dyn Random {
        self.ports.random.as_ref()
    }
}
