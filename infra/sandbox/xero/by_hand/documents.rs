//! Invoices, bills and quotes, as people enter, edit, void and pay them.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Ledger, NotTaken};
use crate::xero::documents::claims::InvoiceStatus;
use crate::xero::documents::invoices::Invoices;
use crate::xero::documents::invoices::invoice::Invoice;
use crate::xero::documents::payments;
use crate::xero::documents::quotes::Quotes;
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::wire;
use crate::xero::writing::Refused;

/// The demo company's first bank account.
const BANK: &str = "090";

impl Ledger {
    pub fn invoices(&self) -> Vec<Invoice> {
        self.look(|organisation| organisation.shelves.invoices.since(None).cloned().collect())
            .unwrap_or_default()
    }

    pub fn invoice(&self, id: Uuid) -> Option<Invoice> {
        self.look(|organisation| organisation.shelves.invoices.get(id).cloned()).flatten()
    }

    /// As `GET /Invoices?page=…` would show all of them.
    pub fn invoices_as_json(&self) -> Vec<Value> {
        self.page_of::<Invoices>()
    }

    pub fn count_invoices(&self) -> usize {
        self.look(|organisation| organisation.shelves.invoices.len()).unwrap_or(0)
    }

    /// An invoice or bill entered by a person; fields as the API has them.
    pub fn add_invoice(&self, fields: Value) -> Result<Invoice, NotTaken> {
        let now = self.xero.now();
        let fields = fields.as_object().cloned().unwrap_or_default();
        let request = Request::new("PUT", "Invoices", "unitdp=4", "", now);
        self.enter(|organisation| {
            let id = Invoices::write(organisation, &request, &fields)?;
            let Some(mut invoice) = organisation.shelves.invoices.get(id).cloned() else { return Ok(None) };
            invoice.created_by = None;
            organisation.shelves.invoices.put(invoice.clone());
            Ok(Some(invoice))
        })
    }

    /// A person edits; nothing but the stamp and these fields changes.
    pub fn edit_invoice(&self, id: Uuid, fields: Map<String, Value>) -> Result<Invoice, NotTaken> {
        let mut fields = fields;
        fields.insert("InvoiceID".into(), id.to_string().into());
        let request = Request::new("POST", "Invoices", "unitdp=4", "", self.xero.now());
        self.enter(|organisation| {
            let id = Invoices::write(organisation, &request, &fields)?;
            Ok(organisation.shelves.invoices.get(id).cloned())
        })
    }

    /// A quote entered by a person; fields as the API has them. Returns its id.
    pub fn add_quote(&self, fields: Value) -> Result<Uuid, NotTaken> {
        let fields = fields.as_object().cloned().unwrap_or_default();
        let request = Request::new("PUT", "Quotes", "", "", self.xero.now());
        self.enter(|organisation| Quotes::write(organisation, &request, &fields).map(Some))
    }

    /// A person edits; nothing but the stamp and these fields changes.
    pub fn edit_quote(&self, id: Uuid, fields: Map<String, Value>) -> Result<(), NotTaken> {
        let mut fields = fields;
        fields.insert("QuoteID".into(), id.to_string().into());
        let request = Request::new("POST", "Quotes", "", "", self.xero.now());
        self.enter(|organisation| Quotes::write(organisation, &request, &fields).map(|_| Some(())))
    }

    /// A draft is deleted instead. Not once something was paid or allocated.
    pub fn void_invoice(&self, id: Uuid) -> Result<Invoice, NotTaken> {
        let stands = self.invoice(id).is_some_and(|invoice| invoice.claim.status.stands());
        let status = if stands { InvoiceStatus::Voided } else { InvoiceStatus::Deleted };
        self.edit_invoice(id, [("Status".to_owned(), status.as_str().into())].into_iter().collect())
    }

    /// What is still due, from or to the first bank account, as by a bank reconciliation.
    pub fn pay_invoice(&self, id: Uuid) -> Result<Invoice, NotTaken> {
        let now = self.xero.now();
        self.enter(|organisation| {
            let invoice = organisation.shelves.invoices.get(id).ok_or(Refused::NotFound)?;
            let payment = wire::fields(json!({
                "Invoice": { "InvoiceID": id.to_string() }, "Account": { "Code": BANK },
                "Amount": wire::money(invoice.amount_due()),
            }));
            payments::rules::create(organisation, now, &payment, None)?;
            Ok(organisation.shelves.invoices.get(id).cloned())
        })
    }

    /// The invoice is due again.
    pub fn remove_payment(&self, id: Uuid) -> Result<(), NotTaken> {
        let now = self.xero.now();
        self.enter(|organisation| payments::rules::delete(organisation, id, now).map(|_| Some(())))
    }
}
