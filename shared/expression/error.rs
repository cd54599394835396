//! What can go wrong in an expression, in words for the person who wrote it.
//!
//! Messages name the place in the user's own file and never repeat a value: values are other people's data.

use std::fmt;

use thiserror::Error;

/// Something about an expression that stops its step. None of these get better by trying again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct ExpressionError {
    code: &'static str,
    message: String,
    place: String,
    line: Option<u32>,
    wanted: Option<Box<WantedLink>>,
}

/// A link that the expression asked for and that the scope doesn't hold yet. This room can't read the table: the
/// caller reads it, puts it into the scope's `links` and renders again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WantedLink {
    /// The link's name, as in `links.invoice`.
    pub name: String,
    pub by: WantedBy,
    /// The key, the prefix or the provider's id, by the kind of question.
    pub key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WantedBy {
    /// `links.invoice(key)`: the provider's id.
    Key,
    /// `links.invoice.all(prefix)`: the provider's ids of all keys that begin so.
    Prefix,
    /// `links.invoice.source(providerId)`: the key.
    Source,
}

impl WantedBy {
    /// The word under which the scope's `links` hold the answers: `{invoice: {key: {…}, all: {…}, source: {…}}}`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Prefix => "all",
            Self::Source => "source",
        }
    }
}

impl ExpressionError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: String::new(), line: None, wanted: None }
    }

    pub(crate) fn on_line(mut self, line: Option<u32>) -> Self {
        self.line = line;
        self
    }

    pub(crate) fn wanting(wanted: WantedLink) -> Self {
        let message = format!("links.{} isn't known yet for this {}", wanted.name, wanted.by.word());
        Self { wanted: Some(Box::new(wanted)), ..Self::new("link_wanted", message) }
    }

    /// Puts the step of a path in front of where it happened.
    pub(crate) fn within(mut self, step: &str) -> Self {
        self.place = stepped(step, &self.place);
        self
    }

    /// The stable code that people search for.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What went wrong and what to do about it, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where in `with` it happened, such as `LineItems[2].UnitAmount`; empty for a lone expression.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The line within the user's JavaScript, counted from 1.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The link to read before trying again, where that is all that was missing.
    pub fn wanted(&self) -> Option<&WantedLink> {
        self.wanted.as_deref()
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(formatter, "{}: ", self.place)?;
        }
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

/// A flow's text that can't be understood, found when the flow is checked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SyntaxError {
    /// Counted from 1 within the text that was compiled.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    pub message: String,
    /// Where in `with` the text stands; empty for a lone expression.
    pub place: String,
}

impl SyntaxError {
    pub fn code(&self) -> &'static str {
        "syntax"
    }

    /// At a byte offset of a text.
    pub(crate) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self { line: small(line), column: small(column), message: message.into(), place: String::new() }
    }

    pub(crate) fn within(mut self, step: &str) -> Self {
        self.place = stepped(step, &self.place);
        self
    }
}

/// A place with a step of the path in front of it: `[2]`, then `LineItems[2]`, and so on.
fn stepped(step: &str, place: &str) -> String {
    let separator = if place.is_empty() || place.starts_with('[') { "" } else { "." };
    format!("{step}{separator}{place}")
}
