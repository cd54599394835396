//! `/Items`: what is sold and bought, found by its code.
//!
//! <https://developer.xero.com/documentation/api/accounting/items>. What there is of tracked items
//! follows from the documents (`documents/stock.rs`).

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::answer::{Refusal, Reply};
use crate::xero::body::Put;
use crate::xero::documents::head::sent_id;
use crate::xero::documents::stock;
use crate::xero::messages::Messages;
use crate::xero::organisation::Organisation;
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire::{self, places, read_number};
use crate::xero::writing::{Refused, given, text_within};

/// <https://developer.xero.com/documentation/api/accounting/items>
const TEXTS: [(&str, usize); 4] =
    [("Code", 30), ("Name", 50), ("Description", 4_000), ("PurchaseDescription", 4_000)];

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Item {
    pub id: Uuid,
    pub code: String,
    pub name: String,
    pub description: String,
    pub purchase_description: String,
    pub sales: ItemDetails,
    pub purchases: ItemDetails,
    pub is_sold: bool,
    pub is_purchased: bool,
    /// Where the stock of a tracked item stands.
    pub inventory_account: Option<String>,
    pub updated: Timestamp,
}

/// What a line takes from an item unless it says otherwise.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct ItemDetails {
    pub unit_price: Option<Decimal>,
    pub account_code: Option<String>,
    /// Of a tracked item, instead of an account.
    pub cost_of_goods_code: Option<String>,
    pub tax_type: Option<String>,
}

/// In any case.
pub(crate) fn item_key(code: &str) -> String {
    format!("code:{}", code.to_lowercase())
}

impl Document for Item {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn keys(&self) -> Vec<String> {
        vec![item_key(&self.code)]
    }
}

impl Item {
    pub(crate) fn new(id: Uuid, code: &str, now: Timestamp) -> Self {
        Self {
            id,
            code: code.to_owned(),
            name: String::new(),
            description: String::new(),
            purchase_description: String::new(),
            sales: ItemDetails::default(),
            purchases: ItemDetails::default(),
            is_sold: true,
            is_purchased: true,
            inventory_account: None,
            updated: now,
        }
    }

    /// Description and details for a sale or a purchase.
    pub(crate) fn on(&self, is_sale: bool) -> (&str, &ItemDetails) {
        if is_sale { (&self.description, &self.sales) } else { (&self.purchase_description, &self.purchases) }
    }
}

impl Organisation {
    pub(crate) fn item(&self, code: &str) -> Option<&Item> {
        self.shelves.items.find(&item_key(code))
    }

    /// Of a tracked item: the account of its stock, and that of its cost when it is sold.
    pub(crate) fn inventory_of(&self, item: Uuid) -> Option<[Uuid; 2]> {
        let item = self.shelves.items.get(item)?;
        let codes = [item.inventory_account.as_ref()?, item.purchases.cost_of_goods_code.as_ref()?];
        let [stock, cost] = codes.map(|code| self.account(code).map(|account| account.id));
        Some([stock?, cost?])
    }
}

pub(crate) struct Items;

impl Resource for Items {
    type Document = Item;
    const KEY: &'static str = "Items";
    const ID: &'static str = "ItemID";
    const MOST_WRITTEN: usize = 500;
    const PAGING: Paging = Paging::Never;
    const FIELDS: &'static [&'static str] = &[
        "itemid",
        "code",
        "name",
        "description",
        "updateddateutc",
        "issold",
        "ispurchased",
        "istrackedasinventory",
        "inventoryassetaccountcode",
        "salesdetails.unitprice",
        "salesdetails.accountcode",
        "salesdetails.taxtype",
        "purchasedetails.unitprice",
        "purchasedetails.accountcode",
        "purchasedetails.taxtype",
    ];

    fn shelf(shelves: &Shelves) -> &Shelf<Item> {
        &shelves.items
    }

    fn named<'a>(organisation: &'a Organisation, key: &str) -> Option<&'a Item> {
        organisation.item(key)
    }

    /// A stamp has its offset in lists alone.
    fn show(organisation: &Organisation, request: &Request, item: &Item, view: View) -> Map<String, Value> {
        let mut body = Map::new();
        body.put("ItemID", item.id.to_string());
        body.put("Code", item.code.as_str());
        for (field, text) in
            [("Description", &item.description), ("PurchaseDescription", &item.purchase_description)]
        {
            body.put_text(field, text);
        }
        let is_written = view == View::Written;
        let stamp = if is_written { wire::bare_stamp } else { wire::stamp };
        body.put("UpdatedDateUTC", stamp(item.updated));
        body.put("PurchaseDetails", item.purchases.as_json(request.unit_places()));
        body.put("SalesDetails", item.sales.as_json(request.unit_places()));
        body.put_text("Name", &item.name);
        body.put("IsTrackedAsInventory", item.inventory_account.is_some());
        if let Some(code) = &item.inventory_account {
            body.put("InventoryAssetAccountCode", code.as_str());
            let stock = stock::on_hand(organisation, item.id, None);
            body.put("TotalCostPool", wire::money(stock.value));
            body.put("QuantityOnHand", wire::number(places(stock.quantity, 4)));
        }
        body.put("IsSold", item.is_sold);
        body.put("IsPurchased", item.is_purchased);
        if is_written {
            body.put("ValidationErrors", json!([]));
        }
        body
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        let before = find(organisation, sent, request.method == "PUT")?;
        let id = before.as_ref().map(|held| held.id);
        let changes = if before.is_some() { "Edited" } else { "Created" };
        let mut item = before.unwrap_or_else(|| Item::new(organisation.ids.next(), "", request.now));
        let mut messages = Messages::default();
        read(organisation, request, sent, &mut item, &mut messages);
        if !messages.is_empty() {
            return Err(Refused::Element { id, messages });
        }
        item.updated = request.now;
        let id = item.id;
        organisation.shelves.items.put(item);
        organisation.record(id, changes, request.now);
        Ok(id)
    }

    /// Documents keep what they took from it.
    fn delete(organisation: &mut Organisation, _: &Request, id: Uuid) -> Result<Reply, Refusal> {
        organisation.shelves.items.remove(id);
        Ok(Reply::Nothing)
    }
}

/// By id, then by code.
fn find(
    organisation: &Organisation,
    sent: &Map<String, Value>,
    creates_only: bool,
) -> Result<Option<Item>, Refused> {
    let code = given(sent, "Code");
    let by_code = code.as_deref().and_then(|code| organisation.item(code));
    let held = match sent_id(sent, "ItemID")? {
        Some(id) => Some(organisation.shelves.items.get(id).ok_or(Refused::NotFound)?),
        None => by_code,
    };
    let is_taken = by_code.is_some_and(|other| held.is_some_and(|held| held.id != other.id));
    if is_taken || (creates_only && held.is_some()) {
        let code = code.or_else(|| held.map(|held| held.code.clone())).unwrap_or_default();
        return Err(Refused::because(None, format!("Price List Item with Code '{code}' already exists")));
    }
    Ok(held.cloned())
}

/// What is left out stays.
fn read(
    organisation: &Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    item: &mut Item,
    messages: &mut Messages,
) {
    let [code, name, description, purchase_description] =
        TEXTS.map(|(field, longest)| text_within(sent, field, longest, messages));
    for (held, text) in [
        (&mut item.code, code.filter(|code| !code.is_empty())),
        (&mut item.name, name),
        (&mut item.description, description),
        (&mut item.purchase_description, purchase_description),
    ] {
        *held = text.unwrap_or_else(|| std::mem::take(held));
    }
    if item.code.is_empty() {
        messages.push("Code must be specified".to_owned());
    }
    for (held, field) in [(&mut item.is_sold, "IsSold"), (&mut item.is_purchased, "IsPurchased")] {
        *held = sent.get(field).and_then(Value::as_bool).unwrap_or(*held);
    }
    for (held, field) in [(&mut item.sales, "SalesDetails"), (&mut item.purchases, "PurchaseDetails")] {
        if let Some(sent) = sent.get(field).and_then(Value::as_object) {
            read_details(organisation, request, sent, held, messages);
        }
    }
    if let Some(code) = given(sent, "InventoryAssetAccountCode") {
        if organisation.account(&code).is_none_or(|account| account.kind != "INVENTORY" || !account.active) {
            messages.push(format!("The InventoryAssetAccountCode '{code}' is not an inventory account"));
        }
        if item.purchases.cost_of_goods_code.is_none() {
            messages.push("A tracked item needs a COGSAccountCode in its PurchaseDetails".to_owned());
        }
        item.inventory_account = Some(code);
    }
}

fn read_details(
    organisation: &Organisation,
    request: &Request,
    sent: &Map<String, Value>,
    held: &mut ItemDetails,
    messages: &mut Messages,
) {
    if let Some(price) = sent.get("UnitPrice").and_then(read_number) {
        held.unit_price = Some(places(price, request.unit_places()));
    }
    for (field, held) in
        [("AccountCode", &mut held.account_code), ("COGSAccountCode", &mut held.cost_of_goods_code)]
    {
        let Some(code) = given(sent, field) else { continue };
        if !organisation.is_usable(&code) {
            messages.push(format!("The {field} '{code}' is not a valid code for this item"));
        }
        *held = Some(code);
    }
    let account = held.account_code.as_deref().and_then(|code| organisation.account(code));
    let default = account.map(|account| account.tax_type.clone());
    held.tax_type = given(sent, "TaxType").or(held.tax_type.take()).or(default);
    if let Some(code) = held.tax_type.as_deref().filter(|code| organisation.tax_rate(code).is_none()) {
        messages.push(format!("The TaxType code '{code}' does not exist"));
    }
}

impl ItemDetails {
    fn as_json(&self, unit_places: u32) -> Value {
        let mut body = Map::new();
        let price = self.unit_price.map(|price| wire::number(places(price, unit_places)));
        body.extend(price.map(|price| ("UnitPrice".to_owned(), price)));
        for (field, code) in [
            ("AccountCode", &self.account_code),
            ("COGSAccountCode", &self.cost_of_goods_code),
            ("TaxType", &self.tax_type),
        ] {
            body.extend(code.as_ref().map(|code| (field.to_owned(), code.as_str().into())));
        }
        Value::Object(body)
    }
}
