//! `xero.new_prepayment`: prepayments, once each.

use serde_json::json;

use super::kind::{Asked, Kind, Statuses};

pub(super) const KIND: Kind = Kind {
    id: "xero.new_prepayment",
    title: "New Xero prepayment",
    about: "Once for each new prepayment: money for what isn't invoiced yet. What Counterfoil itself made is left out, unless ignore_own is false.",
    documentation: "https://developer.xero.com/documentation/api/accounting/prepayments",
    scope: "accounting.payments.read",
    collection: "Prepayments",
    key: "PrepaymentID",
    only_where: None,
    asked: Asked::Where,
    has_lines: true,
    has_archived: false,
    updates: false,
    statuses: Statuses { field: "Status", values: &["AUTHORISED", "PAID", "VOIDED"] },
    kinds: &[("received", &["RECEIVE-PREPAYMENT"]), ("spent", &["SPEND-PREPAYMENT"])],
    kind_field: "Type",
    has_contact: true,
    has_bank_account: false,
    page: "/Bank/ViewTransaction.aspx?bankTransactionID=",
    example: "\
type: xero.new_prepayment
kind: received
",
    sample: || {
        json!({
            "PrepaymentID": "ce0cddef-cf5a-4e59-b638-f225679115a7",
            "Type": "RECEIVE-PREPAYMENT",
            "Status": "AUTHORISED",
            "Contact": {"ContactID": "bd2270c3-8706-4c11-9cfb-000b551c3f51", "Name": "Acme Ltd"},
            "Date": "2026-09-14",
            "Total": 231.15,
            "RemainingCredit": 231.15,
            "CurrencyCode": "NZD",
            "UpdatedDateUTC": "2026-09-14T09:29:59Z",
        })
    },
};
