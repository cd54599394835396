//! Triggers that aren't polled: what a webhook, a schedule and a person may start, and what their options are.
//!
//! Descriptions and the checks that a schema can't make; `functions/http-webhook` and the keeper do the work.
//! Called where the catalog is built and where flow files are read.

use serde_json::json;

use crate::domain::flow::Order;
use crate::domain::{Object, Value};
use crate::flow::file::is_path;
use crate::ports::connector::TriggerDescription;

pub fn unpolled_triggers() -> Vec<TriggerDescription> {
    vec![http_webhook(), schedule(), manual()]
}

/// What is wrong with the options of an unpolled trigger beyond its schema: the option, a code, and why.
pub(super) fn wrong_options(trigger: &str, options: &Object) -> Option<(&'static str, &'static str, String)> {
    let text = |name: &str| options.get(name).and_then(Value::as_str);
    match trigger {
        "http.webhook" => {
            let open =
                options.get("secret_path") == Some(&Value::Bool(false)) && !options.contains_key("signature");
            let event_id = text("event_id").filter(|path| !is_path(path));
            if open {
                let message = "without a secret in the URL or a `signature`, anybody could start the flow";
                return Some(("secret_path", "webhook_open", message.to_owned()));
            }
            event_id.map(|path| {
                let message = format!("event_id is a path into the body, such as record.id, not `{path}`");
                ("event_id", "bad_path", message)
            })
        }
        "schedule" => {
            let cron = text("cron").filter(|cron| !is_cron(cron)).map(|cron| {
                let message =
                    format!("`{cron}` isn't five fields: minute, hour, day, month, day of the week");
                ("cron", "bad_cron", message)
            });
            let zone = text("zone").filter(|zone| jiff::tz::TimeZone::get(zone).is_err());
            cron.or_else(|| zone.map(|zone| ("zone", "bad_zone", format!("there is no time zone `{zone}`"))))
        }
        _ => None,
    }
}

fn is_cron(text: &str) -> bool {
    let field =
        |field: &str| field.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | ',' | '-' | '/'));
    text.split_whitespace().count() == 5 && text.split_whitespace().all(field)
}

/// The record is what was posted; its headers stay outside.
fn http_webhook() -> TriggerDescription {
    TriggerDescription {
        id: "http.webhook",
        title: "Webhook",
        about: "A POST to the flow's own URL. The record is the parsed body: JSON, or the fields of a form. \
                The URL carries a secret, unless the sender signs what it sends.",
        documentation: "https://www.standardwebhooks.com/",
        options: json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "secret_path": {
                    "type": "boolean",
                    "default": true,
                    "description": "Whether the URL carries a secret. May be false only beside `signature`.",
                },
                "signature": {
                    "type": "object",
                    "additionalProperties": false,
                    "description": "How the sender signs the body: an HMAC in a header.",
                    "properties": {
                        "header": {
                            "type": "string",
                            "description": "The header that holds the signature, such as x-hub-signature-256.",
                        },
                        "algorithm": { "enum": ["sha256", "sha512"], "default": "sha256" },
                        "encoding": { "enum": ["hex", "base64"], "default": "hex" },
                        "prefix": {
                            "type": "string",
                            "description": "What stands before the signature in the header, such as sha256=.",
                        },
                        "secret": {
                            "type": "string",
                            "description": "The name of the shared secret in the vault; never the secret itself.",
                        },
                        "timestamp_header": {
                            "type": "string",
                            "description": "A header with the time, signed together with the body as TIME.BODY.",
                        },
                        "tolerance_seconds": {
                            "type": "integer",
                            "minimum": 0,
                            "default": 300,
                            "description": "How old a signed time may be.",
                        },
                    },
                    "required": ["header", "secret"],
                },
                "event_id": {
                    "type": "string",
                    "description": "The path of the event's id in the body, such as record.id: the same id runs \
                                    once. Else a header (webhook-id, svix-id, Idempotency-Key), else the body's \
                                    hash within 10 minutes.",
                },
            },
        }),
        order: Order::Every,
        minutes: 0,
        page: 0,
        scope: None,
        example: "type: http.webhook\nevent_id: record.id\n",
        sample: json!({ "id": "evt_1", "company": "Acme Ltd", "amount": 120.50 }),
    }
}

fn schedule() -> TriggerDescription {
    TriggerDescription {
        id: "schedule",
        title: "Schedule",
        about: "At the times that a cron expression names, by the clock of a time zone. A tick that was missed \
                fires once. With `each`, one run for each item that an action finds then.",
        documentation: "https://man7.org/linux/man-pages/man5/crontab.5.html",
        options: json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "cron": {
                    "type": "string",
                    "description": "Minute, hour, day of the month, month, day of the week: 0 7 * * 1-5.",
                },
                "zone": {
                    "type": "string",
                    "default": "UTC",
                    "description": "An IANA time zone, such as Pacific/Auckland.",
                },
                "each": each(),
            },
            "required": ["cron"],
        }),
        order: Order::Every,
        minutes: 0,
        page: 0,
        scope: None,
        example: "type: schedule\ncron: 0 7 * * 1-5\nzone: Pacific/Auckland\n",
        sample: json!({ "at": "2026-01-05T18:00:00Z" }),
    }
}

/// A run for each item that an action finds: read by `file/each`.
fn each() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "description": "One run for each item found; the record is the item.",
        "required": ["action", "key"],
        "properties": {
            "action": {
                "type": "string",
                "description": "An action that finds: salesforce.find_records, xero.find_invoice.",
            },
            "with": {
                "type": "object",
                "description": "What it is to find; without a `limit`, all of it. Expressions see the tick as `record`.",
            },
            "connection": { "type": "string", "description": "Where it looks; else the only one of its kind." },
            "as": { "type": "string", "description": "A name for the item in the steps, beside `record`." },
            "key": {
                "type": "string",
                "description": "What an item is known by: item.Id. Within one tick the same key is one run.",
            },
        },
    })
}

fn manual() -> TriggerDescription {
    TriggerDescription {
        id: "manual",
        title: "By hand",
        about: "When a person or a script says so: `counterfoil flow run NAME --with JSON`. The record is that JSON; \
                with `each`, an item that an action finds.",
        documentation: "https://www.rfc-editor.org/rfc/rfc8259",
        options: json!({
            "type": "object",
            "additionalProperties": false,
            "properties": { "each": each() },
        }),
        order: Order::Every,
        minutes: 0,
        page: 0,
        scope: None,
        example: "type: manual\n",
        sample: json!({ "month": "2026-01" }),
    }
}
