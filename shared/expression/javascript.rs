//! Runs a flow's JavaScript: over data and value functions, within limits, with nothing else in reach.
//!
//! Each step gets an engine of its own (a [`Session`]), so that nothing one run does to it can reach another. No clock
//! is read here: whoever makes the [`Engine`] says when to interrupt; a count of steps stands behind that.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::error::{ExpressionError, SyntaxError};
use super::references::{Reference, makes_long_lists, references};
use super::scope::Scope;
use super::session::Session;
use super::syntax::{self, Shape};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub memory_bytes: usize,
    pub stack_bytes: usize,
    /// How often the engine may ask whether to go on (every 10,000 loops or calls) before it is stopped anyway.
    pub interrupt_checks: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 64 * 1024 * 1024, stack_bytes: 512 * 1024, interrupt_checks: 20_000 }
    }
}

/// Asked again and again while code runs; true stops it. Made anew for each step, so that it can hold its deadline.
pub type Interrupt = Box<dyn FnMut() -> bool>;

/// What every evaluation shares: the limits, and where a deadline comes from. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) limits: Limits,
    pub(crate) interrupts: Arc<dyn Fn() -> Interrupt + Send + Sync>,
}

impl Engine {
    /// `interrupts` is called once when a step's first code starts, and gives the question that ends it.
    pub fn new(limits: Limits, interrupts: impl Fn() -> Interrupt + Send + Sync + 'static) -> Self {
        Self { limits, interrupts: Arc::new(interrupts) }
    }

    /// One step's engine. It costs nothing until the first code runs.
    pub fn session(&self) -> Session<'_> {
        Session::new(self)
    }
}

/// Bounded by the count of steps alone.
impl Default for Engine {
    fn default() -> Self {
        Self::new(Limits::default(), || Box::new(|| false))
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Engine").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Code that passed the check, and the names in it.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) source: Arc<str>,
    pub(crate) shape: Shape,
    /// Every name that stands free in it, whatever it turns out to mean.
    pub(crate) names: BTreeSet<String>,
    /// Whether it has anything in it that could make a list of millions of entries.
    pub(crate) makes_long_lists: bool,
    references: Vec<Reference>,
}

impl Code {
    pub(crate) fn compile(source: &str, shape: Shape) -> Result<Self, SyntaxError> {
        let names = syntax::check(source, shape)?;
        let references = references(source);
        let makes_long_lists = makes_long_lists(source);
        Ok(Self { source: source.into(), shape, names, makes_long_lists, references })
    }

    pub(crate) fn references(&self) -> &[Reference] {
        &self.references
    }

    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.names.contains(name) || self.names.contains("globalThis")
    }

    /// What the code names under a root: the ids of steps, the names of links. Nothing if it wants the root as such.
    pub(crate) fn named_under(&self, root: &str) -> Option<BTreeSet<&str>> {
        let mentions = self.references.iter().filter(|reference| reference.root() == root);
        mentions.map(|reference| reference.path.get(1).map(String::as_str)).collect()
    }
}

/// A free-form step: `javascript: | … return {…}`.
#[derive(Clone, Debug)]
pub struct Script(Code);

impl Script {
    pub fn compile(source: &str) -> Result<Self, SyntaxError> {
        Code::compile(source, Shape::Body).map(Self)
    }

    /// Runs in an engine of its own, on copies of the data: what it changes stays in it.
    pub fn run(&self, scope: &Scope, engine: &Engine) -> Result<Value, ExpressionError> {
        engine.session().evaluate(&self.0, scope)
    }

    /// The paths into the scope that the code mentions.
    pub fn references(&self) -> &[Reference] {
        self.0.references()
    }
}
