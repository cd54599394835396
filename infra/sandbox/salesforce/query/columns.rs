//! What is written after SELECT, bound to the schema: fields, parents' fields, children, whole groups of fields.

use std::sync::Arc;

use super::grouped;
use super::plan::{Plan, plan_of};
use super::source::object_of;
use crate::salesforce::answer::Refused;
use crate::salesforce::filter::{own_path, unknown_field, unknown_relationship, within_reach};
use crate::salesforce::objects::{FieldType, Object};
use crate::salesforce::org::Org;
use crate::salesforce::soql::{Item, Name, Select, TypeOf, error_at};

/// `FIELDS(ALL)` and `FIELDS(CUSTOM)` give no more rows.
const FIELDS_LIMIT: usize = 200;

#[derive(Debug, Clone)]
pub(super) enum Column {
    Field {
        name: String,
        kind: FieldType,
    },
    /// Which object the row of a parent of several types is of.
    Type,
    Parent {
        name: String,
        reference: String,
        polymorphic: bool,
        columns: Vec<Column>,
    },
    TypeOf {
        name: String,
        reference: String,
        when: Vec<(Arc<Object>, Vec<Column>)>,
        otherwise: Vec<Column>,
    },
    Children {
        name: String,
        reference: String,
        plan: Arc<Plan>,
    },
}

impl Column {
    /// Of several fields at once, its own or a parent's.
    pub(super) fn is_compound(&self) -> bool {
        match self {
            Self::Field { kind, .. } => *kind == FieldType::Address,
            Self::Parent { columns, .. } => columns.iter().any(Self::is_compound),
            _ => false,
        }
    }
}

/// The columns of a plan, as they are bound one after the other.
pub(super) struct Selected<'a> {
    org: &'a Org,
    text: &'a str,
    pub(super) columns: Vec<Column>,
    pub(super) long_text: bool,
}

impl<'a> Selected<'a> {
    pub(super) fn nothing(org: &'a Org, text: &'a str) -> Self {
        Self { org, text, columns: Vec::new(), long_text: false }
    }

    pub(super) fn add(&mut self, item: &Item, select: &Select, object: &Arc<Object>) -> Result<(), Refused> {
        match item {
            Item::Count => {}
            Item::Value { expression, alias } => {
                if let Some(alias) = alias {
                    let message = "only aggregate expressions use field aliasing";
                    return Err(error_at(self.text, alias.at, "MALFORMED_QUERY", message));
                }
                if expression.function.is_some() {
                    let message = "Date functions are only allowed in WHERE, GROUP BY and what is grouped";
                    return Err(error_at(self.text, expression.path.at, "MALFORMED_QUERY", message));
                }
                self.path(&expression.path, object)?;
            }
            Item::Fields(group) => self.fields_of(group, select, object)?,
            Item::Children(inner) => {
                let column = self.children(inner, object)?;
                self.columns.push(column);
            }
            Item::TypeOf(wanted) => {
                let column = self.type_of(wanted, object)?;
                self.columns.push(column);
            }
        }
        Ok(())
    }

    pub(super) fn path(&mut self, path: &Name, object: &Arc<Object>) -> Result<(), Refused> {
        let parts = own_path(object, path);
        within_reach(self.text, path, parts.len() - 1)?;
        let mut columns = std::mem::take(&mut self.columns);
        let added = self.column(path, &mut columns, std::slice::from_ref(object), false, &parts);
        self.columns = columns;
        if added? {
            return Ok(());
        }
        let message = format!("duplicate field selected: {}", path.text);
        Err(error_at(self.text, path.at, "INVALID_FIELD", &message))
    }

    /// Adds a path to the tree of columns; false when it was there.
    fn column(
        &mut self,
        path: &Name,
        columns: &mut Vec<Column>,
        objects: &[Arc<Object>],
        several: bool,
        parts: &[&str],
    ) -> Result<bool, Refused> {
        let [first, rest @ ..] = parts else { return Ok(true) };
        if rest.is_empty() {
            return self.field(path, columns, objects, several, first);
        }
        let reference = objects.iter().find_map(|object| object.parent(first));
        let reference = reference.ok_or_else(|| unknown_relationship(self.text, path, first))?;
        let name = reference.relationship.clone().unwrap_or_default();
        let known = |target: &String| self.org.schema.object(target).cloned();
        let targets: Vec<Arc<Object>> = reference.reference_to.iter().filter_map(known).collect();
        let there = columns
            .iter()
            .position(|column| matches!(column, Column::Parent { name: there, .. } if *there == name));
        let place = there.unwrap_or_else(|| {
            let (reference, polymorphic) = (reference.name.clone(), reference.polymorphic());
            columns.push(Column::Parent { name, reference, polymorphic, columns: Vec::new() });
            columns.len() - 1
        });
        let several = reference.polymorphic() || reference.name == "OwnerId";
        match &mut columns[place] {
            Column::Parent { columns, .. } => self.column(path, columns, &targets, several, rest),
            _ => Ok(true),
        }
    }

    /// Of a parent that may be of several types, what any of them has; and `Type` says which it is.
    fn field(
        &mut self,
        path: &Name,
        columns: &mut Vec<Column>,
        objects: &[Arc<Object>],
        several: bool,
        name: &str,
    ) -> Result<bool, Refused> {
        if several && name.eq_ignore_ascii_case("Type") {
            let there = columns.iter().any(|column| matches!(column, Column::Type));
            columns.push(Column::Type);
            return Ok(!there);
        }
        let Some(field) = objects.iter().find_map(|object| object.field(name)) else {
            let entity = objects.first().map_or("", |object| object.name.as_str());
            return Err(unknown_field(
                self.text,
                path,
                name,
                if objects.len() > 1 { "Name" } else { entity },
            ));
        };
        let there = columns
            .iter()
            .any(|column| matches!(column, Column::Field { name: there, .. } if *there == field.name));
        if !there {
            self.long_text |= field.long_text();
            columns.push(Column::Field { name: field.name.clone(), kind: field.kind });
        }
        Ok(!there)
    }

    fn fields_of(&mut self, group: &Name, select: &Select, object: &Arc<Object>) -> Result<(), Refused> {
        let wrong = |message: &str| Err(error_at(self.text, group.at, "MALFORMED_QUERY", message));
        let upper = group.text.to_ascii_uppercase();
        if upper != "STANDARD" && select.limit.is_none_or(|limit| limit > FIELDS_LIMIT) {
            return wrong("The SOQL FIELDS function must have a LIMIT of at most 200");
        }
        let wanted: fn(&str) -> bool = match upper.as_str() {
            "ALL" => |_| true,
            "STANDARD" => |name| !name.ends_with("__c"),
            "CUSTOM" => |name| name.ends_with("__c"),
            _ => return wrong(&format!("unexpected token: '{}'", group.text)),
        };
        for field in object.fields.iter().filter(|field| wanted(&field.name)) {
            self.path(&Name { text: field.name.clone(), at: group.at }, object)?;
        }
        Ok(())
    }

    fn children(&self, inner: &Select, object: &Object) -> Result<Column, Refused> {
        let wanted = &inner.from;
        let mut known = self.org.schema.children(&object.name);
        let Some((name, child, field)) = known.find(|(name, _, _)| name.eq_ignore_ascii_case(&wanted.text))
        else {
            let message = format!(
                "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom \
                 relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL \
                 or the describe call for the appropriate names.",
                wanted.text
            );
            return Err(error_at(self.text, wanted.at, "INVALID_TYPE", &message));
        };
        if inner.items.contains(&Item::Count) {
            return Err(grouped::not_here(self.text, wanted));
        }
        let plan = Arc::new(plan_of(self.org, self.text, inner, child)?);
        Ok(Column::Children { name: name.to_owned(), reference: field.name.clone(), plan })
    }

    fn type_of(&mut self, wanted: &TypeOf, object: &Arc<Object>) -> Result<Column, Refused> {
        let path = &wanted.relationship;
        let reference = object.parent(&path.text).filter(|reference| reference.polymorphic());
        let reference = reference.ok_or_else(|| unknown_relationship(self.text, path, &path.text))?;
        let known = |target: &String| self.org.schema.object(target).cloned();
        let targets: Vec<Arc<Object>> = reference.reference_to.iter().filter_map(known).collect();
        let mut when = Vec::new();
        for (name, fields) in &wanted.when {
            let target = object_of(self.org, self.text, name)?;
            let columns = self.columns_of(std::slice::from_ref(&target), fields)?;
            when.push((target, columns));
        }
        let otherwise = self.columns_of(&targets, &wanted.otherwise)?;
        let name = reference.relationship.clone().unwrap_or_default();
        Ok(Column::TypeOf { name, reference: reference.name.clone(), when, otherwise })
    }

    fn columns_of(&mut self, objects: &[Arc<Object>], names: &[Name]) -> Result<Vec<Column>, Refused> {
        let mut columns = Vec::new();
        for name in names {
            let parts: Vec<&str> = name.text.split('.').collect();
            // What they are fields of is a parent itself.
            within_reach(self.text, name, parts.len())?;
            self.column(name, &mut columns, objects, objects.len() > 1, &parts)?;
        }
        Ok(columns)
    }
}
