//! A document as the sheet of paper that it is: `GET /{Endpoint}/{id}` with `Accept: application/pdf`, and
//! `GET /{Endpoint}/{id}/pdf`. Head, lines and totals, from what the API shows of it; drawn by `pdf.rs`.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{Owner, Part};
use crate::xero::answer::{Answer, Refusal, Reply};
use crate::xero::organisation::Organisation;
use crate::xero::pdf;
use crate::xero::request::Request;
use crate::xero::wire::{read_day, read_number};
use crate::xero::writing::given;

pub(crate) const PART: Part = Part { name: "pdf", scopes: &[], serve };

/// Columns: description, quantity, price, tax, amount.
const DESCRIPTION_WIDTH: usize = 40;

fn serve(organisation: &mut Organisation, request: &Request, owner: Owner) -> Result<Reply, Refusal> {
    if request.method != "GET" || request.path.len() > 3 {
        return Err(Refusal::NotImplemented);
    }
    let document = (owner.show)(organisation, request, owner.id).ok_or(Refusal::NotFound)?;
    let title = title(owner.key, &document);
    let lines = lines(organisation, title, &document);
    let file = pdf::of_lines(title, &lines);
    Ok(Reply::Whole(Answer::file("application/pdf".to_owned(), file.into())))
}

fn title(key: &str, document: &Map<String, Value>) -> &'static str {
    match (key, given(document, "Type").as_deref()) {
        ("Invoices", Some("ACCPAY")) => "BILL",
        ("Invoices", _) => "TAX INVOICE",
        ("Quotes", _) => "QUOTE",
        ("PurchaseOrders", _) => "PURCHASE ORDER",
        ("CreditNotes", _) => "CREDIT NOTE",
        _ => "DOCUMENT",
    }
}

fn lines(organisation: &Organisation, title: &str, document: &Map<String, Value>) -> Vec<String> {
    let mut lines = vec![title.to_owned(), organisation.name.clone(), String::new()];
    let contact = document.get("Contact").and_then(|contact| contact.get("Name")).and_then(Value::as_str);
    lines.push(format!("{:<14}{}", "To", contact.unwrap_or_default()));
    for (field, label) in [
        ("InvoiceNumber", "Number"),
        ("CreditNoteNumber", "Number"),
        ("QuoteNumber", "Number"),
        ("PurchaseOrderNumber", "Number"),
        ("Reference", "Reference"),
        ("Title", "Title"),
        ("Summary", "Summary"),
        ("Date", "Date"),
        ("DueDate", "Due"),
        ("ExpiryDate", "Expires"),
        ("DeliveryDate", "Delivery"),
    ] {
        let Some(text) = given(document, field) else { continue };
        let text =
            if field.ends_with("Date") { read_day(&text).map(|day| day.to_string()) } else { Some(text) };
        lines.extend(text.map(|text| format!("{label:<14}{text}")));
    }
    lines.extend([String::new(), row("Description", "Quantity", "Unit price", "Tax", "Amount")]);
    lines.push("-".repeat(pdf::COLUMNS));
    let items = document.get("LineItems").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_object).for_each(|item| item_rows(item, &mut lines));
    lines.push("-".repeat(pdf::COLUMNS));
    let currency = given(document, "CurrencyCode").unwrap_or_default();
    for (field, label) in [
        ("SubTotal", "Subtotal"),
        ("TotalTax", "Total tax"),
        ("Total", "Total"),
        ("AmountDue", "Amount due"),
        ("RemainingCredit", "Remaining credit"),
    ] {
        if let Some(amount) = amount(document, field, 2) {
            lines.push(row("", "", "", label, &format!("{currency} {amount}")));
        }
    }
    if let Some(terms) = given(document, "Terms") {
        lines.push(String::new());
        lines.extend(wrapped(&terms, pdf::COLUMNS));
    }
    lines
}

/// A description that is longer than its column goes on below.
fn item_rows(item: &Map<String, Value>, lines: &mut Vec<String>) {
    let description = wrapped(&given(item, "Description").unwrap_or_default(), DESCRIPTION_WIDTH);
    let text = |field: &str, places: u32| amount(item, field, places).unwrap_or_default();
    let first = description.first().map(String::as_str).unwrap_or_default();
    let (quantity, price) = (text("Quantity", 0), text("UnitAmount", 2));
    lines.push(row(first, &quantity, &price, &text("TaxAmount", 2), &text("LineAmount", 2)));
    lines.extend(description.into_iter().skip(1));
}

fn row(description: &str, quantity: &str, price: &str, tax: &str, total: &str) -> String {
    format!("{description:<DESCRIPTION_WIDTH$}{quantity:>9} {price:>11} {tax:>12} {total:>15}")
}

/// With at least these places, and all that it has.
fn amount(fields: &Map<String, Value>, field: &str, places: u32) -> Option<String> {
    let mut amount: Decimal = read_number(fields.get(field)?)?.normalize();
    amount.rescale(amount.scale().max(places));
    Some(amount.to_string())
}

/// At the words, and inside a word that is longer than a line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            for letter in word.chars() {
                if line.chars().count() == width {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(letter);
            }
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_words_and_inside_words_that_are_too_long() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a abcdefghij\n\nb", 4), ["a", "abcd", "efgh", "ij", "", "b"]);
    }

    #[test]
    fn amounts_have_the_places_they_need() {
        let fields = crate::xero::wire::fields(serde_json::json!({ "A": "2.0000", "B": "0.1234", "C": 5 }));
        let shown = |field, places| amount(&fields, field, places).unwrap();
        assert_eq!(
            [shown("A", 0), shown("A", 2), shown("B", 2), shown("C", 2)],
            ["2", "2.00", "0.1234", "5.00"]
        );
    }
}
