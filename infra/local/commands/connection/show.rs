//! `counterfoil connection list` and `check`: how connections do, from what is known here and from the accounts themselves.

use std::process::ExitCode;
use std::sync::Arc;

use counterfoil::domain::connection::{Connection, ConnectionState};
use counterfoil::flow::answers::{self, Answer};
use counterfoil::flow::health::{self, Health};
use counterfoil::flow::{Stack, scopes};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::output;

pub(super) async fn list(stack: &Stack, json: bool) -> anyhow::Result<ExitCode> {
    let connections = all(stack).await?;
    let healths = health::health(stack, &connections).await?;
    if json {
        let shown = connections.iter().zip(&healths).map(|(connection, health)| joined(connection, health));
        output::document(&shown.collect::<Result<Vec<_>, _>>()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if connections.is_empty() {
        output::note("no connections; add one with `counterfoil connection add`");
        return Ok(ExitCode::SUCCESS);
    }
    let now = stack.now();
    let rows = healths.iter().map(|health| {
        vec![
            health.name.to_string(),
            health.provider.as_str().to_owned(),
            health.title.clone(),
            health.account.clone(),
            health.grant.as_str().to_owned(),
            health.access_token_issued_at.map_or_else(|| "none".to_owned(), |at| output::age(now, at)),
            health.days_until_unused_end.map_or_else(String::new, |days| format!("{days} days")),
            health.calls_left_today.map_or_else(|| "unknown".to_owned(), |left| left.to_string()),
            state(health, now),
        ]
    });
    let head =
        ["Name", "Provider", "Account", "Id", "Grant", "Token", "Ends unused in", "Calls left", "State"];
    output::table(&head, &rows.collect::<Vec<_>>());
    Ok(ExitCode::SUCCESS)
}

async fn all(stack: &Stack) -> anyhow::Result<Vec<Connection>> {
    Ok(stack.connections.list().await?.iter().map(|connection| (**connection).clone()).collect())
}

/// What was stored of a connection, and how it does.
fn joined(connection: &Connection, health: &Health) -> anyhow::Result<Value> {
    let mut joined = serde_json::to_value(connection)?;
    if let (Value::Object(joined), Value::Object(health)) = (&mut joined, serde_json::to_value(health)?) {
        joined.extend(health);
    }
    Ok(joined)
}

fn state(health: &Health, now: Timestamp) -> String {
    let why = health.why().map(|(why, at)| format!("{}, {} ago", why.code, output::age(now, at)));
    match (health.state, why) {
        (ConnectionState::NeedsReconnect, None) => "needs reconnect".to_owned(),
        (ConnectionState::NeedsReconnect, Some(why)) => format!("needs reconnect: {why}"),
        (ConnectionState::Active, None) => "active".to_owned(),
        (ConnectionState::Active, Some(why)) => format!("active, but: {why}"),
    }
}

/// Fails when one of them doesn't answer as it should.
pub(super) async fn check(stack: &Stack, named: Option<Connection>, json: bool) -> anyhow::Result<ExitCode> {
    let connections = match named {
        Some(connection) => vec![connection],
        None => all(stack).await?,
    };
    let mut checked = Vec::new();
    let mut well = true;
    for connection in connections.into_iter().map(Arc::new) {
        let answer = answers::ask(stack, &connection).await?;
        let problem = answer.problem().map(ToString::to_string);
        well &= problem.is_none();
        // The answer may have changed it.
        let connection = stack.connections.newest(&connection.id).await?.unwrap_or(connection);
        let Some(mut health) =
            health::health(stack, std::slice::from_ref(&*connection)).await?.into_iter().next()
        else {
            continue;
        };
        if let Answer::Well(identity) = answer {
            health.title = identity.title;
        }
        let missing = scopes::missing_at(stack, &connection).await?;
        if !json {
            tell(&health, stack.now(), problem.as_deref());
            missing.iter().for_each(|missing| output::line(format!("  {}", missing.failure())));
        }
        let mut shown = joined(&connection, &health)?;
        shown["missing_scopes"] = json!(missing);
        shown["ok"] = problem.is_none().into();
        shown["problem"] = problem.into();
        checked.push(shown);
    }
    if json {
        output::document(&checked)?;
    } else if checked.is_empty() {
        output::note("no connections; add one with `counterfoil connection add`");
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(health: &Health, now: Timestamp, problem: Option<&str>) {
    output::line(format!("{}: {}", health.name, problem.unwrap_or("well")));
    output::line(format!("  {} {}, {}", health.provider.as_str(), health.title, health.account));
    output::line(format!("  grant: {}, {}", health.grant.as_str(), state(health, now)));
    let scopes = if health.granted_scopes.is_empty() { &health.scopes } else { &health.granted_scopes };
    if !scopes.is_empty() {
        output::line(format!("  scopes: {}", scopes.join(" ")));
    }
    if let Some(at) = health.access_token_issued_at {
        output::line(format!("  access token: {} old", output::age(now, at)));
    }
    if let (Some(at), Some(days)) = (health.refresh_token_used_at, health.days_until_unused_end) {
        output::line(format!(
            "  refresh token: used {} ago, would end unused in {days} days",
            output::age(now, at)
        ));
    }
    let left =
        |left: Option<u32>, unknown: &str| left.map_or_else(|| unknown.to_owned(), |left| left.to_string());
    output::line(format!(
        "  calls left: {} this minute, {} today",
        left(health.calls_left_this_minute, "no limit"),
        left(health.calls_left_today, "unknown"),
    ));
    if let Some(until) = health.paused_until {
        output::line(format!("  paused until {until:.0}: a limit was hit"));
    }
    if let Some(foreign) = health.foreign_calls_today {
        output::line(format!(
            "  shared: {foreign} calls today were made with the same client id, and not by this stack: a second stack, \
             or another program with this app"
        ));
    }
}
