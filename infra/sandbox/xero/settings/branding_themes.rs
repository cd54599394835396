//! `/BrandingThemes`: how documents look; the first is the one that new documents take.
//!
//! <https://developer.xero.com/documentation/api/accounting/brandingthemes>

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

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct BrandingTheme {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) sort_order: u32,
    pub(crate) created: Timestamp,
}

impl Document for BrandingTheme {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.created
    }
}

impl Organisation {
    pub(crate) fn default_theme(&self) -> Option<Uuid> {
        let themes = self.shelves.branding_themes.since(None);
        themes.min_by_key(|theme| theme.sort_order).map(|theme| theme.id)
    }
}

pub(crate) struct BrandingThemes;

impl Resource for BrandingThemes {
    type Document = BrandingTheme;
    const KEY: &'static str = "BrandingThemes";
    const ID: &'static str = "BrandingThemeID";
    const PAGING: Paging = Paging::Never;
    const DEFAULT_ORDER: Option<&'static str> = Some("SortOrder");
    const PARTS: &'static [Part] = &[];
    const FIELDS: &'static [&'static str] = &["brandingthemeid", "name", "sortorder", "createddateutc"];

    fn shelf(shelves: &Shelves) -> &Shelf<BrandingTheme> {
        &shelves.branding_themes
    }

    fn show(_: &Organisation, _: &Request, theme: &BrandingTheme, _: View) -> Map<String, Value> {
        wire::fields(json!({
            "BrandingThemeID": theme.id.to_string(), "Name": theme.name, "LogoUrl": "", "Type": "INVOICE",
            "SortOrder": theme.sort_order, "CreatedDateUTC": wire::stamp(theme.created),
        }))
    }
}
