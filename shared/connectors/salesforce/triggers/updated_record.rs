//! `salesforce.updated_record`: records that were made or changed, known by their id and version; or, with
//! `changed`, transitions of the fields that it names.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use super::options;
use super::watch::{self, By};
use crate::domain::flow::Order;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::record_id::RecordId;
use crate::domain::{Object, Value};
use crate::ports::connector::{
    Account, Change, Counted, Events, Interest, PollAsk, PollPage, Trigger, TriggerDescription,
};

pub(super) struct UpdatedRecord;

#[async_trait]
impl Trigger for UpdatedRecord {
    fn describe(&self) -> TriggerDescription {
        TriggerDescription {
            id: "salesforce.updated_record",
            title: "New or updated Salesforce record",
            about: "For each version of a record of any object, standard or your own, with fields over relationships \
                    and children; with `changed`, only when the named fields change as you say. Changes between two \
                    polls are seen as one. What your own connection wrote is left out, unless ignore_own is false.",
            documentation: "https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/system_fields.htm",
            options: options::schema(&[]),
            minutes: 1,
            scope: None,
            order: Order::Newest,
            example: "\
type: salesforce.updated_record
object: Opportunity
fields: [Id, Name, CloseDate, Account.Name]
optional_fields: [CurrencyIsoCode]
children: { OpportunityLineItems: { fields: [Id, Quantity, UnitPrice, Product2.ProductCode] } }
changed: { StageName: { to: Closed Won } }
",
            sample: json!({
                "Id": "006dM000001aBcDQAU",
                "SystemModstamp": "2026-05-06T11:56:44Z",
                "CreatedDate": "2026-05-01T08:00:00Z",
                "CreatedById": "005dM000001aBcDQAU",
                "LastModifiedDate": "2026-05-06T11:56:44Z",
                "LastModifiedById": "005dM000001aBcDQAU",
                "Name": "Acme, 20 desks",
                "CloseDate": "2026-05-24",
                "Account": {"Name": "Acme Ltd"},
                "StageName": "Closed Won",
                "CurrencyIsoCode": "NZD",
                "OpportunityLineItems": [
                    {"Id": "00kdM000001aBcDQAU", "Quantity": 20, "UnitPrice": 450, "Product2": {"ProductCode": "DESK"}},
                ],
            }),
        }
    }

    fn interest(&self, options: &Object) -> Result<Interest, Failure> {
        options::interest(options, Events::EachVersion)
    }

    async fn poll(&self, ask: PollAsk<'_>, account: &dyn Account) -> Result<PollPage, Fault> {
        watch::poll(By::SystemModstamp, ask, account).await
    }

    async fn fetch(
        &self,
        interest: &Interest,
        record: &RecordId,
        account: &dyn Account,
    ) -> Result<Option<Change>, Fault> {
        watch::fetch(By::SystemModstamp, interest, record, account).await
    }

    async fn count(
        &self,
        interest: &Interest,
        from: Option<Timestamp>,
        account: &dyn Account,
    ) -> Result<Option<Counted>, Fault> {
        watch::count(By::SystemModstamp, interest, from, account).await
    }

    fn settled(&self, interest: &Interest) -> Interest {
        options::settled(interest)
    }

    fn project(&self, interest: &Interest, record: &Value) -> Value {
        watch::project(interest, record)
    }
}
