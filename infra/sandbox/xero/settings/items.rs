//! `/Items`: what is sold and bought, found by its code.
//!
//! <https://developer.xero.com/documentation/api/accounting/items>

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::organisation::Organisation;
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire;

#[derive(Debug, Clone)]
pub struct Item {
    pub id: Uuid,
    pub code: String,
    pub name: String,
    pub description: String,
    pub unit_price: Option<Decimal>,
    pub account_code: Option<String>,
    pub tax_type: Option<String>,
    pub updated: Timestamp,
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

impl Organisation {
    pub(crate) fn item(&self, code: &str) -> Option<&Item> {
        self.shelves.items.find(&item_key(code))
    }
}

pub(crate) struct Items;

impl Resource for Items {
    type Document = Item;
    const KEY: &'static str = "Items";
    const ID: &'static str = "ItemID";
    const PAGING: Paging = Paging::Never;

    fn shelf(shelves: &Shelves) -> &Shelf<Item> {
        &shelves.items
    }

    fn named<'a>(organisation: &'a Organisation, key: &str) -> Option<&'a Item> {
        organisation.item(key)
    }

    fn show(_: &Organisation, _: &Request, item: &Item, _: View) -> Map<String, Value> {
        let mut sales = Map::new();
        sales.extend(item.unit_price.map(|price| ("UnitPrice".to_owned(), wire::number(price))));
        sales.extend(item.account_code.as_ref().map(|code| ("AccountCode".to_owned(), code.as_str().into())));
        sales.extend(item.tax_type.as_ref().map(|code| ("TaxType".to_owned(), code.as_str().into())));
        wire::fields(json!({
            "ItemID": item.id.to_string(), "Code": item.code, "Name": item.name, "Description": item.description,
            "UpdatedDateUTC": wire::stamp(item.updated), "PurchaseDetails": {}, "SalesDetails": sales,
            "IsTrackedAsInventory": false, "IsSold": true, "IsPurchased": true,
        }))
    }
}
