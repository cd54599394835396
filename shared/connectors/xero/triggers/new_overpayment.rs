//! `xero.new_overpayment`: overpayments, once each.

use serde_json::json;

use super::kind::{Asked, Kind, Statuses};

pub(super) const KIND: Kind = Kind {
    id: "xero.new_overpayment",
    title: "New Xero overpayment",
    about: "Once for each new overpayment: money beyond what was invoiced. Versions that Counterfoil itself wrote are left out, unless ignore_own is false.",
    documentation: "https://developer.xero.com/documentation/api/accounting/overpayments",
    scope: "accounting.payments",
    collection: "Overpayments",
    key: "OverpaymentID",
    only_where: None,
    asked: Asked::Where,
    has_lines: true,
    has_archived: false,
    updates: false,
    statuses: Statuses { field: "Status", values: &["AUTHORISED", "PAID", "VOIDED"] },
    kinds: &[("received", &["RECEIVE-OVERPAYMENT"]), ("spent", &["SPEND-OVERPAYMENT"])],
    kind_field: "Type",
    has_contact: true,
    has_bank_account: false,
    page: "/Bank/ViewTransaction.aspx?bankTransactionID=",
    example: "\
type: xero.new_overpayment
kind: received
",
    sample: || {
        json!({
            "OverpaymentID": "098b4dcb-5622-4699-87f8-9d40c4ccceb3",
            "Type": "RECEIVE-OVERPAYMENT",
            "Status": "AUTHORISED",
            "Contact": {"ContactID": "bd2270c3-8706-4c11-9cfb-000b551c3f51", "Name": "Acme Ltd"},
            "Date": "2026-09-14",
            "Total": 20.0,
            "RemainingCredit": 20.0,
            "CurrencyCode": "NZD",
            "UpdatedDateUTC": "2026-09-14T09:29:59Z",
        })
    },
};
