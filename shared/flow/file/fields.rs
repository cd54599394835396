//! The fields of a map, and the readings that every part of the grammar shares.
//!
//! A part asks for the fields that it knows; what nobody asked for is unknown, and its nearest known name is said.

use super::advice::{did_you_mean, listed};
use super::problem::Finding;
use super::read::Reader;
use super::scalar::{is_null, is_template};
use super::tree::{Entry, Kind, Node, Place, Scalar, Style};

pub(super) struct Fields<'n> {
    /// The thing that has the fields, for messages: `step invoice`.
    pub(super) what: String,
    pub(super) place: Place,
    entries: &'n [Entry],
    known: Vec<String>,
}

impl<'n> Fields<'n> {
    pub(super) fn of(node: &'n Node, what: impl Into<String>, reader: &mut Reader<'n, '_>) -> Option<Self> {
        let what = what.into();
        match &node.kind {
            Kind::Map(entries) => Some(Self { what, place: node.place, entries, known: Vec::new() }),
            _ => {
                reader.wrong_shape(node, &what, "a map of fields");
                None
            }
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<&'n Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    pub(super) fn entry(&mut self, name: &str) -> Option<&'n Entry> {
        self.know(name);
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// A name that is said to be known, so that a misspelling finds it.
    pub(super) fn know(&mut self, name: &str) {
        if !self.known.iter().any(|known| known == name) {
            self.known.push(name.to_owned());
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    pub(super) fn require(&mut self, name: &str, reader: &mut Reader<'n, '_>) -> Option<&'n Node> {
        let found = self.take(name);
        if found.is_none() {
            let message = format!("{} needs `{name}`", self.what);
            // A misspelled name is said once, as an unknown field.
            if !self.unknown().any(|entry| super::advice::nearest(&entry.name, [name]).is_some()) {
                reader.finding(Finding::new(self.place, "missing_field", message));
            }
        }
        found
    }

    pub(super) fn unknown(&self) -> impl Iterator<Item = &'n Entry> {
        self.entries.iter().filter(|entry| !self.known.contains(&entry.name))
    }

    pub(super) fn finish(self, reader: &mut Reader<'n, '_>) {
        for entry in self.unknown() {
            let known = || self.known.iter().map(String::as_str);
            let advice = did_you_mean(&entry.name, known())
                .unwrap_or_else(|| format!("known here: {}", listed(known())));
            let message = format!("{} has no field `{}`", self.what, entry.name);
            reader.finding(Finding::new(entry.place, "unknown_field", message).advise(advice));
        }
    }
}

impl<'n> Reader<'n, '_> {
    pub(super) fn finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn wrong_shape(&mut self, node: &Node, what: &str, expected: &str) {
        let finding = match &node.kind {
            Kind::Scalar(scalar) if scalar.style == Style::Absent => {
                Finding::new(node.place, "empty_value", format!("{what} has no value"))
                    .advise("write one, or leave the field out".to_owned())
            }
            _ => Finding::new(
                node.place,
                "wrong_shape",
                format!("{what} is {expected}, but this is {}", node.what()),
            ),
        };
        self.finding(finding);
    }

    /// A text as it was written, whatever it looks like.
    pub(super) fn scalar(&mut self, node: &'n Node, what: &str) -> Option<&'n Scalar> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.style != Style::Absent && !is_null(scalar) => Some(scalar),
            _ => {
                self.wrong_shape(node, what, "a text");
                None
            }
        }
    }

    pub(super) fn text(&mut self, node: &'n Node, what: &str) -> Option<String> {
        self.scalar(node, what).map(|scalar| scalar.text.clone())
    }

    pub(super) fn list(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.kind {
            Kind::List(nodes) => nodes,
            _ => {
                self.wrong_shape(node, what, "a list");
                &[]
            }
        }
    }

    pub(super) fn texts(&mut self, node: &'n Node, what: &str) -> Vec<String> {
        self.list(node, what).iter().filter_map(|node| self.text(node, what)).collect()
    }

    pub(super) fn flag(&mut self, node: &'n Node, what: &str) -> Option<bool> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.style == Style::Plain && scalar.text == "true" => Some(true),
            Kind::Scalar(scalar) if scalar.style == Style::Plain && scalar.text == "false" => Some(false),
            _ => {
                self.wrong_shape(node, what, "true or false");
                None
            }
        }
    }

    pub(super) fn one_of<T: Copy>(&mut self, node: &'n Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, what)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        if found.is_none() {
            let names = || choices.iter().map(|(name, _)| *name);
            let advice =
                did_you_mean(&text, names()).unwrap_or_else(|| format!("choose from {}", listed(names())));
            let message = format!("{what} can't be `{text}`");
            self.finding(Finding::new(node.place, "unknown_value", message).advise(advice));
        }
        found
    }

    /// A name that expressions can use: letters, digits and `_`, not starting with `_` or a digit.
    pub(super) fn identifier(&mut self, node: &'n Node, what: &str) -> Option<String> {
        let text = self.text(node, what)?;
        if is_identifier(&text) {
            return Some(text);
        }
        let advice: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .skip_while(|c| !c.is_ascii_alphabetic())
            .collect();
        let finding = Finding::new(
            node.place,
            "bad_name",
            format!("{what} `{text}` isn't a name that expressions can use"),
        );
        let advice = if is_identifier(&advice) { advice } else { "invoice".to_owned() };
        self.finding(finding.advise(format!("letters, digits and _, starting with a letter: {advice}")));
        None
    }

    /// A text that no template may stand in.
    pub(super) fn literal(&mut self, node: &'n Node, what: &str) -> Option<String> {
        let scalar = self.scalar(node, what)?;
        if is_template(scalar) {
            let message = format!("{what} can't hold a template: it is fixed when the flow is saved");
            self.finding(Finding::new(node.place, "template_not_here", message));
            return None;
        }
        Some(scalar.text.clone())
    }
}

pub(super) fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
