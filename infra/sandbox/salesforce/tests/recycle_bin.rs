//! Deleted records come back, and merged ones leave their traces.

use serde_json::json;

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
