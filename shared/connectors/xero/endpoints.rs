//! The places at Xero that take many elements in one call. One file each, and one line here.

mod contacts_upsert;
mod invoices;
mod invoices_create;
mod invoices_find;
mod invoices_update;

use std::sync::Arc;

pub(super) use contacts_upsert::contact_url;
pub(super) use invoices_find::{ALL, criterion};

use super::directory::Directory;
use crate::domain::Value;
use crate::domain::money::Amount;
use crate::domain::time::Day;
use crate::ports::connector::{Capacity, Element, Endpoint};

pub(super) const CONTACTS_UPSERT: &str = "xero/contacts.upsert";
pub(super) const INVOICES_CREATE: &str = "xero/invoices.create";
pub(super) const INVOICES_UPDATE: &str = "xero/invoices.update";
pub(super) const INVOICES_FIND: &str = "xero/invoices.find";

pub(super) fn all(directory: &Arc<Directory>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        Arc::new(contacts_upsert::ContactsUpsert { directory: directory.clone() }),
        Arc::new(invoices_create::InvoicesCreate),
        Arc::new(invoices_update::InvoicesUpdate),
        Arc::new(invoices_find::InvoicesFind),
    ]
}

const WRITES: Capacity =
    Capacity { elements: super::limits::WRITE_ELEMENTS, bytes: super::limits::WRITE_BYTES };

/// Gives each element its result, each result at most once: by proof (a marker, an id) first, then by a unique
/// name, and by position only where `echoes` finds that everything that came back agrees with what was sent.
/// Xero keeps the order of elements, but says so nowhere.
fn matched<'a>(
    elements: &[Element],
    results: &'a [Value],
    proves: impl Fn(&Element, &Value) -> bool,
    names: impl Fn(&Element, &Value) -> bool,
    echoes: impl Fn(&Element, &Value) -> bool,
) -> Vec<Option<&'a Value>> {
    let mut owners: Vec<Option<usize>> = vec![None; results.len()];
    let mut taken: Vec<Option<usize>> = vec![None; elements.len()];
    for rule in [&proves as &dyn Fn(&Element, &Value) -> bool, &names] {
        for (at, element) in elements.iter().enumerate() {
            if taken[at].is_some() {
                continue;
            }
            let fits: Vec<usize> =
                (0..results.len()).filter(|r| owners[*r].is_none() && rule(element, &results[*r])).collect();
            if let [result] = fits[..] {
                taken[at] = Some(result);
                owners[result] = Some(at);
            }
        }
    }
    if results.len() == elements.len() {
        for (at, element) in elements.iter().enumerate() {
            if taken[at].is_none() && owners[at].is_none() && echoes(element, &results[at]) {
                taken[at] = Some(at);
                owners[at] = Some(at);
            }
        }
    }
    taken.into_iter().map(|result| result.map(|at| &results[at])).collect()
}

/// Whether what came back says the same as what was sent: amounts by value, days by day, and of an object only
/// what was sent and came back.
pub(super) fn agrees(sent: &Value, back: &Value) -> bool {
    match (sent, back) {
        (Value::Object(sent), Value::Object(back)) => {
            sent.iter().all(|(name, value)| back.get(name).is_none_or(|echo| agrees(value, echo)))
        }
        (Value::Array(sent), Value::Array(back)) => {
            sent.len() == back.len() && sent.iter().zip(back).all(|(sent, back)| agrees(sent, back))
        }
        (Value::String(sent), Value::String(back)) => {
            sent.trim() == back.trim()
                || matches!((Day::parse(sent), Day::parse(back)), (Ok(sent), Ok(back)) if sent == back)
        }
        (Value::Number(_), Value::Number(_)) => {
            matches!((Amount::from_json(sent), Amount::from_json(back)), (Ok(sent), Ok(back)) if sent == back)
        }
        (sent, back) => sent == back,
    }
}

/// Whether a result echoes these members of an element, and all that it echoes agrees.
fn echoes(element: &Value, result: &Value, members: &[&str]) -> bool {
    members.iter().all(|member| result.get(*member).is_some_and(|echo| !echo.is_null()))
        && agrees(element, result)
}
