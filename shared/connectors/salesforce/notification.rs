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

/// A message has up to 100 notifications of records with at most a few hundred fields.
const LARGEST: usize = 1024 * 1024;
const DEEPEST: usize = 16;
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
    if notification.secret.is_empty() || !keys.iter().any(knows) {
        return Err(Reply::empty(404));
    }
    if notification.body.len() > LARGEST {
        return Err(Reply::empty(413));
    }
    let organisation = organisation(notification.body).ok_or(Reply::empty(400))?;
    Ok(Heard {
        changed: TRIGGERS.map(|trigger| (organisation.to_string(), trigger)).to_vec(),
        sequence: None,
        answer: Reply::new(200, XML, ACKNOWLEDGED),
    })
}

/// The `OrganizationId` of a message that has a notification; `None` for everything else, for a DOCTYPE, which no
/// message of Salesforce's has, and for what is nested too deep.
fn organisation(body: &[u8]) -> Option<RecordId> {
    let mut reader = Reader::from_reader(body);
    reader.config_mut().trim_text(true);
    let mut path: Vec<Vec<u8>> = Vec::new();
    let (mut organisation, mut notifications) = (None, 0_u32);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_vec();
                notifications += u32::from(name == b"Notification" && path.len() == 3);
                path.push(name);
                if path.len() > DEEPEST {
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

    #[test]
    fn what_is_no_outbound_message_is_not_acknowledged() {
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
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
            deep,
        ] {
            assert_eq!(heard("path-secret", &body), Err(Reply::empty(400)), "{body}");
        }
        assert_eq!(heard("path-secret", &"x".repeat(LARGEST + 1)), Err(Reply::empty(413)));
    }
}
