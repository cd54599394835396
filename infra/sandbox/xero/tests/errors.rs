//! Every kind of refusal, by the letter of its body: the rows of the table of errors, from 400 to 503.
//!
//! Ids that are new in each answer are written as `<guid>`.

use serde_json::{Value, json};

use super::{Client, Reply, encoded};
use crate::{Fault, FaultKind};

const JSON: Option<&str> = Some("application/json; charset=utf-8");
const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

/// Status, kind and text of an answer.
fn looks(reply: &Reply) -> (u16, Option<&str>, String) {
    let instance = |text: &str, key: &str| {
        let (before, after) = text.split_once(&format!("\"{key}\":\""))?;
        let (id, rest) = after.split_at_checked(36)?;
        uuid::Uuid::parse_str(id).ok().map(|_| format!("{before}\"{key}\":\"<guid>{rest}"))
    };
    let masked = ["Instance", "instance"].iter().find_map(|key| instance(&reply.text, key));
    (reply.status.as_u16(), reply.header("content-type"), masked.unwrap_or_else(|| reply.text.clone()))
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
    assert_eq!(looks(&refused), (400, JSON, body.to_owned()));
    assert_eq!(client.ledger().count_contacts(), 1, "nothing of the call is saved");
}

#[tokio::test]
async fn row_400_validation_has_lists_of_errors_inside_contact_and_lines() {
    let client = Client::unlimited().await;
    let invoice = json!({
        "Type": "ACCREC", "Status": "AUTHORISED", "Contact": { "Name": "Acme" },
        "LineItems": [{ "Description": "Work", "UnitAmount": 1, "AccountCode": "nope" }],
    });
    let refused = client.put("Invoices", invoice).await;
    let element = refused.json()["Elements"][0].clone();
    assert_eq!(element["Contact"]["ValidationErrors"], json!([]));
    assert_eq!(element["LineItems"][0]["ValidationErrors"], json!([]));
    assert_eq!(
        element["ValidationErrors"],
        json!([{ "Message": "Account code 'nope' is not a valid code for this document." }])
    );
}

#[tokio::test]
async fn row_400_malformed_json() {
    let client = Client::unlimited().await;
    let refused = client.call("PUT", "Contacts", &[], "{\"Contacts\": [").await;
    let body = "{\"ErrorNumber\":14,\"Type\":\"PostDataInvalidException\",\"Message\":\"JSON for post data was \
                invalid: EOF while parsing a list at line 1 column 14\"}";
    assert_eq!(looks(&refused), (400, JSON, body.to_owned()));
}

#[tokio::test]
async fn row_400_where_and_order_that_cannot_be_read() {
    let client = Client::unlimited().await;
    let refused = client.get(&format!("Contacts?where={}", encoded("Nope==1"))).await;
    let body = "{\"ErrorNumber\":16,\"Type\":\"QueryParseException\",\
                \"Message\":\"No property or field 'nope' exists in this type\"}";
    assert_eq!(looks(&refused), (400, JSON, body.to_owned()));
    for query in ["where=Name%3D%3D", "order=Nope"] {
        let refused = client.get(&format!("Contacts?{query}")).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["ErrorNumber"]), (400, &json!(16)), "{query}");
    }
}

#[tokio::test]
async fn row_400_idempotency_key_of_another_request() {
    let client = Client::unlimited().await;
    for (name, status) in [("A", 200), ("B", 400)] {
        let body = json!({ "Name": name }).to_string();
        let reply = client.call("PUT", "Contacts", &[("idempotency-key", "k")], &body).await;
        assert_eq!(reply.status, status);
        if status == 400 {
            let body = "{\"Title\":\"Bad Request\",\"Status\":400,\"Detail\":\"Idempotency Key: k is used with a \
                        different request.\"}";
            assert_eq!(looks(&reply), (400, JSON, body.to_owned()));
        }
    }
}

#[tokio::test]
async fn row_401_unknown_and_expired_tokens() {
    let client = Client::unlimited().await;
    let body = |detail: &str| {
        format!(
            "{{\"Type\":null,\"Title\":\"Unauthorized\",\"Status\":401,\"Detail\":\"{detail}\",\
             \"Instance\":\"<guid>\"}}"
        )
    };
    for headers in [&[][..], &[("authorization", "Bearer nonsense")]] {
        let refused = client.send("GET", "/api.xro/2.0/Contacts", headers, "").await;
        assert_eq!(looks(&refused), (401, JSON, body("AuthenticationUnsuccessful")));
    }
    client.advance(1_800);
    let refused = client.get("Contacts").await;
    let (status, kind, text) = looks(&refused);
    assert_eq!((status, kind), (401, JSON));
    assert!(text.starts_with(body("TokenExpired").split_once("\",\"Instance").unwrap().0), "{text}");
}

#[tokio::test]
async fn row_401_a_missing_scope_is_in_the_header() {
    let mut client = Client::unlimited().await;
    client.sign_in("accounting.contacts.read").await;
    for refused in [client.get("Invoices").await, client.put("Contacts", json!({ "Name": "A" })).await] {
        assert_eq!(refused.status, 401);
        assert!(refused.header("www-authenticate").unwrap().contains("insufficent_scope"));
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
        assert_eq!(looks(&refused), (403, JSON, body.to_owned()), "{tenant}");
    }
}

#[tokio::test]
async fn row_404_is_an_empty_page_of_html() {
    let client = Client::unlimited().await;
    let paths =
        ["Invoices/INV-9", "Nothing", &format!("Contacts/{NOBODY}"), &format!("Quotes/{NOBODY}/History")];
    for path in paths {
        let refused = client.get(path).await;
        assert_eq!(looks(&refused), (404, Some("text/html; charset=utf-8"), String::new()), "{path}");
    }
    let body = json!({ "ContactID": NOBODY, "Name": "A" });
    let refused = client.post("Contacts?summarizeErrors=false", body).await;
    assert_eq!(looks(&refused), (404, Some("text/html; charset=utf-8"), String::new()));
}

#[tokio::test]
async fn row_412_and_501() {
    let client = Client::unlimited().await;
    let refused = client.call("GET", "Contacts", &[("if-modified-since", "yesterday")], "").await;
    assert_eq!(looks(&refused), (412, None, String::new()));
    for (method, path) in
        [("POST", "Organisation"), ("PUT", "Users"), ("PATCH", "Contacts"), ("DELETE", "Invoices")]
    {
        let refused = client.call(method, path, &[], "{}").await;
        assert_eq!(refused.status, 501, "{method} {path}");
    }
}

#[tokio::test]
async fn row_429_is_empty_and_names_the_limit() {
    let client = Client::new().await;
    for _ in 0..60 {
        assert_eq!(client.get("Organisation").await.status, 200);
    }
    let refused = client.get("Organisation").await;
    assert_eq!(looks(&refused), (429, None, String::new()));
    assert_eq!(refused.header("x-rate-limit-problem"), Some("minute"));
    assert_eq!(refused.header("x-minlimit-remaining"), Some("0"));
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() <= 60);
}

#[tokio::test]
async fn rows_500_and_503_by_wish() {
    let client = Client::unlimited().await;
    let faults = &client.xero().harness.faults;
    faults.add(Fault::on("PUT", "/Contacts", FaultKind::InternalErrorAfterApply));
    let broken = client.put("Contacts", json!({ "Name": "A" })).await;
    assert_eq!((broken.status.as_u16(), client.ledger().count_contacts()), (500, 1));
    let offline = Value::from("The Organisation is offline");
    faults.add(Fault::on("PUT", "/Contacts", Fault::status(503, offline)));
    let refused = client.put("Contacts", json!({ "Name": "B" })).await;
    assert_eq!((refused.status.as_u16(), refused.text.as_str()), (503, "The Organisation is offline"));
    assert_eq!(client.ledger().count_contacts(), 1);
}

#[tokio::test]
async fn row_projects_400() {
    let client = Client::unlimited().await;
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str()), ("accept", "application/json")];
    let refused = client.send("POST", "/projects.xro/2.0/projects", &headers, "{}").await;
    let body = "{\"message\":\"The request is invalid.\",\"modelState\":{\"name\":[\"The name field is \
                required.\"],\"contactId\":[\"The contactId field is required.\"]}}";
    assert_eq!(looks(&refused), (400, JSON, body.to_owned()));
}

#[tokio::test]
async fn without_accept_answers_and_refusals_are_xml() {
    let client = Client::unlimited().await;
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str())];
    let xml = Some("text/xml; charset=utf-8");
    let answer = client.send("GET", "/api.xro/2.0/Organisation", &headers, "").await;
    let (status, kind, text) = looks(&answer);
    assert_eq!((status, kind), (200, xml));
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?><Response><Id>"), "{text}");
    let refused = client.send("PUT", "/api.xro/2.0/Contacts", &headers, "{}").await;
    let (status, kind, text) = looks(&refused);
    assert_eq!((status, kind), (400, xml));
    let start = "<?xml version=\"1.0\" encoding=\"utf-8\"?><ApiException><ErrorNumber>10</ErrorNumber>\
                 <Type>ValidationException</Type>";
    assert!(text.starts_with(start), "{text}");
}
