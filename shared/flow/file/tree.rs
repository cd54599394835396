//! YAML or JSON text as a tree of nodes that know their places, and their scalars as they were written.
//!
//! YAML's readings of bare words (`NO`, `090`, `2026-01-01`) are not made here: whether a scalar is a text or a
//! number depends on the field that it is written for, so it keeps its text and its style.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::problem::Finding;

/// Nodes of a file once its aliases are written out: what keeps a small file from becoming a large tree.
const MAX_NODES: usize = 50_000;
/// How deep lists and maps may be nested.
const MAX_DEPTH: usize = 48;

/// Where something is written; lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) value: Node,
}

/// A scalar as it was written, quotes and escapes resolved.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) style: Style,
    /// Where the first character of the text is written.
    first: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Nothing stands there: `name:`
    Absent,
    Plain,
    Quoted,
    /// `|`: every line of the text is a line of the file.
    Literal,
    /// `>`: lines were joined.
    Folded,
}

impl Scalar {
    /// The place of a byte of the text: exact on the text's first line and in `|` blocks, else the text's start.
    pub(super) fn place_of(&self, offset: usize) -> Place {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or(&self.text);
        let (line, column) = (before.matches('\n').count(), before.rsplit('\n').next().unwrap_or_default());
        match self.style {
            Style::Literal => {
                Place { line: self.first.line + line, column: self.first.column + column.chars().count() }
            }
            _ if line == 0 && self.style != Style::Folded => {
                Place { line: self.first.line, column: self.first.column + column.chars().count() }
            }
            _ => self.first,
        }
    }
}

impl Node {
    /// What it is, in words: `a list`.
    pub(super) fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(scalar) if scalar.style == Style::Absent => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value),
            _ => None,
        }
    }

    fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar(_) => 0,
            Kind::List(nodes) => nodes.iter().map(Self::size).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }
}

/// The file's one document. The findings beside it (a name written twice) don't keep the rest from being checked.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<Finding>), Finding> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        nodes: 0,
        findings: Vec::new(),
    };
    let root = builder.document()?;
    Ok((root, builder.findings))
}

struct Builder<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    findings: Vec<Finding>,
}

impl<'t> Builder<'t> {
    fn document(&mut self) -> Result<Node, Finding> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event if root.is_none() => root = Some(self.node(event, &span, 0)?),
                _ => {
                    return Err(Finding::new(place(&span), "second_document", "a file holds one flow")
                        .advise("put each flow into a file of its own".to_owned()));
                }
            }
        }
        root.ok_or_else(|| Finding::new(Place::START, "empty_file", "there is nothing in the file"))
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Finding> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let at = Place { line: error.marker().line(), column: error.marker().col() + 1 };
                Err(Finding::new(at, "not_yaml", error.info()))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<Node, Finding> {
        let place = place(span);
        self.count(1, place)?;
        if depth > MAX_DEPTH {
            return Err(Finding::new(place, "too_deep", format!("nested more than {MAX_DEPTH} levels deep")));
        }
        if let Some(tag) = event.tag()
            && !tag.is_yaml_core_schema_tag("str")
        {
            self.findings.push(
                Finding::new(
                    place,
                    "tag_not_known",
                    format!("the tag {} means nothing here", tag.original()),
                )
                .advise("leave it out; quotes make a text".to_owned()),
            );
        }
        let (anchor, kind) = match event {
            Event::Alias(id) => {
                let Some(target) = self.anchors.get(&id).cloned() else {
                    return Err(Finding::new(
                        place,
                        "alias_of_itself",
                        "this alias stands inside what it names",
                    ));
                };
                self.count(target.size(), place)?;
                return Ok(target);
            }
            Event::Scalar(text, style, anchor, tag) => (
                anchor,
                Kind::Scalar(scalar(text.into_owned(), style, tag.is_some(), place, span.is_empty())),
            ),
            Event::SequenceStart(_, anchor, _) => {
                let mut nodes = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => nodes.push(self.node(event, &span, depth + 1)?),
                    }
                }
                (anchor, Kind::List(nodes))
            }
            Event::MappingStart(_, anchor, _) => (anchor, Kind::Map(self.entries(depth)?)),
            _ => return Err(Finding::new(place, "not_yaml", "a value was expected here")),
        };
        let node = Node { place, kind };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, Finding> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.node(event, &span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, &span, depth + 1)?;
            let Kind::Scalar(Scalar { text: name, .. }) = key.kind else {
                self.findings.push(
                    Finding::new(key.place, "name_expected", "the name of a field is a text")
                        .advise("put {{ … }} in quotes".to_owned()),
                );
                continue;
            };
            if name == "<<" {
                let finding = Finding::new(key.place, "merge_not_known", "`<<` merges nothing here");
                self.findings.push(
                    finding.advise("write the fields out, or use an alias for a whole value".to_owned()),
                );
                continue;
            }
            if let Some(first) = entries.iter().find(|entry| entry.name == name) {
                let message = format!("{name} is written twice, first in line {}", first.place.line);
                self.findings.push(Finding::new(key.place, "written_twice", message));
                continue;
            }
            entries.push(Entry { name, place: key.place, value });
        }
    }

    fn count(&mut self, nodes: usize, place: Place) -> Result<(), Finding> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Finding::new(place, "too_large", format!("the file has more than {MAX_NODES} values"))
            .advise("aliases count as often as they are used".to_owned()))
    }
}

fn scalar(text: String, style: ScalarStyle, tagged: bool, start: Place, absent: bool) -> Scalar {
    let (style, first) = match style {
        ScalarStyle::Plain if absent && !tagged => (Style::Absent, start),
        ScalarStyle::Plain if tagged => (Style::Quoted, start),
        ScalarStyle::Plain => (Style::Plain, start),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            (Style::Quoted, Place { column: start.column + 1, ..start })
        }
        ScalarStyle::Literal => (Style::Literal, block_start(start, &text)),
        ScalarStyle::Folded => (Style::Folded, block_start(start, &text)),
    };
    let text = if style == Style::Absent { String::new() } else { text };
    Scalar { text, style, first }
}

/// The parser gives the place of a block's first character that is no line break.
fn block_start(start: Place, text: &str) -> Place {
    let blank_lines = text.chars().take_while(|character| *character == '\n').count();
    Place { line: start.line.saturating_sub(blank_lines).max(1), ..start }
}

fn place(span: &Span) -> Place {
    Place { line: span.start.line().max(1), column: span.start.col() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(node: &Node) -> &Scalar {
        match &node.kind {
            Kind::Scalar(scalar) => scalar,
            _ => panic!("{node:?}"),
        }
    }

    #[test]
    fn scalars_keep_their_text_and_know_how_they_were_written() {
        let (root, findings) = parse("a: 090\nb: \"NO\"\nc:\nd: ~\ne: 1.10\n").unwrap();
        assert!(findings.is_empty());
        let found =
            |name| (scalar(root.get(name).unwrap()).text.as_str(), scalar(root.get(name).unwrap()).style);
        assert_eq!(found("a"), ("090", Style::Plain));
        assert_eq!(found("b"), ("NO", Style::Quoted));
        assert_eq!(found("c"), ("", Style::Absent));
        assert_eq!(found("d"), ("~", Style::Plain));
        assert_eq!(found("e"), ("1.10", Style::Plain));
    }

    #[test]
    fn places_point_at_the_character_in_plain_quoted_and_block_texts() {
        let text = "a: x\nb: \"yz\"\nc: |\n\n  first\n  second\n";
        let (root, _) = parse(text).unwrap();
        let at = |name, offset| {
            let place = scalar(root.get(name).unwrap()).place_of(offset);
            (place.line, place.column)
        };
        assert_eq!(at("a", 0), (1, 4));
        assert_eq!(at("b", 1), (2, 6));
        assert_eq!(at("c", 1), (5, 3));
        assert_eq!(at("c", 8), (6, 4));
    }

    #[test]
    fn json_with_tabs_and_escapes_is_read_as_well() {
        let (root, _) = parse("{\n\t\"a\": \"\\u00e9\\/\",\n\t\"b\": [1, 2.50]\n}\n").unwrap();
        assert_eq!(scalar(root.get("a").unwrap()).text, "é/");
        assert_eq!(root.get("b").unwrap().what(), "a list");
    }

    #[test]
    fn a_name_written_twice_is_found_with_both_lines() {
        let (_, findings) = parse("a: 1\nb: 2\na: 3\n").unwrap();
        assert_eq!(findings[0].code, "written_twice");
        assert_eq!(findings[0].place.line, 3);
        assert!(findings[0].message.contains("line 1"));
    }

    #[test]
    fn aliases_work_until_they_multiply() {
        let (root, _) = parse("a: &x { b: 1 }\nc: *x\n").unwrap();
        assert_eq!(scalar(root.get("c").unwrap().get("b").unwrap()).text, "1");

        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert_eq!(parse(&bomb).unwrap_err().code, "too_large");
    }

    #[test]
    fn what_cannot_be_parsed_says_where() {
        let error = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert_eq!(error.code, "not_yaml");
        assert!(error.place.line >= 2, "{error:?}");
        assert!(!error.message.is_empty());
        assert_eq!(parse("").unwrap_err().code, "empty_file");
        assert_eq!(parse("a: 1\n---\nb: 2\n").unwrap_err().code, "second_document");
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(parse(&deep).is_err());
    }
}
