//! What is wrong with a flow file: where, which rule, and what was probably meant.

use std::fmt;

use serde::Serialize;

use super::tree::Place;

/// One thing that is wrong. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub file: String,
    pub line: usize,
    pub column: usize,
    /// Stable, in snake_case: people search for it.
    pub code: &'static str,
    pub message: String,
    /// What was probably meant, or what to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, code, message, advice } = self;
        write!(f, "{file}:{line}:{column}: {code}: {message}")?;
        match advice {
            Some(advice) => write!(f, " ({advice})"),
            None => Ok(()),
        }
    }
}

/// A problem before it knows its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) place: Place,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) advice: Option<String>,
}

impl Finding {
    pub(super) fn new(place: Place, code: &'static str, message: impl Into<String>) -> Self {
        Self { place, code, message: message.into(), advice: None }
    }

    pub(super) fn advise(mut self, advice: impl Into<Option<String>>) -> Self {
        self.advice = advice.into();
        self
    }

    pub(super) fn in_file(self, file: &str) -> Problem {
        let Self { place, code, message, advice } = self;
        Problem { file: file.to_owned(), line: place.line, column: place.column, code, message, advice }
    }
}
