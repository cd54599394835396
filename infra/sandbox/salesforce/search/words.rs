//! The words that are searched for, and the words of a field.
//!
//! Words match whole words, without case; `*` stands for any letters and `?` for one. Several words must all
//! be there, in any of the fields; in quotes, one after the other. AND NOT binds closer than AND, AND closer
//! than OR.

use std::iter::Peekable;
use std::str::Chars;

use crate::salesforce::answer::Refused;
use crate::salesforce::objects::FieldType;
use crate::salesforce::wildcards::{Pattern, Wild};

/// Parentheses inside parentheses.
const DEEPEST: usize = 20;

#[derive(Debug, PartialEq)]
pub(super) enum Words {
    All(Vec<Words>),
    Any(Vec<Words>),
    Not(Box<Words>),
    Phrase(Vec<Pattern>),
}

impl Words {
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        let letters = text.chars().filter(|letter| letter.is_alphanumeric()).count();
        if letters < 2 {
            let message = format!("search term must be longer than one character: {text}");
            return Err(Refused::new(400, "INVALID_SEARCH", message));
        }
        let mut reader = Reader { letters: text.chars().peekable(), next: None, depth: 0 };
        reader.advance();
        let words = reader.any()?;
        match reader.next {
            None => Ok(words),
            Some(piece) => Err(unexpected(&piece)),
        }
    }

    /// Whether the words are in these fields, each given as its words.
    pub(super) fn found_in(&self, fields: &[Vec<String>]) -> bool {
        match self {
            Self::All(all) => all.iter().all(|words| words.found_in(fields)),
            Self::Any(any) => any.iter().any(|words| words.found_in(fields)),
            Self::Not(words) => !words.found_in(fields),
            Self::Phrase(patterns) => fields.iter().any(|field| {
                let fits = |window: &[String]| {
                    window.iter().zip(patterns).all(|(word, pattern)| pattern.matches(word))
                };
                field.windows(patterns.len()).any(fits)
            }),
        }
    }
}

/// The words of a field, in lower case. A phone number is also found by its digits in one go.
pub(super) fn indexed(kind: FieldType, text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut words: Vec<String> = words.map(str::to_lowercase).collect();
    if kind == FieldType::Phone {
        words.push(text.chars().filter(char::is_ascii_digit).collect());
    }
    words
}

enum Piece {
    Open,
    Close,
    And,
    Or,
    Not,
    Phrase(Vec<Pattern>),
}

struct Reader<'a> {
    letters: Peekable<Chars<'a>>,
    next: Option<Piece>,
    depth: usize,
}

impl Reader<'_> {
    fn any(&mut self) -> Result<Words, Refused> {
        let mut any = vec![self.all()?];
        while matches!(self.next, Some(Piece::Or)) {
            self.advance();
            any.push(self.all()?);
        }
        Ok(one_or(any, Words::Any))
    }

    fn all(&mut self) -> Result<Words, Refused> {
        let mut all = vec![self.one()?];
        while let Some(piece) = &self.next {
            match piece {
                Piece::And => self.advance(),
                Piece::Or | Piece::Close => break,
                Piece::Open | Piece::Not | Piece::Phrase(_) => {}
            }
            all.push(self.one()?);
        }
        Ok(one_or(all, Words::All))
    }

    fn one(&mut self) -> Result<Words, Refused> {
        let piece = self.next.take().ok_or_else(|| malformed("<EOF>"))?;
        self.advance();
        match piece {
            Piece::Phrase(patterns) => Ok(Words::Phrase(patterns)),
            Piece::Not => Ok(Words::Not(Box::new(self.deeper(Self::one)?))),
            Piece::Open => {
                let inner = self.deeper(Self::any)?;
                match self.next {
                    Some(Piece::Close) => self.advance(),
                    _ => return Err(malformed("<EOF>")),
                }
                Ok(inner)
            }
            piece => Err(unexpected(&piece)),
        }
    }

    fn deeper(&mut self, inner: fn(&mut Self) -> Result<Words, Refused>) -> Result<Words, Refused> {
        if self.depth == DEEPEST {
            return Err(malformed("("));
        }
        self.depth += 1;
        let read = inner(self);
        self.depth -= 1;
        read
    }

    fn advance(&mut self) {
        self.next = self.piece();
    }

    fn piece(&mut self) -> Option<Piece> {
        loop {
            match *self.letters.peek()? {
                '(' => return self.letters.next().map(|_| Piece::Open),
                ')' => return self.letters.next().map(|_| Piece::Close),
                '"' => {
                    self.letters.next();
                    let phrase = self.patterns(|letter| letter == '"');
                    self.letters.next();
                    if !phrase.0.is_empty() {
                        return Some(Piece::Phrase(phrase.0));
                    }
                }
                letter if letter.is_whitespace() => {
                    self.letters.next();
                }
                _ => {
                    let (patterns, plain) =
                        self.patterns(|letter| letter.is_whitespace() || "()\"".contains(letter));
                    match plain.to_ascii_uppercase().as_str() {
                        "AND" => return Some(Piece::And),
                        "OR" => return Some(Piece::Or),
                        "NOT" => return Some(Piece::Not),
                        _ if !patterns.is_empty() => return Some(Piece::Phrase(patterns)),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Words until the end: what is neither letter nor digit parts them, as it does in fields.
    fn patterns(&mut self, end: impl Fn(char) -> bool) -> (Vec<Pattern>, String) {
        let (mut patterns, mut word, mut plain) = (Vec::new(), Vec::new(), String::new());
        let mut finish = |word: &mut Vec<Wild>| {
            // A wildcard in front finds nothing more, as in the real one.
            let front = word.iter().take_while(|wild| !matches!(wild, Wild::Letter(_))).count();
            let word = word.drain(..).skip(front).collect::<Vec<_>>();
            if !word.is_empty() {
                patterns.push(Pattern::new(word));
            }
        };
        while let Some(letter) = self.letters.next_if(|letter| !end(*letter)) {
            plain.push(letter);
            let wild = match letter {
                '*' => Some(Wild::Any),
                '?' => Some(Wild::One),
                '\\' => self.letters.next().filter(|letter| letter.is_alphanumeric()).map(Wild::Letter),
                letter => letter.is_alphanumeric().then_some(Wild::Letter(letter)),
            };
            match wild {
                Some(wild) => word.push(wild),
                None => finish(&mut word),
            }
        }
        finish(&mut word);
        (patterns, plain)
    }
}

fn one_or(mut words: Vec<Words>, several: fn(Vec<Words>) -> Words) -> Words {
    if words.len() == 1 { words.remove(0) } else { several(words) }
}

fn unexpected(piece: &Piece) -> Refused {
    malformed(match piece {
        Piece::Open => "(",
        Piece::Close => ")",
        Piece::And => "AND",
        Piece::Or => "OR",
        Piece::Not => "NOT",
        Piece::Phrase(_) => "\"",
    })
}

fn malformed(token: &str) -> Refused {
    Refused::new(400, "MALFORMED_SEARCH", format!("unexpected token: '{token}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(words: &str, text: &str) -> bool {
        let kind = if text.starts_with(|letter: char| "+(0".contains(letter)) {
            FieldType::Phone
        } else {
            FieldType::String
        };
        Words::parse(words).unwrap().found_in(&[indexed(kind, text)])
    }

    #[test]
    fn words_match_whole_words_unless_wildcards_stand_for_the_rest() {
        assert!(finds("acme", "Acme, Ltd.") && !finds("acm", "Acme Ltd") && finds("acm*", "Acme Ltd"));
        assert!(
            finds("A?me", "acme")
                && !finds("ac?", "acme")
                && finds("b*n", "Boston")
                && !finds("*cme", "acme")
        );
        assert!(finds("ltd acme", "Acme Ltd") && !finds("\"ltd acme\"", "Acme Ltd"));
        assert!(finds("\"acme ltd\"", "The Acme, Ltd") && finds("ann@x.com", "Ann@X.com"));
    }

    #[test]
    fn operators_bind_as_documented() {
        assert!(finds("acme AND NOT ltd", "Acme Group") && !finds("acme AND NOT ltd", "Acme Ltd"));
        assert!(finds("acme OR ivy AND ltd", "Acme Group") && !finds("(acme OR ivy) AND ltd", "Acme Group"));
        for wrong in ["acme AND", "OR acme", "(acme", "acme)"] {
            assert_eq!(Words::parse(wrong).unwrap_err().code, "MALFORMED_SEARCH", "{wrong}");
        }
        assert_eq!(Words::parse(&"(a".repeat(50)).unwrap_err().code, "MALFORMED_SEARCH");
    }

    #[test]
    fn escaped_letters_are_no_operators_and_one_letter_is_too_short() {
        assert!(finds(r"what\?", "What? Ltd") && !finds(r"wh\?t", "what") && finds(r"A\&B", "A&B"));
        assert_eq!(Words::parse("a*").unwrap_err().code, "INVALID_SEARCH");
    }

    #[test]
    fn a_phone_number_is_found_however_it_is_written() {
        assert!(finds("4155551212", "(415) 555-1212") && finds("(415) 555\\-1212", "(415) 555-1212"));
    }
}
