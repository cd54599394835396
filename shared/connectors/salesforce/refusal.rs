//! What Salesforce says against a request, in the words that a person gets to read.
//!
//! The codes are Salesforce's own in lower case (`duplicate_value`, `invalid_field`), since those are what people
//! search for; where Salesforce gives none, ours say what happened (`no_answer`). Messages keep Salesforce's text
//! and add what to do. What follows from a refusal is `classify`'s to say.
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm>

use crate::domain::Value;
use crate::domain::outcome::Failure;
use crate::ports::http::Response;

pub(super) fn is_html(response: &Response) -> bool {
    response.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
        || response.body.trim_ascii_start().starts_with(b"<")
}

/// What Salesforce says against a request: the first of its errors, and where it is about.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    status: u16,
    pub(super) code: Option<String>,
    pub(super) message: String,
    fields: Vec<String>,
    /// Records that a duplicate rule found.
    duplicates: Vec<String>,
}

impl Refusal {
    pub(super) fn of(response: &Response) -> Self {
        let mut refusal = match serde_json::from_slice::<Value>(&response.body) {
            Ok(errors) => Self::in_errors(&errors),
            Err(_) if is_html(response) && response.body.contains(&b'<') => Self {
                message: "A web page came instead of an answer (maintenance, or the wrong host)".to_owned(),
                ..Self::default()
            },
            // Plain text, such as `Bad_OAuth_Token`, even where it is called a web page: short enough to show.
            Err(_) => Self {
                message: String::from_utf8_lossy(&response.body).chars().take(200).collect(),
                ..Self::default()
            },
        };
        refusal.status = response.status;
        refusal
    }

    /// The array of a refused request, that of a refused item, or a single error.
    pub(super) fn in_errors(errors: &Value) -> Self {
        let first = errors.get(0).unwrap_or(errors);
        let text = |name: &str| first.get(name).and_then(Value::as_str);
        let fields = first.get("fields").and_then(Value::as_array);
        Self {
            status: 0,
            code: text("errorCode").or_else(|| text("statusCode")).map(str::to_owned),
            message: text("message").unwrap_or_default().trim().to_owned(),
            fields: fields.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
            duplicates: duplicates_in(first),
        }
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    pub(super) fn failure(&self) -> Failure {
        self.failure_as("refused")
    }

    /// `otherwise`: the code where Salesforce gives none.
    pub(super) fn failure_as(&self, otherwise: &str) -> Failure {
        let code = self.code.as_ref().map_or_else(|| otherwise.to_owned(), |code| code.to_ascii_lowercase());
        let mut message = match self.message.as_str() {
            "" if self.status > 0 => format!("Salesforce answered {} without a reason.", self.status),
            "" => "Salesforce gave no reason.".to_owned(),
            text if text.ends_with(['.', '!', '?']) => text.to_owned(),
            text => format!("{text}."),
        };
        if !self.fields.is_empty() {
            message.push_str(&format!(" Fields: {}.", self.fields.join(", ")));
        }
        if !self.duplicates.is_empty() {
            message.push_str(&format!(" Like it: {}.", self.duplicates.join(", ")));
        }
        if let Some(advice) = advice(&code) {
            message.push(' ');
            message.push_str(advice);
        }
        Failure::new(code, message)
    }
}

/// The ids under `duplicateResut` (sic, as real answers spell it) or `duplicateResult`.
fn duplicates_in(error: &Value) -> Vec<String> {
    let result = error.get("duplicateResut").or_else(|| error.get("duplicateResult"));
    let matches = result.and_then(|result| result.get("matchResults")).and_then(Value::as_array);
    matches
        .into_iter()
        .flatten()
        .filter_map(|found| found.get("matchRecords").and_then(Value::as_array))
        .flatten()
        .filter_map(|found| found.pointer("/record/Id").and_then(Value::as_str))
        .map(str::to_owned)
        .collect()
}

/// What a person can do about it.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "invalid_field" | "no_such_column" => {
            "Check the field's API name (`counterfoil describe CONNECTION OBJECT` lists them) and that the \
             connected user may see it."
        }
        "invalid_field_for_insert_update" => {
            "The connected user may not write this field, or it can't be written: take it out of `fields`, or give \
             the user edit access to it."
        }
        "invalid_type" => {
            "Check the object's API name (`counterfoil describe CONNECTION` lists them) and that the connected user \
             may see it."
        }
        "malformed_query" => {
            "Check the `where` of the step or the trigger: it is SOQL, with texts in single quotes."
        }
        "json_parser_error" => {
            "A value has the wrong type for its field: compare `fields` with `counterfoil describe CONNECTION OBJECT`."
        }
        "required_field_missing" => "Give the named fields a value in the step.",
        "field_custom_validation_exception" => {
            "A validation rule of the org says no: change the values, or the rule."
        }
        "string_too_long" => "Shorten the value, or make the field longer in Salesforce.",
        "duplicate_value" | "duplicates_detected" => {
            "Find the record that is there already (salesforce.find_records) and update it instead."
        }
        "field_integrity_exception" | "invalid_cross_reference_key" | "malformed_id" => {
            "Check the ids in the step: each must be of a record of the right kind that is still there."
        }
        "not_found" => {
            "Check the id and the object's API name: it may have been deleted or be out of the user's sight."
        }
        "entity_is_deleted" => "The record is in the recycle bin: restore it there, or ignore the run.",
        "cannot_insert_update_activate_entity" => {
            "A trigger or a flow in Salesforce failed: its own message is above; mend it there, then rerun."
        }
        "unable_to_lock_row" => "Somebody else is writing the record or its parent. It is tried again.",
        "request_limit_exceeded" => "The org's API allowance is used up or too much runs at once. It waits.",
        "api_disabled_for_org" => {
            "Enable the API for the org's edition and for the connected user's profile, then check the connection."
        }
        "api_currently_disabled" | "server_unavailable" | "no_route" => "It is tried again.",
        "invalid_session_id" | "unauthorised" => {
            "If it stays, check the connected app's policies and the user: `counterfoil connection check`."
        }
        "insufficient_access_or_readonly" | "insufficient_access_on_cross_reference_entity" => {
            "Give the connected user access to the record (sharing, profile or permission set), then rerun."
        }
        "forbidden" => {
            "Check the connected user's permissions and the org's IP restrictions, then check the connection."
        }
        "redirected" => {
            "The org has moved: set the connection's login URL to its My Domain and check the connection."
        }
        "address_too_long" => "Ask for fewer fields, or shorten `where`.",
        "changed_meanwhile" => {
            "The record was changed by somebody else in the meantime: rerun with the record as it is."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_message_keeps_salesforces_text_and_fields_and_says_what_to_do() {
        let refusal = Refusal::in_errors(&json!([{"message": "Required fields are missing: [LastName]",
            "errorCode": "REQUIRED_FIELD_MISSING", "fields": ["LastName"]}]));
        assert_eq!(refusal.failure().code, "required_field_missing");
        assert_eq!(
            refusal.failure().message,
            "Required fields are missing: [LastName]. Fields: LastName. Give the named fields a value in the step."
        );
    }

    #[test]
    fn duplicates_are_named_under_either_spelling() {
        for key in ["duplicateResut", "duplicateResult"] {
            let refusal = Refusal::in_errors(
                &json!([{key: {"matchResults": [{"matchRecords": [{"record": {"Id": "003A"}}]}]},
                "errorCode": "DUPLICATES_DETECTED", "message": "You're creating a duplicate record."}]),
            );
            let message = refusal.failure().message;
            assert!(message.contains("Like it: 003A."), "{message}");
        }
    }

    #[test]
    fn a_page_or_a_plain_text_is_no_reason_but_is_told() {
        let said = |body: &str| {
            Refusal::of(&Response { status: 502, headers: Vec::new(), body: body.into() })
                .failure_as("server_error")
        };
        assert!(said("<html>secret</html>").message.starts_with("A web page came instead of an answer"));
        assert_eq!(said("Bad_OAuth_Token").message, "Bad_OAuth_Token.");
        assert_eq!(said("").message, "Salesforce answered 502 without a reason.");
        assert_eq!(said("").code, "server_error");
    }
}
