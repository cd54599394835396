//! A few texts by their fields, in one row of bytes: a contact has a dozen of them, and there are many contacts.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::contact::{ADDRESS_TEXTS, PHONE_TEXTS, TEXTS};
use crate::bytes::{Bytes, put_counted};

/// For each text the place of its field among all, and then the text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts(Box<[u8]>);

/// All fields that such a text may be of.
fn fields() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().chain(&PHONE_TEXTS).chain(&ADDRESS_TEXTS).map(|(field, _)| *field)
}

impl Texts {
    pub(crate) fn get(&self, field: &str) -> Option<&str> {
        let place = fields().position(|known| known == field)?;
        self.iter().find(|(held, _)| usize::from(*held) == place).map(|(_, text)| text)
    }

    pub(crate) fn insert(&mut self, field: &str, text: &str) {
        let Some(place) =
            fields().position(|known| known == field).and_then(|place| u8::try_from(place).ok())
        else {
            return;
        };
        let mut bytes = Vec::new();
        let others = self.iter().filter(|(held, _)| *held != place);
        for (place, text) in others.chain([(place, text)]) {
            bytes.push(place);
            put_counted(&mut bytes, text.as_bytes());
        }
        self.0 = bytes.into();
    }

    fn iter(&self) -> impl Iterator<Item = (u8, &str)> {
        let mut bytes = Bytes(&self.0);
        std::iter::from_fn(move || (!bytes.is_empty()).then(|| (bytes.byte(), bytes.text())))
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = self.iter().filter_map(|(place, text)| Some((fields().nth(place.into())?, text)));
        serializer.collect_map(named)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = Self::default();
        let kept = BTreeMap::<String, String>::deserialize(deserializer)?;
        kept.iter().for_each(|(field, text)| texts.insert(field, text));
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_by_its_field_and_replaced_by_the_next() {
        let mut texts = Texts::default();
        for (field, text) in [("Name", "Acme"), ("City", "Ōtaki"), ("PhoneNumber", ""), ("Name", "Acme Ltd")]
        {
            texts.insert(field, text);
        }
        let kept: Texts = serde_json::from_str(&serde_json::to_string(&texts).unwrap()).unwrap();
        for texts in [texts, kept] {
            let found = ["Name", "City", "PhoneNumber", "Country"].map(|field| texts.get(field));
            assert_eq!(found, [Some("Acme Ltd"), Some("Ōtaki"), Some(""), None]);
        }
    }
}
