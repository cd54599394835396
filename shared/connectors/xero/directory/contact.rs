//! A contact as the directory keeps it: what matching looks at, and what `fill_empty` and *nothing to write* compare.
//!
//! Balances, groups and bank details are not kept: nothing is decided by them.

use jiff::Timestamp;

use crate::connectors::xero::wire::{text, updated_at};
use crate::domain::time::Stamp;
use crate::domain::{Object, Value};

/// The members that are kept. <https://developer.xero.com/documentation/api/accounting/contacts>
const KEPT: &[&str] = &[
    "ContactID",
    "ContactNumber",
    "AccountNumber",
    "ContactStatus",
    "Name",
    "FirstName",
    "LastName",
    "CompanyNumber",
    "EmailAddress",
    "TaxNumber",
    "DefaultCurrency",
    "AccountsReceivableTaxType",
    "AccountsPayableTaxType",
    "SalesDefaultAccountCode",
    "PurchasesDefaultAccountCode",
    "Phones",
    "Addresses",
    "ContactPersons",
    "PaymentTerms",
    "MergedToContactID",
    "UpdatedDateUTC",
];

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contact(Value);

impl Contact {
    /// Of a contact as Xero writes it, or as the directory wrote it. `None` without an id: then it is no contact.
    pub(crate) fn of(wire: &Value) -> Option<Self> {
        text(wire, "ContactID")?;
        let mut kept = Object::new();
        for name in KEPT {
            if let Some(value) = wire.get(*name).and_then(without_empty) {
                kept.insert((*name).to_owned(), value);
            }
        }
        // In one spelling, so that a contact that was written and then read is the same.
        if let Some(at) = updated_at(wire) {
            kept.insert("UpdatedDateUTC".into(), Stamp(at).to_string().into());
        }
        Some(Self(Value::Object(kept)))
    }

    /// A contact that Xero doesn't know any more: nothing matches it but its id.
    pub(crate) fn gone(id: &str, at: Timestamp) -> Self {
        Self(
            serde_json::json!({"ContactID": id, "ContactStatus": "GONE", "UpdatedDateUTC": Stamp(at).to_string()}),
        )
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.get("ContactStatus") == Some("GONE")
    }

    pub(crate) fn id(&self) -> &str {
        self.get("ContactID").unwrap_or_default()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        text(&self.0, name)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.get("ContactStatus").is_none_or(|status| status == "ACTIVE")
    }

    /// Where it went when it was merged into another one.
    pub(crate) fn merged_to(&self) -> Option<&str> {
        self.get("MergedToContactID")
    }

    pub(crate) fn updated(&self) -> Timestamp {
        updated_at(&self.0).unwrap_or(Timestamp::MIN)
    }

    pub(crate) fn document(&self) -> &Value {
        &self.0
    }
}

/// Xero writes four phone slots and two address slots whether they are used or not: only used ones are kept.
fn without_empty(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::Array(list) => {
            let used: Vec<Value> =
                list.iter().filter(|slot| is_used(slot)).filter_map(without_empty).collect();
            if used.is_empty() { None } else { Some(Value::Array(used)) }
        }
        Value::Object(object) => {
            let used: Object = object
                .iter()
                .filter_map(|(name, inner)| without_empty(inner).map(|inner| (name.clone(), inner)))
                .collect();
            if used.is_empty() { None } else { Some(Value::Object(used)) }
        }
        other => Some(other.clone()),
    }
}

fn is_used(slot: &Value) -> bool {
    slot.as_object().is_none_or(|slot| {
        slot.iter().any(|(name, value)| {
            !matches!(name.as_str(), "PhoneType" | "AddressType") && without_empty(value).is_some()
        })
    })
}

/// How names, numbers and addresses are compared: as Xero does, whatever their case and spacing.
pub(crate) fn normalised(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn empty_slots_and_members_that_nothing_looks_at_are_left_out() {
        let contact = Contact::of(&json!({
            "ContactID": "c1", "Name": "Acme", "EmailAddress": "", "Balances": {"x": 1},
            "Phones": [{"PhoneType": "DDI", "PhoneNumber": ""}, {"PhoneType": "DEFAULT", "PhoneNumber": "1", "PhoneAreaCode": ""}],
            "Addresses": [{"AddressType": "STREET"}],
        }));
        assert_eq!(
            *contact.unwrap().document(),
            json!({"ContactID": "c1", "Name": "Acme", "Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": "1"}]})
        );
        assert_eq!(
            Contact::of(&json!({"ContactID": "00000000-0000-0000-0000-000000000000", "Name": "X"})),
            None
        );
    }
}
