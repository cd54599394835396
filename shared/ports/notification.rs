//! What providers send when something has changed. It carries no data into a run: it wakes the poll that would have
//! found the change anyway, so that a missed, repeated, forged or reordered one can cost time, never data.

use std::fmt;

use super::http::header;

/// A notification as it came.
pub struct Notification<'a> {
    /// What stands in the address behind the provider's name.
    pub secret: &'a str,
    /// Names in lower case.
    pub headers: &'a [(String, String)],
    /// To the byte: that is what is signed.
    pub body: &'a [u8],
}

impl Notification<'_> {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.headers, name)
    }
}

/// What a notification that is the provider's says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Account and trigger: whose poll would find what changed.
    pub changed: Vec<(String, &'static str)>,
    /// Accounts of which it says something that can't be read, so that anything may have changed; `None`: nor does it
    /// say of which.
    pub unread: Vec<Option<String>>,
    /// Which of the keys it was known by.
    pub key: usize,
    /// Its place among all notifications of its key, where the provider numbers them: first and last.
    pub sequence: Option<(u64, u64)>,
    /// What the provider waits for.
    pub answer: Reply,
}

/// An answer to a request that came in: in a provider's own manner, or a page for a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub content_type: Option<&'static str>,
    /// Further headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Whole `set-cookie` values.
    pub cookies: Vec<String>,
    pub body: String,
}

impl Reply {
    pub fn empty(status: u16) -> Self {
        let (headers, cookies) = (Vec::new(), Vec::new());
        Self { status, content_type: None, headers, cookies, body: String::new() }
    }

    pub fn new(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { content_type: Some(content_type), body: body.into(), ..Self::empty(status) }
    }
}

/// Cookies are secrets, and bodies may hold some: neither prints.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} ({} bytes)", self.status, self.body.len())
    }
}
