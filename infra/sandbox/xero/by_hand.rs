//! What people do inside Xero, and what tests look at: no HTTP, no limits, no app.
//!
//! `Ledger` is one organisation's handle. Documents made here carry no `created_by`.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Xero;
use super::documents::contacts::Contacts;
use super::documents::contacts::contact::{Contact, ContactStatus, name_key, number_key};
use super::documents::contacts::rules as contact_rules;
use super::documents::invoices::Invoices;
use super::documents::invoices::invoice::{Invoice, InvoiceStatus, invoice_number_key};
use super::documents::payments;
use super::documents::quotes::Quotes;
use super::documents::settlement::contact_key;
use super::invariants;
use super::journal;
use super::organisation::Organisation;
use super::reading;
use super::request::Request;
use super::resource::Resource;
use super::settings::items::Item;
use super::settings::tax_rates::TaxRate;
use super::shelf::{Document, Shelf};
use super::wire;
use super::writing::Refused;

/// The demo company's first bank account.
const BANK: &str = "090";

/// One organisation of a `Xero`.
#[derive(Debug, Clone)]
pub struct Ledger {
    xero: Arc<Xero>,
    tenant: Uuid,
}

/// Why a person's entry isn't taken: the sentences Xero shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTaken(pub Vec<String>);

impl Ledger {
    pub(crate) fn new(xero: Arc<Xero>, tenant: Uuid) -> Self {
        Self { xero, tenant }
    }

    pub fn tenant_id(&self) -> Uuid {
        self.tenant
    }

    fn look<T>(&self, look: impl FnOnce(&Organisation) -> T) -> Option<T> {
        let state = self.xero.state();
        state.organisations.iter().find(|one| one.tenant_id == self.tenant).map(look)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Organisation) -> T) -> Option<T> {
        let mut state = self.xero.state();
        let organisation = state.organisations.iter_mut().find(|one| one.tenant_id == self.tenant)?;
        organisation.actor = "A Person".to_owned();
        let changed = change(organisation);
        let at = self.xero.harness.clock.now();
        self.xero.webhooks.notice(organisation, &self.xero.identity, at);
        Some(changed)
    }

    /// Kept as a whole or not at all.
    fn enter<T>(
        &self,
        entry: impl FnOnce(&mut Organisation) -> Result<Option<T>, Refused>,
    ) -> Result<T, NotTaken> {
        let not_taken = |sentence: &str| NotTaken(vec![sentence.to_owned()]);
        match self.change(|organisation| organisation.attempt(entry)) {
            Some(Ok(Some(entered))) => Ok(entered),
            Some(Err(Refused::Element { messages, .. })) => Err(NotTaken(messages.sentences())),
            Some(Err(Refused::NotImplemented)) => Err(not_taken("This can't be entered")),
            Some(Ok(None) | Err(Refused::NotFound)) => Err(not_taken("Something it names does not exist")),
            None => Err(not_taken("There is no such organisation")),
        }
    }

    /// Fields as the API has them, e.g. `{"Name": "Acme", "EmailAddress": "a@acme.test"}`.
    pub fn add_contact(&self, fields: Value) -> Result<Contact, NotTaken> {
        self.write_contact(fields, None)
    }

    pub fn add_contact_named(&self, name: &str) -> Result<Contact, NotTaken> {
        self.add_contact(json!({ "Name": name }))
    }

    /// Unlike the API, a person may edit an archived contact, e.g. restore it with `ContactStatus`.
    pub fn edit_contact(&self, id: Uuid, fields: Value) -> Result<Contact, NotTaken> {
        let restores = fields.get("ContactStatus").and_then(Value::as_str) == Some("ACTIVE");
        let before = self.contact(id).filter(|held| restores && !held.is_active());
        if before.is_some() {
            self.set_status(id, ContactStatus::Active, None);
        }
        let saved = self.write_contact(fields, Some(id));
        if let (Err(_), Some(before)) = (&saved, before) {
            self.change(|organisation| organisation.shelves.contacts.put(before));
        }
        saved
    }

    fn write_contact(&self, fields: Value, id: Option<Uuid>) -> Result<Contact, NotTaken> {
        let now = self.xero.now();
        let Value::Object(mut fields) = fields else {
            return Err(NotTaken(vec!["Not an object".to_owned()]));
        };
        fields.extend(id.map(|id| ("ContactID".to_owned(), id.to_string().into())));
        let persons = id.and_then(|id| self.contact(id)).map(|held| held.persons);
        fields.entry("ContactPersons").or_insert_with(|| Value::Array(persons.unwrap_or_default()));
        self.enter(|organisation| {
            let id = contact_rules::save(organisation, now, id.is_none(), &fields)?;
            Ok(organisation.shelves.contacts.get(id).cloned())
        })
    }

    /// Xero erases contacts on request of a person, and knows nothing of them afterwards.
    pub fn erase_contact(&self, id: Uuid) {
        self.change(|organisation| organisation.shelves.contacts.remove(id));
    }

    pub fn archive_contact(&self, id: Uuid) {
        self.set_status(id, ContactStatus::Archived, None);
    }

    /// The loser is archived and says who won; its documents move.
    pub fn merge_contacts(&self, loser: Uuid, winner: Uuid) {
        self.set_status(loser, ContactStatus::Archived, Some(winner));
        let now = self.xero.now();
        self.change(|organisation| {
            let key = contact_key(loser);
            let shelves = &mut organisation.shelves;
            shelves.invoices.edit_all(&key, |invoice| (invoice.contact_id, invoice.updated) = (winner, now));
            shelves.credit_notes.edit_all(&key, |note| (note.contact_id, note.updated) = (winner, now));
            shelves.bank_transactions.edit_all(&key, |one| (one.contact, one.updated) = (Some(winner), now));
            for shelf in [&mut shelves.prepayments, &mut shelves.overpayments] {
                shelf.edit_all(&key, |advance| (advance.contact_id, advance.updated) = (winner, now));
            }
        });
    }

    fn set_status(&self, id: Uuid, status: ContactStatus, merged_to: Option<Uuid>) {
        let now = self.xero.now();
        self.change(|organisation| {
            if let Some(mut contact) = organisation.shelves.contacts.get(id).cloned() {
                contact.status = status;
                contact.merged_to = merged_to;
                contact.updated = now;
                organisation.shelves.contacts.put(contact);
                organisation.record(id, "Edited", now);
            }
        });
    }

    /// Contacts as people make them: a name, sometimes an e-mail address, never a ContactNumber.
    pub fn seed_contacts(&self, count: usize) -> Vec<Contact> {
        let names: Vec<String> = (1..=count).map(|number| format!("Customer {number:05}")).collect();
        self.seed_contacts_named(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Names that are held already are left as they are.
    pub fn seed_contacts_named(&self, names: &[&str]) -> Vec<Contact> {
        let entries = names.iter().enumerate().filter_map(|(place, name)| {
            let mailbox: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let email = if place % 2 == 0 && !mailbox.is_empty() {
                format!("{}@example.com", mailbox.to_lowercase())
            } else {
                String::new()
            };
            self.add_contact(json!({ "Name": name, "EmailAddress": email })).ok()
        });
        entries.collect()
    }

    pub fn contacts(&self) -> Vec<Contact> {
        self.look(|organisation| organisation.shelves.contacts.since(None).cloned().collect())
            .unwrap_or_default()
    }

    pub fn contact(&self, id: Uuid) -> Option<Contact> {
        self.look(|organisation| organisation.shelves.contacts.get(id).cloned()).flatten()
    }

    /// The active contact of that name, in any case.
    pub fn contact_named(&self, name: &str) -> Option<Contact> {
        self.look(|organisation| organisation.shelves.contacts.find(&name_key(name)).cloned()).flatten()
    }

    pub fn contact_numbered(&self, number: &str) -> Option<Contact> {
        self.look(|organisation| organisation.shelves.contacts.find(&number_key(number)).cloned()).flatten()
    }

    pub fn invoices(&self) -> Vec<Invoice> {
        self.look(|organisation| organisation.shelves.invoices.since(None).cloned().collect())
            .unwrap_or_default()
    }

    pub fn invoice(&self, id: Uuid) -> Option<Invoice> {
        self.look(|organisation| organisation.shelves.invoices.get(id).cloned()).flatten()
    }

    /// A sales invoice; bills' numbers aren't unique.
    pub fn invoice_numbered(&self, number: &str) -> Option<Invoice> {
        self.look(|organisation| organisation.shelves.invoices.find(&invoice_number_key(number)).cloned())
            .flatten()
    }

    /// Which documents of a collection have a stamp from then on, in the order of the stamps.
    pub fn stamped_since(&self, collection: &str, since: Timestamp) -> Vec<(Uuid, Timestamp)> {
        fn stamps<D: Document>(shelf: &Shelf<D>, since: Timestamp) -> Vec<(Uuid, Timestamp)> {
            shelf.since(Some(since)).map(|document| (document.id(), document.updated())).collect()
        }
        let found = self.look(|organisation| {
            let shelves = &organisation.shelves;
            match collection {
                "Invoices" => stamps(&shelves.invoices, since),
                "Payments" => stamps(&shelves.payments, since),
                "Quotes" => stamps(&shelves.quotes, since),
                _ => Vec::new(),
            }
        });
        found.unwrap_or_default()
    }

    /// As `GET /Contacts?page=…` would show all of them.
    pub fn contacts_as_json(&self) -> Vec<Value> {
        self.page_of::<Contacts>()
    }

    /// As `GET /Invoices?page=…` would show all of them.
    pub fn invoices_as_json(&self) -> Vec<Value> {
        self.page_of::<Invoices>()
    }

    fn page_of<R: Resource>(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for page in 1.. {
            let query = format!("includeArchived=true&unitdp=4&pageSize=1000&page={page}");
            let request = Request::new("GET", R::KEY, &query, "", self.xero.now());
            let found = self.look(|organisation| reading::list::<R>(organisation, &request));
            match found {
                Some(Ok(found)) if !found.elements.is_empty() => rows.extend(found.elements),
                _ => break,
            }
        }
        rows
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
        let stands = self.invoice(id).is_some_and(|invoice| invoice.status.stands());
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

    pub fn set_period_lock(&self, date: Option<Date>) {
        self.change(|organisation| organisation.period_lock = date);
    }

    pub fn set_year_end_lock(&self, date: Option<Date>) {
        self.change(|organisation| organisation.year_end_lock = date);
    }

    /// `kind` as `REVENUE`, `EXPENSE`, `BANK`, …; `class` as `REVENUE`, `EXPENSE`, `ASSET`, …
    pub fn add_account(&self, code: &str, name: &str, kind: &str, class: &str, tax_type: &str) {
        let now = self.xero.now();
        self.change(|organisation| organisation.add_account(code, name, kind, class, tax_type, now));
    }

    pub fn archive_account(&self, code: &str) {
        let now = self.xero.now();
        self.change(|organisation| {
            if let Some(mut account) = organisation.account(code).cloned() {
                account.active = false;
                account.updated = now;
                organisation.shelves.accounts.put(account);
            }
        });
    }

    /// `rate` in percent; for sales and for purchases.
    pub fn add_tax_rate(&self, name: &str, tax_type: &str, rate: Decimal) {
        let now = self.xero.now();
        self.change(|organisation| {
            let id = organisation.ids.next();
            organisation.shelves.tax_rates.put(TaxRate::new(id, name, tax_type, rate, now));
        });
    }

    pub fn add_currency(&self, code: &str) {
        let now = self.xero.now();
        self.change(|organisation| organisation.add_currency(code, code, now));
    }

    pub fn add_tracking_category(&self, name: &str, options: &[&str]) {
        let now = self.xero.now();
        self.change(|organisation| organisation.add_tracking(name, options, now));
    }

    /// What a sold item fills in: description, price, account. One with the same code is replaced.
    pub fn add_item(&self, code: &str, description: &str, unit_price: Decimal, account_code: &str) {
        let now = self.xero.now();
        self.change(|organisation| {
            let held = organisation.item(code).map(|held| held.id);
            let id = held.unwrap_or_else(|| organisation.ids.next());
            let mut item = Item::new(id, code, now);
            item.name = description.chars().take(50).collect();
            description.clone_into(&mut item.description);
            item.sales.unit_price = Some(unit_price);
            item.sales.account_code = Some(account_code.to_owned());
            organisation.shelves.items.put(item);
        });
    }

    /// What stands on an account in the books, debits positive.
    pub fn balance(&self, code: &str) -> Decimal {
        let balance = self.look(|organisation| {
            let account = organisation.account(code)?.id;
            journal::balances(organisation, |_| true).remove(&account)
        });
        balance.flatten().unwrap_or_default()
    }

    pub fn count_contacts(&self) -> usize {
        self.look(|organisation| organisation.shelves.contacts.len()).unwrap_or(0)
    }

    pub fn count_invoices(&self) -> usize {
        self.look(|organisation| organisation.shelves.invoices.len()).unwrap_or(0)
    }

    /// What must not be: in sentences, empty when all is well.
    pub fn duplicates(&self) -> Vec<String> {
        self.look(invariants::duplicates).unwrap_or_default()
    }
}
