//! Chatter: posts on records, with mentions and links, and comments below them.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.chatterapi.meta/chatterapi/connect_resources_feed_elements.htm
//! A post is a FeedItem: whoever inserts one of those has posted, too.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::ids;
use super::org::{Org, Writer};
use super::store::{Fields, Record};

pub(crate) fn answer(
    org: &mut Org,
    writer: &Writer,
    asked: &Asked<'_>,
    rest: &[&str],
) -> Result<Answer, Refused> {
    match (asked.method.as_str(), rest) {
        ("POST", ["feed-elements"]) => post(org, writer, asked),
        ("GET", ["feed-elements", id]) => Ok(Answer::ok(shown(org, asked, &*element(org, id)?))),
        ("DELETE", ["feed-elements", id]) => {
            let id = element(org, id)?.id.clone();
            let object = org.object("FeedItem")?;
            org.remove(&object, &id, writer)?;
            Ok(Answer::empty(204))
        }
        ("POST", ["feed-elements", id, "capabilities", "comments", "items"]) => {
            comment(org, writer, asked, id)
        }
        ("GET", ["feeds", "record", record, "feed-elements"]) => {
            let record = if *record == "me" { writer.user.clone() } else { (*record).to_owned() };
            let record = ids::normalise(&record).ok_or_else(Refused::not_found)?;
            let mut found: Vec<Arc<Record>> = org
                .store
                .table("FeedItem")
                .with("ParentId", &record)
                .filter(|it| !it.is("IsDeleted"))
                .cloned()
                .collect();
            found.sort_by(|left, right| {
                (right.text("CreatedDate"), &right.id).cmp(&(left.text("CreatedDate"), &left.id))
            });
            let elements: Vec<Value> = found.iter().map(|item| shown(org, asked, item)).collect();
            Ok(Answer::ok(json!({ "elements": elements, "nextPageUrl": null, "updatesUrl": null })))
        }
        ("GET", ["users", who]) => {
            let user = if *who == "me" { writer.user.clone() } else { (*who).to_owned() };
            Ok(Answer::ok(actor(org, asked, &user).ok_or_else(Refused::not_found)?))
        }
        _ => Err(Refused::not_found()),
    }
}

fn post(org: &mut Org, writer: &Writer, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let wanted = Value::Object(asked.fields()?);
    if wanted["feedElementType"] != "FeedItem" {
        let message = "feedElementType must be FeedItem";
        return Err(Refused::new(400, "INVALID_ENUM_OR_ID", message));
    }
    let subject = match wanted["subjectId"].as_str() {
        Some("me") => writer.user.clone(),
        Some(subject) => subject.to_owned(),
        None => return Err(Refused::new(400, "MISSING_ARGUMENT", "subjectId is missing")),
    };
    let text = read(org, &wanted["body"])?;
    let mut fields = Fields::new();
    fields.insert("ParentId".into(), subject.into());
    fields.insert("Body".into(), text.into());
    if let Some(url) = wanted.pointer("/capabilities/link/url") {
        fields.insert("Type".into(), "LinkPost".into());
        fields.insert("LinkUrl".into(), url.clone());
        fields.insert(
            "Title".into(),
            wanted.pointer("/capabilities/link/urlName").cloned().unwrap_or_default(),
        );
    }
    let object = org.object("FeedItem")?;
    let id = org.create(&object, &fields, writer)?;
    let made = element(org, &id)?;
    Ok(Answer::json(201, shown(org, asked, &made)))
}

fn comment(org: &mut Org, writer: &Writer, asked: &Asked<'_>, id: &str) -> Result<Answer, Refused> {
    let item = element(org, id)?;
    let wanted = Value::Object(asked.fields()?);
    let text = read(org, &wanted["body"])?;
    let mut fields = Fields::new();
    fields.insert("FeedItemId".into(), item.id.clone().into());
    fields.insert("CommentBody".into(), text.clone().into());
    let object = org.object("FeedComment")?;
    let id = org.create(&object, &fields, writer)?;
    let body = json!({ "id": id, "type": "TextComment", "body": body(&text), "feedElement": { "id": item.id },
        "user": actor(org, asked, &writer.user), "url": at(asked, &format!("comments/{id}")) });
    Ok(Answer::json(201, body))
}

fn element(org: &Org, id: &str) -> Result<Arc<Record>, Refused> {
    let found = ids::normalise(id).and_then(|id| org.store.table("FeedItem").get(&id).cloned());
    found.filter(|item| !item.is("IsDeleted")).ok_or_else(Refused::not_found)
}

/// The segments of a message as one text: whom it mentions by name.
fn read(org: &Org, body: &Value) -> Result<String, Refused> {
    let wrong = |what: &str| Refused::new(400, "JSON_PARSER_ERROR", what);
    if let Some(text) = body["text"].as_str() {
        return Ok(text.to_owned());
    }
    let segments = body["messageSegments"].as_array().ok_or_else(|| wrong("messageSegments are missing"))?;
    let mut text = String::new();
    for segment in segments {
        match segment["type"].as_str().unwrap_or_default() {
            "Text" => text.push_str(segment["text"].as_str().unwrap_or_default()),
            "Link" => text.push_str(segment["url"].as_str().unwrap_or_default()),
            "Hashtag" => {
                text.push('#');
                text.push_str(segment["tag"].as_str().unwrap_or_default());
            }
            "Mention" => {
                let id = segment["id"].as_str().and_then(ids::normalise).unwrap_or_default();
                let user = org.store.table("User").get(&id);
                let user = user
                    .ok_or_else(|| Refused::new(400, "INVALID_ID_FIELD", "The mentioned user is unknown"))?;
                text.push('@');
                text.push_str(user.text("Name"));
            }
            "MarkupBegin" | "MarkupEnd" => {}
            other => return Err(wrong(&format!("Unknown segment type: {other}"))),
        }
    }
    if text.is_empty() {
        return Err(Refused::new(400, "POST_BODY_EMPTY", "The post has no text"));
    }
    Ok(text)
}

fn body(text: &str) -> Value {
    json!({ "isRichText": false, "messageSegments": [{ "text": text, "type": "Text" }], "text": text })
}

fn at(asked: &Asked<'_>, path: &str) -> String {
    format!("/services/data/{}/chatter/{path}", asked.version)
}

fn actor(org: &Org, asked: &Asked<'_>, user: &str) -> Option<Value> {
    let user = ids::normalise(user).and_then(|id| org.store.table("User").get(&id))?;
    Some(
        json!({ "id": user.id, "type": "User", "displayName": user.get("Name"), "firstName": user.get("FirstName"),
        "lastName": user.get("LastName"), "isActive": user.get("IsActive"),
        "url": at(asked, &format!("users/{}", user.id)) }),
    )
}

fn shown(org: &Org, asked: &Asked<'_>, item: &Record) -> Value {
    let parent = item.text("ParentId");
    let object = org.schema.by_prefix(parent);
    let kind = object.map(|object| object.name.clone()).unwrap_or_default();
    let record = org.store.table(&kind).get(parent);
    let name = record.map(|record| record.get("Name").clone()).unwrap_or_default();
    let comments =
        org.store.table("FeedComment").with("FeedItemId", &item.id).filter(|it| !it.is("IsDeleted"));
    let comments: Vec<Value> = comments
        .map(|it| json!({ "id": it.id, "body": body(it.text("CommentBody")), "user": actor(org, asked, it.text("CreatedById")) }))
        .collect();
    let when = |field: &str| item.text(field).replace("+0000", "Z");
    json!({
        "actor": actor(org, asked, item.text("CreatedById")), "body": body(item.text("Body")),
        "capabilities": { "comments": { "page": { "items": comments, "total": comments.len(), "nextPageUrl": null } } },
        "createdDate": when("CreatedDate"), "feedElementType": "FeedItem", "id": item.id,
        "modifiedDate": when("LastModifiedDate"),
        "parent": { "id": parent, "name": name, "type": kind, "url": at(asked, &format!("records/{parent}")) },
        "type": item.get("Type"), "url": at(asked, &format!("feed-elements/{}", item.id)),
    })
}
