//! Query strings and form bodies: pairs in the order they were written, a name may come twice.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a query value may carry as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Debug, Clone, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn read(text: &str) -> Self {
        Self(serde_urlencoded::from_str(text).unwrap_or_default())
    }

    /// Also when it is empty.
    pub(super) fn sent(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.sent(name).filter(|value| !value.is_empty())
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn words(&self, name: &str) -> Vec<String> {
        self.sent(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }
}

/// An address with more in its query.
pub(super) fn with_query(address: &str, pairs: &[(&str, &str)]) -> String {
    let mut whole = address.to_owned();
    for (name, value) in pairs {
        whole.push(if whole.contains('?') { '&' } else { '?' });
        whole.push_str(name);
        whole.push('=');
        whole.extend(utf8_percent_encode(value, ENCODED));
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_come_twice_and_an_empty_value_is_only_sent() {
        let form = Form::read("tenant=a&tenant=b&client_id=&scope=one+two");
        assert_eq!(form.all("tenant").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(
            (form.sent("client_id"), form.get("client_id"), form.sent("other")),
            (Some(""), None, None)
        );
        assert_eq!(form.words("scope"), ["one", "two"]);
    }

    #[test]
    fn an_address_keeps_the_query_it_has() {
        let whole = with_query("https://app.example/cb?from=xero", &[("code", "c"), ("state", "a b&c")]);
        assert_eq!(whole, "https://app.example/cb?from=xero&code=c&state=a%20b%26c");
    }
}
