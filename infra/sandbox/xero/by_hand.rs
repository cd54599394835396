//! What people do inside Xero, and what tests look at: no HTTP, no limits, no app.
//!
//! `Ledger` is one organisation's handle. Documents made here carry no `created_by`.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Xero;
use super::contact::{Contact, ContactStatus, name_key, number_key};
use super::contact_rules;
use super::invoice::{Invoice, InvoiceStatus, invoice_number_key};
use super::limits::Tier;
use super::organisation::{Item, Organisation, TaxRate};
use super::request::Request;
use super::writing::{Refused, Resource};

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
        Some(change(organisation))
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
            self.change(|organisation| organisation.contacts.put(before));
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
        let saved = self.change(|organisation| {
            let id =
                contact_rules::save(organisation, now, id.is_none(), &fields).map_err(
                    |refused| match refused {
                        Refused::Element { messages, .. } => NotTaken(messages),
                        Refused::NotFound => NotTaken(vec!["There is no such contact".to_owned()]),
                    },
                )?;
            organisation.contacts.get(id).cloned().ok_or_else(|| NotTaken(Vec::new()))
        });
        saved.unwrap_or_else(|| Err(NotTaken(vec!["There is no such organisation".to_owned()])))
    }

    pub fn archive_contact(&self, id: Uuid) {
        self.set_status(id, ContactStatus::Archived, None);
    }

    /// The loser is archived and says who won; its documents move.
    pub fn merge_contacts(&self, loser: Uuid, winner: Uuid) {
        self.set_status(loser, ContactStatus::Archived, Some(winner));
        let now = self.xero.now();
        self.change(|organisation| {
            let moved: Vec<Invoice> =
                organisation.invoices.since(None).filter(|one| one.contact_id == loser).cloned().collect();
            for mut invoice in moved {
                invoice.contact_id = winner;
                invoice.updated = now;
                organisation.invoices.put(invoice);
            }
        });
    }

    fn set_status(&self, id: Uuid, status: ContactStatus, merged_to: Option<Uuid>) {
        let now = self.xero.now();
        self.change(|organisation| {
            if let Some(mut contact) = organisation.contacts.get(id).cloned() {
                contact.status = status;
                contact.merged_to = merged_to;
                contact.updated = now;
                organisation.contacts.put(contact);
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
        self.look(|organisation| organisation.contacts.since(None).cloned().collect()).unwrap_or_default()
    }

    pub fn contact(&self, id: Uuid) -> Option<Contact> {
        self.look(|organisation| organisation.contacts.get(id).cloned()).flatten()
    }

    /// The active contact of that name, in any case.
    pub fn contact_named(&self, name: &str) -> Option<Contact> {
        self.look(|organisation| organisation.contacts.find(&name_key(name)).cloned()).flatten()
    }

    pub fn contact_numbered(&self, number: &str) -> Option<Contact> {
        self.look(|organisation| organisation.contacts.find(&number_key(number)).cloned()).flatten()
    }

    pub fn invoices(&self) -> Vec<Invoice> {
        self.look(|organisation| organisation.invoices.since(None).cloned().collect()).unwrap_or_default()
    }

    pub fn invoice(&self, id: Uuid) -> Option<Invoice> {
        self.look(|organisation| organisation.invoices.get(id).cloned()).flatten()
    }

    /// A sales invoice; bills' numbers aren't unique.
    pub fn invoice_numbered(&self, number: &str) -> Option<Invoice> {
        self.look(|organisation| organisation.invoices.find(&invoice_number_key(number)).cloned()).flatten()
    }

    /// As `GET /Contacts?page=…` would show all of them.
    pub fn contacts_as_json(&self) -> Vec<Value> {
        self.page_of::<super::contacts::Contacts>()
    }

    /// As `GET /Invoices?page=…` would show all of them.
    pub fn invoices_as_json(&self) -> Vec<Value> {
        self.page_of::<super::invoices::Invoices>()
    }

    fn page_of<R: Resource>(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for page in 1.. {
            let query = format!("includeArchived=true&unitdp=4&pageSize=1000&page={page}");
            let request = Request::new("GET", R::KEY, &query, "", self.xero.now());
            let found = self.look(|organisation| R::list(organisation, &request));
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
        let saved = self.change(|organisation| {
            let id = super::invoices::Invoices::write(organisation, &request, &fields);
            let id = id.map_err(|refused| match refused {
                Refused::Element { messages, .. } => NotTaken(messages),
                Refused::NotFound => NotTaken(vec!["Something it names does not exist".to_owned()]),
            })?;
            let mut invoice = organisation.invoices.get(id).cloned().ok_or_else(|| NotTaken(Vec::new()))?;
            invoice.created_by = None;
            organisation.invoices.put(invoice.clone());
            Ok(invoice)
        });
        saved.unwrap_or_else(|| Err(NotTaken(Vec::new())))
    }

    /// A person edits; nothing but the stamp and these fields changes.
    pub fn edit_invoice(&self, id: Uuid, fields: Map<String, Value>) -> Result<Invoice, NotTaken> {
        let mut fields = fields;
        fields.insert("InvoiceID".into(), id.to_string().into());
        let request = Request::new("POST", "Invoices", "unitdp=4", "", self.xero.now());
        let saved = self.change(|organisation| {
            match super::invoices::Invoices::write(organisation, &request, &fields) {
                Ok(id) => organisation.invoices.get(id).cloned().ok_or_else(|| NotTaken(Vec::new())),
                Err(Refused::Element { messages, .. }) => Err(NotTaken(messages)),
                Err(Refused::NotFound) => Err(NotTaken(vec!["There is no such invoice".to_owned()])),
            }
        });
        saved.unwrap_or_else(|| Err(NotTaken(Vec::new())))
    }

    pub fn void_invoice(&self, id: Uuid) {
        let now = self.xero.now();
        self.change(|organisation| {
            if let Some(mut invoice) = organisation.invoices.get(id).cloned() {
                invoice.status = InvoiceStatus::Voided;
                invoice.updated = now;
                organisation.invoices.put(invoice);
                organisation.record(id, "Voided", now);
            }
        });
    }

    /// Paid in full, as by a bank reconciliation.
    pub fn pay_invoice(&self, id: Uuid) {
        let now = self.xero.now();
        self.change(|organisation| {
            if let Some(mut invoice) = organisation.invoices.get(id).cloned() {
                invoice.amount_paid = invoice.total - invoice.amount_credited;
                invoice.status = InvoiceStatus::Paid;
                invoice.fully_paid_on = Some(organisation.today(now));
                invoice.updated = now;
                organisation.invoices.put(invoice);
                organisation.record(id, "Paid", now);
            }
        });
    }

    pub fn set_period_lock(&self, date: Option<Date>) {
        self.change(|organisation| organisation.period_lock = date);
    }

    pub fn set_year_end_lock(&self, date: Option<Date>) {
        self.change(|organisation| organisation.year_end_lock = date);
    }

    /// `kind` as `REVENUE`, `EXPENSE`, `BANK`, …; `class` as `REVENUE`, `EXPENSE`, `ASSET`, …
    pub fn add_account(&self, code: &str, name: &str, kind: &str, class: &str, tax_type: &str) {
        self.change(|organisation| organisation.add_account(code, name, kind, class, tax_type));
    }

    pub fn archive_account(&self, code: &str) {
        self.change(|organisation| {
            let found = organisation.accounts.iter_mut().filter(|account| account.code == code);
            found.for_each(|account| account.active = false);
        });
    }

    pub fn add_tax_rate(&self, rate: TaxRate) {
        self.change(|organisation| organisation.tax_rates.push(rate));
    }

    pub fn add_currency(&self, code: &str) {
        self.change(|organisation| {
            if !organisation.currencies.iter().any(|held| held == code) {
                organisation.currencies.push(code.to_owned());
            }
        });
    }

    pub fn add_tracking_category(&self, name: &str, options: &[&str]) {
        self.change(|organisation| organisation.add_tracking(name, options));
    }

    /// What a sold item fills in: description, price, account.
    pub fn add_item(&self, code: &str, description: &str, unit_price: Decimal, account_code: &str) {
        self.change(|organisation| {
            let item = Item {
                id: organisation.ids.next(),
                code: code.to_owned(),
                name: description.chars().take(50).collect(),
                description: description.to_owned(),
                unit_price: Some(unit_price),
                account_code: Some(account_code.to_owned()),
                tax_type: None,
            };
            organisation.items.retain(|held| held.code != code);
            organisation.items.push(item);
        });
    }

    pub fn set_tier(&self, tier: Tier) {
        self.change(|organisation| organisation.tier = tier);
    }

    pub fn count_contacts(&self) -> usize {
        self.look(|organisation| organisation.contacts.len()).unwrap_or(0)
    }

    pub fn count_invoices(&self) -> usize {
        self.look(|organisation| organisation.invoices.len()).unwrap_or(0)
    }

    /// What must not be: in sentences, empty when all is well.
    pub fn duplicates(&self) -> Vec<String> {
        self.look(duplicates).unwrap_or_default()
    }
}

/// Two living documents of an app with one marker, or two active contacts with one name or number.
pub(crate) fn duplicates(organisation: &Organisation) -> Vec<String> {
    let mut seen: HashMap<String, String> = HashMap::new();
    let mut found = Vec::new();
    let mut meet = |what: String, who: String| {
        if let Some(other) = seen.insert(what.clone(), who.clone()) {
            found.push(format!("{other} and {who} have the same {what}"));
        }
    };
    for invoice in organisation.invoices.since(None) {
        let gone = matches!(invoice.status, InvoiceStatus::Voided | InvoiceStatus::Deleted);
        if gone || invoice.created_by.is_none() {
            continue;
        }
        let who = format!("invoice {} {}", invoice.number, invoice.id);
        match &invoice.url {
            Some(url) => meet(format!("Url {url}"), who),
            None if !invoice.reference.is_empty() => {
                meet(format!("{} Reference {}", invoice.kind.as_str(), invoice.reference), who);
            }
            None => {}
        }
    }
    for contact in organisation.contacts.since(None).filter(|contact| contact.is_active()) {
        let who = format!("contact {}", contact.id);
        meet(format!("contact name {}", contact.name().to_lowercase()), who.clone());
        if let Some(number) = contact.number() {
            meet(format!("contact number {number}"), who);
        }
    }
    found
}
