//! The `where` and `order` parameters: Xero's small query language.
//!
//! Text compares case-insensitively, as recorded. What can't be read, and fields that don't exist, are a
//! 400 with error 16. <https://developer.xero.com/documentation/api/accounting/requests-and-responses>

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use uuid::Uuid;

/// A value of a document, or of the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Field<'a> {
    Null,
    Text(Cow<'a, str>),
    Number(Decimal),
    Flag(bool),
    Id(Uuid),
    Moment(Timestamp),
}

impl<'a> Field<'a> {
    pub(crate) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(crate) fn maybe(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }
}

/// A row that can be filtered and sorted. Paths are lower case: `contact.name`.
pub(crate) trait Fields {
    fn field(&self, path: &str) -> Option<Field<'_>>;
}

#[derive(Debug)]
pub(crate) enum Filter {
    Either(Box<Filter>, Box<Filter>),
    Both(Box<Filter>, Box<Filter>),
    Compare { path: String, operator: Operator, value: Field<'static> },
    Part { path: String, place: Place, text: String },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    Anywhere,
    Start,
    End,
}

impl Filter {
    /// The error is the sentence for the answer's `Message`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
        let filter = parser.either()?;
        match parser.tokens.get(parser.at) {
            None => Ok(filter),
            Some(token) => Err(format!("Syntax error: unexpected {token:?} in the where clause")),
        }
    }

    /// Whether the row is wanted; an error when it has no such field or the types don't compare.
    pub(crate) fn wants(&self, row: &dyn Fields) -> Result<bool, String> {
        match self {
            Self::Either(left, right) => Ok(left.wants(row)? || right.wants(row)?),
            Self::Both(left, right) => Ok(left.wants(row)? && right.wants(row)?),
            Self::Compare { path, operator, value } => {
                let field = row.field(path).ok_or_else(|| no_field(path))?;
                compare(&field, *operator, value).ok_or_else(|| {
                    format!("Operator is incompatible with the operand types of '{path}'")
                })
            }
            Self::Part { path, place, text } => {
                let field = row.field(path).ok_or_else(|| no_field(path))?;
                let Field::Text(held) = field else { return Ok(false) };
                let held = held.to_lowercase();
                Ok(match place {
                    Place::Anywhere => held.contains(text),
                    Place::Start => held.starts_with(text),
                    Place::End => held.ends_with(text),
                })
            }
        }
    }

    /// Refuses unknown fields also where there are no rows to try it on.
    pub(crate) fn check(&self, known: &dyn Fn(&str) -> bool) -> Result<(), String> {
        match self {
            Self::Either(left, right) | Self::Both(left, right) => {
                left.check(known)?;
                right.check(known)
            }
            Self::Compare { path, .. } | Self::Part { path, .. } if !known(path) => Err(no_field(path)),
            _ => Ok(()),
        }
    }
}

fn no_field(path: &str) -> String {
    format!("No property or field '{path}' exists in this type")
}

fn compare(field: &Field<'_>, operator: Operator, value: &Field<'_>) -> Option<bool> {
    if *field == Field::Null || *value == Field::Null {
        let equal = field == value || matches!((field, value), (Field::Text(text), Field::Null) if text.is_empty());
        return Some(match operator {
            Operator::Equal => equal,
            Operator::NotEqual => !equal,
            _ => false,
        });
    }
    let order = order(field, value)?;
    Some(match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
    })
}

/// `None` when the two are of different kinds. Nothing sorts before something.
fn order(left: &Field<'_>, right: &Field<'_>) -> Option<Ordering> {
    Some(match (left, right) {
        (Field::Null, Field::Null) => Ordering::Equal,
        (Field::Null, _) => Ordering::Less,
        (_, Field::Null) => Ordering::Greater,
        (Field::Text(left), Field::Text(right)) => left.to_lowercase().cmp(&right.to_lowercase()),
        (Field::Number(left), Field::Number(right)) => left.cmp(right),
        (Field::Flag(left), Field::Flag(right)) => left.cmp(right),
        (Field::Id(left), Field::Id(right)) => left.cmp(right),
        (Field::Id(id), Field::Text(text)) => id.to_string().cmp(&text.to_lowercase()),
        (Field::Moment(left), Field::Moment(right)) => left.cmp(right),
        _ => return None,
    })
}

#[derive(Debug)]
pub(crate) struct Order(Vec<(String, bool)>);

impl Order {
    /// `UpdatedDateUTC ASC, InvoiceID DESC`.
    pub(crate) fn parse(text: &str, known: &dyn Fn(&str) -> bool) -> Result<Self, String> {
        let mut keys = Vec::new();
        for part in text.split(',') {
            let mut words = part.split_whitespace();
            let path = words.next().unwrap_or_default().to_lowercase();
            if !known(&path) {
                return Err(no_field(&path));
            }
            let down = match words.next().map(str::to_uppercase).as_deref() {
                None | Some("ASC" | "ASCENDING") => false,
                Some("DESC" | "DESCENDING") => true,
                Some(word) => return Err(format!("Syntax error: unexpected '{word}' in the order clause")),
            };
            keys.push((path, down));
        }
        Ok(Self(keys))
    }

    pub(crate) fn compare(&self, left: &dyn Fields, right: &dyn Fields) -> Ordering {
        for (path, down) in &self.0 {
            let (Some(a), Some(b)) = (left.field(path), right.field(path)) else { continue };
            match order(&a, &b).unwrap_or(Ordering::Equal) {
                Ordering::Equal => {}
                other => return if *down { other.reverse() } else { other },
            }
        }
        Ordering::Equal
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
        let folds = word.get(kept..).is_some_and(|end| {
            end.eq_ignore_ascii_case(".tolower") || end.eq_ignore_ascii_case(".toupper")
        });
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
                        [Token::Text(text)] => Uuid::parse_str(text).map(Field::Id).map_err(|_| {
                            format!("Guid should contain 32 digits with 4 dashes: '{text}'")
                        }),
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
            other => Err(format!("Syntax error: expected a value, found {other:?}")),
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
            other => Err(format!("Syntax error: expected a field, found {other:?}")),
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
        if self.skip(wanted) { Ok(()) } else { Err(format!("Syntax error: {wanted:?} expected")) }
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

/// ISO 8601 with or without a zone; without one it is UTC.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>().ok().or_else(|| {
        let at: DateTime = text.parse().ok()?;
        at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row;

    impl Fields for Row {
        fn field(&self, path: &str) -> Option<Field<'_>> {
            Some(match path {
                "name" => Field::text("Acme \"Best\" Ltd"),
                "status" => Field::text("AUTHORISED"),
                "amountdue" => Field::Number("24.15".parse().unwrap()),
                "issupplier" => Field::Flag(true),
                "invoiceid" => Field::Id(Uuid::from_u128(7)),
                "date" => Field::Moment("2026-01-31T00:00:00Z".parse().unwrap()),
                "reference" => Field::Null,
                _ => return None,
            })
        }
    }

    fn wants(text: &str) -> Result<bool, String> {
        Filter::parse(text)?.wants(&Row)
    }

    #[test]
    fn every_form_of_the_grammar_is_understood() {
        for text in [
            r#"Name=="acme \"best\" LTD""#,
            r#"Name="ACME \"Best\" Ltd""#,
            r#"Name.Contains("best")"#,
            r#"Name.StartsWith("acme") AND Name.EndsWith("ltd")"#,
            r#"Name.ToLower()=="acme \"best\" ltd""#,
            r#"Name.ToLower().Contains("acme")"#,
            r#"Status=="DRAFT" OR (Status=="AUTHORISED" && AmountDue >= 24.15)"#,
            "Reference == null && Name != null",
            "IsSupplier",
            "IsSupplier==true",
            r#"InvoiceID==Guid("00000000-0000-0000-0000-000000000007")"#,
            "Date >= DateTime(2026,01,31) AND Date < DateTime(2026, 02, 01)",
            r#"Date == DateTime.Parse("2026-01-31")"#,
        ] {
            assert_eq!(wants(text), Ok(true), "{text}");
        }
        for text in [r#"Name=="other""#, "AmountDue > 24.15", r#"Status!="AUTHORISED""#, "Reference != null"] {
            assert_eq!(wants(text), Ok(false), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in [
            "", "Name==", "Name", r#"Name=="open"#, "Nope==1", "(Name==\"a\"", "Name==\"a\" Status==\"b\"",
            "Date >= DateTime(2026,13,01)", "Name==Guid(\"x\")", "AmountDue==\"x\"", "Name=='x'",
        ] {
            assert!(wants(text).is_err(), "{text}");
        }
        let nested = format!("{}Name==\"a\"{}", "(".repeat(99), ")".repeat(99));
        assert!(wants(&nested).is_err());
    }

    #[test]
    fn order_takes_several_keys_and_directions() {
        let known = |path: &str| Row.field(path).is_some();
        assert!(Order::parse("Name ASC, Date DESC", &known).is_ok());
        assert!(Order::parse("Nope", &known).is_err());
        assert!(Order::parse("Name sideways", &known).is_err());
    }
}
