//! `salesforce.new_record`: records that were made, known by their id.

use serde_json::json;

use super::kind::Kind;
use super::watch::By;
use crate::domain::flow::Order;
use crate::ports::connector::Events;

pub(super) const KIND: Kind = Kind {
    id: "salesforce.new_record",
    title: "New Salesforce record",
    about: "Once for each new record of an object, standard or your own, with fields over relationships and \
            children. Records that your own connection made are left out, unless ignore_own is false.",
    documentation: "https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm",
    order: Order::Every,
    by: By::CreatedDate,
    events: Events::EachRecord,
    without: &[(
        "changed",
        "A new record has not changed yet: use salesforce.updated_record with `changed`, or leave it out.",
    )],
    example: "\
type: salesforce.new_record
object: Account
fields: [Id, Name, Phone, BillingCountry]
where: Type = 'Customer'
",
    sample: || {
        json!({
            "Id": "001dM00003kRs59QAC",
            "SystemModstamp": "2026-05-06T11:56:44Z",
            "CreatedDate": "2026-05-06T11:56:44Z",
            "CreatedById": "005dM000001aBcDQAU",
            "LastModifiedDate": "2026-05-06T11:56:44Z",
            "LastModifiedById": "005dM000001aBcDQAU",
            "Name": "Acme Ltd",
            "Phone": "+64 9 555 0101",
            "BillingCountry": "New Zealand",
        })
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Object;
    use crate::ports::connector::Trigger as _;

    #[test]
    fn a_new_record_cant_have_changed() {
        let options = json!({"object": "Account", "changed": {"any": ["Name"]}});
        assert_eq!(KIND.interest(options.as_object().unwrap()).unwrap_err().code, "bad_options");
        assert!(KIND.describe().options["properties"].get("changed").is_none());
    }

    #[test]
    fn every_trigger_takes_its_own_example_and_gives_its_sample() {
        for trigger in super::super::all() {
            let about = trigger.describe();
            let mut options: Object = serde_saphyr::from_str(about.example).unwrap();
            assert_eq!(options.shift_remove("type"), Some(json!(about.id)));
            let properties = about.options["properties"].as_object().unwrap();
            assert!(options.keys().all(|key| properties.contains_key(key)), "{}", about.id);
            let interest = trigger.interest(&options).unwrap();
            assert_eq!(trigger.project(&interest, &about.sample), about.sample, "{}", about.id);
        }
    }
}
