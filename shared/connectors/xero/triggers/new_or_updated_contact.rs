//! `xero.new_or_updated_contact`: contacts, new and in each new version.

use serde_json::json;

use super::kind::{Asked, Kind, Statuses};

pub(super) const KIND: Kind = Kind {
    id: "xero.new_or_updated_contact",
    title: "New or updated Xero contact",
    about: "For each new version of a contact, also when it is archived; with `changed`, only when the named fields change as you say. What Xero works out itself (balances, whether it is a customer) makes no new version. Versions that Counterfoil itself wrote are left out, unless ignore_own is false.",
    documentation: "https://developer.xero.com/documentation/api/accounting/contacts",
    scope: "accounting.contacts.read",
    collection: "Contacts",
    key: "ContactID",
    only_where: None,
    asked: Asked::Where,
    has_lines: false,
    has_archived: true,
    updates: true,
    statuses: Statuses { field: "ContactStatus", values: &["ACTIVE", "ARCHIVED", "GDPRREQUEST"] },
    kinds: &[],
    kind_field: "ContactStatus",
    has_contact: false,
    has_bank_account: false,
    page: "/Contacts/View/",
    example: "\
type: xero.new_or_updated_contact
status: ACTIVE
changed: { any: [EmailAddress, Name] }
",
    sample: || {
        json!({
            "ContactID": "bd2270c3-8706-4c11-9cfb-000b551c3f51",
            "ContactNumber": "001dM00003kRs59QAC",
            "ContactStatus": "ACTIVE",
            "Name": "Acme Ltd",
            "EmailAddress": "accounts@acme.example",
            "Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": "5550101", "PhoneAreaCode": "9", "PhoneCountryCode": "64"}],
            "Addresses": [{"AddressType": "POBOX", "City": "Auckland", "Country": "New Zealand"}],
            "IsCustomer": true,
            "UpdatedDateUTC": "2026-09-14T09:29:59Z",
        })
    },
};
