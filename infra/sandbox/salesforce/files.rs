//! Files: versions and the documents they make up, what documents are attached to, notes, and the bytes.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contentversion.htm
//! A field of type base64 is kept as the text it came as; records show where its bytes can be fetched.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::ids;
use super::objects::{FieldType, Object};
use super::org::{Org, Writer};
use super::store::{Fields, Record};

/// `GET /sobjects/{object}/{id}/{field}`: the bytes. None when the field has none.
pub(crate) fn bytes(org: &Org, object: &str, id: &str, field: &str) -> Option<Result<Answer, Refused>> {
    let object = org.schema.object(object)?;
    let field = object.field(field).filter(|field| field.kind == FieldType::Base64)?;
    let record = ids::normalise(id).and_then(|id| org.store.table(&object.name).get(&id).cloned());
    let record = record.filter(|record| !record.is("IsDeleted"));
    let bytes = record.and_then(|record| STANDARD.decode(record.text(&field.name)).ok());
    let answer = bytes.map(|bytes| Answer::bytes("application/octetstream", bytes));
    Some(answer.ok_or_else(Refused::not_found))
}

/// Where a record's bytes are, as the record itself shows it.
pub(crate) fn path(object: &Object, record: &Record, field: &str, version: &str) -> Value {
    if record.text(field).is_empty() {
        return Value::Null;
    }
    format!("/services/data/{version}/sobjects/{}/{}/{field}", object.name, record.id).into()
}

/// A new version: of a document that is there, or of a new one.
pub(crate) fn version(org: &Org, fields: &mut Fields, before: Option<&Record>) -> Result<(), Refused> {
    if before.is_some() {
        return Ok(());
    }
    let given =
        |fields: &Fields, name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (path, data, url) =
        (given(fields, "PathOnClient"), given(fields, "VersionData"), given(fields, "ContentUrl"));
    let missing: Vec<&str> = [("PathOnClient", &path), ("VersionData", &data)]
        .into_iter()
        .filter(|(_, value)| value.is_empty() && url.is_empty())
        .map(|(name, _)| name)
        .collect();
    if !missing.is_empty() {
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        return Err(Refused::record("REQUIRED_FIELD_MISSING", message, &missing));
    }
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    if given(fields, "Title").is_empty() {
        fields.insert("Title".into(), if stem.is_empty() { url.as_str() } else { stem }.into());
    }
    let kind = if url.is_empty() { file_type(extension) } else { "LINK".into() };
    fields.insert("FileExtension".into(), if extension.is_empty() { Value::Null } else { extension.into() });
    fields.insert("FileType".into(), kind.into());
    fields.insert("ContentSize".into(), size(&data).into());
    let document = given(fields, "ContentDocumentId");
    let earlier = org.store.table("ContentVersion").with("ContentDocumentId", &document).count();
    fields.insert("VersionNumber".into(), (earlier + 1).to_string().into());
    fields.insert("IsLatest".into(), true.into());
    fields.insert("PublishStatus".into(), "P".into());
    Ok(())
}

fn size(data: &str) -> usize {
    data.len() / 4 * 3 - data.bytes().rev().take_while(|byte| *byte == b'=').count()
}

fn file_type(extension: &str) -> String {
    match extension.to_ascii_lowercase().as_str() {
        "" => "UNKNOWN".into(),
        "txt" => "TEXT".into(),
        "doc" => "WORD".into(),
        "docx" => "WORD_X".into(),
        "xls" => "EXCEL".into(),
        "xlsx" => "EXCEL_X".into(),
        "jpeg" => "JPG".into(),
        other => other.to_ascii_uppercase(),
    }
}

/// After a version was saved: its document is made or moved on, and attached where it was published first.
pub(crate) fn file(org: &mut Org, version: &Record) {
    let author = version.text("CreatedById").to_owned();
    let mut after = version.clone();
    let mut document = version.text("ContentDocumentId").to_owned();
    let shown = json!({ "Title": version.get("Title"), "FileType": version.get("FileType"),
        "FileExtension": version.get("FileExtension"), "ContentSize": version.get("ContentSize"),
        "LatestPublishedVersionId": version.id, "PublishStatus": "P" });
    if document.is_empty() {
        let mut fields = shown;
        fields["OwnerId"] = version.get("OwnerId").clone();
        fields["IsArchived"] = false.into();
        document = org.place_by("ContentDocument", fields, &author);
        attach(org, &document, version.text("OwnerId"), "I", &author);
        after.fields.insert("ContentDocumentId".into(), document.clone().into());
        put(org, "ContentVersion", after);
        let place = version.text("FirstPublishLocationId");
        if !place.is_empty() && place != version.text("OwnerId") {
            attach(org, &document, place, "V", &author);
        }
        return;
    }
    let others: Vec<Record> = org
        .store
        .table("ContentVersion")
        .with("ContentDocumentId", &document)
        .filter(|other| other.id != version.id && other.is("IsLatest"))
        .map(|other| (**other).clone())
        .collect();
    for mut other in others {
        other.fields.insert("IsLatest".into(), false.into());
        put(org, "ContentVersion", other);
    }
    change(org, "ContentDocument", &document, shown, &author);
}

fn attach(org: &mut Org, document: &str, entity: &str, share: &str, author: &str) {
    let fields = json!({ "ContentDocumentId": document, "LinkedEntityId": entity, "ShareType": share,
        "Visibility": "AllUsers" });
    org.place_by("ContentDocumentLink", fields, author);
}

fn put(org: &mut Org, object: &str, record: Record) {
    if let Some(object) = org.schema.object(object).cloned() {
        org.store.put(&object, record);
    }
}

fn change(org: &mut Org, object: &str, id: &str, changes: Value, author: &str) {
    let Some(before) = org.store.table(object).get(id) else { return };
    let mut after = (**before).clone();
    after.fields.extend(changes.as_object().cloned().unwrap_or_default());
    org.sign(&mut after.fields, id, author, false);
    put(org, object, after);
}

/// A document is attached to a record once.
pub(crate) fn link(org: &Org, fields: &mut Fields, before: Option<&Record>) -> Result<(), Refused> {
    let given = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let (document, entity) = (given("ContentDocumentId"), given("LinkedEntityId"));
    let mut others = org.store.table("ContentDocumentLink").with("ContentDocumentId", document);
    let other = others.find(|other| other.text("LinkedEntityId") == entity && !other.is("IsDeleted"));
    match other.filter(|_| before.is_none()) {
        Some(other) => {
            let message = format!(
                "duplicate value found: LinkedEntityId duplicates value on record with id: {}",
                &other.id[..15]
            );
            Err(Refused::record("DUPLICATE_VALUE", message, &[]))
        }
        None => Ok(()),
    }
}

/// A note is a document whose text is HTML.
pub(crate) fn note(fields: &mut Fields) -> Result<(), Refused> {
    let data = fields.get("Content").and_then(Value::as_str).unwrap_or_default();
    let text = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(text) = text else {
        return Err(Refused::record("INVALID_FIELD", "Content: must be text in UTF-8", &["Content"]));
    };
    let mut preview = String::new();
    let mut in_tag = false;
    for letter in text.chars() {
        match letter {
            '<' => in_tag = true,
            '>' => in_tag = false,
            letter if !in_tag => preview.push(letter),
            _ => {}
        }
    }
    let size = size(data);
    fields.insert("TextPreview".into(), preview.chars().take(255).collect::<String>().into());
    fields.insert("FileType".into(), "SNOTE".into());
    fields.insert("FileExtension".into(), "snote".into());
    fields.insert("ContentSize".into(), size.into());
    Ok(())
}

/// The document and the newest version of a note, under the note's own id.
pub(crate) fn keep_note(org: &mut Org, note: &Record) {
    if note.is("IsDeleted") {
        let writer = Writer { api: false, ..Writer::through_api(note.text("LastModifiedById"), "") };
        // A document that was deleted before its note is as gone as it can be.
        if let Some(document) = org.schema.object("ContentDocument").cloned() {
            org.remove(&document, &note.id, &writer).ok();
        }
        return;
    }
    if org.store.table("ContentDocument").get(&note.id).is_none() {
        let mut fields = note.fields.clone();
        fields.retain(|name, _| name != "Content" && name != "TextPreview");
        put(org, "ContentDocument", Record { id: note.id.clone(), fields });
        attach(org, &note.id, note.text("OwnerId"), "I", note.text("CreatedById"));
    }
    let earlier = org.store.table("ContentVersion").with("ContentDocumentId", &note.id).count();
    let fields = json!({ "ContentDocumentId": note.id, "Title": note.get("Title"), "FileType": "SNOTE",
        "PathOnClient": format!("{}.snote", note.text("Title")), "FileExtension": "snote",
        "VersionData": note.get("Content"), "ContentSize": note.get("ContentSize"), "IsLatest": true,
        "VersionNumber": (earlier + 1).to_string(), "OwnerId": note.get("OwnerId"), "PublishStatus": "P" });
    let id = org.place_by("ContentVersion", fields, note.text("LastModifiedById"));
    if let Some(version) = org.store.table("ContentVersion").get(&id).cloned() {
        file(org, &version);
    }
    let latest = org.store.table("ContentNote").get(&note.id).map(|kept| (**kept).clone());
    if let Some(mut kept) = latest {
        kept.fields.insert("LatestPublishedVersionId".into(), id.into());
        put(org, "ContentNote", kept);
    }
}

pub(crate) fn attachment(fields: &mut Fields) {
    let length = fields.get("Body").and_then(Value::as_str).map_or(0, size);
    fields.insert("BodyLength".into(), length.into());
}
