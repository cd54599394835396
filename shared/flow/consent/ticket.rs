//! Tickets: 256 random bits that let their bearer take one step, once, within ten minutes.
//!
//! The table knows a ticket by its hash only, so that who reads the table can take no step.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::super::FlowError;
use super::super::rows::{document_of, item_of};
use super::super::stack::Stack;
use super::PATIENCE;
use crate::ports::random::token;
use crate::ports::table::{Condition, Key, TableError, Write};

/// The step that a ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// To open the provider's page.
    Invitation,
    /// To come back from it: OAuth's `state`.
    State,
    /// To go on with what was given, after a page whose time was over.
    Granted,
    /// To say which organisations.
    Choice,
}

/// SHA-256, in hexadecimal digits.
pub(super) fn hash(secret: &str) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key(step: Step, ticket: &str) -> Key {
    let step = match step {
        Step::Invitation => "invitation",
        Step::State => "state",
        Step::Granted => "granted",
        Step::Choice => "choice",
    };
    Key::new(format!("C#{}", hash(ticket)), step)
}

pub(super) async fn issue<T: Serialize>(
    stack: &Stack,
    step: Step,
    document: &T,
) -> Result<SecretString, FlowError> {
    let ticket = token(stack.ports.random.as_ref());
    let mut item = item_of(key(step, ticket.expose_secret()), document);
    item.expires_at = Some(stack.now() + PATIENCE);
    stack.ports.table.write(vec![Write::put(item, Condition::Absent)]).await?;
    Ok(ticket)
}

/// What was written down when the ticket was issued; None: it was used, its time is over, or it never was one.
pub(super) async fn look<T: DeserializeOwned>(
    stack: &Stack,
    step: Step,
    ticket: &str,
) -> Result<Option<T>, FlowError> {
    let found = stack.ports.table.get_one(&key(step, ticket)).await?;
    Ok(found.as_ref().map(document_of).transpose()?)
}

/// Uses the ticket up. False: somebody else did, a moment ago.
pub(super) async fn take(stack: &Stack, step: Step, ticket: &str) -> Result<bool, FlowError> {
    let delete = Write::Delete { key: key(step, ticket), when: Condition::Exists };
    match stack.ports.table.write(vec![delete]).await {
        Ok(()) => Ok(true),
        Err(TableError::Refused(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
