//! What an expression sees: the data of one run, and nothing else.
//!
//! A scope is cheap to clone, and a loop's variable lies over it without copying what is below. The flow builds
//! one for a run and adds each step's result; the expressions only read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::path::{Path, follow};
use crate::domain::time::Stamp;

/// The names that every expression may use, filled or not.
pub const ROOTS: [&str; 9] =
    ["record", "previous", "event", "steps", "item", "links", "tables", "settings", "missing"];

#[derive(Clone)]
pub struct Scope {
    enqueued: Stamp,
    names: Arc<BTreeMap<String, Arc<Value>>>,
    steps: Arc<BTreeMap<String, Arc<Value>>>,
    loops: Option<Arc<Loop>>,
}

/// One loop variable, and the loop around it.
struct Loop {
    name: String,
    value: Arc<Value>,
    outer: Option<Arc<Loop>>,
}

impl Scope {
    /// `enqueued` is the instant at which the run's message was first put on a queue: `today(zone)` is its day, the
    /// same after every retry.
    pub fn new(enqueued: Stamp) -> Self {
        Self { enqueued, names: Arc::default(), steps: Arc::default(), loops: None }
    }

    /// Sets one of the names in [`ROOTS`]. `steps` takes an object of results by step id.
    pub fn with(mut self, name: &str, value: impl Into<Arc<Value>>) -> Self {
        let value = value.into();
        if name == "steps" {
            let steps = value.as_object().cloned().unwrap_or_default();
            self.steps = Arc::new(steps.into_iter().map(|(id, result)| (id, Arc::new(result))).collect());
        } else {
            Arc::make_mut(&mut self.names).insert(name.into(), value);
        }
        self
    }

    /// Adds the result of a step.
    pub fn with_step(mut self, id: &str, result: impl Into<Arc<Value>>) -> Self {
        Arc::make_mut(&mut self.steps).insert(id.into(), result.into());
        self
    }

    /// Adds the result of a step to a scope that goes on being used.
    pub fn set_step(&mut self, id: &str, result: impl Into<Arc<Value>>) {
        Arc::make_mut(&mut self.steps).insert(id.into(), result.into());
    }

    /// Lays a loop's variable over what is there.
    pub fn with_item(&self, name: &str, value: impl Into<Arc<Value>>) -> Self {
        let outer = self.loops.clone();
        let innermost = Loop { name: name.into(), value: value.into(), outer };
        Self { loops: Some(Arc::new(innermost)), ..self.clone() }
    }

    pub fn enqueued(&self) -> Stamp {
        self.enqueued
    }

    /// What a name stands for, or nothing if it stands for nothing here. `steps` is not one value: see `step`.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Value>> {
        let mut innermost = self.loops.as_deref();
        while let Some(variable) = innermost {
            if variable.name == name {
                return Some(&variable.value);
            }
            innermost = variable.outer.as_deref();
        }
        self.names.get(name)
    }

    pub(crate) fn steps(&self) -> &BTreeMap<String, Arc<Value>> {
        &self.steps
    }

    /// Whether an expression may use the name, be it filled or empty.
    pub(crate) fn knows(&self, name: &str) -> bool {
        ROOTS.contains(&name) || self.get(name).is_some()
    }

    pub(crate) fn known_names(&self) -> String {
        let mut names: Vec<&str> = ROOTS.to_vec();
        let mut innermost = self.loops.as_deref();
        while let Some(variable) = innermost {
            names.push(&variable.name);
            innermost = variable.outer.as_deref();
        }
        names.join(", ")
    }

    /// Follows a bare path, untouched by JavaScript. A path that leads nowhere is null.
    pub(crate) fn find(&self, path: &Path) -> Value {
        if let Some(value) = self.get(&path.root) {
            return follow(value, &path.steps);
        }
        match (path.root.as_str(), path.steps.split_first()) {
            ("steps", Some((super::path::Step::Name(id), rest))) => {
                self.steps.get(id).map_or(Value::Null, |result| follow(result, rest))
            }
            ("steps", None) => Value::Object(self.all_steps()),
            _ => Value::Null,
        }
    }

    fn all_steps(&self) -> Map<String, Value> {
        self.steps.iter().map(|(id, result)| (id.clone(), Value::clone(result))).collect()
    }

    /// Looks a path up as `require` does: `record.Account.Name`. Nothing where the text isn't a path.
    pub fn look_up(&self, path: &str) -> Option<Value> {
        Path::parse(path).map(|path| self.find(&path))
    }
}

/// Names only: the values are other people's data.
impl fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Scope")
            .field("names", &self.names.keys().collect::<Vec<_>>())
            .field("steps", &self.steps.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
