//! Where a document carries our marker, by which it is known as ours.
//!
//! In `Url`, as a parameter of the source record's link, where people aren't disturbed by it; in `Reference` where
//! there is no link, or where the whole would contain "xero", which Xero refuses.

use crate::domain::ids::Marker;
use crate::domain::outcome::Failure;
use crate::domain::{Object, Value};

/// <https://developer.xero.com/documentation/api/accounting/invoices> (Reference: 255 characters)
const REFERENCE: usize = 255;

/// Puts the marker into a document that is to be created. A `Url` of the user's own goes before the source's.
pub(super) fn place(document: &mut Object, marker: &Marker, source: Option<&str>) -> Result<(), Failure> {
    let own = document.get("Url").and_then(Value::as_str);
    if let Some(url) = own.or(source).and_then(|link| marked(link, marker)) {
        document.insert("Url".into(), url.into());
        return Ok(());
    }
    let reference = match document.get("Reference").and_then(Value::as_str) {
        Some(reference) => format!("{reference} cf:{marker}"),
        None => format!("cf:{marker}"),
    };
    if reference.chars().count() > REFERENCE {
        return Err(Failure::new(
            "too_long",
            format!(
                "`Reference` must leave room for our mark of 26 characters: Xero takes {REFERENCE} in all"
            ),
        ));
    }
    document.insert("Reference".into(), reference.into());
    Ok(())
}

/// The link with our parameter, before its fragment; `None` where Xero wouldn't take it.
fn marked(link: &str, marker: &Marker) -> Option<String> {
    let (page, fragment) =
        link.split_once('#').map_or((link, String::new()), |(page, at)| (page, format!("#{at}")));
    let joint = if page.contains('?') { '&' } else { '?' };
    let url = format!("{page}{joint}cf={marker}{fragment}");
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_web && !url.to_lowercase().contains("xero")).then_some(url)
}

/// Whether the document is the one that was made with this marker.
pub(super) fn carries(document: &Value, marker: &Marker) -> bool {
    let has = |name: &str, mark: String| document[name].as_str().is_some_and(|text| text.contains(&mark));
    has("Url", format!("cf={marker}")) || has("Reference", format!("cf:{marker}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::xero::testing::marker;
    use serde_json::json;

    fn placed(document: Value, source: Option<&str>) -> Value {
        let Value::Object(mut document) = document else { panic!("an object") };
        place(&mut document, &marker("a"), source).unwrap();
        let document = Value::Object(document);
        assert!(carries(&document, &marker("a")));
        assert!(!carries(&document, &marker("b")));
        document
    }

    #[test]
    fn the_mark_goes_into_the_link_to_the_source_record() {
        let mark = marker("a");
        for (source, url) in [
            ("https://acme.my.salesforce.com/006A", format!("https://acme.my.salesforce.com/006A?cf={mark}")),
            ("https://acme.example/?id=1", format!("https://acme.example/?id=1&cf={mark}")),
            ("https://acme.example/#/006", format!("https://acme.example/?cf={mark}#/006")),
        ] {
            assert_eq!(placed(json!({}), Some(source)), json!({"Url": url}));
        }
    }

    #[test]
    fn without_a_link_that_xero_takes_the_mark_follows_the_reference() {
        let mark = marker("a");
        for source in
            [None, Some("https://xero-partner.example/006"), Some("https://a.example/XERO"), Some("ftp://a")]
        {
            assert_eq!(
                placed(json!({"Reference": "PO 7"}), source),
                json!({"Reference": format!("PO 7 cf:{mark}")})
            );
            assert_eq!(placed(json!({}), source), json!({"Reference": format!("cf:{mark}")}));
        }
        let mut long = Object::from_iter([("Reference".to_owned(), "x".repeat(240).into())]);
        assert_eq!(place(&mut long, &mark, None).unwrap_err().code, "too_long");
    }
}
