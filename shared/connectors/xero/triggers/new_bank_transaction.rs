//! `xero.new_bank_transaction`: bank transactions, once each.

use serde_json::json;

use super::kind::{Asked, Kind, Statuses};

pub(super) const KIND: Kind = Kind {
    id: "xero.new_bank_transaction",
    title: "New Xero bank transaction",
    about: "Once for each new bank transaction: money received or spent that belongs to no invoice. What Counterfoil itself made is left out, unless ignore_own is false.",
    documentation: "https://developer.xero.com/documentation/api/accounting/banktransactions",
    scope: "accounting.banktransactions.read",
    collection: "BankTransactions",
    key: "BankTransactionID",
    only_where: None,
    asked: Asked::Where,
    has_lines: true,
    has_archived: false,
    updates: false,
    statuses: Statuses { field: "Status", values: &["AUTHORISED", "DELETED"] },
    kinds: &[
        ("receive", &["RECEIVE"]),
        ("spend", &["SPEND"]),
        ("receive-prepayment", &["RECEIVE-PREPAYMENT"]),
        ("spend-prepayment", &["SPEND-PREPAYMENT"]),
        ("receive-overpayment", &["RECEIVE-OVERPAYMENT"]),
        ("spend-overpayment", &["SPEND-OVERPAYMENT"]),
    ],
    kind_field: "Type",
    has_contact: true,
    has_bank_account: true,
    page: "/Bank/ViewTransaction.aspx?bankTransactionID=",
    example: "\
type: xero.new_bank_transaction
kind: receive
bank_account: \"090\"
",
    sample: || {
        json!({
            "BankTransactionID": "d20b6c54-7f5d-4ce6-ab83-55f609719126",
            "Type": "RECEIVE",
            "Status": "AUTHORISED",
            "BankAccount": {"AccountID": "7e05bdec-9d33-4ef0-9db1-3e9f0a4ab2c7", "Code": "090", "Name": "Business Bank Account"},
            "Contact": {"ContactID": "bd2270c3-8706-4c11-9cfb-000b551c3f51", "Name": "Acme Ltd"},
            "Date": "2026-09-14",
            "LineItems": [{"Description": "Desk", "Quantity": 2, "UnitAmount": 100.5, "AccountCode": "200", "LineAmount": 201.0}],
            "Total": 231.15,
            "CurrencyCode": "NZD",
            "IsReconciled": false,
            "UpdatedDateUTC": "2026-09-14T09:29:59Z",
        })
    },
};
