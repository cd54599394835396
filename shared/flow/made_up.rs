//! A small catalog for this room's own tests: a provider's manners are of no interest here, its descriptions are.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;

use super::unpolled::unpolled_triggers;
use crate::domain::connection::{Connection, Provider};
use crate::domain::effect::EffectKind;
use crate::domain::flow::Order;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::domain::{Object, Value};
use crate::ports::connector::*;
use crate::ports::http::{HttpError, Method, Request, Response};

pub(super) fn catalog() -> Catalog {
    Catalog::new(
        vec![Arc::new(MadeUp(Provider::Salesforce)), Arc::new(MadeUp(Provider::Xero))],
        unpolled_triggers(),
    )
}

struct MadeUp(Provider);

fn refused() -> Failure {
    Failure::new("made_up", "this connector only has descriptions")
}

fn descriptions(provider: Provider) -> Vec<ActionDescription> {
    match provider {
        Provider::Xero => vec![create_invoice(), upsert_contact()],
        Provider::Salesforce => vec![create_task(), update_record(), find_records()],
    }
}

fn create_invoice() -> ActionDescription {
    ActionDescription {
        id: "xero.create_invoice",
        title: "Create an invoice",
        about: "Makes a sales invoice.",
        documentation: "https://developer.xero.com/documentation/api/accounting/invoices",
        effect: EffectKind::Create,
        scope: None,
        input: json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "required": ["Contact"],
            "properties": {
                "Contact": { "$ref": "#/$defs/Contact" },
                "Date": { "type": ["string", "null"] },
                "DueDate": { "type": ["string", "null"] },
                "Reference": { "type": ["string", "null"], "maxLength": 255 },
                "CurrencyCode": { "type": ["string", "null"] },
                "SentToContact": { "type": "boolean" },
                "LineAmountTypes": { "anyOf": [{ "$ref": "#/$defs/LineAmountTypes" }, { "type": "null" }] },
                "LineItems": { "type": "array", "items": { "$ref": "#/$defs/LineItem" } },
            },
            "$defs": {
                "Contact": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": { "ContactID": { "type": "string" } },
                    "required": ["ContactID"],
                },
                "LineAmountTypes": {
                    "oneOf": [
                        { "const": "Exclusive", "description": "Tax is added." },
                        { "const": "Inclusive" },
                        { "const": "NoTax" },
                    ],
                },
                "LineItem": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "ItemCode": { "type": "string" },
                        "Description": { "type": "string" },
                        "Quantity": { "type": "number" },
                        "UnitAmount": { "type": ["number", "string", "null"] },
                        "DiscountRate": { "type": "number" },
                        "AccountCode": { "type": "string" },
                    },
                },
            },
        }),
        options: json!({ "approve": { "enum": ["draft", "submit", "approve"], "default": "draft" } }),
        matches: &[],
        links: true,
        example: "action: xero.create_invoice\nlink: invoice\nwith:\n  Contact: { ContactID: \"{{ record.id }}\" }\n  \
                  LineItems: [{ Description: Work, Quantity: 1, UnitAmount: 10.50 }]\n",
    }
}

fn upsert_contact() -> ActionDescription {
    ActionDescription {
        id: "xero.upsert_contact",
        title: "Create or update a contact",
        about: "Finds a contact and updates it, or makes it.",
        documentation: "https://developer.xero.com/documentation/api/accounting/contacts",
        effect: EffectKind::Set,
        scope: None,
        input: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["Name"],
            "properties": {
                "ContactNumber": { "type": "string" },
                "Name": { "type": "string" },
                "EmailAddress": { "type": "string" },
                "Phones": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                            "PhoneType": { "enum": ["DEFAULT", "MOBILE", "FAX"] },
                            "PhoneNumber": { "type": "string" },
                        },
                    },
                },
            },
        }),
        options: json!({}),
        matches: &["ContactNumber", "Name", "EmailAddress"],
        links: true,
        example: "action: xero.upsert_contact\nmatch: [ContactNumber, Name]\nwith: { Name: \"{{ record.name }}\" }\n",
    }
}

fn create_task() -> ActionDescription {
    ActionDescription {
        id: "salesforce.create_task",
        title: "Create a task",
        about: "Gives somebody something to do.",
        documentation: "https://developer.salesforce.com/docs/platform/object-reference/guide/sforce_api_objects_task.html",
        effect: EffectKind::Create,
        scope: None,
        input: json!({
            "type": "object",
            "additionalProperties": true,
            "required": ["Subject"],
            "properties": { "Subject": { "type": "string" }, "WhatId": { "type": "string" } },
        }),
        options: json!({}),
        matches: &[],
        links: false,
        example: "action: salesforce.create_task\nwith: { Subject: Call back, WhatId: \"{{ record.Id }}\" }\n",
    }
}

fn update_record() -> ActionDescription {
    ActionDescription {
        id: "salesforce.update_record",
        title: "Update a record",
        about: "Writes fields of a record.",
        documentation: "https://developer.salesforce.com/docs/platform/api-rest/guide/dome_update_fields.html",
        effect: EffectKind::Set,
        scope: None,
        input: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["object", "id", "fields"],
            "properties": {
                "object": { "type": "string" },
                "id": { "type": "string" },
                "fields": { "type": "object", "additionalProperties": true },
            },
        }),
        options: json!({}),
        matches: &[],
        links: false,
        example: "action: salesforce.update_record\nwith: { object: Account, id: \"{{ record.Id }}\", fields: { Active__c: true } }\n",
    }
}

fn find_records() -> ActionDescription {
    ActionDescription {
        id: "salesforce.find_records",
        title: "Find records",
        about: "Records whose fields agree.",
        documentation: "https://developer.salesforce.com/docs/platform/api-rest/guide/dome_query.html",
        effect: EffectKind::Read,
        scope: None,
        input: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["object"],
            "properties": {
                "object": { "type": "string" },
                "fields": { "type": "array", "items": { "type": "string" } },
                "match": { "type": "object", "additionalProperties": true },
                "where": { "type": ["string", "null"] },
                "limit": { "type": "integer" },
            },
        }),
        options: json!({}),
        matches: &[],
        links: false,
        example: "action: salesforce.find_records\nwith: { object: Account, match: { Name: Acme }, limit: 1 }\n",
    }
}

struct Described(ActionDescription);

#[async_trait]
impl Action for Described {
    fn describe(&self) -> ActionDescription {
        self.0.clone()
    }
    async fn plan(&self, _planning: Planning<'_>) -> Result<Plan, Fault> {
        Err(Fault::Terminal(refused()))
    }
}

struct UpdatedRecord;

#[async_trait]
impl Trigger for UpdatedRecord {
    fn describe(&self) -> TriggerDescription {
        TriggerDescription {
            id: "salesforce.updated_record",
            title: "New or updated record",
            about: "A record of any object was made or changed.",
            documentation: "https://developer.salesforce.com/docs/platform/api-rest/guide/dome_query.html",
            options: json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["object"],
                "properties": {
                    "object": { "type": "string" },
                    "fields": { "type": "array", "items": { "type": "string" } },
                    "optional_fields": { "type": "array", "items": { "type": "string" } },
                    "children": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "additionalProperties": false,
                            "properties": { "fields": { "type": "array", "items": { "type": "string" } } },
                            "required": ["fields"],
                        },
                    },
                    "where": { "type": "string" },
                    "changed": { "type": "object" },
                    "ignore_own": { "type": "boolean" },
                },
            }),
            order: Order::Newest,
            minutes: 1,
            page: 0,
            scope: None,
            example: "type: salesforce.updated_record\nobject: Account\nfields: [Id, Name]\n",
            sample: json!({ "Id": "001000000000001AAA", "Name": "Acme Ltd" }),
        }
    }
    fn interest(&self, _options: &Object) -> Result<Interest, Failure> {
        Err(refused())
    }
    async fn poll(&self, _ask: PollAsk<'_>, _account: &dyn Account) -> Result<PollPage, Fault> {
        Err(Fault::Terminal(refused()))
    }
    async fn fetch(&self, _: &Interest, _: &RecordId, _: &dyn Account) -> Result<Option<Change>, Fault> {
        Err(Fault::Terminal(refused()))
    }
    fn settled(&self, interest: &Interest) -> Interest {
        interest.clone()
    }

    fn project(&self, _interest: &Interest, record: &Value) -> Value {
        record.clone()
    }
}

#[async_trait]
impl Connector for MadeUp {
    fn provider(&self) -> Provider {
        self.0
    }
    fn actions(&self) -> Vec<Arc<dyn Action>> {
        descriptions(self.0).into_iter().map(|description| Arc::new(Described(description)) as _).collect()
    }
    fn endpoints(&self) -> Vec<Arc<dyn Endpoint>> {
        Vec::new()
    }
    fn triggers(&self) -> Vec<Arc<dyn Trigger>> {
        match self.0 {
            Provider::Salesforce => vec![Arc::new(UpdatedRecord)],
            Provider::Xero => Vec::new(),
        }
    }
    fn limits(&self, _connection: &Connection) -> Limits {
        let timeout = Duration::from_secs(1);
        Limits {
            minute: None,
            in_flight: 1,
            day: None,
            timeout,
            longest_call: timeout,
            own: false,
            key_window: None,
        }
    }
    fn usage(&self, _response: &Response) -> Usage {
        Usage::default()
    }
    fn classify(&self, _method: Method, _exchange: &Result<Response, HttpError>) -> Verdict {
        Verdict::Refused(refused())
    }
    fn authorise(&self, _: &Connection, _: &Token, call: &Call, _: Option<&str>) -> Request {
        let url = format!("https://example.invalid{}", call.path);
        Request {
            method: call.method,
            url,
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(1),
        }
    }
    fn token_request(
        &self,
        _: &Connection,
        _: &TokenAsk<'_>,
        _: Option<&SecretString>,
        _: Timestamp,
    ) -> Result<Request, Failure> {
        Err(refused())
    }
    fn read_token(&self, _: Result<Response, HttpError>, _: Timestamp) -> Result<Token, GrantFault> {
        Err(GrantFault::Unavailable(refused()))
    }
    fn refresh_rules(&self) -> RefreshRules {
        RefreshRules { unused_life: jiff::SignedDuration::from_hours(1), grace: None }
    }
    fn revoke(&self, _: &Connection, _: &SecretString, _: Option<&SecretString>) -> Option<Request> {
        None
    }
    async fn identify(&self, _account: &dyn Account) -> Result<Identity, Fault> {
        Err(Fault::Terminal(refused()))
    }
    async fn describe(&self, _account: &dyn Account, _object: Option<&str>) -> Result<Value, Fault> {
        Err(Fault::Terminal(refused()))
    }
}
