//! States of a stand-in that people keep by a name and go back to, over `/_sandbox/snapshots`.
//!
//! - `GET snapshots` names them; `POST snapshots/{name}` keeps the state, `POST snapshots/{name}/restore` goes back
//! - `GET snapshot` gives the state as JSON, `PUT snapshot` takes such a one: from another run, or another machine

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::control::refused;
use crate::{Provider, locked};

#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    kept: Mutex<BTreeMap<String, Arc<Vec<u8>>>>,
    changes: AtomicU64,
}

impl Snapshots {
    /// Somebody sent something that may have changed what is kept.
    pub(crate) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }
}

pub(crate) fn router<P: Provider>(provider: Arc<P>) -> Router {
    Router::new()
        .route("/snapshots", get(list::<P>))
        .route("/snapshots/{name}", post(keep::<P>).delete(forget::<P>))
        .route("/snapshots/{name}/restore", post(go_back::<P>))
        .route("/snapshot", get(give::<P>).put(take::<P>))
        .layer(DefaultBodyLimit::disable())
        .with_state(provider)
}

async fn list<P: Provider>(State(provider): State<Arc<P>>) -> Json<Value> {
    let kept = locked(&provider.harness().snapshots.kept);
    Json(kept.iter().map(|(name, state)| json!({ "name": name, "bytes": state.len() })).collect())
}

async fn keep<P: Provider>(State(provider): State<Arc<P>>, Path(name): Path<String>) -> Response {
    match provider.keep() {
        Ok(state) => {
            locked(&provider.harness().snapshots.kept).insert(name, Arc::new(state));
            StatusCode::CREATED.into_response()
        }
        Err(message) => refused(&message),
    }
}

async fn forget<P: Provider>(State(provider): State<Arc<P>>, Path(name): Path<String>) -> StatusCode {
    locked(&provider.harness().snapshots.kept).remove(&name);
    StatusCode::NO_CONTENT
}

async fn go_back<P: Provider>(State(provider): State<Arc<P>>, Path(name): Path<String>) -> Response {
    let state = locked(&provider.harness().snapshots.kept).get(&name).cloned();
    match state {
        Some(state) => went_back(&*provider, &state),
        None => {
            (StatusCode::NOT_FOUND, Json(json!({ "error": "nothing is kept by that name" }))).into_response()
        }
    }
}

async fn give<P: Provider>(State(provider): State<Arc<P>>) -> Response {
    match provider.keep() {
        Ok(state) => ([(header::CONTENT_TYPE, "application/json")], state).into_response(),
        Err(message) => refused(&message),
    }
}

async fn take<P: Provider>(State(provider): State<Arc<P>>, state: Bytes) -> Response {
    went_back(&*provider, &state)
}

fn went_back<P: Provider>(provider: &P, state: &[u8]) -> Response {
    match provider.go_back(state) {
        Ok(()) => {
            provider.harness().held.clear();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(message) => refused(&message),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use serde_json::Value;
    use tower::ServiceExt;

    use crate::{Provider, Sandbox, Settings};

    async fn ask(router: &Router, method: &str, path: &str, body: String) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(format!("/_sandbox/{path}"));
        let answer = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (head.status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn filled() -> Sandbox {
        let sandbox = Sandbox::new(Settings::default());
        sandbox.fill(300).unwrap();
        sandbox
    }

    #[tokio::test]
    async fn both_go_back_to_what_was_kept_by_a_name() {
        let sandbox = filled();
        let before = (sandbox.salesforce.state(), Provider::state(&*sandbox.xero));
        let routers = [sandbox.salesforce_router(), sandbox.xero_router()];
        for router in &routers {
            assert_eq!(ask(router, "POST", "snapshots/one", String::new()).await.0, 201);
        }
        sandbox.salesforce.insert("Account", serde_json::json!({ "Name": "Later" }));
        sandbox.xero.ledger().add_contact_named("Later").unwrap();
        for router in &routers {
            assert_eq!(ask(router, "POST", "snapshots/two/restore", String::new()).await.0, 404);
            assert_eq!(ask(router, "POST", "snapshots/one/restore", String::new()).await.0, 204);
        }
        assert!(before == (sandbox.salesforce.state(), Provider::state(&*sandbox.xero)));
        assert_eq!((sandbox.salesforce.invariants(), sandbox.xero.invariants()), (vec![], vec![]));
    }

    #[tokio::test]
    async fn a_snapshot_can_be_taken_to_another_run() {
        let (one, two) = (filled(), Sandbox::new(Settings { seed: 9, ..Settings::default() }));
        for (from, to) in
            [(one.salesforce_router(), two.salesforce_router()), (one.xero_router(), two.xero_router())]
        {
            let (_, snapshot) = ask(&from, "GET", "snapshot", String::new()).await;
            assert_eq!(ask(&to, "PUT", "snapshot", snapshot.clone()).await.0, 204);
            let (_, again) = ask(&to, "GET", "snapshot", String::new()).await;
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(read(&again), read(&snapshot));
            assert_eq!(ask(&to, "PUT", "snapshot", "{}".into()).await.0, 400);
        }
    }

    #[test]
    fn what_goes_on_from_a_file_gives_out_no_id_and_no_number_twice() {
        let one = filled();
        one.salesforce.add_field("Account", "Tag__c: string(5) external").unwrap();
        one.clock.advance_seconds(500);
        let two = Sandbox::new(Settings::default());
        two.restore(&one.keep().unwrap()).unwrap();
        assert_eq!(two.clock.now(), one.clock.now());
        let made = two.salesforce.insert("Account", serde_json::json!({ "Name": "Next", "Tag__c": "x" }));
        assert!(one.salesforce.get("Account", &made).is_none());
        let contact = two.xero.ledger().add_contact_named("Next").unwrap();
        assert!(one.xero.ledger().contact(contact.id).is_none());
        assert!(two.restore(b"{}").is_err());
    }

    #[tokio::test]
    async fn what_may_have_changed_is_noted() {
        let sandbox = Sandbox::new(Settings::default());
        let router = sandbox.salesforce_router();
        ask(&router, "GET", "state", String::new()).await;
        assert_eq!(sandbox.changes(), 0);
        ask(&router, "POST", "reset", String::new()).await;
        assert_eq!(sandbox.changes(), 1);
    }
}
