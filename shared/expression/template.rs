//! Texts with `{{ … }}` in them, conditions, and the rule which of them keep their type.
//!
//! A text that is one expression gives what the expression gives. A bare path is followed through the data itself;
//! anything more is JavaScript.

use serde_json::Value;

use super::convert::as_float;
use super::error::{ExpressionError, SyntaxError};
use super::javascript::{Code, Engine};
use super::path::Path;
use super::references::Reference;
use super::scope::Scope;
use super::session::Session;
use super::syntax::Shape;
use super::tokens::closing_braces;

/// A text, compiled once and rendered many times. `\{{` writes two braces that are only braces.
#[derive(Clone, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Expression(Expression),
}

/// A path or JavaScript, and where it began in the text around it.
#[derive(Clone, Debug)]
struct Expression {
    offset: usize,
    is: Is,
}

#[derive(Clone, Debug)]
enum Is {
    Path(Path),
    Code(Box<Code>),
}

impl Template {
    pub fn compile(text: &str) -> Result<Self, SyntaxError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find("{{").map(|found| at + found) {
            if text[at..found].ends_with('\\') {
                literal.push_str(&text[at..found - 1]);
                literal.push_str("{{");
                at = found + 2;
                continue;
            }
            literal.push_str(&text[at..found]);
            let start = found + 2;
            let Some(length) = closing_braces(&text[start..]) else {
                return Err(SyntaxError::at(text, found, "this `{{` has no `}}`"));
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Expression(Expression::compile(
                text,
                start,
                start + length,
                Shape::Expression,
            )?));
            at = start + length + 2;
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts })
    }

    /// Compiles a text that is an expression already, with or without braces, as `each` and `in` take it.
    pub fn expression(text: &str) -> Result<Self, SyntaxError> {
        if text.contains("{{") {
            return Self::compile(text);
        }
        let expression = Expression::compile(text, 0, text.len(), Shape::Expression)?;
        Ok(Self { parts: vec![Part::Expression(expression)] })
    }

    pub fn render(&self, scope: &Scope, engine: &Engine) -> Result<Value, ExpressionError> {
        self.render_in(scope, &mut engine.session())
    }

    /// Renders in an engine that other expressions of the same step share.
    pub fn render_in(&self, scope: &Scope, session: &mut Session<'_>) -> Result<Value, ExpressionError> {
        if let [Part::Expression(expression)] = self.parts.as_slice() {
            return expression.evaluate(scope, session);
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Expression(expression) => {
                    text.push_str(&in_text(&expression.evaluate(scope, session)?))
                }
            }
        }
        Ok(Value::String(text))
    }

    /// Whether rendering it depends on anything.
    pub fn is_plain(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The paths that it mentions; their offsets count from the beginning of the whole text.
    pub fn references(&self) -> Vec<Reference> {
        let expressions = self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Expression(expression) => Some(expression),
        });
        expressions.flat_map(Expression::references).collect()
    }
}

/// A condition: `when`, `if`, `expect`. True by JavaScript's rules.
#[derive(Clone, Debug)]
pub struct Condition(Expression);

impl Condition {
    /// Takes `record.Amount > 0`, `{{ record.Amount > 0 }}` and `{{ record.Amount }} > 0` alike.
    pub fn compile(text: &str) -> Result<Self, SyntaxError> {
        let bare = without_braces(text)?;
        Expression::compile(&bare, 0, bare.len(), Shape::Condition).map(Self)
    }

    pub fn holds(&self, scope: &Scope, engine: &Engine) -> Result<bool, ExpressionError> {
        self.holds_in(scope, &mut engine.session())
    }

    /// Asks in an engine that other expressions of the same step share.
    pub fn holds_in(&self, scope: &Scope, session: &mut Session<'_>) -> Result<bool, ExpressionError> {
        self.0.evaluate(scope, session).map(|value| is_true(&value))
    }

    pub fn references(&self) -> Vec<Reference> {
        self.0.references()
    }
}

impl Expression {
    fn compile(text: &str, start: usize, end: usize, shape: Shape) -> Result<Self, SyntaxError> {
        let source = &text[start..end];
        let is = match Path::parse(source) {
            Some(path) => Is::Path(path),
            None => {
                Is::Code(Box::new(Code::compile(source, shape).map_err(|error| moved(text, start, error))?))
            }
        };
        Ok(Self { offset: start + source.len() - source.trim_start().len(), is })
    }

    fn evaluate(&self, scope: &Scope, session: &mut Session<'_>) -> Result<Value, ExpressionError> {
        match &self.is {
            Is::Code(code) => session.evaluate(code, scope),
            Is::Path(path) if scope.knows(&path.root) => Ok(scope.find(path)),
            Is::Path(path) => Err(ExpressionError::new(
                "unknown_name",
                format!("there is no `{}` here: the names are {}", path.root, scope.known_names()),
            )),
        }
    }

    fn references(&self) -> Vec<Reference> {
        match &self.is {
            Is::Path(path) => vec![Reference { path: path.names(), offset: self.offset }],
            Is::Code(code) => code.references().iter().map(|reference| self.moved(reference)).collect(),
        }
    }

    /// Code keeps its leading space: its offsets count from there.
    fn moved(&self, reference: &Reference) -> Reference {
        let Is::Code(code) = &self.is else { return reference.clone() };
        let space = code.source.len() - code.source.trim_start().len();
        Reference { path: reference.path.clone(), offset: self.offset - space + reference.offset }
    }
}

/// An error's place within the expression, as a place within the text around it.
fn moved(text: &str, start: usize, error: SyntaxError) -> SyntaxError {
    let before = SyntaxError::at(text, start, "");
    let column = if error.line == 1 { before.column - 1 + error.column } else { error.column };
    SyntaxError { line: before.line - 1 + error.line, column, ..error }
}

/// What a value is within other text: null is nothing, numbers keep their digits, the rest is JSON.
fn in_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// JavaScript's rule: false, nothing, no text and zero are false; any list and any object is true.
pub fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => as_float(number).is_none_or(|float| float != 0.0),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Each `{{ x }}` of a condition becomes `( x )`; one that is the whole condition just loses its braces.
fn without_braces(text: &str) -> Result<String, SyntaxError> {
    let mut bare = String::new();
    let mut rest = text;
    while let Some(found) = rest.find("{{") {
        let inside = &rest[found + 2..];
        let Some(length) = closing_braces(inside) else {
            return Err(SyntaxError::at(text, text.len() - rest.len() + found, "this `{{` has no `}}`"));
        };
        let after = &inside[length + 2..];
        if bare.trim().is_empty() && rest[..found].trim().is_empty() && after.trim().is_empty() {
            return Ok(inside[..length].into());
        }
        bare.push_str(&rest[..found]);
        bare.push_str(&format!("({})", &inside[..length]));
        rest = after;
    }
    bare.push_str(rest);
    Ok(bare)
}
