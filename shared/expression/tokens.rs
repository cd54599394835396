//! Cuts JavaScript into tokens: as much of the grammar as it takes to find where an expression ends and which names
//! it mentions. Whether it is right is for the engine to say.
//!
//! Strings, comments, regular expressions and template literals are recognised, so that a brace or a name inside one
//! counts for nothing.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Text,
    Number,
    Regex,
    Mark,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub at: Range<usize>,
}

impl Token {
    pub(crate) fn text<'a>(&self, source: &'a str) -> &'a str {
        &source[self.at.clone()]
    }
}

/// All tokens of a source. What doesn't close runs to the end: the engine will refuse it.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    Cutter::new(source).run(false).0
}

/// Where the `}}` stands that closes an expression which starts at the beginning of `source`.
pub(crate) fn closing_braces(source: &str) -> Option<usize> {
    Cutter::new(source).run(true).1
}

struct Cutter<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token>,
    /// How many braces are open, and at which depths the `}` hands back to a template literal.
    depth: usize,
    literals: Vec<usize>,
}

impl<'a> Cutter<'a> {
    fn new(source: &'a str) -> Self {
        Self { source, bytes: source.as_bytes(), at: 0, tokens: Vec::new(), depth: 0, literals: Vec::new() }
    }

    fn run(mut self, stop_at_braces: bool) -> (Vec<Token>, Option<usize>) {
        while let Some(&byte) = self.bytes.get(self.at) {
            if stop_at_braces && self.depth == 0 && self.source[self.at..].starts_with("}}") {
                return (self.tokens, Some(self.at));
            }
            self.step(byte);
        }
        (self.tokens, None)
    }

    fn step(&mut self, byte: u8) {
        let start = self.at;
        let rest = &self.source[start..];
        match byte {
            b'"' | b'\'' => {
                self.at = self.end_of_string(byte);
                self.push(Kind::Text, start);
            }
            b'`' => {
                self.at += 1;
                self.literal(start);
            }
            b'/' if rest.starts_with("//") => self.at += rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => self.at += rest.find("*/").map_or(rest.len(), |end| end + 2),
            b'/' if self.regex_may_stand_here() => {
                self.at = self.end_of_regex();
                self.push(Kind::Regex, start);
            }
            b'0'..=b'9' => {
                self.at +=
                    rest.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '_')).unwrap_or(rest.len());
                self.push(Kind::Number, start);
            }
            _ if rest.starts_with(is_name_start) => {
                self.at += rest.find(|c: char| !is_name_part(c)).unwrap_or(rest.len());
                self.push(Kind::Name, start);
            }
            b'}' if self.literals.last() == Some(&self.depth) => {
                self.literals.pop();
                self.depth -= 1;
                self.at += 1;
                self.literal(start);
            }
            _ => self.mark(rest, start),
        }
    }

    fn mark(&mut self, rest: &str, start: usize) {
        let Some(character) = rest.chars().next() else { return };
        self.at += if rest.starts_with("?.") { 2 } else { character.len_utf8() };
        match character {
            space if space.is_whitespace() => return,
            '{' => self.depth += 1,
            '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.push(Kind::Mark, start);
    }

    /// The text of a template literal, up to its end or to the next `${`.
    fn literal(&mut self, start: usize) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\\' => self.at += 2,
                b'`' => {
                    self.at += 1;
                    break;
                }
                b'$' if self.bytes.get(self.at + 1) == Some(&b'{') => {
                    self.at += 2;
                    self.depth += 1;
                    self.literals.push(self.depth);
                    break;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.bytes.len());
        self.push(Kind::Text, start);
    }

    fn end_of_string(&self, quote: u8) -> usize {
        let mut at = self.at + 1;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'\\' => at += 2,
                b'\n' => return at,
                _ if byte == quote => return at + 1,
                _ => at += 1,
            }
        }
        self.bytes.len()
    }

    fn end_of_regex(&self) -> usize {
        let (mut at, mut in_class) = (self.at + 1, false);
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'\\' => at += 1,
                b'\n' => return at,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    let flags =
                        self.bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
                    return at + 1 + flags;
                }
                _ => {}
            }
            at += 1;
        }
        self.bytes.len()
    }

    /// A slash after a value divides; anywhere else it begins a regular expression.
    fn regex_may_stand_here(&self) -> bool {
        match self.tokens.last() {
            None => true,
            Some(token) => match (token.kind, token.text(self.source)) {
                (Kind::Mark, mark) => !matches!(mark, ")" | "]" | "}"),
                (Kind::Name, name) => {
                    matches!(name, "return" | "typeof" | "case" | "in" | "of" | "void" | "delete")
                }
                _ => false,
            },
        }
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let mut end = self.at.min(self.bytes.len());
        while !self.source.is_char_boundary(end) {
            end += 1;
        }
        self.at = end;
        self.tokens.push(Token { kind, at: start..end });
    }
}

pub(crate) fn is_name_start(character: char) -> bool {
    character.is_alphabetic() || character == '_' || character == '$'
}

pub(crate) fn is_name_part(character: char) -> bool {
    is_name_start(character) || character.is_numeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(source: &str) -> Vec<&str> {
        tokens(source)
            .iter()
            .filter(|token| token.kind == Kind::Name)
            .map(|token| token.text(source))
            .collect()
    }

    #[test]
    fn an_expression_ends_at_its_own_braces() {
        for source in [
            "record.Id",
            "{a: {b: 1}}.a",
            "'}}'",
            "\"}}\" + `}} ${ {a: '}}'}.a } }}`",
            "/}}/.test(x)",
            "a /* }} */ + 1",
        ] {
            assert_eq!(closing_braces(&format!("{source} }} tail")), None, "{source}");
            assert_eq!(closing_braces(&format!("{source} }}}} tail")), Some(source.len() + 1), "{source}");
        }
    }

    #[test]
    fn names_in_strings_comments_and_patterns_are_not_names() {
        assert_eq!(
            names("a + 'b' // c\n + /d/g.test(e) /* f */ + `g ${h + `${i}`} j`"),
            ["a", "test", "e", "h", "i"]
        );
        assert_eq!(names("x / y / z"), ["x", "y", "z"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_hang(text in "[a-c`$\\\\{}/'\"\\[\\]é\n ]{0,60}") {
            let _ = (tokens(&text), closing_braces(&text));
        }
    }
}
