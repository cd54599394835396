//! New invoices, by the verb that can't overwrite: PUT.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::invoices::{finish, settle, write};
use super::{INVOICES_CREATE, WRITES};
use crate::connectors::xero::marker::carries;
use crate::connectors::xero::wire::{ACCOUNTING, Became, envelope};
use crate::domain::Value;
use crate::domain::effect::EffectKind;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::time::Stamp;
use crate::ports::connector::{Account, Call, Capacity, Element, Endpoint, MemberOutcome};
use crate::ports::http::{Method, Response};

pub(super) struct InvoicesCreate;

/// Our clock and Xero's may differ by this much.
const OVERLAP: SignedDuration = SignedDuration::from_mins(2);
const PAGE_SIZE: usize = 1_000;

#[async_trait]
impl Endpoint for InvoicesCreate {
    fn id(&self) -> &'static str {
        INVOICES_CREATE
    }

    fn effect(&self) -> EffectKind {
        EffectKind::Create
    }

    fn capacity(&self) -> Capacity {
        WRITES
    }

    /// <https://developer.xero.com/documentation/api/accounting/invoices#put-invoices>
    fn compose(&self, _shape: &str, elements: &[Element]) -> Call {
        write(Method::Put, elements)
    }

    fn settle(&self, shape: &str, elements: &[Element], response: &Response) -> Vec<MemberOutcome> {
        settle(shape, elements, response, Became::Created, refusal)
    }

    fn refused(&self, _element: &Element, failure: Failure) -> MemberOutcome {
        refusal(failure)
    }

    /// What this app made since then, in one read (more only when a page is full), compared here.
    /// <https://developer.xero.com/documentation/api/accounting/invoices#get-invoices>
    async fn look_up(
        &self,
        shape: &str,
        elements: &[Element],
        since: Timestamp,
        account: &dyn Account,
    ) -> Result<Vec<Option<Value>>, Fault> {
        let since = Stamp(since.checked_sub(OVERLAP).unwrap_or(since)).to_if_modified_since();
        let mut found = vec![None; elements.len()];
        for page in 1_u64.. {
            let call = Call::get(format!("{ACCOUNTING}/Invoices"))
                .with_query("createdByMyApp", "true")
                .with_query("page", page.to_string())
                .with_query("pageSize", PAGE_SIZE.to_string())
                .with_query("order", "InvoiceID")
                .with_query("unitdp", "4")
                .with_header("if-modified-since", since.clone());
            let response = account.read(call).await?;
            let invoices = match response.status {
                304 => return Ok(found),
                _ => envelope(&response, "Invoices").ok_or_else(unreadable)?,
            };
            for (element, found) in elements.iter().zip(&mut found) {
                if found.is_none() {
                    let ours = invoices.elements.iter().find(|invoice| carries(invoice, &element.marker));
                    *found = ours.map(|invoice| finish(shape, invoice, Became::Created));
                }
            }
            let last = invoices.pages.map_or(invoices.elements.len() < PAGE_SIZE, |pages| page >= pages);
            if last || found.iter().all(Option::is_some) {
                break;
            }
        }
        Ok(found)
    }
}

/// Not having read what is there must never look like nothing being there.
fn unreadable() -> Fault {
    Fault::InDoubt(Failure::new(
        "unreadable_answer",
        "Xero's list of invoices could not be read: what was made isn't known yet",
    ))
}

/// A number that is taken may be taken by ourselves, in a call whose answer was lost.
fn refusal(failure: Failure) -> MemberOutcome {
    match failure.code.as_str() {
        "number_taken" => MemberOutcome::Taken(failure),
        _ => MemberOutcome::Failed(failure),
    }
}
