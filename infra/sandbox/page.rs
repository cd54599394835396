//! The page at `/_sandbox/`: what is inside a stand-in, for people. Plain HTML and a little JavaScript over the
//! control routes; it knows no vendor.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;

const HTML: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/page.js");

pub(crate) fn router() -> Router {
    Router::new()
        .route("/_sandbox", get(|| async { Redirect::permanent("/_sandbox/") }))
        .route("/_sandbox/", get(|| async { file("text/html", HTML) }))
        .route("/_sandbox/style.css", get(|| async { file("text/css", STYLE) }))
        .route("/_sandbox/page.js", get(|| async { file("text/javascript", SCRIPT) }))
}

fn file(kind: &str, text: &'static str) -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, format!("{kind}; charset=utf-8")),
            (header::CACHE_CONTROL, "no-cache".into()),
        ],
        text,
    )
}
