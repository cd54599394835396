//! The first step: whoever holds an invitation is sent to the provider's page, with a state that is this browser's.

use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::FlowError;
use super::super::stack::Stack;
use super::browser::Browser;
use super::invitation::Invitation;
use super::ticket::{self, Step};
use super::{Visit, other_browser, other_provider, over, page, pairs};
use crate::domain::connection::Provider;
use crate::domain::outcome::Failure;
use crate::ports::connector::ConsentAsk;
use crate::ports::notification::Reply;

/// The step of the address that people are given, behind the provider's name.
pub(super) const BEGIN: &str = "";

/// Whose way this is: what a state says when it comes back, and every ticket after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) invitation: Invitation,
    /// The hash of the browser's cookie.
    pub(super) browser: String,
}

/// A page's form, by the browser that its ticket was issued to.
pub(super) struct Presented<T> {
    pub(super) ticket: String,
    pub(super) document: T,
    pub(super) browser: Browser,
    pub(super) form: Vec<(String, String)>,
}

impl Begun {
    /// The form that came back of a page of this way. Its ticket isn't used up yet.
    pub(super) async fn presented<T: DeserializeOwned + AsRef<Self>>(
        stack: &Stack,
        provider: Provider,
        step: Step,
        visit: &Visit,
    ) -> Result<Presented<T>, FlowError> {
        let form: Vec<(String, String)> = pairs(&visit.body).collect();
        let ticket = form.iter().find(|(name, _)| name == "ticket").map(|(_, value)| value.trim().to_owned());
        let ticket = ticket.unwrap_or_default();
        let document: T = ticket::look(stack, step, &ticket).await?.ok_or_else(over)?;
        let begun = document.as_ref();
        let browser = Browser::of(visit, &begun.invitation.address, &begun.browser);
        let browser = browser.ok_or_else(other_browser)?;
        if begun.invitation.wanted.provider != provider {
            return Err(other_provider(provider).into());
        }
        Ok(Presented { ticket, document, browser, form })
    }
}

pub(super) async fn begin(stack: &Stack, provider: Provider, visit: &Visit) -> Result<Reply, FlowError> {
    let ticket = visit.query("invitation").unwrap_or_default();
    let invitation: Option<Invitation> = ticket::look(stack, Step::Invitation, &ticket).await?;
    let invitation = invitation.filter(|it| it.wanted.provider == provider).ok_or_else(over)?;
    let connection = invitation.wanted.connection();
    let connector = stack.catalog.connector(provider);
    let endpoint = connector.and_then(|connector| connector.authorize_url(&connection)).ok_or_else(|| {
        let message = format!("{} accounts are connected without a browser", provider.as_str());
        Failure::new("no_consents", message)
    })?;
    if !ticket::take(stack, Step::Invitation, &ticket).await? {
        return Err(over().into());
    }
    invitation.goes_on(stack).await?;
    let browser = Browser::new(stack.ports.random.as_ref());
    let (address, redirect_uri) = (invitation.address.clone(), invitation.redirect_uri());
    let begun = Begun { invitation, browser: browser.hash() };
    let state = ticket::issue(stack, Step::State, &begun).await?;
    let state = state.expose_secret();
    let challenge = browser.challenge(state);
    let ask =
        ConsentAsk { connection: &connection, redirect_uri: &redirect_uri, state, challenge: &challenge };
    Ok(page::leave_for(ask.url(&endpoint), browser.cookie(&address)))
}
