//! SOQL, as text and as a tree. Knows no schema: `filter.rs` and `query.rs` bind names to fields.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm

use super::answer::Refused;

/// SOQL statements are at most so long.
const LONGEST: usize = 100_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) items: Vec<Item>,
    pub(crate) from: Name,
    pub(crate) condition: Option<Condition>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

/// A dotted path and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Path(Name),
    Count,
    /// `FIELDS(ALL)`, `FIELDS(STANDARD)`, `FIELDS(CUSTOM)`
    Fields(Name),
    Children(Box<Select>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Test { path: Name, operator: Operator, operand: Operand },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    In,
    NotIn,
    Includes,
    Excludes,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    One(Literal),
    List(Vec<Literal>),
    Query(Box<Select>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Text(String),
    Number(String),
    Date(String),
    DateTime(String),
    /// `TODAY`, `LAST_N_DAYS:7`
    Relative(String, i64),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) path: Name,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

pub(crate) fn parse(text: &str) -> Result<Select, Refused> {
    if text.len() > LONGEST {
        let message = format!("SOQL statements cannot be longer than {LONGEST} characters.");
        return Err(Refused::new(400, "MALFORMED_QUERY", message));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens, next: 0 };
    let select = parser.select()?;
    match parser.peek() {
        Token::End => Ok(select),
        _ => Err(parser.unexpected()),
    }
}

/// An error that shows where in the query it is, as Salesforce does.
pub(crate) fn error_at(text: &str, at: usize, code: &str, message: &str) -> Refused {
    let before = text.get(..at).unwrap_or(text);
    let row = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[line_start..].chars().count() + 1;
    let line = text[line_start..].lines().next().unwrap_or_default();
    let skipped = column.saturating_sub(41);
    let shown: String = line.chars().skip(skipped).take(80).collect();
    let caret = " ".repeat(column - 1 - skipped);
    Refused::new(400, code, format!("\n{shown}\n{caret}^\nERROR at Row:{row}:Column:{column}\n{message}"))
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    /// Begins with a digit or a sign: number, date or datetime.
    Literal(String),
    Sign(&'static str),
    /// A text that doesn't end: nothing is read after it.
    Unclosed,
    End,
}

const SIGNS: [&str; 12] = ["!=", "<>", "<=", ">=", "=", "<", ">", ",", "(", ")", ":", ";"];

fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Refused> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let run = |ok: fn(char) -> bool| rest.find(|letter| !ok(letter)).unwrap_or(rest.len());
        let length = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first == '\'' {
            let Some((value, length)) = quoted(rest) else {
                tokens.push((Token::Unclosed, at));
                break;
            };
            tokens.push((Token::Text(value), at));
            length
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = run(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '.');
            tokens.push((Token::Word(rest[..length].to_owned()), at));
            length
        } else if first.is_ascii_digit() || matches!(first, '-' | '+' | '.') {
            let length =
                run(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '+' | '.' | ':'));
            tokens.push((Token::Literal(rest[..length].to_owned()), at));
            length
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push((Token::Sign(sign), at));
            sign.len()
        } else {
            let message = format!("unexpected token: '{first}'");
            return Err(error_at(text, at, "MALFORMED_QUERY", &message));
        };
        at += length;
    }
    tokens.push((Token::End, text.len()));
    Ok(tokens)
}

/// A quoted text, its escapes undone, and how many bytes it took. `\%` and `\_` stay escaped for LIKE.
fn quoted(rest: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\'' => return Some((value, at + 1)),
            '\\' => match letters.next()?.1 {
                'n' | 'N' => value.push('\n'),
                'r' | 'R' => value.push('\r'),
                't' | 'T' => value.push('\t'),
                'b' | 'B' => value.push('\u{8}'),
                'f' | 'F' => value.push('\u{c}'),
                'u' | 'U' => {
                    let code: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                    value.push(char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
                }
                wild @ ('%' | '_') => value.extend(['\\', wild]),
                same @ ('\'' | '"' | '\\') => value.push(same),
                _ => return None,
            },
            _ => value.push(letter),
        }
    }
    None
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, usize)>,
    next: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn at(&self) -> usize {
        self.tokens[self.next].1
    }

    fn take(&mut self) -> Token {
        let token = self.tokens[self.next].0.clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn unexpected(&self) -> Refused {
        let shown = match self.peek() {
            Token::Word(word) => word.clone(),
            Token::Literal(text) => text.clone(),
            Token::Text(text) => format!("'{text}'"),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::Unclosed => "'".to_owned(),
            Token::End => "<EOF>".to_owned(),
        };
        error_at(self.text, self.at(), "MALFORMED_QUERY", &format!("unexpected token: '{shown}'"))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.next += 1;
        }
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(found) if *found == sign);
        if found {
            self.next += 1;
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Refused> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn expect(&mut self, sign: &str) -> Result<(), Refused> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> Result<Name, Refused> {
        let at = self.at();
        match self.peek() {
            Token::Word(word) if !is_keyword(word) => {
                let text = word.clone();
                self.next += 1;
                Ok(Name { text, at })
            }
            _ => Err(self.unexpected()),
        }
    }

    fn select(&mut self) -> Result<Select, Refused> {
        self.expect_word("SELECT")?;
        let mut items = vec![self.item()?];
        while self.sign(",") {
            items.push(self.item()?);
        }
        self.expect_word("FROM")?;
        let from = self.name()?;
        let condition = if self.word("WHERE") { Some(self.conditions()?) } else { None };
        let mut order = Vec::new();
        if self.word("ORDER") {
            self.expect_word("BY")?;
            order.push(self.order()?);
            while self.sign(",") {
                order.push(self.order()?);
            }
        }
        let limit = if self.word("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.word("OFFSET") { self.count()? } else { 0 };
        Ok(Select { items, from, condition, order, limit, offset })
    }

    fn item(&mut self) -> Result<Item, Refused> {
        if self.sign("(") {
            let select = self.select()?;
            self.expect(")")?;
            return Ok(Item::Children(Box::new(select)));
        }
        let name = self.name()?;
        if !self.sign("(") {
            return Ok(Item::Path(name));
        }
        if name.text.eq_ignore_ascii_case("COUNT") {
            self.expect(")")?;
            return Ok(Item::Count);
        }
        if name.text.eq_ignore_ascii_case("FIELDS") {
            let group = self.name()?;
            self.expect(")")?;
            return Ok(Item::Fields(group));
        }
        let message = format!("Invalid function: {}", name.text);
        Err(error_at(self.text, name.at, "MALFORMED_QUERY", &message))
    }

    fn order(&mut self) -> Result<Order, Refused> {
        let path = self.name()?;
        let descending = self.word("DESC");
        if !descending {
            self.word("ASC");
        }
        let mut nulls_last = false;
        if self.word("NULLS") {
            nulls_last = self.word("LAST");
            if !nulls_last {
                self.expect_word("FIRST")?;
            }
        }
        Ok(Order { path, descending, nulls_last })
    }

    fn count(&mut self) -> Result<usize, Refused> {
        match self.peek() {
            Token::Literal(text) if text.parse::<usize>().is_ok() => {
                let number = text.parse().unwrap_or_default();
                self.next += 1;
                Ok(number)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// AND and OR don't mix without parentheses.
    fn conditions(&mut self) -> Result<Condition, Refused> {
        let first = self.condition()?;
        for (word, make) in [("AND", Condition::And as fn(_) -> _), ("OR", Condition::Or)] {
            if self.is_word(word) {
                let mut all = vec![first];
                while self.word(word) {
                    all.push(self.condition()?);
                }
                return if self.is_word("AND") || self.is_word("OR") {
                    Err(self.unexpected())
                } else {
                    Ok(make(all))
                };
            }
        }
        Ok(first)
    }

    fn condition(&mut self) -> Result<Condition, Refused> {
        if self.word("NOT") {
            return Ok(Condition::Not(Box::new(self.condition()?)));
        }
        if self.sign("(") {
            let inner = self.conditions()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let path = self.name()?;
        let operator = self.operator()?;
        let operand = match operator {
            Operator::In | Operator::NotIn | Operator::Includes | Operator::Excludes => self.list()?,
            _ => Operand::One(self.literal()?),
        };
        Ok(Condition::Test { path, operator, operand })
    }

    fn operator(&mut self) -> Result<Operator, Refused> {
        let found = match self.peek().clone() {
            Token::Sign("=") => Operator::Equal,
            Token::Sign("!=" | "<>") => Operator::NotEqual,
            Token::Sign("<") => Operator::Less,
            Token::Sign("<=") => Operator::LessOrEqual,
            Token::Sign(">") => Operator::Greater,
            Token::Sign(">=") => Operator::GreaterOrEqual,
            _ if self.is_word("LIKE") => Operator::Like,
            _ if self.is_word("IN") => Operator::In,
            _ if self.is_word("INCLUDES") => Operator::Includes,
            _ if self.is_word("EXCLUDES") => Operator::Excludes,
            _ if self.word("NOT") && self.is_word("IN") => Operator::NotIn,
            _ => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(found)
    }

    fn list(&mut self) -> Result<Operand, Refused> {
        self.expect("(")?;
        let operand = if self.is_word("SELECT") {
            Operand::Query(Box::new(self.select()?))
        } else {
            let mut values = vec![self.literal()?];
            while self.sign(",") {
                values.push(self.literal()?);
            }
            Operand::List(values)
        };
        self.expect(")")?;
        Ok(operand)
    }

    fn literal(&mut self) -> Result<Literal, Refused> {
        let unexpected = self.unexpected();
        match self.take() {
            Token::Text(text) => Ok(Literal::Text(text)),
            Token::Literal(text) if text.contains('T') => Ok(Literal::DateTime(text)),
            Token::Literal(text) if text.len() == 10 && text.matches('-').count() == 2 => {
                Ok(Literal::Date(text))
            }
            Token::Literal(text) => Ok(Literal::Number(text)),
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "NULL" => Ok(Literal::Null),
                "TRUE" => Ok(Literal::Bool(true)),
                "FALSE" => Ok(Literal::Bool(false)),
                upper if RELATIVE.contains(&upper) => {
                    let many = upper.contains("_N_");
                    let count = if many {
                        self.expect(":")?;
                        self.count()?
                    } else {
                        0
                    };
                    Ok(Literal::Relative(upper.to_owned(), i64::try_from(count).unwrap_or(i64::MAX)))
                }
                _ => Err(unexpected),
            },
            _ => Err(unexpected),
        }
    }
}

const RELATIVE: [&str; 5] = ["TODAY", "YESTERDAY", "TOMORROW", "LAST_N_DAYS", "NEXT_N_DAYS"];

fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 9] = ["SELECT", "FROM", "WHERE", "ORDER", "LIMIT", "OFFSET", "AND", "OR", "NOT"];
    KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let refused = parse(text).unwrap_err();
        assert_eq!(refused.code, "MALFORMED_QUERY");
        refused.message
    }

    #[test]
    fn a_query_with_everything_becomes_a_tree() {
        let text = "SELECT Id, Account.Name, (SELECT Id FROM OpportunityLineItems ORDER BY SortOrder NULLS LAST) \
                    FROM Opportunity WHERE (StageName = 'Closed Won' OR Amount >= 1.5) AND NOT Name LIKE 'x\\%%' \
                    AND AccountId NOT IN (SELECT Id FROM Account WHERE Name = null) \
                    AND SystemModstamp > 2026-01-01T00:00:00Z ORDER BY SystemModstamp, Id DESC LIMIT 10 OFFSET 5";
        let select = parse(text).unwrap();
        assert_eq!((select.limit, select.offset, select.items.len()), (Some(10), 5, 3));
        let Some(Condition::And(all)) = select.condition else { panic!("not an AND") };
        assert_eq!(all.len(), 4);
        assert!(matches!(&all[1], Condition::Not(inner) if matches!(&**inner,
            Condition::Test { operand: Operand::One(Literal::Text(text)), .. } if text == "x\\%%")));
        assert!(select.order[1].descending && !select.order[0].descending);
    }

    #[test]
    fn what_cannot_be_read_is_shown_in_its_place() {
        let message = refusal("SELECT Id FORM Account");
        let expected =
            "\nSELECT Id FORM Account\n          ^\nERROR at Row:1:Column:11\nunexpected token: 'FORM'";
        assert_eq!(message, expected);
        assert!(refusal("SELECT Id FROM Account WHERE").ends_with("unexpected token: '<EOF>'"));
        assert!(
            refusal("SELECT Id FROM A WHERE a = 1 AND b = 2 OR c = 3").ends_with("unexpected token: 'OR'")
        );
        assert!(refusal("SELECT Id FROM A WHERE Name = 'O'Brien'").ends_with("unexpected token: 'Brien'"));
    }

    #[test]
    fn escapes_in_texts_are_undone() {
        let select = parse(r"SELECT Id FROM A WHERE Name = 'O\'Brien \\ \u00e9\n'").unwrap();
        let Some(Condition::Test { operand: Operand::One(Literal::Text(text)), .. }) = select.condition
        else {
            panic!("not a test")
        };
        assert_eq!(text, "O'Brien \\ é\n");
    }
}
