//! API Gateway's routes on one loopback port.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body as HandlerBody;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use counterfoil::domain::connection::Provider;
use counterfoil::flow::Stack;
use counterfoil::flow::consent::{CONNECT, STEPS};
use counterfoil::flow::receive::WebhookRequest;
use counterfoil::runtime::{events, handlers};

/// API Gateway takes no larger body; what a webhook may have is less, and said by itself.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const LARGEST_BODY: usize = 10 * 1024 * 1024;

pub(crate) fn router(stack: Stack) -> Router {
    Router::new()
        .route("/webhook/{*path}", post(webhook))
        .route("/hooks/xero", post(xero))
        .route("/hooks/salesforce/{secret}", post(salesforce))
        .merge(console_routes())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(stack)
}

/// Only what a person connects accounts with.
pub(crate) fn console_router(stack: Stack) -> Router {
    let limit = DefaultBodyLimit::max(LARGEST_BODY);
    console_routes().fallback(unknown).method_not_allowed_fallback(unknown).layer(limit).with_state(stack)
}

fn console_routes() -> Router<Stack> {
    STEPS.iter().fold(Router::new(), |router, (method, step)| {
        let path = format!("{CONNECT}{{provider}}/{step}");
        router.route(path.trim_end_matches('/'), if *method == "POST" { post(console) } else { get(console) })
    })
}

async fn webhook(State(stack): State<Stack>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    answered(handlers::http_webhook(&stack, event(&uri, &headers, &body)).await)
}

async fn xero(State(stack): State<Stack>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    answered(handlers::notification(&stack, Provider::Xero, event(&uri, &headers, &body)).await)
}

async fn salesforce(State(stack): State<Stack>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    answered(handlers::notification(&stack, Provider::Salesforce, event(&uri, &headers, &body)).await)
}

async fn console(
    State(stack): State<Stack>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let deadline = stack.now() + stack.times.function;
    answered(handlers::console(&stack, request(&method, &uri, &headers, &body), deadline).await)
}

fn event(uri: &Uri, headers: &HeaderMap, body: &Bytes) -> ApiGatewayV2httpRequest {
    request(&Method::POST, uri, headers, body)
}

fn request(method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> ApiGatewayV2httpRequest {
    let headers = headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let request = WebhookRequest {
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: body.to_vec(),
    };
    events::http_event(method.as_str(), request)
}

fn answered(answer: ApiGatewayV2httpResponse) -> Response<Body> {
    let status = u16::try_from(answer.status_code).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let body = match answer.body {
        Some(HandlerBody::Text(text)) => Body::from(text),
        Some(HandlerBody::Binary(bytes)) => Body::from(bytes),
        Some(HandlerBody::Empty) | None => Body::empty(),
        // The events' crate may learn of further kinds; the handlers make none of them.
        Some(_) => Body::empty(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = answer.headers;
    for cookie in answer.cookies {
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// In API Gateway's words.
async fn unknown() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/json")], r#"{"message":"Not Found"}"#)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use counterfoil::runtime::local_stack;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn every_step_of_a_consent_has_a_route() {
        let directory = tempfile::tempdir().unwrap();
        let stack = local_stack::open(directory.path()).unwrap().stack;
        for router in [router(stack.clone()), console_router(stack)] {
            for (method, step) in STEPS {
                let path = format!("{CONNECT}xero/{step}");
                let asked = Request::builder().method(method).uri(path.trim_end_matches('/'));
                let answer = router.clone().oneshot(asked.body(Body::empty()).unwrap()).await.unwrap();
                assert_eq!(answer.status(), 400, "a page of ours, without a ticket: {method} {step}");
            }
        }
    }
}
