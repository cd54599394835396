//! How lines are read from what was sent, completed from item and account, checked and taxed.
//!
//! Which kind of document they are of comes in as `Terms`.

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::line::{Line, Tracking};
use crate::xero::documents::stock::Moves;
use crate::xero::documents::tax::{LineAmountTypes, line_amount, line_tax};
use crate::xero::messages::{About, Messages};
use crate::xero::organisation::Organisation;
use crate::xero::settings::tracking::{TrackingCategory, TrackingStatus};
use crate::xero::wire::{places, read_number};
use crate::xero::writing::{given, text_of};

const LONGEST_DESCRIPTION: usize = 4_000;
const LONGEST_QUANTITY: usize = 13;
const MOST_TRACKING: usize = 2;

/// What the document is, as far as its lines must know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) is_sale: bool,
    pub(crate) amounts: LineAmountTypes,
    /// Submitted or authorised: accounts are needed.
    pub(crate) approved: bool,
    /// Bills and credit notes have no discounts.
    pub(crate) discounted: bool,
    /// A line without a tax type takes its account's; a quote's takes none, and has no tax.
    pub(crate) taxed_by_account: bool,
    /// An overpayment: its lines are on what is owed, where no others may be.
    pub(crate) on_control: bool,
    pub(crate) unit_places: u32,
    /// What it does to the stock, if it is so far.
    pub(crate) moves: Option<Moves>,
}

impl Terms {
    /// Those of a draft without discounts.
    pub(crate) fn of(is_sale: bool, amounts: LineAmountTypes, unit_places: u32) -> Self {
        Self {
            is_sale,
            amounts,
            approved: false,
            discounted: false,
            taxed_by_account: true,
            on_control: false,
            unit_places,
            moves: None,
        }
    }
}

/// A line that carries the id of one that exists changes it; any other is new.
pub(crate) fn read_lines(
    organisation: &mut Organisation,
    sent: &[Value],
    before: &[Line],
    terms: Terms,
    messages: &mut Messages,
) -> Vec<Line> {
    let mut lines = Vec::with_capacity(sent.len());
    for (place, sent) in sent.iter().enumerate() {
        let Value::Object(sent) = sent else { continue };
        let id = given(sent, "LineItemID").and_then(|id| Uuid::parse_str(&id).ok());
        let held = id.and_then(|id| before.iter().find(|line| line.id == id));
        let mut line = match held {
            Some(line) => line.clone(),
            None => Line { id: organisation.ids.next(), ..Line::default() },
        };
        messages.about(About::Line(place), |messages| {
            read_line(organisation, &mut line, sent, terms, messages);
        });
        lines.push(line);
    }
    lines
}

fn read_line(
    organisation: &Organisation,
    line: &mut Line,
    sent: &Map<String, Value>,
    terms: Terms,
    messages: &mut Messages,
) {
    let (amount_held, tax_type_held) = (line.line_amount, line.tax_type.clone());
    if let Some(code) = given(sent, "ItemCode") {
        match organisation.item(&code) {
            Some(item) => {
                line.item = Some((item.id, item.code.clone(), item.name.clone()));
                let (description, details) = item.on(terms.is_sale);
                if line.description.is_none() && !description.is_empty() {
                    line.description = Some(description.to_owned());
                }
                line.unit_amount = line.unit_amount.or(details.unit_price);
                line.account_code = line.account_code.take().or_else(|| details.account_code.clone());
                line.tax_type = line.tax_type.take().or_else(|| details.tax_type.clone());
            }
            None => messages.push(format!("Item code '{code}' is not valid")),
        }
    }
    let mut amount = |field: &str| match sent.get(field) {
        None | Some(Value::Null) => None,
        Some(value) => read_number(value).or_else(|| {
            messages.push(format!("The {field} '{value}' is not a number"));
            None
        }),
    };
    let quantity = amount("Quantity");
    let unit_amount = amount("UnitAmount").map(|unit| places(unit, terms.unit_places));
    let discount_rate = amount("DiscountRate");
    let discount_amount = amount("DiscountAmount");
    let total = amount("LineAmount");
    let tax_sent = amount("TaxAmount").map(|tax| places(tax, 2));
    line.quantity = quantity.or(line.quantity);
    line.unit_amount = unit_amount.or(line.unit_amount);
    line.discount_rate = discount_rate.or(line.discount_rate);
    line.discount_amount = discount_amount.or(line.discount_amount);
    if let Some(text) = text_of(sent, "Description") {
        line.description = Some(text);
    }
    if let Some(code) = given(sent, "AccountCode") {
        line.account_code = Some(code);
    }
    check_tracked(organisation, line, terms, messages);
    if let Some(code) = given(sent, "TaxType") {
        line.tax_type = Some(code);
    }
    if line.unit_amount.is_some() || total.is_some() {
        line.quantity = line.quantity.or(Some(Decimal::ONE));
    }
    if let (None, Some(total), Some(quantity)) = (line.unit_amount, total, line.quantity) {
        line.unit_amount = total.checked_div(quantity).map(|unit| places(unit, 4));
    }
    check_amounts(line, total, terms, messages);
    // The tax that was sent once stays as long as what it is the tax of.
    let is_taxed_alike = line.line_amount == amount_held && line.tax_type == tax_type_held;
    line.tax_sent = tax_sent.or(line.tax_sent.filter(|_| is_taxed_alike));
    if let Some(tracking) = sent.get("Tracking").and_then(Value::as_array) {
        line.tracking = read_tracking(organisation, tracking, messages);
    }
}

/// What is bought of a tracked item is on the account of its stock.
fn check_tracked(organisation: &Organisation, line: &mut Line, terms: Terms, messages: &mut Messages) {
    let item = line.item.as_ref().and_then(|(id, ..)| organisation.shelves.items.get(*id));
    let Some(stock) = item.and_then(|item| item.inventory_account.as_ref()).filter(|_| !terms.is_sale) else {
        return;
    };
    let code = line.account_code.get_or_insert_with(|| stock.clone());
    if code != stock {
        messages.push(format!("Account code '{code}' cannot be used for a tracked item, only '{stock}'"));
    }
}

fn check_amounts(line: &mut Line, total: Option<Decimal>, terms: Terms, messages: &mut Messages) {
    if line.description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        messages.push(format!("The Description field must not exceed {LONGEST_DESCRIPTION} characters"));
    }
    if line.quantity.is_some_and(|quantity| quantity.to_string().len() > LONGEST_QUANTITY) {
        messages.push(format!("The Quantity must not be longer than {LONGEST_QUANTITY} characters"));
    }
    if !terms.discounted && (line.discount_rate.is_some() || line.discount_amount.is_some()) {
        messages.push("Discounts can only be applied to ACCREC invoices and quotes".to_owned());
    }
    if line.discount_rate.is_some_and(|rate| rate < Decimal::ZERO || rate > Decimal::ONE_HUNDRED) {
        messages.push("The DiscountRate must be between 0 and 100".to_owned());
    }
    let (quantity, unit) = (line.quantity.unwrap_or_default(), line.unit_amount.unwrap_or_default());
    if quantity.checked_mul(unit).is_none_or(|full| full.abs() > Decimal::new(999_999_999_999, 2)) {
        messages.push("The line total must not exceed 9,999,999,999.99".to_owned());
        return;
    }
    line.line_amount = line_amount(quantity, unit, line.discount_rate, line.discount_amount);
    if let Some(total) = total.filter(|total| (total - line.line_amount).abs() > Decimal::new(1, 2)) {
        messages.push(format!(
            "The line total {} does not match the expected line total {}",
            places(total, 2),
            line.line_amount
        ));
    }
}

pub(crate) fn read_tracking(
    organisation: &Organisation,
    sent: &[Value],
    messages: &mut Messages,
) -> Vec<Tracking> {
    if sent.len() > MOST_TRACKING {
        messages.push(format!("A line item can have at most {MOST_TRACKING} tracking categories"));
    }
    let mut tracking = Vec::new();
    for sent in sent.iter().filter_map(Value::as_object) {
        let named = |field: &str, id: Uuid, name: &str, by_name: &str| match given(sent, field) {
            Some(wanted) => wanted == id.to_string(),
            None => given(sent, by_name).is_some_and(|wanted| wanted.eq_ignore_ascii_case(name)),
        };
        // An option's id alone is enough.
        let option_id = given(sent, "TrackingOptionID").and_then(|id| Uuid::parse_str(&id).ok());
        let has_option =
            |held: &TrackingCategory| held.options.iter().any(|option| Some(option.id) == option_id);
        let category = organisation.shelves.tracking.since(None).find(|held| {
            held.is_active() && (named("TrackingCategoryID", held.id, &held.name, "Name") || has_option(held))
        });
        let Some(category) = category else {
            let name = given(sent, "Name").or_else(|| given(sent, "TrackingCategoryID")).unwrap_or_default();
            messages.push(format!("The Tracking Category '{name}' does not exist"));
            continue;
        };
        let mut options = category.options.iter().filter(|option| option.status == TrackingStatus::Active);
        let option = options.find(|option| named("TrackingOptionID", option.id, &option.name, "Option"));
        match option {
            Some(option) => tracking.push(Tracking {
                category_id: category.id,
                option_id: option.id,
                category: category.name.clone(),
                option: option.name.clone(),
            }),
            None => {
                let option = given(sent, "Option").unwrap_or_default();
                messages.push(format!(
                    "The Tracking Option '{option}' does not exist in Tracking Category '{}'",
                    category.name
                ));
            }
        }
    }
    tracking
}

/// Accounts, tax types and tax of all lines, again on every save: approving a draft checks what it has.
pub(crate) fn settle(organisation: &Organisation, lines: &mut [Line], terms: Terms, messages: &mut Messages) {
    for (place, line) in lines.iter_mut().enumerate() {
        messages.about(About::Line(place), |messages| settle_line(organisation, line, terms, messages));
    }
}

fn settle_line(organisation: &Organisation, line: &mut Line, terms: Terms, messages: &mut Messages) {
    let account = line.account_code.as_deref().and_then(|code| organisation.account(code));
    line.account_id = account.map(|account| account.id);
    let counts = line.unit_amount.is_some() || line.item.is_some();
    if terms.approved {
        match &line.account_code {
            Some(code) if !terms.on_control && !organisation.is_usable(code) => messages.push(unusable(code)),
            None if counts => messages.push("Account code must be specified".to_owned()),
            _ => {}
        }
        check_description(line, messages);
    }
    if terms.amounts == LineAmountTypes::NoTax {
        line.tax_type = Some("NONE".to_owned());
        line.tax_amount = Decimal::ZERO;
        return;
    }
    if line.tax_type.is_none() && terms.taxed_by_account {
        line.tax_type = account.map(|account| account.tax_type.clone());
    }
    let rate = match line.tax_type.as_deref() {
        None => Decimal::ZERO,
        Some(code) => match organisation.tax_rate(code) {
            None => {
                messages.push(format!(
                    "The TaxType code {code} does not exist or cannot be used for this type of transaction."
                ));
                Decimal::ZERO
            }
            Some(rate) => {
                let fits = account.is_none_or(|account| match account.class.as_str() {
                    "REVENUE" => rate.for_revenue,
                    "EXPENSE" => rate.for_expenses,
                    _ => true,
                });
                if !fits {
                    let account = line.account_code.as_deref().unwrap_or_default();
                    messages.push(format!(
                        "The TaxType code '{code}' cannot be used with account code '{account}'."
                    ));
                }
                rate.rate
            }
        },
    };
    line.tax_amount = line.tax_sent.unwrap_or_else(|| line_tax(line.line_amount, rate, terms.amounts));
}

/// What quotes and purchase orders ask of their lines: there are some, and the accounts that are named can be
/// used. None need be named.
pub(crate) fn check_order(organisation: &Organisation, lines: &[Line], messages: &mut Messages) {
    if lines.is_empty() {
        messages.push("One or more line items must be specified".to_owned());
    }
    for (place, line) in lines.iter().enumerate() {
        messages.about(About::Line(place), |messages| {
            if let Some(code) = line.account_code.as_deref().filter(|code| !organisation.is_usable(code)) {
                messages.push(unusable(code));
            }
            check_description(line, messages);
        });
    }
}

fn check_description(line: &Line, messages: &mut Messages) {
    if line.description.as_deref().is_none_or(str::is_empty) {
        messages.push("Description must be specified for each line item");
    }
}

pub(crate) fn unusable(code: &str) -> String {
    format!("Account code '{code}' is not a valid code for this document.")
}
