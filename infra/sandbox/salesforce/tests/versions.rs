//! What is asked before any data, and costs no call of the day: which versions there are, and who one is.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::{Door, Reply};

async fn get(door: &Door, path: &str, token: Option<&str>) -> Reply {
    let mut request = Request::get(format!("http://acme.example{path}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    door.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn versions_are_listed_from_the_oldest_on_with_the_season_that_each_came_in() {
    let door = Door::new();
    for path in ["/services/data", "/services/data/"] {
        let reply = get(&door, path, None).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, "application/json;charset=UTF-8"),
            "{path}"
        );
        let listed = reply.json();
        let version = |number: u32, label: &str| json!({ "label": label, "url": format!("/services/data/v{number}.0"), "version": format!("{number}.0") });
        let all: Vec<&Value> = listed.as_array().unwrap().iter().collect();
        for (place, number, label) in [
            (0, 31, "Summer '14"),
            (1, 32, "Winter '15"),
            (2, 33, "Spring '15"),
            (3, 34, "Summer '15"),
            (35, 66, "Spring '26"),
            (36, 67, "Summer '26"),
            (37, 68, "Winter '27"),
        ] {
            assert_eq!(*all[place], version(number, label), "{path}");
        }
        assert_eq!(all.len(), 38, "{path}");
    }
}

#[tokio::test]
async fn neither_the_list_of_versions_nor_userinfo_tells_of_the_days_calls_or_takes_one() {
    let door = Door::new();
    let token = Some(door.token.as_str());
    for (path, token) in
        [("/services/data", None), ("/services/data", token), ("/services/oauth2/userinfo", token)]
    {
        let reply = get(&door, path, token).await;
        assert_eq!((reply.status, reply.header("sforce-limit-info")), (200, ""), "{path}");
    }
    let resources = get(&door, "/services/data/v67.0", token).await;
    assert_eq!((resources.status, resources.header("sforce-limit-info")), (200, "api-usage=1/15000"));
}
