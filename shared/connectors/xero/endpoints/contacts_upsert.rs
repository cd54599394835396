//! Contacts, made and changed by one POST.
//!
//! The effect is a *set*: contacts that were found go by their ContactID, new ones by ContactNumber and Name, which
//! Xero keeps unique, so that the same call sent twice leaves the same contacts.

use std::sync::Arc;

use async_trait::async_trait;

use super::{CONTACTS_UPSERT, WRITES, echoes, matched};
use crate::connectors::xero::directory::{Directory, Lesson, normalised};
use crate::connectors::xero::refusals;
use crate::connectors::xero::wire::{
    ACCOUNTING, Became, body_of, deep_link, document, envelope, result, text,
};
use crate::domain::Value;
use crate::domain::effect::EffectKind;
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::{Account, Call, Capacity, Element, Endpoint, MemberOutcome};
use crate::ports::http::{Method, Response};

pub(super) struct ContactsUpsert {
    pub(super) directory: Arc<Directory>,
}

/// Where a person sees a contact.
pub(in crate::connectors::xero) fn contact_url(short_code: &str, id: &str) -> String {
    deep_link(short_code, &format!("/Contacts/View/{id}"))
}

#[async_trait]
impl Endpoint for ContactsUpsert {
    fn id(&self) -> &'static str {
        CONTACTS_UPSERT
    }

    fn effect(&self) -> EffectKind {
        EffectKind::Set
    }

    fn capacity(&self) -> Capacity {
        WRITES
    }

    /// <https://developer.xero.com/documentation/api/accounting/contacts#post-contacts>
    fn compose(&self, _shape: &str, elements: &[Element]) -> Call {
        Call {
            method: Method::Post,
            body: Some(body_of("Contacts", elements.iter().map(|element| element.value.clone()))),
            ..Call::get(format!("{ACCOUNTING}/Contacts")).with_query("summarizeErrors", "false")
        }
    }

    fn settle(&self, shape: &str, elements: &[Element], response: &Response) -> Vec<MemberOutcome> {
        let results = envelope(response, "Contacts").map(|envelope| envelope.elements).unwrap_or_default();
        let by_key = |element: &Element, back: &Value| has_same_key(&element.value, back);
        let by_name = |element: &Element, back: &Value| has_same_name(&element.value, back);
        let by_place = |element: &Element, back: &Value| echoes(&element.value, back, &["Name"]);
        let matched = matched(elements, &results, by_key, by_name, by_place);
        elements.iter().zip(matched).map(|(element, back)| outcome(shape, &element.value, back)).collect()
    }

    fn refused(&self, element: &Element, failure: Failure) -> MemberOutcome {
        match failure.code.as_str() {
            // Learnt below, and planned again: matched anew, or made.
            "not_found" => MemberOutcome::Replan(Failure::new(
                "contact_not_found",
                "Xero knows no contact of this ContactID: it may belong to another organisation, or to a demo company that was reset",
            )),
            _ => refusal(&element.value, failure),
        }
    }

    async fn learn(
        &self,
        elements: &[Element],
        outcomes: &[MemberOutcome],
        account: &dyn Account,
    ) -> Result<(), Fault> {
        let lesson = |(element, outcome): (&Element, &MemberOutcome)| match outcome {
            MemberOutcome::Done(contact) => Some(Lesson::Written(contact.clone())),
            MemberOutcome::Replan(failure) if failure.code == "contact_not_found" => {
                text(&element.value, "ContactID").map(|id| Lesson::Gone(id.to_owned()))
            }
            MemberOutcome::Replan(_) => {
                text(&element.value, "Name").map(|name| Lesson::NameTaken(name.to_owned()))
            }
            MemberOutcome::Failed(failure) => match failure.code.as_str() {
                "contact_archived" => Some(Lesson::Doubted),
                _ => None,
            },
            _ => None,
        };
        let lessons = elements.iter().zip(outcomes).filter_map(lesson).collect();
        self.directory.learn(account, lessons).await
    }
}

fn has_same_key(sent: &Value, back: &Value) -> bool {
    match (text(sent, "ContactID"), text(sent, "ContactNumber")) {
        (Some(id), _) => text(back, "ContactID").is_some_and(|other| other.eq_ignore_ascii_case(id)),
        (None, Some(number)) => {
            text(back, "ContactNumber").is_some_and(|other| normalised(other) == normalised(number))
        }
        (None, None) => false,
    }
}

fn has_same_name(sent: &Value, back: &Value) -> bool {
    let differs = |member| matches!((text(sent, member), text(back, member)), (Some(sent), Some(back)) if normalised(sent) != normalised(back));
    let name = |value| text(value, "Name").map(normalised);
    name(sent).is_some() && name(sent) == name(back) && !differs("ContactID") && !differs("ContactNumber")
}

fn outcome(short_code: &str, sent: &Value, back: Option<&Value>) -> MemberOutcome {
    let Some(back) = back else { return MemberOutcome::Unclear };
    if refusals::is_refused(back) {
        return refusal(sent, refusals::failure(&refusals::messages(back)));
    }
    let Some(id) = text(back, "ContactID") else { return MemberOutcome::Unclear };
    let became = if text(sent, "ContactID").is_some() { Became::Updated } else { Became::Created };
    let url = contact_url(short_code, id);
    MemberOutcome::Done(result(document(back.clone()), "ContactID", became, url))
}

/// A new contact whose name is taken was matched against an old picture; a renamed one collides in truth.
fn refusal(sent: &Value, failure: Failure) -> MemberOutcome {
    match failure.code.as_str() {
        "contact_name_taken" if text(sent, "ContactID").is_none() => MemberOutcome::Replan(failure),
        _ => MemberOutcome::Failed(failure),
    }
}
