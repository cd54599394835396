//! Lines of deals, orders and quotes: a product, its price, what it comes to; and what the whole comes to.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::super::answer::Refused;
use super::super::objects::Object;
use super::super::org::Org;
use super::super::store::{Fields, Record};
use super::super::values::{amount, written};
use super::{deals, text};

/// The product comes through the price book entry, which is of the deal's price book; exactly one of unit price and
/// total price is given.
///
/// https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_opportunitylineitem.htm
pub(super) fn opportunity_line(
    org: &Org,
    fields: &mut Fields,
    before: Option<&Record>,
) -> Result<(), Refused> {
    product(org, fields)?;
    let product = org.store.table("Product2").get(text(fields, "Product2Id")).cloned();
    let deal = org.store.table("Opportunity").get(text(fields, "OpportunityId")).cloned();
    let taken = deal.as_ref().map_or("", |deal| deal.text("Pricebook2Id"));
    if before.is_none() && !taken.is_empty() && book(org, fields).is_some_and(|book| book != taken) {
        let message = "field integrity exception: PricebookEntryId (pricebook entry is in a different pricebook than \
                       the one assigned to the opportunity)";
        return Err(Refused::record("FIELD_INTEGRITY_EXCEPTION", message, &["PricebookEntryId"]));
    }
    if let (Some(product), Some(deal)) = (&product, &deal) {
        let name = format!("{} {}", deal.text("Name"), product.text("Name"));
        fields.insert("Name".into(), name.into());
        fields.insert("ProductCode".into(), product.get("ProductCode").clone());
        if let Some(currency) = deal.fields.get("CurrencyIsoCode") {
            fields.insert("CurrencyIsoCode".into(), currency.clone());
        }
    }
    let number = |name: &str| fields.get(name).and_then(amount);
    let Some(quantity) = number("Quantity") else { return Ok(()) };
    if quantity.is_zero() {
        let message = "Quantity must be nonzero";
        return Err(Refused::record("FIELD_INTEGRITY_EXCEPTION", message, &["Quantity"]));
    }
    let share = Decimal::ONE - number("Discount").unwrap_or_default() / Decimal::ONE_HUNDRED;
    let changed = |name: &str| before.is_none_or(|before| Some(before.get(name)) != fields.get(name));
    let total_given = number("TotalPrice").filter(|_| changed("TotalPrice"));
    match (number("UnitPrice"), total_given) {
        (Some(_), Some(_)) if before.is_none() => {
            let message = "specify either TotalPrice or UnitPrice, but not both";
            Err(Refused::record("FIELD_INTEGRITY_EXCEPTION", message, &["TotalPrice"]))
        }
        (_, Some(total)) if !share.is_zero() => {
            fields.insert("UnitPrice".into(), written(cents(total / quantity / share), false));
            Ok(())
        }
        (Some(unit), _) => {
            fields.insert("TotalPrice".into(), written(cents(unit * quantity * share), false));
            Ok(())
        }
        _ => {
            let message = "Required fields are missing: [UnitPrice]";
            Err(Refused::record("REQUIRED_FIELD_MISSING", message, &["UnitPrice"]))
        }
    }
}

/// The product and its list price, through the price book entry.
fn product(org: &Org, fields: &mut Fields) -> Result<(), Refused> {
    if let Some(entry) = org.store.table("PricebookEntry").get(text(fields, "PricebookEntryId")) {
        fields.insert("Product2Id".into(), entry.get("Product2Id").clone());
        fields.insert("ListPrice".into(), entry.get("UnitPrice").clone());
    } else if text(fields, "PricebookEntryId").is_empty() && text(fields, "Product2Id").is_empty() {
        let message = "Required fields are missing: [PricebookEntryId]";
        return Err(Refused::record("REQUIRED_FIELD_MISSING", message, &["PricebookEntryId"]));
    }
    Ok(())
}

/// The price book that a line's entry is in.
fn book<'a>(org: &'a Org, line: &Fields) -> Option<&'a str> {
    let entry = org.store.table("PricebookEntry").get(text(line, "PricebookEntryId"))?;
    Some(entry.text("Pricebook2Id"))
}

/// The unit price is the list price unless another one is given.
fn priced(org: &Org, fields: &mut Fields) -> Result<Option<Decimal>, Refused> {
    product(org, fields)?;
    if fields.get("UnitPrice").is_none_or(Value::is_null) {
        let list = fields.get("ListPrice").cloned().unwrap_or_default();
        fields.insert("UnitPrice".into(), list);
    }
    let number = |name: &str| fields.get(name).and_then(amount);
    Ok(number("UnitPrice").zip(number("Quantity")).map(|(unit, quantity)| cents(unit * quantity)))
}

pub(super) fn order_item(org: &mut Org, fields: &mut Fields) -> Result<(), Refused> {
    if text(fields, "OrderItemNumber").is_empty() {
        let number = org.next_number("OrderItem");
        fields.insert("OrderItemNumber".into(), format!("{number:010}").into());
    }
    let total = priced(org, fields)?.map(|total| written(total, false));
    fields.insert("TotalPrice".into(), total.unwrap_or_default());
    fields.insert("AvailableQuantity".into(), fields.get("Quantity").cloned().unwrap_or_default());
    Ok(())
}

pub(super) fn quote_line(org: &mut Org, fields: &mut Fields, before: Option<&Record>) -> Result<(), Refused> {
    if before.is_none() {
        let number = org.next_number("QuoteLineItem");
        fields.insert("LineNumber".into(), format!("{number:08}").into());
    }
    let subtotal = priced(org, fields)?;
    let discount = fields.get("Discount").and_then(amount).unwrap_or_default();
    let total = subtotal.map(|subtotal| cents(subtotal * (Decimal::ONE - discount / Decimal::ONE_HUNDRED)));
    let shown = |amount: Option<Decimal>| amount.map(|amount| written(amount, false)).unwrap_or_default();
    fields.insert("Subtotal".into(), shown(subtotal));
    fields.insert("TotalPrice".into(), shown(total));
    Ok(())
}

fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// Whose lines they are: parent, its lines, their reference to it, its total.
const WHOLES: [(&str, &str, &str, &str); 3] = [
    ("Opportunity", "OpportunityLineItem", "OpportunityId", "Amount"),
    ("Order", "OrderItem", "OrderId", "TotalAmount"),
    ("Quote", "QuoteLineItem", "QuoteId", "TotalPrice"),
];

/// What the lines of one whole come to.
struct Sums {
    subtotal: Decimal,
    total: Decimal,
    quantity: Decimal,
    count: usize,
}

impl Sums {
    fn of(org: &Org, lines: &str, reference: &str, whole: &str) -> Self {
        let mut sums =
            Self { subtotal: Decimal::ZERO, total: Decimal::ZERO, quantity: Decimal::ZERO, count: 0 };
        let all = org.store.table(lines).with(reference, whole);
        for line in all.filter(|line| !line.is("IsDeleted")) {
            let number = |field: &str| amount(line.get(field)).unwrap_or_default();
            sums.subtotal += number("Subtotal");
            sums.total += number("TotalPrice");
            sums.quantity += number("Quantity");
            sums.count += 1;
        }
        sums
    }
}

/// Wholes that don't come to what their lines do.
pub(crate) fn broken(org: &Org) -> Vec<String> {
    let mut broken = Vec::new();
    for (parent, lines, reference, total) in WHOLES {
        org.store.table(parent).sift("", |whole| {
            let sums = Sums::of(org, lines, reference, &whole.id);
            let kept = amount(whole.get(total)).unwrap_or_default();
            if sums.count > 0 && !whole.is("IsDeleted") && kept != sums.total {
                broken.push(format!(
                    "{parent} {}: {total} is {kept}, but its lines come to {}",
                    whole.id, sums.total
                ));
            }
            false
        });
    }
    broken
}

/// After a line was written or deleted, the whole follows, and its stamp moves.
pub(super) fn settle(org: &mut Org, object: &Object, line: &Record) {
    let Some((parent, lines, reference, _)) = WHOLES.into_iter().find(|(_, lines, ..)| *lines == object.name)
    else {
        return;
    };
    let id = line.text(reference);
    let Some(before) = org.store.table(parent).get(id).cloned() else { return };
    let Sums { subtotal, total, quantity, count } = Sums::of(org, lines, reference, id);
    let mut changes = Fields::new();
    match parent {
        "Order" => {
            changes.insert("TotalAmount".into(), written(total, false));
        }
        "Quote" => {
            changes.insert("Subtotal".into(), written(subtotal, false));
            changes.insert("TotalPrice".into(), written(total, false));
            changes.insert("LineItemCount".into(), count.into());
        }
        _ => {
            if count > 0 {
                changes.insert("Amount".into(), written(total, false));
                changes.insert("TotalOpportunityQuantity".into(), written(quantity, false));
            }
            changes.insert("HasOpportunityLineItem".into(), (count > 0).into());
            // A deal that has no price book yet takes that of its first line.
            if let Some(book) = book(org, &line.fields).filter(|_| before.text("Pricebook2Id").is_empty()) {
                changes.insert("Pricebook2Id".into(), book.into());
            }
        }
    }
    let stamp = line.get("SystemModstamp").clone();
    changes.insert("LastModifiedById".into(), line.get("LastModifiedById").clone());
    changes.insert("LastModifiedDate".into(), stamp.clone());
    changes.insert("SystemModstamp".into(), stamp);
    let mut after = (*before).clone();
    after.fields.extend(changes);
    if parent == "Opportunity" {
        after.fields.insert("ExpectedRevenue".into(), deals::expected(&after.fields));
    }
    let Some(parent_object) = org.schema.object(parent).cloned() else { return };
    org.store.put(&parent_object, after);
    if parent == "Quote" {
        grand_total(org, id);
    }
}

/// What a quote comes to with tax and shipping.
pub(super) fn grand_total(org: &mut Org, id: &str) {
    let Some(before) = org.store.table("Quote").get(id).cloned() else { return };
    let number = |field: &str| amount(before.get(field)).unwrap_or_default();
    let total = written(number("TotalPrice") + number("Tax") + number("ShippingHandling"), false);
    if before.get("GrandTotal") == &total {
        return;
    }
    let mut after = (*before).clone();
    after.fields.insert("GrandTotal".into(), total);
    let Some(object) = org.schema.object("Quote").cloned() else { return };
    org.store.put(&object, after);
}
