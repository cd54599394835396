//! Tokens: one refresh at a time per grant, over all processes.
//!
//! A lease in the grant's row keeps two refreshes apart; under it the vault is read again, and only a token that is
//! still the old one is replaced. The new one is durable before the lease is let go, and a holder that slept through
//! the end of its lease can write neither the row nor the vault.
//!
//! A refresh token that a provider takes only once (no grace) is noted as being spent before it is sent. Where that
//! note stands and no newer token is there, an answer was lost: the token is never sent again, since that would end
//! what the lost answer had given; what the access token still allows goes on, and then a person is asked.

mod ended;
mod first;
mod kept;
mod late;
mod renew;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

pub use self::first::NotKept;
pub(in crate::flow) use self::kept::Kept;
use self::late::Late;
use self::renew::UNANSWERED;
use super::connections::{Connections, client_secret_name, reconnect_failure, token_name};
use super::grant::{GrantRow, Grants, Stored, Trouble, TroubleKind, Turn};
use super::notify::Notices;
use super::{FlowError, fault_of};
use crate::domain::connection::{Connection, ConnectionState, GrantId, GrantKind};
use crate::domain::outcome::{Again, Failure, Fault, Reason};
use crate::ports::connector::{Connector, GrantFault, Token, TokenAsk};
use crate::ports::table::TableError;
use crate::ports::{Ports, Unavailable};

/// A token with less life than this is refreshed before it is used.
const LEAST_LIFE: SignedDuration = SignedDuration::from_mins(2);
/// The time limit of the token call: long, since an answer that is given up on may be the only one of its kind.
pub const TOKEN_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);
/// With less time than this before a deadline no token call is begun of which a person waits for the answer.
pub(super) const TOKEN_TIME: SignedDuration = SignedDuration::from_secs(10);
/// With less time than this no refresh is sent.
const LEAST_TOKEN_TIME: SignedDuration = SignedDuration::from_secs(30);
/// What came must be kept before the deadline too.
const TIME_TO_KEEP: SignedDuration = SignedDuration::from_secs(3);
/// Who waits for another's refresh looks again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[derive(Clone)]
pub struct Tokens {
    ports: Ports,
    connections: Connections,
    notices: Notices,
    grants: Grants,
    memory: Arc<Memory>,
}

/// What only this process knows.
#[derive(Default)]
struct Memory {
    held: Mutex<HashMap<GrantId, Held>>,
    late: Mutex<HashMap<GrantId, Late>>,
}

type Held = Arc<tokio::sync::Mutex<Option<HeldToken>>>;

/// What this process needn't ask the vault for.
struct HeldToken {
    token: Token,
    /// When the connection that it was had for was connected: whoever was connected later has another.
    connected_at: Option<Timestamp>,
}

impl HeldToken {
    fn new(token: &Token, connection: &Connection) -> Self {
        Self { token: token.clone(), connected_at: connection.connected_at }
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

/// Why a token is wanted.
#[derive(Clone, Copy)]
enum Want<'a> {
    /// To be used; not this one, which the provider no longer takes.
    Usable(Option<&'a Token>),
    /// A newer one than this generation, before the refresh token ends unused.
    NewerThan(u64),
    /// None: there is one to be kept, whatever is known.
    First,
}

impl Tokens {
    pub fn new(ports: Ports, connections: Connections, notices: Notices) -> Self {
        Self { grants: Grants::new(ports.clone()), ports, connections, notices, memory: Arc::default() }
    }

    /// A token to use now. `refused`: the one that the provider no longer takes. No token call is begun that could end
    /// after `deadline`.
    pub async fn token(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        refused: Option<&Token>,
        deadline: Timestamp,
    ) -> Result<Token, Fault> {
        let parked = match self.token_of(connection, connector, refused, deadline).await {
            Err(fault @ Fault::Retry(Again { reason: Reason::Parked, .. })) => fault,
            done => return done,
        };
        // What this process believes may be from before a person mended it.
        let newest = self.connections.newest(&connection.id).await.map_err(|error| self.fault(&error))?;
        match newest.filter(|newest| is_mended(connection, newest)) {
            // Seldom, and every call comes by here: it takes no room in the others.
            Some(newest) => Box::pin(self.token_of(&newest, connector, refused, deadline)).await,
            None => Err(parked),
        }
    }

    async fn token_of(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        refused: Option<&Token>,
        deadline: Timestamp,
    ) -> Result<Token, Fault> {
        if connection.state == ConnectionState::NeedsReconnect {
            return Err(self.parked(connection, &Failure::new("needs_reconnect", "the grant has ended")));
        }
        let grant = connection.grant_id();
        let held = self.held(&grant);
        let mut held = held.lock().await;
        let want = Want::Usable(refused);
        let fits = |held: &&HeldToken| {
            held.connected_at >= connection.connected_at && self.usable(&held.token, refused)
        };
        if let Some(held) = held.as_ref().filter(fits) {
            return Ok(held.token.clone());
        }
        *held = None;
        self.keep_late_of(&grant, deadline).await;
        let stored = self.stored(&grant).await.map_err(|error| self.fault(&error))?;
        if let Some(trouble) =
            stored.as_ref().and_then(|stored| stored.row.is_refused(self.ports.clock.now()))
        {
            return Err(self.fault_of_trouble(connection, trouble));
        }
        let kept = self.read(&grant).await?;
        let dropped_at = stored.and_then(|stored| stored.row.dropped_at);
        let want = match &kept {
            Some(kept) if dropped_at.is_some_and(|at| kept.issued_at < at) => {
                Want::NewerThan(kept.generation)
            }
            _ => want,
        };
        let token = match self.fits(kept.as_ref(), want) {
            Some(token) => token,
            None => self.next(connection, connector, want, deadline).await?,
        };
        *held = Some(HeldToken::new(&token, connection));
        Ok(token)
    }

    /// What the provider gives for this before `deadline`; nothing is kept yet.
    pub async fn exchange(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        ask: &TokenAsk<'_>,
        secret: Option<&SecretString>,
        deadline: Timestamp,
    ) -> Result<Token, GrantFault> {
        let now = self.ports.clock.now();
        let left = deadline.duration_since(now) - TIME_TO_KEEP;
        if !left.is_positive() {
            return Err(GrantFault::Unavailable(no_time()));
        }
        let mut request =
            connector.token_request(connection, ask, secret, now).map_err(GrantFault::Misconfigured)?;
        request.timeout = left.min(TOKEN_TIMEOUT).unsigned_abs();
        // However late the answer comes: it was given no earlier than now.
        connector.read_token(self.ports.http.send(request).await, now)
    }

    /// Uses the refresh token before it ends unused.
    pub async fn renew_unused(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        deadline: Timestamp,
    ) -> Result<(), Fault> {
        let grant = connection.grant_id();
        let held = self.held(&grant);
        let mut held = held.lock().await;
        self.keep_late_of(&grant, deadline).await;
        let Some(kept) = self.read(&grant).await? else { return Ok(()) };
        let want = Want::NewerThan(kept.generation);
        match self.next(connection, connector, want, deadline).await {
            Ok(token) => *held = Some(HeldToken::new(&token, connection)),
            Err(fault) if fault.failure().code == UNANSWERED => {
                self.notices.refresh_unanswered(connection, kept.generation).await;
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// The next call gets a new token, where that can be had without a person: a right that was given since may be in
    /// it. A consent's token stays: its rights change with the consent only.
    pub async fn forget(&self, connection: &Connection) {
        if connection.grant == GrantKind::AuthorizationCode {
            return;
        }
        let grant = connection.grant_id();
        *self.held(&grant).lock().await = None;
        let now = self.ports.clock.now();
        if let Err(error) = self.grants.change(&grant, |row| row.drops_token(now)).await {
            // It is refused once more and dropped then.
            tracing::warn!(%grant, %error, "the token could not be dropped");
        }
    }

    /// A token that was had a moment ago is refused too: nobody tries it, or asks for another, for a while. It stays where
    /// it is, since nothing is wrong with the grant as far as who gives its tokens can tell.
    pub async fn is_refused(&self, connection: &Connection, token: &Token, failure: &Failure) {
        let grant = connection.grant_id();
        *self.held(&grant).lock().await = None;
        let noted = async {
            let Some(mut stored) = self.stored(&grant).await? else { return Ok(false) };
            if stored.row.issued_at != Some(token.issued_at) {
                return Ok(false);
            }
            let at = self.ports.clock.now();
            stored.row.trouble = Some(Trouble { kind: TroubleKind::Refused, at, failure: failure.clone() });
            self.note(stored).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%grant, %error, "could not note that its token is refused");
        }
    }

    /// What is known of these grants, in their order.
    pub async fn rows(&self, grants: &[GrantId]) -> Result<Vec<GrantRow>, FlowError> {
        Ok(self.grants.read(grants).await?.into_iter().map(|stored| stored.row).collect())
    }

    pub(super) async fn stored(&self, grant: &GrantId) -> Result<Option<Stored>, FlowError> {
        Ok(self.grants.read(std::slice::from_ref(grant)).await?.pop())
    }

    /// Writes what was found out beside the tokens. Returns false when another process has the row in hand.
    pub(super) async fn note(&self, mut stored: Stored) -> Result<bool, FlowError> {
        if stored.lease_until > self.ports.clock.now().as_millisecond() {
            return Ok(false);
        }
        match self.grants.write(&mut stored).await {
            Ok(()) => Ok(true),
            Err(TableError::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The rows of grants, for what isn't about tokens.
    pub(super) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// What a grant is ended by: its refresh token, or the access token where it has no other.
    pub(super) async fn to_revoke(&self, grant: &GrantId) -> Result<Option<SecretString>, FlowError> {
        let kept = kept::read(&self.ports, grant).await?;
        Ok(kept.and_then(|kept| kept.refresh().or_else(|| kept.token().map(|token| token.access))))
    }

    /// What is in the vault and not known of, is known from now on.
    pub(super) async fn catch_up(&self, grant: &GrantId) -> Result<(), FlowError> {
        let Some(kept) = kept::read(&self.ports, grant).await? else { return Ok(()) };
        let found = kept.known();
        self.grants.change(grant, |row| row.takes_over(grant, &found)).await
    }

    /// The generation of the pair in the vault; of none 0.
    pub(super) async fn newest_kept(&self, grant: &GrantId) -> Result<u64, FlowError> {
        Ok(kept::read(&self.ports, grant).await?.map_or(0, |kept| kept.generation))
    }

    /// Nothing of a grant is left in the vault. Its row stays: whoever is late with a token writes nothing.
    pub(super) async fn remove(&self, grant: &GrantId) -> Result<(), FlowError> {
        self.memory.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(grant);
        self.is_late_no_more(grant);
        // The token first: as long as it is there it may have to be ended, which takes the client's secret.
        self.ports.vault.remove(&token_name(grant)).await?;
        Ok(self.ports.vault.remove(&client_secret_name(grant)).await?)
    }

    /// Nothing is left of a grant that was only tried.
    pub(super) async fn was_tried(&self, grant: &GrantId) -> Result<(), FlowError> {
        self.remove(grant).await?;
        self.grants.delete(grant).await
    }

    fn held(&self, grant: &GrantId) -> Held {
        let mut all = self.memory.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(all.entry(grant.clone()).or_default())
    }

    fn usable(&self, token: &Token, refused: Option<&Token>) -> bool {
        let now = self.ports.clock.now();
        token.expires_at.is_none_or(|end| end.duration_since(now) > LEAST_LIFE)
            && refused.is_none_or(|refused| refused.access.expose_secret() != token.access.expose_secret())
    }

    fn fits(&self, kept: Option<&Kept>, want: Want<'_>) -> Option<Token> {
        let kept = kept?;
        let token = kept.token()?;
        let fits = match want {
            Want::Usable(refused) => self.usable(&token, refused),
            Want::NewerThan(generation) => kept.generation > generation,
            Want::First => false,
        };
        fits.then_some(token)
    }

    /// The token that comes after the one that is kept: got by us, or by whoever is faster.
    async fn next(
        &self,
        connection: &Connection,
        connector: &dyn Connector,
        want: Want<'_>,
        deadline: Timestamp,
    ) -> Result<Token, Fault> {
        if let Some(failure) = self.is_late(&connection.grant_id()) {
            return Err(self.later(failure));
        }
        match self.turn(connection, want, deadline).await? {
            Won::Token(token) => Ok(token),
            Won::Turn(mut stored) => {
                let token = self.renew(&mut stored, connection, connector, want, deadline).await;
                self.grants.release(stored).await;
                token
            }
        }
    }

    async fn turn(&self, connection: &Connection, want: Want<'_>, deadline: Timestamp) -> Result<Won, Fault> {
        let grant = connection.grant_id();
        let believes = !matches!(want, Want::First);
        // The first pair is there already.
        let needed = if believes { TOKEN_TIMEOUT } else { TIME_TO_KEEP };
        let mut seen = None;
        loop {
            let now = self.ports.clock.now();
            if now + needed > deadline {
                return Err(self.not_started());
            }
            let turn = self.grants.turn(&grant, believes, (!believes).then_some(connection)).await;
            match turn.map_err(|error| self.fault(&error))? {
                Turn::Ours(stored) => return Ok(Won::Turn(*stored)),
                Turn::Nobody(trouble) => return Err(self.fault_of_trouble(connection, &trouble)),
                Turn::Another(revision) => {
                    // The vault is read again only when the other has written something.
                    if seen.replace(revision) != Some(revision)
                        && let Some(token) = self.fits(self.read(&grant).await?.as_ref(), want)
                    {
                        return Ok(Won::Token(token));
                    }
                    self.ports.clock.sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    fn fault_of_trouble(&self, connection: &Connection, trouble: &Trouble) -> Fault {
        match trouble.kind {
            TroubleKind::Ended | TroubleKind::Misconfigured | TroubleKind::Refused => {
                self.parked(connection, &trouble.failure)
            }
            TroubleKind::Unavailable => self.later(trouble.failure.clone()),
        }
    }

    async fn read(&self, grant: &GrantId) -> Result<Option<Kept>, Fault> {
        kept::read(&self.ports, grant).await.map_err(|error: Unavailable| self.fault(&error.into()))
    }

    fn fault(&self, error: &FlowError) -> Fault {
        fault_of(error, self.ports.clock.now())
    }

    fn parked(&self, connection: &Connection, failure: &Failure) -> Fault {
        Fault::Retry(Again {
            at: self.ports.clock.now() + SignedDuration::from_mins(15),
            reason: Reason::Parked,
            failure: reconnect_failure(&connection.id, failure),
        })
    }

    fn not_started(&self) -> Fault {
        let at = self.ports.clock.now();
        Fault::Retry(Again { at, reason: Reason::NotStarted, failure: no_time() })
    }

    fn later(&self, failure: Failure) -> Fault {
        Fault::Retry(Again {
            // When, the wait decides by how often it was tried: an outage of hours uses up no run's attempts in minutes.
            at: self.ports.clock.now(),
            reason: Reason::Failed,
            failure,
        })
    }
}

/// Whether `newest` has what was missing when `known` was read. One that is only being connected proves itself, and isn't
/// helped by what another of its name has.
fn is_mended(known: &Connection, newest: &Connection) -> bool {
    let is_newer = match known.state {
        ConnectionState::NeedsReconnect => true,
        ConnectionState::Active => known.connected_at.is_some() && newest.connected_at > known.connected_at,
    };
    newest.state == ConnectionState::Active && is_newer
}

fn no_time() -> Failure {
    Failure::new("not_started", "no time is left to get a token")
}

/// What waiting for a turn came to.
enum Won {
    Turn(Stored),
    /// Another process was faster.
    Token(Token),
}
