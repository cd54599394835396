//! What hangs on a document, at `/{Endpoint}/{id}/{Part}…`: a file for each.
//!
//! A kind names the parts it has (`Resource::PARTS`). `resource.rs` finds the document and calls the part.

pub(crate) mod allocations;
pub(crate) mod attachments;
pub(crate) mod email;
pub(crate) mod history;
pub(crate) mod online_invoice;
pub(crate) mod paper;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::{Refusal, Reply};
use super::organisation::Organisation;
use super::request::Request;

/// One word after a document's id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// As the path has it, e.g. `History`.
    pub(crate) name: &'static str,
    /// What the token must allow; empty for the document's own scopes.
    pub(crate) scopes: &'static [&'static str],
    /// What comes after the name is in `request.path[3..]`.
    pub(crate) serve: fn(&mut Organisation, &Request, Owner) -> Result<Reply, Refusal>,
}

/// The document that a part hangs on; it exists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    /// The collection, e.g. `Invoices`.
    pub(crate) key: &'static str,
    pub(crate) id: Uuid,
    /// The document as it is shown alone.
    pub(crate) show: fn(&Organisation, &Request, Uuid) -> Option<Map<String, Value>>,
}
