//! What of an input must be written to a contact that is there already.

use super::contact::Contact;
use crate::connectors::xero::endpoints::agrees;
use crate::domain::{Object, Value};

/// The members to send, without the id; empty when nothing is to be written. `only_empty`: what is there stays.
pub(crate) fn differences(contact: &Contact, input: &Object, only_empty: bool) -> Object {
    let there = contact.document();
    let mut changes = Object::new();
    for (name, wanted) in input {
        let known = there.get(name);
        let change = match name.as_str() {
            "ContactID" => None,
            "Phones" => slots(known, wanted, "PhoneType", only_empty),
            "Addresses" => slots(known, wanted, "AddressType", only_empty),
            _ if known.is_some() && only_empty => None,
            _ => scalar(known, wanted),
        };
        if let Some(change) = change {
            changes.insert(name.clone(), change);
        }
    }
    // Xero deletes the people of a contact that is sent without them.
    if let (false, false, Some(people)) =
        (changes.is_empty(), changes.contains_key("ContactPersons"), there.get("ContactPersons"))
    {
        changes.insert("ContactPersons".into(), people.clone());
    }
    changes
}

fn scalar(known: Option<&Value>, wanted: &Value) -> Option<Value> {
    match (known, wanted) {
        (None, Value::Null) => None,
        // Xero empties a text that is sent empty; null it passes over.
        (Some(_), Value::Null) => Some("".into()),
        (Some(known), wanted) if agrees(wanted, known) => None,
        _ => Some(wanted.clone()),
    }
}

/// Phones and addresses stand in slots by type; slots that aren't sent stay as they are.
fn slots(known: Option<&Value>, wanted: &Value, by: &str, only_empty: bool) -> Option<Value> {
    let known = known.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let changed: Vec<Value> = wanted
        .as_array()
        .into_iter()
        .flatten()
        .filter(|slot| match known.iter().find(|there| there[by] == slot[by]) {
            None => true,
            Some(_) if only_empty => false,
            Some(there) => !is_same(slot, there),
        })
        .cloned()
        .collect();
    (!changed.is_empty()).then_some(Value::Array(changed))
}

/// What is sent empty is the same as what isn't there.
fn is_same(slot: &Value, there: &Value) -> bool {
    slot.as_object().is_some_and(|slot| {
        slot.iter().all(|(name, value)| match there.get(name) {
            Some(known) => agrees(value, known),
            None => value == "",
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changes(input: Value, only_empty: bool) -> Value {
        let contact = Contact::of(&json!({
            "ContactID": "c1", "Name": "Acme", "EmailAddress": "a@acme.example",
            "Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": "1"}],
            "ContactPersons": [{"FirstName": "Ann"}],
        }));
        Value::Object(differences(&contact.unwrap(), input.as_object().unwrap(), only_empty))
    }

    #[test]
    fn what_is_there_already_is_not_written_again() {
        let same = json!({"Name": "Acme", "Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": "1"}], "TaxNumber": null});
        assert_eq!(changes(same, false), json!({}));
    }

    #[test]
    fn only_what_differs_is_written_and_the_people_are_kept() {
        let input = json!({"Name": "Acme", "EmailAddress": null, "Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": "2"}, {"PhoneType": "MOBILE", "PhoneNumber": "3"}]});
        assert_eq!(
            changes(input.clone(), false),
            json!({"EmailAddress": "", "Phones": input["Phones"], "ContactPersons": [{"FirstName": "Ann"}]})
        );
        assert_eq!(
            changes(json!({"ContactPersons": [{"FirstName": "Bob"}]}), false),
            json!({"ContactPersons": [{"FirstName": "Bob"}]})
        );
    }

    #[test]
    fn filling_leaves_what_is_there() {
        let input = json!({"Name": "Other", "TaxNumber": "7", "Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": "2"}, {"PhoneType": "MOBILE", "PhoneNumber": "3"}]});
        assert_eq!(
            changes(input, true),
            json!({"TaxNumber": "7", "Phones": [{"PhoneType": "MOBILE", "PhoneNumber": "3"}], "ContactPersons": [{"FirstName": "Ann"}]})
        );
    }
}
