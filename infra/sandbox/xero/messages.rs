//! What is wrong with an element, in sentences: all of them on the element, and those about its contact or one of
//! its lines once more inside that.
//!
//! Collected while an element is read, so that one answer says everything; shown by `writing.rs`.

use serde_json::{Map, Value, json};

use super::answer::Refusal;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Messages {
    said: Vec<(About, String)>,
    /// What the next sentence is about.
    about: About,
}

/// Which part of an element a sentence is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum About {
    #[default]
    Whole,
    Contact,
    /// By its place among those that were sent.
    Line(usize),
}

impl Messages {
    pub(crate) fn push(&mut self, sentence: impl Into<String>) {
        self.said.push((self.about, sentence.into()));
    }

    /// What is said meanwhile is about this part.
    pub(crate) fn about<T>(&mut self, part: About, say: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.about, part);
        let said = say(self);
        self.about = outer;
        said
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// Each once, in the order they were said.
    pub(crate) fn sentences(&self) -> Vec<String> {
        self.of(|_| true)
    }

    fn of(&self, wanted: impl Fn(About) -> bool) -> Vec<String> {
        let mut sentences: Vec<String> = Vec::new();
        for (_, sentence) in self.said.iter().filter(|(about, _)| wanted(*about)) {
            if !sentences.contains(sentence) {
                sentences.push(sentence.clone());
            }
        }
        sentences
    }

    /// Into the echo of what was sent: every line has a list, also those that nothing is wrong with.
    pub(crate) fn show(&self, body: &mut Map<String, Value>) {
        for lines in ["LineItems", "JournalLines"] {
            let lines = body.get_mut(lines).and_then(Value::as_array_mut).into_iter().flatten();
            for (place, line) in lines.enumerate() {
                if let Value::Object(line) = line {
                    line.insert(
                        "ValidationErrors".into(),
                        listed(self.of(|about| about == About::Line(place))),
                    );
                }
            }
        }
        let of_contact = self.of(|about| about == About::Contact);
        if let Some(contact) = body.get_mut("Contact").and_then(Value::as_object_mut)
            && !of_contact.is_empty()
        {
            contact.insert("HasValidationErrors".into(), true.into());
            contact.insert("ValidationErrors".into(), listed(of_contact));
        }
        body.insert("ValidationErrors".into(), listed(self.sentences()));
    }

    /// The whole call, for this one element of it.
    pub(crate) fn refuse(&self, mut sent: Map<String, Value>) -> Refusal {
        self.show(&mut sent);
        Refusal::Validation(vec![Value::Object(sent)])
    }
}

/// As answers list sentences, whatever they are: errors or warnings.
pub(crate) fn listed(sentences: Vec<String>) -> Value {
    sentences.into_iter().map(|sentence| json!({ "Message": sentence })).collect()
}

impl Extend<String> for Messages {
    fn extend<T: IntoIterator<Item = String>>(&mut self, sentences: T) {
        sentences.into_iter().for_each(|sentence| self.push(sentence));
    }
}

impl FromIterator<String> for Messages {
    fn from_iter<T: IntoIterator<Item = String>>(sentences: T) -> Self {
        let mut messages = Self::default();
        messages.extend(sentences);
        messages
    }
}

impl<T: Into<String>> From<T> for Messages {
    fn from(sentence: T) -> Self {
        Self::from_iter([sentence.into()])
    }
}
