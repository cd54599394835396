//! Invoices that are there, changed by their InvoiceID: repeatable.

use async_trait::async_trait;

use super::invoices::{settle, write};
use super::{INVOICES_UPDATE, WRITES};
use crate::connectors::xero::wire::Became;
use crate::domain::effect::EffectKind;
use crate::domain::outcome::Failure;
use crate::ports::connector::{Call, Capacity, Element, Endpoint, MemberOutcome};
use crate::ports::http::{Method, Response};

pub(super) struct InvoicesUpdate;

#[async_trait]
impl Endpoint for InvoicesUpdate {
    fn id(&self) -> &'static str {
        INVOICES_UPDATE
    }

    fn effect(&self) -> EffectKind {
        EffectKind::Set
    }

    fn capacity(&self) -> Capacity {
        WRITES
    }

    /// <https://developer.xero.com/documentation/api/accounting/invoices#post-invoices>
    fn compose(&self, _shape: &str, elements: &[Element]) -> Call {
        write(Method::Post, elements)
    }

    fn settle(&self, shape: &str, elements: &[Element], response: &Response) -> Vec<MemberOutcome> {
        settle(shape, elements, response, Became::Updated, MemberOutcome::Failed)
    }

    fn refused(&self, _element: &Element, failure: Failure) -> MemberOutcome {
        MemberOutcome::Failed(match failure.code.as_str() {
            "not_found" => Failure::new(
                "invoice_not_found",
                "Xero knows no invoice of this InvoiceID: it may belong to another organisation, or to a demo company that was reset",
            ),
            _ => failure,
        })
    }
}
