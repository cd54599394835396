//! The way back from the provider: the state is checked, and the code becomes tokens.
//!
//! Whatever is wrong with the state, nothing is exchanged and nothing changes: it may be someone else's browser, and the
//! person whose state it is can still come.

use jiff::Timestamp;
use secrecy::SecretString;

use super::super::FlowError;
use super::super::refresh::TOKEN_TIME;
use super::super::stack::Stack;
use super::accounts::{self, Granted};
use super::begin::Begun;
use super::browser::Browser;
use super::invitation::Invitation;
use super::join::Given;
use super::ticket::{self, Step};
use super::{Visit, ended, no_time_left, other_browser, other_provider, over, page};
use crate::domain::connection::{Connection, Provider};
use crate::domain::ids::ConsentId;
use crate::domain::outcome::Failure;
use crate::ports::connector::{GrantFault, Token, TokenAsk};
use crate::ports::notification::Reply;

/// The step that the provider sends browsers to, behind its name.
pub(super) const CALLBACK: &str = "callback";

pub(super) async fn callback(
    stack: &Stack,
    provider: Provider,
    visit: &Visit,
    deadline: Timestamp,
) -> Result<Reply, FlowError> {
    let state = visit.query("state").unwrap_or_default();
    let begun: Option<Begun> = ticket::look(stack, Step::State, &state).await?;
    let begun = begun.ok_or_else(over)?;
    let invitation = &begun.invitation;
    let Some(browser) = Browser::of(visit, &invitation.address, &begun.browser) else {
        return Err(other_browser().into());
    };
    let connector = stack.catalog.connector(provider).ok_or_else(|| other_provider(provider))?;
    let connection = invitation.wanted.connection();
    let issuer = visit.query("iss");
    let is_its = issuer.is_none_or(|issuer| connector.is_issuer(&connection, &issuer));
    if invitation.wanted.provider != provider || !is_its {
        return Err(other_provider(provider).into());
    }
    // Before anything is used up: a vault that doesn't answer now would keep no tokens either, and one that is slow may
    // leave no time to go on.
    let secret = invitation.secret(stack).await?;
    if stack.now() + TOKEN_TIME > deadline {
        return Err(no_time_left().into());
    }
    if !ticket::take(stack, Step::State, &state).await? {
        return Err(over().into());
    }
    if let Some(error) = visit.query("error") {
        return not_given(stack, &begun.invitation, &error).await;
    }
    let code = visit.query("code").filter(|code| !code.is_empty()).map(SecretString::from);
    let (redirect_uri, verifier) = (invitation.redirect_uri(), browser.verifier(&state));
    let exchanged = async {
        let missing = || Failure::new("missing_code", "the provider's answer holds no code; ask again");
        let code = code.ok_or_else(missing)?;
        let ask = TokenAsk::Code { code: &code, redirect_uri: &redirect_uri, verifier: &verifier };
        // Once: a code that was sent and not answered may be used up.
        let exchanged =
            stack.tokens.exchange(&connection, connector.as_ref(), &ask, secret.as_ref(), deadline);
        given(&connection, exchanged.await.map_err(GrantFault::failure)?)
    };
    let (token, given) = match exchanged.await {
        Ok(exchanged) => exchanged,
        Err(failure) => return Err(ended(stack, invitation, failure.into()).await),
    };
    let granted = Granted { begun, given, sealed: None };
    accounts::go_on(stack, connector.as_ref(), &browser, granted, Some(token), secret, deadline).await
}

/// Whose tokens they are; their accounts aren't known yet.
fn given(connection: &Connection, token: Token) -> Result<(Token, Given), Failure> {
    let unknown = || Failure::new("unknown_user", "the provider's answer doesn't say whose consent it is");
    let user = token.user.clone().ok_or_else(unknown)?;
    if token.refresh.is_none() {
        let advice = "the app gives no refresh token, without which access ends within hours: allow it \
                      offline_access (Xero) or refresh_token (Salesforce), and ask again";
        return Err(Failure::new("no_refresh_token", advice));
    }
    let org = token.org.as_deref();
    let consent = ConsentId::of(connection.provider.as_str(), &connection.client_id, org, &user);
    let (api_url, scopes) = (token.api_url.clone(), token.scopes.clone());
    Ok((token, Given { consent, user, api_url, scopes, accounts: Vec::new() }))
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
