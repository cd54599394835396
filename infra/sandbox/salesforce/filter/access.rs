//! How a value is reached from a record: over its parents, to a field, maybe to a part of a date.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::date_parts;
use crate::salesforce::answer::Refused;
use crate::salesforce::objects::{FieldType, Object};
use crate::salesforce::org::Org;
use crate::salesforce::soql::{DatePart, Expression, Function, Name, error_at};
use crate::salesforce::store::Record;
use crate::salesforce::values::{Key, written};

/// From a child over so many parents.
const FURTHEST: usize = 5;

#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// The reference fields to go over.
    pub(crate) hops: Vec<String>,
    pub(crate) field: String,
    pub(crate) kind: FieldType,
    /// Values of a picklist, in lower case, in the order they are sorted by.
    picklist: Vec<String>,
    pub(super) indexed: bool,
    uses: Uses,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Field,
    /// `What.Type`: of which object the parent is.
    Type,
    Part(DatePart, TimeZone),
}

/// What a field is good for.
#[derive(Debug, Clone, Copy)]
struct Uses {
    filterable: bool,
    groupable: bool,
    aggregatable: bool,
}

static FALSE: Value = Value::Bool(false);

impl Access {
    pub(crate) fn bind(org: &Org, text: &str, object: &Arc<Object>, path: &Name) -> Result<Self, Refused> {
        let mut parts = own_path(object, path);
        let field = parts.pop().unwrap_or_default();
        within_reach(text, path, parts.len())?;
        let mut here = object.clone();
        let (mut hops, mut several) = (Vec::new(), false);
        for part in parts {
            let reference = here.parent(part).ok_or_else(|| unknown_relationship(text, path, part))?;
            hops.push(reference.name.clone());
            several = reference.polymorphic() || reference.name == "OwnerId";
            let mut targets = reference.reference_to.iter().filter_map(|name| org.schema.object(name));
            let target = targets.clone().find(|object| object.field(field).is_some()).or(targets.next());
            here = target.cloned().ok_or_else(|| unknown_relationship(text, path, part))?;
        }
        let Some(known) = here.field(field).filter(|_| !(several && field.eq_ignore_ascii_case("Type")))
        else {
            return match several && field.eq_ignore_ascii_case("Type") {
                true => Ok(Self::kind_of_parent(hops)),
                false => Err(unknown_field(text, path, field, &here.name)),
            };
        };
        let picklist = match known.kind {
            FieldType::Picklist => known.picklist.iter().map(|value| value.to_lowercase()).collect(),
            _ => Vec::new(),
        };
        let uses = Uses {
            filterable: known.filterable(),
            groupable: known.groupable(),
            aggregatable: known.aggregatable(),
        };
        let (field, kind, indexed) = (known.name.clone(), known.kind, known.indexed());
        Ok(Self { hops, field, kind, picklist, indexed, uses, what: What::Field })
    }

    fn kind_of_parent(hops: Vec<String>) -> Self {
        let uses = Uses { filterable: true, groupable: true, aggregatable: false };
        let (kind, what) = (FieldType::String, What::Type);
        Self { hops, field: "Type".into(), kind, picklist: Vec::new(), indexed: false, uses, what }
    }

    /// A path, or a part of the date at a path.
    pub(crate) fn of(
        org: &Org,
        text: &str,
        object: &Arc<Object>,
        expression: &Expression,
    ) -> Result<Self, Refused> {
        let access = Self::bind(org, text, object, &expression.path)?;
        let at = expression.path.at;
        let part = match expression.function {
            None => return Ok(access),
            Some(Function::Part(part)) => part,
            Some(_) => {
                let message = "Aggregate functions are only allowed in SELECT, HAVING and ORDER BY";
                return Err(error_at(text, at, "MALFORMED_QUERY", message));
            }
        };
        let timed = matches!(part, DatePart::DayOnly | DatePart::HourInDay) || expression.converted;
        let fits = match access.kind {
            FieldType::DateTime => true,
            FieldType::Date => !timed,
            _ => false,
        };
        if !fits {
            let message = format!("field '{}' does not support this date function", access.field);
            return Err(error_at(text, at, "INVALID_FIELD", &message));
        }
        let zone = if expression.converted { org.zone() } else { TimeZone::UTC };
        let kind = if part == DatePart::DayOnly { FieldType::Date } else { FieldType::Int };
        let uses = Uses { filterable: true, groupable: true, aggregatable: false };
        Ok(Self { kind, uses, what: What::Part(part, zone), indexed: false, ..access })
    }

    pub(crate) fn key<'a>(&self, org: &'a Org, record: &'a Record) -> Key<'a> {
        match &self.what {
            What::Field => Key::of(self.kind, self.value(org, record)),
            What::Part(part, zone) => date_parts::part(*part, zone, self.value(org, record)),
            What::Type => {
                let object = self.holder(org, record).and_then(|parent| org.schema.by_prefix(&parent.id));
                object.map_or(Key::Null, |object| Key::Text(object.name.to_lowercase().into()))
            }
        }
    }

    /// Picklists are sorted as they are listed, what isn't listed last.
    pub(crate) fn sort_key<'a>(&self, org: &'a Org, record: &'a Record) -> Key<'a> {
        match self.key(org, record) {
            Key::Text(text) if !self.picklist.is_empty() => {
                let place = self.picklist.iter().position(|value| *value == text);
                let place = place.unwrap_or(self.picklist.len());
                Key::Text(format!("{place:04} {text}").into())
            }
            key => key,
        }
    }

    /// As a row shows it.
    pub(crate) fn shown(&self, org: &Org, record: &Record) -> Value {
        match (&self.what, self.key(org, record)) {
            (What::Field, _) => self.value(org, record).clone(),
            (What::Part(..), Key::Number(number)) => written(number, true),
            (What::Part(..), Key::Text(text)) => text.into_owned().into(),
            (What::Type, Key::Text(_)) => {
                let object = self.holder(org, record).and_then(|parent| org.schema.by_prefix(&parent.id));
                object.map_or(Value::Null, |object| object.name.clone().into())
            }
            _ => Value::Null,
        }
    }

    pub(crate) fn value<'a>(&self, org: &'a Org, record: &'a Record) -> &'a Value {
        let value = self.holder(org, record).map_or(&Value::Null, |holder| holder.get(&self.field));
        // A checkbox that isn't there, because no parent is, counts as not ticked.
        if value.is_null() && self.kind == FieldType::Boolean { &FALSE } else { value }
    }

    /// The record at the end of the hops.
    fn holder<'a>(&self, org: &'a Org, record: &'a Record) -> Option<&'a Record> {
        self.hops.iter().try_fold(record, |here, hop| parent(org, here.text(hop)).map(|parent| &**parent))
    }

    /// The name of a field of the record itself, unless only a part of it is looked at.
    pub(super) fn own(&self) -> Option<&str> {
        (self.hops.is_empty() && matches!(self.what, What::Field)).then_some(&self.field)
    }

    pub(super) fn filterable(&self, text: &str, at: usize) -> Result<(), Refused> {
        let message = match self.kind {
            _ if self.uses.filterable => return Ok(()),
            FieldType::Address => "Address fields can only be filtered using Distance expressions".to_owned(),
            _ => format!("field '{}' can not be filtered in a query call", self.field),
        };
        Err(error_at(text, at, "INVALID_FIELD", &message))
    }

    pub(crate) fn sortable(&self, text: &str, at: usize) -> Result<(), Refused> {
        self.good_for(self.uses.filterable, text, at, "MALFORMED_QUERY", "sorted")
    }

    pub(crate) fn groupable(&self, text: &str, at: usize) -> Result<(), Refused> {
        self.good_for(self.uses.groupable, text, at, "INVALID_FIELD", "grouped")
    }

    fn good_for(&self, good: bool, text: &str, at: usize, code: &str, what: &str) -> Result<(), Refused> {
        let message = format!("field '{}' can not be {what} in a query call", self.field);
        if good { Ok(()) } else { Err(error_at(text, at, code, &message)) }
    }

    pub(crate) fn aggregatable(&self) -> bool {
        self.uses.aggregatable
    }
}

pub(crate) fn within_reach(text: &str, path: &Name, parents: usize) -> Result<(), Refused> {
    if parents > FURTHEST {
        let message = format!("A relationship path can't go over more than {FURTHEST} parents");
        return Err(error_at(text, path.at, "MALFORMED_QUERY", &message));
    }
    Ok(())
}

/// The parts of a path without the object's own name: `Opportunity.Name` in a query of Opportunities.
pub(crate) fn own_path<'a>(object: &Object, path: &'a Name) -> Vec<&'a str> {
    let parts: Vec<&str> = path.text.split('.').collect();
    let own =
        parts.len() > 1 && parts[0].eq_ignore_ascii_case(&object.name) && object.parent(parts[0]).is_none();
    if own { parts[1..].to_vec() } else { parts }
}

pub(crate) fn parent<'a>(org: &'a Org, id: &str) -> Option<&'a Arc<Record>> {
    let object = org.schema.by_prefix(id)?;
    org.store.table(&object.name).get(id)
}

pub(crate) fn unknown_field(text: &str, path: &Name, field: &str, entity: &str) -> Refused {
    let message = format!(
        "No such column '{field}' on entity '{entity}'. If you are attempting to use a custom field, be sure to \
         append the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
         appropriate names."
    );
    error_at(text, path.at, "INVALID_FIELD", &message)
}

pub(crate) fn unknown_relationship(text: &str, path: &Name, part: &str) -> Refused {
    let message = format!(
        "Didn't understand relationship '{part}' in field path. If you are attempting to use a custom relationship, \
         be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe \
         call for the appropriate names."
    );
    error_at(text, path.at, "INVALID_FIELD", &message)
}
