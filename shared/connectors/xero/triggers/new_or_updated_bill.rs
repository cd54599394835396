//! `xero.new_or_updated_bill`: bills, new and in each new version.

use serde_json::json;

use super::kind::Kind;
use super::new_or_updated_invoice;

pub(super) const KIND: Kind = Kind {
    id: "xero.new_or_updated_bill",
    title: "New or updated Xero bill",
    about: "For each new version of a bill (an invoice from a supplier), whoever made it; with `changed`, only when the named fields change as you say. Versions that Counterfoil itself wrote are left out, unless ignore_own is false.",
    only_where: Some("Type==\"ACCPAY\""),
    page: "/AccountsPayable/View.aspx?InvoiceID=",
    example: "\
type: xero.new_or_updated_bill
status: [AUTHORISED, PAID]
",
    sample: || {
        json!({
            "InvoiceID": "e1b2c3d4-369e-4056-ac67-05388f86dc82",
            "Type": "ACCPAY",
            "InvoiceNumber": "4711",
            "Status": "AUTHORISED",
            "Contact": {"ContactID": "bd2270c3-8706-4c11-9cfb-000b551c3f51", "Name": "Acme Ltd"},
            "Date": "2026-09-01",
            "DueDate": "2026-09-20",
            "LineItems": [{"Description": "Desk", "Quantity": 2, "UnitAmount": 100.5, "AccountCode": "200", "LineAmount": 201.0}],
            "SubTotal": 201.0,
            "TotalTax": 30.15,
            "Total": 231.15,
            "AmountDue": 231.15,
            "AmountPaid": 0.0,
            "CurrencyCode": "NZD",
            "UpdatedDateUTC": "2026-09-14T09:29:59Z",
        })
    },
    ..new_or_updated_invoice::KIND
};
