//! One more page where a consent was given for several organisations: which of them become connections, and what they
//! are called.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::super::FlowError;
use super::super::stack::Stack;
use super::accounts::TIME_TO_TELL;
use super::begin::{Begun, Presented};
use super::browser::Browser;
use super::join::{Given, join};
use super::page::{self, Offer};
use super::ticket::{self, Step};
use super::{CONNECT, Visit, ended, over};
use crate::domain::connection::Provider;
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::Failure;
use crate::ports::connector::Identity;
use crate::ports::notification::Reply;

/// The step of the form, behind the provider's name.
pub(super) const ORGANISATIONS: &str = "organisations";
const LONGEST_NAME: usize = 64;

/// What the form's ticket says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Choice {
    pub(super) begun: Begun,
    pub(super) given: Given,
}

impl AsRef<Begun> for Choice {
    fn as_ref(&self) -> &Begun {
        &self.begun
    }
}

/// What a person ticked and wrote: account and name.
type Ticked = BTreeMap<String, (bool, String)>;

/// The page that asks.
pub(super) async fn ask(stack: &Stack, browser: &Browser, choice: &Choice) -> Result<Reply, FlowError> {
    let suggested = suggested(stack, choice).await?;
    show(stack, browser, choice, &suggested, None).await
}

/// The answer: each ticked organisation becomes a connection, or all stay what they were.
pub(super) async fn choose(
    stack: &Stack,
    provider: Provider,
    visit: &Visit,
    deadline: Timestamp,
) -> Result<Reply, FlowError> {
    let presented = Begun::presented::<Choice>(stack, provider, Step::Choice, visit).await?;
    let Presented { ticket, document: choice, browser, form } = presented;
    let value = |wanted: &str| form.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.trim());
    if !ticket::take(stack, Step::Choice, &ticket).await? {
        return Err(over().into());
    }
    let ticked: Ticked = choice
        .given
        .accounts
        .iter()
        .map(|one| {
            let is_ticked = form.iter().any(|(name, value)| name == "organisation" && *value == one.account);
            let name = value(&format!("name:{}", one.account)).unwrap_or_default();
            (one.account.clone(), (is_ticked, name.to_owned()))
        })
        .collect();
    let joined = match named(&choice.given.accounts, &ticked) {
        Ok(chosen) => {
            join(stack, &choice.begun.invitation, &choice.given, chosen, deadline - TIME_TO_TELL).await
        }
        Err(failure) => Err(failure.into()),
    };
    match joined {
        Ok(connections) => Ok(page::connected(&connections)),
        // It can be put right on the page, or comes right by itself.
        Err(error) if error.is_passing() || matches!(error, FlowError::Asked(_)) => {
            show(stack, &browser, &choice, &ticked, Some(&error.failure())).await
        }
        Err(error) => Err(ended(stack, &choice.begun.invitation, error).await),
    }
}

async fn show(
    stack: &Stack,
    browser: &Browser,
    choice: &Choice,
    ticked: &Ticked,
    wrong: Option<&Failure>,
) -> Result<Reply, FlowError> {
    let invitation = &choice.begun.invitation;
    invitation.goes_on(stack).await?;
    let connections = stack.connections.list().await?;
    let provider = invitation.wanted.provider;
    let offers = choice.given.accounts.iter().map(|one| {
        let known = connections.iter().find(|it| it.provider == provider && it.account == one.account);
        let (chosen, name) = ticked.get(&one.account).map_or((false, ""), |(t, name)| (*t, name.as_str()));
        let known_as = known.map(|known| known.id.as_str());
        Offer { account: &one.account, title: &one.title, name, chosen, known_as }
    });
    let offers: Vec<Offer<'_>> = offers.collect();
    let action = format!("{CONNECT}{}/{ORGANISATIONS}", provider.as_str());
    let ticket = ticket::issue(stack, Step::Choice, choice).await?;
    let mut reply =
        page::choose(&action, ticket.expose_secret(), &offers, wrong.map(|it| it.message.as_str()));
    // As long as the ticket.
    reply.cookies = vec![browser.cookie(&invitation.address)];
    Ok(reply)
}

/// The ticked ones with their names, each of which may stand once.
fn named(accounts: &[Identity], ticked: &Ticked) -> Result<Vec<(ConnectionId, Identity)>, Failure> {
    let mut names = BTreeSet::new();
    let mut chosen = Vec::new();
    for one in accounts {
        let Some((true, name)) = ticked.get(&one.account) else { continue };
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(is_plain) {
            let message = format!(
                "“{name}” is no name for {}: take letters, digits, hyphens, dots and underscores, at most {LONGEST_NAME}",
                one.title
            );
            return Err(Failure::new("bad_name", message));
        }
        if !names.insert(name) {
            let message = format!("two organisations can't both be called “{name}”");
            return Err(Failure::new("bad_name", message));
        }
        chosen.push((ConnectionId::from(name.as_str()), one.clone()));
    }
    if chosen.is_empty() {
        return Err(Failure::new("nothing_chosen", "tick at least one organisation"));
    }
    Ok(chosen)
}

/// The name that was asked for goes to the first that isn't connected yet, and all of those are ticked.
async fn suggested(stack: &Stack, choice: &Choice) -> Result<Ticked, FlowError> {
    let wanted = &choice.begun.invitation.wanted;
    let connections = stack.connections.list().await?;
    let known_as = |one: &Identity| {
        let known = connections.iter().find(|it| it.provider == wanted.provider && it.account == one.account);
        known.map(|known| known.id.to_string())
    };
    let mut taken: BTreeSet<String> =
        connections.iter().map(|connection| connection.id.to_string()).collect();
    let mut asked_for = Some(wanted.name.to_string());
    let mut ticked = Ticked::new();
    for one in &choice.given.accounts {
        let known = known_as(one);
        let is_ticked = known.is_none();
        let name = known.or_else(|| asked_for.take()).unwrap_or_else(|| free(&slug(&one.title), &taken));
        taken.insert(name.clone());
        ticked.insert(one.account.clone(), (is_ticked, name));
    }
    Ok(ticked)
}

/// `Demo Company (NZ)` is `demo-company-nz`.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_lowercase();
    let slug: String = slug.chars().take(LONGEST_NAME - 4).collect();
    if slug.is_empty() { "organisation".to_owned() } else { slug }
}

fn free(name: &str, taken: &BTreeSet<String>) -> String {
    if !taken.contains(name) {
        return name.to_owned();
    }
    let mut numbered = (2..).map(|number| format!("{name}-{number}"));
    numbered.find(|name| !taken.contains(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(account: &str) -> Identity {
        let (account, title) = (account.to_owned(), format!("The {account}"));
        Identity { account, title, own_user: String::new(), daily_limit: None, remote_id: None }
    }

    fn ticked(names: &[(&str, bool, &str)]) -> Ticked {
        let one = |(account, is, name): &(&str, bool, &str)| (account.to_string(), (*is, name.to_string()));
        names.iter().map(one).collect()
    }

    #[test]
    fn each_ticked_organisation_has_a_plain_name_of_its_own() {
        let accounts = [identity("a"), identity("b"), identity("c")];
        let chosen =
            named(&accounts, &ticked(&[("a", true, "books"), ("b", false, "!"), ("c", true, "büro-2")]));
        let names: Vec<String> = chosen.unwrap().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["books", "büro-2"]);
        let long = "x".repeat(65);
        for (wrong, code) in [
            (vec![("a", true, "books"), ("b", true, "books")], "bad_name"),
            (vec![("a", true, "")], "bad_name"),
            (vec![("a", true, "my books")], "bad_name"),
            (vec![("a", true, "<b>")], "bad_name"),
            (vec![("a", true, long.as_str())], "bad_name"),
            (vec![("a", false, "books")], "nothing_chosen"),
            (vec![("another", true, "books")], "nothing_chosen"),
        ] {
            assert_eq!(named(&accounts, &ticked(&wrong)).unwrap_err().code, code, "{wrong:?}");
        }
    }

    #[test]
    fn a_name_is_made_of_a_title_and_is_free() {
        assert_eq!(slug("Demo Company (NZ)"), "demo-company-nz");
        assert_eq!(slug("…"), "organisation");
        let taken = BTreeSet::from(["demo".to_owned(), "demo-2".to_owned()]);
        assert_eq!((free("demo", &taken), free("other", &taken)), ("demo-3".to_owned(), "other".to_owned()));
    }
}
