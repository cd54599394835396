//! Who and what is at the other end: the org and its user, its objects, their fields.
//!
//! Which fields an object has is kept in the table for a day, since optional fields ask for it at every poll.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{limits, path, query, record, soql};
use crate::domain::outcome::Fault;
use crate::domain::record_id::RecordId;
use crate::domain::{Object, Value};
use crate::ports::connector::{Account, Call, Identity};
use crate::ports::table::{Condition, Item, Key, Write};

/// An administrator who adds a field may wait a day for it, or name it under `fields`.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many relationships a SOQL path may cross.
/// <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_relationships_query_limits.htm>
const LONGEST_PATH: usize = 5;

/// The user by whom our writes are known, and the org's own name.
/// <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_using_userinfo_endpoint.htm>
pub(super) async fn identify(account: &dyn Account) -> Result<Identity, Fault> {
    let response = account.read(Call::get("/services/oauth2/userinfo")).await?;
    let user: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    let id = |name: &str| user.get(name).and_then(Value::as_str).and_then(RecordId::salesforce);
    let (Some(organisation), Some(own_user)) = (id("organization_id"), id("user_id")) else {
        return Err(Fault::terminal(
            "unknown_user",
            "Salesforce doesn't say as whom it is talking: give the connected app the scopes `api` and `openid`.",
        ));
    };
    let (page, response) = query::page(query::call("SELECT Id, Name FROM Organization"), account).await?;
    let name = page.records.first().and_then(|organisation| organisation.get("Name")).and_then(Value::as_str);
    Ok(Identity {
        title: name.unwrap_or(organisation.as_str()).to_owned(),
        account: organisation.as_str().to_owned(),
        own_user: own_user.as_str().to_owned(),
        daily_limit: limits::usage(&response).day_limit,
        remote_id: None,
    })
}

/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_describeGlobal.htm>
pub(super) async fn objects(account: &dyn Account) -> Result<Value, Fault> {
    let body = read(Call::get(path("sobjects")), account).await?;
    let object =
        |wire: &Value| pick(wire, &["name", "label", "keyPrefix", "queryable", "createable", "updateable"]);
    let objects = body.get("sobjects").and_then(Value::as_array).ok_or_else(|| query::unreadable(account))?;
    Ok(json!({"objects": objects.iter().map(object).collect::<Vec<_>>()}))
}

/// Fields with their types, picklists and whether they must be given; and the children that a trigger can ask for.
pub(super) async fn object(name: &str, account: &dyn Account) -> Result<Value, Fault> {
    let body = describe(name, account).await?;
    let list = |key: &str| body.get(key).and_then(Value::as_array).into_iter().flatten();
    let children = list("childRelationships")
        .filter(|child| child.get("relationshipName").is_some_and(Value::is_string));
    Ok(json!({
        "object": body.get("name"),
        "label": body.get("label"),
        "fields": list("fields").map(field).collect::<Vec<_>>(),
        "children": children
            .map(|child| json!({"relationship": child.get("relationshipName"), "object": child.get("childSObject")}))
            .collect::<Vec<_>>(),
    }))
}

fn field(wire: &Value) -> Value {
    let is = |name: &str| wire.get(name).and_then(Value::as_bool).unwrap_or(false);
    let mut field = pick(
        wire,
        &[
            "name",
            "label",
            "type",
            "length",
            "precision",
            "scale",
            "createable",
            "updateable",
            "externalId",
            "unique",
        ],
    );
    // A checkbox is never null and has a default; that doesn't make it required.
    let checkbox = wire.get("type").and_then(Value::as_str) == Some("boolean");
    let required = is("createable") && !is("nillable") && !is("defaultedOnCreate") && !checkbox;
    field.insert("required".into(), required.into());
    if wire.get("relationshipName").is_some_and(Value::is_string) {
        field.extend(pick(wire, &["relationshipName", "referenceTo"]));
    }
    let values = wire.get("picklistValues").and_then(Value::as_array).into_iter().flatten();
    let active = values.filter(|value| value.get("active").and_then(Value::as_bool).unwrap_or(true));
    let picklist: Vec<_> = active.filter_map(|value| value.get("value").cloned()).collect();
    if !picklist.is_empty() {
        field.insert("picklist".into(), picklist.into());
    }
    Value::Object(field)
}

fn pick(wire: &Value, names: &[&str]) -> Object {
    names.iter().filter_map(|name| Some(((*name).to_owned(), wire.get(name)?.clone()))).collect()
}

/// Which of these paths the org has, seen by the connected user.
pub(super) async fn existing<'a>(
    object: &str,
    paths: &'a [String],
    account: &dyn Account,
) -> Result<Vec<&'a str>, Fault> {
    let mut existing = Vec::new();
    for path in paths {
        if exists(object, path, account).await? {
            existing.push(path.as_str());
        }
    }
    Ok(existing)
}

/// Walks a path over relationships; where one may lead to several objects, any of them will do.
async fn exists(object: &str, path: &str, account: &dyn Account) -> Result<bool, Fault> {
    let mut objects = vec![object.to_owned()];
    let parts: Vec<&str> = path.split('.').take(LONGEST_PATH + 1).collect();
    for (at, part) in parts.iter().enumerate() {
        let mut next = Vec::new();
        for object in &objects {
            let known = known_fields(object, account).await?;
            if at + 1 == parts.len() {
                if known.get("fields").is_some_and(|fields| record::at_path(fields, part).is_some()) {
                    return Ok(true);
                }
            } else if let Some(Value::Array(targets)) =
                known.get("relationships").and_then(|all| record::at_path(all, part))
            {
                next.extend(targets.iter().filter_map(Value::as_str).map(str::to_owned));
            }
        }
        objects = next;
    }
    Ok(false)
}

/// `{fields: {Name: type}, relationships: {Owner: [User, Group]}}`, from the table or freshly asked. That the
/// table is unavailable costs a call, nothing else.
async fn known_fields(object: &str, account: &dyn Account) -> Result<Value, Fault> {
    let key =
        Key::new(format!("D#{}", account.connection().id), format!("fields#{}", object.to_ascii_lowercase()));
    let kept = account.table().get(std::slice::from_ref(&key)).await.unwrap_or_default();
    let kept = kept.into_iter().flatten().next();
    if let Some(known) = kept.and_then(|item| serde_json::from_slice(&item.document).ok()) {
        return Ok(known);
    }
    let body = describe(object, account).await?;
    let (mut fields, mut relationships) = (Object::new(), Object::new());
    for field in body.get("fields").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = field.get("name").and_then(Value::as_str) else { continue };
        fields.insert(name.to_owned(), field.get("type").cloned().unwrap_or_default());
        if let Some(relationship) = field.get("relationshipName").and_then(Value::as_str) {
            relationships
                .insert(relationship.to_owned(), field.get("referenceTo").cloned().unwrap_or_default());
        }
    }
    let known = json!({"fields": fields, "relationships": relationships});
    let mut item = Item::new(key);
    item.document = known.to_string().into_bytes();
    item.expires_at = Some(later(account.clock().now(), KNOWN_FOR));
    if let Err(error) = account.table().write(vec![Write::put(item, Condition::Always)]).await {
        tracing::warn!(%error, object, "the fields of an object could not be kept");
    }
    Ok(known)
}

/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_describe.htm>
async fn describe(object: &str, account: &dyn Account) -> Result<Value, Fault> {
    let object = soql::single_name(object).map_err(Fault::Terminal)?;
    read(Call::get(path(&format!("sobjects/{object}/describe"))), account).await.map_err(|fault| match fault {
        Fault::Terminal(mut failure) if failure.code == "not_found" => {
            failure.message = format!(
                "There is no object `{object}` that the connected user may see: `counterfoil describe CONNECTION` \
                 lists those that there are."
            );
            Fault::terminal("unknown_object", failure.message)
        }
        other => other,
    })
}

async fn read(call: Call, account: &dyn Account) -> Result<Value, Fault> {
    let response = account.read(call).await?;
    let body = serde_json::from_slice(&response.body).ok().filter(Value::is_object);
    body.ok_or_else(|| query::unreadable(account))
}

pub(super) fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::connectors::salesforce::fake::{OWN_USER, Scripted, records};

    fn opportunity() -> Value {
        json!({"name": "Opportunity", "label": "Opportunity", "fields": [
            {"name": "Name", "type": "string", "length": 120, "createable": true, "nillable": false},
            {"name": "StageName", "type": "picklist", "createable": true, "nillable": false, "picklistValues": [
                {"value": "Closed Won", "label": "Won", "active": true}, {"value": "Old", "active": false}]},
            {"name": "IsPrivate", "type": "boolean", "createable": true, "nillable": false},
            {"name": "AccountId", "type": "reference", "createable": true, "nillable": true,
             "relationshipName": "Account", "referenceTo": ["Account"]}],
          "childRelationships": [
            {"relationshipName": "OpportunityLineItems", "childSObject": "OpportunityLineItem"},
            {"relationshipName": null, "childSObject": "ActivityHistory"}]})
    }

    #[tokio::test]
    async fn the_org_and_the_user_are_known_by_their_18_characters() {
        let account = Scripted::new()
            .answer(json!({"user_id": &OWN_USER[..15], "organization_id": "00DdM000001aBcD", "name": "Ada"}))
            .answer(records(&[json!({"Id": "00DdM000001aBcD", "Name": "Acme Ltd"})]));
        let identity = identify(&account).await.unwrap();
        assert_eq!(identity.own_user, OWN_USER);
        assert_eq!((identity.title.as_str(), identity.daily_limit), ("Acme Ltd", Some(15000)));
    }

    #[tokio::test]
    async fn a_user_that_isnt_told_names_the_scopes() {
        let account = Scripted::new().answer(json!({}));
        assert_eq!(identify(&account).await.unwrap_err().failure().code, "unknown_user");
    }

    #[tokio::test]
    async fn an_object_is_described_in_what_a_flow_needs() {
        let account = Scripted::new().answer(opportunity());
        let described = object("Opportunity", &account).await.unwrap();
        let required: Vec<_> =
            described["fields"].as_array().unwrap().iter().map(|field| &field["required"]).collect();
        assert_eq!(required, [&json!(true), &json!(true), &json!(false), &json!(false)]);
        assert_eq!(described["fields"][1]["picklist"], json!(["Closed Won"]));
        assert_eq!(described["fields"][3]["referenceTo"], json!(["Account"]));
        assert_eq!(described["children"].as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn which_fields_there_are_is_asked_once_a_day() {
        let account_fields = json!({"name": "Account", "fields": [{"name": "Phone", "type": "phone"}]});
        let account = Scripted::new().answer(opportunity()).answer(account_fields).answer(opportunity());
        let paths =
            ["name", "CurrencyIsoCode", "Account.Phone", "Account.Fax", "Nothing.Name"].map(str::to_owned);
        assert_eq!(existing("Opportunity", &paths, &account).await.unwrap(), ["name", "Account.Phone"]);
        assert_eq!(existing("opportunity", &paths[..2], &account).await.unwrap(), ["name"]);
        assert_eq!(account.asked().len(), 2);
        account.advance(Duration::from_secs(25 * 3600));
        assert_eq!(existing("Opportunity", &paths[..1], &account).await.unwrap(), ["name"]);
        assert_eq!(account.asked().len(), 3);
    }

    #[tokio::test]
    async fn an_object_that_isnt_there_is_named() {
        let account =
            Scripted::new().fails(Fault::terminal("not_found", "The requested resource does not exist."));
        let fault = object("Oportunity", &account).await.unwrap_err();
        assert_eq!(fault.failure().code, "unknown_object");
        assert!(fault.failure().message.contains("`Oportunity`"));
    }
}
