//! What a poll relies on: whole seconds, stamps that never go back, and records that appear late.

use serde_json::json;

use super::Door;

#[tokio::test]
async fn a_late_commit_appears_later_with_an_older_stamp() {
    let door = Door::new();
    let kept = door.org().insert("Account", json!({ "Name": "Kept", "Phone": "1" }));
    door.sandbox.clock.advance_seconds(60);
    let late = door.org().insert_late("Account", json!({ "Name": "Late" }), 180).unwrap();
    door.org().update_late("Account", &kept, json!({ "Phone": "2" }), 180).unwrap();
    door.sandbox.clock.advance_seconds(60);
    door.org().insert("Account", json!({ "Name": "Newer" }));
    let soql = "SELECT Name, Phone, SystemModstamp FROM Account ORDER BY SystemModstamp, Id";
    let names = async || {
        let page = door.query(soql).await.json();
        let rows = page["records"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| {
                (
                    row["Name"].as_str().unwrap().to_owned(),
                    row["SystemModstamp"].as_str().unwrap()[11..19].to_owned(),
                )
            })
            .collect::<Vec<_>>()
    };
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, at)| ((*name).to_owned(), (*at).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(names().await, pairs(&[("Kept", "10:00:00"), ("Newer", "10:02:00")]));
    assert!(door.org().get("Account", &late).is_none());
    door.sandbox.clock.advance_seconds(120);
    assert_eq!(names().await, pairs(&[("Kept", "10:01:00"), ("Late", "10:01:00"), ("Newer", "10:02:00")]));
    assert_eq!(door.org().get("Account", &kept).unwrap()["Phone"], "2");
}

#[tokio::test]
async fn stamps_never_go_back_when_the_clock_does() {
    let door = Door::new();
    let first = door.org().insert("Account", json!({ "Name": "A" }));
    door.sandbox.clock.advance_seconds(-3600);
    let second = door.org().insert("Account", json!({ "Name": "B" }));
    let stamp = |id: &str| door.org().get("Account", id).unwrap()["SystemModstamp"].clone();
    assert_eq!(stamp(&first), stamp(&second));
    assert_eq!(door.org().broken(), Vec::<String>::new());
}

#[tokio::test]
async fn changes_tell_whether_a_person_or_the_api_made_them() {
    let door = Door::new();
    let id = door.org().insert("Account", json!({ "Name": "A" }));
    let by = || door.org().get("Account", &id).unwrap()["LastModifiedById"].clone();
    assert_eq!(by(), door.org().person());
    door.sandbox.clock.advance_seconds(1);
    door.call("PATCH", &format!("/sobjects/Account/{id}"), Some(json!({}))).await;
    assert_eq!(by(), door.org().integration_user());
    assert_eq!(door.org().get("Account", &id).unwrap()["SystemModstamp"], "2026-11-22T10:00:01.000+0000");
}

#[tokio::test]
async fn updated_and_deleted_list_the_ids_of_a_window() {
    let door = Door::new();
    let kept = door.org().insert("Account", json!({ "Name": "A" }));
    let gone = door.org().insert("Account", json!({ "Name": "B" }));
    door.sandbox.clock.advance_seconds(60);
    door.org().delete("Account", &gone).unwrap();
    door.sandbox.clock.advance_seconds(60);
    let window = "start=2026-11-22T09:00:00Z&end=2026-11-22T11:00:00Z";
    let updated = door.call("GET", &format!("/sobjects/Account/updated/?{window}"), None).await.json();
    assert_eq!(updated, json!({ "ids": [kept], "latestDateCovered": "2026-11-22T10:02:00.000+0000" }));
    let deleted = door.call("GET", &format!("/sobjects/Account/deleted/?{window}"), None).await.json();
    assert_eq!(
        deleted["deletedRecords"],
        json!([{ "id": gone, "deletedDate": "2026-11-22T10:01:00.000+0000" }])
    );
}

#[tokio::test]
async fn a_window_ends_before_a_commit_that_is_not_seen_yet() {
    let door = Door::new();
    door.sandbox.clock.advance_seconds(60);
    let late = door.org().insert_late("Account", json!({ "Name": "Late" }), 180).unwrap();
    door.sandbox.clock.advance_seconds(60);
    let seen = door.org().insert("Account", json!({ "Name": "Seen" }));
    let updated = async |start: &str| {
        let path = format!("/sobjects/Account/updated/?start=2026-11-22T{start}Z&end=2026-11-22T12:00:00Z");
        door.call("GET", &path, None).await.json()
    };
    let first = updated("10:00:00").await;
    assert_eq!(first, json!({ "ids": [seen], "latestDateCovered": "2026-11-22T10:01:00.000+0000" }));
    door.sandbox.clock.advance_seconds(180);
    let next = updated("10:01:00").await;
    assert_eq!(next, json!({ "ids": [late, seen], "latestDateCovered": "2026-11-22T10:05:00.000+0000" }));
}

#[tokio::test]
async fn windows_reach_thirty_and_fifteen_days_back_and_give_so_many_ids() {
    let door = Door::new();
    for name in ["A", "B", "C"] {
        door.org().insert("Account", json!({ "Name": name }));
    }
    let code = async |what: &str, start: &str| {
        let path = format!("/sobjects/Account/{what}/?start={start}T11:00:00Z&end=2026-11-22T10:30:00Z");
        door.call("GET", &path, None).await.code()
    };
    for (what, within, beyond) in
        [("updated", "2026-10-23", "2026-10-22"), ("deleted", "2026-11-07", "2026-11-06")]
    {
        assert_eq!(code(what, within).await, "", "{what}");
        assert_eq!(code(what, beyond).await, "INVALID_REPLICATION_DATE", "{what}");
    }
    door.org().configure(|options| options.replication_ids = 2);
    assert_eq!(code("updated", "2026-11-01").await, "EXCEEDED_ID_LIMIT");
}

#[tokio::test]
async fn a_background_job_moves_the_system_s_stamp_and_nothing_else() {
    let door = Door::new();
    let id = door.org().insert("Account", json!({ "Name": "A" }));
    let before = door.org().get("Account", &id).unwrap();
    door.sandbox.clock.advance_seconds(60);
    door.org().touch("Account", &id).unwrap();
    let mut after = door.org().get("Account", &id).unwrap();
    assert_eq!(after["SystemModstamp"], "2026-11-22T10:01:00.000+0000");
    after["SystemModstamp"] = before["SystemModstamp"].clone();
    assert_eq!(after, before);
    let found = async |stamp: &str| {
        let soql = format!("SELECT Id FROM Account WHERE {stamp} > 2026-11-22T10:00:30Z");
        door.query(&soql).await.json()["totalSize"].clone()
    };
    assert_eq!((found("SystemModstamp").await, found("LastModifiedDate").await), (json!(1), json!(0)));
    assert_eq!(door.org().touch("Account", "001000000000000AAA").unwrap_err().code, "NOT_FOUND");
}

#[tokio::test]
async fn a_purged_log_tells_only_of_the_last_two_hours_and_says_since_when() {
    let mut door = Door::new();
    door.org().configure(|options| options.session_seconds = 24 * 3600);
    door.token = door.org().token();
    let [old, new] = ["A", "B"].map(|name| door.org().insert("Account", json!({ "Name": name })));
    door.org().delete("Account", &old).unwrap();
    door.sandbox.clock.advance_seconds(3 * 3600);
    door.org().delete("Account", &new).unwrap();
    let told = async || {
        let window = "start=2026-11-22T09:00:00Z&end=2026-11-22T13:00:00Z";
        let told = door.call("GET", &format!("/sobjects/Account/deleted/?{window}"), None).await.json();
        let ids = told["deletedRecords"].as_array().unwrap().iter().map(|it| it["id"].clone());
        (ids.collect::<Vec<_>>(), told["earliestDateAvailable"].as_str().unwrap().to_owned())
    };
    assert_eq!(told().await, (vec![json!(old), json!(new)], "2026-11-07T13:00:00.000+0000".into()));
    door.org().purge_deletions();
    assert_eq!(told().await, (vec![json!(new)], "2026-11-22T11:00:00.000+0000".into()));
    door.sandbox.restore(&door.sandbox.keep().unwrap()).unwrap();
    assert_eq!(told().await.1, "2026-11-22T11:00:00.000+0000");
    assert_eq!(door.org().get("Account", &old).unwrap()["IsDeleted"], true);
}

#[tokio::test]
async fn a_window_that_has_not_begun_is_refused() {
    let door = Door::new();
    for what in ["updated", "deleted"] {
        let path = format!("/sobjects/Account/{what}/?start=2026-11-22T10:00:01Z&end=2026-11-22T11:00:00Z");
        let refused = door.call("GET", &path, None).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "INVALID_REPLICATION_DATE"));
        let now = format!("/sobjects/Account/{what}/?start=2026-11-22T10:00:00Z&end=2026-11-22T11:00:00Z");
        let told = door.call("GET", &now, None).await.json();
        assert_eq!(told["latestDateCovered"], "2026-11-22T10:00:00.000+0000");
    }
}
