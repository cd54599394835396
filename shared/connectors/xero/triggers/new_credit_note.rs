//! `xero.new_credit_note`: credit notes, once each.

use serde_json::json;

use super::kind::{Asked, INVOICE_STATUSES, Kind, Statuses};

pub(super) const KIND: Kind = Kind {
    id: "xero.new_credit_note",
    title: "New Xero credit note",
    about: "Once for each new credit note, for sales or for bills. What Counterfoil itself made is left out, unless ignore_own is false.",
    documentation: "https://developer.xero.com/documentation/api/accounting/creditnotes",
    scope: "accounting.invoices.read",
    collection: "CreditNotes",
    key: "CreditNoteID",
    only_where: None,
    asked: Asked::Where,
    has_lines: true,
    has_archived: false,
    updates: false,
    statuses: Statuses { field: "Status", values: INVOICE_STATUSES },
    kinds: &[("sale", &["ACCRECCREDIT"]), ("bill", &["ACCPAYCREDIT"])],
    kind_field: "Type",
    has_contact: true,
    has_bank_account: false,
    page: "/AccountsReceivable/ViewCreditNote.aspx?creditNoteID=",
    example: "\
type: xero.new_credit_note
kind: sale
status: AUTHORISED
",
    sample: || {
        json!({
            "CreditNoteID": "aea95d78-ea48-456b-9b08-6bc012600072",
            "Type": "ACCRECCREDIT",
            "CreditNoteNumber": "CN-0002",
            "Status": "AUTHORISED",
            "Contact": {"ContactID": "bd2270c3-8706-4c11-9cfb-000b551c3f51", "Name": "Acme Ltd"},
            "Date": "2026-09-14",
            "LineItems": [{"Description": "Desk", "Quantity": 2, "UnitAmount": 100.5, "AccountCode": "200", "LineAmount": 201.0}],
            "Total": 231.15,
            "RemainingCredit": 231.15,
            "CurrencyCode": "NZD",
            "UpdatedDateUTC": "2026-09-14T09:29:59Z",
        })
    },
};
