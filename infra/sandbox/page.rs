//! The page at `/_sandbox/`: what is inside a stand-in, for people. Plain HTML and a little JavaScript over the
//! control routes; it knows no vendor.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;

const HTML: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPTS: [(&str, &str); 3] = [
    ("/_sandbox/page.js", include_str!("page/page.js")),
    ("/_sandbox/parts.js", include_str!("page/parts.js")),
    ("/_sandbox/traffic.js", include_str!("page/traffic.js")),
];

pub(crate) fn router() -> Router {
    let page = Router::new()
        .route("/_sandbox", get(|| async { Redirect::permanent("/_sandbox/") }))
        .route("/_sandbox/", get(|| async { file("text/html", HTML) }))
        .route("/_sandbox/style.css", get(|| async { file("text/css", STYLE) }));
    SCRIPTS.iter().fold(page, |page, (path, text)| {
        page.route(path, get(move || async move { file("text/javascript", text) }))
    })
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::{HTML, SCRIPTS};
    use crate::{Sandbox, Settings};

    #[tokio::test]
    async fn the_page_brings_everything_that_it_names() {
        let router = Sandbox::new(Settings::default()).xero_router();
        for (path, kind) in [
            ("", "text/html"),
            ("style.css", "text/css"),
            ("page.js", "text/javascript"),
            ("parts.js", "text/javascript"),
            ("traffic.js", "text/javascript"),
        ] {
            let request = Request::builder().uri(format!("/_sandbox/{path}")).body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(kind), "{path}");
        }
        let script = SCRIPTS.map(|(_, text)| text).concat();
        assert!(!HTML.contains("//") && !script.contains("http"), "nothing comes from elsewhere");
        let mut named = script.split("get(\"").skip(1).filter_map(|rest| rest.split('"').next());
        assert!(
            named.all(|id| HTML.contains(&format!("id=\"{id}\""))),
            "the scripts ask for ids that there are"
        );
    }
}
