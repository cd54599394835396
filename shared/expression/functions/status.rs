//! `status(x, map)`: one side's word for the other's.

use serde_json::Value;

use super::{Answer, Guide, Refused, text_of};

pub(super) const GUIDE: Guide = Guide {
    name: "status",
    signature: "status(x, map)",
    about: "Looks a status up in a map, whatever its upper and lower case. `default` stands for everything else; \
            without it an unknown status fails as `unknown_status`. An empty status is unknown too.",
    examples: &[
        ("status('closed won', {'Closed Won': 'AUTHORISED', default: 'DRAFT'})", r#""AUTHORISED""#),
        ("status('Prospecting', {'Closed Won': 'AUTHORISED', default: 'DRAFT'})", r#""DRAFT""#),
    ],
};

pub(super) fn call(given: &Value, map: &Value) -> Answer {
    let Some(map) = map.as_object() else {
        return Err(Refused::new("unknown_status", "status(x, map) needs a map, such as { Draft: 'DRAFT' }"));
    };
    let wanted = text_of(given).unwrap_or_default().to_lowercase();
    let found = map.iter().find(|(key, _)| key.trim().to_lowercase() == wanted && *key != "default");
    match found.map(|(_, value)| value).or_else(|| map.get("default")) {
        Some(value) => Ok(value.clone()),
        None => Err(Refused::new(
            "unknown_status",
            format!("this status isn't in the map, which has {} and no default", listed(map.keys())),
        )),
    }
}

/// The keys that there are, so that a person sees what was meant; long lists are cut.
pub(super) fn listed<'k>(keys: impl ExactSizeIterator<Item = &'k String>) -> String {
    const SHOWN: usize = 20;
    let count = keys.len();
    let names: Vec<String> = keys.take(SHOWN).map(|key| format!("`{key}`")).collect();
    match count {
        0 => "no entry".into(),
        _ if count > SHOWN => format!("{} and {} more", names.join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}
