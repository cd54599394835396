//! `salesforce.updated_record`: records that were made or changed, known by their id and version; or, with
//! `changed`, transitions of the fields that it names.

use serde_json::json;

use super::kind::Kind;
use super::watch::By;
use crate::domain::flow::Order;
use crate::ports::connector::Events;

pub(super) const KIND: Kind = Kind {
    id: "salesforce.updated_record",
    title: "New or updated Salesforce record",
    about: "For each version of a record of any object, standard or your own, with fields over relationships \
            and children; with `changed`, only when the named fields change as you say. Changes between two \
            polls are seen as one. What your own connection wrote is left out, unless ignore_own is false.",
    documentation: "https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/system_fields.htm",
    order: Order::Newest,
    by: By::SystemModstamp,
    events: Events::EachVersion,
    without: &[],
    example: "\
type: salesforce.updated_record
object: Opportunity
fields: [Id, Name, CloseDate, Account.Name]
optional_fields: [CurrencyIsoCode]
children: { OpportunityLineItems: { fields: [Id, Quantity, UnitPrice, Product2.ProductCode] } }
changed: { StageName: { to: Closed Won } }
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
            "CloseDate": "2026-05-24",
            "Account": {"Name": "Acme Ltd"},
            "StageName": "Closed Won",
            "CurrencyIsoCode": "NZD",
            "OpportunityLineItems": [
                {"Id": "00kdM000001aBcDQAU", "Quantity": 20, "UnitPrice": 450, "Product2": {"ProductCode": "DESK"}},
            ],
        })
    },
};
