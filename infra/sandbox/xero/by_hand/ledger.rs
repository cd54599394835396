//! One organisation in somebody's hands: how it is looked at and changed, and what is asked of its books as a whole.

use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use crate::xero::journal::Basis;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::writing::Refused;
use crate::xero::{Xero, invariants, journal, reading};

/// One organisation of a `Xero`.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(super) xero: Arc<Xero>,
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

    pub(super) fn look<T>(&self, look: impl FnOnce(&Organisation) -> T) -> Option<T> {
        let state = self.xero.state();
        state.organisations.iter().find(|one| one.tenant_id == self.tenant).map(look)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Organisation) -> T) -> Option<T> {
        let mut state = self.xero.state();
        let organisation = state.organisations.iter_mut().find(|one| one.tenant_id == self.tenant)?;
        organisation.actor = "A Person".to_owned();
        let changed = change(organisation);
        let at = self.xero.harness.clock.now();
        self.xero.webhooks.notice(organisation, &self.xero.identity, at);
        Some(changed)
    }

    /// Kept as a whole or not at all.
    pub(super) fn enter<T>(
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

    pub(super) fn page_of<R: Resource>(&self) -> Vec<Value> {
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

    /// What stands on an account in the books, debits positive.
    pub fn balance(&self, code: &str) -> Decimal {
        let balance = self.look(|organisation| {
            let account = organisation.account(code)?.id;
            journal::balances(organisation, Basis::Accrual).remove(&account)
        });
        balance.flatten().unwrap_or_default()
    }

    /// What must not be: in sentences, empty when all is well.
    pub fn duplicates(&self) -> Vec<String> {
        self.look(invariants::duplicates).unwrap_or_default()
    }
}
