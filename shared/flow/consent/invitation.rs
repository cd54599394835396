//! Invitations: a command asks for a connection, and whoever opens the address in a browser may give it.
//!
//! What became of an invitation is a row of its own, which the command looks at while it waits. The client's secret is
//! kept under the invitation until a consent has it.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::super::FlowError;
use super::super::connect::Wanted;
use super::super::connections::client_secret_name;
use super::super::rows::{document_of, item_of};
use super::super::scopes;
use super::super::stack::Stack;
use super::callback::CALLBACK;
use super::ticket::{self, Step};
use super::{CONNECT, PATIENCE};
use crate::domain::connection::{Connection, GrantId, GrantKind};
use crate::domain::ids::ConsentId;
use crate::domain::outcome::Failure;
use crate::ports::connector::Connector;
use crate::ports::random::random_uuid;
use crate::ports::table::{Condition, Key, Query, Write, all_pages};

const PARTITION: &str = "invitations";

/// What a ticket of this step says, and of all later ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Invitation {
    pub(super) id: ConsentId,
    pub(super) wanted: Wanted,
    /// Where browsers come to us: `https://…` or `http://localhost:8080`, without a slash at the end.
    pub(super) address: String,
}

/// For the person who asked.
#[derive(Debug, Clone)]
pub struct Invited {
    pub id: ConsentId,
    /// To be opened in a browser; it holds a ticket.
    pub url: SecretString,
    /// To be registered with the app.
    pub redirect_uri: String,
    pub scopes: Vec<String>,
}

/// What became of an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing yet; the person may take this long.
    Waiting {
        until: Timestamp,
    },
    Connected {
        connections: Vec<Connection>,
        unparked: u32,
    },
    Refused(Failure),
}

/// Invites a person to connect. Without scopes, what the flows need of a connection of this name is asked for.
pub async fn invite(
    stack: &Stack,
    wanted: Wanted,
    secret: SecretString,
    address: &str,
) -> Result<Invited, FlowError> {
    sweep(stack).await?;
    let provider = wanted.provider;
    let connector = stack.catalog.connector(provider);
    let connector = connector.ok_or_else(|| Failure::new("no_connector", provider.as_str()))?;
    let scopes = asked_for(stack, connector.as_ref(), &wanted).await?;
    let wanted = Wanted { grant: GrantKind::AuthorizationCode, scopes, ..wanted };
    let address = address.trim_end_matches('/').to_owned();
    let id = ConsentId(random_uuid(stack.ports.random.as_ref()));
    let invitation = Invitation { id, wanted, address };
    invitation.came_to(stack, &Outcome::Waiting { until: stack.now() + PATIENCE }).await?;
    stack.ports.vault.write(&invitation.secret_name(), secret).await?;
    let ticket = ticket::issue(stack, Step::Invitation, &invitation).await?;
    let page = format!("{}{CONNECT}{}", invitation.address, provider.as_str());
    Ok(Invited {
        id,
        url: SecretString::from(format!("{page}?invitation={}", ticket.expose_secret())),
        redirect_uri: invitation.redirect_uri(),
        scopes: invitation.wanted.scopes,
    })
}

/// Invites to connect again what a person connected before: for what it was, and for what the flows need by now.
/// Without a new secret the old one is good.
pub async fn again(
    stack: &Stack,
    known: &Connection,
    secret: Option<SecretString>,
    address: &str,
) -> Result<Invited, FlowError> {
    let kept = match secret {
        Some(secret) => Some(secret),
        None => stack.ports.vault.read(&client_secret_name(&known.grant_id())).await?,
    };
    let missing = || {
        let advice = "the vault has no secret of its app any more: give it with --secret-file";
        Failure::new("missing_secret", format!("`{}`: {advice}", known.id))
    };
    invite(stack, Wanted::again(known), kept.ok_or_else(missing)?, address).await
}

/// What was named; else what the flows need, and what the connection could before.
async fn asked_for(
    stack: &Stack,
    connector: &dyn Connector,
    wanted: &Wanted,
) -> Result<Vec<String>, FlowError> {
    let before = stack.connections.get(&wanted.name).await?;
    let is_again = before.as_ref().is_some_and(|before| before.scopes == wanted.scopes);
    if !wanted.scopes.is_empty() && !is_again {
        return Ok(wanted.scopes.clone());
    }
    let mut needed = scopes::needed(stack, wanted.provider, &wanted.name).await?;
    needed.extend(wanted.scopes.iter().cloned());
    Ok(connector.consent_scopes(&needed))
}

impl Invitation {
    /// Exactly this is asked with, and exactly this the code is exchanged with.
    pub(super) fn redirect_uri(&self) -> String {
        format!("{}{CONNECT}{}/{CALLBACK}", self.address, self.wanted.provider.as_str())
    }

    /// The vault's name of the client's secret, until a consent has it.
    fn secret_name(&self) -> String {
        client_secret_name(&GrantId::Consent(self.id))
    }

    /// The client's secret, before anything is used up.
    pub(super) async fn secret(&self, stack: &Stack) -> Result<Option<SecretString>, FlowError> {
        stack.ports.vault.read(&self.secret_name()).await.map_err(|error| {
            tracing::warn!(%error, "a consent waits for the vault");
            let message =
                "The vault doesn't answer, and nothing has changed. Load this page again in a minute.";
            FlowError::NotNow(Failure::new("vault_unavailable", message))
        })
    }

    pub(super) async fn came_to(&self, stack: &Stack, outcome: &Outcome) -> Result<(), FlowError> {
        let item = item_of(key(self.id), outcome);
        Ok(stack.ports.table.write(vec![Write::put(item, Condition::Always)]).await?)
    }

    /// There is time for the next step.
    pub(super) async fn goes_on(&self, stack: &Stack) -> Result<(), FlowError> {
        self.came_to(stack, &Outcome::Waiting { until: stack.now() + PATIENCE }).await
    }

    /// It ends here, for this reason.
    pub(super) async fn refused(&self, stack: &Stack, failure: Failure) -> Result<Failure, FlowError> {
        self.came_to(stack, &Outcome::Refused(failure.clone())).await?;
        Ok(failure)
    }
}

fn key(id: ConsentId) -> Key {
    Key::new(PARTITION, id.to_string())
}

/// What has become of an invitation; None: it was swept away.
pub async fn outcome(stack: &Stack, id: ConsentId) -> Result<Option<Outcome>, FlowError> {
    let found = stack.ports.table.get_one(&key(id)).await?;
    Ok(found.as_ref().map(document_of).transpose()?)
}

/// Forgets the invitations that have ended, and the secrets that were kept for them. Only an operator may remove
/// secrets, so that no function of the stack does this.
pub async fn sweep(stack: &Stack) -> Result<(), FlowError> {
    let now = stack.now();
    for item in all_pages(stack.ports.table.as_ref(), Query::new(PARTITION)).await? {
        let waits = matches!(document_of(&item)?, Outcome::Waiting { until } if until > now);
        let Some(id) = item.key.sort.parse().ok().filter(|_| !waits) else { continue };
        stack.ports.vault.remove(&client_secret_name(&GrantId::Consent(id))).await?;
        stack.ports.table.write(vec![Write::Delete { key: key(id), when: Condition::Always }]).await?;
    }
    Ok(())
}
