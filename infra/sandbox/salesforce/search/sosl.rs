//! `FIND {words} IN NAME FIELDS RETURNING Account(Id, Name LIMIT 5), Contact LIMIT 20`, as text and as a tree.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_sosl_syntax.htm

use super::words::Words;
use super::{MOST, Scope, Search};
use crate::salesforce::answer::Refused;
use crate::salesforce::soql::{Parser, Token};

const CODE: &str = "MALFORMED_SEARCH";

pub(super) fn parse(text: &str) -> Result<Search, Refused> {
    let (wanted, after) = braced(text).ok_or_else(|| {
        Refused::new(400, CODE, "No search term found. The search term must be enclosed in braces.")
    })?;
    let words = Words::parse(wanted)?;
    let mut parser = Parser::new(text, after, CODE)?;
    let mut scope = Scope::All;
    if parser.word("IN") {
        let before = parser.unexpected();
        scope = Scope::named(&parser.name()?.text).ok_or(before)?;
        parser.expect_word("FIELDS")?;
    }
    let mut returning = Vec::new();
    if parser.word("RETURNING") {
        returning = parser.list(Parser::returning)?;
    }
    let limit = if parser.word("LIMIT") { parser.count()? } else { MOST };
    if parser.word("UPDATE") && !parser.word("TRACKING") {
        parser.expect_word("VIEWSTAT")?;
    }
    if *parser.peek() != Token::End {
        return Err(parser.unexpected());
    }
    let returning = returning.into_iter().map(|select| (text.to_owned(), select)).collect();
    Ok(Search { words, scope, returning, limit: limit.min(MOST) })
}

/// What stands in the braces after FIND, and where they end.
fn braced(text: &str) -> Option<(&str, usize)> {
    let trimmed = text.trim_start();
    let find = trimmed.get(..4).filter(|word| word.eq_ignore_ascii_case("FIND"))?;
    let rest = trimmed[find.len()..].trim_start().strip_prefix('{')?;
    let start = text.len() - rest.len();
    let mut escaped = false;
    for (at, letter) in rest.char_indices() {
        match letter {
            '}' if !escaped => return Some((&rest[..at], start + at + 1)),
            _ => escaped = letter == '\\' && !escaped,
        }
    }
    None
}
