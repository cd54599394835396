//! What a consent opens: its tokens are kept, its accounts are asked for, and they become connections.
//!
//! All of that in the time that a page has. What isn't through by then goes on at the press of a button, with the tokens
//! that were given: they are in the vault or, as long as that doesn't answer, sealed for this browser.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::super::budget::Priority;
use super::super::connect::passing;
use super::super::refresh::NotKept;
use super::super::stack::Stack;
use super::super::{FlowError, refresh};
use super::begin::{Begun, Presented};
use super::browser::Browser;
use super::choose::{self, Choice};
use super::join::{Given, join};
use super::ticket::{self, Step};
use super::{CONNECT, Visit, ended, no_time_left, other_provider, over, page, sealed};
use crate::domain::connection::{Connection, Provider};
use crate::domain::outcome::Failure;
use crate::ports::connector::{Connector, Identity, Token};
use crate::ports::notification::Reply;

/// The step of the button, behind the provider's name.
pub(super) const ACCOUNTS: &str = "accounts";
/// What is kept of a page's time to say what it came to.
pub(super) const TIME_TO_TELL: SignedDuration = SignedDuration::from_secs(3);

/// A person's consent, and how far it has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Granted {
    pub(super) begun: Begun,
    pub(super) given: Given,
    /// The tokens, sealed for the browser; None: the vault has them.
    pub(super) sealed: Option<String>,
}

impl AsRef<Begun> for Granted {
    fn as_ref(&self) -> &Begun {
        &self.begun
    }
}

impl Granted {
    /// As it is to be, for calls that are made before anything is known of its account.
    async fn connection(&self, stack: &Stack) -> Result<Connection, FlowError> {
        let wanted = self.begun.invitation.wanted.connection();
        let known = stack.connections.get(&wanted.id).await?;
        let account = known.map(|known| known.account.clone()).unwrap_or_default();
        Ok(Connection { consent: Some(self.given.consent), account, ..wanted })
    }
}

/// The button of a page whose time was over.
pub(super) async fn again(
    stack: &Stack,
    provider: Provider,
    visit: &Visit,
    deadline: Timestamp,
) -> Result<Reply, FlowError> {
    let presented = Begun::presented::<Granted>(stack, provider, Step::Granted, visit).await?;
    let Presented { ticket, document: granted, browser, .. } = presented;
    let connector = stack.catalog.connector(provider).ok_or_else(|| other_provider(provider))?;
    if stack.now() + refresh::TOKEN_TIME > deadline {
        return Err(no_time_left().into());
    }
    let invitation = &granted.begun.invitation;
    let (token, secret) = match &granted.sealed {
        Some(sealed) => {
            let token = sealed::open(sealed, &browser).ok_or_else(over)?;
            (Some(token), invitation.secret(stack).await?)
        }
        None => (None, None),
    };
    if !ticket::take(stack, Step::Granted, &ticket).await? {
        return Err(over().into());
    }
    go_on(stack, connector.as_ref(), &browser, granted, token, secret, deadline).await
}

/// From the tokens to the connections, or to the page that asks which. `token`: what the vault hasn't got yet; `secret`:
/// the client's, that it was had with.
pub(super) async fn go_on(
    stack: &Stack,
    connector: &dyn Connector,
    browser: &Browser,
    mut granted: Granted,
    token: Option<Token>,
    secret: Option<SecretString>,
    deadline: Timestamp,
) -> Result<Reply, FlowError> {
    let until = deadline - TIME_TO_TELL;
    let connection = granted.connection(stack).await?;
    granted.sealed = None;
    let token = match token {
        Some(token) => {
            let kept = stack.tokens.keep_first(&connection, connector, &token, secret.as_ref(), until).await;
            match kept {
                Ok(token) => Ok(token),
                Err(NotKept::Yet { newest, failure }) => {
                    granted.sealed = sealed::seal(&newest, browser, stack.ports.random.as_ref());
                    match granted.sealed {
                        Some(_) => Err(FlowError::NotNow(failure)),
                        None => Err(failure.into()),
                    }
                }
                Err(NotKept::Lost(failure)) => Err(failure.into()),
            }
        }
        None => stack.tokens.token(&connection, connector, None, until).await.map_err(passing),
    };
    let came_to = match token {
        Ok(token) => connected(stack, connector, browser, &granted, &connection, &token, until).await,
        Err(error) => Err(error),
    };
    match came_to {
        Err(error) if error.is_passing() => later(stack, browser, &granted, &error.failure()).await,
        Err(error) => Err(ended(stack, &granted.begun.invitation, error).await),
        Ok(reply) => Ok(reply),
    }
}

async fn connected(
    stack: &Stack,
    connector: &dyn Connector,
    browser: &Browser,
    granted: &Granted,
    connection: &Connection,
    token: &Token,
    until: Timestamp,
) -> Result<Reply, FlowError> {
    let client = stack.client(Arc::new(connection.clone()), Priority::Live, until)?.hurried();
    let accounts = connector.consented(token, &client).await.map_err(passing)?;
    let invitation = &granted.begun.invitation;
    let given = Given { accounts, ..granted.given.clone() };
    match only(connection, &given.accounts) {
        None => {
            let message = "no organisation was chosen: ask again on the command line, and choose one on the provider's page";
            Err(Failure::new("no_organisation", message).into())
        }
        Some(One::Of(account)) => {
            let chosen = vec![(invitation.wanted.name.clone(), account)];
            Ok(page::connected(&join(stack, invitation, &given, chosen, until).await?))
        }
        Some(One::OfSeveral) => {
            choose::ask(stack, browser, &Choice { begun: granted.begun.clone(), given }).await
        }
    }
}

/// Which account the connection is to.
enum One {
    Of(Identity),
    /// The person says.
    OfSeveral,
}

/// The account that the connection of this name was before, or the only one there is.
fn only(known: &Connection, accounts: &[Identity]) -> Option<One> {
    let before = accounts.iter().find(|one| one.account == known.account);
    match (before, accounts) {
        (_, []) => None,
        (Some(one), _) | (None, [one]) => Some(One::Of(one.clone())),
        (None, _) => Some(One::OfSeveral),
    }
}

/// The page's time is over: what was given stays, and a button goes on with it.
async fn later(
    stack: &Stack,
    browser: &Browser,
    granted: &Granted,
    why: &Failure,
) -> Result<Reply, FlowError> {
    let Begun { invitation, .. } = &granted.begun;
    tracing::info!(code = %why.code, "a consent goes on when the person asks again");
    invitation.goes_on(stack).await?;
    let ticket = ticket::issue(stack, Step::Granted, granted).await?;
    let action = format!("{CONNECT}{}/{ACCOUNTS}", invitation.wanted.provider.as_str());
    let mut reply = page::go_on(&action, ticket.expose_secret(), why);
    reply.cookies = vec![browser.cookie(&invitation.address)];
    Ok(reply)
}
