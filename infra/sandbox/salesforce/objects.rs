//! The schema: which objects the org has, their fields, types, lengths and relationships.
//!
//! Standard objects are read from `standard_objects.txt`; custom ones are added with the same words, by
//! tests through Rust and by people through `/_sandbox/fields`.

mod words;

use std::collections::HashMap;
use std::sync::Arc;

use words::field;

/// What every org has, in words that its header explains.
const STANDARD: &str = include_str!("standard_objects.txt");

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum FieldType {
    Id,
    String,
    Textarea,
    Phone,
    Url,
    Email,
    Picklist,
    MultiPicklist,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    Time,
    Reference,
    Address,
    Base64,
}

impl FieldType {
    /// As describe writes it.
    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, kind)| *kind == self).map_or("string", |(name, _)| name)
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }

    pub(crate) fn is_id(self) -> bool {
        matches!(self, Self::Id | Self::Reference)
    }

    pub(crate) fn is_text(self) -> bool {
        !self.is_number()
            && !self.is_id()
            && !matches!(
                self,
                Self::Boolean | Self::Date | Self::DateTime | Self::Time | Self::Address | Self::Base64
            )
    }
}

const NAMES: [(&str, FieldType); 19] = [
    ("id", FieldType::Id),
    ("string", FieldType::String),
    ("textarea", FieldType::Textarea),
    ("phone", FieldType::Phone),
    ("url", FieldType::Url),
    ("email", FieldType::Email),
    ("picklist", FieldType::Picklist),
    ("multipicklist", FieldType::MultiPicklist),
    ("boolean", FieldType::Boolean),
    ("int", FieldType::Int),
    ("double", FieldType::Double),
    ("currency", FieldType::Currency),
    ("percent", FieldType::Percent),
    ("date", FieldType::Date),
    ("datetime", FieldType::DateTime),
    ("time", FieldType::Time),
    ("reference", FieldType::Reference),
    ("address", FieldType::Address),
    ("base64", FieldType::Base64),
];

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: FieldType,
    /// Characters; 0 where it has no meaning.
    pub(crate) length: usize,
    pub(crate) precision: u32,
    pub(crate) scale: u32,
    pub(crate) required: bool,
    pub(crate) createable: bool,
    pub(crate) updateable: bool,
    pub(crate) unique: bool,
    pub(crate) external_id: bool,
    pub(crate) id_lookup: bool,
    pub(crate) restricted: bool,
    /// Exists only in an org with several currencies.
    pub(crate) multi_currency: bool,
    /// The child is nothing without its parent.
    pub(crate) master: bool,
    /// A child that can be without its parent is deleted along with it all the same.
    #[serde(default)]
    pub(crate) cascade: bool,
    /// A parent that has such a child can't be deleted.
    #[serde(default)]
    pub(crate) restrict: bool,
    pub(crate) picklist: Vec<String>,
    pub(crate) default: Option<String>,
    pub(crate) reference_to: Vec<String>,
    pub(crate) relationship: Option<String>,
    pub(crate) children: Option<String>,
}

impl Field {
    /// Kept in an index by value: what records are looked up by.
    pub(crate) fn indexed(&self) -> bool {
        self.kind == FieldType::Reference || self.external_id || self.unique || self.id_lookup
    }

    /// The child goes to the recycle bin along with its parent, and comes back with it.
    pub(crate) fn goes_along(&self) -> bool {
        self.master || self.cascade
    }

    pub(crate) fn polymorphic(&self) -> bool {
        self.reference_to.len() > 1
    }

    /// Too long for conditions and orders; pages of a query that reads it are shorter.
    pub(crate) fn long_text(&self) -> bool {
        self.kind == FieldType::Textarea && self.length > 255
    }

    /// In conditions and orders. Long texts, addresses and files can be read, not searched.
    pub(crate) fn filterable(&self) -> bool {
        !self.long_text() && !matches!(self.kind, FieldType::Address | FieldType::Base64)
    }

    pub(crate) fn groupable(&self) -> bool {
        let fine = self.kind.is_number() && self.kind != FieldType::Int;
        self.filterable()
            && !fine
            && !matches!(self.kind, FieldType::DateTime | FieldType::Time | FieldType::MultiPicklist)
    }

    /// What MIN, MAX and COUNT take.
    pub(crate) fn aggregatable(&self) -> bool {
        self.filterable() && !matches!(self.kind, FieldType::Boolean | FieldType::MultiPicklist)
    }
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) plural: String,
    pub(crate) prefix: String,
    pub(crate) fields: Vec<Field>,
    #[serde(serialize_with = "crate::pairs::in_order")]
    by_name: HashMap<String, usize>,
}

impl Object {
    /// Names are compared without case, as Salesforce does.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        let place = match self.by_name.get(name) {
            Some(place) => place,
            None => self.by_name.get(&name.to_ascii_lowercase())?,
        };
        Some(&self.fields[*place])
    }

    /// The reference field behind `Account` in `Account.Name`.
    pub(crate) fn parent(&self, relationship: &str) -> Option<&Field> {
        self.fields.iter().find(|field| {
            field.relationship.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(relationship))
        })
    }

    pub(crate) fn custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    fn add(&mut self, field: Field) {
        let place = self.fields.len();
        self.by_name.insert(field.name.clone(), place);
        self.by_name.insert(field.name.to_ascii_lowercase(), place);
        self.fields.push(field);
    }

    fn remove(&mut self, name: &str) {
        let rest: Vec<Field> =
            std::mem::take(&mut self.fields).into_iter().filter(|field| field.name != name).collect();
        self.by_name.clear();
        rest.into_iter().for_each(|field| self.add(field));
    }
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Schema {
    pub(crate) objects: Vec<Arc<Object>>,
    #[serde(serialize_with = "crate::pairs::in_order")]
    by_name: HashMap<String, usize>,
    #[serde(serialize_with = "crate::pairs::in_order")]
    by_prefix: HashMap<String, usize>,
    /// Taken out of the objects in an org with one currency.
    multi_currency: bool,
}

impl Schema {
    pub(crate) fn standard(multi_currency: bool) -> Self {
        let mut schema =
            Self { objects: Vec::new(), by_name: HashMap::new(), by_prefix: HashMap::new(), multi_currency };
        if let Err(error) = schema.add_objects(STANDARD) {
            unreachable!("the standard objects are part of this program: {error}");
        }
        schema
    }

    /// Adds the fields that only an org with several currencies has.
    pub(crate) fn take_on_currencies(&mut self) {
        self.multi_currency = true;
        let mut object = "";
        for line in STANDARD.lines() {
            if let Some(head) = line.strip_prefix("object ") {
                object = head.split_whitespace().next().unwrap_or_default();
            } else if line.ends_with(" currency")
                && let Err(error) = self.add_field(object, line)
            {
                unreachable!("the standard objects are part of this program: {error}");
            }
        }
    }

    pub(crate) fn object(&self, name: &str) -> Option<&Arc<Object>> {
        let place = match self.by_name.get(name) {
            Some(place) => place,
            None => self.by_name.get(&name.to_ascii_lowercase())?,
        };
        Some(&self.objects[*place])
    }

    pub(crate) fn by_prefix(&self, id: &str) -> Option<&Arc<Object>> {
        Some(&self.objects[*self.by_prefix.get(id.get(..3)?)?])
    }

    /// The children of an object: (relationship name, child object, its reference field).
    pub(crate) fn children<'a>(
        &'a self,
        parent: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Arc<Object>, &'a Field)> {
        self.objects.iter().flat_map(move |child| {
            child.fields.iter().filter_map(move |field| {
                let name = field.children.as_deref()?;
                field.reference_to.iter().any(|to| to == parent).then_some((name, child, field))
            })
        })
    }

    /// Objects in the words of `standard_objects.txt`.
    pub(crate) fn add_objects(&mut self, text: &str) -> Result<(), String> {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.strip_prefix("object ") {
                Some(head) => self.add_object(head)?,
                None => {
                    let object = self.objects.last().ok_or("a field stands before any object")?;
                    let name = object.name.clone();
                    self.add_field(&name, line)?;
                }
            }
        }
        Ok(())
    }

    fn add_object(&mut self, head: &str) -> Result<(), String> {
        let words: Vec<&str> = head.split_whitespace().collect();
        let [name, prefix, plural, rest @ ..] = words.as_slice() else {
            return Err(format!("`object {head}`: expected `object NAME PREFIX PLURAL [owned] [alias]`"));
        };
        let alias = rest.contains(&"alias");
        if prefix.len() != 3 || (!alias && self.by_prefix.contains_key(*prefix)) {
            return Err(format!("`object {head}`: the key prefix must be three free characters"));
        }
        let mut object = Object {
            name: (*name).to_owned(),
            plural: (*plural).to_owned(),
            prefix: (*prefix).to_owned(),
            fields: Vec::new(),
            by_name: HashMap::new(),
        };
        let owner = "OwnerId: reference -> User as Owner";
        let audit = [
            "Id: id(18) readonly",
            "IsDeleted: boolean readonly",
            if rest.contains(&"owned") { owner } else { "" },
            "CreatedDate: datetime readonly",
            "CreatedById: reference -> User as CreatedBy readonly",
            "LastModifiedDate: datetime readonly",
            "LastModifiedById: reference -> User as LastModifiedBy readonly",
            "SystemModstamp: datetime readonly",
        ];
        for line in audit.into_iter().filter(|line| !line.is_empty()) {
            object.add(field(line)?);
        }
        let place = self.objects.len();
        self.by_name.insert(object.name.clone(), place);
        self.by_name.insert(object.name.to_ascii_lowercase(), place);
        if !alias {
            self.by_prefix.insert(object.prefix.clone(), place);
        }
        self.objects.push(Arc::new(object));
        Ok(())
    }

    /// One field in the words of `standard_objects.txt`, e.g. `Xero_Invoice__c: string(50) external unique`.
    pub(crate) fn add_field(&mut self, object: &str, line: &str) -> Result<(), String> {
        let field = field(line)?;
        if field.multi_currency && !self.multi_currency {
            return Ok(());
        }
        let known = self.object(object).ok_or_else(|| format!("there is no object {object}"))?;
        let place = self.by_name[&known.name];
        let object = Arc::make_mut(&mut self.objects[place]);
        object.remove(&field.name);
        object.add(field);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_objects_know_their_relationships() {
        let schema = Schema::standard(false);
        let line = schema.object("opportunitylineitem").unwrap();
        assert_eq!(line.parent("Product2").unwrap().name, "Product2Id");
        let children: Vec<&str> = schema.children("Opportunity").map(|(name, _, _)| name).collect();
        assert_eq!(
            children,
            [
                "OpportunityLineItems",
                "Tasks",
                "Events",
                "Notes",
                "OpportunityContactRoles",
                "Orders",
                "Quotes",
                "ContentDocumentLinks",
                "Feeds",
                "Attachments"
            ]
        );
        assert_eq!(schema.by_prefix("006xx").unwrap().name, "Opportunity");
    }

    #[test]
    fn currencies_exist_only_in_an_org_with_several() {
        assert!(Schema::standard(false).object("Account").unwrap().field("CurrencyIsoCode").is_none());
        assert!(Schema::standard(true).object("Account").unwrap().field("CurrencyIsoCode").is_some());
    }

    #[test]
    fn custom_fields_and_objects_are_added_in_the_same_words() {
        let mut schema = Schema::standard(false);
        schema.add_field("Opportunity", "Xero_Invoice__c: string(50) external unique").unwrap();
        let field = schema.object("Opportunity").unwrap().field("xero_invoice__C").unwrap();
        assert!(field.external_id && field.unique && field.length == 50);
        let text = "object Ship__c a00 Ships owned\nName: string(80)\n\
                    Opp__c: reference -> Opportunity as Opp__r children Ships__r";
        schema.add_objects(text).unwrap();
        assert!(schema.children("Opportunity").any(|(name, _, _)| name == "Ships__r"));
        assert!(schema.add_field("Opportunity", "X__c: strin(5)").is_err());
        assert!(schema.add_field("Nothing", "X__c: string(5)").is_err());
    }
}
