//! Everything one org is: schema, records, people, tokens, limits, and what was arranged to go wrong in it.
//!
//! One lock holds it; a request is served in one go. `begin` is called at the start of each, so that late
//! commits become visible in time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::Options;
use super::actions::{Email, Flow};
use super::answer::Refused;
use super::bulk::{self, Jobs};
use super::change_events::Feed;
use super::ids;
use super::limits::Usage;
use super::objects::{Object, Schema};
use super::outbound::Outbound;
use super::outbox::Post;
use super::query::Cursors;
use super::recent::Recent;
use super::refusals::Refusals;
use super::reports::Report;
use super::store::{Fields, Record, Store};
use super::tokens::Access;
use super::values::stamp;

pub(crate) struct Org {
    pub(crate) options: Options,
    pub(crate) limits: bool,
    pub(crate) now: Timestamp,
    pub(crate) schema: Schema,
    pub(crate) store: Store,
    pub(crate) access: Access,
    pub(crate) usage: Usage,
    pub(crate) cursors: Cursors,
    pub(crate) refusals: Refusals,
    pub(crate) outbound: Outbound,
    pub(crate) bulk: Jobs,
    pub(crate) feed: Feed,
    pub(crate) post: Post,
    pub(crate) flows: Vec<Flow>,
    pub(crate) reports: BTreeMap<String, Report>,
    /// E-mails that the org sent.
    pub(crate) sent: Vec<Email>,
    pub(crate) recent: Recent,
    pub(crate) random: StdRng,
    /// For `If-Modified-Since` of describe.
    pub(crate) schema_changed: Timestamp,
    /// How many of each object with a number have been numbered.
    pub(crate) numbers: BTreeMap<Cow<'static, str>, u64>,
    pub(crate) organization: String,
    /// Whom the API acts for, unless a token says otherwise.
    pub(crate) integration_user: String,
    /// Whom changes from outside the API are by.
    pub(crate) person: String,
    /// Whom the request being served is from: days in its queries begin where they are.
    pub(crate) asker: String,
    pub(crate) next_id: u64,
    requests: u64,
    pub(crate) last_stamp: String,
    late: Vec<Late>,
    /// The log of deletions begins here: what is older was purged.
    pub(crate) deletions_told_since: Timestamp,
    /// Notifications and changes there were when each transaction that isn't over began.
    marks: Vec<(usize, usize)>,
}

/// What people do in their browsers goes through this.
const PEOPLE: &str = "com/salesforce/api/soap/60.0;client=SfdcInternalAPI/";

/// Who writes.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Writer {
    pub(crate) user: String,
    /// The app that the API's caller came through.
    pub(crate) app: String,
    /// Through the API: what was arranged to be refused is.
    pub(crate) api: bool,
    /// `Sforce-Duplicate-Rule-Header: allowSave=true`.
    pub(crate) allow_duplicates: bool,
    /// `…; includeRecordDetails=true`
    pub(crate) duplicate_details: bool,
    /// Texts that are too long are cut.
    pub(crate) truncate: bool,
    /// Where it came from, as change events tell it.
    pub(crate) origin: String,
    /// `v67.0`, as asked for; none of people.
    pub(crate) version: Option<String>,
}

impl Writer {
    pub(crate) fn through_api(user: &str, app: &str) -> Self {
        Self {
            user: user.to_owned(),
            app: app.to_owned(),
            api: true,
            allow_duplicates: false,
            duplicate_details: false,
            truncate: false,
            version: None,
            origin: PEOPLE.to_owned(),
        }
    }
}

/// Written already, with its stamp, but not to be seen before its time: a long transaction.
struct Late {
    visible: Timestamp,
    object: Arc<Object>,
    record: Arc<Record>,
}

impl Org {
    pub(crate) fn new(options: Options, limits: bool, seed: u64, now: Timestamp) -> Self {
        let mut org = Self {
            schema: Schema::standard(options.multi_currency),
            options,
            limits,
            now,
            store: Store::default(),
            access: Access::default(),
            usage: Usage::default(),
            cursors: Cursors::default(),
            refusals: Refusals::default(),
            outbound: Outbound::default(),
            bulk: Jobs::default(),
            feed: Feed::default(),
            post: Post::default(),
            flows: Vec::new(),
            reports: BTreeMap::new(),
            sent: Vec::new(),
            recent: Recent::new(),
            random: StdRng::seed_from_u64(seed),
            schema_changed: now,
            numbers: BTreeMap::new(),
            organization: String::new(),
            integration_user: String::new(),
            person: String::new(),
            asker: String::new(),
            next_id: 10_000 + seed % 1_000_000,
            requests: 0,
            last_stamp: String::new(),
            late: Vec::new(),
            deletions_told_since: Timestamp::UNIX_EPOCH,
            marks: Vec::new(),
        };
        org.furnish();
        org
    }

    /// The organization, its two people, the standard price book and the client that is always there.
    fn furnish(&mut self) {
        let user = |first: &str, last: &str, name: &str, kind: &str| {
            json!({ "FirstName": first, "LastName": last, "Name": format!("{first} {last}"),
                    "Username": format!("{name}@sandbox.example"), "Email": format!("{name}@sandbox.example"),
                    "Alias": name, "IsActive": true, "TimeZoneSidKey": "Europe/London",
                    "LanguageLocaleKey": "en_US", "LocaleSidKey": "en_GB", "UserType": kind })
        };
        self.integration_user = self.place("User", user("Integration", "User", "integration", "Standard"));
        self.person = self.place("User", user("Sam", "Sales", "sam", "Standard"));
        let name = self.options.organization_name.clone();
        self.organization = self.place(
            "Organization",
            json!({ "Name": name, "Country": "GB", "LanguageLocaleKey": "en_US", "IsSandbox": true,
                    "TimeZoneSidKey": "Europe/London", "OrganizationType": "Developer Edition", "InstanceName": "CS1" }),
        );
        self.place(
            "Pricebook2",
            json!({ "Name": "Standard Price Book", "IsActive": true, "IsStandard": true }),
        );
        self.access.register_default(&self.integration_user);
    }

    /// A record as it is, unchecked: only for what an org has from the start.
    pub(crate) fn place(&mut self, object: &str, fields: Value) -> String {
        let author = self.integration_user.clone();
        self.place_by(object, fields, &author)
    }

    /// The same by somebody: for what comes with a record that was checked.
    pub(crate) fn place_by(&mut self, object: &str, fields: Value, author: &str) -> String {
        let (Some(object), Value::Object(mut fields)) = (self.schema.object(object).cloned(), fields) else {
            return String::new();
        };
        let id = self.next_id(&object);
        let author = if author.is_empty() { &id } else { author };
        self.sign(&mut fields, &id, author, true);
        self.store.put(&object, Record { id: id.clone(), fields });
        id
    }

    pub(crate) fn next_id(&mut self, object: &Object) -> String {
        self.next_id += 1;
        ids::make(&object.prefix, self.next_id)
    }

    /// The next automatic number of an object.
    pub(crate) fn next_number(&mut self, object: &'static str) -> u64 {
        let number = self.numbers.entry(object.into()).or_default();
        *number += 1;
        *number
    }

    /// At the start of every request: time moves on, late commits whose time has come are seen.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.now = now;
        self.store.tidy();
        self.asker.clone_from(&self.integration_user);
        self.publish();
        self.show_late();
        bulk::work(self);
    }

    fn show_late(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let now = self.now;
        let (due, waiting) = std::mem::take(&mut self.late).into_iter().partition(|late| late.visible <= now);
        self.late = waiting;
        let due: Vec<Late> = due;
        for late in due {
            let there = self.store.table(&late.object.name).get(&late.record.id);
            let overtaken =
                there.is_some_and(|there| there.text("SystemModstamp") > late.record.text("SystemModstamp"));
            if !overtaken {
                self.store.put(&late.object, (*late.record).clone());
            }
        }
    }

    /// The id of a request, as support asks for it.
    pub(crate) fn next_request(&mut self) -> String {
        self.requests += 1;
        // Far apart, though they are counted: the constant is the golden ratio's.
        let spread = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        format!("{:016x}{:016x}", spread(self.requests), spread(spread(self.requests)))
    }

    /// Stamps have whole seconds and never go back, whatever the clock does.
    pub(crate) fn next_stamp(&mut self) -> String {
        self.last_stamp = stamp(self.now).max(std::mem::take(&mut self.last_stamp));
        self.last_stamp.clone()
    }

    /// Who wrote it, and when.
    pub(crate) fn sign(&mut self, fields: &mut Fields, id: &str, user: &str, new: bool) {
        let now = self.next_stamp();
        if new {
            fields.insert("Id".into(), id.into());
            fields.insert("IsDeleted".into(), false.into());
            fields.insert("CreatedDate".into(), now.clone().into());
            fields.insert("CreatedById".into(), user.into());
        }
        fields.insert("LastModifiedDate".into(), now.clone().into());
        fields.insert("LastModifiedById".into(), user.into());
        fields.insert("SystemModstamp".into(), now.into());
    }

    /// Does the write now and lets it be seen only from `visible` on, with the stamps of now.
    pub(crate) fn late(
        &mut self,
        visible: Timestamp,
        write: impl FnOnce(&mut Self) -> Result<String, Refused>,
    ) -> Result<String, Refused> {
        self.store.begin();
        let (notified, noted) = (self.outbound.count(), self.feed.noted());
        let written = write(self);
        let touched = self.store.touched();
        let versions: Vec<Late> = touched
            .into_iter()
            .filter_map(|(object, id)| {
                let object = self.schema.object(&object)?.clone();
                let record = self.store.table(&object.name).get(&id)?.clone();
                Some(Late { visible, object, record })
            })
            .collect();
        self.store.roll_back(&self.schema);
        self.outbound.hold(notified, visible);
        self.feed.hold(noted, visible);
        if written.is_ok() {
            self.late.extend(versions);
        }
        written
    }

    /// From here on, what is written can be undone: each `open` ends with `keep` or `undo`.
    pub(crate) fn open(&mut self) {
        self.store.begin();
        self.marks.push((self.outbound.count(), self.feed.noted()));
    }

    pub(crate) fn keep(&mut self) {
        self.store.commit();
        self.marks.pop();
    }

    /// Takes back what was written since the last `open`, and nobody is told of it.
    pub(crate) fn undo(&mut self) {
        self.store.roll_back(&self.schema);
        if let Some((notified, noted)) = self.marks.pop() {
            self.outbound.forget(notified);
            self.feed.forget(noted);
        }
    }

    /// The stamp of the oldest commit of an object that is not to be seen yet.
    pub(crate) fn oldest_late(&self, object: &Object) -> Option<&str> {
        let late = self.late.iter().filter(|late| late.object.name == object.name);
        late.map(|late| late.record.text("SystemModstamp")).min()
    }

    /// The asker's time zone.
    pub(crate) fn zone(&self) -> TimeZone {
        let asker = self.store.table("User").get(&self.asker);
        let zone = asker.and_then(|user| TimeZone::get(user.text("TimeZoneSidKey")).ok());
        zone.unwrap_or(TimeZone::UTC)
    }

    pub(crate) fn as_person(&self) -> Writer {
        Writer { api: false, allow_duplicates: true, ..Writer::through_api(&self.person, "") }
    }

    pub(crate) fn object(&self, name: &str) -> Result<Arc<Object>, Refused> {
        self.schema.object(name).cloned().ok_or_else(Refused::not_found)
    }
}

impl std::fmt::Debug for Org {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Org").field("now", &self.now).finish_non_exhaustive()
    }
}
