//! The SOAP body of a message: its notifications, each with the record as it is now.
//!
//! https://developer.salesforce.com/docs/platform/api/guide/sforce-api-om-outboundmessaging-wsdl.html

use std::fmt::Write;

use serde_json::Value;

use super::super::org::Org;
use super::{Notification, Rule};
use crate::markup::escaped;

impl Org {
    pub(super) fn envelope(&self, rule: &Rule, batch: &[&Notification], base: &str) -> String {
        let organization = &self.organization;
        let mut body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n <soapenv:Body>\n  \
             <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\">\n   \
             <OrganizationId>{organization}</OrganizationId>\n   <ActionId>{action}</ActionId>\n   \
             <SessionId xsi:nil=\"true\"/>\n   \
             <EnterpriseUrl>{base}/services/Soap/c/67.0/{organization}</EnterpriseUrl>\n   \
             <PartnerUrl>{base}/services/Soap/u/67.0/{organization}</PartnerUrl>\n",
            action = rule.action,
        );
        for notification in batch {
            let Some(record) = self.store.table(&rule.object).get(&notification.record) else { continue };
            let _ = write!(
                body,
                "   <Notification>\n    <Id>{}</Id>\n    <sObject xsi:type=\"sf:{}\" \
                 xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">\n     <sf:Id>{}</sf:Id>\n",
                notification.id, rule.object, record.id
            );
            for field in rule.fields.iter().filter(|field| *field != "Id") {
                if let Some(text) = shown(record.get(field)) {
                    let _ = writeln!(body, "     <sf:{field}>{text}</sf:{field}>");
                }
            }
            body.push_str("    </sObject>\n   </Notification>\n");
        }
        body.push_str("  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>\n");
        body
    }
}

/// As SOAP writes it; null is left out. Instants end in Z here, unlike in REST.
fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text.strip_suffix(".000+0000").map_or(text.clone(), |instant| format!("{instant}.000Z"));
    Some(escaped(&text))
}
