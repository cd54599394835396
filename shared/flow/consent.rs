//! Consents: a person lets Counterfoil into an account, in a browser.
//!
//! The way: a command makes an **invitation** (`invitation`), whose address opens the provider's page (`begin`); the
//! provider sends the browser back, and the code becomes tokens (`callback`); the accounts that they open (`accounts`)
//! become connections (`join`), after one more page where there are several (`choose`). Each step is a single-use ticket
//! that the next one needs (`ticket`), and all steps after the first belong to one browser (`browser`).
//!
//! Tokens are the person's: connections of the same person and app share them, and connecting one again renews all.
//! Called for `/connect/…` by the console's function, by the local server and by the command line's own page.

mod accounts;
mod address;
mod begin;
mod browser;
mod callback;
mod choose;
mod invitation;
mod join;
mod page;
mod sealed;
mod ticket;

pub use address::{address, listen_at};
pub use invitation::{Invited, Outcome, again, invite, outcome, sweep};

use jiff::{SignedDuration, Timestamp};

use invitation::Invitation;

use super::FlowError;
use super::stack::Stack;
use crate::domain::connection::Provider;
use crate::domain::outcome::Failure;
use crate::ports::clock::within;
use crate::ports::notification::Reply;

/// How long a person may take for each step.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Where browsers come: the provider's name follows, and then the step.
pub const CONNECT: &str = "/connect/";

/// The steps, each with its method: every server that answers for us has a route for each.
pub const STEPS: [(&str, &str); 4] = [
    ("GET", begin::BEGIN),
    ("GET", callback::CALLBACK),
    ("POST", accounts::ACCOUNTS),
    ("POST", choose::ORGANISATIONS),
];

/// A browser's request.
pub struct Visit {
    pub method: String,
    pub path: String,
    pub query: String,
    /// `name=value`, each.
    pub cookies: Vec<String>,
    pub body: Vec<u8>,
}

impl Visit {
    fn query(&self, name: &str) -> Option<String> {
        pairs(self.query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// Pairs of a query or of a form.
fn pairs(text: &[u8]) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(text).map(|(name, value)| (name.into_owned(), value.into_owned()))
}

/// Answers a browser by `deadline`, always with a page that a person can read or with the way to the next one.
pub async fn answer(stack: &Stack, visit: &Visit, deadline: Timestamp) -> Reply {
    let answered = within(stack.ports.clock.as_ref(), deadline, step(stack, visit, deadline)).await;
    answered.unwrap_or_else(|| Err(FlowError::NotNow(too_slow()))).unwrap_or_else(|error: FlowError| {
        let failure = error.failure();
        tracing::info!(code = %failure.code, "a consent came to nothing");
        let status = match error {
            FlowError::Asked(_) => 400,
            _ => 503,
        };
        page::refused(status, &failure)
    })
}

async fn step(stack: &Stack, visit: &Visit, deadline: Timestamp) -> Result<Reply, FlowError> {
    let path = visit.path.strip_prefix(CONNECT).unwrap_or_default();
    let (name, step) = path.split_once('/').unwrap_or((path, begin::BEGIN));
    let is_a_step = STEPS.contains(&(visit.method.as_str(), step));
    match (Provider::of(name).filter(|_| is_a_step), step) {
        (Some(provider), begin::BEGIN) => begin::begin(stack, provider, visit).await,
        (Some(provider), callback::CALLBACK) => callback::callback(stack, provider, visit, deadline).await,
        (Some(provider), accounts::ACCOUNTS) => accounts::again(stack, provider, visit, deadline).await,
        (Some(provider), choose::ORGANISATIONS) => choose::choose(stack, provider, visit, deadline).await,
        _ => Ok(page::refused(404, &Failure::new("not_found", "There is nothing here."))),
    }
}

/// The invitation ends with this error, and whoever waits is told.
async fn ended(stack: &Stack, invitation: &Invitation, error: FlowError) -> FlowError {
    if let Err(unheard) = invitation.refused(stack, error.failure()).await {
        tracing::warn!(%unheard, "what became of an invitation could not be kept");
    }
    error
}

fn over() -> Failure {
    Failure::new(
        "unknown_ticket",
        "This link was used already, or its ten minutes are over. Ask for a new one on the command line: \
         counterfoil connection add, or counterfoil connection reconnect.",
    )
}

fn no_time_left() -> Failure {
    let message = "There is no time left to go on, and nothing has changed. Load this page again.";
    Failure::new("no_time_left", message)
}

fn too_slow() -> Failure {
    Failure::new(
        "too_slow",
        "This took longer than a page may. Load it again; when that says that the link was used, ask for a new one on the \
         command line: counterfoil connection add, or counterfoil connection reconnect.",
    )
}

fn other_browser() -> Failure {
    Failure::new(
        "another_browser",
        "This was begun in another browser. Go on there, with cookies allowed, or ask for a new link on the command \
         line and open it here.",
    )
}

fn other_provider(provider: Provider) -> Failure {
    let message =
        format!("This is no answer of {}. Ask for a new link on the command line.", provider.title());
    Failure::new("another_provider", message)
}
