//! How people look at the books through `/_sandbox/`: the kinds that there are, and the documents of one, newest
//! change first. Nothing here is part of Xero's API.

use serde_json::{Value, json};

use super::Books;
use super::endpoints::ENDPOINTS;
use super::organisation::Organisation;
use super::reading::View;
use super::request::Request;
use super::resource::Resource;
use crate::control::Look;

/// How many there are, and those that are looked at.
pub(crate) type Browse = fn(&Organisation, &Look) -> (usize, Vec<Value>);

pub(crate) fn newest<R: Resource>(organisation: &Organisation, look: &Look) -> (usize, Vec<Value>) {
    let request = Request::new("GET", R::KEY, "unitdp=4", "", organisation.created);
    let shelf = R::shelf(&organisation.shelves);
    let rows = shelf
        .since(None)
        .rev()
        .map(|document| Value::Object(R::show(organisation, &request, document, View::Single)));
    (shelf.len(), look.choose(rows))
}

/// What there is of each kind in each organisation.
pub(crate) fn kinds(books: &Books) -> Value {
    let rows = books.organisations.iter().flat_map(|organisation| {
        ENDPOINTS.iter().filter_map(move |endpoint| {
            let (count, _) = endpoint.browse?(organisation, &Look::nothing());
            Some(json!({ "account": organisation.name, "kind": endpoint.path, "count": count }))
        })
    });
    rows.collect()
}

pub(crate) fn browse(books: &Books, look: &Look) -> Vec<Value> {
    let organisation = books.organisations.iter().find(|one| one.name == look.account);
    let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.path == look.kind);
    match (organisation, endpoint.and_then(|endpoint| endpoint.browse)) {
        (Some(organisation), Some(browse)) => browse(organisation, look).1,
        _ => Vec::new(),
    }
}
