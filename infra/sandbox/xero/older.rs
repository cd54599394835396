//! What older programs have kept, brought into the form of today.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::wire::{ZERO_ID, read_number};

/// Once, each kind of document had the fields of its head and its claim among its own.
pub(crate) fn with_heads(mut kept: Value) -> Value {
    let organisations = kept.get_mut("organisations").and_then(Value::as_array_mut).into_iter().flatten();
    for shelves in organisations.filter_map(|one| one.get_mut("shelves")?.as_object_mut()) {
        for (shelf, regroup) in SHELVES {
            let documents = shelves.get_mut(shelf).and_then(Value::as_array_mut).into_iter().flatten();
            documents.filter_map(Value::as_object_mut).for_each(regroup);
        }
    }
    kept
}

type Regroup = fn(&mut Map<String, Value>);

const SHELVES: [(&str, Regroup); 8] = [
    ("invoices", claim),
    ("credit_notes", claim),
    ("prepayments", claim),
    ("overpayments", claim),
    ("bank_transactions", head),
    ("purchase_orders", head),
    ("quotes", head),
    ("repeating_invoices", repeating),
];

fn head(document: &mut Map<String, Value>) {
    let mut take = |field: &str| document.remove(field).unwrap_or_default();
    let totals = match take("totals") {
        Value::Null => json!({
            "sub_total": take("sub_total"), "total_tax": take("total_tax"), "total": take("total"),
        }),
        totals => totals,
    };
    let contact = [take("contact_id"), take("contact")].into_iter().find(Value::is_string);
    let head = json!({
        "id": take("id"), "number": take("number").as_str().unwrap_or_default(), "reference": take("reference"),
        "contact_id": contact.unwrap_or_else(|| ZERO_ID.into()), "date": take("date"),
        "line_amount_types": take("line_amount_types"), "lines": take("lines"), "currency": take("currency"),
        "currency_rate": take("currency_rate"), "branding_theme": take("branding_theme"), "totals": totals,
        "updated": take("updated"),
    });
    document.insert("head".into(), head);
}

/// A credit said only how much of it was left: that it was allocated is as good as that it was paid back.
fn claim(document: &mut Map<String, Value>) {
    head(document);
    let total = document["head"]["totals"]["total"].clone();
    let by_type = is_sale(document);
    let mut take = |field: &str| document.remove(field).unwrap_or_default();
    let allocated = match (read_number(&total), read_number(&take("remaining_credit"))) {
        (Some(total), Some(left)) => (total - left).to_string().into(),
        _ => take("amount_credited"),
    };
    let sides = [take("is_sale"), take("is_received")].into_iter().find(Value::is_boolean);
    let paid = take("amount_paid");
    let claim = json!({
        "status": take("status"), "due_date": take("due_date"), "allocated": allocated,
        "sent_to_contact": take("sent_to_contact").as_bool().unwrap_or_default(),
        "paid": if paid.is_null() { Decimal::ZERO.to_string().into() } else { paid },
        "fully_paid_on": take("fully_paid_on"),
        "is_sale": sides.unwrap_or(by_type),
    });
    document.insert("claim".into(), claim);
}

/// They had neither a day nor a rate of their own.
fn repeating(document: &mut Map<String, Value>) {
    head(document);
    document["head"]["date"] = document["schedule"]["start"].clone();
    document["head"]["currency_rate"] = Decimal::ONE.to_string().into();
    let is_sale = is_sale(document);
    document.insert("is_sale".into(), is_sale);
}

fn is_sale(document: &Map<String, Value>) -> Value {
    document.get("kind").is_some_and(|kind| kind == "AccRec").into()
}
