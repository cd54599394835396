//! Xero's webhooks: signed over the raw body, thin, and numbered.
//!
//! <https://developer.xero.com/documentation/guides/webhooks/overview>. One address serves every organisation that the
//! app is connected to. The answer has no body and no cookie; a wrong signature is answered with 401, which Xero also
//! tries on purpose (*intent to receive*).

use std::collections::BTreeSet;

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::domain::Value;
use crate::ports::notification::{Heard, Notification, Reply};

const SIGNATURE: &str = "x-xero-signature";

pub(super) fn hear(notification: &Notification<'_>, keys: &[SecretString]) -> Result<Heard, Reply> {
    let Some(key) = keys.iter().position(|key| is_signed(notification, key)) else {
        return Err(Reply::empty(401));
    };
    let body: Value = serde_json::from_slice(notification.body).unwrap_or_default();
    let (mut changed, mut unread) = (BTreeSet::new(), BTreeSet::new());
    match body.get("events").and_then(Value::as_array) {
        Some(events) => {
            for event in events {
                match read(event) {
                    Ok(about) => changed.extend(about),
                    Err(of) => drop(unread.insert(of)),
                }
            }
        }
        // Signed, so it is Xero's: what can't be read may still mean that something has changed.
        None => drop(unread.insert(None)),
    }
    let number = |name: &str| body.get(name).and_then(Value::as_u64);
    let sequence = number("firstEventSequence").zip(number("lastEventSequence"));
    Ok(Heard {
        changed: changed.into_iter().collect(),
        unread: unread.into_iter().collect(),
        key,
        // The sequence of the probes is 0.
        sequence: sequence.filter(|(first, _)| *first > 0),
        answer: Reply::empty(200),
    })
}

/// What an event says has changed; else whose it is, if that can be read.
fn read(event: &Value) -> Result<Vec<(String, &'static str)>, Option<String>> {
    let text = |name: &str| event.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let tenant = text("tenantId").map(str::to_owned);
    let Some(category) = text("eventCategory") else { return Err(tenant) };
    match (triggers_of(&category.to_ascii_uppercase()), tenant) {
        ([], _) => Ok(Vec::new()),
        (_, None) => Err(None),
        (triggers, Some(tenant)) => Ok(triggers.iter().map(|trigger| (tenant.clone(), *trigger)).collect()),
    }
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
    fn an_event_that_can_not_be_read_may_be_about_anything_of_its_organisation_and_hides_no_other() {
        let unread = |event: &str| {
            let other = r#"{"eventCategory":"CONTACT","tenantId":"t1"}"#;
            let body =
                format!(r#"{{"events":[{event},{other}],"firstEventSequence":6,"lastEventSequence":7}}"#);
            let heard = heard(&signed("current", &body), &body).unwrap();
            assert_eq!(heard.changed, [("t1".to_owned(), "xero.new_or_updated_contact")], "{event}");
            assert_eq!(heard.sequence, Some((6, 7)));
            heard.unread
        };
        for category in ["null", "7", "\"\""] {
            let event = format!(r#"{{"eventCategory":{category},"tenantId":"t2"}}"#);
            assert_eq!(unread(&event), [Some("t2".to_owned())], "{category}");
        }
        for event in
            ["null", "{}", r#"{"eventCategory":"INVOICE"}"#, r#"{"eventCategory":"INVOICE","tenantId":null}"#]
        {
            assert_eq!(unread(event), [None], "{event}");
        }
        assert_eq!(unread(r#"{"eventCategory":"SUBSCRIPTION"}"#), [], "none of it is polled");
    }

    #[test]
    fn a_signed_body_that_can_not_be_read_may_be_about_anything() {
        for body in ["", "<html>", "[]", r#"{"events":null}"#] {
            let heard = heard(&signed("current", body), body).unwrap();
            assert_eq!((heard.unread, heard.answer), (vec![None], Reply::empty(200)), "{body}");
        }
    }

    #[test]
    fn a_probe_is_answered_by_its_signature_alone() {
        let probe = r#"{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"X"}"#;
        let right = heard(&signed("current", probe), probe).unwrap();
        assert_eq!((right.changed.len(), right.unread.len()), (0, 0));
        assert_eq!((right.sequence, right.answer), (None, Reply::empty(200)));
        for wrong in [signed("another", probe), signed("current", "{}"), Vec::new()] {
            assert_eq!(heard(&wrong, probe), Err(Reply::empty(401)));
        }
        let not_base64 = vec![(SIGNATURE.to_owned(), "?".to_owned())];
        assert_eq!(heard(&not_base64, probe), Err(Reply::empty(401)));
    }
}
