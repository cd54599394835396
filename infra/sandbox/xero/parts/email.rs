//! `POST /Invoices/{id}/Email`: sends a sales invoice to its contact, in as far as a stand-in can: it says so.
//!
//! <https://developer.xero.com/documentation/api/accounting/invoices#emailing-an-invoice>

use serde_json::json;

use super::{Owner, Part};
use crate::xero::answer::{Refusal, Reply};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::wire::midnight;

pub(crate) const PART: Part = Part { name: "Email", scopes: &[], serve };

const EMAILED: &str = "Emailed";

fn serve(organisation: &mut Organisation, request: &Request, owner: Owner) -> Result<Reply, Refusal> {
    if request.method != "POST" {
        return Err(Refusal::NotImplemented);
    }
    let mut invoice = organisation.shelves.invoices.get(owner.id).cloned().ok_or(Refusal::NotFound)?;
    let refuse = |message: &str| {
        let refused = json!({
            "InvoiceID": owner.id.to_string(), "ValidationErrors": [{ "Message": message }],
        });
        Err(Refusal::Validation(vec![refused]))
    };
    if !invoice.claim.is_sale {
        return refuse("Only ACCREC invoices can be sent by email");
    }
    if !invoice.claim.status.is_approved() {
        return refuse("Only invoices that are SUBMITTED, AUTHORISED or PAID can be sent by email");
    }
    let contact = organisation.shelves.contacts.get(invoice.head.contact_id);
    let Some(address) = contact.and_then(|contact| contact.email()).map(str::to_owned) else {
        return refuse("The contact has no email address");
    };
    let today = midnight(request.now.to_zoned(jiff::tz::TimeZone::UTC).date());
    if organisation.recorded_since(EMAILED, today) >= organisation.plan.emails_a_day() {
        return refuse("The daily limit of emails has been reached");
    }
    invoice.claim.sent_to_contact = true;
    // Xero leaves the stamp of a document that is paid in part.
    if invoice.claim.paid.is_zero() {
        invoice.head.updated = request.now;
    }
    organisation.shelves.invoices.put(invoice);
    let details = format!("This invoice has been sent to {address}");
    organisation.record_more(owner.id, EMAILED, details, request.now);
    Ok(Reply::Nothing)
}
