//! `/TrackingCategories` and their options, which lines carry.
//!
//! <https://developer.xero.com/documentation/api/accounting/trackingcategories>

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::organisation::Organisation;
use crate::xero::parts::Part;
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire;

#[derive(Debug, Clone)]
pub struct TrackingCategory {
    pub id: Uuid,
    pub name: String,
    pub active: bool,
    pub options: Vec<(Uuid, String)>,
    pub updated: Timestamp,
}

impl Document for TrackingCategory {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn keys(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Organisation {
    pub(crate) fn add_tracking(&mut self, name: &str, options: &[&str], now: Timestamp) {
        let category = TrackingCategory {
            id: self.ids.next(),
            name: name.to_owned(),
            active: true,
            options: options.iter().map(|option| (self.ids.next(), (*option).to_owned())).collect(),
            updated: now,
        };
        self.shelves.tracking.put(category);
    }
}

pub(crate) struct TrackingCategories;

impl Resource for TrackingCategories {
    type Document = TrackingCategory;
    const KEY: &'static str = "TrackingCategories";
    const ID: &'static str = "TrackingCategoryID";
    const PAGING: Paging = Paging::Never;
    const DEFAULT_ORDER: Option<&'static str> = Some("Name");
    const PARTS: &'static [Part] = &[];

    fn shelf(shelves: &Shelves) -> &Shelf<TrackingCategory> {
        &shelves.tracking
    }

    fn is_archived(category: &TrackingCategory) -> bool {
        !category.active
    }

    fn show(_: &Organisation, _: &Request, category: &TrackingCategory, _: View) -> Map<String, Value> {
        let options = category.options.iter().map(|(id, name)| {
            json!({
                "TrackingOptionID": id.to_string(), "Name": name, "Status": "ACTIVE",
                "HasValidationErrors": false, "IsDeleted": false, "IsArchived": false, "IsActive": true,
            })
        });
        wire::fields(json!({
            "Name": category.name, "Status": if category.active { "ACTIVE" } else { "ARCHIVED" },
            "TrackingCategoryID": category.id.to_string(), "Options": options.collect::<Vec<_>>(),
        }))
    }
}
