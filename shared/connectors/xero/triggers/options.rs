//! The options of the triggers, checked, and what of them is asked of Xero. What Xero can't be asked is looked at here.

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::kind::Kind;
use crate::domain::outcome::Failure;
use crate::domain::{Object, Value};
use crate::ports::connector::{Changed, Events, Interest};

/// What is watched of a collection. Flows whose filters are equal share a poll.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) status: Vec<String>,
    /// Values of the kind's field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) kind: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contact: Option<String>,
    /// Code or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bank_account: Option<String>,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<String>,
}

impl Filter {
    pub(super) fn of(interest: &Interest) -> Self {
        let text = interest.filter.as_deref().unwrap_or("{}");
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Whether a record is meant, as far as its fields say; `where` is Xero's to answer.
    pub(super) fn takes(&self, kind: &Kind, record: &Value) -> bool {
        let at = |path: &str| path.split('.').fold(record, |value, name| &value[name]).as_str();
        let among = |wanted: &[String], path: &str| {
            wanted.is_empty() || at(path).is_some_and(|is| wanted.iter().any(|want| want == is))
        };
        let is = |wanted: &Option<String>, paths: [&str; 2]| {
            wanted.as_deref().is_none_or(|wanted| {
                paths.iter().any(|path| at(path).is_some_and(|is| is.eq_ignore_ascii_case(wanted)))
            })
        };
        among(&self.status, kind.statuses.field)
            && among(&self.kind, kind.kind_field)
            && is(&self.contact, ["Contact.ContactID", "Invoice.Contact.ContactID"])
            && is(&self.bank_account, ["BankAccount.Code", "BankAccount.AccountID"])
    }
}

pub(super) fn schema(kind: &Kind) -> Value {
    let mut properties = Object::new();
    let mut add = |name: &str, schema: Value| properties.insert(name.to_owned(), schema);
    if !kind.statuses.values.is_empty() {
        let one = json!({"type": "string", "enum": kind.statuses.values});
        add(
            "status",
            json!({"description": "Only records in this status, or in one of these.",
                "anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}),
        );
    }
    if !kind.kinds.is_empty() {
        let words: Vec<&str> = kind.kinds.iter().map(|(word, _)| *word).collect();
        add("kind", json!({"type": "string", "enum": words, "description": "Only records of this kind."}));
    }
    if kind.has_contact {
        add(
            "contact",
            json!({"type": "string", "description": "Only records of the contact with this ContactID."}),
        );
    }
    if kind.has_bank_account {
        add(
            "bank_account",
            json!({"type": "string", "description": "Only records of this bank account: its code or AccountID."}),
        );
    }
    if kind.asked == super::kind::Asked::Where {
        add(
            "where",
            json!({"type": "string", "description": "A condition as Xero's API takes it: Total > 1000."}),
        );
    }
    if kind.updates {
        add(
            "only",
            json!({"type": "string", "enum": ["new", "updated", "both"], "default": "both",
                "description": "Only records that are new, or only new versions of those that are not. A record is new once, \
                    when the other options first fit it, and only if it was made since the flow went live. `updated` \
                    with other options reads every new version, to know which records are not new, and asks for \
                    `where` of those that are left."}),
        );
        add(
            "changed",
            json!({"type": "object", "description": "Only when these fields change: {Status: {to: PAID}}, with `from` \
                and `to` as a value or a list, or {any: [Total, DueDate]}."}),
        );
    }
    add(
        "ignore_own",
        json!({"type": "boolean", "default": true,
            "description": "Whether what Counterfoil itself made or wrote is left out. True unless you say otherwise. \
                A change that ours follows before the next poll is seen as part of ours; `changed` tells the two apart."}),
    );
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

pub(super) fn interest(kind: &Kind, options: &Object) -> Result<Interest, Failure> {
    let mut filter = Filter::default();
    let mut events = if kind.updates { Events::EachVersion } else { Events::First };
    let (mut changed, mut ignore_own) = (None, true);
    let schema = schema(kind);
    for (name, value) in options {
        if schema["properties"].get(name).is_none() {
            let known: Vec<&str> = schema["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .collect();
            let known = known.join(", ");
            return Err(bad(&format!("{} has no option `{name}`; it takes {known}", kind.id)));
        }
        match (name.as_str(), value) {
            ("status", value) => filter.status = words(name, value, kind.statuses.values)?,
            ("kind", Value::String(word)) => {
                let of = kind.kinds.iter().find(|(known, _)| known == word);
                let known: Vec<&str> = kind.kinds.iter().map(|(word, _)| *word).collect();
                let of = of.ok_or_else(|| bad(&format!("`kind` is one of {}", known.join(", "))))?;
                filter.kind = of.1.iter().map(|&value| value.to_owned()).collect();
            }
            ("contact", Value::String(id)) => {
                let id = Uuid::parse_str(id.trim());
                let id =
                    id.map_err(|_| bad("`contact` is a ContactID, a GUID as in the contact's address"))?;
                filter.contact = Some(id.to_string());
            }
            ("bank_account", Value::String(text)) => filter.bank_account = Some(text.trim().to_owned()),
            ("bank_account", Value::Number(number)) => filter.bank_account = Some(number.to_string()),
            ("where", Value::String(text)) if !text.trim().is_empty() => {
                filter.condition = Some(text.trim().to_owned());
            }
            ("only", Value::String(word)) => {
                events = match word.as_str() {
                    "new" => Events::First,
                    "updated" => Events::AfterTheFirst,
                    "both" => Events::EachVersion,
                    _ => return Err(bad("`only` is one of new, updated, both")),
                };
            }
            ("changed", Value::Object(wish)) => changed = Some(Changed::read(wish, field)?),
            ("ignore_own", Value::Bool(flag)) => ignore_own = *flag,
            _ => return Err(bad(&format!("`{name}` can't be {value}"))),
        }
    }
    if changed.is_some() && events != Events::EachVersion {
        return Err(bad("`changed` tells of both new and updated records: leave `only` out"));
    }
    let text = serde_json::to_string(&filter).unwrap_or_default();
    Ok(Interest {
        object: kind.collection.to_owned(),
        filter: (filter != Filter::default()).then_some(text),
        fields: Vec::new(),
        optional_fields: Vec::new(),
        children: Vec::new(),
        changed,
        ignore_own,
        events,
    })
}

/// When a flow with `changed` goes live, only what satisfies it already matters: where that is a status alone, Xero is
/// asked for no more.
pub(super) fn settled(kind: &Kind, interest: &Interest) -> Interest {
    let mut filter = Filter::of(interest);
    if let Some(Changed { fields, any }) = &interest.changed
        && let [change] = fields.as_slice()
        && any.is_empty()
        && change.field == kind.statuses.field
        && change.from.is_none()
        && let Some(to) = &change.to
        && filter.status.is_empty()
    {
        filter.status = to.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
    }
    let text = serde_json::to_string(&filter).unwrap_or_default();
    Interest { filter: Some(text), ..interest.clone() }
}

fn bad(what: &str) -> Failure {
    Failure::new("bad_options", format!("The trigger's options can't be used: {what}. Correct the flow."))
}

fn words(name: &str, value: &Value, known: &[&str]) -> Result<Vec<String>, Failure> {
    let list = match value {
        Value::Array(list) if !list.is_empty() => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let word = |value: &Value| {
        let text = value.as_str()?.trim();
        known.iter().find(|known| known.eq_ignore_ascii_case(text)).map(|&known| known.to_owned())
    };
    let mut words: Vec<String> = list
        .iter()
        .map(|value| {
            word(value).ok_or_else(|| bad(&format!("`{name}: {value}` is none of {}", known.join(", "))))
        })
        .collect::<Result<_, _>>()?;
    words.sort();
    words.dedup();
    Ok(words)
}

/// A path into a document: `Status`, `Contact.ContactID`.
fn field(name: &str) -> Result<String, Failure> {
    let is_name =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.split('.').all(is_name) {
        return Ok(name.to_owned());
    }
    Err(Failure::new("bad_changed", format!("`{name}` is no field of a document")))
}

#[cfg(test)]
mod tests {
    use super::super::{new_bank_transaction, new_or_updated_invoice, new_payment};
    use super::*;

    fn of(kind: &Kind, options: Value) -> Result<Interest, Failure> {
        interest(kind, options.as_object().unwrap())
    }

    #[test]
    fn flows_that_watch_the_same_have_the_same_filter_however_they_write_it() {
        let one = of(&new_or_updated_invoice::KIND, json!({"status": ["PAID", "voided"]})).unwrap();
        let two =
            of(&new_or_updated_invoice::KIND, json!({"status": ["VOIDED", "PAID"], "only": "new"})).unwrap();
        assert_eq!(one.filter, two.filter);
        assert_eq!((one.events, two.events), (Events::EachVersion, Events::First));
        let all = of(&new_or_updated_invoice::KIND, json!({})).unwrap();
        assert_eq!((all.filter, all.ignore_own), (None, true));
    }

    #[test]
    fn what_cant_be_meant_is_refused() {
        for (options, said) in [
            (json!({"status": "OPEN"}), "none of DRAFT"),
            (json!({"bank_account": "090"}), "no option `bank_account`"),
            (json!({"contact": "Acme"}), "a ContactID"),
            (json!({"only": "old"}), "one of new"),
            (json!({"only": "new", "changed": {"Status": {"to": "PAID"}}}), "leave `only` out"),
            (json!({"changed": {"Line Items": {"to": 1}}}), "no field"),
            (json!({"ignore_own": "yes"}), "can't be"),
        ] {
            let failure = of(&new_or_updated_invoice::KIND, options.clone()).unwrap_err();
            assert!(failure.message.contains(said), "{options}: {failure}");
        }
        assert!(of(&new_payment::KIND, json!({"changed": {"Status": {"to": "DELETED"}}})).is_err());
    }

    #[test]
    fn going_live_asks_for_no_more_than_the_status_where_that_is_all_that_matters() {
        let kind = &new_or_updated_invoice::KIND;
        let paid = of(kind, json!({"changed": {"Status": {"to": "PAID"}}})).unwrap();
        assert_eq!(Filter::of(&settled(kind, &paid)).status, ["PAID"]);
        let left = of(kind, json!({"changed": {"Status": {"from": "PAID"}}})).unwrap();
        assert!(Filter::of(&settled(kind, &left)).status.is_empty(), "the value before matters, of all");
    }

    #[test]
    fn what_xero_cant_be_asked_is_looked_at_here() {
        let kind = &new_bank_transaction::KIND;
        let interest = of(kind, json!({"bank_account": "090", "kind": "receive"})).unwrap();
        let filter = Filter::of(&interest);
        let record = json!({"Type": "RECEIVE", "BankAccount": {"Code": "090", "AccountID": "a1"}});
        assert!(filter.takes(kind, &record));
        assert!(!filter.takes(kind, &json!({"Type": "SPEND", "BankAccount": {"Code": "090"}})));
        assert!(!filter.takes(kind, &json!({"Type": "RECEIVE", "BankAccount": {"Code": "091"}})));
    }
}
