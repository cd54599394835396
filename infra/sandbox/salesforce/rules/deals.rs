//! Opportunities and their stages, orders and quotes.

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::super::answer::Refused;
use super::super::org::Org;
use super::super::store::{Fields, Record};
use super::super::values::{amount, stamp, written};
use super::text;

/// Stage, the name of its forecast category, its probability.
const STAGES: [(&str, &str, u32); 10] = [
    ("Prospecting", "Pipeline", 10),
    ("Qualification", "Pipeline", 10),
    ("Needs Analysis", "Pipeline", 20),
    ("Value Proposition", "Pipeline", 50),
    ("Id. Decision Makers", "Pipeline", 60),
    ("Perception Analysis", "Pipeline", 70),
    ("Proposal/Price Quote", "Pipeline", 75),
    ("Negotiation/Review", "Pipeline", 90),
    ("Closed Won", "Closed", 100),
    ("Closed Lost", "Omitted", 0),
];

/// Forecast categories, and what people call them.
const FORECASTS: [(&str, &str); 5] = [
    ("Omitted", "Omitted"),
    ("Pipeline", "Pipeline"),
    ("BestCase", "Best Case"),
    ("Forecast", "Commit"),
    ("Closed", "Closed"),
];

/// A new stage says anew how likely a deal is, unless the change that brings it does.
pub(super) fn forget_worked_out(fields: &mut Fields, changes: &Fields) {
    if changes.get("StageName").is_some_and(|stage| Some(stage) != fields.get("StageName")) {
        fields.remove("Probability");
        fields.remove("ForecastCategoryName");
    }
}

pub(super) fn opportunity(org: &Org, fields: &mut Fields, before: Option<&Record>) -> Result<(), Refused> {
    let stage = text(fields, "StageName").to_owned();
    let moved = before.is_none_or(|before| before.text("StageName") != stage);
    let known = STAGES.iter().find(|(name, _, _)| name.eq_ignore_ascii_case(&stage));
    let (forecast, probability) =
        known.map_or(("Pipeline", 50), |(_, forecast, chance)| (*forecast, *chance));
    if moved && !stage.is_empty() {
        fields.insert("IsClosed".into(), stage.starts_with("Closed").into());
        fields.insert("IsWon".into(), stage.eq_ignore_ascii_case("Closed Won").into());
        if fields.get("Probability").is_none_or(Value::is_null) {
            fields.insert("Probability".into(), written(probability.into(), false));
        }
        if before.is_some() {
            fields.insert("LastStageChangeDate".into(), stamp(org.now).into());
        }
    }
    if text(fields, "ForecastCategoryName").is_empty() {
        fields.insert("ForecastCategoryName".into(), forecast.into());
    }
    let called = |(_, name): &&(&str, &str)| name.eq_ignore_ascii_case(text(fields, "ForecastCategoryName"));
    let category = FORECASTS.iter().find(called).map(|(category, _)| Value::from(*category));
    fields.insert("ForecastCategory".into(), category.unwrap_or_default());
    if let Some(before) = before.filter(|before| before.is("HasOpportunityLineItem")) {
        bound_by_lines(fields, before)?;
    } else if before.is_none() {
        fields.insert("HasOpportunityLineItem".into(), false.into());
    }
    fields.insert("ExpectedRevenue".into(), expected(fields));
    if let Ok(close) = text(fields, "CloseDate").parse::<Date>() {
        fields.insert("FiscalYear".into(), i64::from(close.year()).into());
        fields.insert("FiscalQuarter".into(), i64::from((close.month() - 1) / 3 + 1).into());
    }
    Ok(())
}

/// With lines, an amount by hand is ignored, and another price book or currency refused, in words of ours.
///
/// https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_opportunitylineitem.htm
fn bound_by_lines(fields: &mut Fields, before: &Record) -> Result<(), Refused> {
    fields.insert("Amount".into(), before.get("Amount").clone());
    let moved = |name: &&str| fields.get(*name).unwrap_or(&Value::Null) != before.get(name);
    match ["Pricebook2Id", "CurrencyIsoCode"].into_iter().find(moved) {
        None => Ok(()),
        Some(name) => {
            let message = format!("{name} can't be changed while the opportunity has products");
            Err(Refused::record("FIELD_INTEGRITY_EXCEPTION", message, &[name]))
        }
    }
}

/// What a deal brings on average.
pub(super) fn expected(fields: &Fields) -> Value {
    let number = |name: &str| fields.get(name).and_then(amount);
    let expected = number("Amount").zip(number("Probability")).map(|(amount, chance)| {
        let expected = amount * chance / Decimal::ONE_HUNDRED;
        written(expected.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero), false)
    });
    expected.unwrap_or_default()
}

/// Deals that were won keep their account.
pub(super) fn won(org: &Org, account: &str) -> Option<String> {
    let deals = org.store.table("Opportunity").with("AccountId", account);
    let won: Vec<&str> =
        deals.filter(|it| it.is("IsWon") && !it.is("IsDeleted")).map(|it| it.text("Name")).collect();
    let why = "some opportunities in that account were closed won. The opportunities that could not be deleted are \
               shown below.";
    (!won.is_empty()).then(|| format!("{why}: {}", won.join(", ")))
}

/// https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_order.htm
pub(super) fn order(org: &mut Org, fields: &mut Fields, before: Option<&Record>) -> Result<(), Refused> {
    if before.is_none() {
        let number = org.next_number("Order");
        fields.insert("OrderNumber".into(), format!("{number:08}").into());
        fields.insert("TotalAmount".into(), written(Decimal::ZERO, false));
    }
    let activated = text(fields, "Status") == "Activated";
    let was = before.is_some_and(|before| before.text("Status") == "Activated");
    if activated && !was {
        let id = before.map(|before| before.id.as_str()).unwrap_or_default();
        let mut items = org.store.table("OrderItem").with("OrderId", id);
        if !items.any(|item| !item.is("IsDeleted")) {
            let message = "An order must have at least one product.";
            return Err(Refused::record("FAILED_ACTIVATION", message, &[]));
        }
        fields.insert("ActivatedDate".into(), stamp(org.now).into());
    }
    fields.insert("StatusCode".into(), if activated { "Activated" } else { "Draft" }.into());
    Ok(())
}

/// Its account is the deal's.
pub(super) fn quote(org: &mut Org, fields: &mut Fields, before: Option<&Record>) {
    if before.is_none() {
        let number = org.next_number("Quote");
        fields.insert("QuoteNumber".into(), format!("{number:08}").into());
        fields.insert("LineItemCount".into(), 0.into());
    }
    if let Some(deal) = org.store.table("Opportunity").get(text(fields, "OpportunityId")) {
        fields.insert("AccountId".into(), deal.get("AccountId").clone());
    }
}
