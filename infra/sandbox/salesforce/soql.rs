//! SOQL, as text and as a tree. Knows no schema: `filter.rs` and `query.rs` bind names to fields.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm

mod conditions;
mod days;
mod parser;
mod tokens;

use super::answer::Refused;
pub(crate) use days::Days;
pub(crate) use parser::Parser;
pub(crate) use tokens::{Quoted, Token};

/// SOQL statements are at most so long.
const LONGEST: usize = 100_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) items: Vec<Item>,
    pub(crate) from: Name,
    /// `USING SCOPE mine`: only what the asker owns.
    pub(crate) mine: bool,
    pub(crate) condition: Option<Condition>,
    pub(crate) grouping: Option<Grouping>,
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
    Value {
        expression: Expression,
        alias: Option<Name>,
    },
    /// `COUNT()`
    Count,
    /// `FIELDS(ALL)`, `FIELDS(STANDARD)`, `FIELDS(CUSTOM)`
    Fields(Name),
    Children(Box<Select>),
    TypeOf(TypeOf),
}

/// `TYPEOF What WHEN Account THEN Phone ELSE Name END`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypeOf {
    pub(crate) relationship: Name,
    pub(crate) when: Vec<(Name, Vec<Name>)>,
    pub(crate) otherwise: Vec<Name>,
}

/// A path, maybe inside a function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expression {
    pub(crate) function: Option<Function>,
    pub(crate) path: Name,
    /// Inside `convertTimezone()`: in the asker's time zone, not in UTC.
    pub(crate) converted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Sum(Aggregate),
    Part(DatePart),
    /// `GROUPING(field)`: 1 in a row that is a subtotal over the field.
    Grouping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    CountDistinct,
    Sum,
    Average,
    Least,
    Greatest,
}

impl Aggregate {
    /// As SOQL writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::CountDistinct => "COUNT_DISTINCT",
            Self::Sum => "SUM",
            Self::Average => "AVG",
            Self::Least => "MIN",
            Self::Greatest => "MAX",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    CalendarMonth,
    CalendarQuarter,
    CalendarYear,
    DayInMonth,
    DayInWeek,
    DayInYear,
    DayOnly,
    HourInDay,
    WeekInMonth,
    WeekInYear,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grouping {
    pub(crate) by: Vec<Expression>,
    pub(crate) subtotals: Subtotals,
    pub(crate) having: Option<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subtotals {
    None,
    Rollup,
    Cube,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Test { left: Expression, operator: Operator, operand: Operand },
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
    Text(Quoted),
    Number(String),
    Date(String),
    DateTime(String),
    Days(Days),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) by: Expression,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

pub(crate) fn parse(text: &str) -> Result<Select, Refused> {
    if text.chars().count() > LONGEST {
        let message = format!("SOQL statements cannot be longer than {LONGEST} characters.");
        return Err(Refused::new(400, "MALFORMED_QUERY", message));
    }
    let mut parser = Parser::new(text, 0, "MALFORMED_QUERY")?;
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
        let text = "SELECT Id, d.Account.Name, (SELECT Id FROM OpportunityLineItems ORDER BY SortOrder NULLS LAST) \
                    FROM Opportunity d USING SCOPE mine \
                    WHERE (StageName = 'Closed Won' OR d.Amount >= 1.5) AND NOT Name LIKE 'x\\%%' \
                    AND AccountId NOT IN (SELECT Id FROM Account WHERE Name = null) \
                    AND SystemModstamp > 2026-01-01T00:00:00Z ORDER BY SystemModstamp, Id DESC LIMIT 10 OFFSET 5 FOR VIEW";
        let select = parse(text).unwrap();
        assert_eq!((select.limit, select.offset, select.items.len()), (Some(10), 5, 3));
        assert!(
            matches!(&select.items[1], Item::Value { expression, .. } if expression.path.text == "Account.Name")
        );
        assert!(select.mine && select.grouping.is_none());
        let Some(Condition::And(all)) = select.condition else { panic!("not an AND") };
        assert_eq!(all.len(), 4);
        assert!(matches!(&all[1], Condition::Not(_)));
        assert!(select.order[1].descending && !select.order[0].descending);
    }

    #[test]
    fn groups_have_functions_aliases_and_conditions_of_their_own() {
        let text = "SELECT CALENDAR_YEAR(convertTimezone(CreatedDate)) y, COUNT_DISTINCT(AccountId), GROUPING(StageName) g \
                    FROM Opportunity GROUP BY ROLLUP(StageName, CALENDAR_YEAR(convertTimezone(CreatedDate))) \
                    HAVING SUM(Amount) > 10 AND StageName LIKE 'C%' ORDER BY COUNT(Id) DESC";
        let select = parse(text).unwrap();
        let Item::Value { expression, alias: Some(alias) } = &select.items[0] else { panic!("no value") };
        assert_eq!(
            (expression.function, alias.text.as_str()),
            (Some(Function::Part(DatePart::CalendarYear)), "y")
        );
        assert!(expression.converted);
        let grouping = select.grouping.unwrap();
        assert_eq!((grouping.by.len(), grouping.subtotals), (2, Subtotals::Rollup));
        assert!(matches!(grouping.having, Some(Condition::And(both)) if both.len() == 2));
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
        assert!(refusal("SELECT MEDIAN(Amount) FROM A").ends_with("Invalid function: MEDIAN"));
        let deep = format!("SELECT Id FROM A WHERE {}", "(".repeat(5000));
        assert!(refusal(&deep).ends_with("too deep"), "a query can't exhaust the stack");
    }

    #[test]
    fn escapes_in_texts_are_undone() {
        let select = parse(r"SELECT Id FROM A WHERE Name = 'O\'Brien \\ \u00e9\n'").unwrap();
        let Some(Condition::Test { operand: Operand::One(Literal::Text(text)), .. }) = select.condition
        else {
            panic!("not a test")
        };
        assert_eq!(text.plain(), "O'Brien \\ é\n");
    }
}
