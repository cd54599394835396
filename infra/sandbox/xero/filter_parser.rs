//! Reads the text of a `where` parameter: tokens, then `OR` over `AND` over terms. Called by `filter.rs` only.

use std::borrow::Cow;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::filter::{Field, Filter, Operator, Place, moment};

pub(super) fn parse(text: &str) -> Result<Filter, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let filter = parser.either()?;
    match parser.tokens.get(parser.at) {
        None => Ok(filter),
        Some(token) => Err(format!("Syntax error: unexpected {token:?} in the where clause")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(Decimal),
    Operator(Operator),
    And,
    Or,
    Open,
    Close,
    Comma,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(&next) = rest.peek() {
        if next.is_whitespace() {
            rest.next();
        } else if next.is_ascii_alphabetic() || next == '_' {
            let word = path(&mut rest);
            tokens.push(match word.to_uppercase().as_str() {
                "AND" => Token::And,
                "OR" => Token::Or,
                _ => Token::Word(word),
            });
        } else if next.is_ascii_digit() || next == '-' {
            let mut digits = String::new();
            digits.extend(rest.next());
            while let Some(digit) = rest.next_if(|c| c.is_ascii_digit() || *c == '.') {
                digits.push(digit);
            }
            let number = digits.parse().map_err(|_| format!("Syntax error: '{digits}' is not a number"))?;
            tokens.push(Token::Number(number));
        } else if next == '"' {
            rest.next();
            tokens.push(Token::Text(quoted(&mut rest)?));
        } else {
            tokens.push(sign(&mut rest)?);
        }
    }
    Ok(tokens)
}

/// A field with its methods. Comparing ignores case, so `.ToLower()` is read and left out.
fn path(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut word = String::new();
    loop {
        while let Some(letter) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '.' || *c == '_') {
            word.push(letter);
        }
        let kept = word.len().saturating_sub(".tolower".len());
        let folds = word
            .get(kept..)
            .is_some_and(|end| end.eq_ignore_ascii_case(".tolower") || end.eq_ignore_ascii_case(".toupper"));
        if !folds || rest.next_if_eq(&'(').is_none() || rest.next_if_eq(&')').is_none() {
            return word;
        }
        word.truncate(kept);
    }
}

fn quoted(rest: &mut impl Iterator<Item = char>) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match rest.next() {
            Some('"') => return Ok(text),
            Some('\\') => text.extend(rest.next()),
            Some(letter) => text.push(letter),
            None => return Err("Unterminated string literal".to_owned()),
        }
    }
}

fn sign(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, String> {
    let first = rest.next().unwrap_or(' ');
    let mut twin = |wanted: char| rest.next_if_eq(&wanted).is_some();
    Ok(match first {
        '(' => Token::Open,
        ')' => Token::Close,
        ',' => Token::Comma,
        '=' => {
            twin('=');
            Token::Operator(Operator::Equal)
        }
        '!' if twin('=') => Token::Operator(Operator::NotEqual),
        '<' if twin('=') => Token::Operator(Operator::LessOrEqual),
        '<' => Token::Operator(Operator::Less),
        '>' if twin('=') => Token::Operator(Operator::GreaterOrEqual),
        '>' => Token::Operator(Operator::Greater),
        '&' if twin('&') => Token::And,
        '|' if twin('|') => Token::Or,
        other => return Err(format!("Syntax error: unexpected '{other}' in the where clause")),
    })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn either(&mut self) -> Result<Filter, String> {
        let mut filter = self.both()?;
        while self.skip(&Token::Or) {
            filter = Filter::Either(Box::new(filter), Box::new(self.both()?));
        }
        Ok(filter)
    }

    fn both(&mut self) -> Result<Filter, String> {
        let mut filter = self.term()?;
        while self.skip(&Token::And) {
            filter = Filter::Both(Box::new(filter), Box::new(self.term()?));
        }
        Ok(filter)
    }

    fn term(&mut self) -> Result<Filter, String> {
        if self.skip(&Token::Open) {
            self.depth += 1;
            if self.depth > 32 {
                return Err("Syntax error: the where clause is nested too deeply".to_owned());
            }
            let filter = self.either()?;
            self.depth -= 1;
            self.want(&Token::Close)?;
            return Ok(filter);
        }
        let path = self.word()?.to_lowercase();
        for (method, place) in
            [(".contains", Place::Anywhere), (".startswith", Place::Start), (".endswith", Place::End)]
        {
            if let Some(path) = path.strip_suffix(method) {
                self.want(&Token::Open)?;
                let Some(Token::Text(text)) = self.next() else {
                    return Err(format!("Syntax error: {method}() takes a text in quotes"));
                };
                self.want(&Token::Close)?;
                let path = path.to_owned();
                return Ok(Filter::Part { path, place, text: text.to_lowercase() });
            }
        }
        match self.tokens.get(self.at) {
            Some(Token::Operator(operator)) => {
                let operator = *operator;
                self.at += 1;
                Ok(Filter::Compare { path, operator, value: self.value()? })
            }
            // A flag may stand alone: `IsSupplier AND …`.
            _ => Ok(Filter::Compare { path, operator: Operator::Equal, value: Field::Flag(true) }),
        }
    }

    fn value(&mut self) -> Result<Field<'static>, String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Field::Text(Cow::Owned(text))),
            Some(Token::Number(number)) => Ok(Field::Number(number)),
            Some(Token::Word(word)) => match word.to_lowercase().as_str() {
                "true" => Ok(Field::Flag(true)),
                "false" => Ok(Field::Flag(false)),
                "null" => Ok(Field::Null),
                "guid" | "guid.parse" => {
                    let arguments = self.arguments()?;
                    match arguments.as_slice() {
                        [Token::Text(text)] => Uuid::parse_str(text)
                            .map(Field::Id)
                            .map_err(|_| format!("Guid should contain 32 digits with 4 dashes: '{text}'")),
                        _ => Err("Syntax error: Guid() takes a text in quotes".to_owned()),
                    }
                }
                "datetime" => date_time(&self.arguments()?),
                "datetime.parse" => match self.arguments()?.as_slice() {
                    [Token::Text(text)] => moment(text)
                        .map(Field::Moment)
                        .ok_or_else(|| format!("String '{text}' was not recognized as a valid DateTime")),
                    _ => Err("Syntax error: DateTime.Parse() takes a text in quotes".to_owned()),
                },
                _ => Err(format!("Unknown identifier '{word}'")),
            },
            _ => Err(self.expected("a value")),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Token>, String> {
        self.want(&Token::Open)?;
        let mut arguments = Vec::new();
        loop {
            match self.next() {
                Some(Token::Close) => return Ok(arguments),
                Some(Token::Comma) => {}
                Some(token) => arguments.push(token),
                None => return Err("Syntax error: ')' or ',' expected".to_owned()),
            }
        }
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err(self.expected("a field")),
        }
    }

    /// Instead of what was taken last. Places are counted in words and signs.
    fn expected(&self, what: &str) -> String {
        if self.at > self.tokens.len() {
            format!("Syntax error: expected {what} at the end")
        } else {
            format!("Syntax error: expected {what} at place {}", self.at)
        }
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn skip(&mut self, wanted: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn want(&mut self, wanted: &Token) -> Result<(), String> {
        let sign = if *wanted == Token::Open { '(' } else { ')' };
        if self.skip(wanted) { Ok(()) } else { Err(format!("Syntax error: '{sign}' expected")) }
    }
}

/// `DateTime(2026,01,31)` or with hours, minutes and seconds.
fn date_time(arguments: &[Token]) -> Result<Field<'static>, String> {
    let mut parts = Vec::new();
    for argument in arguments {
        match argument {
            Token::Number(number) => parts.push(number.to_string().parse::<i16>().unwrap_or(-1)),
            _ => return Err("Syntax error: DateTime() takes numbers".to_owned()),
        }
    }
    if !matches!(parts.len(), 3..=6) {
        return Err("No applicable constructor exists in type 'DateTime'".to_owned());
    }
    parts.resize(6, 0);
    let [year, month, day, hour, minute, second] = parts[..] else { return Ok(Field::Null) };
    let small = |part: i16| i8::try_from(part).unwrap_or(-1);
    DateTime::new(year, small(month), small(day), small(hour), small(minute), small(second), 0)
        .and_then(|at| at.to_zoned(TimeZone::UTC))
        .map(|at| Field::Moment(at.timestamp()))
        .map_err(|_| "Year, Month, and Day parameters describe an un-representable DateTime".to_owned())
}
