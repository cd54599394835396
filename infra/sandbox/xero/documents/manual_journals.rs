//! `/ManualJournals`: entries that people write themselves, debits positive, which must sum to nothing.
//!
//! <https://developer.xero.com/documentation/api/accounting/manualjournals>

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::head::{self, day, url_problem};
use super::lines::{Line, Terms, read_lines, settle, unusable};
use super::postings;
use super::tax::LineAmountTypes;
use crate::xero::body::Put;
use crate::xero::journal::{Basis, Entry};
use crate::xero::messages::{About, Messages};
use crate::xero::organisation::Organisation;
use crate::xero::parts::{Part, attachments, history};
use crate::xero::reading::View;
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire;
use crate::xero::writing::{Refused, given, text_of};

const FEWEST_LINES: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Status {
    Draft,
    Posted,
    Voided,
    Deleted,
}

impl Status {
    fn read(text: &str) -> Option<Self> {
        [Self::Draft, Self::Posted, Self::Voided, Self::Deleted].into_iter().find(|one| one.as_str() == text)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Posted => "POSTED",
            Self::Voided => "VOIDED",
            Self::Deleted => "DELETED",
        }
    }

    /// <https://developer.xero.com/documentation/api/accounting/types#manual-journal-status-codes>
    fn may_become(before: Option<Self>, wanted: Self) -> bool {
        match before {
            None => matches!(wanted, Self::Draft | Self::Posted),
            Some(Self::Draft) => matches!(wanted, Self::Draft | Self::Posted | Self::Deleted),
            Some(Self::Posted) => matches!(wanted, Self::Posted | Self::Voided),
            Some(Self::Voided | Self::Deleted) => false,
        }
    }
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct ManualJournal {
    id: Uuid,
    narration: String,
    status: Status,
    date: Date,
    line_amount_types: LineAmountTypes,
    lines: Vec<Line>,
    url: Option<String>,
    on_cash_basis: bool,
    updated: Timestamp,
}

impl Document for ManualJournal {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }

    fn touch(&mut self, at: Timestamp) {
        self.updated = at;
    }

    fn entries(&self, organisation: &Organisation, basis: Basis) -> Vec<Entry> {
        let counts = basis == Basis::Accrual || self.on_cash_basis;
        if self.status != Status::Posted || !counts {
            return Vec::new();
        }
        let entry = Entry::on(self.date, Decimal::ONE);
        vec![postings::post(entry, organisation, &self.lines, self.line_amount_types, Decimal::ONE)]
    }
}

pub(crate) struct ManualJournals;

impl Resource for ManualJournals {
    type Document = ManualJournal;
    const KEY: &'static str = "ManualJournals";
    const ID: &'static str = "ManualJournalID";
    const FIELDS: &'static [&'static str] = &[
        "manualjournalid",
        "narration",
        "date",
        "status",
        "lineamounttypes",
        "url",
        "showoncashbasisreports",
        "hasattachments",
        "updateddateutc",
    ];
    const PARTS: &'static [Part] = &[history::PART, attachments::PART];

    fn shelf(shelves: &Shelves) -> &Shelf<ManualJournal> {
        &shelves.manual_journals
    }

    fn show(_: &Organisation, _: &Request, journal: &ManualJournal, view: View) -> Map<String, Value> {
        let mut body = Map::new();
        body.put("Date", wire::day(journal.date));
        body.put("Status", journal.status.as_str());
        body.put("LineAmountTypes", journal.line_amount_types.as_str());
        body.put("UpdatedDateUTC", wire::stamp(journal.updated));
        body.put("ManualJournalID", journal.id.to_string());
        body.put("Narration", journal.narration.as_str());
        let lines = if view == View::Listed { &[][..] } else { &journal.lines };
        body.put("JournalLines", lines.iter().map(line_as_json).collect::<Value>());
        body.put_some("Url", journal.url.as_deref());
        body.put("ShowOnCashBasisReports", journal.on_cash_basis);
        body.put("HasAttachments", false);
        if view == View::Single {
            body.put("Attachments", json!([]));
        }
        body
    }

    fn write(
        organisation: &mut Organisation,
        request: &Request,
        sent: &Map<String, Value>,
    ) -> Result<Uuid, Refused> {
        save(organisation, request, sent)
    }
}

/// A line has one amount, and nothing that is sold.
fn line_as_json(line: &Line) -> Value {
    let mut body = Map::new();
    body.put_some("Description", line.description.as_deref());
    body.put("TaxType", line.tax_type.as_deref().unwrap_or("NONE"));
    body.put("TaxAmount", wire::money(line.tax_amount));
    body.put("LineAmount", wire::money(line.line_amount));
    body.put("AccountCode", line.account_code.as_deref().unwrap_or_default());
    body.put("Tracking", line.tracking.iter().map(|tracking| tracking.as_json(false)).collect::<Value>());
    body.put("AccountID", line.account_id.unwrap_or_default().to_string());
    body.put("IsBlank", false);
    Value::Object(body)
}

fn save(
    organisation: &mut Organisation,
    request: &Request,
    sent: &Map<String, Value>,
) -> Result<Uuid, Refused> {
    let id = head::sent_id(sent, ManualJournals::ID)?;
    let exists = || Refused::because(id, "The ManualJournal exists already");
    let before = head::find(&organisation.shelves.manual_journals, request, id, None, exists)?;
    let was = before.as_ref().map(|held| held.status);
    let wanted = match given(sent, "Status") {
        None => was.or(Some(Status::Draft)),
        Some(text) => Status::read(&text),
    };
    let Some(status) = wanted.filter(|wanted| Status::may_become(was, *wanted)) else {
        return Err(Refused::because(id, "The manual journal is not of a valid status for this change"));
    };
    let mut messages: Messages =
        before.as_ref().and_then(|held| organisation.locked(held.date)).into_iter().collect();
    let mut journal = before.unwrap_or_else(|| ManualJournal {
        id: organisation.ids.next(),
        narration: String::new(),
        status,
        date: organisation.today(request.now),
        line_amount_types: LineAmountTypes::NoTax,
        lines: Vec::new(),
        url: None,
        on_cash_basis: true,
        updated: request.now,
    });
    journal.status = status;
    journal.updated = request.now;
    read(organisation, sent, &mut journal, &mut messages);
    if !messages.is_empty() {
        return Err(Refused::Element { id, messages });
    }
    let changes = match (was, status) {
        (None, _) => "Created",
        (_, Status::Voided) => "Voided",
        (_, Status::Deleted) => "Deleted",
        (Some(Status::Draft), Status::Posted) => "Posted",
        _ => "Edited",
    };
    let id = journal.id;
    organisation.shelves.manual_journals.put(journal);
    organisation.record(id, changes, request.now);
    Ok(id)
}

fn read(
    organisation: &mut Organisation,
    sent: &Map<String, Value>,
    journal: &mut ManualJournal,
    messages: &mut Messages,
) {
    if let Some(narration) = text_of(sent, "Narration") {
        journal.narration = narration;
    }
    if journal.narration.is_empty() {
        messages.push("The Narration must be specified".to_owned());
    }
    journal.date = day(sent, "Date", messages).unwrap_or(journal.date);
    messages.extend(organisation.locked(journal.date));
    if let Some(url) = text_of(sent, "Url") {
        messages.extend(url_problem(&url));
        journal.url = Some(url).filter(|url| !url.is_empty());
    }
    if let Some(flag) = sent.get("ShowOnCashBasisReports").and_then(Value::as_bool) {
        journal.on_cash_basis = flag;
    }
    journal.line_amount_types = head::line_amount_types(sent, messages).unwrap_or(journal.line_amount_types);
    // A draft's lines are checked like those of a posted one, but they needn't be described.
    let terms = Terms::of(false, journal.line_amount_types, 2);
    if let Some(sent) = sent.get("JournalLines").and_then(Value::as_array) {
        let sent: Vec<Value> = sent.iter().map(|line| as_document_line(organisation, line)).collect();
        journal.lines = read_lines(organisation, &sent, &[], terms, messages);
    }
    settle(organisation, &mut journal.lines, terms, messages);
    check_lines(organisation, journal, messages);
}

/// As the lines of other documents are sent: one piece for this amount.
fn as_document_line(organisation: &Organisation, sent: &Value) -> Value {
    let mut line = wire::fields(sent.clone());
    line.insert("Quantity".into(), 1.into());
    line.extend(sent.get("LineAmount").map(|amount| ("UnitAmount".to_owned(), amount.clone())));
    let id = given(&line, "AccountID").and_then(|id| Uuid::parse_str(&id).ok());
    if let Some(account) = id.and_then(|id| organisation.shelves.accounts.get(id)) {
        line.insert("AccountCode".into(), account.code.as_str().into());
    }
    Value::Object(line)
}

fn check_lines(organisation: &Organisation, journal: &ManualJournal, messages: &mut Messages) {
    if journal.lines.len() < FEWEST_LINES {
        messages.push(format!("A manual journal must have at least {FEWEST_LINES} journal lines"));
    }
    let (mut debits, mut credits) = (Decimal::ZERO, Decimal::ZERO);
    for (place, line) in journal.lines.iter().enumerate() {
        let code = line.account_code.as_deref().unwrap_or_default();
        if !organisation.is_usable(code) {
            messages.about(About::Line(place), |messages| messages.push(unusable(code)));
        }
        let amount = match journal.line_amount_types {
            LineAmountTypes::Exclusive => line.line_amount + line.tax_amount,
            _ => line.line_amount,
        };
        *(if amount.is_sign_positive() { &mut debits } else { &mut credits }) += amount;
    }
    if debits != -credits {
        messages.push(format!("The total debits ({debits:.2}) must equal total credits ({credits:.2})"));
    }
}
