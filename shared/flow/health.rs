//! How a connection does, for people: its grant, how old its tokens are and when they would end, what went wrong, what
//! is left of its limits, and who else uses them.

use jiff::Timestamp;
use serde::Serialize;

use super::FlowError;
use super::grant::{Check, GrantRow, Trouble};
use super::stack::Stack;
use crate::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use crate::domain::ids::{ConnectionId, ConsentId};
use crate::domain::outcome::Failure;

/// How a connection does: printed by `connection list|check --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    pub name: ConnectionId,
    pub provider: Provider,
    pub title: String,
    /// Xero: the tenant id. Salesforce: the organisation id.
    pub account: String,
    pub state: ConnectionState,
    pub grant: GrantKind,
    /// Connections that say the same one share their tokens.
    pub consent: Option<ConsentId>,
    pub own_user: String,
    pub connected_at: Option<Timestamp>,
    /// Asked for.
    pub scopes: Vec<String>,
    /// Given, where the provider says so.
    pub granted_scopes: Vec<String>,
    pub access_token_issued_at: Option<Timestamp>,
    /// None where the provider doesn't say.
    pub access_token_ends_at: Option<Timestamp>,
    pub refresh_token_used_at: Option<Timestamp>,
    /// When it would end if nobody used it; the keeper does before.
    pub refresh_token_ends_at: Option<Timestamp>,
    pub days_until_unused_end: Option<i64>,
    /// Whether each refresh token is good for one use; None while that isn't known.
    pub rotates: Option<bool>,
    /// Why there was no token the last time.
    pub trouble: Option<Trouble>,
    /// What the last look found: the keeper's, which looks when nothing else calls the account, or a person's.
    pub checked: Option<Check>,
    pub calls_left_this_minute: Option<u32>,
    pub calls_left_today: Option<u32>,
    pub calls_today: u32,
    pub paused_until: Option<Timestamp>,
    /// Calls of today that somebody else made with our client id: a second stack, or another program with the same app.
    pub foreign_calls_today: Option<u32>,
}

impl Health {
    /// Why it doesn't do well, and when that was found.
    pub fn why(&self) -> Option<(&Failure, Timestamp)> {
        let found = || self.checked.as_ref().and_then(|check| Some((check.problem.as_ref()?, check.at)));
        self.trouble.as_ref().map(|trouble| (&trouble.failure, trouble.at)).or_else(found)
    }
}

/// Of these connections, in their order. Reads what is stored and calls nobody.
pub async fn health(stack: &Stack, connections: &[Connection]) -> Result<Vec<Health>, FlowError> {
    let grants: Vec<_> = connections.iter().map(Connection::grant_id).collect();
    let rows = stack.tokens.rows(&grants).await?;
    let mut all = Vec::with_capacity(connections.len());
    for (connection, row) in connections.iter().zip(rows) {
        all.push(of(stack, connection, row).await?);
    }
    Ok(all)
}

async fn of(stack: &Stack, connection: &Connection, mut row: GrantRow) -> Result<Health, FlowError> {
    let now = stack.now();
    let budget = stack.budgets.look(connection).await?;
    let connector = stack.catalog.connector(connection.provider);
    let limits = connector.map(|connector| connector.limits(connection));
    let used = row.issued_at.filter(|_| row.refreshes);
    let life = connector.map(|connector| connector.refresh_rules().unused_life);
    let ends = used.zip(life).map(|(used, life)| used + life);
    Ok(Health {
        name: connection.id.clone(),
        provider: connection.provider,
        title: connection.title.clone(),
        account: connection.account.clone(),
        state: connection.state,
        grant: connection.grant,
        consent: connection.consent,
        own_user: connection.own_user.clone(),
        connected_at: connection.connected_at,
        scopes: connection.scopes.clone(),
        granted_scopes: connection.granted_scopes.clone(),
        access_token_issued_at: row.issued_at,
        access_token_ends_at: row.expires_at,
        refresh_token_used_at: used,
        refresh_token_ends_at: ends,
        days_until_unused_end: ends.map(|ends| ends.duration_since(now).as_hours().div_euclid(24)),
        rotates: row.rotates,
        trouble: row.trouble,
        // What was found before it was connected again is over.
        checked: row.checks.remove(&connection.id).filter(|check| Some(check.at) >= connection.connected_at),
        calls_left_this_minute: limits.as_ref().and_then(|limits| budget.minute_left(limits, now)),
        calls_left_today: limits.as_ref().and_then(|limits| budget.day_left(limits)),
        calls_today: budget.day_count(),
        paused_until: budget.paused(now).map(|pause| pause.until),
        foreign_calls_today: budget.foreign(),
    })
}
