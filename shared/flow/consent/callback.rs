//! The way back from the provider: the state is checked, the code becomes tokens, the accounts become connections.
//!
//! Whatever is wrong with the state, nothing is exchanged and nothing changes: it may be someone else's browser, and the
//! person whose state it is can still come.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;

use super::super::FlowError;
use super::super::budget::Priority;
use super::super::connections::client_secret_name;
use super::super::refresh::TOKEN_TIME;
use super::super::stack::Stack;
use super::begin::Begun;
use super::browser::Browser;
use super::choose::{self, Choice};
use super::invitation::Invitation;
use super::join::{Given, join};
use super::ticket::{self, Step};
use super::{Visit, ended, other_browser, other_provider, over, page};
use crate::domain::connection::{GrantId, Provider};
use crate::domain::ids::ConsentId;
use crate::domain::outcome::Failure;
use crate::ports::connector::{Connector, GrantFault, Identity, TokenAsk};
use crate::ports::notification::Reply;

pub(super) async fn callback(
    stack: &Stack,
    provider: Provider,
    visit: &Visit,
    deadline: Timestamp,
) -> Result<Reply, FlowError> {
    let state = visit.query("state").unwrap_or_default();
    let begun: Option<Begun> = ticket::look(stack, Step::State, &state).await?;
    let Begun { invitation, browser } = begun.ok_or_else(over)?;
    let Some(browser) = Browser::of(visit, &invitation.address, &browser) else {
        return Err(other_browser().into());
    };
    let connector = stack.catalog.connector(provider).ok_or_else(|| other_provider(provider))?;
    let connection = invitation.wanted.connection();
    let issuer = visit.query("iss");
    let is_its = issuer.is_none_or(|issuer| connector.is_issuer(&connection, &issuer));
    if invitation.wanted.provider != provider || !is_its {
        return Err(other_provider(provider).into());
    }
    if stack.now() + TOKEN_TIME > deadline {
        let message =
            "There is no time left to ask for the tokens, and nothing has changed. Load this page again.";
        return Err(Failure::new("no_time_left", message).into());
    }
    if !ticket::take(stack, Step::State, &state).await? {
        return Err(over().into());
    }
    if let Some(error) = visit.query("error") {
        return not_given(stack, &invitation, &error).await;
    }
    let came = given(stack, connector.as_ref(), &invitation, &browser, &state, visit, deadline).await;
    let given = match came {
        Ok(given) => given,
        Err(error) => return Err(ended(stack, &invitation, error).await),
    };
    let Some(one) = only(stack, &invitation, &given).await? else {
        let browser = browser.hash();
        return choose::ask(stack, &Choice { invitation, browser, given }).await;
    };
    let chosen = vec![(invitation.wanted.name.clone(), one)];
    match join(stack, &invitation, &given, chosen).await {
        Ok(connections) => Ok(page::connected(&connections)),
        Err(error) => Err(ended(stack, &invitation, error).await),
    }
}

/// The account that the connection of this name was before, or the only one there is.
async fn only(stack: &Stack, invitation: &Invitation, given: &Given) -> Result<Option<Identity>, FlowError> {
    let known = stack.connections.get(&invitation.wanted.name).await?;
    let is_known = |one: &&Identity| known.as_ref().is_some_and(|known| known.account == one.account);
    Ok(match given.accounts.as_slice() {
        [only] => Some(only.clone()),
        several => several.iter().find(is_known).cloned(),
    })
}

/// The person said no, or the provider did.
async fn not_given(stack: &Stack, invitation: &Invitation, error: &str) -> Result<Reply, FlowError> {
    let name = &invitation.wanted.name;
    // Salesforce writes it in two ways.
    if matches!(error, "access_denied" | "access-denied") {
        let failure =
            Failure::new("access_denied", format!("access was not given, and `{name}` is as it was"));
        invitation.refused(stack, failure).await?;
        return Ok(page::declined(name.as_str()));
    }
    let word: String =
        error.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).take(60).collect();
    let message = format!(
        "{} gave no access and says: {word}. Check the app's settings there (redirect URI, scopes, who may use it), and \
         ask again on the command line.",
        invitation.wanted.provider.title()
    );
    let failure = invitation.refused(stack, Failure::new("consent_refused", message)).await?;
    Ok(page::refused(400, &failure))
}

/// The code's tokens, kept as the person's; and what they open.
async fn given(
    stack: &Stack,
    connector: &dyn Connector,
    invitation: &Invitation,
    browser: &Browser,
    state: &str,
    visit: &Visit,
    deadline: Timestamp,
) -> Result<Given, FlowError> {
    let mut connection = invitation.wanted.connection();
    let secret = stack.ports.vault.read(&invitation.secret_name()).await?;
    let code = visit.query("code").filter(|code| !code.is_empty());
    let missing = || Failure::new("missing_code", "the provider's answer holds no code; ask again");
    let code = SecretString::from(code.ok_or_else(missing)?);
    let (redirect_uri, verifier) = (invitation.redirect_uri(), browser.verifier(state));
    let ask = TokenAsk::Code { code: &code, redirect_uri: &redirect_uri, verifier: &verifier };
    // Once: a code that was sent and not answered may be used up.
    let exchanged = stack.tokens.exchange(&connection, connector, &ask, secret.as_ref(), deadline).await;
    let token = exchanged.map_err(GrantFault::failure)?;
    let unknown = || Failure::new("unknown_user", "the provider's answer doesn't say whose consent it is");
    let user = token.user.clone().ok_or_else(unknown)?;
    if token.refresh.is_none() {
        let advice = "the app gives no refresh token, without which access ends within hours: allow it \
                      offline_access (Xero) or refresh_token (Salesforce), and ask again";
        return Err(Failure::new("no_refresh_token", advice).into());
    }
    let org = token.org.as_deref();
    let consent = ConsentId::of(connection.provider.as_str(), &connection.client_id, org, &user);
    connection.consent = Some(consent);
    if let Some(known) = stack.connections.get(&connection.id).await? {
        connection.account.clone_from(&known.account);
    }
    if let Some(secret) = secret {
        stack.ports.vault.write(&client_secret_name(&GrantId::Consent(consent)), secret).await?;
    }
    stack.tokens.keep_first(&connection, connector, &token, deadline).await?;
    let deadline = stack.now() + stack.times.function;
    let client = stack.client(Arc::new(connection), Priority::Live, deadline)?;
    let accounts = connector.consented(&token, &client).await?;
    if accounts.is_empty() {
        let message = "no organisation was chosen: ask again on the command line, and choose one on the provider's page";
        return Err(Failure::new("no_organisation", message).into());
    }
    Ok(Given { consent, user, api_url: token.api_url, scopes: token.scopes, accounts })
}
