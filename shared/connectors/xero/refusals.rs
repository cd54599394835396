//! What Xero's validation messages mean: known texts get stable codes and advice, the rest stay `xero_validation`.
//!
//! Xero's messages have no codes. They are matched by fragments, in lower case, so that a number or a date
//! within them doesn't matter; the whole text always stays in the failure, for the person who reads it.

use crate::domain::Value;
use crate::domain::outcome::Failure;

pub(super) const UNKNOWN: &str = "xero_validation";

/// Fragments that must all be there, the code, and what to do.
/// Texts: <https://developer.xero.com/documentation/api/accounting/responsecodes> and recorded answers.
const KNOWN: &[(&[&str], &str, &str)] = &[
    (
        &["lock date"],
        "period_locked",
        "the date lies in a locked period: use a later date, or have the lock date moved in Xero",
    ),
    (
        &["invoice # must be unique"],
        "number_taken",
        "another invoice has this number: leave the number out, or use a free one",
    ),
    (
        &["matched an archived contact"],
        "contact_archived",
        "restore the contact in Xero, or match another one",
    ),
    (&["contact", "archived"], "contact_archived", "restore the contact in Xero, or match another one"),
    (
        &["already assigned to another contact"],
        "contact_name_taken",
        "another active contact has this name: rename one of them or merge them in Xero, or match by Name",
    ),
    (
        &["not subscribed to currency"],
        "currency_not_subscribed",
        "add the currency in Xero (Settings, Currencies), or use another",
    ),
    (
        &["cannot be used with account code"],
        "tax_type_not_allowed",
        "choose a tax type that fits the account",
    ),
    (
        &["taxtype"],
        "unknown_tax_type",
        "use the tax type's code, not its name: `counterfoil describe` lists the codes",
    ),
    (
        &["tax type"],
        "unknown_tax_type",
        "use the tax type's code, not its name: `counterfoil describe` lists the codes",
    ),
    (
        &["account code", "archived"],
        "account_archived",
        "use an active account: `counterfoil describe` lists the codes",
    ),
    (
        &["account code"],
        "unknown_account_code",
        "use an active account's code: `counterfoil describe` lists them",
    ),
    (
        &["account", "must be specified"],
        "account_required",
        "give every line an AccountCode, or leave the invoice a draft",
    ),
    (&["item code"], "unknown_item_code", "make the item in Xero first, or leave ItemCode out"),
    (
        &["tracking"],
        "unknown_tracking",
        "use a tracking category and option that exist and are active: `counterfoil describe` lists them",
    ),
    (
        &["not of valid status for modification"],
        "not_editable",
        "paid, voided and deleted documents can't be changed: make a credit note instead",
    ),
    (
        &["limit of invoices you can approve"],
        "approval_limit",
        "the organisation's plan allows no more approvals this month: leave invoices as drafts, or upgrade",
    ),
    (&["insufficient stock"], "insufficient_stock", "receive the items in Xero first"),
    (
        &["does not match the expected line total"],
        "line_total_mismatch",
        "leave LineAmount out, or make it Quantity times UnitAmount less the discount",
    ),
    (&["branding theme"], "unknown_branding_theme", "use the id of a branding theme of this organisation"),
];

/// One failure for all messages of an element. The first known one gives the code.
pub(super) fn failure(messages: &[String]) -> Failure {
    if messages.is_empty() {
        return Failure::new(
            UNKNOWN,
            "Xero refused it and gave no reason: try the same in Xero itself to see why",
        );
    }
    let text = messages.join(" | ");
    match messages.iter().find_map(|message| known(message)) {
        Some((code, advice)) => Failure::new(code, format!("Xero says: {text} ({advice})")),
        None => Failure::new(UNKNOWN, format!("Xero says: {text}")),
    }
}

fn known(message: &str) -> Option<(&'static str, &'static str)> {
    let message = message.to_lowercase();
    let row =
        KNOWN.iter().find(|(fragments, ..)| fragments.iter().all(|fragment| message.contains(fragment)));
    row.map(|(_, code, advice)| (*code, *advice))
}

/// Every message of an element, those of its lines and its contact included, each once.
pub(super) fn messages(element: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(element, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for error in object.get("ValidationErrors").and_then(Value::as_array).into_iter().flatten() {
                let Some(message) = error["Message"].as_str() else { continue };
                if !found.iter().any(|known| known == message) {
                    found.push(message.to_owned());
                }
            }
            object
                .iter()
                .filter(|(name, _)| *name != "ValidationErrors")
                .for_each(|(_, inner)| collect(inner, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| collect(inner, found)),
        _ => {}
    }
}

/// Whether an element of an answer was refused. Contacts say it in another member than invoices.
pub(super) fn is_refused(element: &Value) -> bool {
    element["StatusAttributeString"].as_str().is_some_and(|status| status.eq_ignore_ascii_case("ERROR"))
        || element["HasErrors"].as_bool() == Some(true)
        || element["HasValidationErrors"].as_bool() == Some(true)
        || element["ValidationErrors"].as_array().is_some_and(|errors| !errors.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn known_messages_have_codes_of_their_own() {
        for (message, code) in [
            (
                "The document date cannot be before the period lock date, currently set at 31 March 2026",
                "period_locked",
            ),
            (
                "The document date cannot be before the end of year lock date, currently set at 31 March 2026",
                "period_locked",
            ),
            ("Invoice # must be unique.", "number_taken"),
            (
                "The specified contact details matched an archived contact. Archived contacts cannot currently be edited via the API.",
                "contact_archived",
            ),
            (
                "The contact name X is already assigned to another contact. The contact name must be unique across all active contacts.",
                "contact_name_taken",
            ),
            ("Organisation is not subscribed to currency EUR", "currency_not_subscribed"),
            ("The TaxType code 'OUTPUT9' cannot be used with account code '200'.", "tax_type_not_allowed"),
            ("The TaxType field is mandatory", "unknown_tax_type"),
            ("Account code '999' is not a valid code for this document.", "unknown_account_code"),
            ("Account code '999' has been archived.", "account_archived"),
            ("Item code 'X' is not valid", "unknown_item_code"),
            ("Tracking option 'X' doesn't exist", "unknown_tracking"),
            ("Invoice not of valid status for modification", "not_editable"),
            ("You have reached the limit of invoices you can approve", "approval_limit"),
            ("Something that nobody has seen", UNKNOWN),
        ] {
            let failure = failure(&[message.to_owned()]);
            assert_eq!(failure.code, code, "{message}");
            assert!(failure.message.contains(message));
        }
        assert_eq!(failure(&[]).code, UNKNOWN);
    }

    #[test]
    fn errors_of_lines_are_collected_with_those_of_the_document() {
        let element = json!({"ValidationErrors": [{"Message": "a"}], "LineItems": [{"ValidationErrors": [{"Message": "b"}, {"Message": "a"}]}]});
        assert_eq!(messages(&element), ["a", "b"]);
        assert!(is_refused(&element));
        assert!(!is_refused(&json!({"StatusAttributeString": "WARNING", "Warnings": [{"Message": "w"}]})));
    }
}
