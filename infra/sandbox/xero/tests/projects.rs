//! The Projects API: its own names, envelope and refusals behind the same door.

use serde_json::{Value, json};

use super::{Client, Reply, digits};
use crate::Settings;

pub(super) async fn call(client: &Client, method: &str, path: &str, body: Value) -> Reply {
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str()), ("accept", "application/json")];
    client.send(method, &format!("/projects.xro/2.0/{path}"), &headers, &body.to_string()).await
}

#[tokio::test]
async fn a_project_is_made_changed_closed_and_listed() {
    let client = Client::unlimited().await;
    let contact = client.ledger().add_contact_named("Acme").unwrap().id.to_string();
    let new = json!({
        "contactId": contact, "name": "New Kitchen", "deadlineUtc": "2027-12-10T12:59:59Z",
        "estimateAmount": "99.99",
    });
    let made = call(&client, "POST", "projects", new.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let project = made.json();
    assert_eq!(
        (&project["name"], &project["status"], &project["deadlineUtc"]),
        (&json!("New Kitchen"), &json!("INPROGRESS"), &json!("2027-12-10T12:59:59Z"))
    );
    assert_eq!(digits(&project["estimate"]["value"]), "99.99");
    assert_eq!(digits(&project["totalInvoiced"]["value"]), "0.00");
    let path = format!("Projects/{}", project["projectId"].as_str().unwrap());
    let changed = call(&client, "PUT", &path, json!({ "name": "Old Kitchen" })).await;
    assert_eq!((changed.status.as_u16(), changed.text.as_str()), (204, ""));
    assert_eq!(call(&client, "PATCH", &path, json!({ "status": "CLOSED" })).await.status, 204);
    let shown = call(&client, "GET", &path, Value::Null).await.json();
    assert_eq!((&shown["name"], &shown["contactId"]), (&json!("Old Kitchen"), &json!(contact)));
    call(&client, "POST", "projects", new).await;
    let count = async |query: &str| {
        let listed = call(&client, "GET", &format!("projects?{query}"), Value::Null).await.json();
        listed["pagination"]["itemCount"].clone()
    };
    assert_eq!([count("states=CLOSED").await, count("states=INPROGRESS,CLOSED").await], [json!(1), json!(2)]);
    assert_eq!(count(&format!("contactID={contact}")).await, 2);
    assert_eq!(count(&format!("projectIds={}", project["projectId"].as_str().unwrap())).await, 1);
    let page = call(&client, "GET", "projects?page=2&pageSize=1", Value::Null).await.json();
    assert_eq!(page["pagination"], json!({ "page": 2, "pageSize": 1, "pageCount": 2, "itemCount": 2 }));
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let users = call(&client, "GET", "ProjectsUsers", Value::Null).await.json();
    assert!(users["items"][0]["userId"].is_string());
}

#[tokio::test]
async fn projects_are_behind_the_same_door_as_the_books() {
    let mut client = Client::with(Settings::default()).await;
    let reply = call(&client, "GET", "projects", Value::Null).await;
    assert_eq!(reply.header("x-minlimit-remaining"), Some("59"));
    assert_eq!(client.xero().calls_to("GET /projects"), 1);
    assert_eq!(client.get("projects.xro/projects").await.status, 404);
    let stranger = client.send("GET", "/projects.xro/2.0/projects", &[], "").await;
    assert_eq!(stranger.status, 401);
    client.sign_in("projects.read").await;
    assert_eq!(call(&client, "GET", "projects", Value::Null).await.status, 200);
    assert_eq!(call(&client, "POST", "projects", json!({ "name": "A" })).await.status, 401);
    client.sign_in("accounting.contacts").await;
    assert_eq!(call(&client, "GET", "projects", Value::Null).await.status, 401);
}
