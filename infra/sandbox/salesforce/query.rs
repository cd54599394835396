//! Queries: planned against the schema, run over the indexes, answered in pages.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-query.html

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use rand::Rng;
use serde_json::{Map, Value, json};

use super::answer::Refused;
use super::files;
use super::filter::{Access, Filter, parent, unknown_field, unknown_relationship};
use super::objects::{FieldType, Object};
use super::org::Org;
use super::rules;
use super::soql::{self, Item, Name, Select, error_at};
use super::store::Record;
use super::values;

/// OFFSET goes no further.
const FURTHEST_OFFSET: usize = 2000;
/// So many queries are remembered for their further pages; the oldest is evicted.
const OPEN_CURSORS: usize = 200;

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) object: Arc<Object>,
    columns: Vec<Column>,
    count_only: bool,
    filter: Option<Filter>,
    order: Vec<(Access, bool, bool)>,
    limit: usize,
    offset: usize,
}

#[derive(Debug)]
enum Column {
    Field { name: String, kind: FieldType },
    Parent { name: String, reference: String, polymorphic: bool, columns: Vec<Column> },
    Children { name: String, reference: String, plan: Arc<Plan> },
}

/// How rows are written for one request.
#[derive(Debug, Clone)]
pub(crate) struct Writing<'a> {
    /// `v67.0`, as asked for.
    pub(crate) version: &'a str,
    pub(crate) page: usize,
    pub(crate) child_page: usize,
    pub(crate) deleted: bool,
}

/// The queries that have further pages.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: HashMap<String, Cursor>,
    oldest: VecDeque<String>,
}

#[derive(Debug, Clone)]
struct Cursor {
    plan: Arc<Plan>,
    ids: Arc<Vec<String>>,
    used: Timestamp,
    page: usize,
    deleted: bool,
}

impl Cursors {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

pub(crate) fn plan(org: &Org, text: &str, select: &Select) -> Result<Plan, Refused> {
    let object = org.schema.object(&select.from.text).ok_or_else(|| {
        let message = format!(
            "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the \
             '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            select.from.text
        );
        error_at(text, select.from.at, "INVALID_TYPE", &message)
    })?;
    plan_of(org, text, select, object)
}

fn plan_of(org: &Org, text: &str, select: &Select, object: &Arc<Object>) -> Result<Plan, Refused> {
    if select.offset > FURTHEST_OFFSET {
        let message = format!("Maximum SOQL offset allowed is {FURTHEST_OFFSET}");
        return Err(Refused::new(400, "NUMBER_OUTSIDE_VALID_RANGE", message));
    }
    let mut columns = Vec::new();
    for item in &select.items {
        match item {
            Item::Count => {}
            Item::Path(path) => {
                let mut parts: Vec<&str> = path.text.split('.').collect();
                if parts.len() > 1
                    && parts[0].eq_ignore_ascii_case(&object.name)
                    && object.parent(parts[0]).is_none()
                {
                    parts.remove(0);
                }
                let duplicate =
                    !add_column(org, text, path, &mut columns, std::slice::from_ref(object), &parts)?;
                if duplicate {
                    let message = format!("duplicate field selected: {}", path.text);
                    return Err(error_at(text, path.at, "INVALID_FIELD", &message));
                }
            }
            Item::Fields(group) => fields_of(text, group, select, object, &mut columns)?,
            Item::Children(inner) => columns.push(children(org, text, inner, object)?),
        }
    }
    let bind = |path: &Name| Access::bind(org, text, object, path);
    let order = select.order.iter().map(|order| Ok((bind(&order.path)?, order.descending, order.nulls_last)));
    Ok(Plan {
        object: object.clone(),
        columns,
        count_only: select.items.contains(&Item::Count),
        filter: select.condition.as_ref().map(|it| Filter::bind(org, text, object, it)).transpose()?,
        order: order.collect::<Result<_, Refused>>()?,
        limit: select.limit.unwrap_or(usize::MAX),
        offset: select.offset,
    })
}

/// Adds a path to the tree of columns; false when it was there.
fn add_column(
    org: &Org,
    text: &str,
    path: &Name,
    columns: &mut Vec<Column>,
    objects: &[Arc<Object>],
    parts: &[&str],
) -> Result<bool, Refused> {
    let [first, rest @ ..] = parts else { return Ok(true) };
    if rest.is_empty() {
        // Of a parent that may be of several types, what any of them has; and `Type` says which it is.
        let several = objects.len() > 1;
        let known = objects.iter().find_map(|object| object.field(first));
        let (name, kind) = match known {
            Some(field) => (field.name.clone(), field.kind),
            None if several && first.eq_ignore_ascii_case("Type") => ("Type".to_owned(), FieldType::String),
            None => {
                let entity = objects.first().map_or("", |object| object.name.as_str());
                return Err(unknown_field(text, path, first, if several { "Name" } else { entity }));
            }
        };
        if columns.iter().any(|column| matches!(column, Column::Field { name: there, .. } if *there == name))
        {
            return Ok(false);
        }
        columns.push(Column::Field { name, kind });
        return Ok(true);
    }
    let reference = objects.iter().find_map(|object| object.parent(first));
    let reference = reference.ok_or_else(|| unknown_relationship(text, path, first))?;
    let name = reference.relationship.clone().unwrap_or_default();
    let targets: Vec<Arc<Object>> =
        reference.reference_to.iter().filter_map(|target| org.schema.object(target).cloned()).collect();
    let there = columns
        .iter()
        .position(|column| matches!(column, Column::Parent { name: there, .. } if *there == name));
    let place = there.unwrap_or_else(|| {
        let (reference, polymorphic) = (reference.name.clone(), reference.polymorphic());
        columns.push(Column::Parent { name, reference, polymorphic, columns: Vec::new() });
        columns.len() - 1
    });
    match &mut columns[place] {
        Column::Parent { columns, .. } => add_column(org, text, path, columns, &targets, rest),
        _ => Ok(true),
    }
}

fn fields_of(
    text: &str,
    group: &Name,
    select: &Select,
    object: &Object,
    columns: &mut Vec<Column>,
) -> Result<(), Refused> {
    let upper = group.text.to_ascii_uppercase();
    if upper != "STANDARD" && select.limit.is_none_or(|limit| limit > 200) {
        let message = "The SOQL FIELDS function must have a LIMIT of at most 200";
        return Err(error_at(text, group.at, "MALFORMED_QUERY", message));
    }
    let wanted: fn(&str) -> bool = match upper.as_str() {
        "ALL" => |_| true,
        "STANDARD" => |name| !name.ends_with("__c"),
        "CUSTOM" => |name| name.ends_with("__c"),
        _ => {
            return Err(error_at(
                text,
                group.at,
                "MALFORMED_QUERY",
                &format!("unexpected token: '{}'", group.text),
            ));
        }
    };
    columns.extend(all_columns(object, wanted));
    Ok(())
}

fn all_columns(object: &Object, wanted: fn(&str) -> bool) -> impl Iterator<Item = Column> {
    let fields = object.fields.iter().filter(move |field| wanted(&field.name));
    fields.map(|field| Column::Field { name: field.name.clone(), kind: field.kind })
}

fn children(org: &Org, text: &str, inner: &Select, object: &Object) -> Result<Column, Refused> {
    let wanted = &inner.from;
    let mut known = org.schema.children(&object.name);
    let Some((name, child, field)) = known.find(|(name, _, _)| name.eq_ignore_ascii_case(&wanted.text))
    else {
        let message = format!(
            "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom \
             relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL \
             or the describe call for the appropriate names.",
            wanted.text
        );
        return Err(error_at(text, wanted.at, "INVALID_TYPE", &message));
    };
    let plan = Arc::new(plan_of(org, text, inner, child)?);
    Ok(Column::Children { name: name.to_owned(), reference: field.name.clone(), plan })
}

impl Plan {
    /// The whole record, as `GET /sobjects/{type}/{id}` shows it.
    pub(crate) fn whole(object: &Arc<Object>) -> Self {
        let columns = all_columns(object, |_| true).collect();
        let object = object.clone();
        Self { object, columns, count_only: false, filter: None, order: Vec::new(), limit: 1, offset: 0 }
    }

    /// These fields of a record.
    pub(crate) fn fields(org: &Org, object: &Arc<Object>, names: &[&str]) -> Result<Self, Refused> {
        let mut plan = Self { columns: Vec::new(), ..Self::whole(object) };
        for name in names {
            let path = Name { text: (*name).to_owned(), at: 0 };
            let parts: Vec<&str> = name.split('.').collect();
            let added = add_column(org, name, &path, &mut plan.columns, std::slice::from_ref(object), &parts);
            added.map_err(|refused| {
                let last = refused.message.lines().last().unwrap_or_default().to_owned();
                Refused::new(400, &refused.code, last)
            })?;
        }
        Ok(plan)
    }

    /// The records, in order, cut to limit and offset.
    pub(crate) fn run<'a>(&self, org: &'a Org, deleted: bool) -> Vec<&'a Arc<Record>> {
        self.sorted(org, Filter::candidates(self.filter.as_ref(), org, &self.object), deleted)
    }

    fn sorted<'a>(
        &self,
        org: &'a Org,
        candidates: Vec<&'a Arc<Record>>,
        deleted: bool,
    ) -> Vec<&'a Arc<Record>> {
        let mut found: Vec<&Arc<Record>> = candidates
            .into_iter()
            .filter(|record| deleted || !record.is("IsDeleted"))
            .filter(|record| self.filter.as_ref().is_none_or(|filter| filter.accepts(org, record)))
            .collect();
        if self.order.is_empty() {
            found.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        } else {
            found.sort_by(|left, right| self.compare(org, left, right));
        }
        found.into_iter().skip(self.offset).take(self.limit).collect()
    }

    fn compare(&self, org: &Org, left: &Record, right: &Record) -> Ordering {
        let by_order = self.order.iter().map(|(access, descending, nulls_last)| {
            let (left, right) = (access.value(org, left), access.value(org, right));
            match (left.is_null(), right.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => {
                    if *nulls_last {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                (false, true) => {
                    if *nulls_last {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (false, false) if *descending => values::compare(access.kind, right, left),
                (false, false) => values::compare(access.kind, left, right),
            }
        });
        by_order.into_iter().find(|order| *order != Ordering::Equal).unwrap_or_else(|| left.id.cmp(&right.id))
    }

    pub(crate) fn row(&self, org: &mut Org, record: &Record, writing: &Writing<'_>) -> Value {
        let mut row = Map::new();
        row.insert("attributes".into(), attributes(&self.object.name, record, writing));
        self.write(org, &self.columns, &self.object, record, writing, &mut row);
        Value::Object(row)
    }

    fn write(
        &self,
        org: &mut Org,
        columns: &[Column],
        object: &Object,
        record: &Record,
        writing: &Writing<'_>,
        row: &mut Map<String, Value>,
    ) {
        for column in columns {
            let (name, value) = match column {
                Column::Field { name, kind: FieldType::Address } => {
                    (name, rules::address(object, record, name))
                }
                Column::Field { name, kind: FieldType::Base64 } => {
                    (name, files::path(object, record, name, writing.version))
                }
                Column::Field { name, .. } if name == "Type" && object.field("Type").is_none() => {
                    (name, object.name.clone().into())
                }
                Column::Field { name, kind } => (name, org.shown(*kind, record.get(name))),
                Column::Parent { name, reference, polymorphic, columns } => {
                    let Some(parent) = parent(org, record.text(reference)).cloned() else {
                        row.insert(name.clone(), Value::Null);
                        continue;
                    };
                    let Some(target) = org.schema.by_prefix(&parent.id).cloned() else { continue };
                    let mut inner = Map::new();
                    let mut about = attributes(&target.name, &parent, writing);
                    if *polymorphic {
                        about["type"] = "Name".into();
                    }
                    inner.insert("attributes".into(), about);
                    self.write(org, columns, &target, &parent, writing, &mut inner);
                    (name, Value::Object(inner))
                }
                Column::Children { name, reference, plan } => {
                    let table = org.store.table(&plan.object.name);
                    let candidates = table.with(reference, &record.id).collect();
                    let found = plan.sorted(org, candidates, writing.deleted);
                    let ids: Vec<String> = found.into_iter().map(|child| child.id.clone()).collect();
                    if ids.is_empty() {
                        (name, Value::Null)
                    } else {
                        let inner = Writing { page: writing.child_page, ..writing.clone() };
                        (name, first_page(org, plan, ids, &inner))
                    }
                }
            };
            row.insert(name.clone(), value);
        }
    }
}

impl Org {
    /// A kept value as it is shown. An org may be set to show large numbers the way floats are written.
    fn shown(&self, kind: FieldType, value: &Value) -> Value {
        if self.options.scientific_numbers && kind.is_number() && kind != FieldType::Int {
            let text = value.to_string();
            let digits = text.trim_end_matches(".0");
            if digits.len() > 7 && !digits.contains('.') && !digits.starts_with('-') {
                let (first, rest) = digits.split_at(1);
                let rest = rest.trim_end_matches('0');
                let mantissa = if rest.is_empty() { "0" } else { rest };
                let written = format!("{first}.{mantissa}E{}", digits.len() - 1);
                return serde_json::from_str(&written).unwrap_or_else(|_| value.clone());
            }
        }
        value.clone()
    }
}

fn attributes(object: &str, record: &Record, writing: &Writing<'_>) -> Value {
    let url = format!("/services/data/{}/sobjects/{object}/{}", writing.version, record.id);
    json!({ "type": object, "url": url })
}

/// `GET /query?q=…`
pub(crate) fn answer(org: &mut Org, text: &str, writing: &Writing<'_>) -> Result<Value, Refused> {
    let select = soql::parse(text)?;
    let plan = plan(org, text, &select)?;
    let ids: Vec<String> =
        plan.run(org, writing.deleted).into_iter().map(|record| record.id.clone()).collect();
    if plan.count_only {
        return Ok(json!({ "totalSize": ids.len(), "done": true, "records": [] }));
    }
    Ok(first_page(org, &Arc::new(plan), ids, writing))
}

fn first_page(org: &mut Org, plan: &Arc<Plan>, ids: Vec<String>, writing: &Writing<'_>) -> Value {
    let cursor = Cursor {
        plan: plan.clone(),
        ids: Arc::new(ids),
        used: org.now,
        page: writing.page,
        deleted: writing.deleted,
    };
    let locator = (cursor.ids.len() > cursor.page).then(|| {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let letters = (0..13).map(|_| char::from(LETTERS[org.random.random_range(0..LETTERS.len())]));
        let locator: String = "0r8xx".chars().chain(letters).collect();
        if org.cursors.oldest.len() == OPEN_CURSORS
            && let Some(evicted) = org.cursors.oldest.pop_front()
        {
            org.cursors.open.remove(&evicted);
        }
        org.cursors.oldest.push_back(locator.clone());
        org.cursors.open.insert(locator.clone(), cursor.clone());
        locator
    });
    page(org, &cursor, 0, locator.as_deref(), writing)
}

/// `GET /query/{locator}`: the page that begins at the row in the locator's end.
pub(crate) fn further(org: &mut Org, locator: &str, writing: &Writing<'_>) -> Result<Value, Refused> {
    let gone = || Refused::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
    let (name, start) = locator.rsplit_once('-').ok_or_else(gone)?;
    let start: usize = start.parse().map_err(|_| gone())?;
    let cursor = org.cursors.open.get_mut(name).ok_or_else(gone)?;
    let idle = org.now.as_second() - cursor.used.as_second();
    if idle > org.options.locator_seconds || start > cursor.ids.len() {
        return Err(gone());
    }
    cursor.used = org.now;
    let cursor = cursor.clone();
    let writing = Writing { deleted: cursor.deleted, page: cursor.page, ..writing.clone() };
    Ok(page(org, &cursor, start, Some(name), &writing))
}

fn page(org: &mut Org, cursor: &Cursor, start: usize, locator: Option<&str>, writing: &Writing<'_>) -> Value {
    let end = (start + cursor.page).min(cursor.ids.len());
    let mut rows = Vec::with_capacity(end - start);
    for id in &cursor.ids[start..end] {
        let record = org.store.table(&cursor.plan.object.name).get(id).cloned();
        if let Some(record) = record.filter(|record| cursor.deleted || !record.is("IsDeleted")) {
            rows.push(cursor.plan.row(org, &record, writing));
        }
    }
    let done = end == cursor.ids.len();
    let mut page = Map::new();
    page.insert("totalSize".into(), cursor.ids.len().into());
    page.insert("done".into(), done.into());
    if let Some(locator) = locator.filter(|_| !done) {
        let url = format!("/services/data/{}/query/{locator}-{end}", writing.version);
        page.insert("nextRecordsUrl".into(), url.into());
    }
    page.insert("records".into(), rows.into());
    Value::Object(page)
}
