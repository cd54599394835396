//! Webhooks: a POST becomes an event of the flow whose URL it was sent to. Its payload *is* the event.
//!
//! Answered only after the message is durable. The same event sent twice, or twice at once, is one run: every
//! delivery is queued under the same run id, and the answer says `duplicate: true`.

use std::collections::BTreeMap;

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::FlowError;
use super::flows::{FlowHead, FlowState};
use super::rows::{document_of, item_of};
use super::settle::send;
use super::stack::Stack;
use crate::domain::Value;
use crate::domain::event::{Event, RunMessage};
use crate::domain::ids::{EventKey, RunId};
use crate::domain::outcome::Failure;
use crate::ports::http::header;
use crate::ports::notification::Reply;
use crate::ports::table::{Condition, Key, TableError, Write};

/// The largest body that is taken.
pub const MAX_BODY: usize = 1024 * 1024;
/// Equal bodies within this time are one event, where the sender gives no id.
const SAME_BODY_FOR: SignedDuration = SignedDuration::from_mins(10);
/// For how long a repeated id is answered with `duplicate: true`. (It is one run for much longer.)
const SAME_ID_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Headers in which senders put the event's id, in this order.
const ID_HEADERS: [&str; 3] = ["webhook-id", "svix-id", "idempotency-key"];

#[derive(Clone)]
pub struct WebhookRequest {
    /// From the flow's name on, or with `/webhook/` before it.
    pub path: String,
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it was sent, to the byte: that is what is signed.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for WebhookRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a webhook of {} bytes", self.body.len())
    }
}

impl WebhookRequest {
    fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// The trigger's options; the flow file was checked against them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default = "yes")]
    secret_path: bool,
    signature: Option<Signature>,
    event_id: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    header: String,
    #[serde(default)]
    algorithm: Algorithm,
    #[serde(default)]
    encoding: Encoding,
    #[serde(default)]
    prefix: String,
    secret: String,
    timestamp_header: Option<String>,
    #[serde(default = "five_minutes")]
    tolerance_seconds: u64,
}

fn five_minutes() -> u64 {
    300
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Algorithm {
    #[default]
    Sha256,
    Sha512,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Hex,
    Base64,
}

/// The vault's name of a webhook's shared secret.
pub fn webhook_secret_name(secret: &str) -> String {
    format!("webhook/{secret}")
}

/// Takes a webhook, and answers once its event is durable.
pub async fn webhook(stack: &Stack, request: WebhookRequest) -> Reply {
    match receive(stack, &request).await {
        Ok((run, duplicate)) => {
            answer(202, &serde_json::json!({"accepted": true, "run": run, "duplicate": duplicate}))
        }
        Err(Refusal { status, failure }) => {
            tracing::info!(status, code = %failure.code, "webhook refused");
            answer(status, &serde_json::json!({"code": failure.code, "message": failure.message}))
        }
    }
}

struct Refusal {
    status: u16,
    failure: Failure,
}

fn refuse(status: u16, code: &str, message: impl Into<String>) -> Refusal {
    Refusal { status, failure: Failure::new(code, message) }
}

/// Our own ground: the sender is asked to come back.
impl<E: Into<FlowError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self { status: 503, failure: error.into().failure() }
    }
}

fn answer(status: u16, body: &Value) -> Reply {
    Reply::new(status, "application/json", body.to_string())
}

async fn receive(stack: &Stack, request: &WebhookRequest) -> Result<(RunId, bool), Refusal> {
    if request.body.len() > MAX_BODY {
        let message = format!("the body has {} bytes; at most {MAX_BODY} are taken", request.body.len());
        return Err(refuse(413, "too_large", message));
    }
    let (head, options) = flow_of(stack, request).await?;
    if let Some(signature) = &options.signature {
        verify(stack, request, signature).await?;
    }
    match head.state {
        FlowState::Enabled => {}
        FlowState::Disabled => {
            return Err(refuse(
                409,
                "flow_disabled",
                "the flow is disabled; enable it with `counterfoil flow enable`",
            ));
        }
        FlowState::Paused => {
            return Err(refuse(
                503,
                "flow_paused",
                "the flow is paused; send it again when it has been resumed",
            ));
        }
    }
    let record = parsed(request)?;
    let now = stack.now();
    let (key, duplicate) = event_key(stack, &head, &options, request, &record, now).await?;
    let event = Event::of_itself("http.webhook", key, now, record);
    let message = RunMessage::first(head.id, head.live_version, event, now);
    send(stack, &message).await?;
    Ok((message.run, duplicate))
}

/// `NAME/SECRET`, or `NAME` where the sender signs. What is wrong with a URL isn't told: both are `not_found`.
async fn flow_of(stack: &Stack, request: &WebhookRequest) -> Result<(FlowHead, Options), Refusal> {
    let not_found =
        || refuse(404, "not_found", "no flow listens at this URL; see `counterfoil flow status NAME`");
    let path = request.path.trim_start_matches('/');
    let path = path.strip_prefix("webhook/").unwrap_or(path);
    let mut parts = path.splitn(2, '/');
    let name = parts.next().unwrap_or_default();
    let secret = parts.next().unwrap_or_default();
    let head = head_now(stack, name).await?.ok_or_else(not_found)?;
    let compiled = stack.flows.compiled(head.id, head.live_version).await?.ok_or_else(not_found)?;
    let trigger = &compiled.flow.trigger;
    if trigger.id != "http.webhook" {
        return Err(not_found());
    }
    let options: Options = serde_json::from_value(Value::Object(trigger.options.clone()))
        .map_err(|error| refuse(500, "bad_options", error.to_string()))?;
    let wanted = head.webhook_path.as_deref().unwrap_or_default();
    let secret_fits = bool::from(wanted.as_bytes().ct_eq(secret.as_bytes())) && !wanted.is_empty();
    // Without a secret in the path there must be a signature, whatever the options say.
    if (options.secret_path || options.signature.is_none()) && !secret_fits {
        return Err(not_found());
    }
    Ok((head, options))
}

/// What isn't enabled as far as this process remembers may have been enabled a moment ago, by another one: the table
/// is asked before a sender is turned away.
async fn head_now(stack: &Stack, name: &str) -> Result<Option<FlowHead>, FlowError> {
    let head = stack.flows.head(name).await?;
    if head.as_ref().is_some_and(|head| head.state == FlowState::Enabled) {
        return Ok(head);
    }
    stack.flows.forget_heads();
    stack.flows.head(name).await
}

async fn verify(stack: &Stack, request: &WebhookRequest, signature: &Signature) -> Result<(), Refusal> {
    let wrong = |message: &str| refuse(401, "wrong_signature", message);
    let secret = stack.ports.vault.read(&webhook_secret_name(&signature.secret)).await?.ok_or_else(|| {
        refuse(503, "missing_secret", format!("the vault has no secret webhook/{}", signature.secret))
    })?;
    let given =
        request.header(&signature.header).ok_or_else(|| wrong("the signature's header is missing"))?;
    let mut signed = Vec::new();
    if let Some(header) = &signature.timestamp_header {
        let time = request.header(header).ok_or_else(|| wrong("the time's header is missing"))?;
        let second: i64 = time.parse().map_err(|_| wrong("the time is not a count of seconds"))?;
        if stack.now().as_second().abs_diff(second) > signature.tolerance_seconds {
            return Err(wrong("the signed time is too far from now"));
        }
        signed.extend_from_slice(time.as_bytes());
        signed.push(b'.');
    }
    signed.extend_from_slice(&request.body);
    // Several signatures may stand beside each other while a key is changed.
    let fits = given.split([',', ' ']).any(|one| {
        let one = one.trim().strip_prefix(signature.prefix.as_str()).unwrap_or_default();
        let bytes = match signature.encoding {
            Encoding::Hex => from_hex(one),
            Encoding::Base64 => base64::engine::general_purpose::STANDARD.decode(one).ok(),
        };
        bytes.is_some_and(|bytes| fits(&signature.algorithm, secret.expose_secret(), &signed, &bytes))
    });
    if fits { Ok(()) } else { Err(wrong("the signature does not fit the body")) }
}

/// In constant time.
fn fits(algorithm: &Algorithm, secret: &str, signed: &[u8], given: &[u8]) -> bool {
    match algorithm {
        Algorithm::Sha256 => Hmac::<Sha256>::new_from_slice(secret.as_bytes())
            .is_ok_and(|mac| mac.chain_update(signed).verify_slice(given).is_ok()),
        Algorithm::Sha512 => Hmac::<Sha512>::new_from_slice(secret.as_bytes())
            .is_ok_and(|mac| mac.chain_update(signed).verify_slice(given).is_ok()),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn parsed(request: &WebhookRequest) -> Result<Value, Refusal> {
    let form = request
        .header("content-type")
        .is_some_and(|kind| kind.trim_start().starts_with("application/x-www-form-urlencoded"));
    if form {
        let fields = form_urlencoded::parse(&request.body)
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
        return Ok(Value::Object(fields.collect()));
    }
    serde_json::from_slice(&request.body)
        .map_err(|error| refuse(400, "not_json", format!("the body is neither JSON nor a form: {error}")))
}

/// The event's key, and whether it has been seen lately.
async fn event_key(
    stack: &Stack,
    head: &FlowHead,
    options: &Options,
    request: &WebhookRequest,
    record: &Value,
    now: Timestamp,
) -> Result<(EventKey, bool), Refusal> {
    if let Some(path) = &options.event_id {
        let path = path.strip_prefix("record.").unwrap_or(path);
        let id = match path.split('.').fold(record, |value, name| value.get(name).unwrap_or(&Value::Null)) {
            Value::String(id) if !id.trim().is_empty() => id.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => {
                return Err(refuse(
                    422,
                    "missing_event_id",
                    format!("the body has no `{path}`, which the flow takes as the event's id"),
                ));
            }
        };
        return seen(stack, head, EventKey::new(id), SAME_ID_FOR, now).await;
    }
    if let Some(id) =
        ID_HEADERS.iter().find_map(|name| request.header(name)).filter(|id| !id.trim().is_empty())
    {
        return seen(stack, head, EventKey::new(id.trim()), SAME_ID_FOR, now).await;
    }
    let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(&request.body));
    let topic = Key::new(format!("H#{}#{hash}", head.id), "seen");
    // The first delivery names the event; its repeats within ten minutes find that name.
    let key = EventKey::new(format!("{hash}@{now}"));
    first_or_same(stack, topic, key, SAME_BODY_FOR, now).await
}

async fn seen(
    stack: &Stack,
    head: &FlowHead,
    key: EventKey,
    for_: SignedDuration,
    now: Timestamp,
) -> Result<(EventKey, bool), Refusal> {
    let topic = Key::new(format!("H#{}#{key}", head.id), "seen");
    first_or_same(stack, topic, key, for_, now).await
}

async fn first_or_same(
    stack: &Stack,
    topic: Key,
    key: EventKey,
    for_: SignedDuration,
    now: Timestamp,
) -> Result<(EventKey, bool), Refusal> {
    let names = BTreeMap::from([("key", key.as_str())]);
    let mut item = item_of(topic.clone(), &names);
    item.expires_at = Some(now + for_);
    match super::run::write_patiently(&stack.ports, vec![Write::put(item, Condition::Absent)]).await {
        Ok(()) => Ok((key, false)),
        Err(TableError::Refused(_)) => {
            let item = stack.ports.table.get_one(&topic).await?;
            let known: Option<BTreeMap<String, String>> = item.as_ref().map(document_of).transpose()?;
            let known = known.and_then(|mut names| names.remove("key"));
            Ok((known.map_or(key, EventKey::new), true))
        }
        Err(error) => Err(error.into()),
    }
}
