//! What a connector gives: a provider's manners, behind traits that the flow room can use without knowing it.
//!
//! The words: an **action** turns a step's input into an **operation** (or into an answer that needs no call).
//! Operations of many runs that go to the same **endpoint** in the same shape are made in one **call**.
//! A **connector** knows how calls are authorised, what answers mean, and what the account's limits are.

mod account;
mod action;
mod catalog;
mod endpoint;
mod limits;
mod manners;
mod token;
mod trigger;

pub use super::changed::{Changed, FieldChange};
pub use super::consent::ConsentAsk;
pub use account::Account;
pub use action::{Action, ActionDescription, Operation, Plan, Planning, Sets};
pub use catalog::Catalog;
pub use endpoint::{Call, Capacity, Element, Endpoint, MemberOutcome};
pub use limits::{LimitKind, Limits, Usage, Verdict};
pub use manners::{Connector, Identity, Opened};
pub use token::{GrantFault, RefreshRules, Token, TokenAsk};
pub use trigger::{
    Bound, Change, Counted, Events, Interest, PollAsk, PollPage, Resume, Trigger, TriggerDescription,
};
