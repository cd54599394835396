//! The body of a delivery and its signature.
//!
//! <https://developer.xero.com/documentation/webhooks/configuring-your-server>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::news::Category;
use super::subscription::Event;
use crate::xero::EventTypes;

pub(super) const SIGNATURE_HEADER: &str = "x-xero-signature";

/// Without events it is a probe, and both sequences are 0.
pub(super) fn body(base: &str, events: &[&Event], entropy: &str, types: EventTypes) -> String {
    let sequence = |event: Option<&&Event>| event.map_or(0, |event| event.sequence);
    let body = json!({
        "events": events.iter().map(|event| shown(base, event, types)).collect::<Vec<_>>(),
        "lastEventSequence": sequence(events.last()),
        "firstEventSequence": sequence(events.first()),
        "entropy": entropy,
    });
    body.to_string()
}

fn shown(base: &str, event: &Event, types: EventTypes) -> Value {
    let Event { category, resource, tenant, .. } = event;
    let kind = if *category == Category::Subscription { "APPLICATION" } else { "ORGANISATION" };
    let mut body = Map::new();
    body.insert("resourceUrl".into(), format!("{base}/{}/{resource}", category.path()).into());
    body.insert("resourceId".into(), resource.to_string().into());
    body.insert("eventDateUtc".into(), event.at.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string().into());
    body.insert("eventType".into(), types.word(event.is_new).into());
    body.insert("eventCategory".into(), category.as_str().into());
    body.insert("tenantId".into(), tenant.to_string().into());
    body.insert("tenantType".into(), kind.into());
    if let Some(data) = &event.data {
        body.insert("data".into(), data.clone());
    }
    Value::Object(body)
}

/// Base64 of the HMAC-SHA256 of the body's bytes.
pub(super) fn signature(key: &str, body: &str) -> String {
    match Hmac::<Sha256>::new_from_slice(key.as_bytes()) {
        Ok(mut mac) => {
            mac.update(body.as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        }
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_others_compute() {
        // printf '{"a":1}' | openssl dgst -sha256 -hmac secret -binary | base64
        assert_eq!(signature("secret", r#"{"a":1}"#), "qp4uNXX11wmLbKzNeQiIw21f22M0KnO62i1qUXR6hJQ=");
    }
}
