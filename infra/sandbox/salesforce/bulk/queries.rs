//! Query jobs: SOQL in, CSV out, in parts as large as the caller likes.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::Value;

use super::super::answer::{Answer, Refused};
use super::super::asked::Asked;
use super::super::org::{Org, Writer};
use super::super::query::{self, Writing};
use super::super::soql;
use super::{Job, State, found, new_job, wrong_state};

pub(super) fn create(org: &mut Org, writer: &Writer, asked: &Asked<'_>) -> Result<Answer, Refused> {
    let mut job = new_job(org, writer, asked, "query")?;
    let header = columns(&job.query).ok_or_else(|| {
        let message =
            "InvalidJob : Bulk API 2.0 takes queries of plain fields: no nested queries, no functions";
        Refused::new(400, "INVALIDJOB", message)
    })?;
    // Planned now, so that what is wrong with it is said at once.
    if query::plan(org, &job.query, &soql::parse(&job.query)?)?.has_compounds() {
        let message = "Selecting compound data not supported in Bulk Query";
        return Err(Refused::new(400, "FUNCTIONALITY_NOT_ENABLED", message));
    }
    if !org.spend("DailyBulkV2QueryJobs", 1) {
        return Err(Refused::new(400, "EXCEEDEDQUOTA", "ExceededQuota : The day's query jobs are used up"));
    }
    job.object = object(&job.query);
    job.done.header = header;
    job.state = State::UploadComplete;
    job.due = org.now + SignedDuration::from_secs(org.options.bulk_seconds);
    org.bulk.next = Some(org.bulk.next.map_or(job.due, |next| next.min(job.due)));
    let shown = job.shown(org.now);
    org.bulk.jobs.insert(job.id.clone(), job);
    Ok(Answer::ok(shown))
}

pub(super) fn work(org: &mut Org, job: &mut Job) -> Result<(), String> {
    let deleted = job.operation == "queryAll";
    let writing = Writing::in_one(&job.version, deleted);
    let found = query::answer(org, &job.query, &writing);
    let found = found.map_err(|refused| format!("{} : {}", refused.code, refused.message))?;
    job.done.rows = found["records"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| job.done.header.iter().map(|column| cell(row, column)).collect())
        .collect();
    Ok(())
}

/// `GET …/results?maxRecords&locator`: a part, and where the next one begins (`null` at the end).
pub(super) fn results(org: &Org, asked: &Asked<'_>, id: &str) -> Result<Answer, Refused> {
    let job = found(org, "query", id)?;
    if job.state != State::JobComplete {
        return Err(wrong_state("The job is not complete: it has no results"));
    }
    let gone = || Refused::new(400, "INVALIDLOCATOR", "The locator is not one of this job");
    let start = match asked.parameter("locator").filter(|locator| !locator.is_empty()) {
        Some(locator) => {
            let text = URL_SAFE_NO_PAD.decode(locator).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            text.and_then(|text| text.parse::<usize>().ok()).ok_or_else(gone)?
        }
        None => 0,
    };
    let most = asked.parameter("maxRecords").and_then(|most| most.parse().ok()).unwrap_or(usize::MAX);
    let end = start.saturating_add(most).min(job.done.rows.len());
    let part = job.done.rows.get(start..end).ok_or_else(gone)?;
    let last = end == job.done.rows.len();
    let locator = if last { "null".to_owned() } else { URL_SAFE_NO_PAD.encode(end.to_string()) };
    Ok(Answer::bytes("text/csv", job.layout.write(&job.done.header, part))
        .with("sforce-locator", locator)
        .with("sforce-numberofrecords", part.len().to_string()))
}

/// The names between SELECT and FROM, as they were written.
fn columns(soql: &str) -> Option<Vec<String>> {
    let upper = soql.to_ascii_uppercase();
    let words: Vec<&str> = upper.split_whitespace().collect();
    let start = upper.find("SELECT").filter(|_| words.first() == Some(&"SELECT"))? + "SELECT".len();
    let mut places = upper.match_indices("FROM");
    let (end, _) = places.find(|(at, _)| {
        let around = [upper[..*at].chars().last(), upper[at + 4..].chars().next()];
        around.iter().all(|letter| letter.is_some_and(char::is_whitespace))
    })?;
    let list = &soql[start..end];
    if list.contains('(') || words.contains(&"GROUP") {
        return None;
    }
    Some(list.split(',').map(|name| name.trim().to_owned()).collect())
}

fn object(soql: &str) -> String {
    let mut words = soql.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("FROM"));
    words.nth(1).unwrap_or_default().to_owned()
}

fn cell(row: &Value, column: &str) -> String {
    let mut here = row;
    for part in column.split('.') {
        let found = here.as_object().and_then(|fields| {
            fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(part)).map(|(_, value)| value)
        });
        match found {
            Some(value) => here = value,
            None => return String::new(),
        }
    }
    match here {
        Value::Null => String::new(),
        Value::String(text) => match text.strip_suffix("+0000") {
            Some(instant) if instant.len() == 23 => format!("{instant}Z"),
            _ => text.clone(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_that_were_asked_for() {
        let read = |soql: &str| columns(soql).map(|columns| columns.join("|"));
        assert_eq!(read("select Id, Account.Name\nFROM Contact").as_deref(), Some("Id|Account.Name"));
        assert_eq!(read("SELECT FromDate__c FROM X").as_deref(), Some("FromDate__c"));
        assert_eq!(read("SELECT COUNT() FROM X"), None);
        assert_eq!(read("SELECT Id, (SELECT Id FROM Contacts) FROM Account"), None);
        assert_eq!(object("SELECT Id FROM Contact WHERE Id != null"), "Contact");
    }
}
