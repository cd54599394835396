//! `/Organisation`: the organisation itself and what may be done in it, read-only. Its path is singular, its collection plural.
//!
//! <https://developer.xero.com/documentation/api/accounting/organisation>

use serde_json::{Map, Value, json};

use crate::xero::answer::{Found, Refusal, Reply};
use crate::xero::organisation::{FINANCIAL_YEAR_END_MONTH, Organisation};
use crate::xero::reading::single;
use crate::xero::request::Request;
use crate::xero::wire;

pub(crate) fn serve(organisation: &mut Organisation, request: &Request) -> Result<Reply, Refusal> {
    let own_id = organisation.tenant_id.to_string();
    match (request.method.as_str(), request.path.get(1)) {
        ("GET", Some(part)) if part == "Actions" => {
            Ok(Found { key: "Actions", elements: actions(), pagination: None }.into())
        }
        ("GET", None) => Ok(single("Organisations", as_json(organisation)).into()),
        ("GET", Some(id)) if *id == own_id => Ok(single("Organisations", as_json(organisation)).into()),
        ("GET", _) => Err(Refusal::NotFound),
        _ => Err(Refusal::NotImplemented),
    }
}

/// A demo company has every feature of every plan.
fn actions() -> Vec<Value> {
    let names = [
        "CreateApprovedInvoice",
        "CreateDraftPurchaseOrder",
        "CreateApprovedBill",
        "AttachFilesIntoInvoice",
        "UseMulticurrency",
        "CreateDraftInvoice",
        "CreateRepeatingInvoice",
        "CreateRepeatingBill",
        "CreateSentQuote",
        "CreateInvoicePayment",
        "CreateApprovedPurchaseOrder",
        "CreateDraftQuote",
        "CreateDraftBill",
    ];
    names.map(|name| json!({ "Name": name, "Status": "ALLOWED" })).to_vec()
}

fn as_json(organisation: &Organisation) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("Name", organisation.name.as_str().into());
    put("LegalName", organisation.name.as_str().into());
    put("PaysTax", true.into());
    put("Version", "NZ".into());
    put("OrganisationType", "COMPANY".into());
    put("BaseCurrency", organisation.base_currency.as_str().into());
    put("CountryCode", "NZ".into());
    put("IsDemoCompany", true.into());
    put("OrganisationStatus", "ACTIVE".into());
    put("FinancialYearEndDay", 31.into());
    put("FinancialYearEndMonth", FINANCIAL_YEAR_END_MONTH.into());
    put("SalesTaxBasis", "PAYMENTS".into());
    put("SalesTaxPeriod", "TWOMONTHS".into());
    put("DefaultSalesTax", "Remember previous".into());
    put("DefaultPurchasesTax", "Remember previous".into());
    if let Some(lock) = organisation.period_lock {
        put("PeriodLockDate", wire::day(lock));
    }
    if let Some(lock) = organisation.year_end_lock {
        put("EndOfYearLockDate", wire::day(lock));
    }
    put("CreatedDateUTC", wire::bare_stamp(organisation.created));
    put("OrganisationEntityType", "COMPANY".into());
    put("Timezone", "NEWZEALANDSTANDARDTIME".into());
    put("ShortCode", format!("!{}", &organisation.tenant_id.simple().to_string()[..5]).into());
    put("OrganisationID", organisation.tenant_id.to_string().into());
    put("Edition", "BUSINESS".into());
    put("Class", "DEMO".into());
    put("Addresses", json!([]));
    put("Phones", json!([]));
    put("ExternalLinks", json!([]));
    put("PaymentTerms", json!({}));
    Value::Object(body)
}
