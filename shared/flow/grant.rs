//! What is known of a grant beside its secrets: who is getting its next token, how old the tokens are, what went wrong.
//!
//! One row for each grant, from before anything of it is in the vault: whatever becomes of a grant, the keeper meets its
//! row and finds what nobody uses. Every write is conditional on the revision that was read, so that whoever lost the
//! lease, having slept through its end, overwrites nothing here; what it brought may still be the newest, and is added.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FlowError;
use super::rows::{document_of, due_entry, item_of};
use super::run::write_patiently;
use crate::domain::connection::{Connection, GrantId};
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::Failure;
use crate::ports::Ports;
use crate::ports::table::{Condition, Index, Item, Key, TableError, Write};

/// Twice the token call's time limit and room to keep what it brought: a lease doesn't lapse under a slow answer.
pub const LEASE: SignedDuration = SignedDuration::from_secs(150);
/// What one process was told, the others needn't ask for again at once.
const BELIEVED_FOR: SignedDuration = SignedDuration::from_secs(30);
/// A token that is refused as soon as it is given will most likely be refused again: only a person can mend that, or time.
const REFUSED_FOR: SignedDuration = SignedDuration::from_mins(15);
/// A grant that nothing was heard of for so long is looked after.
const CARE_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// What begins is looked at then, and by then a connection uses it.
const BEGUN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// By then no process takes a connection for what it was: the connections are read again, and what was under way is over.
const KNOWN_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// Long before a provider that takes a refresh token again for a while takes it no more.
const SENT_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// A process that slept through its lease with a token is awake by then, or won't be.
const LATE_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// An owner who couldn't be told that a connection needs a person is told by then.
const TOLD_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How often a row is read anew that others write as well.
const TRIES: usize = 8;
/// Over this the grants of a stack are spread, so that they don't all come up at once.
const SPREAD_MINUTES: i64 = 180;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantRow {
    /// Of the newest token that is known here.
    pub generation: u64,
    pub issued_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// There is a refresh token, last used when the newest token was issued.
    pub refreshes: bool,
    /// Whether the last refresh brought a new refresh token; None while there was none.
    pub rotates: Option<bool>,
    /// The generation whose refresh token was sent, while no answer is known or the vault hasn't got what came. Written
    /// before it is sent, where it is taken only once.
    pub spending: Option<u64>,
    /// Until then another request with that refresh token, of which its provider spoke, may bring the next pair.
    pub awaited_until: Option<Timestamp>,
    /// Tokens of before aren't used any more: a right was missing that may have been given since.
    pub dropped_at: Option<Timestamp>,
    pub trouble: Option<Trouble>,
    /// The generation with which it was declared dead, and its connections with it; until they come back.
    pub dead: Option<u64>,
    /// It is being ended, since nothing uses it any more.
    pub ending: Option<Ending>,
    /// What used it last: for whom it is ended.
    pub connection: Option<Box<Connection>>,
    /// What the last look at each of its accounts found.
    pub checks: BTreeMap<ConnectionId, Check>,
    /// When it is looked after; None: there is nothing of it any more.
    pub care_at: Option<Timestamp>,
}

/// How far the end of a grant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    pub since: Timestamp,
    /// Tokens that were asked for before this may have ended with it.
    pub until: Timestamp,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub kind: TroubleKind,
    pub at: Timestamp,
    pub failure: Failure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// A person must connect again.
    Ended,
    /// Our own id, secret or scopes are wrong.
    Misconfigured,
    /// It is given, and what takes tokens refuses it.
    Refused,
    /// It is tried again.
    Unavailable,
}

/// What a look at an account found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub at: Timestamp,
    pub problem: Option<Failure>,
}

impl GrantRow {
    /// A token that was had just now.
    pub(super) fn renewed(&mut self, grant: &GrantId, generation: u64, issued_at: Timestamp) {
        self.generation = generation;
        self.issued_at = Some(issued_at);
        self.spending = None;
        self.awaited_until = None;
        self.trouble = None;
        let revives = self.dead.is_some_and(|dead| dead < generation);
        self.care_at = Some(if revives { issued_at } else { care_after(grant, issued_at) });
    }

    /// A newer token than is known here: of a process that was thought to be gone. Returns whether there is one.
    pub(super) fn takes_over(&mut self, grant: &GrantId, brought: &Self) -> bool {
        let (true, Some(issued_at)) = (brought.generation > self.generation, brought.issued_at) else {
            return false;
        };
        self.expires_at = brought.expires_at;
        self.refreshes = brought.refreshes;
        self.rotates = brought.rotates.or(self.rotates);
        self.renewed(grant, brought.generation, issued_at);
        true
    }

    /// A person gave it again, and who connects brings its connections back; where nobody comes that far, the keeper does.
    pub(super) fn begins_anew(&mut self, grant: &GrantId, at: Timestamp) {
        self.ending = None;
        self.care_at = Some(if self.dead.is_some() { at + BEGUN_AFTER } else { care_after(grant, at) });
    }

    /// Its connections are back. Returns whether that is news.
    pub(super) fn lives_again(&mut self) -> bool {
        self.dead.take_if(|dead| *dead < self.generation).is_some()
    }

    /// Declared dead. It is looked soon whether a token comes late all the same.
    pub(super) fn is_dead(&mut self, now: Timestamp) {
        self.dead = Some(self.generation);
        self.looked_at_by(now + LATE_AFTER);
    }

    /// A look at an account that it opens.
    pub(super) fn is_looked_at(&mut self, connection: &ConnectionId, check: Check) {
        self.checks.insert(connection.clone(), check);
    }

    /// One of its accounts was taken from the connection.
    pub(super) fn is_closed(&mut self, connection: &ConnectionId, check: Check) {
        self.looked_at_by(check.at + TOLD_AFTER);
        self.is_looked_at(connection, check);
    }

    /// A refresh token was sent that is taken again for a while, and nothing came of it: if nobody else does, the keeper
    /// sends it again in time.
    pub(super) fn is_unanswered(&mut self, generation: u64, now: Timestamp) {
        self.spending = Some(generation);
        self.care_at = Some(now + SENT_AGAIN_AFTER);
    }

    /// Its token lacks a right, and the next one may have it. Returns false where one was had for that a moment ago: a
    /// vault keeps each for a day, and not more than a hundred of them.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
    pub(super) fn drops_token(&mut self, now: Timestamp) -> bool {
        let is_due = self.dropped_at.is_none_or(|at| now.duration_since(at) >= REFUSED_FOR);
        if is_due {
            self.dropped_at = Some(now);
            self.trouble = None;
        }
        is_due
    }

    fn looked_at_by(&mut self, at: Timestamp) {
        self.care_at = Some(self.care_at.map_or(at, |planned| planned.min(at)));
    }

    /// What was found out a moment ago, and isn't asked for again.
    fn believed(&self, now: Timestamp) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| {
            let refused = trouble.kind == TroubleKind::Refused;
            now.duration_since(trouble.at) < if refused { REFUSED_FOR } else { BELIEVED_FOR }
        })
    }

    /// Its newest token need not be tried: it was refused a moment ago.
    pub(super) fn is_refused(&self, now: Timestamp) -> Option<&Trouble> {
        self.believed(now).filter(|trouble| trouble.kind == TroubleKind::Refused)
    }
}

/// A day after `at`, and some hours that follow from the grant.
pub(super) fn care_after(grant: &GrantId, at: Timestamp) -> Timestamp {
    let minutes = i64::from(u16::from_be_bytes([spot(grant).as_bytes()[0], spot(grant).as_bytes()[1]]));
    at + CARE_AFTER + SignedDuration::from_mins(minutes % SPREAD_MINUTES)
}

/// A number that follows from the grant.
fn spot(grant: &GrantId) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, grant.to_string().as_bytes())
}

const PARTITION: &str = "T#";

fn key(grant: &GrantId) -> Key {
    Key::new(format!("{PARTITION}{grant}"), "grant")
}

/// Whose row it is, if it is a grant's.
pub(super) fn grant_of(key: &Key) -> Option<GrantId> {
    let text = key.partition.strip_prefix(PARTITION)?;
    match text.split_once('/')? {
        ("connection", own) => Some(match own.rsplit_once('/').map(|(id, which)| (id, which.parse())) {
            Some((id, Ok(which))) => GrantId::Credentials(ConnectionId::from(id), which),
            _ => GrantId::Own(ConnectionId::from(own)),
        }),
        ("consent", id) => id.parse().ok().map(GrantId::Consent),
        _ => None,
    }
}

/// A row as it was read, and perhaps leased.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) grant: GrantId,
    pub(super) row: GrantRow,
    pub(super) revision: i64,
    /// Milliseconds; until then nobody else gets a token.
    pub(super) lease_until: i64,
}

/// Who may get the next token.
pub(super) enum Turn {
    Ours(Box<Stored>),
    /// Another process, whose row has this revision.
    Another(i64),
    /// Nobody for the moment.
    Nobody(Trouble),
}

/// The rows of all grants.
#[derive(Clone)]
pub(super) struct Grants {
    ports: Ports,
}

impl Grants {
    pub(super) fn new(ports: Ports) -> Self {
        Self { ports }
    }

    pub(super) async fn read(&self, grants: &[GrantId]) -> Result<Vec<Stored>, FlowError> {
        let keys: Vec<Key> = grants.iter().map(key).collect();
        let items = self.ports.table.get(&keys).await?;
        grants.iter().zip(items).map(|(grant, item)| Stored::of(grant, item.as_ref())).collect()
    }

    async fn read_one(&self, grant: &GrantId) -> Result<Stored, FlowError> {
        let item = self.ports.table.get_one(&key(grant)).await?;
        Stored::of(grant, item.as_ref())
    }

    /// `believes`: what was found out a moment ago isn't asked for again. `begins`: for whom something of it is kept for the
    /// first time, which is known before it is.
    pub(super) async fn turn(
        &self,
        grant: &GrantId,
        believes: bool,
        begins: Option<&Connection>,
    ) -> Result<Turn, FlowError> {
        let mut stored = self.read_one(grant).await?;
        let now = self.ports.clock.now();
        if stored.lease_until > now.as_millisecond() {
            return Ok(Turn::Another(stored.revision));
        }
        if let Some(trouble) = stored.row.believed(now).filter(|_| believes) {
            return Ok(Turn::Nobody(trouble.clone()));
        }
        stored.lease_until = (now + LEASE).as_millisecond();
        stored.row.care_at.get_or_insert_with(|| care_after(grant, now));
        if let Some(connection) = begins {
            stored.row.connection = Some(Box::new(connection.clone()));
        }
        let revision = stored.revision;
        match self.write(&mut stored).await {
            Ok(()) => Ok(Turn::Ours(Box::new(stored))),
            Err(TableError::Refused(_)) => Ok(Turn::Another(revision)),
            Err(error) => Err(error.into()),
        }
    }

    /// Refused: someone else has written it since.
    pub(super) async fn write(&self, stored: &mut Stored) -> Result<(), TableError> {
        let when = match stored.revision {
            0 => Condition::Absent,
            revision => Condition::equals("revision", revision),
        };
        let mut item = item_of(key(&stored.grant), &stored.row);
        item.fields.insert("revision".into(), (stored.revision + 1).into());
        item.fields.insert("lease_until".into(), stored.lease_until.into());
        if let Some(at) = stored.row.care_at {
            item.indexes.insert(Index::Due, due_entry(spot(&stored.grant), at));
        }
        write_patiently(&self.ports, vec![Write::put(item, when)]).await?;
        stored.revision += 1;
        Ok(())
    }

    /// The next one's turn, with what is known now.
    pub(super) async fn release(&self, mut stored: Stored) {
        stored.lease_until = 0;
        let released = match self.write(&mut stored).await {
            // Slept through the end of the lease: what is written there is newer, but for a token that came late.
            Err(TableError::Refused(_)) => {
                let (grant, brought) = (&stored.grant, &stored.row);
                self.change(grant, |row| row.takes_over(grant, brought)).await
            }
            written => written.map_err(FlowError::from),
        };
        if let Err(error) = released {
            tracing::warn!(grant = %stored.grant, %error, "the lease lapses by itself");
        }
    }

    /// Changes a row whoever has its turn: who has it reads it again before anything is sent. `with` returns whether
    /// there is something to be written.
    pub(super) async fn change(
        &self,
        grant: &GrantId,
        with: impl Fn(&mut GrantRow) -> bool,
    ) -> Result<(), FlowError> {
        for _ in 0..TRIES {
            let mut stored = self.read_one(grant).await?;
            if !with(&mut stored.row) {
                return Ok(());
            }
            match self.write(&mut stored).await {
                Err(TableError::Refused(_)) => {}
                written => return Ok(written?),
            }
        }
        Err(TableError::Busy(format!("the row of {grant} is written again and again")).into())
    }

    /// Before anything of it is in the vault.
    pub(super) async fn begins(&self, connection: &Connection) -> Result<(), FlowError> {
        self.is_looked_at(connection, BEGUN_AFTER).await
    }

    /// Before the connection goes on with another grant, or not at all: once everybody knows, this one ends, unless
    /// other connections share it.
    pub(super) async fn is_left(&self, connection: &Connection) -> Result<(), FlowError> {
        self.is_looked_at(connection, KNOWN_AFTER).await
    }

    async fn is_looked_at(&self, connection: &Connection, within: SignedDuration) -> Result<(), FlowError> {
        let at = self.ports.clock.now() + within;
        self.change(&connection.grant_id(), |row| {
            row.connection = Some(Box::new(connection.clone()));
            row.looked_at_by(at);
            true
        })
        .await
    }

    pub(super) async fn delete(&self, grant: &GrantId) -> Result<(), FlowError> {
        let delete = Write::Delete { key: key(grant), when: Condition::Always };
        Ok(write_patiently(&self.ports, vec![delete]).await?)
    }
}

impl Stored {
    pub(super) fn of(grant: &GrantId, item: Option<&Item>) -> Result<Self, FlowError> {
        Ok(Self {
            grant: grant.clone(),
            row: item.map(document_of).transpose()?.unwrap_or_default(),
            revision: item.and_then(|item| item.integer("revision")).unwrap_or(0),
            lease_until: item.and_then(|item| item.integer("lease_until")).unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ConsentId;

    #[test]
    fn a_rows_key_says_whose_it_is() {
        let consent = GrantId::Consent(ConsentId::of("xero", "app", None, "ada"));
        let credentials = |id: &str| GrantId::Credentials(ConnectionId::from(id), Uuid::from_u128(7));
        for grant in [GrantId::Own(ConnectionId::from("a/b")), credentials("a"), credentials("a/b"), consent]
        {
            assert_eq!(grant_of(&key(&grant)), Some(grant));
        }
        for other in ["T#books", "R#1", "T#consent/none"] {
            assert_eq!(grant_of(&Key::new(other, "grant")), None);
        }
    }

    #[test]
    fn grants_are_looked_after_a_day_later_and_not_all_at_once() {
        let at = |name: &str| care_after(&GrantId::Own(ConnectionId::from(name)), Timestamp::UNIX_EPOCH);
        let hours = SignedDuration::from_hours(27);
        assert!(["a", "b", "c"].iter().all(|name| at(name).duration_since(Timestamp::UNIX_EPOCH) < hours));
        assert!(at("a") != at("b") || at("b") != at("c"));
    }
}
