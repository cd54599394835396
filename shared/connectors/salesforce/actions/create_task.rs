//! `salesforce.create_task`: something for a person to do, on the record that it is about.

use async_trait::async_trait;
use schemars::JsonSchema;

use super::super::endpoints::{CreateRecords, element};
use super::super::record::{checked_fields, given_id};
use crate::domain::effect::EffectKind;
use crate::domain::outcome::Fault;
use crate::domain::{Object, Value};
use crate::ports::connector::{Action, ActionDescription, Operation, Plan, Planning};

pub(super) struct CreateTask;

/// Only for the schema: further fields of the org are taken as they are.
/// <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_task.htm>
#[derive(JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
#[expect(dead_code, reason = "it describes the input, which stays an object of fields")]
#[expect(non_snake_case, reason = "Salesforce's own names")]
struct Input {
    /// What is to be done, in a line.
    Subject: Option<String>,
    /// The record that it is about: an Opportunity, an Account, a record of an own object.
    WhatId: Option<String>,
    /// The person that it is about: a Contact or a Lead.
    WhoId: Option<String>,
    /// One of the org's task statuses; Salesforce's default is Not Started.
    Status: Option<String>,
    /// One of the org's priorities; Salesforce's default is Normal.
    Priority: Option<String>,
    /// The day on which it is due, yyyy-MM-dd.
    ActivityDate: Option<String>,
    /// The user or queue who is to do it; else the connected user.
    OwnerId: Option<String>,
    /// What there is to say about it.
    Description: Option<String>,
}

const IDS: [&str; 3] = ["WhatId", "WhoId", "OwnerId"];

#[async_trait]
impl Action for CreateTask {
    fn describe(&self) -> ActionDescription {
        ActionDescription {
            id: "salesforce.create_task",
            title: "Create a Salesforce task",
            about: "Creates a task. Further fields of Task, such as your own, are taken as well. Up to 200 share an \
                    API call. Tasks carry no mark of ours: when an answer is lost, the task is looked up by who made \
                    it, when, and by every value written. Gives the Id and what was written.",
            documentation: "https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_task.htm",
            effect: EffectKind::Create,
            scope: None,
            input: super::schema::<Input>(),
            options: super::no_options(),
            matches: &[],
            links: true,
            example: "\
id: ask
action: salesforce.create_task
with:
  WhatId: \"{{ record.Id }}\"
  Subject: \"Cannot invoice: {{ missing.join(', ') }} missing\"
  Priority: High
",
        }
    }

    async fn plan(&self, planning: Planning<'_>) -> Result<Plan, Fault> {
        let mut fields: Object = planning.input;
        // Nothing can be emptied on a record that isn't there yet.
        fields.retain(|_, value| !value.is_null());
        checked_fields(&fields).map_err(Fault::Terminal)?;
        if fields.is_empty() {
            return Err(Fault::terminal(
                "bad_input",
                "The task would be empty: give it at least a `Subject`.",
            ));
        }
        for name in IDS {
            if let Some(value) = fields.get_mut(name) {
                let id = given_id(value.as_str().unwrap_or_default(), name).map_err(Fault::Terminal)?;
                *value = Value::String(id.as_str().to_owned());
            }
        }
        Ok(Plan::Perform(Operation {
            endpoint: CreateRecords::ID,
            shape: "Task".to_owned(),
            element: element("Task", None, &fields),
            unique: Vec::new(),
            sets: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connectors::salesforce::actions::conformance::plan;
    use crate::connectors::salesforce::fake::Scripted;

    #[tokio::test]
    async fn own_fields_go_along_and_nulls_dont() {
        let input =
            json!({"Subject": "Call", "WhatId": "006dM000001aBcD", "Reason__c": "late", "WhoId": null});
        let Ok(Plan::Perform(operation)) = plan(&CreateTask, input, &Scripted::new()).await else { panic!() };
        assert_eq!(
            operation.element,
            json!({"attributes": {"type": "Task"}, "Subject": "Call", "WhatId": "006dM000001aBcDQAU", "Reason__c": "late"})
        );
        assert_eq!((operation.shape.as_str(), operation.unique.len()), ("Task", 0));
    }

    #[tokio::test]
    async fn an_empty_task_or_a_foreign_id_is_refused() {
        for (input, code) in [(json!({}), "bad_input"), (json!({"WhatId": "INV-1"}), "bad_id")] {
            let fault = plan(&CreateTask, input, &Scripted::new()).await.unwrap_err();
            assert_eq!(fault.failure().code, code);
        }
    }
}
