//! Invocable flows: seeded by name, with what they take and what they write.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api_action.meta/api_action/actions_obj_flow.htm
//! A flow is a list of writes whose values may name inputs (`{account}`), so that one can be had without a
//! builder of flows.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::Salesforce;
use super::super::answer::Refused;
use super::super::ids;
use super::super::org::{Org, Writer};
use super::super::store::Fields;
use super::Outcome;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    pub name: String,
    #[serde(default)]
    pub label: String,
    pub inputs: Vec<FlowInput>,
    pub writes: Vec<FlowWrite>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowInput {
    pub name: String,
    /// `STRING`, `NUMBER`, `BOOLEAN`, `DATE`, `DATETIME`
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub required: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowWrite {
    pub object: String,
    /// The record to change, e.g. `{account}`; a new one is made when left out.
    #[serde(default)]
    pub id: Option<String>,
    /// Values; `{name}` stands for an input, as a whole or within a text.
    pub fields: Map<String, Value>,
    /// The output that the record's id comes back as.
    #[serde(default)]
    pub output: Option<String>,
}

pub(super) fn known(org: &Org, name: &str) -> Result<Flow, Refused> {
    let flow = org.flows.iter().find(|flow| flow.name.eq_ignore_ascii_case(name));
    flow.cloned().ok_or_else(Refused::not_found)
}

pub(super) fn list(org: &Org, at: &str) -> Value {
    let flows = org.flows.iter().map(|flow| {
        json!({ "label": flow.label, "name": flow.name, "type": "FLOW", "url": format!("{at}/{}", flow.name) })
    });
    json!({ "actions": flows.collect::<Vec<_>>() })
}

pub(super) fn about(org: &Org, name: &str) -> Result<Value, Refused> {
    let flow = known(org, name)?;
    let inputs = flow.inputs.iter().map(|input| {
        json!({ "byteLength": 0, "description": null, "label": input.name, "maxOccurs": 1, "name": input.name,
            "picklistValues": null, "required": input.required, "sobjectType": null, "type": input.kind })
    });
    let given = flow.writes.iter().filter_map(|write| write.output.as_deref());
    let outputs = given.chain(["Flow__InterviewStatus", "Flow__InterviewGuid"]).map(|name| {
        json!({ "description": null, "label": name, "maxOccurs": 1, "name": name, "picklistValues": null,
            "sobjectType": null, "type": "STRING" })
    });
    Ok(
        json!({ "description": null, "inputs": inputs.collect::<Vec<_>>(), "label": flow.label, "name": flow.name,
        "outputs": outputs.collect::<Vec<_>>(), "standard": false, "targetEntityName": null, "type": "FLOW" }),
    )
}

impl Flow {
    /// All writes or none. What a write is refused with stays inside the flow, as for every caller of one.
    pub(super) fn run(&self, org: &mut Org, writer: &Writer, given: &Map<String, Value>) -> Outcome {
        for input in &self.inputs {
            if input.required && given.get(&input.name).is_none_or(Value::is_null) {
                let message = format!("Missing required input parameter: {}", input.name);
                return Err(Refused::record("REQUIRED_FIELD_MISSING", message, &[]));
            }
        }
        if let Some(unknown) = given.keys().find(|name| self.inputs.iter().all(|input| input.name != **name))
        {
            let message = format!("Invalid input parameter: {unknown} is no input of {}", self.name);
            return Err(Refused::record("INVALID_API_INPUT", message, &[]));
        }
        org.open();
        let mut outputs = Map::new();
        for write in &self.writes {
            match self.write(org, writer, write, given) {
                Ok(id) => {
                    if let Some(output) = &write.output {
                        outputs.insert(output.clone(), id.into());
                    }
                }
                Err(refused) => {
                    org.undo();
                    let message = format!(
                        "An unhandled fault has occurred in this flow<br>An unhandled fault has occurred while processing \
                         the flow. Please contact your system administrator for more information. ({}: {})",
                        refused.code, refused.message
                    );
                    return Err(Refused::record("UNKNOWN_EXCEPTION", message, &[]));
                }
            }
        }
        org.keep();
        let number = org.next_number("FlowInterview");
        outputs.insert("Flow__InterviewGuid".into(), format!("{}-{number}", self.name).into());
        outputs.insert("Flow__InterviewStatus".into(), "Finished".into());
        Ok(outputs)
    }

    fn write(
        &self,
        org: &mut Org,
        writer: &Writer,
        write: &FlowWrite,
        given: &Map<String, Value>,
    ) -> Result<String, Refused> {
        let object = org.object(&write.object)?;
        let fields = write.fields.iter().map(|(name, value)| (name.clone(), self.filled(value, given)));
        let fields: Fields = fields.collect();
        let Some(id) = &write.id else { return org.create(&object, &fields, writer) };
        let id = self.filled(&id.clone().into(), given);
        let id = id.as_str().and_then(ids::normalise).unwrap_or_default();
        org.change(&object, &id, &fields, writer)?;
        Ok(id)
    }

    /// A value that is nothing but an input keeps its type; an input that wasn't given is null, or no text.
    fn filled(&self, value: &Value, given: &Map<String, Value>) -> Value {
        let Value::String(text) = value else { return value.clone() };
        let mut filled = text.clone();
        for input in &self.inputs {
            let place = format!("{{{}}}", input.name);
            let value = given.get(&input.name).cloned().unwrap_or_default();
            if *text == place {
                return value;
            }
            let shown = match &value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            filled = filled.replace(&place, &shown);
        }
        filled.into()
    }
}

impl Salesforce {
    /// Takes the place of a flow with the same name.
    pub fn add_flow(&self, flow: Flow) {
        let mut org = self.org();
        org.flows.retain(|known| known.name != flow.name);
        org.flows.push(flow);
    }
}
