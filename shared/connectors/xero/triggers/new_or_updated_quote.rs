//! `xero.new_or_updated_quote`: quotes, new and in each new version.

use serde_json::json;

use super::kind::{Asked, Kind, Statuses};

pub(super) const KIND: Kind = Kind {
    id: "xero.new_or_updated_quote",
    title: "New or updated Xero quote",
    about: "For each new version of a quote: sent, accepted, declined; with `changed`, only when the named fields change as you say. Versions that Counterfoil itself wrote are left out, unless ignore_own is false.",
    documentation: "https://developer.xero.com/documentation/api/accounting/quotes",
    scope: "accounting.invoices.read",
    collection: "Quotes",
    key: "QuoteID",
    only_where: None,
    asked: Asked::Parameters { contact: true, page_size: false },
    has_lines: false,
    has_archived: false,
    updates: true,
    statuses: Statuses {
        field: "Status",
        values: &["DRAFT", "SENT", "ACCEPTED", "DECLINED", "INVOICED", "DELETED"],
    },
    kinds: &[],
    kind_field: "Status",
    has_contact: true,
    has_bank_account: false,
    page: "/app/quotes/view/",
    example: "\
type: xero.new_or_updated_quote
changed: { Status: { to: ACCEPTED } }
",
    sample: || {
        json!({
            "QuoteID": "66f5fb4c-9f5e-4ce5-8b9d-6d3f5a1c4e21",
            "QuoteNumber": "QU-0008",
            "Status": "ACCEPTED",
            "Contact": {"ContactID": "bd2270c3-8706-4c11-9cfb-000b551c3f51", "Name": "Acme Ltd"},
            "Date": "2026-09-01",
            "ExpiryDate": "2026-09-30",
            "Title": "Desks",
            "LineItems": [{"Description": "Desk", "Quantity": 2, "UnitAmount": 100.5, "AccountCode": "200", "LineAmount": 201.0}],
            "Total": 231.15,
            "CurrencyCode": "NZD",
            "UpdatedDateUTC": "2026-09-14T09:29:59Z",
        })
    },
};
