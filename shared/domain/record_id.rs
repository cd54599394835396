//! A record's id at its provider, in the one spelling that compares equal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Salesforce ids are kept in their 18-character form; every other id as it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(String);

impl RecordId {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Takes a Salesforce id of 15 or 18 characters; `None` when it is neither, or its checksum is wrong.
    /// The 15-character form is case-sensitive, which the three added characters encode.
    pub fn salesforce(text: &str) -> Option<Self> {
        if !text.is_ascii() || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        match text.len() {
            15 => Some(Self(format!("{text}{}", checksum(text)))),
            18 => {
                let restored = restore_case(&text[..15], &text[15..])?;
                Some(Self(format!("{restored}{}", checksum(&restored))))
            }
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// One letter per five characters; bit k is set where character k is a capital.
fn checksum(fifteen: &str) -> String {
    fifteen
        .as_bytes()
        .chunks(5)
        .map(|five| {
            let bits = five
                .iter()
                .enumerate()
                .fold(0, |bits, (k, byte)| if byte.is_ascii_uppercase() { bits | 1 << k } else { bits });
            ALPHABET[bits] as char
        })
        .collect()
}

/// The checksum says which letters are capitals, so an id that some tool lower-cased is mended by it.
fn restore_case(fifteen: &str, letters: &str) -> Option<String> {
    let mut restored = String::with_capacity(15);
    for (five, letter) in fifteen.as_bytes().chunks(5).zip(letters.bytes()) {
        let bits = ALPHABET.iter().position(|a| *a == letter.to_ascii_uppercase())?;
        for (k, byte) in five.iter().enumerate() {
            let capital = bits & (1 << k) != 0;
            if capital && !byte.is_ascii_alphabetic() {
                return None;
            }
            restored
                .push(if capital { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() } as char);
        }
    }
    Some(restored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_characters_become_the_recorded_eighteen() {
        assert_eq!(RecordId::salesforce("001dM00003kRs59").unwrap().as_str(), "001dM00003kRs59QAC");
    }

    #[test]
    fn both_lengths_and_a_lower_cased_copy_are_the_same_id() {
        let id = RecordId::salesforce("001dM00003kRs59QAC").unwrap();
        assert_eq!(RecordId::salesforce("001dM00003kRs59"), Some(id.clone()));
        assert_eq!(RecordId::salesforce("001dm00003krs59qac"), Some(id));
    }

    #[test]
    fn what_is_no_salesforce_id_is_refused() {
        for text in ["", "001", "001dM00003kRs5", "001dM00003kRs59QA!", "0010000000000005555"] {
            assert_eq!(RecordId::salesforce(text), None, "{text}");
        }
        assert_eq!(RecordId::salesforce("001000000000000QAC"), None, "a digit can't be a capital");
    }
}
