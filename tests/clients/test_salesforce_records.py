"""simple-salesforce: records, one at a time and many at once."""

import base64
from datetime import datetime, timedelta, timezone

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

from conftest import World


def test_a_record_is_created_read_changed_and_deleted(salesforce: Salesforce) -> None:
    made = salesforce.Account.create({"Name": "Crud & Co", "Phone": "+64 9 123 4567"})
    assert (made["success"], made["errors"]) == (True, [])
    assert len(made["id"]) == 18
    read = salesforce.Account.get(made["id"])
    assert (read["Name"], read["Phone"], read["Industry"]) == ("Crud & Co", "+64 9 123 4567", None)
    assert read["attributes"]["type"] == "Account"
    assert salesforce.Account.update(made["id"], {"Industry": "Technology", "Phone": None}) == 204
    read = salesforce.Account.get(made["id"])
    assert (read["Industry"], read["Phone"]) == ("Technology", None)
    assert salesforce.Account.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.Account.get(made["id"])


def test_some_fields_are_read_and_no_others(salesforce: Salesforce) -> None:
    made = salesforce.Account.create({"Name": "Only two"})
    read = salesforce.Account.get(made["id"], params={"fields": "Id,Name"})
    assert set(read) == {"attributes", "Id", "Name"}


def test_what_is_wrong_with_a_record_is_named(salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        salesforce.Contact.create({"FirstName": "Nameless"})
    (error,) = refused.value.content
    assert (error["errorCode"], error["fields"]) == ("REQUIRED_FIELD_MISSING", ["LastName"])
    with pytest.raises(SalesforceMalformedRequest) as refused:
        salesforce.Account.create({"Name": "Odd", "Nmae": "typo"})
    (error,) = refused.value.content
    assert error["errorCode"] == "INVALID_FIELD"
    assert "Nmae" in error["message"]


def test_an_unknown_object_is_not_found(salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceResourceNotFound) as refused:
        salesforce.Unicorn.get("001000000000001")
    assert refused.value.content[0]["errorCode"] == "NOT_FOUND"


def test_an_upsert_makes_a_record_and_then_changes_it(world: World, salesforce: Salesforce) -> None:
    field = {"object": "Account", "field": "Partner_Key__c: string(80) external unique"}
    world.control("salesforce", "fields", field)
    assert salesforce.Account.upsert("Partner_Key__c/K%2F1", {"Name": "First"}) == 201
    assert salesforce.Account.upsert("Partner_Key__c/K%2F1", {"Name": "Second"}) == 200
    read = salesforce.Account.get_by_custom_id("Partner_Key__c", "K/1")
    assert read["Name"] == "Second"


def test_a_key_that_several_records_have_names_them_all(world: World, salesforce: Salesforce) -> None:
    field = {"object": "Account", "field": "Shared_Key__c: string(80) external"}
    world.control("salesforce", "fields", field)
    twins = {"Name": "Twin", "Shared_Key__c": "S"}
    made = [salesforce.Account.create(twins)["id"] for _ in range(2)]
    for call in (
        lambda: salesforce.Account.upsert("Shared_Key__c/S", {"Name": "Third"}),
        lambda: salesforce.Account.get_by_custom_id("Shared_Key__c", "S"),
    ):
        with pytest.raises(SalesforceMoreThanOneRecord) as refused:
            call()
        assert [url.rpartition("/")[2] for url in refused.value.content] == made


def test_what_changed_and_what_was_deleted_is_listed(salesforce: Salesforce) -> None:
    made = salesforce.Lead.create({"LastName": "Changed", "Company": "Acme"})["id"]
    gone = salesforce.Lead.create({"LastName": "Gone", "Company": "Acme"})["id"]
    salesforce.Lead.delete(gone)
    now = datetime.now(timezone.utc)
    span = (now - timedelta(hours=1), now + timedelta(hours=1))
    updated = salesforce.Lead.updated(*span)
    assert made in updated["ids"]
    assert updated["latestDateCovered"]
    deleted = salesforce.Lead.deleted(*span)
    assert gone in [one["id"] for one in deleted["deletedRecords"]]
    assert deleted["earliestDateAvailable"]


def test_many_records_are_written_in_one_call(salesforce: Salesforce) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": f"Collected {n}"} for n in range(3)]
    records.append({"attributes": {"type": "Contact"}, "FirstName": "Nameless"})
    told = salesforce.restful(
        "composite/sobjects", method="POST", json={"allOrNone": False, "records": records}
    )
    assert [one["success"] for one in told] == [True, True, True, False]
    assert told[3]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    ids = [one["id"] for one in told[:3]]
    changes = [{"attributes": {"type": "Account"}, "id": each, "Industry": "Energy"} for each in ids]
    told = salesforce.restful(
        "composite/sobjects", method="PATCH", json={"allOrNone": True, "records": changes}
    )
    assert all(one["success"] for one in told)
    read = salesforce.restful(
        "composite/sobjects/Account", method="POST", json={"ids": ids, "fields": ["Industry"]}
    )
    assert [one["Industry"] for one in read] == ["Energy"] * 3
    told = salesforce.restful("composite/sobjects", {"ids": ",".join(ids)}, method="DELETE")
    assert all(one["success"] for one in told)


def test_many_records_are_upserted_by_a_key_of_theirs(world: World, salesforce: Salesforce) -> None:
    field = {"object": "Lead", "field": "Fair_Key__c: string(20) external unique"}
    world.control("salesforce", "fields", field)

    def upsert(*keys: str) -> list[tuple[bool, bool]]:
        leads = [
            {"attributes": {"type": "Lead"}, "Fair_Key__c": key, "LastName": key, "Company": "Fair"}
            for key in keys
        ]
        told = salesforce.restful(
            "composite/sobjects/Lead/Fair_Key__c", method="PATCH", json={"records": leads}
        )
        return [(one["success"], one["created"]) for one in told]

    assert upsert("A", "B") == [(True, True), (True, True)]
    assert upsert("B", "C", "D", "D") == [(True, False), (True, True), (False, False), (False, False)]


def test_calls_that_build_on_each_other_go_together(salesforce: Salesforce) -> None:
    base = f"/services/data/v{salesforce.sf_version}"
    calls = [
        {
            "method": "POST",
            "url": f"{base}/sobjects/Account",
            "referenceId": "company",
            "body": {"Name": "Composed"},
        },
        {
            "method": "POST",
            "url": f"{base}/sobjects/Contact",
            "referenceId": "person",
            "body": {"LastName": "Member", "AccountId": "@{company.id}"},
        },
        {
            "method": "GET",
            "url": f"{base}/sobjects/Contact/@{{person.id}}?fields=AccountId",
            "referenceId": "read",
        },
    ]
    answer = salesforce.restful(
        "composite", method="POST", json={"allOrNone": True, "compositeRequest": calls}
    )
    made, _, read = answer["compositeResponse"]
    assert [one["httpStatusCode"] for one in answer["compositeResponse"]] == [201, 201, 200]
    assert read["body"]["AccountId"] == made["body"]["id"]


def test_calls_that_have_nothing_to_do_with_each_other_go_together(salesforce: Salesforce) -> None:
    version = f"v{salesforce.sf_version}"
    calls = [
        {"method": "GET", "url": f"{version}/limits"},
        {"method": "GET", "url": f"{version}/sobjects/Unicorn"},
        {"method": "POST", "url": f"{version}/sobjects/Account", "richInput": {"Name": "Batched"}},
    ]
    answer = salesforce.restful("composite/batch", method="POST", json={"batchRequests": calls})
    assert [one["statusCode"] for one in answer["results"]] == [200, 404, 201]
    assert answer["hasErrors"] is True
    assert salesforce.Account.get(answer["results"][2]["result"]["id"])["Name"] == "Batched"


def test_one_that_fails_takes_the_others_back(salesforce: Salesforce) -> None:
    base = f"/services/data/v{salesforce.sf_version}/sobjects"
    calls = [
        {"method": "POST", "url": f"{base}/Account", "referenceId": "a", "body": {"Name": "Taken back"}},
        {"method": "POST", "url": f"{base}/Contact", "referenceId": "b", "body": {}},
    ]
    answer = salesforce.restful(
        "composite", method="POST", json={"allOrNone": True, "compositeRequest": calls}
    )
    assert [one["httpStatusCode"] for one in answer["compositeResponse"]] == [400, 400]
    assert salesforce.query("SELECT Id FROM Account WHERE Name = 'Taken back'")["totalSize"] == 0


def test_a_tree_of_records_is_made_at_once(salesforce: Salesforce) -> None:
    contact = {"attributes": {"type": "Contact", "referenceId": "child"}, "LastName": "Twig"}
    tree = {
        "attributes": {"type": "Account", "referenceId": "parent"},
        "Name": "Tree",
        "Contacts": {"records": [contact]},
    }
    answer = salesforce.restful("composite/tree/Account", method="POST", json={"records": [tree]})
    assert answer["hasErrors"] is False
    assert {one["referenceId"] for one in answer["results"]} == {"parent", "child"}


def test_a_file_is_uploaded_hung_on_a_record_and_read_back(salesforce: Salesforce) -> None:
    account = salesforce.Account.create({"Name": "With a file"})["id"]
    version = salesforce.ContentVersion.create(
        {
            "Title": "Terms",
            "PathOnClient": "terms.txt",
            "VersionData": base64.b64encode(b"as agreed").decode(),
            "FirstPublishLocationId": account,
        }
    )["id"]
    document = salesforce.ContentVersion.get(version)["ContentDocumentId"]
    query = f"SELECT LinkedEntityId FROM ContentDocumentLink WHERE ContentDocumentId = '{document}'"
    assert account in [one["LinkedEntityId"] for one in salesforce.query(query)["records"]]
    assert salesforce.ContentVersion.get_base64(version, "VersionData") == b"as agreed"


def test_a_graph_is_made_as_a_whole(salesforce: Salesforce) -> None:
    base = f"/services/data/v{salesforce.sf_version}/sobjects"
    account = {"method": "POST", "url": f"{base}/Account", "referenceId": "a", "body": {"Name": "Graph"}}
    body = {"LastName": "Node", "AccountId": "@{a.id}"}
    contact = {"method": "POST", "url": f"{base}/Contact", "referenceId": "b", "body": body}
    graphs = [{"graphId": "one", "compositeRequest": [account, contact]}]
    answer = salesforce.restful("composite/graph", method="POST", json={"graphs": graphs})
    (graph,) = answer["graphs"]
    assert (graph["graphId"], graph["isSuccessful"]) == ("one", True)
