//! Where a stand-in was reached, so that its answers can say so.

use axum::http::{HeaderMap, Uri, header};

/// E.g. `http://127.0.0.1:4010`. Nothing when the request doesn't say it, as calls in one process may not.
pub(crate) fn origin(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = uri.authority().map(|authority| authority.as_str()).or_else(|| text(header::HOST.as_str()))?;
    // Who answers TLS for the stand-ins says so in this header.
    let scheme = uri.scheme_str().or_else(|| text("x-forwarded-proto")).unwrap_or("http");
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_host_is_taken_from_the_request_and_the_scheme_from_who_answers_tls() {
        let mut headers = HeaderMap::new();
        let uri = Uri::from_static("/connect/token");
        assert_eq!(origin(&uri, &headers), None);
        headers.insert("host", HeaderValue::from_static("127.0.0.1:4010"));
        assert_eq!(origin(&uri, &headers).as_deref(), Some("http://127.0.0.1:4010"));
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        assert_eq!(origin(&uri, &headers).as_deref(), Some("https://127.0.0.1:4010"));
        let whole = Uri::from_static("http://acme.example/services");
        assert_eq!(origin(&whole, &headers).as_deref(), Some("http://acme.example"));
    }
}
