//! What each function does with an event. On AWS and in the local program alike: only the ports differ.

use std::collections::HashMap;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::Timestamp;

use super::events::{batch_response, deliveries, http_response, queue_of, webhook_request};
use crate::domain::outcome::Failure;
use crate::flow::FlowError;
use crate::flow::receive::WebhookAnswer;
use crate::flow::stack::Stack;
use crate::flow::{dispatch, keep, poll, receive};
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
        None => WebhookAnswer {
            status: 400,
            content_type: "application/json",
            body: r#"{"code":"bad_body","message":"the body is not the base64 that it says it is"}"#
                .to_owned(),
        },
    };
    http_response(answer)
}

/// A batch of wake-ups is one poll. When it fails, all of them come back.
pub async fn poller(
    stack: &Stack,
    trigger: &str,
    event: SqsEvent,
    deadline: Timestamp,
) -> Result<SqsBatchResponse, FlowError> {
    let report = poll::poll(stack, trigger, deadline).await?;
    tracing::info!(
        trigger,
        woken = event.records.len(),
        watches = report.watches,
        pages = report.pages,
        events = report.events,
        busy = report.busy,
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
