//! Files that hang on a document: `/{Endpoint}/{id}/Attachments` and `…/Attachments/{FileName or AttachmentID}`.
//!
//! <https://developer.xero.com/documentation/api/accounting/attachments>. The body is the file itself. One of the
//! same name replaces what was there; nothing can be taken away.

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Owner, Part};
use crate::xero::answer::{Answer, Found, Refusal, Reply};
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::shelf::Document;

const KEY: &str = "Attachments";
const MOST_FILES: usize = 10;
const LARGEST_FILE_OF_FEW: usize = 3 << 20;
const FORBIDDEN: &[char] = &['<', '>', ':', '"', '/', '\\', '|', '?', '*', '+', '\0'];

/// By the ending of the name; what isn't here is as its sender says.
const MIME_TYPES: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("jpg", "image/jpg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("txt", "text/plain"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("zip", "application/zip"),
];

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Attachment {
    id: Uuid,
    owner: Uuid,
    file_name: String,
    url: String,
    mime_type: String,
    #[serde(with = "crate::in_base64")]
    content: Bytes,
    include_online: bool,
    added: Timestamp,
}

fn owner_key(owner: Uuid) -> String {
    format!("owner:{owner}")
}

impl Document for Attachment {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.added
    }

    fn keys(&self) -> Vec<String> {
        vec![owner_key(self.owner)]
    }
}

impl Attachment {
    pub(crate) fn as_json(&self) -> Value {
        let mut body = json!({
            "AttachmentID": self.id.to_string(), "FileName": self.file_name, "Url": self.url,
            "MimeType": self.mime_type, "ContentLength": self.content.len(),
        });
        if self.include_online {
            body["IncludeOnline"] = true.into();
        }
        body
    }
}

impl Organisation {
    pub(crate) fn attachments(&self, owner: Uuid) -> impl Iterator<Item = &Attachment> {
        let shelf = &self.shelves.attachments;
        // Most organisations have none, and every document that is shown asks.
        let key = if shelf.len() == 0 { String::new() } else { owner_key(owner) };
        shelf.find_all(&key)
    }

    pub(crate) fn has_attachments(&self, owner: Uuid) -> bool {
        self.attachments(owner).next().is_some()
    }
}

pub(crate) const PART: Part = Part { name: KEY, scopes: &["accounting.attachments"], serve };

fn serve(organisation: &mut Organisation, request: &Request, owner: Owner) -> Result<Reply, Refusal> {
    match (request.method.as_str(), &request.path[3..]) {
        ("GET", []) => {
            let elements = organisation.attachments(owner.id).map(Attachment::as_json).collect();
            Ok(Found { key: KEY, elements, pagination: None }.into())
        }
        ("GET", [key]) => {
            let is_meant = |one: &&Attachment| one.file_name == *key || one.id.to_string() == *key;
            let found = organisation.attachments(owner.id).find(is_meant).ok_or(Refusal::NotFound)?;
            Ok(Reply::Whole(Answer::file(found.mime_type.clone(), found.content.clone())))
        }
        ("PUT" | "POST", [name]) => add(organisation, request, owner, name).map(Reply::from),
        _ => Err(Refusal::NotImplemented),
    }
}

fn add(
    organisation: &mut Organisation,
    request: &Request,
    owner: Owner,
    name: &str,
) -> Result<Found, Refusal> {
    let held = organisation.attachments(owner.id).find(|one| one.file_name == name).map(|one| one.id);
    if let Some(message) = problem(organisation, request, owner, name, held.is_some()) {
        let refused = json!({ "FileName": name, "ValidationErrors": [{ "Message": message }] });
        return Err(Refusal::Validation(vec![refused]));
    }
    let attachment = Attachment {
        id: held.unwrap_or_else(|| organisation.ids.next()),
        owner: owner.id,
        file_name: name.to_owned(),
        url: format!("https://api.xero.com/api.xro/2.0/{}/{}/Attachments/{name}", owner.key, owner.id),
        mime_type: mime_type(name, &request.content_type),
        content: request.bytes.clone(),
        include_online: request.flag("IncludeOnline") && is_shown_online(organisation, owner),
        added: request.now,
    };
    let elements = vec![attachment.as_json()];
    organisation.shelves.attachments.put(attachment);
    organisation.shelves.touch(owner.id, request.now);
    let details = format!("Attached the file {name} through the Xero API using {}", organisation.actor);
    organisation.record_more(owner.id, "Attached a file", details, request.now);
    Ok(Found { key: KEY, elements, pagination: None })
}

fn problem(
    organisation: &Organisation,
    request: &Request,
    owner: Owner,
    name: &str,
    replaces: bool,
) -> Option<String> {
    let largest = match owner.key {
        "ManualJournals" | "Accounts" => LARGEST_FILE_OF_FEW,
        _ => organisation.disputed.largest_file,
    };
    if name.contains(FORBIDDEN) {
        Some(format!("The file name '{name}' contains characters that are not allowed"))
    } else if request.bytes.is_empty() {
        Some("The file is empty".to_owned())
    } else if request.bytes.len() > largest {
        Some(format!("The file is larger than the limit of {} MB", largest >> 20))
    } else if !replaces && organisation.attachments(owner.id).count() >= MOST_FILES {
        Some(format!("A document can have at most {MOST_FILES} attachments"))
    } else {
        None
    }
}

/// The official clients call every file a stream of octets.
fn mime_type(name: &str, sent: &str) -> String {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
    let known = MIME_TYPES.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind);
    let sent = if sent.is_empty() { "application/octet-stream" } else { sent };
    known.unwrap_or(sent).to_owned()
}

/// Only what is sent to customers is there to be seen by them.
fn is_shown_online(organisation: &Organisation, owner: Owner) -> bool {
    let shelves = &organisation.shelves;
    match owner.key {
        "Invoices" => shelves.invoices.get(owner.id).is_some_and(|one| one.claim.is_sale),
        "CreditNotes" => shelves.credit_notes.get(owner.id).is_some_and(|one| one.claim.is_sale),
        _ => false,
    }
}
