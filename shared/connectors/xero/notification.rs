//! Xero's webhooks: signed over the raw body, thin, and numbered.
//!
//! <https://developer.xero.com/documentation/guides/webhooks/overview>. One address serves every organisation that the
//! app is connected to. The answer has no body and no cookie; a wrong signature is answered with 401, which Xero also
//! tries on purpose (*intent to receive*).

use std::collections::BTreeSet;

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use crate::ports::notification::{Heard, Notification, Reply};

const SIGNATURE: &str = "x-xero-signature";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    events: Vec<Event>,
    first_event_sequence: Option<u64>,
    last_event_sequence: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    event_category: String,
    #[serde(default)]
    tenant_id: String,
}

pub(super) fn hear(notification: &Notification<'_>, keys: &[SecretString]) -> Result<Heard, Reply> {
    let Some(key) = keys.iter().position(|key| is_signed(notification, key)) else {
        return Err(Reply::empty(401));
    };
    // Signed, so it is Xero's: what can't be read may still mean that something has changed.
    let Ok(body) = serde_json::from_slice::<Body>(notification.body) else {
        return Ok(Heard { changed: Vec::new(), key, sequence: None, answer: Reply::empty(200) });
    };
    let changed: BTreeSet<(String, &'static str)> = body
        .events
        .iter()
        .flat_map(|event| {
            let triggers = triggers_of(&event.event_category.to_ascii_uppercase());
            triggers.iter().map(|trigger| (event.tenant_id.clone(), *trigger))
        })
        .collect();
    // The sequence of the probes is 0.
    let sequence = body.first_event_sequence.zip(body.last_event_sequence).filter(|(first, _)| *first > 0);
    Ok(Heard { changed: changed.into_iter().collect(), key, sequence, answer: Reply::empty(200) })
}

/// Payments and bank transactions have no notifications of their own; they show in their documents'.
fn triggers_of(category: &str) -> &'static [&'static str] {
    match category {
        "CONTACT" => &["xero.new_or_updated_contact"],
        "INVOICE" => &["xero.new_or_updated_bill", "xero.new_or_updated_invoice", "xero.new_payment"],
        "CREDITNOTE" => &["xero.new_credit_note", "xero.new_payment"],
        "PREPAYMENT" => &["xero.new_bank_transaction", "xero.new_prepayment"],
        "OVERPAYMENT" => &["xero.new_bank_transaction", "xero.new_overpayment"],
        _ => &[],
    }
}

/// In constant time: `verify_slice` compares so.
fn is_signed(notification: &Notification<'_>, key: &SecretString) -> bool {
    let Some(signature) = notification.header(SIGNATURE) else { return false };
    let Ok(signature) = base64::engine::general_purpose::STANDARD.decode(signature.trim()) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()) else { return false };
    mac.update(notification.body);
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(key: &str, body: &str) -> Vec<(String, String)> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        vec![(SIGNATURE.to_owned(), signature)]
    }

    fn heard(headers: &[(String, String)], body: &str) -> Result<Heard, Reply> {
        let keys = [SecretString::from("current"), SecretString::from("previous")];
        hear(&Notification { secret: "", headers, body: body.as_bytes() }, &keys)
    }

    const EVENTS: &str = r#"{"events":[
        {"resourceUrl":"https://api.xero.com/api.xro/2.0/Contacts/717f2bfc","resourceId":"717f2bfc","eventType":"Update",
         "eventDateUtc":"2024-06-21T01:15:39.902","eventCategory":"CONTACT","tenantId":"t1","tenantType":"ORGANISATION"},
        {"eventCategory":"contact","tenantId":"t1"},{"eventCategory":"CREDITNOTE","tenantId":"t2"},
        {"eventCategory":"SUBSCRIPTION","tenantId":"t1"}],
        "lastEventSequence":9,"firstEventSequence":6,"entropy":"S0m3r4Nd0mt3xt"}"#;

    #[test]
    fn both_keys_are_taken_while_they_are_changed_and_each_poll_is_named_once() {
        for (place, key) in ["current", "previous"].into_iter().enumerate() {
            let heard = heard(&signed(key, EVENTS), EVENTS).unwrap();
            assert_eq!(heard.key, place);
            assert_eq!(heard.answer, Reply::empty(200));
            assert_eq!(heard.sequence, Some((6, 9)));
            let expected = [
                ("t1".to_owned(), "xero.new_or_updated_contact"),
                ("t2".to_owned(), "xero.new_credit_note"),
                ("t2".to_owned(), "xero.new_payment"),
            ];
            assert_eq!(heard.changed, expected);
        }
    }

    #[test]
    fn a_probe_is_answered_by_its_signature_alone() {
        let probe = r#"{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"X"}"#;
        let right = heard(&signed("current", probe), probe).unwrap();
        assert_eq!((right.changed.len(), right.sequence, right.answer), (0, None, Reply::empty(200)));
        for wrong in [signed("another", probe), signed("current", "{}"), Vec::new()] {
            assert_eq!(heard(&wrong, probe), Err(Reply::empty(401)));
        }
        let not_base64 = vec![(SIGNATURE.to_owned(), "?".to_owned())];
        assert_eq!(heard(&not_base64, probe), Err(Reply::empty(401)));
    }
}
