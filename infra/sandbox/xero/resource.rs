//! One kind over the API: what a kind says of itself, and the way of a call from its method and path to there.
//!
//! Listing is in `reading.rs`, bulk writing in `writing.rs`, what hangs on a document in `parts/`. A kind's row
//! is in `endpoints.rs`.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Found, Refusal, Reply};
use super::filter::{Fields, Quick};
use super::organisation::Organisation;
use super::parts::attachments::Attachment;
use super::parts::{Owner, Part, history};
use super::reading::{self, JsonRow, Paging, Parameter, View};
use super::request::Request;
use super::shelf::{Document, Shelf};
use super::shelves::Shelves;
use super::writing::{self, Refused};

pub(crate) trait Resource: Sized + 'static {
    type Document: Document + 'static;

    /// The collection, e.g. `Invoices`.
    const KEY: &'static str;
    /// The field with the id, e.g. `InvoiceID`.
    const ID: &'static str;
    /// The flag of a refused element, where the kind has one: `HasErrors` or `HasValidationErrors`.
    const REFUSED_FLAG: Option<&'static str> = None;
    const PAGING: Paging = Paging::Asked;
    /// How many may be written in a request; of more than that none is.
    const MOST_WRITTEN: usize = usize::MAX;
    /// Whether `where` is looked at.
    const FILTERED: bool = true;
    /// Whether `summaryOnly` is looked at.
    const SUMMARISED: bool = false;
    /// The kind's own parameters, besides those that all kinds have.
    const PARAMETERS: &'static [Parameter] = &[];
    /// What `where` and `order` may name, in lower case.
    const FIELDS: &'static [&'static str];
    /// And those that it has in common with other kinds.
    const SHARED_FIELDS: &'static [&'static str] = &[];
    /// What finds documents quickly where there are very many; none for kinds of which there never are.
    const QUICK: Option<Quick> = None;
    /// As `order` would have it; without one it is by stamp, then by id.
    const DEFAULT_ORDER: Option<&'static str> = None;
    /// The parameter that brings what lists leave out.
    const WITH_ARCHIVED: &'static str = "includeArchived";
    /// What hangs on a document of this kind.
    const PARTS: &'static [Part] = &[history::PART];

    fn shelf(shelves: &Shelves) -> &Shelf<Self::Document>;

    /// What a path may carry instead of an id: a number, a code.
    fn named<'a>(_organisation: &'a Organisation, _key: &str) -> Option<&'a Self::Document> {
        None
    }

    /// Left out of lists that aren't asked for it (`WITH_ARCHIVED`).
    fn is_archived(_document: &Self::Document) -> bool {
        false
    }

    /// The document as JSON, with `HasAttachments` and `Attachments` where they stand; what they say is filled in
    /// for all kinds alike (`shown`). `request` says how many places unit prices have, and whose view it is.
    fn show(
        organisation: &Organisation,
        request: &Request,
        document: &Self::Document,
        view: View,
    ) -> Map<String, Value>;

    /// The document as a query sees it. Kinds with many documents have their own, without the JSON.
    fn row<'a>(
        organisation: &'a Organisation,
        request: &Request,
        document: &'a Self::Document,
    ) -> Box<dyn Fields + 'a> {
        let shown = shown::<Self>(organisation, request, document, View::Paged);
        Box::new(JsonRow { shown, known: Self::FIELDS })
    }

    /// Creates (`PUT`), or creates or updates (`POST`). Whoever doesn't say how can't be written.
    fn write(
        _organisation: &mut Organisation,
        _request: &Request,
        _sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        Err(Refused::NotImplemented)
    }

    /// What of the element was left as it is, though the rest was written: sentences that warn of it.
    fn warnings(_sent: &Map<String, Value>, _written: &Self::Document) -> Vec<String> {
        Vec::new()
    }

    /// `DELETE /{Endpoint}/{id}`.
    fn delete(_organisation: &mut Organisation, _request: &Request, _id: Uuid) -> Result<Reply, Refusal> {
        Err(Refusal::NotImplemented)
    }

    /// Lists, single documents and what was written, on their way out.
    fn reply(_request: &Request, found: Found) -> Reply {
        Reply::Found(found)
    }

    /// What was sent, as it comes back with its messages; the id is in front already.
    fn echo(sent: &Map<String, Value>, body: &mut Map<String, Value>) {
        for (field, value) in sent {
            body.entry(field.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// By id, or by what the path may carry instead.
pub(crate) fn find<'a, R: Resource>(
    organisation: &'a Organisation,
    key: &str,
) -> Result<&'a R::Document, Refusal> {
    let by_id = Uuid::parse_str(key).ok().and_then(|id| R::shelf(&organisation.shelves).get(id));
    by_id.or_else(|| R::named(organisation, key)).ok_or(Refusal::NotFound)
}

pub(crate) fn serve<R: Resource>(
    organisation: &mut Organisation,
    request: &Request,
) -> Result<Reply, Refusal> {
    match (request.method.as_str(), request.path.as_slice()) {
        ("GET", [_]) => reading::list::<R>(organisation, request).map(|found| R::reply(request, found)),
        ("GET", [_, key]) if request.wants_pdf() => part::<R>(organisation, request, key, "pdf"),
        ("GET", [_, key]) => {
            reading::one::<R>(organisation, request, key).map(|found| R::reply(request, found))
        }
        ("PUT", [_]) | ("POST", [_] | [_, _]) => {
            writing::write_all::<R>(organisation, request).map(|found| R::reply(request, found))
        }
        ("DELETE", [_, key]) => {
            let id = find::<R>(organisation, key)?.id();
            R::delete(organisation, request, id)
        }
        (_, [_, key, name, ..]) => part::<R>(organisation, request, key, name),
        _ => Err(Refusal::NotImplemented),
    }
}

/// As `show` has it, with the files that hang on it.
pub(crate) fn shown<R: Resource>(
    organisation: &Organisation,
    request: &Request,
    document: &R::Document,
    view: View,
) -> Map<String, Value> {
    let mut body = R::show(organisation, request, document, view);
    if let Some(flag) = body.get_mut("HasAttachments") {
        *flag = organisation.has_attachments(document.id()).into();
    }
    if let Some(files) = body.get_mut("Attachments") {
        *files = organisation.attachments(document.id()).map(Attachment::as_json).collect();
    }
    body
}

/// Notes and files for a document that isn't there are refused in words.
const ADDED: [&str; 2] = ["History", "Attachments"];
const NO_DOCUMENT: &str = "The document with the supplied id was not found for this endpoint.";

fn part<R: Resource>(
    organisation: &mut Organisation,
    request: &Request,
    key: &str,
    name: &str,
) -> Result<Reply, Refusal> {
    let part = R::PARTS.iter().find(|part| part.name == name).ok_or(Refusal::NotFound)?;
    let id = match find::<R>(organisation, key) {
        Ok(document) => document.id(),
        Err(_) if ADDED.contains(&name) && request.method != "GET" => {
            return Err(Refusal::Validation(vec![
                json!({ "ValidationErrors": [{ "Message": NO_DOCUMENT }] }),
            ]));
        }
        Err(refusal) => return Err(refusal),
    };
    let show = |organisation: &Organisation, request: &Request, id: Uuid| {
        let document = R::shelf(&organisation.shelves).get(id)?;
        Some(shown::<R>(organisation, request, document, View::Single))
    };
    (part.serve)(organisation, request, Owner { key: R::KEY, id, show })
}
