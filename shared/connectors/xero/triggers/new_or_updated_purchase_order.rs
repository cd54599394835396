//! `xero.new_or_updated_purchase_order`: purchase orders, new and in each new version.

use serde_json::json;

use super::kind::{Asked, Kind, Statuses};

pub(super) const KIND: Kind = Kind {
    id: "xero.new_or_updated_purchase_order",
    title: "New or updated Xero purchase order",
    about: "For each new version of a purchase order; with `changed`, only when the named fields change as you say. Versions that Counterfoil itself wrote are left out, unless ignore_own is false.",
    documentation: "https://developer.xero.com/documentation/api/accounting/purchaseorders",
    scope: "accounting.invoices.read",
    collection: "PurchaseOrders",
    key: "PurchaseOrderID",
    only_where: None,
    asked: Asked::Parameters { contact: false, page_size: true },
    has_lines: false,
    has_archived: false,
    updates: true,
    statuses: Statuses {
        field: "Status",
        values: &["DRAFT", "SUBMITTED", "AUTHORISED", "BILLED", "DELETED"],
    },
    kinds: &[],
    kind_field: "Status",
    has_contact: true,
    has_bank_account: false,
    page: "/Accounts/Payable/PurchaseOrders/View/",
    example: "\
type: xero.new_or_updated_purchase_order
status: AUTHORISED
",
    sample: || {
        json!({
            "PurchaseOrderID": "f9627f0d-b715-4039-bb6a-96dc3eae5ec5",
            "PurchaseOrderNumber": "PO-0001",
            "Status": "AUTHORISED",
            "Contact": {"ContactID": "bd2270c3-8706-4c11-9cfb-000b551c3f51", "Name": "Acme Ltd"},
            "Date": "2026-09-01",
            "DeliveryDate": "2026-09-30",
            "LineItems": [{"Description": "Desk", "Quantity": 2, "UnitAmount": 100.5, "AccountCode": "200", "LineAmount": 201.0}],
            "Total": 231.15,
            "CurrencyCode": "NZD",
            "UpdatedDateUTC": "2026-09-14T09:29:59Z",
        })
    },
};
