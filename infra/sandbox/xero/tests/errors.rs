//! Every kind of refusal, byte for byte: the rows of the table of errors, from 400 to 503.
//!
//! An answer is compared whole: status, headers, body. What every answer has (date, length, what is left of the limits)
//! is left out, and ids that are new in each answer are written as `<guid>`.

use serde_json::{Value, json};
use uuid::Uuid;

use super::identity::{CALLBACK, register_web_app, token};
use super::{Client, Reply, encoded};
use crate::{Fault, FaultKind};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";
const REALM: &str = "www-authenticate: OAuth Realm=\"api.xero.com\"";

/// As it goes over the wire.
fn told(reply: &Reply) -> String {
    let everywhere =
        ["date", "content-length", "x-daylimit-remaining", "x-minlimit-remaining", "x-appminlimit-remaining"];
    let names = reply.headers.keys().map(|name| name.as_str()).filter(|name| !everywhere.contains(name));
    let headers: String = names.map(|name| format!("{name}: {}\n", reply.header(name).unwrap())).collect();
    format!("{}\n{headers}\n{}", reply.status.as_u16(), without_ids(&reply.text))
}

/// Ids that mean nobody stay.
fn without_ids(text: &str) -> String {
    const LENGTH: usize = 36;
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(letter) = rest.chars().next() {
        let id = rest.get(..LENGTH).filter(|id| id.as_bytes()[8] == b'-').map(Uuid::parse_str);
        let (told, length) = match id {
            Some(Ok(id)) if !id.is_nil() && id.to_string() != NOBODY => ("<guid>", LENGTH),
            _ => (&rest[..letter.len_utf8()], letter.len_utf8()),
        };
        masked.push_str(told);
        rest = &rest[length..];
    }
    masked
}

/// What `told` gives for JSON.
fn json_of(status: u16, body: &str) -> String {
    format!("{status}\ncontent-type: application/json; charset=utf-8\n\n{body}")
}

fn empty(status: u16) -> String {
    format!("{status}\n\n")
}

#[tokio::test]
async fn row_400_validation_echoes_the_element_with_its_messages() {
    let client = Client::unlimited().await;
    client.ledger().add_contact_named("X").unwrap();
    let refused = client.put("Contacts", json!({ "Contacts": [{ "Name": "X" }, { "Name": "Y" }] })).await;
    let body = "{\"ErrorNumber\":10,\"Type\":\"ValidationException\",\
                \"Message\":\"A validation exception occurred\",\"Elements\":[\
                {\"ContactID\":\"00000000-0000-0000-0000-000000000000\",\"Name\":\"X\",\"Addresses\":[],\
                \"Phones\":[],\"ContactGroups\":[],\"ContactPersons\":[],\"HasValidationErrors\":true,\
                \"ValidationErrors\":[{\"Message\":\"The contact name X is already assigned to another contact. \
                The contact name must be unique across all active contacts.\"}]}]}";
    assert_eq!(told(&refused), json_of(400, body));
    assert_eq!(client.ledger().count_contacts(), 1, "nothing of the call is saved");
}

#[tokio::test]
async fn row_400_validation_has_lists_of_errors_inside_contact_and_lines() {
    let client = Client::unlimited().await;
    let archived = client.ledger().add_contact_named("Gone").unwrap().id;
    client.ledger().archive_contact(archived);
    let invoice = json!({
        "Type": "ACCREC", "Status": "AUTHORISED", "Contact": { "ContactID": archived.to_string() },
        "Date": "2026-11-22", "DueDate": "2026-12-22",
        "LineItems": [
            { "Description": "Work", "UnitAmount": 1, "AccountCode": "200" },
            { "Description": "More", "UnitAmount": 1, "AccountCode": "nope" },
        ],
    });
    let refused = client.put("Invoices", invoice).await;
    let archived = "The specified contact details matched an archived contact. Archived contacts cannot currently \
                    be edited via the API.";
    let unusable = "Account code 'nope' is not a valid code for this document.";
    let body = format!(
        "{{\"ErrorNumber\":10,\"Type\":\"ValidationException\",\"Message\":\"A validation exception occurred\",\
         \"Elements\":[{{\"InvoiceID\":\"00000000-0000-0000-0000-000000000000\",\"Type\":\"ACCREC\",\
         \"Payments\":[],\"CreditNotes\":[],\"Prepayments\":[],\"Overpayments\":[],\"InvoiceAddresses\":[],\
         \"InvoicePaymentServices\":[],\"Contact\":{{\"ContactID\":\"<guid>\",\"Addresses\":[],\"Phones\":[],\
         \"ContactGroups\":[],\"ContactPersons\":[],\"ValidationErrors\":[{{\"Message\":\"{archived}\"}}],\
         \"HasValidationErrors\":true}},\"DateString\":\"2026-11-22T00:00:00\",\
         \"Date\":\"/Date(1795305600000+0000)/\",\"DueDateString\":\"2026-12-22T00:00:00\",\
         \"DueDate\":\"/Date(1797897600000+0000)/\",\"Status\":\"AUTHORISED\",\"LineItems\":[\
         {{\"Description\":\"Work\",\"UnitAmount\":1,\"AccountCode\":\"200\",\"ValidationErrors\":[]}},\
         {{\"Description\":\"More\",\"UnitAmount\":1,\"AccountCode\":\"nope\",\
         \"ValidationErrors\":[{{\"Message\":\"{unusable}\"}}]}}],\"HasErrors\":true,\
         \"ValidationErrors\":[{{\"Message\":\"{archived}\"}},{{\"Message\":\"{unusable}\"}}]}}]}}"
    );
    assert_eq!(told(&refused), json_of(400, &body));
}

#[tokio::test]
async fn row_400_validation_of_a_journal_says_which_line_is_wrong() {
    let client = Client::unlimited().await;
    let journal = json!({ "Narration": "Moved", "JournalLines": [
        { "LineAmount": 10, "AccountCode": "400" }, { "LineAmount": -10, "AccountCode": "090" },
    ] });
    let refused = client.put("ManualJournals", journal).await.json()["Elements"][0].clone();
    let errors = json!([{ "Message": "Account code '090' is not a valid code for this document." }]);
    assert_eq!(refused["JournalLines"][0]["ValidationErrors"], json!([]));
    assert_eq!(refused["JournalLines"][1]["ValidationErrors"], errors);
    assert_eq!(refused["ValidationErrors"], errors);
}

#[tokio::test]
async fn row_400_malformed_json() {
    let client = Client::unlimited().await;
    let refused = client.call("PUT", "Contacts", &[], "{\"Contacts\": [").await;
    let body = "{\"ErrorNumber\":14,\"Type\":\"PostDataInvalidException\",\"Message\":\"JSON for post data was \
                invalid: EOF while parsing a list at line 1 column 14\"}";
    assert_eq!(told(&refused), json_of(400, body));
}

#[tokio::test]
async fn row_400_where_and_order_that_cannot_be_read() {
    let client = Client::unlimited().await;
    let unknown = "No property or field 'nope' exists in this type";
    for (query, message) in [
        (format!("where={}", encoded("Nope==1")), unknown),
        ("order=Nope".to_owned(), unknown),
        (format!("where={}", encoded("Name==")), "Syntax error: expected a value at the end"),
        (format!("where={}", encoded("Name==AND")), "Syntax error: expected a value at place 3"),
    ] {
        let refused = client.get(&format!("Contacts?{query}")).await;
        let body =
            format!("{{\"ErrorNumber\":16,\"Type\":\"QueryParseException\",\"Message\":\"{message}\"}}");
        assert_eq!(told(&refused), json_of(400, &body), "{query}");
    }
}

#[tokio::test]
async fn row_400_what_would_look_at_very_many_documents() {
    let client = Client::unlimited().await;
    client.ledger().seed_contacts(3);
    crate::locked(&client.xero().books).organisations[0].high_volume = 2;
    let message = "Your request is not filtering Contacts efficiently, given the extremely high volume for this \
                   organisation. Please check \
                   https://developer.xero.com/documentation/api/efficient-data-retrieval";
    let body = format!("{{\"ErrorNumber\":51,\"Type\":\"HighVolumeException\",\"Message\":\"{message}\"}}");
    let asked = |filter: &str| format!("Contacts?page=1&where={}", encoded(filter));
    for path in [
        "Contacts".to_owned(),
        asked("Name!=\"Acme\""),
        asked("Name.Contains(\"Acme\")"),
        asked("Name==\"Acme\" OR Name==\"Bolt\""),
        asked("Name==\"Acme\" AND LastName==\"Bolt\""),
        "Contacts?page=1&order=LastName".to_owned(),
    ] {
        assert_eq!(told(&client.get(&path).await), json_of(400, &body), "{path}");
    }
    for path in [
        "Contacts?page=1".to_owned(),
        "Contacts?page=1&order=Name".to_owned(),
        "Contacts?searchTerm=acme".to_owned(),
        format!("Contacts?IDs={NOBODY}"),
        asked("Name==\"Acme\" AND EmailAddress==\"a@example.com\""),
    ] {
        assert_eq!(client.get(&path).await.status, 200, "{path}");
    }
    let since = [("if-modified-since", "2030-01-01T00:00:00")];
    assert_eq!(client.call("GET", "Contacts", &since, "").await.status, 200);
    let filter = encoded(&format!("InvoiceID==Guid(\"{NOBODY}\") OR InvoiceID==Guid(\"{NOBODY}\")"));
    crate::locked(&client.xero().books).organisations[0].high_volume = 0;
    let invoice = json!({ "Type": "ACCREC", "Contact": { "Name": "Acme" }, "LineItems": [] });
    assert_eq!(client.put("Invoices", invoice).await.status, 200);
    assert_eq!(client.get(&format!("Invoices?where={filter}")).await.status, 200);
    assert_eq!(client.get("Invoices?Statuses=DRAFT").await.status, 200);
}

#[tokio::test]
async fn row_400_idempotency_key_of_another_request() {
    let client = Client::unlimited().await;
    let key = [("idempotency-key", "k")];
    let put =
        async |name: &str| client.call("PUT", "Contacts", &key, &json!({ "Name": name }).to_string()).await;
    assert_eq!(put("A").await.status, 200);
    let body = "{\"Title\":\"Bad Request\",\"Status\":400,\"Detail\":\"Idempotency Key: k is used with a \
                different request.\"}";
    assert_eq!(told(&put("B").await), json_of(400, body));
}

/// With its headers: where a token is wanted they say so.
fn unauthorized(detail: &str, more: &str) -> String {
    format!(
        "401\ncontent-type: application/json; charset=utf-8\n{REALM}{more}\n\n\
         {{\"title\":\"Unauthorized\",\"status\":401,\"detail\":\"{detail}\",\"instance\":\"<guid>\"}}"
    )
}

#[tokio::test]
async fn row_401_unknown_and_expired_tokens() {
    let client = Client::unlimited().await;
    for headers in [&[][..], &[("authorization", "Bearer nonsense")]] {
        let refused = client.send("GET", "/api.xro/2.0/Contacts", headers, "").await;
        assert_eq!(told(&refused), unauthorized("AuthenticationUnsuccessful", ""));
    }
    client.advance(1_800);
    let refused = client.get("Contacts").await;
    assert_eq!(told(&refused), unauthorized("TokenExpired: token expired", ""));
    client.control("PATCH", "options", json!({ "problem_keys": "capitals" })).await;
    let body = "{\"Type\":null,\"Title\":\"Unauthorized\",\"Status\":401,\
                \"Detail\":\"TokenExpired: token expired\",\"Instance\":\"<guid>\"}";
    let expected = format!("401\ncontent-type: application/json; charset=utf-8\n{REALM}\n\n{body}");
    assert_eq!(told(&client.get("Contacts").await), expected);
}

#[tokio::test]
async fn row_401_a_missing_scope_is_in_the_header() {
    let mut client = Client::unlimited().await;
    client.sign_in("accounting.contacts.read").await;
    for refused in [client.get("Invoices").await, client.put("Contacts", json!({ "Name": "A" })).await] {
        let expected = unauthorized("AuthorizationUnsuccessful", ", error=\"insufficent_scope\"");
        assert_eq!(told(&refused), expected);
    }
}

#[tokio::test]
async fn row_403_an_organisation_that_the_app_may_not_see() {
    let client = Client::unlimited().await;
    let other = client.xero().add_organisation("Other").to_string();
    let body = "{\"title\":\"Forbidden\",\"status\":403,\"detail\":\"AuthenticationUnsuccessful\",\
                \"instance\":\"<guid>\"}";
    for tenant in [other.as_str(), NOBODY, "no id"] {
        let refused = client.call("GET", "Contacts", &[("xero-tenant-id", tenant)], "").await;
        assert_eq!(told(&refused), json_of(403, body), "{tenant}");
    }
}

#[tokio::test]
async fn row_403_a_user_who_may_only_read_is_refused_without_a_word() {
    let client = Client::unlimited().await;
    register_web_app(&client);
    let auditor = json!({ "name": "Ada Audit", "email": "ada@example.com", "role": "READONLY" });
    let auditor = client.control("POST", "users", auditor).await["xero_userid"].clone();
    let consent = json!({ "client_id": "web-app", "user": auditor, "scopes": ["accounting.contacts"] });
    let code = client.control("POST", "consents", consent).await["code"].clone();
    let form =
        format!("grant_type=authorization_code&code={}&redirect_uri={CALLBACK}", code.as_str().unwrap());
    let tokens = token(&client, &form).await.json();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let tenant = client.ledger().tenant_id().to_string();
    let headers = [
        ("authorization", bearer.as_str()),
        ("accept", "application/json"),
        ("xero-tenant-id", tenant.as_str()),
    ];
    let path = "/api.xro/2.0/Contacts";
    assert_eq!(client.send("GET", path, &headers, "").await.status, 200);
    let refused = client.send("PUT", path, &headers, &json!({ "Name": "A" }).to_string()).await;
    assert_eq!(told(&refused), empty(403));
    assert_eq!(client.ledger().count_contacts(), 0);
}

#[tokio::test]
async fn row_404_is_an_empty_page_of_html() {
    let client = Client::unlimited().await;
    let nothing = "404\ncontent-type: text/html; charset=utf-8\n\n";
    let paths =
        ["Invoices/INV-9", "Nothing", &format!("Contacts/{NOBODY}"), &format!("Quotes/{NOBODY}/History")];
    for path in paths {
        assert_eq!(told(&client.get(path).await), nothing, "{path}");
    }
    let body = json!({ "ContactID": NOBODY, "Name": "A" });
    assert_eq!(told(&client.post("Contacts?summarizeErrors=false", body).await), nothing);
}

#[tokio::test]
async fn row_412_a_condition_that_cannot_be_read() {
    let client = Client::unlimited().await;
    let refused = client.call("GET", "Contacts", &[("if-modified-since", "yesterday")], "").await;
    assert_eq!(told(&refused), empty(412));
}

/// Old TLS ends before there is a request here, so that its answer is had by wish.
#[tokio::test]
async fn row_412_old_tls_by_wish() {
    let client = Client::unlimited().await;
    client.xero().harness.faults.add(Fault::on("GET", "/Contacts", Fault::status(412, Value::Null)));
    assert_eq!(told(&client.get("Contacts").await), empty(412));
    assert_eq!(client.get("Contacts").await.status, 200);
}

#[tokio::test]
async fn row_501_what_is_not_implemented_is_empty() {
    let client = Client::unlimited().await;
    for (method, path) in [("POST", "Organisation"), ("PUT", "Users"), ("DELETE", "Invoices")] {
        let refused = client.call(method, path, &[], "{}").await;
        assert_eq!(told(&refused), empty(501), "{method} {path}");
    }
}

#[tokio::test]
async fn row_405_a_method_that_nothing_there_knows_is_empty() {
    let client = Client::unlimited().await;
    for path in ["Contacts", "Organisation"] {
        assert_eq!(told(&client.call("PATCH", path, &[], "{}").await), empty(405), "{path}");
    }
}

#[tokio::test]
async fn row_429_is_empty_and_names_the_limit() {
    let client = Client::new().await;
    for _ in 0..60 {
        assert_eq!(client.get("Organisation").await.status, 200);
    }
    let refused = client.get("Organisation").await;
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let expected = format!("429\nretry-after: {wait}\nx-rate-limit-problem: minute\n\n");
    assert_eq!(told(&refused), expected);
    let left = ["x-daylimit-remaining", "x-minlimit-remaining", "x-appminlimit-remaining"];
    assert_eq!(left.map(|name| refused.header(name)), [Some("4940"), Some("0"), Some("9940")]);
}

#[tokio::test]
async fn row_429_of_the_day_says_when_it_is_over() {
    let client = Client::new().await;
    client.control("POST", "calls", json!({ "day": 4_999 })).await;
    assert_eq!(client.get("Organisation").await.header("x-daylimit-remaining"), Some("0"));
    let refused = client.get("Organisation").await;
    let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    assert_eq!(told(&refused), format!("429\nretry-after: {wait}\nx-rate-limit-problem: day\n\n"));
    client.advance(wait);
    let mut client = client;
    client.sign_in("").await;
    assert_eq!(client.get("Organisation").await.header("x-daylimit-remaining"), Some("4999"));
}

#[tokio::test]
async fn row_429_of_the_app_has_no_wait_and_either_word() {
    let client = Client::new().await;
    let other = client.xero().add_organisation("Other");
    let used = json!({ "tenant": other, "app_minute": 10_000 });
    client.control("POST", "calls", used).await;
    let refused = client.get("Organisation").await;
    assert_eq!(told(&refused), "429\nx-rate-limit-problem: appminute\n\n");
    assert_eq!(refused.header("x-appminlimit-remaining"), Some("0"));
    client.control("PATCH", "options", json!({ "app_limit": "app-minute" })).await;
    assert_eq!(told(&client.get("Organisation").await), "429\nx-rate-limit-problem: app-minute\n\n");
    client.advance(60);
    assert_eq!(client.get("Organisation").await.status, 200);
}

#[tokio::test]
async fn row_429_of_calls_at_once_has_no_wait() {
    let client = Client::new().await;
    let late = json!({ "times": 5, "kind": { "late": 60 } });
    client.control("POST", "faults", late).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        let mut call = Box::pin(client.get("Organisation"));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        held.push(call);
    }
    assert_eq!(told(&client.get("Organisation").await), "429\nx-rate-limit-problem: concurrent\n\n");
    drop(held);
    let refused = client.get("Organisation").await;
    assert_eq!(
        told(&refused),
        "429\nx-rate-limit-problem: concurrent\n\n",
        "they run on without their callers"
    );
    client.advance(60);
    assert_eq!(client.get("Organisation").await.status, 200);
}

#[tokio::test]
async fn row_500_has_no_body_or_a_page_or_json_and_row_503_says_whether_it_is_maintenance() {
    let client = Client::unlimited().await;
    let page = "<!DOCTYPE html><html><head><title>Xero | Error</title></head><body><h1>An error occurred</h1></body></html>";
    let json = "{\"Title\":\"An error occurred\",\"Status\":500,\"Detail\":\"An error occurred in Xero. Check the \
                API Status page for current service status.\",\
                \"Instance\":\"00000000-0000-0000-0000-000000000000\"}";
    let down = "Xero is currently undergoing scheduled maintenance. Please try again later.";
    for (name, expected) in [
        ("internal_error", empty(500)),
        ("internal_error_html", format!("500\ncontent-type: text/html; charset=utf-8\n\n{page}")),
        ("internal_error_json", format!("500\ncontent-type: application/json\n\n{json}")),
        ("offline", "503\ncontent-type: text/plain; charset=utf-8\n\nThe Organisation is offline".to_owned()),
        ("maintenance", format!("503\ncontent-type: text/plain; charset=utf-8\n\n{down}")),
    ] {
        client.control("POST", "failures", json!({ "name": name, "path": "/Contacts" })).await;
        let refused = client.put("Contacts", json!({ "Name": name })).await;
        assert_eq!((told(&refused), client.ledger().count_contacts()), (expected, 0), "{name}");
    }
    let faults = &client.xero().harness.faults;
    faults.add(Fault::on("PUT", "/Contacts", FaultKind::InternalErrorAfterApply));
    let broken = client.put("Contacts", json!({ "Name": "A" })).await;
    assert_eq!((told(&broken), client.ledger().count_contacts()), (empty(500), 1));
}

#[tokio::test]
async fn row_projects_400() {
    let client = Client::unlimited().await;
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str()), ("accept", "application/json")];
    let refused = client.send("POST", "/projects.xro/2.0/projects", &headers, "{}").await;
    let body = "{\"message\":\"The request is invalid.\",\"modelState\":{\"name\":[\"The name field is \
                required.\"],\"contactId\":[\"The contactId field is required.\"]}}";
    assert_eq!(told(&refused), json_of(400, body));
}

#[tokio::test]
async fn without_accept_answers_and_refusals_are_xml() {
    let client = Client::unlimited().await;
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str())];
    let xml = |status: u16, body: &str| {
        format!(
            "{status}\ncontent-type: text/xml; charset=utf-8\n\n<?xml version=\"1.0\" encoding=\"utf-8\"?>{body}"
        )
    };
    let answer = client.send("GET", "/api.xro/2.0/Currencies", &headers, "").await;
    let body = "<Response><Id><guid></Id><Status>OK</Status><ProviderName>Sandbox App</ProviderName>\
                <DateTimeUTC>/Date(1795341600000)/</DateTimeUTC><Currencies><Currency><Code>NZD</Code>\
                <Description>New Zealand Dollar</Description></Currency></Currencies></Response>";
    assert_eq!(told(&answer), xml(200, body));
    let refused = client.send("PUT", "/api.xro/2.0/Contacts", &headers, "{}").await;
    let body = "<ApiException><ErrorNumber>10</ErrorNumber><Type>ValidationException</Type>\
                <Message>A validation exception occurred</Message><Elements><Element>\
                <ContactID>00000000-0000-0000-0000-000000000000</ContactID><Addresses></Addresses>\
                <Phones></Phones><ContactGroups></ContactGroups><ContactPersons></ContactPersons>\
                <HasValidationErrors>true</HasValidationErrors><ValidationErrors><ValidationError>\
                <Message>The Contact must contain at least 1 of the following elements to identify the contact: \
                Name, ContactID, ContactNumber</Message></ValidationError></ValidationErrors></Element>\
                </Elements></ApiException>";
    assert_eq!(told(&refused), xml(400, body));
}
