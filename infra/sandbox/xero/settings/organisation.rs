//! `/Organisation`: the organisation itself and what may be done in it, read-only. Its path is singular, its collection plural.
//!
//! <https://developer.xero.com/documentation/api/accounting/organisation>

use serde_json::{Map, Value, json};

use crate::xero::answer::{Found, Refusal, Reply};
use crate::xero::body::Put;
use crate::xero::organisation::{FINANCIAL_YEAR_END_MONTH, Organisation};
use crate::xero::plan::Plan;
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

/// It has every feature, whatever it pays for.
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
    body.put("Name", organisation.name.as_str());
    body.put("LegalName", organisation.name.as_str());
    body.put("PaysTax", true);
    body.put("Version", "NZ");
    body.put("OrganisationType", "COMPANY");
    body.put("BaseCurrency", organisation.base_currency.as_str());
    body.put("CountryCode", "NZ");
    body.put("IsDemoCompany", organisation.plan == Plan::Demo);
    body.put("OrganisationStatus", "ACTIVE");
    body.put("FinancialYearEndDay", 31);
    body.put("FinancialYearEndMonth", FINANCIAL_YEAR_END_MONTH);
    body.put("SalesTaxBasis", "PAYMENTS");
    body.put("SalesTaxPeriod", "TWOMONTHS");
    body.put("DefaultSalesTax", "Remember previous");
    body.put("DefaultPurchasesTax", "Remember previous");
    body.put_some("PeriodLockDate", organisation.period_lock.map(wire::day));
    body.put_some("EndOfYearLockDate", organisation.year_end_lock.map(wire::day));
    body.put("CreatedDateUTC", wire::bare_stamp(organisation.created));
    body.put("OrganisationEntityType", "COMPANY");
    body.put("Timezone", "NEWZEALANDSTANDARDTIME");
    body.put("ShortCode", format!("!{}", &organisation.tenant_id.simple().to_string()[..5]));
    body.put("OrganisationID", organisation.tenant_id.to_string());
    body.put("Edition", "BUSINESS");
    body.put("Class", organisation.plan.class());
    body.put("Addresses", json!([]));
    body.put("Phones", json!([]));
    body.put("ExternalLinks", json!([]));
    body.put("PaymentTerms", json!({}));
    Value::Object(body)
}
