//! What one trigger tells of: everything in which the triggers of Salesforce differ.

use async_trait::async_trait;
use jiff::Timestamp;

use super::options;
use super::watch::{self, By};
use crate::domain::flow::Order;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::domain::{Object, Value};
use crate::ports::connector::{
    Account, Change, Counted, Events, Interest, PollAsk, PollPage, Trigger, TriggerDescription,
};

/// Records of one page, unless they are large.
/// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm>
const PAGE_SIZE: u32 = 2_000;

pub(super) struct Kind {
    /// `salesforce.new_record`
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) documentation: &'static str,
    pub(super) order: Order,
    pub(super) by: By,
    pub(super) events: Events,
    /// Options that mean nothing to it, and what is said to who uses one.
    pub(super) without: &'static [(&'static str, &'static str)],
    pub(super) example: &'static str,
    pub(super) sample: fn() -> Value,
}

#[async_trait]
impl Trigger for Kind {
    fn describe(&self) -> TriggerDescription {
        TriggerDescription {
            id: self.id,
            title: self.title,
            about: self.about,
            documentation: self.documentation,
            options: options::schema(self.without),
            minutes: 1,
            page: PAGE_SIZE,
            scope: None,
            order: self.order,
            example: self.example,
            sample: (self.sample)(),
        }
    }

    fn interest(&self, options: &Object) -> Result<Interest, Failure> {
        if let Some((_, why)) = self.without.iter().find(|(name, _)| options.contains_key(*name)) {
            return Err(Failure::new("bad_options", *why));
        }
        options::interest(options, self.events)
    }

    async fn poll(&self, ask: PollAsk<'_>, account: &dyn Account) -> Result<PollPage, Fault> {
        watch::poll(self.by, ask, account).await
    }

    async fn fetch(
        &self,
        interest: &Interest,
        record: &RecordId,
        account: &dyn Account,
    ) -> Result<Option<Change>, Fault> {
        watch::fetch(self.by, interest, record, account).await
    }

    async fn count(
        &self,
        interest: &Interest,
        from: Option<Timestamp>,
        account: &dyn Account,
    ) -> Result<Option<Counted>, Fault> {
        watch::count(self.by, interest, from, account).await
    }

    fn settled(&self, interest: &Interest) -> Interest {
        options::settled(interest)
    }

    fn project(&self, interest: &Interest, record: &Value) -> Value {
        watch::project(interest, record)
    }
}
