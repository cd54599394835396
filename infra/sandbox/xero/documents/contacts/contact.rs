//! A contact as it is kept, and the four shapes it is shown in. Rules of writing are in `rules.rs`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::texts::Texts;
use crate::xero::filter::{Field, Fields};
use crate::xero::organisation::Organisation;
use crate::xero::reading::View;
use crate::xero::shelf::Document;
use crate::xero::webhooks::{Category, News};
use crate::xero::wire;

/// Text fields in the order they are shown, with their longest lengths.
/// <https://developer.xero.com/documentation/api/accounting/contacts>
pub(crate) const TEXTS: &[(&str, usize)] = &[
    ("ContactNumber", 50),
    ("AccountNumber", 50),
    ("Name", 255),
    ("FirstName", 255),
    ("LastName", 255),
    ("CompanyNumber", 50),
    ("EmailAddress", 255),
    ("SkypeUserName", 255),
    ("BankAccountDetails", 255),
    ("TaxNumber", 50),
    ("AccountsReceivableTaxType", 50),
    ("AccountsPayableTaxType", 50),
    ("DefaultCurrency", 3),
    ("SalesDefaultAccountCode", 10),
    ("PurchasesDefaultAccountCode", 10),
    ("Website", 255),
];

pub(crate) const PHONE_TYPES: [&str; 4] = ["DEFAULT", "DDI", "FAX", "MOBILE"];
pub(crate) const PHONE_TEXTS: [(&str, usize); 3] =
    [("PhoneNumber", 50), ("PhoneAreaCode", 10), ("PhoneCountryCode", 20)];
pub(crate) const ADDRESS_TYPES: [&str; 2] = ["STREET", "POBOX"];
pub(crate) const ADDRESS_TEXTS: [(&str, usize); 9] = [
    ("AddressLine1", 500),
    ("AddressLine2", 500),
    ("AddressLine3", 500),
    ("AddressLine4", 500),
    ("City", 255),
    ("Region", 255),
    ("PostalCode", 50),
    ("Country", 50),
    ("AttentionTo", 255),
];

/// Kept and given back as sent.
pub(crate) const KEPT_AS_SENT: [&str; 4] =
    ["PaymentTerms", "SalesTrackingCategories", "PurchasesTrackingCategories", "Discount"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ContactStatus {
    Active,
    Archived,
    /// Somebody asked for their data to be erased; it can't be edited any more.
    GdprRequest,
}

impl ContactStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::GdprRequest => "GDPRREQUEST",
        }
    }
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Contact {
    pub id: Uuid,
    pub status: ContactStatus,
    pub(crate) texts: Texts,
    pub(crate) addresses: [Texts; 2],
    pub(crate) phones: [Texts; 4],
    pub(crate) persons: Vec<Value>,
    pub(crate) kept: Map<String, Value>,
    pub is_customer: bool,
    pub is_supplier: bool,
    pub merged_to: Option<Uuid>,
    pub updated: Timestamp,
}

impl Contact {
    pub(crate) fn new(id: Uuid, now: Timestamp) -> Self {
        Self {
            id,
            status: ContactStatus::Active,
            texts: Texts::default(),
            addresses: Default::default(),
            phones: Default::default(),
            persons: Vec::new(),
            kept: Map::new(),
            is_customer: false,
            is_supplier: false,
            merged_to: None,
            updated: now,
        }
    }

    pub fn text(&self, field: &str) -> Option<&str> {
        self.texts.get(field).filter(|text| !text.is_empty())
    }

    pub fn name(&self) -> &str {
        self.text("Name").unwrap_or_default()
    }

    pub fn number(&self) -> Option<&str> {
        self.text("ContactNumber")
    }

    pub fn email(&self) -> Option<&str> {
        self.text("EmailAddress")
    }

    /// The number of a phone slot: `DEFAULT`, `DDI`, `FAX` or `MOBILE`.
    pub fn phone(&self, kind: &str) -> Option<&str> {
        let slot = PHONE_TYPES.iter().position(|known| *known == kind)?;
        self.phones[slot].get("PhoneNumber")
    }

    pub fn is_active(&self) -> bool {
        self.status == ContactStatus::Active
    }

    pub(crate) fn as_json(&self, view: View) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("ContactID".into(), self.id.to_string().into());
        if view == View::Embedded {
            body.insert("Name".into(), self.name().into());
            for empty in ["Addresses", "Phones", "ContactGroups", "ContactPersons"] {
                body.insert(empty.into(), json!([]));
            }
            body.insert("HasValidationErrors".into(), false.into());
            return body;
        }
        body.insert("ContactStatus".into(), self.status.as_str().into());
        if let Some(winner) = self.merged_to {
            body.insert("MergedToContactID".into(), winner.to_string().into());
        }
        for (field, _) in TEXTS {
            match self.texts.get(field) {
                Some(text) => body.insert((*field).into(), text.into()),
                None if *field == "BankAccountDetails" && view == View::Written => {
                    body.insert((*field).into(), "".into())
                }
                None => None,
            };
        }
        if view != View::Summary {
            body.insert("Addresses".into(), self.addresses_as_json(view));
            body.insert("Phones".into(), self.phones_as_json(view));
        }
        body.insert("UpdatedDateUTC".into(), wire::stamp(self.updated));
        body.insert("ContactGroups".into(), json!([]));
        body.insert("IsSupplier".into(), self.is_supplier.into());
        body.insert("IsCustomer".into(), self.is_customer.into());
        if matches!(view, View::Written | View::Single | View::Paged) {
            for field in KEPT_AS_SENT {
                match self.kept.get(field) {
                    Some(value) => body.insert(field.into(), value.clone()),
                    None if view == View::Written && field.ends_with("Categories") => {
                        body.insert(field.into(), json!([]))
                    }
                    None => None,
                };
            }
            body.insert("ContactPersons".into(), Value::Array(self.persons.clone()));
        }
        if view != View::Written {
            body.insert("HasAttachments".into(), false.into());
        }
        if view == View::Single {
            body.insert("Attachments".into(), json!([]));
        }
        body.insert("HasValidationErrors".into(), false.into());
        body
    }

    /// Both slots are always there: with empty texts after a write, with the type alone in a list.
    fn addresses_as_json(&self, view: View) -> Value {
        let order: [usize; 2] = if view == View::Written { [0, 1] } else { [1, 0] };
        let slots = order.iter().map(|slot| {
            let mut body = Map::new();
            body.insert("AddressType".into(), ADDRESS_TYPES[*slot].into());
            for (field, _) in ADDRESS_TEXTS {
                let shown_empty = matches!(field, "City" | "Region" | "PostalCode" | "Country");
                show(&mut body, field, self.addresses[*slot].get(field), view, shown_empty);
            }
            Value::Object(body)
        });
        slots.collect()
    }

    fn phones_as_json(&self, view: View) -> Value {
        let order: [usize; 4] = if view == View::Written { [0, 1, 2, 3] } else { [1, 0, 2, 3] };
        let slots = order.iter().map(|slot| {
            let mut body = Map::new();
            body.insert("PhoneType".into(), PHONE_TYPES[*slot].into());
            for (field, _) in PHONE_TEXTS {
                show(&mut body, field, self.phones[*slot].get(field), view, true);
            }
            Value::Object(body)
        });
        slots.collect()
    }
}

fn show(body: &mut Map<String, Value>, field: &str, text: Option<&str>, view: View, shown_empty: bool) {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => body.insert(field.into(), text.into()),
        None if view == View::Written && shown_empty => body.insert(field.into(), "".into()),
        None => None,
    };
}

pub(crate) fn name_key(name: &str) -> String {
    format!("name:{}", name.trim().to_lowercase())
}

pub(crate) fn number_key(number: &str) -> String {
    format!("number:{}", number.trim().to_lowercase())
}

impl Document for Contact {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn touch(&mut self, at: Timestamp) {
        self.updated = at;
    }

    /// Only active contacts hold their name; a number is held by archived ones too.
    fn keys(&self) -> Vec<String> {
        let name = self.is_active().then(|| name_key(self.name()));
        name.into_iter().chain(self.number().map(number_key)).collect()
    }

    fn news(&self, _before: Option<&Self>) -> Option<News> {
        Some(News::thin(Category::Contact))
    }
}

pub(crate) const FIELDS: &[&str] = &[
    "contactid",
    "contactnumber",
    "accountnumber",
    "contactstatus",
    "name",
    "firstname",
    "lastname",
    "companynumber",
    "emailaddress",
    "taxnumber",
    "issupplier",
    "iscustomer",
    "updateddateutc",
    "defaultcurrency",
    "hasattachments",
];

/// The fields by which contacts are found quickly where there are very many.
pub(crate) const QUICKLY_FOUND_BY: &[&str] = &["name", "emailaddress", "accountnumber"];

/// A contact as a query sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContactRow<'a> {
    pub(crate) contact: &'a Contact,
    pub(crate) organisation: &'a Organisation,
}

impl Fields for ContactRow<'_> {
    fn field(&self, path: &str) -> Option<Field<'_>> {
        let Self { contact, organisation } = self;
        Some(match path {
            "contactid" => Field::Id(contact.id),
            "contactstatus" => Field::text(contact.status.as_str()),
            "issupplier" => Field::Flag(contact.is_supplier),
            "iscustomer" => Field::Flag(contact.is_customer),
            "hasattachments" => Field::Flag(organisation.has_attachments(contact.id)),
            "updateddateutc" => Field::Moment(contact.updated),
            other => {
                let (field, _) = TEXTS.iter().find(|(field, _)| field.eq_ignore_ascii_case(other))?;
                Field::maybe(contact.text(field))
            }
        })
    }

    /// <https://developer.xero.com/documentation/api/accounting/contacts>, "Optimised use of the where filter"
    fn ignores_accents(&self, path: &str) -> bool {
        QUICKLY_FOUND_BY.contains(&path)
    }
}
