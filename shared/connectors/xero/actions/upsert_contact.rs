//! `xero.upsert_contact`: the contact that is meant, found or made.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use crate::connectors::xero::directory::{
    Contact, Contacts, Directory, differences, match_contact, normalised,
};
use crate::connectors::xero::endpoints::{CONTACTS_UPSERT, contact_url};
use crate::connectors::xero::fields::{Field, Kind, clean, field, schema};
use crate::connectors::xero::wire::{Became, document, result, text};
use crate::domain::effect::EffectKind;
use crate::domain::flow::{IfFound, IfMissing};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::domain::{Object, Value};
use crate::ports::connector::{Action, ActionDescription, Operation, Plan, Planning, Sets};

pub(super) struct UpsertContact {
    pub(super) directory: Arc<Directory>,
}

/// Lengths: <https://developer.xero.com/documentation/api/accounting/contacts>
const FIELDS: &[Field] = &[
    field("ContactID", Kind::Id, "Xero's own id, where it is known."),
    field(
        "ContactNumber",
        Kind::Text(50),
        "Your id of the contact, such as the Salesforce Account id. Unique; people see it only through the API.",
    ),
    field("AccountNumber", Kind::Text(50), "The account number that people see."),
    field("Name", Kind::Text(255), "Unique among active contacts. Needed to make one."),
    field("FirstName", Kind::Text(255), "Of the primary person."),
    field("LastName", Kind::Text(255), "Of the primary person."),
    field("EmailAddress", Kind::Text(255), "Where invoices are sent."),
    field("CompanyNumber", Kind::Text(50), "Company registration number."),
    field("TaxNumber", Kind::Text(50), "VAT, GST or tax number."),
    field("DefaultCurrency", Kind::Text(3), "ISO code."),
    field("AccountsReceivableTaxType", Kind::Text(50), "Tax type code of sales."),
    field("AccountsPayableTaxType", Kind::Text(50), "Tax type code of purchases."),
    field("SalesDefaultAccountCode", Kind::Text(10), "Account code of sales."),
    field("PurchasesDefaultAccountCode", Kind::Text(10), "Account code of purchases."),
    field(
        "Phones",
        Kind::List { of: PHONE, needs: &["PhoneNumber"], most: 4 },
        "One of each type; a phone without a number is left out.",
    ),
    field(
        "Addresses",
        Kind::List { of: ADDRESS, needs: ADDRESS_NEEDS, most: 4 },
        "One of each type; an empty address is left out.",
    ),
    field(
        "ContactPersons",
        Kind::List { of: PERSON, needs: &["FirstName", "LastName", "EmailAddress"], most: 5 },
        "Up to five further people. They replace those that are there.",
    ),
];

const PHONE: &[Field] = &[
    field("PhoneType", Kind::Choice(&["DEFAULT", "DDI", "MOBILE", "FAX", "OFFICE"]), "The slot."),
    field("PhoneNumber", Kind::Text(50), "The number."),
    field("PhoneAreaCode", Kind::Text(10), "The area code, where it is kept apart."),
    field("PhoneCountryCode", Kind::Text(20), "The country code, where it is kept apart."),
];

const ADDRESS: &[Field] = &[
    field(
        "AddressType",
        Kind::Choice(&["POBOX", "STREET", "DELIVERY"]),
        "POBOX is the postal address that invoices show.",
    ),
    field("AttentionTo", Kind::Text(255), "The addressee."),
    field("AddressLine1", Kind::Text(500), ""),
    field("AddressLine2", Kind::Text(500), ""),
    field("AddressLine3", Kind::Text(500), ""),
    field("AddressLine4", Kind::Text(500), ""),
    field("City", Kind::Text(255), ""),
    field("Region", Kind::Text(255), ""),
    field("PostalCode", Kind::Text(50), ""),
    field("Country", Kind::Text(50), "Letters only."),
];
const ADDRESS_NEEDS: &[&str] =
    &["AddressLine1", "AddressLine2", "City", "Region", "PostalCode", "Country", "AttentionTo"];

const PERSON: &[Field] = &[
    field("FirstName", Kind::Text(255), ""),
    field("LastName", Kind::Text(255), ""),
    field("EmailAddress", Kind::Text(255), ""),
    field("IncludeInEmails", Kind::Choice(&["true", "false"]), "Whether they get invoices too."),
];

const MATCHES: &[&str] = &["ContactNumber", "Name", "ContactID", "EmailAddress", "AccountNumber"];
const DEFAULT_MATCH: &[&str] = &["ContactNumber", "Name"];

const EXAMPLE: &str = r#"id: contact
action: xero.upsert_contact
match: [ContactNumber, Name]
if_found: fill_empty
with:
  ContactNumber: "{{ record.Account.Id }}"
  Name: "{{ record.Account.Name }}"
  Phones: [{ PhoneType: DEFAULT, PhoneNumber: "{{ record.Account.Phone }}" }]
"#;

#[async_trait]
impl Action for UpsertContact {
    fn describe(&self) -> ActionDescription {
        ActionDescription {
            id: "xero.upsert_contact",
            title: "Create or update a contact",
            about: "Finds the contact by its number, else by its name (or by what `match` says), and writes what differs; \
                    makes it where there is none. A contact that was found by name or e-mail and has no ContactNumber \
                    gets yours; one with another number fails. Merged contacts are followed; archived ones fail. \
                    Nothing is sent when nothing differs.",
            documentation: "https://developer.xero.com/documentation/api/accounting/contacts",
            effect: EffectKind::Set,
            scope: Some("accounting.contacts"),
            input: schema(FIELDS, &[]),
            options: json!({}),
            matches: MATCHES,
            links: true,
            example: EXAMPLE,
        }
    }

    async fn plan(&self, planning: Planning<'_>) -> Result<Plan, Fault> {
        let mut input = clean(FIELDS, &planning.input, "").map_err(Fault::Terminal)?;
        check_name(&mut input).map_err(Fault::Terminal)?;
        check_people(&mut input);
        empty_nested(&mut input);
        let short_code = self.directory.short_code(planning.account).await?;
        let contacts = self.directory.contacts(planning.account).await?;
        decide(&contacts, &planning, input, short_code).map_err(Fault::Terminal)
    }
}

/// Names have no angle brackets, and no spaces at their ends or two in a row.
fn check_name(input: &mut Object) -> Result<(), Failure> {
    let Some(Value::String(name)) = input.get_mut("Name") else { return Ok(()) };
    if name.contains(['<', '>']) {
        return Err(Failure::new(
            "contact_name_characters",
            "`Name` has an angle bracket, which Xero refuses: replace it in the flow",
        ));
    }
    *name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(())
}

/// Xero takes this flag as true or false, not as text.
fn check_people(input: &mut Object) {
    for person in input.get_mut("ContactPersons").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(flag) = person.get_mut("IncludeInEmails") {
            *flag = Value::Bool(flag == "true");
        }
    }
}

/// Within phones, addresses and people, Xero empties what is sent as an empty text.
fn empty_nested(input: &mut Object) {
    let entries =
        input.values_mut().filter_map(Value::as_array_mut).flatten().filter_map(Value::as_object_mut);
    for value in entries.flat_map(Object::values_mut).filter(|value| value.is_null()) {
        *value = "".into();
    }
}

fn decide(
    contacts: &Contacts,
    planning: &Planning<'_>,
    input: Object,
    short_code: String,
) -> Result<Plan, Failure> {
    let known = match existing_id(planning) {
        Some(id) => Some(contacts.get(&id).cloned().ok_or_else(not_found)?),
        None => match_contact(contacts, planning.matching, DEFAULT_MATCH, &input)?,
    };
    let Some(contact) = known else { return missing(contacts, planning, input, short_code) };
    check_number(&contact, &input)?;
    let mut changes = match planning.matching.if_found {
        IfFound::Update => differences(&contact, &input, false),
        IfFound::FillEmpty => differences(&contact, &input, true),
        IfFound::Keep => adoption(&contact, &input),
    };
    if is_number_of_a_merged_one(contacts, &contact, &input) {
        changes.shift_remove("ContactNumber");
    }
    if changes.is_empty() {
        let url = contact_url(&short_code, contact.id());
        return Ok(Plan::Answer(result(
            document(contact.document().clone()),
            "ContactID",
            Became::Found,
            url,
        )));
    }
    let mut element = Object::from_iter([("ContactID".to_owned(), Value::from(contact.id()))]);
    element.extend(changes);
    Ok(perform(short_code, element))
}

/// `if_exists: update`: the contact that the link remembers; of one that a person brought in, perhaps only its id.
fn existing_id(planning: &Planning<'_>) -> Option<String> {
    let known = planning.existing?;
    text(known, "ContactID").or_else(|| text(known, "_id")).map(str::to_owned)
}

fn missing(
    contacts: &Contacts,
    planning: &Planning<'_>,
    mut input: Object,
    short_code: String,
) -> Result<Plan, Failure> {
    if input.contains_key("ContactID") {
        return Err(not_found());
    }
    match planning.matching.if_missing {
        IfMissing::Skip => {
            Ok(Plan::Answer(json!({"_found": false, "_created": false, "_status": "not_found"})))
        }
        IfMissing::Fail => Err(not_found()),
        IfMissing::Create => {
            input.retain(|_, value| !value.is_null());
            let Some(Value::String(name)) = input.get("Name") else {
                return Err(Failure::new(
                    "contact_name_required",
                    "no contact matches, and without a `Name` none can be made",
                ));
            };
            if contacts.is_name_hidden(name) {
                return Err(Failure::new(
                    "contact_name_taken",
                    "Xero says that another active contact has this name, but shows none that is spelled like it: look for a similar one in Xero, and merge or rename it",
                ));
            }
            Ok(perform(short_code, input))
        }
    }
}

fn not_found() -> Failure {
    Failure::new("contact_not_found", "no contact of this organisation matches")
}

/// A contact that belongs to another of the user's records must not be taken over silently.
fn check_number(contact: &Contact, input: &Object) -> Result<(), Failure> {
    let ours = input.get("ContactNumber").and_then(Value::as_str);
    match (contact.get("ContactNumber"), ours) {
        (Some(theirs), Some(ours))
            if normalised(theirs) != normalised(ours) && !input.contains_key("ContactID") =>
        {
            Err(Failure::new(
                "contact_number_conflict",
                format!(
                    "the contact that matches ({}) has the ContactNumber {theirs}, not {ours}: two records of yours may share a name. Rename one, or match by ContactNumber alone",
                    contact.id()
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// The number stays with the contact that was merged into this one: Xero gives it to no other, and through it this
/// one is found.
fn is_number_of_a_merged_one(contacts: &Contacts, contact: &Contact, input: &Object) -> bool {
    let number = input.get("ContactNumber").and_then(Value::as_str);
    number.is_some_and(|number| {
        let holders = contacts.find("ContactNumber", number);
        holders.iter().any(|holder| holder.id() != contact.id() && holder.merged_to().is_some())
    })
}

/// Keeping a contact as it is still makes it ours, so that it is found by its number from now on.
fn adoption(contact: &Contact, input: &Object) -> Object {
    match (contact.get("ContactNumber"), input.get("ContactNumber")) {
        (None, Some(number)) if !number.is_null() => {
            let number = Object::from_iter([("ContactNumber".to_owned(), number.clone())]);
            differences(contact, &number, true)
        }
        _ => Object::new(),
    }
}

fn perform(short_code: String, element: Object) -> Plan {
    let sets = sets(&element);
    let element = Value::Object(element);
    let value = |member: &str| text(&element, member).map(normalised);
    let unique = [("id", "ContactID"), ("number", "ContactNumber"), ("name", "Name")]
        .into_iter()
        .filter_map(|(prefix, member)| value(member).map(|value| format!("{prefix}:{value}")))
        .collect();
    Plan::Perform(Operation { endpoint: CONTACTS_UPSERT, shape: short_code, element, unique, sets })
}

/// What is set in a contact that is there. Phones, addresses and people come back otherwise than they are sent.
fn sets(element: &Object) -> Option<Sets> {
    let record = RecordId::new(element.get("ContactID")?.as_str()?);
    let is_plain = |(name, value): &(&String, &Value)| *name != "ContactID" && !value.is_array();
    let fields = element.iter().filter(is_plain).map(|(name, value)| (name.clone(), value.clone()));
    Some(Sets { record, fields: fields.collect() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::connectors::xero::conformance::{catalog, operation, plan_with};
    use crate::connectors::xero::testing::{TestTable, organisation_account};
    use crate::domain::flow::{IfMany, Matching};

    const ID: &str = "a0000000-0000-4000-8000-00000000000";

    async fn planned(input: Value, matching: Matching) -> Result<Plan, Failure> {
        let account = organisation_account(&Arc::new(TestTable::default()));
        plan_with(&catalog(), &account, "xero.upsert_contact", &input, "c", &Object::new(), &matching, None)
            .await
    }

    async fn element(input: Value, matching: Matching) -> Value {
        operation(planned(input, matching).await.unwrap()).element
    }

    async fn code(input: Value, matching: Matching) -> String {
        planned(input, matching).await.map(|plan| format!("{plan:?}")).unwrap_err().code
    }

    fn by(fields: &[&str]) -> Matching {
        Matching {
            alternatives: vec![fields.iter().map(|field| (*field).to_owned()).collect()],
            ..Matching::default()
        }
    }

    #[tokio::test]
    async fn a_contact_found_by_name_gets_our_number() {
        let input = json!({"ContactNumber": "001A", "Name": " ACME ", "EmailAddress": ""});
        let keep = Matching { if_found: IfFound::FillEmpty, ..Matching::default() };
        assert_eq!(
            element(input.clone(), keep).await,
            json!({"ContactID": format!("{ID}1"), "ContactNumber": "001A"})
        );
        let keep = Matching { if_found: IfFound::Keep, ..Matching::default() };
        assert_eq!(
            element(input, keep).await,
            json!({"ContactID": format!("{ID}1"), "ContactNumber": "001A"})
        );
    }

    #[tokio::test]
    async fn a_contact_with_another_number_fails_and_both_are_named() {
        let failure = planned(json!({"ContactNumber": "001A", "Name": "Numbered"}), Matching::default())
            .await
            .unwrap_err();
        assert_eq!(failure.code, "contact_number_conflict");
        assert!(failure.message.contains("001A") && failure.message.contains("001B"), "{failure}");
    }

    #[tokio::test]
    async fn nothing_to_write_needs_no_call() {
        let plan = planned(json!({"Name": "Acme", "EmailAddress": "a@acme.example"}), Matching::default())
            .await
            .unwrap();
        let Plan::Answer(answer) = plan else { panic!("no call") };
        assert_eq!(
            (&answer["ContactID"], &answer["_found"], &answer["_created"]),
            (&json!(format!("{ID}1")), &json!(true), &json!(false))
        );
        assert_eq!(
            answer["_url"],
            format!(
                "https://go.xero.com/organisationlogin/default.aspx?shortcode=!Qj35V&redirecturl=/Contacts/View/{ID}1"
            )
        );
    }

    #[tokio::test]
    async fn a_new_contact_goes_by_number_and_name() {
        let plan =
            planned(json!({"ContactNumber": "001Z", "Name": "New  One"}), Matching::default()).await.unwrap();
        let operation = operation(plan);
        assert_eq!(operation.element, json!({"ContactNumber": "001Z", "Name": "New One"}));
        assert_eq!(operation.unique, ["number:001z", "name:new one"]);
    }

    #[tokio::test]
    async fn archived_contacts_fail_and_merged_ones_are_followed() {
        assert_eq!(code(json!({"Name": "Old"}), Matching::default()).await, "contact_archived");
        let keep = Matching { if_found: IfFound::Keep, ..Matching::default() };
        let Plan::Answer(answer) = planned(json!({"Name": "Merged"}), keep).await.unwrap() else {
            panic!("no call")
        };
        assert_eq!(answer["ContactID"], format!("{ID}2"));
    }

    #[tokio::test]
    async fn of_many_contacts_one_is_chosen_only_where_the_flow_says_which() {
        let input = json!({"EmailAddress": "twin@x.example"});
        assert_eq!(code(input.clone(), by(&["EmailAddress"])).await, "many_contacts");
        for (if_many, id) in [(IfMany::Oldest, 6), (IfMany::Newest, 5)] {
            let Plan::Answer(answer) = planned(
                input.clone(),
                Matching { if_many, if_found: IfFound::Keep, ..by(&["EmailAddress"]) },
            )
            .await
            .unwrap() else {
                panic!("no call")
            };
            assert_eq!(answer["ContactID"], format!("{ID}{id}"));
        }
        let Plan::Answer(answer) = planned(
            json!({"Name": "twin b", "EmailAddress": "TWIN@x.example"}),
            Matching { if_found: IfFound::Keep, ..by(&["EmailAddress", "Name"]) },
        )
        .await
        .unwrap() else {
            panic!("no call")
        };
        assert_eq!(answer["ContactID"], format!("{ID}6"));
    }

    #[tokio::test]
    async fn what_is_missing_is_made_skipped_or_failed_and_an_empty_value_matches_nothing() {
        let missing = |if_missing| Matching { if_missing, ..by(&["EmailAddress"]) };
        let input = json!({"Name": "Nobody", "EmailAddress": " "});
        assert_eq!(element(input.clone(), missing(IfMissing::Create)).await, json!({"Name": "Nobody"}));
        assert_eq!(code(input.clone(), missing(IfMissing::Fail)).await, "contact_not_found");
        let Plan::Answer(answer) = planned(input, missing(IfMissing::Skip)).await.unwrap() else {
            panic!("no call")
        };
        assert_eq!(answer, json!({"_found": false, "_created": false, "_status": "not_found"}));
        assert_eq!(
            code(json!({"EmailAddress": "new@x.example"}), Matching::default()).await,
            "contact_name_required"
        );
    }

    #[tokio::test]
    async fn a_name_that_xero_refuses_never_gets_there() {
        assert_eq!(code(json!({"Name": "A <b>"}), Matching::default()).await, "contact_name_characters");
        assert_eq!(code(json!({"Name": "x".repeat(256)}), Matching::default()).await, "too_long");
    }
}
