//! Composite graphs, and the limits of composites, batches and trees.

use serde_json::{Value, json};

use super::Door;
use crate::salesforce::DuplicateRule;

fn account(reference: &str, fields: Value) -> Value {
    json!({ "method": "POST", "url": "/services/data/v67.0/sobjects/Account", "referenceId": reference, "body": fields })
}

#[tokio::test]
async fn each_graph_is_all_or_nothing_and_knows_nothing_of_the_others() {
    let door = Door::new();
    let contact = json!({ "method": "POST", "url": "/services/data/v67.0/sobjects/Contact", "referenceId": "c",
        "body": { "LastName": "Chen", "AccountId": "@{a.id}" } });
    let bad = json!({ "method": "POST", "url": "/services/data/v67.0/sobjects/Contact", "referenceId": "c", "body": {} });
    let body = json!({ "graphs": [
        { "graphId": "g1", "compositeRequest": [account("a", json!({ "Name": "One" })), contact] },
        { "graphId": "g2", "compositeRequest": [account("a", json!({ "Name": "Two" })), bad] },
    ] });
    let answer = door.call("POST", "/composite/graph", Some(body)).await;
    assert_eq!(answer.status, 200);
    let graphs = answer.json()["graphs"].clone();
    assert_eq!(
        (&graphs[0]["graphId"], &graphs[0]["isSuccessful"], &graphs[1]["isSuccessful"]),
        (&json!("g1"), &json!(true), &json!(false))
    );
    let second = &graphs[1]["graphResponse"]["compositeResponse"];
    assert_eq!(second[0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(
        (&second[1]["httpStatusCode"], &second[1]["body"][0]["errorCode"]),
        (&json!(400), &json!("REQUIRED_FIELD_MISSING"))
    );
    let accounts = door.org().records("Account");
    assert_eq!((accounts.len(), &accounts[0]["Name"]), (1, &json!("One")));
    assert_eq!(door.org().records("Contact")[0]["AccountId"], accounts[0]["Id"]);
}

#[tokio::test]
async fn a_graph_keeps_to_its_limits() {
    let door = Door::new();
    let graph =
        |requests: Vec<Value>| json!({ "graphs": [{ "graphId": "g", "compositeRequest": requests }] });
    let refused = async |body: Value| {
        let reply = door.call("POST", "/composite/graph", Some(body)).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
        reply.code()
    };
    let many = (0..501).map(|number| account(&format!("r{number}"), json!({ "Name": "A" }))).collect();
    assert_eq!(refused(graph(many)).await, "LIMIT_EXCEEDED");
    let graphs: Vec<Value> =
        (0..76).map(|number| json!({ "graphId": number.to_string(), "compositeRequest": [] })).collect();
    assert_eq!(refused(json!({ "graphs": graphs })).await, "LIMIT_EXCEEDED");
    let chain = |length: usize| -> Vec<Value> {
        let parent =
            |number: usize| if number == 0 { json!(null) } else { json!(format!("@{{r{}.id}}", number - 1)) };
        (0..length)
            .map(|number| account(&format!("r{number}"), json!({ "Name": "A", "ParentId": parent(number) })))
            .collect()
    };
    assert_eq!(refused(graph(chain(16))).await, "LIMIT_EXCEEDED");
    let longest = door.call("POST", "/composite/graph", Some(graph(chain(15)))).await.json();
    assert_eq!(longest["graphs"][0]["isSuccessful"], true);
    let query = json!({ "method": "GET", "url": "/services/data/v67.0/query?q=SELECT+Id+FROM+Account", "referenceId": "q" });
    assert_eq!(refused(graph(vec![query])).await, "INVALID_INPUT");
    let kinds = (50..66).map(|version| {
        json!({ "method": "GET", "url": format!("/services/data/v{version}.0/sobjects/Account/x"), "referenceId": format!("r{version}") })
    });
    assert_eq!(refused(graph(kinds.collect())).await, "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn after_fourteen_failed_graphs_the_others_are_not_tried() {
    let door = Door::new();
    let mut graphs: Vec<Value> = (0..14)
        .map(|number| json!({ "graphId": number.to_string(), "compositeRequest": [account("a", json!({}))] }))
        .collect();
    graphs.push(json!({ "graphId": "last", "compositeRequest": [account("a", json!({ "Name": "Good" }))] }));
    let answer = door.call("POST", "/composite/graph", Some(json!({ "graphs": graphs }))).await.json();
    let last = &answer["graphs"][14];
    assert_eq!(last["graphResponse"]["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(door.org().records("Account").len(), 0);
}

#[tokio::test]
async fn a_composite_takes_five_queries_and_a_reference_to_nothing_halts() {
    let door = Door::new();
    let query = |number: usize| json!({ "method": "GET", "url": "/services/data/v67.0/query?q=SELECT Id FROM Account", "referenceId": format!("q{number}") });
    let composite = async |requests: Vec<Value>| {
        door.call("POST", "/composite", Some(json!({ "compositeRequest": requests }))).await
    };
    assert_eq!(composite((0..6).map(query).collect()).await.code(), "LIMIT_EXCEEDED");
    assert_eq!(composite((0..5).map(query).collect()).await.status, 200);
    assert_eq!(composite(vec![query(1), query(1)]).await.code(), "INVALID_INPUT");
    let lost = account("b", json!({ "Name": "@{a.id}" }));
    let answer = composite(vec![account("a", json!({})), lost]).await.json();
    let second = &answer["compositeResponse"][1];
    assert_eq!(
        second["body"],
        json!([{ "message": "Invalid reference specified. No value for a.id found in a", "errorCode": "PROCESSING_HALTED" }])
    );
}

#[tokio::test]
async fn a_subrequest_has_headers_of_its_own() {
    let door = Door::new();
    let id = door.org().insert("Account", json!({ "Name": "A" }));
    let path = format!("/sobjects/Account/{id}");
    let tag = door.call("GET", &path, None).await.header("etag").to_owned();
    let request = json!({ "method": "GET", "url": format!("/services/data/v67.0{path}"), "referenceId": "a",
        "httpHeaders": { "If-None-Match": tag } });
    let answer = door.call("POST", "/composite", Some(json!({ "compositeRequest": [request] }))).await.json();
    assert_eq!(answer["compositeResponse"][0]["httpStatusCode"], 304);
}

/// A composite of these requests, and the first of its answers.
async fn first(door: &Door, request: Value, headers: &[(&str, &str)]) -> Value {
    let body = json!({ "compositeRequest": [request] });
    door.call_with("POST", "/composite", Some(body), headers).await.json()["compositeResponse"][0].clone()
}

#[tokio::test]
async fn what_a_subrequest_writes_is_written_as_its_own_headers_say() {
    let door = Door::new();
    door.org().add_duplicate_rule(DuplicateRule {
        name: "Same_Name".into(),
        object: "Account".into(),
        against: "Account".into(),
        fields: vec![("Name".into(), "Name".into())],
        allow_save: true,
    });
    door.org().insert("Account", json!({ "Name": "Acme" }));
    door.org().capture_changes(&["Account"]);
    let save = ("sforce-duplicate-rule-header", "allowSave=true");
    let outer = first(&door, account("a", json!({ "Name": "Acme" })), &[save]).await;
    assert_eq!(outer["httpStatusCode"], 400, "the outer request's headers are its own: {outer}");
    let mut own = account("a", json!({ "Name": "Acme" }));
    own["httpHeaders"] =
        json!({ "Sforce-Duplicate-Rule-Header": "allowSave=true", "Sforce-Call-Options": "client=inner" });
    let saved = first(&door, own, &[("sforce-call-options", "client=outer")]).await;
    assert_eq!(saved["httpStatusCode"], 201, "{saved}");
    let events = door.org().change_events(0);
    let origin = &events[0]["detail"]["payload"]["ChangeEventHeader"]["changeOrigin"];
    assert_eq!((events.len(), origin), (1, &json!("com/salesforce/api/rest/67.0;client=inner")));
}

#[tokio::test]
async fn a_subrequest_with_a_header_of_the_outer_one_fails_the_whole_call() {
    let door = Door::new();
    for header in ["Accept", "authorization", "Content-Type"] {
        let mut request = account("a", json!({ "Name": "Acme" }));
        request["httpHeaders"] = json!({ header: "text/plain" });
        let composite = json!({ "compositeRequest": [request] });
        let graph = json!({ "graphs": [{ "graphId": "g", "compositeRequest": [request] }] });
        for (path, body) in [("/composite", composite), ("/composite/graph", graph)] {
            let refused = door.call("POST", path, Some(body)).await;
            assert_eq!((refused.status, refused.code().as_str()), (400, "INVALID_INPUT"), "{path} {header}");
        }
    }
    assert_eq!(door.org().records("Account").len(), 0);
}

#[tokio::test]
async fn a_subrequest_asks_by_a_version_that_there_is() {
    let door = Door::new();
    for version in ["vBOGUS", "v99.0", "v30.0", "v67", "67.0"] {
        let direct = door.send(
            axum::http::Request::get(format!("http://acme.example/services/data/{version}/limits"))
                .header("authorization", format!("Bearer {}", door.token))
                .body(axum::body::Body::empty())
                .unwrap(),
        );
        let expected = direct.await.json();
        assert_eq!(expected[0]["errorCode"], "NOT_FOUND", "{version}");
        let batch = json!({ "batchRequests": [{ "method": "GET", "url": format!("{version}/limits") }] });
        let batch = door.call("POST", "/composite/batch", Some(batch)).await.json()["results"][0].clone();
        assert_eq!((&batch["statusCode"], &batch["result"]), (&json!(404), &expected), "{version}");
        let mut request = account("a", json!({ "Name": "Acme" }));
        request["url"] = format!("/services/data/{version}/sobjects/Account").into();
        let composite = first(&door, request.clone(), &[]).await;
        assert_eq!((&composite["httpStatusCode"], &composite["body"]), (&json!(404), &expected), "{version}");
        let graph = json!({ "graphs": [{ "graphId": "g", "compositeRequest": [request] }] });
        let graph = door.call("POST", "/composite/graph", Some(graph)).await.json()["graphs"][0].clone();
        assert_eq!(graph["isSuccessful"], false, "{version}");
        assert_eq!(graph["graphResponse"]["compositeResponse"][0]["body"], expected, "{version}");
    }
    assert_eq!(door.org().records("Account").len(), 0);
}

#[tokio::test]
async fn a_halted_batch_says_412_and_a_tree_keeps_to_its_size() {
    let door = Door::new();
    let requests = json!([{ "method": "GET", "url": "v67.0/sobjects/Nothing" }, { "method": "GET", "url": "v67.0/limits" }]);
    let body = json!({ "haltOnError": true, "batchRequests": requests });
    let answer = door.call("POST", "/composite/batch", Some(body)).await.json();
    assert_eq!((&answer["hasErrors"], &answer["results"][0]["statusCode"]), (&json!(true), &json!(404)));
    let halted = json!({ "statusCode": 412, "result": [{ "message": "Batch processing halted", "errorCode": "BATCH_PROCESSING_HALTED" }] });
    assert_eq!(answer["results"][1], halted);
    let record = |reference: usize| json!({ "attributes": { "type": "Account", "referenceId": reference.to_string() }, "Name": "A" });
    let mut deep = record(0);
    for level in 1..6 {
        let mut above = record(level);
        above["ChildAccounts"] = json!({ "records": [deep] });
        deep = above;
    }
    let wide: Vec<Value> = (0..150)
        .map(|number| {
            let mut parent = record(number);
            parent["ChildAccounts"] = json!({ "records": [record(1000 + number)] });
            parent
        })
        .collect();
    let unnamed = json!({ "attributes": { "type": "Account" }, "Name": "A" });
    for records in [json!([deep]), json!(wide), json!([unnamed])] {
        let reply = door.call("POST", "/composite/tree/Account", Some(json!({ "records": records }))).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "INVALID_INPUT"));
    }
    let mut parent = record(1);
    parent["ChildAccounts"] = json!({ "records": [record(2), record(1)] });
    let twice = door.call("POST", "/composite/tree/Account", Some(json!({ "records": [parent] }))).await;
    let error = json!({ "statusCode": "INVALID_INPUT", "fields": [],
        "message": "Duplicate ReferenceId provided in the request." });
    let expected = json!({ "hasErrors": true, "results": [{ "referenceId": "1", "errors": [error] }] });
    assert_eq!((twice.status, twice.json()), (400, expected));
    assert_eq!(door.org().records("Account").len(), 0);
}

#[tokio::test]
async fn a_query_too_long_for_an_address_fits_in_a_composite_or_a_batch() {
    let door = Door::new();
    door.org().insert("Account", json!({ "Name": "Acmé" }));
    let soql = |length: usize| {
        let start = "SELECT Id FROM Account WHERE Name IN ('Acmé', '";
        format!("{start}{}')", "é".repeat(length - start.chars().count() - 2))
    };
    let answers = async |soql: &str| {
        let query = serde_urlencoded::to_string([("q", soql)]).unwrap();
        let url = format!("v67.0/query?{query}");
        let inner = json!({ "method": "GET", "url": format!("/services/data/{url}"), "referenceId": "q" });
        let composite = door.call("POST", "/composite", Some(json!({ "compositeRequest": [inner] }))).await;
        let inner = json!({ "method": "GET", "url": url });
        let batch = door.call("POST", "/composite/batch", Some(json!({ "batchRequests": [inner] }))).await;
        [
            composite.json()["compositeResponse"][0]["body"].clone(),
            batch.json()["results"][0]["result"].clone(),
        ]
    };
    for found in answers(&soql(100_000)).await {
        assert_eq!(found["totalSize"], 1, "{found}");
    }
    for refused in answers(&soql(100_001)).await {
        assert_eq!(refused[0]["errorCode"], "MALFORMED_QUERY", "{refused}");
    }
}
