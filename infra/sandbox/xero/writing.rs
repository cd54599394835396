//! Bulk writes: each element is saved or refused on its own, then the call is kept or undone as a whole.
//!
//! By default one refused element fails the call with 400 and nothing is saved; `summarizeErrors=false`
//! answers 200 and says for each element what became of it.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Found, Refusal};
use super::organisation::Organisation;
use super::request::Request;
use super::wire;

/// Why one element isn't saved.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Fails the whole call with an empty 404.
    NotFound,
    Element {
        id: Option<Uuid>,
        messages: Vec<String>,
    },
}

/// One kind of document: a file each, named in `routes.rs`.
pub(crate) trait Resource {
    const KEY: &'static str;
    const ID: &'static str;
    /// The flag of a refused element; contacts have their own.
    const REFUSED_FLAG: &'static str = "HasErrors";

    fn list(organisation: &Organisation, request: &Request) -> Result<Found, Refusal>;

    /// By id, or by what the path may carry instead (a number, a code).
    fn one(organisation: &Organisation, request: &Request, key: &str) -> Result<Found, Refusal>;

    /// Creates (`PUT`), or creates or updates (`POST`).
    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused>;

    /// The shape that follows a write.
    fn written(organisation: &Organisation, request: &Request, id: Uuid) -> Map<String, Value>;

    /// What was sent, as it comes back with its messages; the id is in front already.
    fn echo(sent: &Map<String, Value>, body: &mut Map<String, Value>);
}

pub(crate) fn write_all<R: Resource>(
    organisation: &mut Organisation,
    request: &Request,
) -> Result<Found, Refusal> {
    let mut elements = request.elements(R::KEY)?;
    if let Some(id) = request.path.get(1) {
        // `POST /Contacts/{id}`: the path names the document for an element that doesn't.
        for element in &mut elements {
            element.entry(R::ID).or_insert_with(|| id.as_str().into());
        }
    }
    organisation.forget_journal();
    let start = organisation.mark();
    let summarizes = request.summarizes_errors();
    let (mut shown, mut refused) = (Vec::with_capacity(elements.len()), Vec::new());
    for sent in &elements {
        let mark = organisation.mark();
        match R::write(organisation, request, sent) {
            Ok(id) => {
                let mut body = R::written(organisation, request, id);
                if !summarizes {
                    body.insert("StatusAttributeString".into(), "OK".into());
                }
                shown.push(Value::Object(body));
            }
            Err(Refused::NotFound) => {
                organisation.roll_back(start);
                return Err(Refusal::NotFound);
            }
            Err(Refused::Element { id, messages }) => {
                organisation.roll_back(mark);
                let body = refusal::<R>(sent, id, &messages, summarizes);
                if summarizes { refused.push(body) } else { shown.push(body) }
            }
        }
    }
    if !refused.is_empty() {
        organisation.roll_back(start);
        return Err(Refusal::Validation(refused));
    }
    organisation.forget_journal();
    Ok(Found { key: R::KEY, elements: shown, pagination: None })
}

/// The zero id where nothing exists, then the request again, then what is wrong with it.
fn refusal<R: Resource>(
    sent: &Map<String, Value>,
    id: Option<Uuid>,
    messages: &[String],
    summarizes: bool,
) -> Value {
    let mut body = Map::new();
    let id = id.map_or_else(|| wire::ZERO_ID.to_owned(), |id| id.to_string());
    body.insert(R::ID.into(), id.into());
    R::echo(sent, &mut body);
    body.insert(R::REFUSED_FLAG.into(), true.into());
    if !summarizes {
        body.insert("StatusAttributeString".into(), "ERROR".into());
    }
    let messages = messages.iter().map(|message| json!({ "Message": message })).collect();
    body.insert("ValidationErrors".into(), messages);
    Value::Object(body)
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

/// Set and not empty.
pub(crate) fn given(sent: &Map<String, Value>, field: &str) -> Option<String> {
    text_of(sent, field).filter(|text| !text.is_empty())
}
