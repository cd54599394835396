//! `GET /sobjects/{object}/{id}/{relationship}`: the parent of a record, or its children.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-relationships-get.html

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::ids;
use super::objects::FieldType;
use super::org::Org;
use super::query;
use super::rows;

/// None when the name is no relationship of the object, or the id none of its ids.
pub(crate) fn along(
    org: &mut Org,
    asked: &Asked<'_>,
    object: &str,
    id: &str,
    name: &str,
) -> Option<Result<Answer, Refused>> {
    let object = org.schema.object(object).cloned()?;
    let id = ids::normalise(id).filter(|id| id.starts_with(&object.prefix))?;
    if let Some(reference) = object.parent(name) {
        let parent = org.store.table(&object.name).get(&id).map(|it| it.text(&reference.name).to_owned());
        let target =
            parent.as_deref().and_then(|parent| org.schema.by_prefix(parent)).map(|it| it.name.clone());
        return Some(match parent.zip(target) {
            Some((parent, target)) => rows::get(org, asked, &target, ("Id", &parent)),
            None => Err(Refused::not_found()),
        });
    }
    let (child, reference) = {
        let mut children = org.schema.children(&object.name);
        let (_, child, field) = children.find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
        (child.clone(), field.name.clone())
    };
    let fields = asked.parameter("fields").map_or_else(
        || {
            let plain = child.fields.iter().filter(|field| field.kind != FieldType::Address);
            plain.map(|field| field.name.as_str()).collect::<Vec<_>>().join(",")
        },
        str::to_owned,
    );
    let soql = format!("SELECT {fields} FROM {} WHERE {reference} = '{id}'", child.name);
    let writing = asked.writing(org, false);
    Some(query::answer(org, &soql, &writing).map(Answer::ok))
}
