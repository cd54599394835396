//! What enabling a flow comes to, and what disabling it drops, before it is done: what fires, what is there already
//! and doesn't, what looking costs, what the connections don't allow. A call or two, and nothing is changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::FlowError;
use super::budget::Priority;
use super::compile::Compiled;
use super::flows::FlowHead;
use super::poll::{self, Listener, watch_key};
use super::scopes::{self, Missing};
use super::stack::Stack;
use crate::domain::connection::{Connection, GrantKind};
use crate::domain::ids::ConnectionId;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::{Object, Value};
use crate::ports::connector::{Changed, Counted, Events, Interest, Trigger, TriggerDescription};
use crate::ports::queue::QueueName;

/// What enabling a flow comes to: said before it is done, and printed by `flow enable --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    pub flow: String,
    pub trigger: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    /// In words: each Opportunity whose StageName becomes Closed Won.
    pub fires: String,
    /// In words: what doesn't fire though a person has done it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// What is there now and won't fire; `None`: there is nothing to count, or it could not be counted.
    pub already: Option<Already>,
    /// Why it could not be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_counted: Option<Failure>,
    /// What is read before the flow notices anything, so that none of it is taken for news; `None`: nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remembers: Option<Remembers>,
    /// What looking costs; `None`: nothing is looked for.
    pub polls: Option<Polls>,
    /// With any of these the flow isn't enabled.
    pub missing: Vec<Missing>,
}

/// The records that satisfy the flow's condition already.
#[derive(Debug, Clone, Serialize)]
pub struct Already {
    #[serde(flatten)]
    pub counted: Counted,
    /// Why they don't fire, and when they will.
    pub because: &'static str,
}

/// The records that are read before the flow is live, so that it knows a change when it sees one.
#[derive(Debug, Clone, Serialize)]
pub struct Remembers {
    #[serde(flatten)]
    pub counted: Counted,
    /// About so many; what is changed meanwhile and may be new costs one more each.
    pub calls: u64,
}

/// Calls a day.
#[derive(Debug, Clone, Serialize)]
pub struct Polls {
    /// Of this watch, while nothing changes.
    pub a_day: u32,
    /// Flows that look at the same thing: with any of them, this flow's looking costs nothing more.
    pub shared_with: Vec<String>,
    /// More is read than what the flow wants, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads_more: Option<&'static str>,
    /// Of all watches of the connection, this one included.
    pub all_a_day: u32,
    /// `None`: the provider hasn't said it yet.
    pub daily_limit: Option<u32>,
    pub left_today: Option<u32>,
}

pub async fn preview(stack: &Stack, head: &FlowHead, compiled: Arc<Compiled>) -> Result<Preview, FlowError> {
    let trigger = &compiled.flow.trigger;
    let mut preview = Preview {
        flow: head.name.clone(),
        trigger: trigger.id.clone(),
        connection: None,
        fires: unpolled(&head.name, &trigger.id, &trigger.options),
        left_out: None,
        already: None,
        not_counted: None,
        remembers: None,
        polls: None,
        missing: scopes::missing(stack, &compiled.flow).await?,
    };
    let Some((about, _)) = stack.catalog.trigger(&trigger.id) else { return Ok(preview) };
    let (listener, connection) = Listener::of(stack, head.clone(), Arc::clone(&compiled)).await?;
    preview.connection = Some(connection.id.clone());
    preview.fires = fires(about, &listener);
    preview.left_out = left_out(stack, &listener.interest, &connection);
    if preview.missing.is_empty() {
        match count(stack, &listener, Arc::clone(&connection), None).await {
            Ok(counted) => {
                let because = because(&listener.interest);
                preview.already = counted.map(|counted| Already { counted, because });
            }
            Err(fault) => preview.not_counted = Some(fault.failure().clone()),
        }
        let already = preview.already.as_ref().map(|already| &already.counted);
        let remembers = remembers(stack, about, &listener, Arc::clone(&connection), already).await;
        preview.remembers = remembers.ok().flatten();
    }
    // The answer to the count may have said what the day's limit is.
    preview.polls = Some(polls(stack, &listener, &connection).await?);
    Ok(preview)
}

/// With `changed`, what satisfies it.
async fn count(
    stack: &Stack,
    listener: &Listener,
    connection: Arc<Connection>,
    from: Option<Timestamp>,
) -> Result<Option<Counted>, Fault> {
    let Some((_, polled)) = stack.catalog.trigger(&listener.compiled.flow.trigger.id) else {
        return Ok(None);
    };
    let account = stack.client(connection, Priority::Live, stack.now() + stack.times.function)?;
    polled.count(&meant(polled.as_ref(), &listener.interest), from, &account).await
}

fn meant(polled: &dyn Trigger, interest: &Interest) -> Interest {
    match interest.changed {
        Some(_) => polled.settled(interest),
        None => interest.clone(),
    }
}

/// One more call, where it is more than what was counted already.
async fn remembers(
    stack: &Stack,
    about: &TriggerDescription,
    listener: &Listener,
    connection: Arc<Connection>,
    already: Option<&Counted>,
) -> Result<Option<Remembers>, Fault> {
    let Some((_, polled)) = stack.catalog.trigger(about.id) else { return Ok(None) };
    let Some(wanted) = poll::remembered_at_first(polled.as_ref(), &listener.interest) else {
        return Ok(None);
    };
    let counted = match already {
        Some(counted) if wanted == meant(polled.as_ref(), &listener.interest) => Some(counted.clone()),
        _ => {
            let account = stack.client(connection, Priority::Live, stack.now() + stack.times.function)?;
            polled.count(&wanted, None, &account).await?
        }
    };
    Ok(counted.map(|counted| {
        let calls = counted.count.div_ceil(about.page.max(1).into()).max(1);
        Remembers { counted, calls }
    }))
}

async fn polls(stack: &Stack, listener: &Listener, connection: &Connection) -> Result<Polls, FlowError> {
    let trigger = &listener.compiled.flow.trigger.id;
    let key = watch_key(&connection.id, trigger, &listener.interest, "");
    let a_day = |trigger: &str| {
        let minutes = stack.catalog.trigger(trigger).map_or(1, |(about, _)| about.minutes.max(1));
        24 * 60 / minutes
    };
    let mut watches = BTreeSet::from([(key.clone(), a_day(trigger))]);
    let mut shared_with = Vec::new();
    for (head, compiled) in stack.flows.enabled().await? {
        let other = &compiled.flow.trigger.id.clone();
        if head.id == listener.head.id || stack.catalog.trigger(other).is_none() {
            continue;
        }
        // One that can't be polled costs nothing.
        let Ok((one, at)) = Listener::of(stack, head, compiled).await else { continue };
        if at.id != connection.id {
            continue;
        }
        let its = watch_key(&at.id, other, &one.interest, "");
        if its == key {
            shared_with.push(one.head.name);
        }
        watches.insert((its, a_day(other)));
    }
    let limits = stack.catalog.connector(connection.provider).map(|connector| connector.limits(connection));
    let budget = stack.budgets.look(connection).await?;
    Ok(Polls {
        a_day: a_day(trigger),
        shared_with,
        reads_more: reads_more(listener),
        all_a_day: watches.iter().map(|(_, a_day)| a_day).sum(),
        daily_limit: limits.as_ref().and_then(|limits| budget.day_limit(limits)),
        left_today: limits.as_ref().and_then(|limits| budget.day_left(limits)),
    })
}

/// What fires a flow that looks at no account.
fn unpolled(name: &str, trigger: &str, options: &Object) -> String {
    let option = |name: &str| options.get(name).map(spoken).unwrap_or_default();
    match trigger {
        "http.webhook" => "each event that is posted to its address".to_owned(),
        "http.poll" => format!("each item at {} that is not there yet", option("url")),
        "manual" => format!("each `counterfoil flow run {name}`"),
        "schedule" => format!("each tick of `{}`", option("cron")),
        other => format!("each event of {other}"),
    }
}

/// Options that are said in words of their own, or say nothing about what fires.
const SAID: [&str; 8] =
    ["object", "fields", "optional_fields", "children", "changed", "only", "ignore_own", "where"];

fn fires(about: &TriggerDescription, listener: &Listener) -> String {
    let options = &listener.compiled.flow.trigger.options;
    let title = ["New or updated ", "New ", "Updated ", "Deleted "]
        .into_iter()
        .find_map(|prefix| about.title.strip_prefix(prefix))
        .unwrap_or(about.title);
    let noun = options.get("object").and_then(Value::as_str).unwrap_or(title);
    let mut words = match (&listener.interest.changed, listener.interest.events) {
        (Some(changed), _) => format!("each {noun} whose {}", becomes(changed)),
        (None, Events::EachRecord | Events::First) => format!("each new {noun}"),
        (None, Events::AfterTheFirst) => format!("each {noun} that changes"),
        (None, Events::EachVersion) => format!("each {noun} that is new or changes"),
        (None, Events::EachDeletion) => format!("each {noun} that is deleted"),
    };
    for (name, value) in options.iter().filter(|(name, _)| !SAID.contains(&name.as_str())) {
        words.push_str(&format!(", {} {}", name.replace('_', " "), spoken(value)));
    }
    if let Some(condition) = options.get("where").and_then(Value::as_str) {
        words.push_str(&format!(", where {condition}"));
    }
    words
}

/// A connection that was made in a browser acts as the person who allowed it, and the provider can't tell the two apart.
fn left_out(stack: &Stack, interest: &Interest, connection: &Connection) -> Option<String> {
    let connector = stack.catalog.connector(connection.provider)?;
    let acts_as_a_person = connection.grant == GrantKind::AuthorizationCode && connector.tells_authors();
    (acts_as_a_person && interest.ignore_own && interest.changed.is_none()).then(|| {
        format!(
            "what {} does by hand is left out, being the user as whom `{}` acts: connect as a user of its own, or set \
             `ignore_own: false`",
            connection.own_user, connection.id
        )
    })
}

/// `StageName becomes Closed Won or Signed`, `Status leaves DRAFT`, `Amount changes`.
fn becomes(changed: &Changed) -> String {
    let list = |values: &[Value]| values.iter().map(spoken).collect::<Vec<_>>().join(" or ");
    let fields = changed.fields.iter().map(|change| {
        let field = &change.field;
        match (&change.from, &change.to) {
            (None, Some(to)) => format!("{field} becomes {}", list(to)),
            (Some(from), Some(to)) => format!("{field} goes from {} to {}", list(from), list(to)),
            (Some(from), None) => format!("{field} leaves {}", list(from)),
            (None, None) => format!("{field} changes"),
        }
    });
    let fields = fields.collect::<Vec<_>>().join(" and ");
    let any = changed.any.iter().map(|field| format!("{field} changes")).collect::<Vec<_>>().join(" or ");
    [fields, any].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", or whose ")
}

fn spoken(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "nothing".to_owned(),
        Value::Array(list) => list.iter().map(spoken).collect::<Vec<_>>().join(" or "),
        other => other.to_string(),
    }
}

fn reads_more(listener: &Listener) -> Option<&'static str> {
    let asks_again = listener.compiled.flow.trigger.options.contains_key("where");
    match (listener.interest.reads_more(), asks_again) {
        (false, _) => None,
        (true, false) => Some(
            "every new version is read, also of what it leaves out: only so it knows which records are not new",
        ),
        (true, true) => Some(
            "every new version is read, also of what it leaves out: only so it knows which records are not new; \
             one more call for each 40 that `where` is to be asked of",
        ),
    }
}

fn because(interest: &Interest) -> &'static str {
    match (&interest.changed, interest.events) {
        (Some(changed), _) if changed.fields.iter().any(|change| change.to.is_some()) => {
            "are so already, and fire only after they have left it"
        }
        (Some(_), _) => "are there, and fire at their next such change",
        (None, Events::EachRecord | Events::First) => "are there, and are not new",
        (None, Events::EachVersion | Events::AfterTheFirst) => "are there, and fire when they change next",
        (None, Events::EachDeletion) => "are in the recycle bin already, and don't fire",
    }
}

/// What is given up with a flow's place.
#[derive(Debug, Clone, Serialize)]
pub struct Dropped {
    /// Messages of all flows that wait: which of them are this flow's, a queue can't say.
    pub queued_of_all_flows: u64,
    /// How far changes were read.
    pub read_up_to: Option<Timestamp>,
    /// What has changed since, and with `changed` satisfies it; `None`: not polled, or it could not be counted.
    pub unseen: Option<Counted>,
}

/// Asked before a flow is disabled.
pub async fn dropped(stack: &Stack, head: &FlowHead, compiled: Arc<Compiled>) -> Result<Dropped, FlowError> {
    let mut queued = 0;
    for queue in [QueueName::Runs, QueueName::RunsBulk] {
        queued += stack.ports.queue.depth(queue).await?;
    }
    // A flow whose connection is gone can be disabled all the same.
    let read_up_to = poll::standing(stack, head, &compiled).await.ok().flatten().and_then(|s| s.read_up_to);
    let mut unseen = None;
    if let Some(from) = read_up_to
        && let Ok((listener, connection)) = Listener::of(stack, head.clone(), compiled).await
    {
        unseen = count(stack, &listener, connection, Some(from)).await.ok().flatten();
    }
    Ok(Dropped { queued_of_all_flows: queued, read_up_to, unseen })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(wish: Value) -> String {
        becomes(&Changed::read(wish.as_object().unwrap(), |name| Ok(name.to_owned())).unwrap())
    }

    #[test]
    fn a_transition_is_said_as_a_person_would() {
        assert_eq!(said(json!({"StageName": {"to": "Closed Won"}})), "StageName becomes Closed Won");
        assert_eq!(
            said(
                json!({"Status": {"from": ["DRAFT", "SUBMITTED"], "to": "PAID"}, "any": ["Total", "DueDate"]})
            ),
            "Status goes from DRAFT or SUBMITTED to PAID, or whose Total changes or DueDate changes"
        );
        assert_eq!(said(json!({"Status": {"from": "PAID"}})), "Status leaves PAID");
        assert_eq!(said(json!({"Rating": {"to": null}})), "Rating becomes nothing");
    }
}
