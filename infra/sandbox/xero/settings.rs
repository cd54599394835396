//! What an organisation is set up with, read-only over the API: accounts, tax rates, currencies, tracking,
//! items, branding themes and the organisation itself. They are changed by hand (`by_hand.rs`).
//!
//! <https://developer.xero.com/documentation/api/accounting/accounts> and its neighbours. None is paged.

use serde_json::{Value, json};

use super::answer::{Found, Refusal};
use super::filter::{Field, Fields, moment};
use super::organisation::{Account, Item, Organisation, TaxRate, TrackingCategory};
use super::request::{Request, select};
use super::wire;

/// The rows of one settings endpoint, or none for a name that isn't one.
pub(crate) fn rows(
    organisation: &Organisation,
    request: &Request,
    endpoint: &str,
) -> Option<(&'static str, Vec<Value>)> {
    let archived = request.flag("includeArchived");
    Some(match endpoint {
        "Organisation" | "Organisations" => ("Organisations", vec![organisation.as_json()]),
        "Accounts" => {
            let rows = organisation.accounts.iter().map(|account| account.as_json(organisation)).collect();
            ("Accounts", rows)
        }
        "TaxRates" => ("TaxRates", organisation.tax_rates.iter().map(TaxRate::as_json).collect()),
        "Currencies" => {
            let rows = organisation.currencies.iter();
            ("Currencies", rows.map(|code| json!({ "Code": code, "Description": code })).collect())
        }
        "TrackingCategories" => {
            let rows = organisation.tracking.iter().filter(|category| archived || category.active);
            ("TrackingCategories", rows.map(TrackingCategory::as_json).collect())
        }
        "Items" => ("Items", organisation.items.iter().map(|item| item.as_json(organisation)).collect()),
        "BrandingThemes" => {
            let theme = json!({
                "BrandingThemeID": organisation.branding_theme.to_string(), "Name": "Standard",
                "SortOrder": 0, "CreatedDateUTC": wire::stamp(organisation.created),
            });
            ("BrandingThemes", vec![theme])
        }
        _ => return None,
    })
}

pub(crate) fn list(request: &Request, key: &'static str, rows: Vec<Value>) -> Result<Found, Refusal> {
    let first = rows.first().cloned();
    let known = |path: &str| first.as_ref().is_none_or(|row| Row(row).field(path).is_some());
    let since = request.modified_since;
    let fresh = rows.iter().map(Row).filter(|row| match (since, row.field("updateddateutc")) {
        (Some(since), Some(Field::Moment(updated))) => updated >= since,
        _ => true,
    });
    // `page` has no effect on these.
    let (found, _) = select(request, fresh, &known, false)?;
    Ok(Found { key, elements: found.into_iter().map(|row| row.0.clone()).collect(), pagination: None })
}

/// By id, or by code, tax type or name.
pub(crate) fn one(key: &'static str, rows: Vec<Value>, wanted: &str) -> Result<Found, Refusal> {
    const NAMED_BY: [&str; 7] =
        ["AccountID", "TaxType", "Code", "TrackingCategoryID", "ItemID", "BrandingThemeID", "OrganisationID"];
    let is_wanted = |row: &Value| {
        NAMED_BY.iter().filter_map(|field| row.get(field)).any(|value| value.as_str() == Some(wanted))
    };
    let found = rows.into_iter().find(is_wanted).ok_or(Refusal::NotFound)?;
    Ok(Found { key, elements: vec![found], pagination: None })
}

struct Row<'a>(&'a Value);

impl Fields for Row<'_> {
    fn field(&self, path: &str) -> Option<Field<'_>> {
        let fields = self.0.as_object()?;
        let (_, value) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(path))?;
        Some(match value {
            Value::Null => Field::Null,
            Value::Bool(flag) => Field::Flag(*flag),
            Value::Number(_) => wire::read_number(value).map_or(Field::Null, Field::Number),
            Value::String(text) if text.starts_with("/Date(") => {
                let inner = text.trim_start_matches("/Date(").trim_end_matches(")/");
                let digits = inner.split_once('+').map_or(inner, |(milliseconds, _)| milliseconds);
                let at = digits.parse().ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
                at.map_or(Field::Null, Field::Moment)
            }
            Value::String(text) => match uuid::Uuid::parse_str(text) {
                Ok(id) if path.ends_with("id") => Field::Id(id),
                _ if path.ends_with("dateutc") => moment(text).map_or(Field::Null, Field::Moment),
                _ => Field::text(text),
            },
            _ => Field::Null,
        })
    }
}

impl Account {
    fn as_json(&self, organisation: &Organisation) -> Value {
        let mut body = json!({
            "AccountID": self.id.to_string(), "Code": self.code, "Name": self.name,
            "Status": if self.active { "ACTIVE" } else { "ARCHIVED" },
            "Type": self.kind, "TaxType": self.tax_type, "Class": self.class,
            "EnablePaymentsToAccount": self.enable_payments, "ShowInExpenseClaims": false,
        });
        if self.kind == "BANK" {
            body["BankAccountNumber"] = format!("12010203456{}", self.code).into();
            body["BankAccountType"] = "BANK".into();
            body["CurrencyCode"] = organisation.base_currency.as_str().into();
        }
        body["ReportingCode"] = self.class.get(..3).unwrap_or_default().into();
        body["HasAttachments"] = false.into();
        body["UpdatedDateUTC"] = wire::stamp(organisation.created);
        body["AddToWatchlist"] = false.into();
        body
    }
}

impl TaxRate {
    /// One of a closed list that the official clients check.
    fn report_type(&self) -> &str {
        match self.tax_type.as_str() {
            fixed @ ("NONE" | "GSTONIMPORTS") => fixed,
            _ if self.for_revenue => "OUTPUT",
            _ => "INPUT",
        }
    }

    fn as_json(&self) -> Value {
        let rate = wire::number(self.rate);
        json!({
            "Name": self.name, "TaxType": self.tax_type, "ReportTaxType": self.report_type(),
            "CanApplyToAssets": true, "CanApplyToEquity": true, "CanApplyToExpenses": self.for_expenses,
            "CanApplyToLiabilities": true, "CanApplyToRevenue": self.for_revenue,
            "DisplayTaxRate": rate, "EffectiveRate": rate,
            "Status": if self.active { "ACTIVE" } else { "DELETED" },
            "TaxComponents":
                [{ "Name": "GST", "Rate": rate, "IsCompound": false, "IsNonRecoverable": false }],
        })
    }
}

impl TrackingCategory {
    fn as_json(&self) -> Value {
        let options = self.options.iter().map(|(id, name)| {
            json!({
                "TrackingOptionID": id.to_string(), "Name": name, "Status": "ACTIVE",
                "HasValidationErrors": false, "IsDeleted": false, "IsArchived": false, "IsActive": true,
            })
        });
        json!({
            "Name": self.name, "Status": if self.active { "ACTIVE" } else { "ARCHIVED" },
            "TrackingCategoryID": self.id.to_string(), "Options": options.collect::<Vec<_>>(),
        })
    }
}

impl Item {
    fn as_json(&self, organisation: &Organisation) -> Value {
        let mut sales = serde_json::Map::new();
        sales.extend(self.unit_price.map(|price| ("UnitPrice".to_owned(), wire::number(price))));
        sales.extend(self.account_code.as_ref().map(|code| ("AccountCode".to_owned(), code.as_str().into())));
        sales.extend(self.tax_type.as_ref().map(|code| ("TaxType".to_owned(), code.as_str().into())));
        json!({
            "ItemID": self.id.to_string(), "Code": self.code, "Name": self.name, "Description": self.description,
            "UpdatedDateUTC": wire::stamp(organisation.created), "PurchaseDetails": {}, "SalesDetails": sales,
            "IsTrackedAsInventory": false, "IsSold": true, "IsPurchased": true,
        })
    }
}
