//! Lambda's events and the product's own words for them, both ways. The local program makes the same events.

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use aws_lambda_events::http::Method;
use aws_lambda_events::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::flow::consent::Visit;
use crate::flow::receive::WebhookRequest;
use crate::ports::notification::Reply;
use crate::ports::queue::{Delivery, QueueName};

const RECEIVE_COUNT: &str = "ApproximateReceiveCount";

/// The messages of an event, in its order.
pub fn deliveries(event: SqsEvent) -> Vec<Delivery> {
    event.records.into_iter().map(delivery).collect()
}

fn delivery(message: SqsMessage) -> Delivery {
    Delivery {
        message_id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes: message
            .message_attributes
            .into_iter()
            .filter_map(|(name, attribute)| Some((name, attribute.string_value?)))
            .collect(),
        receive_count: message
            .attributes
            .get(RECEIVE_COUNT)
            .and_then(|count| count.parse().ok())
            .unwrap_or(1),
    }
}

/// The queue that an event came from. `…:counterfoil-runs-bulk` is a stack's queue *runs-bulk*.
pub fn queue_of(event: &SqsEvent) -> Option<QueueName> {
    let arn = event.records.first()?.event_source_arn.as_deref()?;
    let name = arn.rsplit(':').next()?;
    QueueName::all().find(|queue| {
        name.strip_suffix(queue.as_str()).is_some_and(|stack| stack.is_empty() || stack.ends_with('-'))
    })
}

/// An event as Lambda's event source makes it, of messages that were received otherwise.
pub fn sqs_event(queue: QueueName, deliveries: Vec<Delivery>) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = deliveries
        .into_iter()
        .map(|delivery| {
            let mut message = SqsMessage::default();
            message.message_id = Some(delivery.message_id);
            message.receipt_handle = Some(delivery.receipt);
            message.body = Some(delivery.body);
            message.attributes.insert(RECEIVE_COUNT.to_owned(), delivery.receive_count.to_string());
            message.message_attributes = delivery
                .attributes
                .into_iter()
                .map(|(name, value)| {
                    let mut attribute = SqsMessageAttribute::default();
                    attribute.string_value = Some(value);
                    attribute.data_type = Some("String".to_owned());
                    (name, attribute)
                })
                .collect();
            message.event_source = Some("aws:sqs".to_owned());
            message.event_source_arn = Some(format!("arn:aws:sqs:::{}", queue.as_str()));
            message
        })
        .collect();
    event
}

/// Everything in the answer comes back; the rest is deleted.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
pub fn batch_response(failed: impl IntoIterator<Item = String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    failed.into_iter().for_each(|message_id| response.add_failure(message_id));
    response
}

/// None: it says that its body is base64, and it isn't.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
pub fn webhook_request(event: ApiGatewayV2httpRequest) -> Option<WebhookRequest> {
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded { STANDARD.decode(body).ok()? } else { body.into_bytes() };
    Some(WebhookRequest {
        path: event.raw_path.unwrap_or_default(),
        query: event.raw_query_string.unwrap_or_default(),
        headers: event
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
        body,
    })
}

/// A person's browser comes for a page. `None` as with webhooks.
pub fn visit(event: ApiGatewayV2httpRequest) -> Option<Visit> {
    let method = event.request_context.http.method.to_string();
    let cookies = event.cookies.clone().unwrap_or_default();
    let WebhookRequest { path, query, body, .. } = webhook_request(event)?;
    Some(Visit { method, path, query, cookies, body })
}

/// A request as API Gateway hands it on: cookies apart from the headers; the body always base64, whatever it holds.
pub fn http_event(method: &str, request: WebhookRequest) -> ApiGatewayV2httpRequest {
    let mut event = ApiGatewayV2httpRequest::default();
    event.version = Some("2.0".to_owned());
    event.request_context.http.method = Method::try_from(method).unwrap_or_default();
    event.raw_path = Some(request.path);
    event.raw_query_string = Some(request.query);
    let (cookies, headers): (Vec<_>, Vec<_>) =
        request.headers.into_iter().partition(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let cookies = cookies.iter().flat_map(|(_, value)| value.split(';')).map(|one| one.trim().to_owned());
    event.cookies = Some(cookies.collect());
    for (name, value) in headers {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            event.headers.append(name, value);
        }
    }
    event.body = Some(STANDARD.encode(request.body));
    event.is_base64_encoded = true;
    event
}

pub fn http_response(reply: Reply) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = reply.status.into();
    if let Some(kind) = reply.content_type {
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers.insert(HeaderName::from_static(name), value);
        }
    }
    response.cookies = reply.cookies;
    response.body = Some(Body::Text(reply.body));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As AWS documents it. <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
    const SQS: &str = r#"{"Records": [{
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
        "body": "Test message.",
        "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1545082649183",
                       "SenderId": "AIDAIENQZJOLO23YVJ4VO", "ApproximateFirstReceiveTimestamp": "1545082649185"},
        "messageAttributes": {
            "code": {"stringValue": "late", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            "raw": {"binaryValue": "AAEC", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"}},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-runs-runs-bulk",
        "awsRegion": "us-east-2"}]}"#;

    #[test]
    fn an_event_of_sqs_is_a_batch_of_deliveries() -> Result<(), serde_json::Error> {
        let event: SqsEvent = serde_json::from_str(SQS)?;
        assert_eq!(queue_of(&event), Some(QueueName::RunsBulk));
        let deliveries = deliveries(event);
        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0].receive_count, 3);
        assert_eq!(deliveries[0].body, "Test message.");
        assert_eq!(deliveries[0].attributes, [("code".to_owned(), "late".to_owned())].into());
        Ok(())
    }

    #[test]
    fn every_queue_is_known_by_its_arn_and_no_other_is() {
        let mut event = sqs_event(
            QueueName::Runs,
            vec![Delivery {
                message_id: "m".to_owned(),
                receipt: "r".to_owned(),
                body: "{}".to_owned(),
                attributes: [("a".to_owned(), "b".to_owned())].into(),
                receive_count: 2,
            }],
        );
        assert_eq!(queue_of(&event), Some(QueueName::Runs));
        for queue in QueueName::all() {
            event.records[0].event_source_arn =
                Some(format!("arn:aws:sqs:eu-west-1:1:some-stack-{}", queue.as_str()));
            assert_eq!(queue_of(&event), Some(queue));
        }
        event.records[0].event_source_arn = Some("arn:aws:sqs:eu-west-1:1:overruns".to_owned());
        assert_eq!(queue_of(&event), None);
    }

    #[test]
    fn deliveries_come_back_from_their_event_as_they_went() {
        let delivery = Delivery {
            message_id: "m".to_owned(),
            receipt: "r".to_owned(),
            body: "{}".to_owned(),
            attributes: [("a".to_owned(), "b".to_owned())].into(),
            receive_count: 2,
        };
        assert_eq!(deliveries(sqs_event(QueueName::Runs, vec![delivery.clone()])), [delivery]);
    }

    #[test]
    fn a_post_keeps_its_bytes_and_its_headers() -> Result<(), serde_json::Error> {
        let event: ApiGatewayV2httpRequest = serde_json::from_str(
            r#"{"version": "2.0", "routeKey": "POST /webhook/{path+}", "rawPath": "/webhook/form/s3cret",
                "rawQueryString": "a=1&b=2",
                "headers": {"Content-Type": "application/json", "X-Signature": "abc"},
                "requestContext": {"http": {"method": "POST", "path": "/webhook/form/s3cret",
                    "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"}, "timeEpoch": 1583348638390},
                "body": "AP/+", "isBase64Encoded": true}"#,
        )?;
        let request = webhook_request(event).unwrap();
        assert_eq!(request.path, "/webhook/form/s3cret");
        assert_eq!(request.query, "a=1&b=2");
        assert_eq!(request.body, [0, 255, 254]);
        assert!(request.headers.contains(&("x-signature".to_owned(), "abc".to_owned())), "in lower case");

        let again = webhook_request(http_event("POST", request.clone())).unwrap();
        assert_eq!((again.path, again.body, again.headers), (request.path, request.body, request.headers));
        Ok(())
    }

    #[test]
    fn a_browsers_cookies_stand_apart_from_its_headers() {
        let headers = [("cookie", "a=1; b=2"), ("accept", "text/html"), ("Cookie", "c=3")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let (path, query) = ("/connect/xero".to_owned(), "invitation=i".to_owned());
        let event = http_event("GET", WebhookRequest { path, query, headers, body: Vec::new() });
        assert_eq!(event.headers.len(), 1);
        let visit = visit(event).unwrap();
        assert_eq!((visit.method.as_str(), visit.path.as_str()), ("GET", "/connect/xero"));
        assert_eq!(
            (visit.query.as_str(), visit.cookies),
            ("invitation=i", vec!["a=1".to_owned(), "b=2".to_owned(), "c=3".to_owned()])
        );
    }

    #[test]
    fn a_body_that_is_not_what_it_says_is_no_request() {
        let mut event = ApiGatewayV2httpRequest::default();
        event.body = Some("{}".to_owned());
        event.is_base64_encoded = true;
        assert!(webhook_request(event).is_none());
    }

    #[test]
    fn an_answer_is_what_api_gateway_takes() -> Result<(), serde_json::Error> {
        let mut answer = Reply::new(202, "application/json", "{}");
        let sent = serde_json::to_value(http_response(answer.clone()))?;
        assert_eq!(sent["statusCode"].to_string(), "202");
        assert_eq!(sent["headers"]["content-type"], "application/json");
        assert_eq!((&sent["body"], &sent["cookies"]), (&"{}".into(), &serde_json::json!([])));
        answer.headers.push(("cache-control", "no-store".to_owned()));
        answer.cookies.push("a=b; HttpOnly".to_owned());
        let sent = serde_json::to_value(http_response(answer))?;
        assert_eq!(sent["headers"]["cache-control"], "no-store");
        assert_eq!(sent["cookies"][0], "a=b; HttpOnly");
        Ok(())
    }

    #[test]
    fn what_comes_back_is_named_by_its_message() -> Result<(), serde_json::Error> {
        let sent = serde_json::to_value(batch_response(["m".to_owned()]))?;
        assert_eq!(sent, serde_json::json!({"batchItemFailures": [{"itemIdentifier": "m"}]}));
        Ok(())
    }
}
