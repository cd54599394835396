//! `tags(x)`: a list of words out of whatever a field holds.

use serde_json::Value;

use super::{Answer, Guide, text_of};

pub(super) const GUIDE: Guide = Guide {
    name: "tags",
    signature: "tags(x)",
    about: "Splits text at commas and semicolons, or takes a list; gives a list of trimmed words, each once, in their \
            order. Two words are the same if they differ only in upper and lower case. `.join('; ')` makes text of it.",
    examples: &[
        ("tags('VIP; north ,vip;')", r#"["VIP","north"]"#),
        ("tags(['a', ' a ', 'b; c', null])", r#"["a","b","c"]"#),
        ("tags(null)", "[]"),
        ("tags('a,b').join('; ')", r#""a; b""#),
    ],
};

pub(super) fn call(given: &Value) -> Answer {
    let mut words: Vec<String> = Vec::new();
    let entries = match given {
        Value::Array(list) => list.as_slice(),
        other => std::slice::from_ref(other),
    };
    for word in entries.iter().filter_map(text_of).flat_map(|text| split(&text)) {
        if !words.iter().any(|known| known.to_lowercase() == word.to_lowercase()) {
            words.push(word);
        }
    }
    Ok(words.into())
}

fn split(text: &str) -> Vec<String> {
    text.split([',', ';']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_string).collect()
}
