//! `xero.new_overpayment`: overpayments, once each.

use serde_json::json;

use super::kind::Kind;
use super::new_prepayment;

pub(super) const KIND: Kind = Kind {
    id: "xero.new_overpayment",
    title: "New Xero overpayment",
    about: "Once for each new overpayment: money beyond what was invoiced. What Counterfoil itself made is left out, unless ignore_own is false.",
    documentation: "https://developer.xero.com/documentation/api/accounting/overpayments",
    collection: "Overpayments",
    key: "OverpaymentID",
    kinds: &[("received", &["RECEIVE-OVERPAYMENT"]), ("spent", &["SPEND-OVERPAYMENT"])],
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
    ..new_prepayment::KIND
};
