//! `xero.new_payment`: payments, once each.

use serde_json::json;

use super::kind::{Asked, Kind, Statuses};

pub(super) const KIND: Kind = Kind {
    id: "xero.new_payment",
    title: "New Xero payment",
    about: "Once for each new payment of an invoice, a bill or a credit note, also of an old one. A payment that was removed is no new payment: watch the invoice's Status for that. What Counterfoil itself made is left out, unless ignore_own is false.",
    documentation: "https://developer.xero.com/documentation/api/accounting/payments",
    scope: "accounting.payments.read",
    collection: "Payments",
    key: "PaymentID",
    only_where: None,
    asked: Asked::Where,
    has_lines: false,
    has_archived: false,
    updates: false,
    statuses: Statuses { field: "Status", values: &["AUTHORISED", "DELETED"] },
    kinds: &[
        ("sale", &["ACCRECPAYMENT", "ARCREDITPAYMENT", "ARPREPAYMENTPAYMENT", "AROVERPAYMENTPAYMENT"]),
        ("bill", &["ACCPAYPAYMENT", "APCREDITPAYMENT", "APPREPAYMENTPAYMENT", "APOVERPAYMENTPAYMENT"]),
    ],
    kind_field: "PaymentType",
    has_contact: true,
    has_bank_account: false,
    page: "/Bank/ViewTransaction.aspx?bankTransactionID=",
    example: "\
type: xero.new_payment
kind: sale
status: AUTHORISED
",
    sample: || {
        json!({
            "PaymentID": "b26fd49a-cbae-470a-a8f8-bcbc119e0379",
            "PaymentType": "ACCRECPAYMENT",
            "Status": "AUTHORISED",
            "Date": "2026-09-14",
            "Amount": 231.15,
            "Reference": "Acme, September",
            "Account": {"AccountID": "7e05bdec-9d33-4ef0-9db1-3e9f0a4ab2c7", "Code": "090"},
            "Invoice": {"InvoiceID": "243216c5-369e-4056-ac67-05388f86dc81", "InvoiceNumber": "INV-0055", "Type": "ACCREC", "Contact": {"ContactID": "bd2270c3-8706-4c11-9cfb-000b551c3f51", "Name": "Acme Ltd"}},
            "IsReconciled": true,
            "UpdatedDateUTC": "2026-09-14T09:29:59Z",
        })
    },
};
