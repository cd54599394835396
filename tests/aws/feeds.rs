//! `http.poll` on the deployed stack: a list in a private network that the stack was deployed with, and whose server
//! wants to know who asks.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use counterfoil::domain::Value;
use counterfoil::domain::run::Status;
use counterfoil::flow::receive::webhook_secret_name;
use secrecy::SecretString;
use serde_json::json;

use crate::deployed::{Deployed, serve};

const TOKEN: &str = "t0ken";

/// What an ERP has to say of its orders.
#[derive(Clone, Default)]
struct Orders(Arc<Mutex<Vec<Value>>>);

impl Orders {
    fn add(&self, id: u32) {
        let order = json!({"id": id, "customer": "Acme Ltd"});
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(order);
    }

    fn router(&self) -> Router {
        let orders = Arc::clone(&self.0);
        let answer = async move |headers: HeaderMap| {
            let token = headers.get("authorization").and_then(|value| value.to_str().ok());
            if token != Some(&format!("Bearer {TOKEN}")) {
                return Err(StatusCode::UNAUTHORIZED);
            }
            let orders = orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Ok(Json(json!({ "orders": orders })))
        };
        Router::new().route("/orders", get(answer))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_new_in_a_list_of_a_private_network_is_found_by_the_schedules_own_poll() {
    let deployed = Deployed::new().await;
    let orders = Orders::default();
    let url = serve(orders.router()).await;
    orders.add(1);
    let secret = webhook_secret_name(&deployed.crm());
    deployed.stack.ports.vault.write(&secret, SecretString::from(TOKEN)).await.expect("the vault");
    let flow = format!(
        "flow: orders\ntrigger:\n  type: http.poll\n  url: {url}/orders\n  \
         headers: {{ Authorization: {{ secret: {}, prefix: 'Bearer ' }} }}\n  \
         items: orders\n  id: item.id\n  minutes: 1\n\
         steps:\n  - action: salesforce.create_task\n    with: {{ Subject: 'Order {{{{ record.id }}}} of {{{{ record.customer }}}}' }}\n",
        deployed.crm()
    );
    let head = deployed.given_flow(&flow).await;
    orders.add(2);

    // Nobody wakes the poll but the schedule of the template.
    let run = deployed.run(&head, Status::Succeeded).await;
    let event = run.row.message.event.expect("an event");
    assert_eq!((event.kind.as_str(), &event.record["id"]), ("http.poll", &json!(2)));
    let tasks = deployed.tasks();
    assert_eq!(tasks.len(), 1, "what was there before the flow is no news");
    assert_eq!(tasks[0]["Subject"], "Order 2 of Acme Ltd");
}
