//! What each function does with an event. On AWS and in the local program alike: only the ports differ.

use std::collections::HashMap;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::Timestamp;

use super::events::{batch_response, deliveries, http_response, queue_of, visit, webhook_request};
use crate::domain::connection::Provider;
use crate::domain::outcome::Failure;
use crate::flow::FlowError;
use crate::flow::stack::Stack;
use crate::flow::{consent, dispatch, hear, keep, poll, receive};
use crate::ports::notification::{Notification, Reply};
use crate::ports::queue::Settle;

/// A batch of runs. What isn't done with comes back when its run asked for it.
pub async fn dispatcher(
    stack: &Stack,
    event: SqsEvent,
    deadline: Timestamp,
) -> Result<SqsBatchResponse, FlowError> {
    let Some(queue) = queue_of(&event) else {
        return Err(Failure::new("unknown_queue", "the event comes from none of this stack's queues").into());
    };
    let deliveries = deliveries(event);
    // By receipt; what gets no word comes back as well, when the queue shows it again.
    let mut unsettled: HashMap<String, String> =
        deliveries.iter().map(|delivery| (delivery.receipt.clone(), delivery.message_id.clone())).collect();
    let runs = deliveries.len();
    let mut hidden = Vec::new();
    for (receipt, settle) in dispatch::dispatch(stack, queue, deliveries, deadline).await {
        match settle {
            Settle::Delete => drop(unsettled.remove(&receipt)),
            Settle::VisibleIn(_) => hidden.push((receipt, settle)),
        }
    }
    if let Err(error) = stack.ports.queue.settle(queue, hidden).await {
        tracing::warn!(%error, queue = queue.as_str(), "could not say when messages come back; the queue decides");
    }
    tracing::info!(queue = queue.as_str(), runs, unsettled = unsettled.len(), "batch");
    Ok(batch_response(unsettled.into_values()))
}

/// A POST to a flow's address.
pub async fn http_webhook(stack: &Stack, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    let answer = match webhook_request(event) {
        Some(request) => receive::webhook(stack, request).await,
        None => bad_body(),
    };
    http_response(answer)
}

/// A browser that a person connects an account with.
pub async fn console(
    stack: &Stack,
    event: ApiGatewayV2httpRequest,
    deadline: Timestamp,
) -> ApiGatewayV2httpResponse {
    http_response(match visit(event) {
        Some(visit) => consent::answer(stack, &visit, deadline).await,
        None => bad_body(),
    })
}

/// What a provider sends when something has changed there.
pub async fn notification(
    stack: &Stack,
    provider: Provider,
    event: ApiGatewayV2httpRequest,
) -> ApiGatewayV2httpResponse {
    let Some(request) = webhook_request(event) else { return http_response(bad_body()) };
    let place = format!("{HOOKS}{}", provider.as_str());
    let secret = request.path.strip_prefix(&place).unwrap_or_default().trim_matches('/');
    let notification = Notification { secret, headers: &request.headers, body: &request.body };
    http_response(hear::hear(stack, provider, &notification).await)
}

/// Where providers' notifications are taken: the provider's name follows.
pub const HOOKS: &str = "/hooks/";

fn bad_body() -> Reply {
    let body = r#"{"code":"bad_body","message":"the body is not the base64 that it says it is"}"#;
    Reply::new(400, "application/json", body)
}

/// A batch of wake-ups is one poll. When it fails, all of them come back.
pub async fn poller(
    stack: &Stack,
    trigger: &str,
    event: SqsEvent,
    deadline: Timestamp,
) -> Result<SqsBatchResponse, FlowError> {
    let wake_ups = deliveries(event);
    let bodies = wake_ups.iter().map(|wake_up| wake_up.body.as_str());
    let report = poll::woken(stack, trigger, bodies, deadline).await?;
    tracing::info!(
        trigger,
        woken = wake_ups.len(),
        watches = report.watches,
        pages = report.pages,
        events = report.events,
        busy = report.busy,
        put_off = report.put_off,
        failures = report.failures.len(),
        "poll"
    );
    Ok(SqsBatchResponse::default())
}

/// One turn of the keeper.
pub async fn keeper(stack: &Stack, deadline: Timestamp) -> Result<keep::Report, FlowError> {
    let report = keep::keep(stack, deadline).await?;
    tracing::info!(?report, "keep");
    Ok(report)
}
