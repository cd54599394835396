//! What a flow file may say of `http.poll`, and what of it can't be right.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::domain::{Object, Value};

/// The options that requests are made of. What is an event, and how often it is looked for, is the product's.
#[derive(Debug, Deserialize)]
pub(super) struct Options {
    pub(super) url: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Header>,
    /// None: the answer itself.
    pub(super) items: Option<String>,
    pub(super) paging: Option<Paging>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Header {
    Text(String),
    Secret {
        secret: String,
        #[serde(default)]
        prefix: String,
    },
}

/// One of the three.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Paging {
    /// `header`, or a path to a URL in the answer.
    Link { link: String },
    /// A path in the answer, and the parameter of the query that takes what is found there.
    Cursor { cursor: String, parameter: String },
    /// The parameter of the query that takes the number.
    Page {
        page: String,
        #[serde(default = "one")]
        from: u32,
    },
}

fn one() -> u32 {
    1
}

impl Options {
    pub(super) fn of(options: &Object) -> Result<Self, serde_json::Error> {
        serde_json::from_value(Value::Object(options.clone()))
    }
}

pub(super) fn wrong(options: &Object) -> Option<(&'static str, &'static str, String)> {
    // That it is missing is said already.
    options.get("url")?;
    let options = match Options::of(options) {
        Ok(options) => options,
        Err(error) => return Some(("url", "bad_options", error.to_string())),
    };
    if let Some(message) = wrong_url(&options.url) {
        return Some(("url", "bad_url", message));
    }
    if let Some(message) = options.headers.iter().find_map(|(name, value)| wrong_header(name, value)) {
        return Some(("headers", "bad_header", message));
    }
    let path = |path: &str| {
        (!is_path(path)).then(|| format!("`{path}` is no path into the answer, such as data.items"))
    };
    if let Some(message) = options.items.as_deref().and_then(path) {
        return Some(("items", "bad_path", message));
    }
    let message = match options.paging? {
        Paging::Link { link } if link != "header" => path(&link),
        Paging::Cursor { cursor, .. } => path(&cursor),
        Paging::Link { .. } | Paging::Page { .. } => None,
    };
    message.map(|message| ("paging", "bad_path", message))
}

fn wrong_url(url: &str) -> Option<String> {
    let url = match Url::parse(url) {
        Ok(url) => url,
        Err(error) => return Some(format!("`{url}` is no URL: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Some(format!("{} is not polled, only https is, and http in private networks", url.scheme()));
    }
    let in_clear = !url.username().is_empty() || url.password().is_some();
    in_clear.then(|| {
        "a password has no place in a URL: keep it with `counterfoil flow secret NAME`, and name it in `headers`"
            .to_owned()
    })
}

/// Our own headers, and those that say how the connection is used.
const OURS: [&str; 7] =
    ["host", "content-length", "connection", "transfer-encoding", "te", "if-none-match", "if-modified-since"];

fn wrong_header(name: &str, value: &Header) -> Option<String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return Some(format!("`{name}` is no name of a header"));
    }
    if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        return Some(format!("the header {name} is written by Counterfoil"));
    }
    let (Header::Text(text) | Header::Secret { prefix: text, .. }) = value;
    let in_clear = name.eq_ignore_ascii_case("authorization") && matches!(value, Header::Text(_));
    if in_clear {
        return Some(format!("{name} is a secret: {name}: {{ secret: NAME, prefix: \"Bearer \" }}"));
    }
    text.chars().any(char::is_control).then(|| format!("the value of {name} must stand in one line"))
}

/// `data.items`, `pages[0].rows`.
pub(super) fn is_path(path: &str) -> bool {
    pointer(path).is_some()
}

/// The path as a JSON pointer. <https://www.rfc-editor.org/rfc/rfc6901>
fn pointer(path: &str) -> Option<String> {
    let mut pointer = String::new();
    for piece in path.split('.') {
        let (name, indexes) = piece.split_once('[').map_or((piece, ""), |(name, rest)| (name, rest));
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$');
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        pointer.push('/');
        pointer.push_str(name);
        if piece.contains('[') {
            for index in indexes.strip_suffix(']')?.split("][") {
                index.parse::<u32>().ok()?;
                pointer.push('/');
                pointer.push_str(index);
            }
        }
    }
    Some(pointer)
}

/// What is at a path in an answer.
pub(super) fn at<'v>(answer: &'v Value, path: &str) -> Option<&'v Value> {
    answer.pointer(&pointer(path)?)
}

pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "url": {
                "type": "string",
                "description": "What is read by GET: an https address with its query, such as \
                                https://api.example.com/orders?per_page=100. Servers of private networks are called, \
                                by http too, where whoever runs Counterfoil has listed the network.",
            },
            "headers": {
                "type": "object",
                "description": "Headers of the request; sent to the URL's own host only. A secret is named, and kept \
                                with `counterfoil flow secret NAME`.",
                "additionalProperties": {
                    "anyOf": [
                        { "type": "string" },
                        {
                            "type": "object",
                            "additionalProperties": false,
                            "required": ["secret"],
                            "properties": {
                                "secret": {
                                    "type": "string",
                                    "description": "The name of the secret in the vault; never the secret itself.",
                                },
                                "prefix": {
                                    "type": "string",
                                    "description": "What stands before the secret, such as \"Bearer \".",
                                },
                            },
                        },
                    ],
                },
            },
            "items": {
                "type": "string",
                "description": "The path of the list in the answer, such as data.orders; without it the answer is \
                                the list.",
            },
            "id": {
                "type": "string",
                "format": "item-expression",
                "description": "What an item is known by: an expression over `item`, such as item.id.",
            },
            "version": {
                "type": "string",
                "format": "item-expression",
                "description": "What changes when an item does: an expression over `item`, such as item.updated_at. \
                                Each pair of id and version is an event once, so a version must not come back. \
                                Without it, each id is an event once.",
            },
            "paging": {
                "description": "How to get from one page to the next; without it, one page is read.",
                "anyOf": [
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["link"],
                        "properties": {
                            "link": {
                                "type": "string",
                                "description": "header: the Link header's rel=\"next\". Else the path of the next \
                                                page's URL in the answer.",
                            },
                        },
                    },
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["cursor", "parameter"],
                        "properties": {
                            "cursor": {
                                "type": "string",
                                "description": "The path of the next page's cursor in the answer.",
                            },
                            "parameter": {
                                "type": "string",
                                "description": "The parameter of the query that takes it.",
                            },
                        },
                    },
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["page"],
                        "properties": {
                            "page": {
                                "type": "string",
                                "description": "The parameter of the query that takes the page's number.",
                            },
                            "from": {
                                "type": "integer",
                                "minimum": 0,
                                "default": 1,
                                "description": "The number of the first page. Pages are read until one is empty.",
                            },
                        },
                    },
                ],
            },
            "last": {
                "type": "string",
                "format": "answer-expression",
                "description": "A condition over `answer` that holds on the last page: answer.page >= answer.pages.",
            },
            "max_pages": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000,
                "default": 100,
                "description": "A list with more pages is a failure that its owner is told of.",
            },
            "minutes": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1440,
                "default": 5,
                "description": "How often it is read.",
            },
        },
        "required": ["url", "id"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(options: Value) -> Option<&'static str> {
        let mut all = json!({"url": "https://api.example.com/orders", "id": "item.id"});
        for (name, value) in options.as_object().unwrap() {
            all[name] = value.clone();
        }
        wrong(all.as_object().unwrap()).map(|(_, code, _)| code)
    }

    #[test]
    fn what_cant_be_right_is_said_before_the_flow_is_saved() {
        for (options, expected) in [
            (json!({}), None),
            (json!({"headers": {"Accept": "application/json", "X-Key": {"secret": "shop"}}}), None),
            (json!({"paging": {"page": "p", "from": 0}, "items": "data[0].rows"}), None),
            (json!({"paging": {"link": "header"}}), None),
            (json!({"url": "orders"}), Some("bad_url")),
            (json!({"url": "ftp://example.com/"}), Some("bad_url")),
            (json!({"url": "https://ana:secret@example.com/"}), Some("bad_url")),
            (json!({"headers": {"Authorization": "Bearer x"}}), Some("bad_header")),
            (json!({"headers": {"Bad name": "x"}}), Some("bad_header")),
            (json!({"headers": {"Host": "x"}}), Some("bad_header")),
            (json!({"headers": {"X-A": "a\r\nX-B: b"}}), Some("bad_header")),
            (json!({"items": "data..rows"}), Some("bad_path")),
            (json!({"items": "rows[x]"}), Some("bad_path")),
            (json!({"paging": {"link": "meta next"}}), Some("bad_path")),
            (json!({"paging": {"cursor": "", "parameter": "after"}}), Some("bad_path")),
        ] {
            assert_eq!(code(options.clone()), expected, "{options}");
        }
    }

    #[test]
    fn a_path_leads_into_lists_too() {
        let answer = json!({"pages": [{"rows": [[1], [2]]}], "a-b": {"@id": 3}});
        assert_eq!(at(&answer, "pages[0].rows[1][0]"), Some(&json!(2)));
        assert_eq!(at(&answer, "a-b.@id"), Some(&json!(3)));
        assert_eq!(at(&answer, "pages[1].rows"), None);
    }
}
