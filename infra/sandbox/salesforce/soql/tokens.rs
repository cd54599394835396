//! The words, texts, numbers and signs of a query, each with its place. SOSL has the same ones.

use super::error_at;
use crate::salesforce::answer::Refused;
use crate::salesforce::wildcards::{Pattern, Wild};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Word(String),
    Text(Quoted),
    /// Begins with a digit or a sign: number, date or datetime.
    Literal(String),
    Sign(&'static str),
    /// A text that doesn't end: nothing is read after it.
    Unclosed,
    End,
}

/// A quoted text. Which letters were escaped matters to LIKE alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quoted(Vec<(char, bool)>);

impl Quoted {
    pub(crate) fn plain(&self) -> String {
        self.0.iter().map(|(letter, _)| letter).collect()
    }

    /// `%` is any text and `_` any letter, unless they were escaped.
    pub(crate) fn pattern(&self) -> Pattern {
        let wild = self.0.iter().map(|(letter, escaped)| match letter {
            '%' if !escaped => Wild::Any,
            '_' if !escaped => Wild::One,
            _ => Wild::Letter(*letter),
        });
        Pattern::new(wild)
    }
}

const SIGNS: [&str; 14] = ["!=", "<>", "<=", ">=", "=", "<", ">", ",", "(", ")", ":", ";", "{", "}"];

/// The tokens from this place on.
pub(super) fn tokens(text: &str, start: usize, code: &str) -> Result<Vec<(Token, usize)>, Refused> {
    let mut tokens = Vec::new();
    let mut at = start;
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
            return Err(error_at(text, at, code, &message));
        };
        at += length;
    }
    tokens.push((Token::End, text.len()));
    Ok(tokens)
}

/// A quoted text, its escapes undone, and how many bytes it took.
fn quoted(rest: &str) -> Option<(Quoted, usize)> {
    let mut value = Vec::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        let escaped = match letter {
            '\'' => return Some((Quoted(value), at + 1)),
            '\\' => match letters.next()?.1 {
                'n' | 'N' => '\n',
                'r' | 'R' => '\r',
                't' | 'T' => '\t',
                'b' | 'B' => '\u{8}',
                'f' | 'F' => '\u{c}',
                'u' | 'U' => {
                    let code: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                    char::from_u32(u32::from_str_radix(&code, 16).ok()?)?
                }
                same @ ('\'' | '"' | '\\' | '%' | '_') => same,
                _ => return None,
            },
            _ => {
                value.push((letter, false));
                continue;
            }
        };
        value.push((escaped, true));
    }
    None
}
