//! What a user looked at last: `GET /recent`, and the recent items of one object.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-recent-items.html

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::answer::Answer;
use super::asked::Asked;
use super::ids;
use super::org::{Org, Writer};

/// So many are remembered, of all users together.
const KEPT: usize = 200;

/// User, object, record; the newest first.
pub(crate) type Recent = VecDeque<(String, String, String)>;

/// `GET /recent?limit=`
pub(crate) fn recent(org: &Org, writer: &Writer, asked: &Asked<'_>) -> Answer {
    let most = asked.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(KEPT);
    Answer::ok(items(org, &writer.user, None, &asked.version, most))
}

/// Of one object when it is named.
pub(crate) fn items(org: &Org, user: &str, object: Option<&str>, version: &str, most: usize) -> Value {
    let seen = org.recent.iter().filter(|(who, kind, _)| who == user && object.is_none_or(|it| it == kind));
    seen.filter_map(|(_, kind, id)| {
        let record = org.store.table(kind).get(id).filter(|record| !record.is("IsDeleted"))?;
        let name = ["Name", "Subject", "Title", "CaseNumber", "OrderNumber"].map(|field| record.get(field));
        let name = name.into_iter().find(|name| !name.is_null());
        Some(json!({ "attributes": { "type": kind, "url": format!("/services/data/{version}/sobjects/{kind}/{id}") },
            "Id": id, "Name": name }))
    })
    .take(most)
    .collect()
}

impl Org {
    /// Remembers that the caller saw this record, unless it asked for the opposite.
    pub(crate) fn saw(&mut self, writer: &Writer, asked: &Asked<'_>, object: &str, id: &str) {
        let quiet =
            asked.header("sforce-mru").is_some_and(|text| text.replace(' ', "").contains("updateMru=false"));
        let object = self.schema.object(object).map(|object| object.name.clone());
        let Some((object, id)) = object.zip(ids::normalise(id)).filter(|_| !quiet) else { return };
        let seen = (writer.user.clone(), object, id);
        self.recent.retain(|known| *known != seen);
        self.recent.push_front(seen);
        self.recent.truncate(KEPT);
    }
}
