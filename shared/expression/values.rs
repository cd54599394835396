//! A step's `with`: a tree of texts with expressions in them, compiled once per flow version.
//!
//! - **Empty leaves its key out.** Nothing, blank text, a list that came out empty and an object that came out empty
//!   don't get a key, and no place in a list, so that an absent field never wipes the other side's.
//!   What was written out as `[]` or `{}` stays.
//! - **`clear` empties on purpose.** `Phone: { clear: true }`, or `clear: [Phone, Fax]` beside the fields (or beside
//!   `fields`), becomes a JSON null: the only way that a null gets out of here.
//! - **`{each, as, when, with, plus}`** maps a list wherever a value may stand.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::{ExpressionError, SyntaxError};
use super::functions::is_empty;
use super::javascript::Engine;
use super::references::Reference;
use super::scope::Scope;
use super::session::Session;
use super::template::{Condition, Template};

/// A tree of values, compiled once and rendered many times.
#[derive(Clone, Debug)]
pub struct CompiledValue(Node);

#[derive(Clone, Debug)]
enum Node {
    /// As written: numbers keep their text.
    Literal(Value),
    Template(Template),
    List(Vec<Node>),
    Object {
        fields: Vec<(String, Node)>,
        clear: Vec<String>,
    },
    Each(Box<Each>),
    Clear,
}

#[derive(Clone, Debug)]
struct Each {
    list: Node,
    name: String,
    when: Option<Condition>,
    with: Option<Node>,
    plus: Vec<Node>,
}

/// Says whether an entry may stay in its list: an action knows which keys an entry can't do without. It gets the
/// list's place, such as `LineItems` or `LineItems.Tracking` (without numbers), and the rendered entry.
pub type KeepEntry<'k> = &'k dyn Fn(&str, &Value) -> bool;

impl CompiledValue {
    pub fn compile(value: &Value) -> Result<Self, SyntaxError> {
        Node::compile(value).map(Self)
    }

    /// Renders the tree. A tree that comes out empty is null.
    pub fn render(&self, scope: &Scope, engine: &Engine) -> Result<Value, ExpressionError> {
        self.render_keeping(scope, engine, &|_, _| true)
    }

    /// The same, where the action leaves out list entries that lack what they need.
    pub fn render_keeping(
        &self,
        scope: &Scope,
        engine: &Engine,
        keep: KeepEntry<'_>,
    ) -> Result<Value, ExpressionError> {
        self.render_in(scope, &mut engine.session(), keep)
    }

    /// The same, in an engine that other expressions of the step share.
    pub fn render_in(
        &self,
        scope: &Scope,
        session: &mut Session<'_>,
        keep: KeepEntry<'_>,
    ) -> Result<Value, ExpressionError> {
        let mut renderer = Renderer { session, keep, place: Vec::new() };
        Ok(renderer.render(&self.0, scope)?.unwrap_or(Value::Null))
    }

    /// The paths that the tree mentions anywhere. A loop's variable is among them under its own name.
    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        self.0.collect(&mut found);
        found
    }
}

impl Node {
    fn compile(value: &Value) -> Result<Self, SyntaxError> {
        match value {
            Value::String(text) => {
                let template = Template::compile(text)?;
                // Plain text still goes through the template, which takes the backslash off `\{{`.
                Ok(if text.contains("{{") { Self::Template(template) } else { Self::Literal(value.clone()) })
            }
            Value::Array(list) => list
                .iter()
                .enumerate()
                .map(|(index, entry)| {
                    Self::compile(entry).map_err(|error| error.within(&format!("[{index}]")))
                })
                .collect::<Result<_, _>>()
                .map(Self::List),
            Value::Object(map) if map.contains_key("each") => {
                Each::compile(map).map(|each| Self::Each(Box::new(each)))
            }
            Value::Object(map) if is_clear(map) => Ok(Self::Clear),
            Value::Object(map) => Self::object(map),
            _ => Ok(Self::Literal(value.clone())),
        }
    }

    fn object(map: &Map<String, Value>) -> Result<Self, SyntaxError> {
        let mut clear = Vec::new();
        let mut fields = Vec::new();
        for (key, value) in map {
            match cleared_names(key, value) {
                Some(names) => clear = names,
                None => fields.push((key.clone(), Self::compile(value).map_err(|error| error.within(key))?)),
            }
        }
        Ok(Self::Object { fields, clear })
    }

    fn collect(&self, found: &mut Vec<Reference>) {
        match self {
            Self::Literal(_) | Self::Clear => {}
            Self::Template(template) => found.extend(template.references()),
            Self::List(list) => list.iter().for_each(|node| node.collect(found)),
            Self::Object { fields, .. } => fields.iter().for_each(|(_, node)| node.collect(found)),
            Self::Each(each) => {
                each.list.collect(found);
                found.extend(each.when.iter().flat_map(Condition::references));
                each.with.iter().chain(&each.plus).for_each(|node| node.collect(found));
            }
        }
    }
}

/// `{ clear: true }` and nothing else.
fn is_clear(map: &Map<String, Value>) -> bool {
    map.len() == 1 && map.get("clear") == Some(&Value::Bool(true))
}

/// `clear: [Phone, Fax]`: names of fields, as they are.
fn cleared_names(key: &str, value: &Value) -> Option<Vec<String>> {
    let list = value.as_array().filter(|_| key == "clear")?;
    list.iter().map(|name| name.as_str().map(str::to_string)).collect()
}

impl Each {
    fn compile(map: &Map<String, Value>) -> Result<Self, SyntaxError> {
        let wrong = |key: &str, message: &str| SyntaxError::at("", 0, message).within(key);
        for key in map.keys() {
            if !["each", "as", "when", "with", "plus"].contains(&key.as_str()) {
                return Err(wrong(key, "beside `each` there can be `as`, `when`, `with` and `plus`"));
            }
        }
        let list = match map.get("each") {
            Some(Value::String(text)) => Template::expression(text).map(Node::Template),
            Some(other) => Node::compile(other),
            None => Err(wrong("each", "a list is missing")),
        };
        let name = match map.get("as") {
            None => "item",
            Some(Value::String(name)) if is_name(name) => name,
            Some(_) => return Err(wrong("as", "this must be a name, such as `line`")),
        };
        let when = match map.get("when") {
            None => None,
            Some(Value::String(text)) => {
                Some(Condition::compile(text).map_err(|error| error.within("when"))?)
            }
            Some(Value::Bool(flag)) => Some(Condition::compile(&flag.to_string())?),
            Some(_) => return Err(wrong("when", "this must be a condition, such as `line.Quantity > 0`")),
        };
        let plus = match map.get("plus") {
            None => Vec::new(),
            Some(Value::Array(list)) => {
                let entries = list.iter().map(Node::compile).collect::<Result<_, _>>();
                entries.map_err(|error: SyntaxError| error.within("plus"))?
            }
            Some(_) => return Err(wrong("plus", "this must be a list of further entries")),
        };
        let with = map.get("with").map(Node::compile).transpose().map_err(|error| error.within("with"))?;
        Ok(Self { list: list.map_err(|error| error.within("each"))?, name: name.into(), when, with, plus })
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(super::tokens::is_name_start) && text.chars().all(super::tokens::is_name_part)
}

struct Renderer<'r, 'e> {
    session: &'r mut Session<'e>,
    keep: KeepEntry<'r>,
    /// The keys above, without the places in lists.
    place: Vec<String>,
}

impl Renderer<'_, '_> {
    /// The rendered value, or nothing where it is empty.
    fn render(&mut self, node: &Node, scope: &Scope) -> Result<Option<Value>, ExpressionError> {
        match node {
            Node::Literal(value) => Ok(Some(value.clone()).filter(|value| !is_empty(value))),
            Node::Template(template) => Ok(without_empty(template.render_in(scope, self.session)?)),
            Node::Clear => Ok(Some(Value::Null)),
            Node::Object { fields, clear } => self.object(fields, clear, scope),
            Node::List(list) => {
                let mut entries = Vec::new();
                for (index, node) in list.iter().enumerate() {
                    let entry =
                        self.render(node, scope).map_err(|error| error.within(&format!("[{index}]")))?;
                    entries.extend(entry);
                }
                Ok(self.kept(entries, list.is_empty()))
            }
            Node::Each(each) => self.each(each, scope),
        }
    }

    fn object(
        &mut self,
        fields: &[(String, Node)],
        clear: &[String],
        scope: &Scope,
    ) -> Result<Option<Value>, ExpressionError> {
        let mut map = Map::new();
        for (key, node) in fields {
            self.place.push(key.clone());
            let rendered = self.render(node, scope).map_err(|error| error.within(key));
            self.place.pop();
            if let Some(value) = rendered? {
                map.insert(key.clone(), value);
            }
        }
        let empty = map.is_empty() && clear.is_empty() && !fields.is_empty();
        // Where the fields of a record stand in an object of their own, the ones to clear belong there.
        let has_fields = fields.iter().any(|(key, _)| key == "fields");
        let target = if has_fields && !clear.is_empty() {
            let inner = map.entry("fields").or_insert_with(|| Value::Object(Map::new()));
            inner.as_object_mut()
        } else {
            Some(&mut map)
        };
        if let Some(target) = target {
            target.extend(clear.iter().map(|name| (name.clone(), Value::Null)));
        }
        Ok(if empty { None } else { Some(Value::Object(map)) })
    }

    fn each(&mut self, each: &Each, scope: &Scope) -> Result<Option<Value>, ExpressionError> {
        let items = match self.render_list(&each.list, scope).map_err(|error| error.within("each"))? {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            Value::String(text) if text.trim().is_empty() => Vec::new(),
            _ => {
                let error =
                    ExpressionError::new("not_a_list", "`each` needs a list, and this is something else");
                return Err(error.within("each"));
            }
        };
        let mut entries = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let item = Arc::new(item);
            let inner = scope.with_item(&each.name, item.clone());
            let entry =
                self.entry(each, &inner, &item).map_err(|error| error.within(&format!("[{index}]")))?;
            entries.extend(entry);
        }
        let count = entries.len();
        for (index, node) in each.plus.iter().enumerate() {
            let entry =
                self.render(node, scope).map_err(|error| error.within(&format!("[{}]", count + index)))?;
            entries.extend(entry);
        }
        Ok(self.kept(entries, false))
    }

    /// The list itself, with all that is in it: leaving out is for what goes to the other side.
    fn render_list(&mut self, node: &Node, scope: &Scope) -> Result<Value, ExpressionError> {
        match node {
            Node::Template(template) => template.render_in(scope, self.session),
            other => Ok(self.render(other, scope)?.unwrap_or(Value::Null)),
        }
    }

    fn entry(&mut self, each: &Each, scope: &Scope, item: &Value) -> Result<Option<Value>, ExpressionError> {
        if let Some(when) = &each.when
            && !when.holds_in(scope, self.session).map_err(|error| error.within("when"))?
        {
            return Ok(None);
        }
        match &each.with {
            Some(with) => self.render(with, scope),
            None => Ok(without_empty(item.clone())),
        }
    }

    fn kept(&self, mut entries: Vec<Value>, as_written: bool) -> Option<Value> {
        let place = self.place.join(".");
        entries.retain(|entry| (self.keep)(&place, entry));
        if entries.is_empty() && !as_written { None } else { Some(Value::Array(entries)) }
    }
}

impl fmt::Debug for Renderer<'_, '_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Renderer").field("place", &self.place).finish_non_exhaustive()
    }
}

/// A value that an expression gave, without what is empty in it.
fn without_empty(value: Value) -> Option<Value> {
    match value {
        Value::Array(list) => {
            let list: Vec<Value> = list.into_iter().filter_map(without_empty).collect();
            (!list.is_empty()).then_some(Value::Array(list))
        }
        Value::Object(map) => {
            let map: Map<_, _> =
                map.into_iter().filter_map(|(key, value)| Some((key, without_empty(value)?))).collect();
            (!map.is_empty()).then_some(Value::Object(map))
        }
        value => Some(value).filter(|value| !is_empty(value)),
    }
}
