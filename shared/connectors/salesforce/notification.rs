//! Salesforce's outbound messages: SOAP, unsigned, retried until they are acknowledged.
//!
//! <https://developer.salesforce.com/docs/platform/api/guide/sforce-api-om-outboundmessaging.html>. Nothing in them is
//! believed but that something has changed in an organisation; who knows the address may say so.

use quick_xml::Reader;
use quick_xml::events::Event;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::domain::record_id::RecordId;
use crate::ports::notification::{Heard, Notification, Reply};

/// A hundred notifications of records with long texts come to megabytes. This is what a function can be handed at all.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST: usize = 6 * 1024 * 1024;
/// Of elements within each other: a record's fields are the sixth.
const DEEPEST: usize = 16;
/// <https://developer.salesforce.com/docs/platform/api/guide/sforce-api-om-outboundmessaging-understanding.html>
const NOTIFICATIONS: usize = 100;
const TRIGGERS: [&str; 3] =
    ["salesforce.deleted_record", "salesforce.new_record", "salesforce.updated_record"];
const XML: &str = "text/xml; charset=utf-8";
const ACKNOWLEDGED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
    <notificationsResponse xmlns=\"http://soap.sforce.com/2005/09/outbound\"><Ack>true</Ack></notificationsResponse>\
    </soapenv:Body></soapenv:Envelope>";

pub(super) fn hear(notification: &Notification<'_>, keys: &[SecretString]) -> Result<Heard, Reply> {
    let knows =
        |key: &SecretString| bool::from(key.expose_secret().as_bytes().ct_eq(notification.secret.as_bytes()));
    let Some(key) = keys.iter().position(knows).filter(|_| !notification.secret.is_empty()) else {
        return Err(Reply::empty(404));
    };
    if notification.body.len() > LARGEST {
        return Err(Reply::empty(413));
    }
    let organisation = organisation(notification.body).ok_or(Reply::empty(400))?;
    Ok(Heard {
        changed: TRIGGERS.map(|trigger| (organisation.to_string(), trigger)).to_vec(),
        unread: Vec::new(),
        key,
        sequence: None,
        answer: Reply::new(200, XML, ACKNOWLEDGED),
    })
}

/// The `OrganizationId` of a message that has notifications, and no more than Salesforce sends at once; `None` for
/// everything else, for a DOCTYPE, which no message of Salesforce's has, and for what is nested too deep.
fn organisation(body: &[u8]) -> Option<RecordId> {
    let mut reader = Reader::from_reader(body);
    reader.config_mut().trim_text(true);
    let mut path: Vec<Vec<u8>> = Vec::new();
    let (mut organisation, mut notifications) = (None, 0);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_vec();
                notifications += usize::from(name == b"Notification" && path.len() == 3);
                path.push(name);
                if path.len() > DEEPEST || notifications > NOTIFICATIONS {
                    return None;
                }
            }
            Event::End(_) => drop(path.pop()?),
            Event::Text(text) if is_organisation(&path) => {
                organisation = RecordId::salesforce(text.decode().ok()?.trim());
            }
            Event::DocType(_) => return None,
            Event::Eof if path.is_empty() && notifications > 0 => return organisation,
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn is_organisation(path: &[Vec<u8>]) -> bool {
    path.iter().map(Vec::as_slice).eq([b"Envelope".as_slice(), b"Body", b"notifications", b"OrganizationId"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(inner: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
             xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body><notifications \
             xmlns=\"http://soap.sforce.com/2005/09/outbound\">{inner}</notifications></soapenv:Body></soapenv:Envelope>"
        )
    }

    const ONE: &str = "<OrganizationId>00DdM000001aBcDUAU</OrganizationId><ActionId>04k</ActionId>\
        <Notification><Id>04l</Id><sObject xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\"><sf:Id>006</sf:Id>\
        </sObject></Notification>";

    fn heard(secret: &str, body: &str) -> Result<Heard, Reply> {
        let keys = [SecretString::from("path-secret")];
        hear(&Notification { secret, headers: &[], body: body.as_bytes() }, &keys)
    }

    #[test]
    fn a_message_wakes_the_polls_of_its_organisation_and_is_acknowledged() {
        let organisation = RecordId::salesforce("00DdM000001aBcD").unwrap();
        let one = ONE.replace("00DdM000001aBcDUAU", organisation.as_str());
        let heard = heard("path-secret", &message(&one)).unwrap();
        let expected = TRIGGERS.map(|trigger| (organisation.to_string(), trigger));
        assert_eq!(heard.changed, expected);
        assert!(heard.answer.body.contains("<Ack>true</Ack>"));
    }

    #[test]
    fn whoever_does_not_know_the_address_learns_nothing() {
        for secret in ["", "path-secre", "another"] {
            assert_eq!(heard(secret, &message(ONE)), Err(Reply::empty(404)));
        }
    }

    /// So many notifications, with a text of so many bytes in each.
    fn with_notifications(count: usize, bytes: usize) -> String {
        let (head, one) = ONE.split_at(ONE.find("<Notification>").unwrap());
        let text = format!("<sf:Description>{}</sf:Description></sObject>", "x".repeat(bytes));
        message(&format!("{head}{}", one.replace("</sObject>", &text).repeat(count)))
    }

    #[test]
    fn a_hundred_notifications_with_long_texts_are_one_message_and_more_are_none() {
        assert!(heard("path-secret", &with_notifications(100, 32_000)).is_ok());
        assert_eq!(heard("path-secret", &with_notifications(101, 0)), Err(Reply::empty(400)));
    }

    #[test]
    fn a_field_within_fields_is_read_over_as_deep_as_fields_go_and_no_deeper() {
        let within = |depth: usize| {
            let field = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
            heard("path-secret", &message(&ONE.replace("</sObject>", &format!("{field}</sObject>"))))
        };
        // Five are around them: the envelope, its body, the notifications, one of them, and its record.
        assert!(within(DEEPEST - 5).is_ok());
        assert_eq!(within(DEEPEST - 4), Err(Reply::empty(400)));
    }

    #[test]
    fn what_is_no_outbound_message_is_not_acknowledged() {
        let doctype = message(ONE).replacen(
            "<soapenv:Envelope",
            "<!DOCTYPE x [<!ENTITY e \"x\">]><soapenv:Envelope",
            1,
        );
        for body in [
            String::new(),
            "{}".to_owned(),
            message(""),
            message("<OrganizationId>00D</OrganizationId><Notification></Notification>"),
            message(&ONE.replace("Notification", "Other")),
            message(ONE).replace("</soapenv:Body>", ""),
            doctype,
        ] {
            assert_eq!(heard("path-secret", &body), Err(Reply::empty(400)), "{body}");
        }
        assert_eq!(heard("path-secret", &"x".repeat(LARGEST + 1)), Err(Reply::empty(413)));
    }
}
