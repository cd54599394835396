//! A request, taken apart: what its address, headers and body say. Made by `rest.rs`, and again for each
//! request inside another.

use axum::http::{HeaderMap, Method};
use serde_json::Value;

use super::answer::Refused;
use super::multipart;
use super::org::{Org, Writer};
use super::query::Writing;
use super::store::Fields;

#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    /// Scheme and host that the request came to.
    pub(crate) base: String,
    /// `v67.0`
    pub(crate) version: String,
}

impl Asked<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it asks by a version that has what came with this one.
    pub(crate) fn is_since(&self, version: u32) -> bool {
        version_number(&self.version).is_some_and(|number| number >= version)
    }

    pub(crate) fn json(&self) -> Result<Value, Refused> {
        serde_json::from_slice(self.body).map_err(|error| {
            let message = format!(
                "Unexpected character or end of input at [line:{}, column:{}]",
                error.line(),
                error.column()
            );
            Refused::new(400, "JSON_PARSER_ERROR", message)
        })
    }

    pub(crate) fn fields(&self) -> Result<Fields, Refused> {
        if let Some(kind) = self.header("content-type").filter(|it| it.starts_with("multipart/form-data")) {
            return multipart::fields(kind, self.body);
        }
        match self.json()? {
            Value::Object(fields) => Ok(fields),
            _ => Err(Refused::new(
                400,
                "JSON_PARSER_ERROR",
                "Unexpected token START_ARRAY at [line:1, column:1]",
            )),
        }
    }

    pub(crate) fn writing<'a>(&'a self, org: &Org, deleted: bool) -> Writing<'a> {
        // A hint, between 200 and 2000; the org may give less.
        let wanted = self.header("sforce-query-options").and_then(|options| {
            let size = options.split(',').find_map(|option| option.trim().strip_prefix("batchSize="))?;
            size.trim().parse::<usize>().ok()
        });
        let page =
            wanted.map_or(org.options.page_size, |size| size.clamp(200, 2000).min(org.options.page_size));
        let child_page = org.options.child_page_size;
        Writing {
            version: &self.version,
            page: page.max(1),
            long_page: page.min(org.options.long_text_page_size).max(1),
            child_page: child_page.max(1),
            deleted,
        }
    }

    /// Who writes, with what the headers say about how.
    pub(crate) fn writer(&self, writer: &Writer) -> Writer {
        let says = |header: &str, wish: &str| {
            let text = self.header(header).unwrap_or_default().replace(' ', "").to_ascii_lowercase();
            text.split([';', ',']).any(|part| part == wish)
        };
        Writer {
            allow_duplicates: says("sforce-duplicate-rule-header", "allowsave=true"),
            duplicate_details: says("sforce-duplicate-rule-header", "includerecorddetails=true"),
            origin: self.origin(),
            version: Some(self.version.clone()),
            // SOAP has this header; over REST its name follows those of its neighbours.
            truncate: says("sforce-allow-field-truncation-header", "allowfieldtruncation=true"),
            ..writer.clone()
        }
    }

    /// As change events tell it, with the client that `Sforce-Call-Options` names.
    fn origin(&self) -> String {
        let version = self.version.trim_start_matches('v');
        let options = self.header("sforce-call-options").unwrap_or_default().split(',');
        let client = options.filter_map(|option| option.trim().strip_prefix("client=")).next();
        let client = client.map_or_else(String::new, |client| format!(";client={client}"));
        format!("com/salesforce/api/rest/{version}{client}")
    }

    /// Bodies are JSON, but for uploads.
    pub(crate) fn known_media_type(&self) -> Result<(), Refused> {
        let given =
            self.header("content-type").filter(|_| !self.body.is_empty()).unwrap_or("application/json");
        let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if matches!(kind.as_str(), "application/json" | "multipart/form-data" | "text/csv") {
            return Ok(());
        }
        let message = format!("Content-Type header specified in HTTP request is not supported: {given}");
        Err(Refused::new(415, "UNSUPPORTED_MEDIA_TYPE", message))
    }
}

/// 67 of `v67.0`.
pub(crate) fn version_number(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()
}
