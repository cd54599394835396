//! `emailSimple`: an e-mail that the org sends. The stand-in keeps it instead.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api_action.meta/api_action/actions_obj_email_simple.htm
//! The inputs depend on the version: since 65 the addresses come in three lists with other names.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::answer::Refused;
use super::super::asked::Asked;
use super::super::ids;
use super::super::org::{Org, Writer};
use super::super::store::Fields;
use super::Outcome;

pub(super) const NAME: &str = "emailSimple";
/// The first version with the newer inputs.
const NEWER: u32 = 65;
const MOST_ADDRESSES: usize = 5;
const MOST_ADDRESSES_NEWER: usize = 150;
const COMMON: [&str; 11] = [
    "emailSubject",
    "emailBody",
    "senderType",
    "senderAddress",
    "sendRichBody",
    "recipientId",
    "relatedRecordId",
    "emailTemplateId",
    "logEmailOnSend",
    "useLineBreaks",
    "composeEmailContent",
];
const OLDER_ONLY: [&str; 2] = ["emailAddresses", "emailAddressesArray"];
const NEWER_ONLY: [&str; 3] = ["recipientAddresses", "ccAddresses", "bccAddresses"];

/// One e-mail as it would have gone out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    pub at: Timestamp,
    pub from: String,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    pub subject: String,
    pub body: String,
    pub related_record: Option<String>,
}

fn newer(asked: &Asked<'_>) -> bool {
    let number =
        asked.version.trim_start_matches('v').split('.').next().and_then(|it| it.parse::<u32>().ok());
    number.is_some_and(|number| number >= NEWER)
}

fn inputs(newer: bool) -> Vec<&'static str> {
    let addresses: &[&str] = if newer { &NEWER_ONLY } else { &OLDER_ONLY };
    addresses.iter().chain(&COMMON).copied().collect()
}

/// `GET /actions/standard/emailSimple`
pub(super) fn about(asked: &Asked<'_>) -> Value {
    let inputs: Vec<Value> = inputs(newer(asked))
        .into_iter()
        .map(|name| {
            let flag = matches!(name, "sendRichBody" | "logEmailOnSend" | "useLineBreaks" | "composeEmailContent");
            let kind = if flag { "BOOLEAN" } else { "STRING" };
            json!({ "name": name, "label": name, "type": kind, "required": name == "emailSubject", "maxOccurs": 1 })
        })
        .collect();
    json!({ "category": "Messaging", "description": "Send an email.", "inputs": inputs, "label": "Send Email",
        "name": NAME, "outputs": [], "standard": true, "targetEntityName": null, "type": "EMAILSIMPLE" })
}

pub(super) fn send(org: &mut Org, writer: &Writer, asked: &Asked<'_>, input: &Map<String, Value>) -> Outcome {
    let newer = newer(asked);
    let known = inputs(newer);
    if let Some(unknown) = input.keys().find(|name| !known.contains(&name.as_str())) {
        let message =
            format!("Invalid input parameter: {unknown} is no input of {NAME} in {}", asked.version);
        return Err(Refused::record("INVALID_API_INPUT", message, &[]));
    }
    let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let missing = |name: &str| {
        Refused::record("REQUIRED_FIELD_MISSING", format!("Missing required input parameter: {name}"), &[])
    };
    let template = !text("emailTemplateId").is_empty();
    if !template && text("emailSubject").is_empty() {
        return Err(missing("emailSubject"));
    }
    if !template && text("emailBody").is_empty() {
        return Err(missing("emailBody"));
    }
    let list = |name: &str| addresses(input, name);
    let (to, cc, bcc) = if newer {
        (list("recipientAddresses")?, list("ccAddresses")?, list("bccAddresses")?)
    } else {
        ([list("emailAddresses")?, list("emailAddressesArray")?].concat(), Vec::new(), Vec::new())
    };
    let person = recipient(org, &text("recipientId"))?;
    let to: Vec<String> = to.into_iter().chain(person).collect();
    let count = to.len() + cc.len() + bcc.len();
    if count == 0 {
        return Err(missing(if newer { "recipientAddresses" } else { "emailAddresses" }));
    }
    let most = if newer { MOST_ADDRESSES_NEWER } else { MOST_ADDRESSES };
    if count > most {
        let message = format!("The number of addresses is {count}, but the most is {most}");
        return Err(Refused::record("LIMIT_EXCEEDED", message, &[]));
    }
    let from = sender(org, writer, &text("senderType"), &text("senderAddress"))?;
    let logged = input.get("logEmailOnSend").is_some_and(|wanted| wanted == true || wanted == "true");
    let limit = if logged || template { "SingleEmail" } else { "DailyWorkflowEmails" };
    if !org.spend(limit, count as u64) {
        let message = "The daily limit for the org would be exceeded by this request";
        return Err(Refused::record("SINGLE_EMAIL_LIMIT_EXCEEDED", message, &[]));
    }
    let related = ids::normalise(&text("relatedRecordId"));
    if logged {
        log(
            org,
            writer,
            &text("emailSubject"),
            &text("emailBody"),
            related.as_deref(),
            &text("recipientId"),
        )?;
    }
    org.sent.push(Email {
        at: org.now,
        from,
        to,
        cc,
        bcc,
        subject: text("emailSubject"),
        body: text("emailBody"),
        related_record: related,
    });
    Ok(Map::new())
}

/// Separated by commas, or a list.
fn addresses(input: &Map<String, Value>, name: &str) -> Result<Vec<String>, Refused> {
    let given: Vec<String> = match input.get(name) {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => text.split(',').map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let given: Vec<String> =
        given.into_iter().map(|address| address.trim().to_owned()).filter(|it| !it.is_empty()).collect();
    match given.iter().find(|address| !super::super::values::plausible_email(address)) {
        Some(wrong) => {
            let message = format!("Email address is invalid: {wrong}");
            Err(Refused::record("INVALID_EMAIL_ADDRESS", message, &[]))
        }
        None => Ok(given),
    }
}

/// The address of a Contact, Lead or User.
fn recipient(org: &Org, id: &str) -> Result<Option<String>, Refused> {
    if id.is_empty() {
        return Ok(None);
    }
    let record = ids::normalise(id).and_then(|id| super::super::filter::parent(org, &id).cloned());
    let email = record.map(|record| record.text("Email").to_owned()).filter(|email| !email.is_empty());
    let unknown =
        || Refused::record("INVALID_ID_FIELD", format!("recipientId: {id} has no email address"), &[]);
    email.map(Some).ok_or_else(unknown)
}

fn sender(org: &Org, writer: &Writer, kind: &str, address: &str) -> Result<String, Refused> {
    match kind {
        "" | "CurrentUser" => {
            let user = org.store.table("User").get(&writer.user);
            Ok(user.map(|user| user.text("Email").to_owned()).unwrap_or_default())
        }
        "DefaultWorkflowUser" => Ok("workflow@sandbox.example".into()),
        "OrgWideEmailAddress" => {
            let mut known = org.store.table("OrgWideEmailAddress").all();
            let known =
                known.any(|it| it.text("Address").eq_ignore_ascii_case(address) && !it.is("IsDeleted"));
            let message = format!("The org-wide email address {address} isn't verified or doesn't exist");
            if known {
                Ok(address.to_owned())
            } else {
                Err(Refused::record("INVALID_EMAIL_ADDRESS", message, &[]))
            }
        }
        other => {
            let message = format!("Invalid senderType: {other}");
            Err(Refused::record("INVALID_API_INPUT", message, &[]))
        }
    }
}

/// A logged e-mail is a task that is done.
fn log(
    org: &mut Org,
    writer: &Writer,
    subject: &str,
    body: &str,
    related: Option<&str>,
    recipient: &str,
) -> Result<(), Refused> {
    let mut fields = Fields::new();
    fields.insert("Subject".into(), format!("Email: {subject}").into());
    fields.insert("Description".into(), body.into());
    fields.insert("Status".into(), "Completed".into());
    fields.insert("TaskSubtype".into(), "Email".into());
    if let Some(related) = related {
        fields.insert("WhatId".into(), related.into());
    }
    if recipient.starts_with("003") || recipient.starts_with("00Q") {
        fields.insert("WhoId".into(), recipient.into());
    }
    let task = org.object("Task")?;
    org.create(&task, &fields, writer)?;
    Ok(())
}

impl super::super::Salesforce {
    /// The e-mails that the org sent, oldest first.
    pub fn emails(&self) -> Vec<Email> {
        self.org().sent.clone()
    }
}
