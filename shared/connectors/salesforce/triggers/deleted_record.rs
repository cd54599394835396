//! `salesforce.deleted_record`: records that went into the recycle bin.
//!
//! `queryAll` tells of them, and not `getDeleted`: it has their fields, takes conditions, comes in pages, takes any
//! object that can be queried, and gives each deletion its stamp, so that all that holds of other watches holds of
//! this one. The price: what leaves the bin before a poll has seen it (a hard delete, a bin that is emptied within
//! the minute) is not told of; `getDeleted` would know its id and nothing else.

use serde_json::json;

use super::kind::Kind;
use super::watch::By;
use crate::domain::flow::Order;
use crate::ports::connector::Events;

pub(super) const KIND: Kind = Kind {
    id: "salesforce.deleted_record",
    title: "Deleted Salesforce record",
    about: "Once for each time that a record goes into the recycle bin, by itself, with its parent or as the \
            loser of a merge (MasterRecordId says into which), with its fields as they were last. Deleted, \
            restored and deleted again are two events. What skips the bin (a hard delete, or a bin emptied \
            within the minute) is not seen, and the bin forgets after 15 days: a flow that is paused for \
            longer misses what was deleted before. What your own connection deleted is left out, unless \
            ignore_own is false.",
    documentation: "https://developer.salesforce.com/docs/platform/api-rest/guide/resources-queryall.html",
    order: Order::Every,
    by: By::Deletion,
    events: Events::EachDeletion,
    without: &[
        (
            "changed",
            "`changed` can't be used here: a deleted record changes no more, and its children are deleted with it. \
             Leave it out.",
        ),
        (
            "children",
            "`children` can't be used here: a deleted record changes no more, and its children are deleted with it. \
             Leave it out.",
        ),
    ],
    example: "\
type: salesforce.deleted_record
object: Opportunity
fields: [Id, Name, Account.Name]
where: StageName = 'Closed Won'
",
    sample: || {
        json!({
            "Id": "006dM000001aBcDQAU",
            "SystemModstamp": "2026-05-06T11:56:44Z",
            "CreatedDate": "2026-05-01T08:00:00Z",
            "CreatedById": "005dM000001aBcDQAU",
            "LastModifiedDate": "2026-05-06T11:56:44Z",
            "LastModifiedById": "005dM000001aBcDQAU",
            "Name": "Acme, 20 desks",
            "Account": {"Name": "Acme Ltd"},
        })
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::salesforce::fake::{Scripted, records};
    use crate::domain::record_id::RecordId;
    use crate::ports::connector::{PollAsk, Trigger as _};

    #[test]
    fn what_is_deleted_has_no_changes_and_no_children_to_ask_for() {
        for options in [
            json!({"object": "Account", "changed": {"any": ["Name"]}}),
            json!({"object": "Account", "children": {"Contacts": {"fields": ["Id"]}}}),
        ] {
            assert_eq!(KIND.interest(options.as_object().unwrap()).unwrap_err().code, "bad_options");
        }
    }

    #[tokio::test]
    async fn the_recycle_bin_is_asked_and_the_flows_condition_holds_there_too() {
        let options =
            json!({"object": "Account", "fields": ["Name"], "where": "Type = 'Customer' OR Rating = 'Hot'"});
        let interest = KIND.interest(options.as_object().unwrap()).unwrap();
        let account = Scripted::new().answer(records(&[])).answer(records(&[]));
        let from = "2026-05-06T11:50:00Z".parse().unwrap();
        KIND.poll(PollAsk { union: &interest, from, continuation: None }, &account).await.unwrap();
        assert_eq!(account.asked()[0].path, "/services/data/v67.0/queryAll");
        assert!(account.soql(0).ends_with(
            "FROM Account WHERE SystemModstamp >= 2026-05-06T11:50:00.000Z AND IsDeleted = true AND \
             (Type = 'Customer' OR Rating = 'Hot') ORDER BY SystemModstamp, Id"
        ));
        let id = RecordId::salesforce("001dM00003kRs59QAC").unwrap();
        assert_eq!(KIND.fetch(&interest, &id, &account).await.unwrap(), None, "not in the bin");
        assert!(account.soql(1).ends_with("WHERE Id = '001dM00003kRs59QAC' AND IsDeleted = true"));
    }
}
