//! Price book entries: one price of a product in a book, the standard one first.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_pricebookentry.htm

use super::super::answer::Refused;
use super::super::org::Org;
use super::super::store::{Fields, Record};
use super::text;

pub(super) fn entry(org: &Org, fields: &mut Fields, before: Option<&Record>) -> Result<(), Refused> {
    let (book, product) = (text(fields, "Pricebook2Id").to_owned(), text(fields, "Product2Id").to_owned());
    let currency = text(fields, "CurrencyIsoCode").to_owned();
    if let Some(product) = org.store.table("Product2").get(&product) {
        fields.insert("Name".into(), product.get("Name").clone());
        fields.insert("ProductCode".into(), product.get("ProductCode").clone());
    }
    if before.is_some() {
        return Ok(());
    }
    let of_product: Vec<&Record> = org
        .store
        .table("PricebookEntry")
        .with("Product2Id", &product)
        .map(std::convert::AsRef::as_ref)
        .filter(|entry| !entry.is("IsDeleted") && entry.text("CurrencyIsoCode") == currency)
        .collect();
    if of_product.iter().any(|entry| entry.text("Pricebook2Id") == book) {
        let message = "This price definition already exists in this price book";
        return Err(Refused::record("DUPLICATE_VALUE", message, &["Pricebook2Id", "Product2Id"]));
    }
    let standard = |book: &str| org.store.table("Pricebook2").get(book).is_some_and(|it| it.is("IsStandard"));
    if standard(&book) || org.store.table("Pricebook2").get(&book).is_none() {
        return Ok(());
    }
    let Some(usual) = of_product.iter().find(|entry| standard(entry.text("Pricebook2Id"))) else {
        let message = "Before creating a custom price, create a standard price.";
        return Err(Refused::record("STANDARD_PRICE_NOT_DEFINED", message, &[]));
    };
    if fields.get("UseStandardPrice").is_some_and(|used| used == true) {
        fields.insert("UnitPrice".into(), usual.get("UnitPrice").clone());
    }
    Ok(())
}
