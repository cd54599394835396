//! `GET /Invoices/{id}/OnlineInvoice`: where the customer sees a sales invoice.
//!
//! <https://developer.xero.com/documentation/api/accounting/invoices#retrieving-the-online-invoice-url>

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Owner, Part};
use crate::xero::answer::{Refusal, Reply};
use crate::xero::documents::claims::InvoiceStatus;
use crate::xero::organisation::Organisation;
use crate::xero::reading::single;
use crate::xero::request::Request;

pub(crate) const PART: Part = Part { name: "OnlineInvoice", scopes: &[], serve };

/// Drafts and bills have none.
fn serve(organisation: &mut Organisation, request: &Request, owner: Owner) -> Result<Reply, Refusal> {
    if request.method != "GET" {
        return Err(Refusal::NotImplemented);
    }
    let invoice = organisation.shelves.invoices.get(owner.id).ok_or(Refusal::NotFound)?;
    if !invoice.claim.is_sale || invoice.claim.status == InvoiceStatus::Draft {
        return Err(Refusal::NotFound);
    }
    // As long as the real ones, and always the same for an invoice.
    let secret = URL_SAFE_NO_PAD.encode(Sha256::digest(owner.id.as_bytes()));
    let url = format!("https://in.xero.com/{}", &secret[..40]);
    Ok(single("OnlineInvoices", json!({ "OnlineInvoiceUrl": url })).into())
}
