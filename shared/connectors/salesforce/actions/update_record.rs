//! `salesforce.update_record`: writes fields of one record of any object.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::endpoints::{UpdateRecords, element};
use super::super::record::{checked_fields, given_id};
use super::super::soql;
use crate::domain::Object;
use crate::domain::effect::EffectKind;
use crate::domain::outcome::Fault;
use crate::ports::connector::{Action, ActionDescription, Operation, Plan, Planning, Sets};

pub(super) struct UpdateRecord;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    /// The object's API name: Opportunity, Xero_Document__c.
    object: String,
    /// The record's id, 15 or 18 characters.
    id: String,
    /// Fields by their API names. A null empties the field; fields that aren't named stay as they are.
    #[serde(default)]
    fields: Object,
}

#[async_trait]
impl Action for UpdateRecord {
    fn describe(&self) -> ActionDescription {
        ActionDescription {
            id: "salesforce.update_record",
            title: "Update a Salesforce record",
            about: "Writes fields of one record, found by its id. Fields that aren't named stay as they are; \
                    `Phone: { clear: true }` empties one. Up to 200 updates of one object share an API call. What it writes is no change \
                    to any trigger of yours. Gives the Id and what was written.",
            documentation: "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_update.htm",
            effect: EffectKind::Set,
            scope: None,
            input: super::schema::<Input>(),
            options: super::no_options(),
            matches: &[],
            links: false,
            example: "\
id: write_back
action: salesforce.update_record
with:
  object: Opportunity
  id: \"{{ record.Id }}\"
  fields:
    Xero_Invoice__c: \"{{ steps.invoice.InvoiceNumber }}\"
",
        }
    }

    async fn plan(&self, planning: Planning<'_>) -> Result<Plan, Fault> {
        let input: Input = super::read(&planning.input)?;
        let object = soql::single_name(&input.object).map_err(Fault::Terminal)?;
        let record = given_id(&input.id, "id").map_err(Fault::Terminal)?;
        checked_fields(&input.fields).map_err(Fault::Terminal)?;
        if input.fields.is_empty() {
            // All the values were empty, so there is nothing to write.
            return Ok(Plan::Answer(json!({"Id": record.as_str()})));
        }
        Ok(Plan::Perform(Operation {
            endpoint: UpdateRecords::ID,
            shape: object.to_owned(),
            element: element(object, Some(record.as_str()), &input.fields),
            unique: vec![record.as_str().to_owned()],
            sets: Some(Sets { record, fields: input.fields }),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::salesforce::actions::conformance::plan;
    use crate::connectors::salesforce::fake::Scripted;

    #[tokio::test]
    async fn the_record_is_known_by_its_18_characters_and_a_null_is_written() {
        let input = json!({"object": "Opportunity", "id": "006dM000001aBcD", "fields": {"Xero__c": null}});
        let Ok(Plan::Perform(operation)) = plan(&UpdateRecord, input, &Scripted::new()).await else {
            panic!()
        };
        assert_eq!(
            operation.element.to_string(),
            r#"{"attributes":{"type":"Opportunity"},"id":"006dM000001aBcDQAU","Xero__c":null}"#
        );
        assert_eq!(operation.unique, ["006dM000001aBcDQAU"]);
        assert_eq!(operation.sets.unwrap().fields, *json!({"Xero__c": null}).as_object().unwrap());
    }

    #[tokio::test]
    async fn nothing_to_write_needs_no_call() {
        let input = json!({"object": "Opportunity", "id": "006dM000001aBcD"});
        let Ok(Plan::Answer(answer)) = plan(&UpdateRecord, input, &Scripted::new()).await else { panic!() };
        assert_eq!(answer, json!({"Id": "006dM000001aBcDQAU"}));
    }

    #[tokio::test]
    async fn what_cant_be_written_is_said_before_any_call() {
        for (input, code) in [
            (json!({"object": "Opportunity"}), "bad_input"),
            (json!({"object": "Opportunity", "id": "006", "fields": {}}), "bad_id"),
            (json!({"object": "Opp ortunity", "id": "006dM000001aBcD"}), "bad_name"),
            (json!({"object": "Opportunity", "id": "006dM000001aBcD", "fields": {"Id": "x"}}), "bad_field"),
            (json!({"object": "Opportunity", "id": "006dM000001aBcD", "filds": {}}), "bad_input"),
        ] {
            let fault = plan(&UpdateRecord, input, &Scripted::new()).await.unwrap_err();
            assert!(matches!(&fault, Fault::Terminal(failure) if failure.code == code), "{fault:?}");
        }
    }
}
