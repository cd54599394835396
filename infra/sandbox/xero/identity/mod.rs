//! Xero's identity server: apps, users, consent, tokens and connections.
//!
//! A request's way: `routes` -> `authorize` (a person in a browser, with the pages of `consent_page`) or `tokens`
//! (an app at the token endpoint) -> `register`, which remembers everything. `scopes` says what a token opens;
//! the accounting door asks it. Nothing here knows documents.

mod apps;
mod authorize;
mod connections;
mod consent_page;
mod control;
mod discovery;
mod form;
mod register;
mod routes;
mod scopes;
mod tokens;

pub use apps::{App, AppKind};
pub(crate) use control::router as controls;
pub(crate) use register::{Access, Identity, Register, TokenProblem};
pub(crate) use routes::answer;
pub use scopes::SCOPES;
pub use tokens::{ACCESS_TOKEN_LIFE, CODE_LIFE, REFRESH_TOKEN_GRACE, REFRESH_TOKEN_LIFE};
