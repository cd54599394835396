//! What a query is from. Links of files are told of only where it says of which document, or of which record.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contentdocumentlink.htm

use std::sync::Arc;

use crate::salesforce::answer::Refused;
use crate::salesforce::filter::own_path;
use crate::salesforce::objects::Object;
use crate::salesforce::org::Org;
use crate::salesforce::soql::{Condition, Literal, Name, Operand, Operator, Select, error_at};

pub(super) fn source(org: &Org, text: &str, select: &Select) -> Result<Arc<Object>, Refused> {
    let object = object_of(org, text, &select.from)?;
    let narrow = || select.condition.as_ref().is_some_and(|condition| is_narrow(&object, condition));
    if object.name == "ContentDocumentLink" && !narrow() {
        let message = "Implementation restriction: ContentDocumentLink requires a filter by a single Id on \
                       ContentDocumentId or LinkedEntityId using the equals operator or multiple Id's using the IN \
                       operator.";
        return Err(Refused::new(400, "MALFORMED_QUERY", message));
    }
    Ok(object)
}

/// Whether only links at one end that is named are accepted, or one link by its own id.
fn is_narrow(object: &Object, condition: &Condition) -> bool {
    match condition {
        Condition::And(all) => all.iter().any(|condition| is_narrow(object, condition)),
        Condition::Test { left, operator: Operator::Equal | Operator::In, operand } => {
            let ends = ["ContentDocumentId", "LinkedEntityId", "Id"];
            let path = own_path(object, &left.path);
            let at_an_end = path.len() == 1 && ends.iter().any(|end| end.eq_ignore_ascii_case(path[0]));
            at_an_end && *operand != Operand::One(Literal::Null)
        }
        _ => false,
    }
}

pub(super) fn object_of(org: &Org, text: &str, name: &Name) -> Result<Arc<Object>, Refused> {
    org.schema.object(&name.text).cloned().ok_or_else(|| {
        let message = format!(
            "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the \
             '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            name.text
        );
        error_at(text, name.at, "INVALID_TYPE", &message)
    })
}
