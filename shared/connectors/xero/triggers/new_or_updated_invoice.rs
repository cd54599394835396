//! `xero.new_or_updated_invoice`: sales invoices, new and in each new version.

use serde_json::json;

use super::kind::{Asked, INVOICE_STATUSES, Kind, Statuses};

pub(super) const KIND: Kind = Kind {
    id: "xero.new_or_updated_invoice",
    title: "New or updated Xero invoice",
    about: "For each new version of a sales invoice, whoever made it: a draft, an approval, a payment, a void; with `changed`, only when the named fields change as you say, such as Status to PAID. Versions that Counterfoil itself wrote are left out, unless ignore_own is false.",
    documentation: "https://developer.xero.com/documentation/api/accounting/invoices",
    scope: "accounting.invoices.read",
    collection: "Invoices",
    key: "InvoiceID",
    only_where: Some("Type==\"ACCREC\""),
    asked: Asked::Where,
    has_lines: true,
    has_archived: true,
    updates: true,
    statuses: Statuses { field: "Status", values: INVOICE_STATUSES },
    kinds: &[],
    kind_field: "Type",
    has_contact: true,
    has_bank_account: false,
    page: "/AccountsReceivable/View.aspx?InvoiceID=",
    example: "\
type: xero.new_or_updated_invoice
changed: { Status: { to: PAID } }
",
    sample: || {
        json!({
            "InvoiceID": "243216c5-369e-4056-ac67-05388f86dc81",
            "Type": "ACCREC",
            "InvoiceNumber": "INV-0055",
            "Reference": "Acme, 20 desks",
            "Status": "PAID",
            "Contact": {"ContactID": "bd2270c3-8706-4c11-9cfb-000b551c3f51", "Name": "Acme Ltd"},
            "Date": "2026-09-01",
            "DueDate": "2026-09-20",
            "LineItems": [{"Description": "Desk", "Quantity": 2, "UnitAmount": 100.5, "AccountCode": "200", "LineAmount": 201.0}],
            "SubTotal": 201.0,
            "TotalTax": 30.15,
            "Total": 231.15,
            "AmountDue": 0.0,
            "AmountPaid": 231.15,
            "CurrencyCode": "NZD",
            "FullyPaidOnDate": "2026-09-14",
            "UpdatedDateUTC": "2026-09-14T09:29:59Z",
        })
    },
};
