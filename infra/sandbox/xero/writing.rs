//! Bulk writes: each element is saved or refused on its own, then the call is kept or undone as a whole
//! (by the door, as every call is that is refused).
//!
//! By default one refused element fails the call with 400 and nothing is saved; `summarizeErrors=false`
//! answers 200 and says for each element what became of it.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::{Found, Refusal};
use super::body::Put;
use super::messages::{self, Messages};
use super::organisation::Organisation;
use super::reading::View;
use super::request::Request;
use super::resource::{self, Resource};
use super::shelf::Document;
use super::wire;

/// Why one element isn't saved.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Fails the whole call with an empty 404.
    NotFound,
    /// Nothing of this kind can be written.
    NotImplemented,
    Element {
        id: Option<Uuid>,
        messages: Messages,
    },
}

pub(crate) fn write_all<R: Resource>(
    organisation: &mut Organisation,
    request: &Request,
) -> Result<Found, Refusal> {
    let mut elements = request.elements(R::KEY)?;
    if let Some(key) = request.path.get(1) {
        name_by_path::<R>(organisation, key, &mut elements)?;
    }
    let summarizes = request.summarizes_errors();
    let too_many = elements.len() > R::MOST_WRITTEN;
    let (mut shown, mut refused) = (Vec::with_capacity(elements.len()), Vec::new());
    for sent in &elements {
        let written = match too_many {
            true => Err(Refused::because(None, too_many_of::<R>())),
            false => organisation.attempt(|organisation| R::write(organisation, request, sent)),
        };
        match written {
            Ok(id) => {
                let document = R::shelf(&organisation.shelves).get(id).ok_or(Refusal::NotFound)?;
                let mut body = resource::shown::<R>(organisation, request, document, View::Written);
                if !summarizes {
                    let warnings = R::warnings(sent, document);
                    let status = if warnings.is_empty() { "OK" } else { "WARNING" };
                    body.insert("StatusAttributeString".into(), status.into());
                    body.put_some("Warnings", (!warnings.is_empty()).then(|| messages::listed(warnings)));
                }
                shown.push(Value::Object(body));
            }
            Err(Refused::NotFound) => return Err(Refusal::NotFound),
            Err(Refused::NotImplemented) => return Err(Refusal::NotImplemented),
            Err(Refused::Element { id, messages }) => {
                let body = refusal::<R>(sent, id, &messages, summarizes);
                if summarizes { refused.push(body) } else { shown.push(body) }
            }
        }
    }
    if !refused.is_empty() {
        return Err(Refusal::Validation(refused));
    }
    Ok(Found { key: R::KEY, elements: shown, pagination: None })
}

/// `POST /Contacts/{id}`: the path names the document, for one element that names it too, or none. The wordings are
/// ours.
fn name_by_path<R: Resource>(
    organisation: &Organisation,
    key: &str,
    elements: &mut [Map<String, Value>],
) -> Result<(), Refusal> {
    let id = resource::find::<R>(organisation, key)?.id();
    let refuse =
        |sent: &Map<String, Value>, message: String| Err(Messages::from(message).refuse(sent.clone()));
    if let [_, second, ..] = elements {
        return refuse(second, format!("Only one of the {} may be written by the id in the path", R::KEY));
    }
    for element in elements {
        let others = [R::ID, "ID"].into_iter().filter_map(|field| Some((field, given(element, field)?)));
        let stranger = others
            .filter(|(_, other)| other != wire::ZERO_ID)
            .find(|(_, other)| Uuid::parse_str(other) != Ok(id));
        if let Some((field, other)) = stranger {
            return refuse(element, format!("The {field} '{other}' is not the one in the path, '{id}'"));
        }
        element.insert(R::ID.into(), id.to_string().into());
    }
    Ok(())
}

/// The wording is ours.
fn too_many_of<R: Resource>() -> String {
    let most = if R::MOST_WRITTEN == 1 { "one".to_owned() } else { R::MOST_WRITTEN.to_string() };
    format!("Only {most} of the {} may be written in a request", R::KEY)
}

/// The zero id where nothing exists, then the request again, then what is wrong with it.
fn refusal<R: Resource>(
    sent: &Map<String, Value>,
    id: Option<Uuid>,
    messages: &Messages,
    summarizes: bool,
) -> Value {
    let mut body = Map::new();
    let id = id.map_or_else(|| wire::ZERO_ID.to_owned(), |id| id.to_string());
    body.insert(R::ID.into(), id.into());
    R::echo(sent, &mut body);
    if let Some(flag) = R::REFUSED_FLAG {
        body.insert(flag.into(), true.into());
    }
    refused_element(body, messages, summarizes)
}

/// What comes back of an element that isn't saved, with what is wrong with it.
pub(crate) fn refused_element(mut body: Map<String, Value>, messages: &Messages, summarizes: bool) -> Value {
    if !summarizes {
        body.insert("StatusAttributeString".into(), "ERROR".into());
    }
    messages.show(&mut body);
    Value::Object(body)
}

impl Refused {
    pub(crate) fn because(id: Option<Uuid>, message: impl Into<String>) -> Self {
        Self::Element { id, messages: Messages::from(message) }
    }
}

/// A text field: absent, emptied (`""` or null), or set. Numbers are taken as their text.
pub(crate) fn text_of(sent: &Map<String, Value>, field: &str) -> Option<String> {
    match sent.get(field)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => Some(String::new()),
    }
}

/// A text field of so many characters at most. The wording is not recorded.
pub(crate) fn text_within(
    sent: &Map<String, Value>,
    field: &str,
    longest: usize,
    messages: &mut Messages,
) -> Option<String> {
    let text = text_of(sent, field)?;
    if text.chars().count() > longest {
        messages.push(format!("The {field} field must not exceed {longest} characters"));
    }
    Some(text)
}

/// Set and not empty.
pub(crate) fn given(sent: &Map<String, Value>, field: &str) -> Option<String> {
    text_of(sent, field).filter(|text| !text.is_empty())
}
