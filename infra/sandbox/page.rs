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

    use rquickjs::{CatchResultExt, Context, Function, Runtime};
    use serde_json::json;

    use super::{HTML, SCRIPTS};
    use crate::{Sandbox, Settings};

    /// The page with its scripts running, and a person before it.
    struct Browser {
        runtime: Runtime,
        context: Context,
    }

    impl Browser {
        fn open(router: axum::Router) -> Self {
            let runtime = Runtime::new().unwrap();
            let waiting = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let call = move |method: String, path: String, body: String| {
                // The page's own addresses are beside it.
                let path = if path.starts_with('/') { path } else { format!("/_sandbox/{path}") };
                let request = Request::builder().method(method.as_str()).uri(path);
                let request =
                    request.header("content-type", "application/json").body(Body::from(body)).unwrap();
                waiting.block_on(async {
                    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
                    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                    json!([head.status.as_u16(), String::from_utf8_lossy(&body)]).to_string()
                })
            };
            let context = Context::full(&runtime).unwrap();
            // One script out of the three: the order is that of their imports.
            let lines = ["parts.js", "traffic.js", "page.js"].iter().flat_map(|name| {
                let script = SCRIPTS.iter().find(|(path, _)| path.ends_with(name));
                script.unwrap().1.lines().filter(|line| !line.starts_with("import "))
            });
            let lines = lines.map(|line| line.strip_prefix("export ").unwrap_or(line));
            let script: Vec<&str> = include_str!("page/browser.js").lines().chain(lines).collect();
            context.with(|ctx| {
                ctx.globals().set("call", Function::new(ctx.clone(), call)).unwrap();
                ctx.globals().set("html", HTML).unwrap();
                ctx.eval::<(), _>(script.join("\n")).catch(&ctx).map_err(|it| it.to_string()).unwrap();
            });
            let browser = Self { runtime, context };
            browser.settle();
            browser
        }

        /// What is asked of the stand-in has been answered and shown.
        fn settle(&self) {
            while self.runtime.is_job_pending() {
                assert!(self.runtime.execute_pending_job().is_ok());
            }
        }

        /// What a person does, or sees.
        fn person(&self, line: &str) -> String {
            let said = self.context.with(|ctx| {
                let said = ctx.eval::<String, _>(format!("String(person.{line})"));
                said.catch(&ctx).map_err(|it| format!("{line}: {it}")).unwrap()
            });
            self.settle();
            said
        }
    }

    #[test]
    fn a_person_sees_calls_records_and_what_must_hold_and_steers_faults_and_the_clock() {
        let sandbox = Sandbox::new(Settings::default());
        sandbox.fill(90).unwrap();
        let browser = Browser::open(sandbox.salesforce_router());
        let sees = |id: &str| browser.person(&format!("sees('{id}')"));
        assert_eq!(browser.person("title()"), "Stand-in Salesforce");
        assert_eq!(
            (sees("calls-empty").as_str(), sees("connection").as_str()),
            ("Nobody has called yet.", "")
        );
        browser.person("ask('/services/data')");
        browser.person("wait()");
        assert!(sees("calls-rows").contains("GET/services/data200✓"), "{}", sees("calls-rows"));
        assert_eq!((sees("calls-empty"), sees("calls-total")), (String::new(), "1 call in all".into()));
        browser.person("clickIn('calls-rows', 'tr')");
        assert!(sees("detail").contains("GET /services/data") && sees("detail").contains("Summer '14"));

        assert_eq!(sees("records"), "");
        browser.person("click('tab-records')");
        browser.person("choose('records-kind', JSON.stringify(['Sandbox Trading Ltd', 'Account']))");
        let name = sandbox.salesforce.records("Account")[0]["Name"].as_str().unwrap().to_owned();
        browser.person(&format!("choose('records-text', {})", json!(name)));
        browser.person("submit('records-form')");
        assert!(sees("records-head").contains("Name") && sees("records-rows").contains(&name));
        browser.person("choose('records-text', 'nothing like it')");
        browser.person("submit('records-form')");
        assert_eq!(
            (sees("records-rows").as_str(), sees("records-empty").as_str()),
            ("", "There is nothing like that.")
        );

        for (id, value) in [("fault-kind", "late"), ("fault-amount", "60"), ("fault-path", "/limits")] {
            browser.person(&format!("choose('{id}', '{value}')"));
        }
        browser.person("submit('fault-form')");
        let held = sandbox.salesforce.faults().list();
        assert_eq!(
            (&held[0]["fault"]["kind"], &held[0]["fault"]["path"]),
            (&json!({ "late": 60 }), &json!("/limits"))
        );
        assert!(
            sees("faults-rows").contains("runs long, applied late (60 seconds)"),
            "{}",
            sees("faults-rows")
        );
        browser.person("clickIn('faults-rows', 'button')");
        assert_eq!((sandbox.salesforce.faults().list(), sees("faults-rows")), (json!([]), String::new()));

        browser.person("press('data-advance', '3600')");
        assert_eq!(
            (sandbox.clock.now().to_string().as_str(), sees("clock-now").as_str()),
            ("2026-11-22T11:00:00Z", "2026-11-22 11:00:00")
        );
        browser.person("click('checks-run')");
        assert_eq!(sees("checks"), "✓ all is as it should be");
        assert!(sees("limits").contains("15000 of 15000"), "{}", sees("limits"));
    }

    #[test]
    fn the_same_page_shows_the_other_stand_in() {
        let sandbox = Sandbox::new(Settings::default());
        sandbox.fill(90).unwrap();
        let browser = Browser::open(sandbox.xero_router());
        assert_eq!(browser.person("title()"), "Stand-in Xero");
        browser.person("click('tab-records')");
        browser.person("choose('records-kind', JSON.stringify(['Demo Company', 'Contacts']))");
        let name = sandbox.xero.ledger().contacts()[0].name().to_owned();
        assert!(browser.person("sees('records-rows')").contains(&name));
    }

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
