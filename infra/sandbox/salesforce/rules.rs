//! What Salesforce itself works out or insists on, object by object: names put together, stages that close,
//! totals of lines, members that are there already.

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::answer::Refused;
use super::objects::{FieldType, Object};
use super::org::Org;
use super::store::{Fields, Record};
use super::values::{amount, stamp, written};

/// Stage, its forecast category, its probability.
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

/// Fills what is worked out, before the required fields are looked at.
pub(crate) fn derive(
    org: &mut Org,
    object: &Object,
    fields: &mut Fields,
    before: Option<&Record>,
) -> Result<(), Refused> {
    match object.name.as_str() {
        "Contact" | "Lead" | "User" => person(fields),
        "Opportunity" => opportunity(org, fields, before),
        "OpportunityLineItem" => line(org, fields, before)?,
        "PricebookEntry" => entry(org, fields),
        "Case" => case(org, fields, before),
        "CampaignMember" => member(org, fields, before)?,
        "Task" => task(org, fields),
        "Event" => event(fields)?,
        _ => {}
    }
    Ok(())
}

/// After a line was written or deleted: the Opportunity's amount follows its lines, and its stamp moves.
pub(crate) fn settle_parent(org: &mut Org, object: &Object, record: &Record) {
    if object.name != "OpportunityLineItem" {
        return;
    }
    let id = record.text("OpportunityId");
    let Some(before) = org.store.table("Opportunity").get(id).cloned() else { return };
    let lines: Vec<_> = org.store.table("OpportunityLineItem").with("OpportunityId", id).collect();
    let alive = lines.iter().filter(|line| !line.is("IsDeleted"));
    let total: Decimal = alive.clone().filter_map(|line| amount(line.get("TotalPrice"))).sum();
    let quantity: Decimal = alive.clone().filter_map(|line| amount(line.get("Quantity"))).sum();
    let any = alive.count() > 0;
    let mut after = (*before).clone();
    if any {
        after.fields.insert("Amount".into(), written(total, false));
        after.fields.insert("TotalOpportunityQuantity".into(), written(quantity, false));
    }
    after.fields.insert("HasOpportunityLineItem".into(), any.into());
    let stamp = record.get("SystemModstamp").clone();
    after.fields.insert("LastModifiedById".into(), record.get("LastModifiedById").clone());
    after.fields.insert("LastModifiedDate".into(), stamp.clone());
    after.fields.insert("SystemModstamp".into(), stamp);
    let Some(object) = org.schema.object("Opportunity").cloned() else { return };
    org.store.put(&object, after);
}

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn person(fields: &mut Fields) {
    let parts = [text(fields, "FirstName"), text(fields, "LastName")];
    let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    fields.insert("Name".into(), if name.is_empty() { Value::Null } else { name.into() });
}

fn opportunity(org: &Org, fields: &mut Fields, before: Option<&Record>) {
    let stage = text(fields, "StageName").to_owned();
    let moved = before.is_none_or(|before| before.text("StageName") != stage);
    if moved && !stage.is_empty() {
        let known = STAGES.iter().find(|(name, _, _)| name.eq_ignore_ascii_case(&stage));
        let (forecast, probability) =
            known.map_or(("Pipeline", 50), |(_, forecast, chance)| (*forecast, *chance));
        fields.insert("IsClosed".into(), stage.starts_with("Closed").into());
        fields.insert("IsWon".into(), stage.eq_ignore_ascii_case("Closed Won").into());
        fields.insert("Probability".into(), written(probability.into(), false));
        fields.insert("ForecastCategory".into(), forecast.into());
        fields.insert("ForecastCategoryName".into(), forecast.into());
        if before.is_some() {
            fields.insert("LastStageChangeDate".into(), stamp(org.now).into());
        }
    }
    // An amount that follows from lines is not overwritten by hand.
    if let Some(before) = before.filter(|before| before.is("HasOpportunityLineItem")) {
        fields.insert("Amount".into(), before.get("Amount").clone());
    } else if before.is_none() {
        fields.insert("HasOpportunityLineItem".into(), false.into());
    }
    let number = |name: &str| fields.get(name).and_then(amount);
    let expected = number("Amount").zip(number("Probability")).map(|(amount, chance)| {
        let expected = (amount * chance / Decimal::ONE_HUNDRED)
            .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        written(expected, false)
    });
    fields.insert("ExpectedRevenue".into(), expected.unwrap_or_default());
    if let Ok(close) = text(fields, "CloseDate").parse::<Date>() {
        fields.insert("FiscalYear".into(), i64::from(close.year()).into());
        fields.insert("FiscalQuarter".into(), i64::from((close.month() - 1) / 3 + 1).into());
    }
}

/// The product comes through the price book entry; exactly one of unit price and total price is given.
fn line(org: &Org, fields: &mut Fields, before: Option<&Record>) -> Result<(), Refused> {
    let entry = org.store.table("PricebookEntry").get(text(fields, "PricebookEntryId")).cloned();
    if let Some(entry) = &entry {
        fields.insert("Product2Id".into(), entry.get("Product2Id").clone());
        fields.insert("ListPrice".into(), entry.get("UnitPrice").clone());
    } else if text(fields, "PricebookEntryId").is_empty() && text(fields, "Product2Id").is_empty() {
        let message = "Required fields are missing: [PricebookEntryId]";
        return Err(Refused::record("REQUIRED_FIELD_MISSING", message, &["PricebookEntryId"]));
    }
    let product = org.store.table("Product2").get(text(fields, "Product2Id")).cloned();
    let deal = org.store.table("Opportunity").get(text(fields, "OpportunityId")).cloned();
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
    let cents = |amount: Decimal| amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
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

fn entry(org: &Org, fields: &mut Fields) {
    if let Some(product) = org.store.table("Product2").get(text(fields, "Product2Id")) {
        fields.insert("Name".into(), product.get("Name").clone());
        fields.insert("ProductCode".into(), product.get("ProductCode").clone());
    }
}

fn case(org: &mut Org, fields: &mut Fields, before: Option<&Record>) {
    if before.is_none() {
        org.cases += 1;
        fields.insert("CaseNumber".into(), format!("{:08}", 1000 + org.cases).into());
    }
    let closed = text(fields, "Status") == "Closed";
    let closed_at = match before.filter(|before| before.is("IsClosed")) {
        _ if !closed => Value::Null,
        Some(before) => before.get("ClosedDate").clone(),
        None => stamp(org.now).into(),
    };
    fields.insert("ClosedDate".into(), closed_at);
    fields.insert("IsClosed".into(), closed.into());
}

fn member(org: &Org, fields: &mut Fields, before: Option<&Record>) -> Result<(), Refused> {
    let (contact, lead) = (text(fields, "ContactId").to_owned(), text(fields, "LeadId").to_owned());
    if contact.is_empty() == lead.is_empty() {
        let message = "Campaign Member: Only one of LeadId and ContactId must be specified";
        return Err(Refused::record("FIELD_INTEGRITY_EXCEPTION", message, &[]));
    }
    let (field, id) = if contact.is_empty() { ("LeadId", lead) } else { ("ContactId", contact) };
    let campaign = text(fields, "CampaignId");
    let mut others = org.store.table("CampaignMember").with(field, &id);
    let there = others.any(|other| other.text("CampaignId") == campaign && !other.is("IsDeleted"));
    if before.is_none() && there {
        return Err(Refused::record("DUPLICATE_VALUE", "Already a campaign member.", &[]));
    }
    let responded = text(fields, "Status") == "Responded";
    fields.insert("HasResponded".into(), responded.into());
    Ok(())
}

fn task(org: &Org, fields: &mut Fields) {
    let completed = text(fields, "Status") == "Completed";
    fields.insert("IsClosed".into(), completed.into());
    fields.insert("IsHighPriority".into(), (text(fields, "Priority") == "High").into());
    let what = text(fields, "WhatId").to_owned();
    let account = match what.get(..3) {
        Some("001") => what.into(),
        Some("006") => org
            .store
            .table("Opportunity")
            .get(&what)
            .map_or(Value::Null, |deal| deal.get("AccountId").clone()),
        _ => Value::Null,
    };
    fields.insert("AccountId".into(), account);
}

fn event(fields: &mut Fields) -> Result<(), Refused> {
    let start = [text(fields, "StartDateTime"), text(fields, "ActivityDateTime")];
    let start = start.into_iter().find(|at| !at.is_empty()).unwrap_or_default().to_owned();
    if start.is_empty() && text(fields, "ActivityDate").is_empty() {
        let message = "Required fields are missing: [ActivityDateTime]";
        return Err(Refused::record("REQUIRED_FIELD_MISSING", message, &["ActivityDateTime"]));
    }
    if !start.is_empty() {
        fields.insert("ActivityDate".into(), start[..10].into());
        fields.insert("StartDateTime".into(), start.clone().into());
        fields.insert("ActivityDateTime".into(), start.into());
    }
    Ok(())
}

/// Fields of type address are read only, put together from their parts.
pub(crate) fn address(object: &Object, record: &Record, name: &str) -> Value {
    let prefix = name.trim_end_matches("Address");
    let part = |what: &str| record.get(&format!("{prefix}{what}")).clone();
    if object.field(name).is_none_or(|field| field.kind != FieldType::Address) {
        return Value::Null;
    }
    let parts = ["City", "Country", "PostalCode", "State", "Street"];
    if parts.iter().all(|what| part(what).is_null()) {
        return Value::Null;
    }
    serde_json::json!({
        "city": part("City"), "country": part("Country"), "geocodeAccuracy": null, "latitude": null,
        "longitude": null, "postalCode": part("PostalCode"), "state": part("State"), "street": part("Street"),
    })
}
