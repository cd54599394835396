//! Deleted records come back, and merged ones leave their traces.

use serde_json::{Value, json};

use super::Door;

#[tokio::test]
async fn what_was_deleted_together_comes_back_together() {
    let door = Door::new();
    let org = door.org();
    org.capture_changes(&["Campaign"]);
    let campaign = org.insert("Campaign", json!({ "Name": "Fair" }));
    let lead = org.insert("Lead", json!({ "LastName": "Chen", "Company": "Ivy" }));
    let gone = org.insert("Lead", json!({ "LastName": "Ng", "Company": "Ivy" }));
    org.insert("CampaignMember", json!({ "CampaignId": campaign, "LeadId": lead }));
    let left_before = org.insert("CampaignMember", json!({ "CampaignId": campaign, "LeadId": gone }));
    org.delete("CampaignMember", &left_before).unwrap();
    door.sandbox.clock.advance_seconds(60);
    assert_eq!(org.undelete("Campaign", &campaign).unwrap_err().code, "UNDELETE_FAILED");
    org.delete("Campaign", &campaign).unwrap();
    assert_eq!(org.records("CampaignMember").len(), 0);
    org.undelete("Campaign", &campaign).unwrap();
    assert_eq!((org.records("Campaign").len(), org.records("CampaignMember").len()), (1, 1));
    let last = org.change_events(0).pop().unwrap()["detail"]["payload"].clone();
    assert_eq!(
        (&last["ChangeEventHeader"]["changeType"], &last["Name"]),
        (&json!("UNDELETE"), &json!("Fair"))
    );
    assert_eq!(org.broken(), Vec::<String>::new());
}

#[tokio::test]
async fn of_two_merged_records_one_is_left_with_all_that_hung_on_both() {
    let door = Door::new();
    let org = door.org();
    let [winner, loser] = ["Acme", "ACME Ltd"].map(|name| org.insert("Account", json!({ "Name": name })));
    let contact = org.insert("Contact", json!({ "LastName": "Chen", "AccountId": loser }));
    door.sandbox.clock.advance_seconds(60);
    org.merge("Account", &winner, &loser).unwrap();
    assert_eq!(org.get("Contact", &contact).unwrap()["AccountId"], winner);
    let soql = format!("SELECT MasterRecordId FROM Account WHERE Id = '{loser}' AND IsDeleted = true");
    let text = serde_urlencoded::to_string([("q", soql)]).unwrap();
    let found = door.call("GET", &format!("/queryAll?{text}"), None).await.json();
    assert_eq!(found["records"][0]["MasterRecordId"], winner);
    assert_eq!(org.merge("Account", &winner, &loser).unwrap_err().code, "INVALID_CROSS_REFERENCE_KEY");
    assert_eq!(org.merge("Task", "00T", "00T").unwrap_err().code, "INVALID_OPERATION");
}

#[tokio::test]
async fn an_account_takes_its_contacts_and_open_deals_along_and_brings_them_back() {
    let door = Door::new();
    let org = door.org();
    org.capture_changes(&["Contact", "Opportunity"]);
    let account = org.insert("Account", json!({ "Name": "Acme" }));
    let contact = org.insert("Contact", json!({ "LastName": "Chen", "AccountId": account }));
    let deal =
        json!({ "Name": "D", "AccountId": account, "StageName": "Closed Lost", "CloseDate": "2026-12-01" });
    let deal = org.insert("Opportunity", deal);
    let task = org.insert("Task", json!({ "Subject": "Ring", "WhatId": deal }));
    let stranger = org.insert("Contact", json!({ "LastName": "Ng" }));
    let path = format!("/sobjects/Account/{account}");
    door.sandbox.clock.advance_seconds(60);
    assert_eq!(door.call("DELETE", &path, None).await.status, 204);
    for (object, id) in [("Contact", &contact), ("Opportunity", &deal), ("Task", &task)] {
        let window = "start=2026-11-22T10:00:30Z&end=2026-11-22T10:02:00Z";
        let deleted = door.call("GET", &format!("/sobjects/{object}/deleted?{window}"), None).await.json();
        assert_eq!(deleted["deletedRecords"][0]["id"], json!(id), "{object}");
    }
    let told = |kind: &str| -> Vec<Value> {
        let events = org.change_events(0).into_iter().map(|event| event["detail"]["payload"].clone());
        let headers = events.map(|payload| payload["ChangeEventHeader"].clone());
        let wanted = headers.filter(|header| header["changeType"] == kind);
        wanted.map(|header| header["recordIds"][0].clone()).collect()
    };
    assert_eq!(told("DELETE"), [json!(contact), json!(deal)]);
    assert_eq!(org.get("Contact", &stranger).unwrap()["IsDeleted"], false);
    org.undelete("Account", &account).unwrap();
    assert_eq!(told("UNDELETE"), [json!(contact), json!(deal)]);
    assert_eq!(
        [org.records("Contact").len(), org.records("Opportunity").len(), org.records("Task").len()],
        [2, 1, 1]
    );
}

#[tokio::test]
async fn a_case_or_a_won_deal_keeps_its_account_and_nothing_of_it_goes() {
    let door = Door::new();
    let org = door.org();
    let account = org.insert("Account", json!({ "Name": "Acme" }));
    let contact =
        json!({ "Salutation": "Mr.", "FirstName": "Josh", "LastName": "Davis", "AccountId": account });
    let contact = org.insert("Contact", contact);
    let deal = |name: &str, stage: &str| {
        let fields =
            json!({ "Name": name, "AccountId": account, "StageName": stage, "CloseDate": "2026-12-01" });
        org.insert("Opportunity", fields)
    };
    let won = [deal("One", "Closed Won"), deal("Two", "Closed Won")];
    deal("Open", "Prospecting");
    let refused = async |object: &str, id: &str, message: &str| {
        let reply = door.call("DELETE", &format!("/sobjects/{object}/{id}"), None).await;
        let expected = json!([{ "message": message, "errorCode": "DELETE_FAILED", "fields": [] }]);
        assert_eq!((reply.status, reply.json()), (400, expected));
    };
    let message = "Your attempt to delete Acme could not be completed because some opportunities in that account were \
                   closed won. The opportunities that could not be deleted are shown below.: One, Two\n";
    refused("Account", &account, message).await;
    won.iter().for_each(|deal| org.delete("Opportunity", deal).unwrap());
    let case = org.insert("Case", json!({ "Subject": "Broken", "ContactId": contact, "AccountId": account }));
    let message = |name: &str| {
        format!(
            "Your attempt to delete {name} could not be completed because it is associated with the following \
             cases.: 00001001\n"
        )
    };
    refused("Account", &account, &message("Acme")).await;
    refused("Contact", &contact, &message("Mr. Josh Davis")).await;
    org.update("Case", &case, json!({ "AccountId": null }));
    refused("Account", &account, &message("Mr. Josh Davis")).await;
    assert_eq!([org.records("Contact").len(), org.records("Opportunity").len()], [1, 1]);
    let describe = door.call("GET", "/sobjects/Account/describe", None).await.json();
    let child = |name: &str| {
        let mut children = describe["childRelationships"].as_array().unwrap().iter();
        let child = children.find(|child| child["relationshipName"] == name).unwrap();
        (child["cascadeDelete"].clone(), child["restrictedDelete"].clone())
    };
    assert_eq!(
        [child("Contacts"), child("Cases")],
        [(json!(true), json!(false)), (json!(false), json!(true))]
    );
    org.delete("Case", &case).unwrap();
    org.delete("Account", &account).unwrap();
    assert_eq!(org.broken(), Vec::<String>::new());
}
