//! Stand-in Xero: identity, and the accounting API with its rules, limits and bodies. Called by `Sandbox`.
//!
//! A request's way: `door` (who asks, may they) -> `endpoints` (a row for each kind) -> `resource` -> `reading`
//! or `writing` -> the kind's own file in `documents/` or `settings/`, or what hangs on it in `parts/` -> `wire`.
//! A new kind is a file, a row in `endpoints` and a row in `shelves`. What a document does to the books is
//! `Document::entries` (`journal`). Nothing of the product is used here.

mod answer;
mod body;
mod browse;
mod by_hand;
mod control;
mod demo;
mod disputed;
mod documents;
mod door;
mod endpoints;
mod failures;
mod filter;
mod filter_parser;
mod held;
mod idempotency;
mod identity;
mod invariants;
mod journal;
mod kept;
mod limits;
mod messages;
mod options;
mod organisation;
mod parts;
mod pdf;
mod plan;
mod projects;
mod provider;
mod reading;
mod reports;
mod request;
mod resource;
mod seed;
mod settings;
mod shelf;
mod shelves;
mod stand_in;
#[cfg(test)]
mod tests;
mod webhooks;
mod wire;
mod writing;

pub use by_hand::{Ledger, NotTaken, Standing};
pub use disputed::{AppLimit, Disputed, EventTypes, KnownName, ProblemKeys, TokenErrors, Windows};
pub use documents::claims::{Claim, InvoiceStatus};
pub use documents::contacts::contact::{Contact, ContactStatus};
pub use documents::head::Head;
pub use documents::invoices::invoice::Invoice;
pub use documents::lines::{Line, PackedLines, Tracking};
pub use documents::tax::{LineAmountTypes, Totals};
pub use held::Hold;
pub use identity::{
    ACCESS_TOKEN_LIFE, App, AppKind, CODE_LIFE, REFRESH_TOKEN_GRACE, REFRESH_TOKEN_LIFE, SCOPES,
};
pub use limits::{APP_PER_MINUTE, CONCURRENT, PER_MINUTE, Tier, Used};
pub use options::{DEMO_COMPANY, Options};
pub use plan::Plan;
pub use provider::Caller;
pub use seed::Amounts;
pub use settings::accounts::{Account, BankAccount, SystemAccount};
pub use settings::items::{Item, ItemDetails};
pub use settings::tax_rates::{TaxComponent, TaxRate};
pub use settings::tracking::{TrackingCategory, TrackingOption, TrackingStatus};
pub use stand_in::{CLIENT_ID, CLIENT_SECRET, Xero};
pub use webhooks::{Category, State as WebhookState};

pub(crate) use stand_in::{Books, whole_second};
