//! Stand-in Salesforce: OAuth, REST, SOQL and the records of one org.
//!
//! It keeps what it is given, refuses what the real one refuses in its words, and counts calls against a
//! day. Called by `Sandbox`; tests and people reach behind it through `person.rs` and `control.rs`.

mod actions;
mod answer;
mod asked;
mod background;
mod bulk;
mod change_events;
mod changes;
mod chatter;
mod clients;
mod collections;
mod composite;
mod condition;
mod conditional;
mod control;
mod currencies;
mod describe;
mod duplicates;
mod failures;
mod files;
mod filter;
mod ids;
mod jwt;
mod kept;
mod limits;
mod multipart;
mod oauth;
mod objects;
mod options;
mod org;
mod outbound;
mod outbox;
mod packed;
mod passwords;
mod person;
mod provider;
mod query;
mod recent;
mod record_types;
mod records;
mod recycle_bin;
mod refusals;
mod relationships;
mod reports;
mod rest;
mod rows;
mod rules;
mod search;
mod seed;
mod soap;
mod soql;
mod stand_in;
mod store;
mod tokens;
mod values;
mod wildcards;

#[cfg(test)]
mod tests;

pub use actions::{Email, Flow, FlowInput, FlowWrite};
pub use answer::Refused;
pub use change_events::EventDelivery;
pub use clients::Client;
pub use duplicates::DuplicateRule;
pub use options::Options;
pub use outbound::OutboundMessage;
pub use refusals::{Check, Refusal};
pub use reports::Report;
pub use seed::{Amounts, Seeded};
pub use stand_in::Salesforce;
