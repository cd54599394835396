//! SELECT … FROM … and its clauses, in their order. The conditions are in `conditions.rs`.

use super::tokens::tokens;
use super::{
    Aggregate, DatePart, Expression, Function, Grouping, Item, Name, Order, Select, Subtotals, Token, TypeOf,
    error_at,
};
use crate::salesforce::answer::Refused;

/// Parentheses inside parentheses, sub-queries among them.
const DEEPEST: usize = 60;

pub(crate) struct Parser<'a> {
    pub(super) text: &'a str,
    code: &'a str,
    tokens: Vec<(Token, usize)>,
    next: usize,
    /// What the objects of the queries around this place are called in them, innermost last.
    aliases: Vec<Option<String>>,
    depth: usize,
}

const FUNCTIONS: [(&str, Function); 17] = [
    ("COUNT", Function::Sum(Aggregate::Count)),
    ("COUNT_DISTINCT", Function::Sum(Aggregate::CountDistinct)),
    ("SUM", Function::Sum(Aggregate::Sum)),
    ("AVG", Function::Sum(Aggregate::Average)),
    ("MIN", Function::Sum(Aggregate::Least)),
    ("MAX", Function::Sum(Aggregate::Greatest)),
    ("GROUPING", Function::Grouping),
    ("CALENDAR_MONTH", Function::Part(DatePart::CalendarMonth)),
    ("CALENDAR_QUARTER", Function::Part(DatePart::CalendarQuarter)),
    ("CALENDAR_YEAR", Function::Part(DatePart::CalendarYear)),
    ("DAY_IN_MONTH", Function::Part(DatePart::DayInMonth)),
    ("DAY_IN_WEEK", Function::Part(DatePart::DayInWeek)),
    ("DAY_IN_YEAR", Function::Part(DatePart::DayInYear)),
    ("DAY_ONLY", Function::Part(DatePart::DayOnly)),
    ("HOUR_IN_DAY", Function::Part(DatePart::HourInDay)),
    ("WEEK_IN_MONTH", Function::Part(DatePart::WeekInMonth)),
    ("WEEK_IN_YEAR", Function::Part(DatePart::WeekInYear)),
];

/// The org's fiscal year is the calendar year.
const FISCAL: [(&str, DatePart); 3] = [
    ("FISCAL_MONTH", DatePart::CalendarMonth),
    ("FISCAL_QUARTER", DatePart::CalendarQuarter),
    ("FISCAL_YEAR", DatePart::CalendarYear),
];

impl<'a> Parser<'a> {
    /// Reads from this place on; errors have this code.
    pub(crate) fn new(text: &'a str, start: usize, code: &'a str) -> Result<Self, Refused> {
        let tokens = tokens(text, start, code)?;
        Ok(Self { text, code, tokens, next: 0, aliases: Vec::new(), depth: 0 })
    }

    pub(crate) fn select(&mut self) -> Result<Select, Refused> {
        self.expect_word("SELECT")?;
        self.aliases.push(self.alias_ahead());
        let items = self.list(Self::item)?;
        self.expect_word("FROM")?;
        let from = self.object()?;
        if self.aliases.last().is_some_and(Option::is_some) {
            self.take();
        }
        let select = self.clauses(items, from)?;
        self.aliases.pop();
        Ok(select)
    }

    /// What may follow `FROM Object`; also what may follow the fields of an object in SOSL.
    pub(crate) fn clauses(&mut self, items: Vec<Item>, from: Name) -> Result<Select, Refused> {
        let mine = self.word("USING") && self.scope()?;
        let condition = if self.word("WHERE") { Some(self.conditions()?) } else { None };
        let grouping = if self.is_word("GROUP") { Some(self.grouping()?) } else { None };
        let mut order = Vec::new();
        if self.word("ORDER") {
            self.expect_word("BY")?;
            order = self.list(Self::order)?;
        }
        let limit = if self.word("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.word("OFFSET") { self.count()? } else { 0 };
        while self.word("FOR") {
            if !["VIEW", "REFERENCE", "UPDATE"].iter().any(|word| self.word(word)) {
                return Err(self.unexpected());
            }
        }
        Ok(Select { items, from, mine, condition, grouping, order, limit, offset })
    }

    /// An object of SOSL's RETURNING: `Account(Id, Name WHERE … LIMIT 5)`, or only `Account`.
    pub(crate) fn returning(&mut self) -> Result<Select, Refused> {
        let from = self.object()?;
        if !self.sign("(") {
            let path = Name { text: "Id".into(), at: from.at };
            let id = Expression { function: None, path, converted: false };
            return self.clauses(vec![Item::Value { expression: id, alias: None }], from);
        }
        let items = self.list(Self::item)?;
        let select = self.clauses(items, from)?;
        self.expect(")")?;
        Ok(select)
    }

    /// The alias is written after what it is used in: `SELECT a.Name FROM Account a`.
    fn alias_ahead(&self) -> Option<String> {
        let mut depth = 0;
        let mut rest = self.tokens[self.next..].iter().map(|(token, _)| token);
        for token in rest.by_ref() {
            match token {
                Token::Sign("(") => depth += 1,
                Token::Sign(")") => depth -= 1,
                Token::Word(word) if depth == 0 && word.eq_ignore_ascii_case("FROM") => break,
                _ if depth < 0 => return None,
                _ => {}
            }
        }
        match (rest.next(), rest.next()) {
            (Some(Token::Word(_)), Some(Token::Word(alias))) if !is_keyword(alias) => Some(alias.clone()),
            _ => None,
        }
    }

    fn item(&mut self) -> Result<Item, Refused> {
        if self.sign("(") {
            let select = self.deeper(Self::select)?;
            self.expect(")")?;
            return Ok(Item::Children(Box::new(select)));
        }
        if self.word("TYPEOF") {
            return self.type_of().map(Item::TypeOf);
        }
        if self.next_is_sign("(") {
            let group = self.next;
            if self.word("FIELDS") {
                self.expect("(")?;
                let group = self.name()?;
                self.expect(")")?;
                return Ok(Item::Fields(group));
            }
            if self.word("COUNT") && self.sign("(") && self.sign(")") {
                return Ok(Item::Count);
            }
            self.next = group;
        }
        let expression = self.expression()?;
        let alias = match self.peek() {
            Token::Word(word) if !is_keyword(word) && self.ends_item() => Some(self.name()?),
            _ => None,
        };
        Ok(Item::Value { expression, alias })
    }

    pub(super) fn expression(&mut self) -> Result<Expression, Refused> {
        if !self.next_is_sign("(") {
            return Ok(Expression { function: None, path: self.path()?, converted: false });
        }
        let name = self.name()?;
        self.expect("(")?;
        let upper = name.text.to_ascii_uppercase();
        // Labels are the values, and amounts are in the asker's currency already.
        let function = if matches!(upper.as_str(), "TOLABEL" | "CONVERTCURRENCY") {
            None
        } else {
            let fiscal = FISCAL.iter().find(|(known, _)| *known == upper);
            let known = FUNCTIONS.iter().find(|(known, _)| *known == upper);
            let function = known.map(|(_, it)| *it).or_else(|| fiscal.map(|(_, part)| Function::Part(*part)));
            Some(function.ok_or_else(|| {
                error_at(self.text, name.at, self.code, &format!("Invalid function: {}", name.text))
            })?)
        };
        let converted = self.next_is_sign("(") && self.word("convertTimezone");
        if converted {
            self.expect("(")?;
        }
        let path = self.path()?;
        if converted {
            self.expect(")")?;
        }
        self.expect(")")?;
        Ok(Expression { function, path, converted })
    }

    fn type_of(&mut self) -> Result<TypeOf, Refused> {
        let relationship = self.path()?;
        let mut when = Vec::new();
        while self.word("WHEN") {
            let object = self.object()?;
            self.expect_word("THEN")?;
            when.push((object, self.list(Self::name)?));
        }
        let otherwise = if self.word("ELSE") { self.list(Self::name)? } else { Vec::new() };
        self.expect_word("END")?;
        Ok(TypeOf { relationship, when, otherwise })
    }

    fn scope(&mut self) -> Result<bool, Refused> {
        self.expect_word("SCOPE")?;
        let mine = self.word("mine");
        if !mine {
            self.expect_word("everything")?;
        }
        Ok(mine)
    }

    fn grouping(&mut self) -> Result<Grouping, Refused> {
        self.expect_word("GROUP")?;
        self.expect_word("BY")?;
        let subtotals = match self.next_is_sign("(") {
            true if self.word("ROLLUP") => Subtotals::Rollup,
            true if self.word("CUBE") => Subtotals::Cube,
            _ => Subtotals::None,
        };
        if subtotals != Subtotals::None {
            self.expect("(")?;
        }
        let by = self.list(Self::expression)?;
        if subtotals != Subtotals::None {
            self.expect(")")?;
        }
        let having = if self.word("HAVING") { Some(self.conditions()?) } else { None };
        Ok(Grouping { by, subtotals, having })
    }

    fn order(&mut self) -> Result<Order, Refused> {
        let by = self.expression()?;
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
        Ok(Order { by, descending, nulls_last })
    }

    pub(crate) fn count(&mut self) -> Result<usize, Refused> {
        let count = match self.peek() {
            Token::Literal(text) => text.parse().ok(),
            _ => None,
        };
        let count = count.ok_or_else(|| self.unexpected())?;
        self.next += 1;
        Ok(count)
    }

    /// A name with the alias of the query around it taken off.
    fn path(&mut self) -> Result<Name, Refused> {
        let Name { text, at } = self.name()?;
        let own = self.aliases.last().and_then(Option::as_deref);
        let rest =
            text.split_once('.').filter(|(first, _)| own.is_some_and(|own| own.eq_ignore_ascii_case(first)));
        let text = rest.map_or(text.as_str(), |(_, rest)| rest).to_owned();
        Ok(Name { text, at })
    }

    pub(crate) fn name(&mut self) -> Result<Name, Refused> {
        match self.peek() {
            Token::Word(word) if !is_keyword(word) => self.object(),
            _ => Err(self.unexpected()),
        }
    }

    /// There are objects that are called like clauses: Order, Group.
    pub(crate) fn object(&mut self) -> Result<Name, Refused> {
        let at = self.at();
        let Token::Word(text) = self.peek().clone() else { return Err(self.unexpected()) };
        self.next += 1;
        Ok(Name { text, at })
    }

    pub(crate) fn list<T>(
        &mut self,
        one: impl Fn(&mut Self) -> Result<T, Refused>,
    ) -> Result<Vec<T>, Refused> {
        let mut list = vec![one(self)?];
        while self.sign(",") {
            list.push(one(self)?);
        }
        Ok(list)
    }

    pub(super) fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        if self.depth == DEEPEST {
            return Err(error_at(self.text, self.at(), self.code, "The query is nested too deep"));
        }
        self.depth += 1;
        let read = inner(self);
        self.depth -= 1;
        read
    }

    pub(crate) fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    pub(super) fn at(&self) -> usize {
        self.tokens[self.next].1
    }

    pub(super) fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    pub(crate) fn unexpected(&self) -> Refused {
        let shown = match self.peek() {
            Token::Word(word) => word.clone(),
            Token::Literal(text) => text.clone(),
            Token::Text(text) => format!("'{}'", text.plain()),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::Unclosed => "'".to_owned(),
            Token::End => "<EOF>".to_owned(),
        };
        error_at(self.text, self.at(), self.code, &format!("unexpected token: '{shown}'"))
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    pub(crate) fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.next += usize::from(found);
        found
    }

    /// Whether what comes after the next token can follow an item.
    fn ends_item(&self) -> bool {
        match self.tokens.get(self.next + 1) {
            Some((Token::Word(word), _)) => word.eq_ignore_ascii_case("FROM"),
            _ => self.next_is_sign(","),
        }
    }

    fn next_is_sign(&self, sign: &str) -> bool {
        matches!(self.tokens.get(self.next + 1), Some((Token::Sign(found), _)) if *found == sign)
    }

    pub(crate) fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(found) if *found == sign);
        self.next += usize::from(found);
        found
    }

    pub(crate) fn expect_word(&mut self, word: &str) -> Result<(), Refused> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(crate) fn expect(&mut self, sign: &str) -> Result<(), Refused> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }
}

fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 19] = [
        "SELECT", "FROM", "WHERE", "ORDER", "GROUP", "HAVING", "LIMIT", "OFFSET", "AND", "OR", "NOT", "FOR",
        "USING", "WITH", "ASC", "DESC", "NULLS", "LIKE", "IN",
    ];
    KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}
