"""simple-salesforce: queries, searches, and what the org says of itself."""

import pytest
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import SalesforceMalformedRequest

from conftest import World

MANY = 2_300


@pytest.fixture(scope="module")
def many(salesforce: Salesforce) -> int:
    """More leads than a page of a query has."""
    for start in range(0, MANY, 200):
        records = [
            {"attributes": {"type": "Lead"}, "LastName": f"Lead {n:04}", "Company": "Many Ltd"}
            for n in range(start, min(start + 200, MANY))
        ]
        told = salesforce.restful("composite/sobjects", method="POST", json={"records": records})
        assert all(one["success"] for one in told)
    return MANY


def test_a_query_reads_fields_of_a_record_and_of_its_parent(salesforce: Salesforce) -> None:
    account = salesforce.Account.create({"Name": "It's \\quoted\\"})["id"]
    salesforce.Contact.create({"LastName": "Queried", "AccountId": account})
    query = format_soql(
        "SELECT LastName, Account.Name FROM Contact WHERE Account.Name = {}", "It's \\quoted\\"
    )
    (found,) = salesforce.query(query)["records"]
    assert (found["LastName"], found["Account"]["Name"]) == ("Queried", "It's \\quoted\\")


def test_children_come_with_their_parent(salesforce: Salesforce) -> None:
    account = salesforce.Account.create({"Name": "Parent"})["id"]
    for name in ("A", "B"):
        salesforce.Contact.create({"LastName": name, "AccountId": account})
    query = (
        f"SELECT Id, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account WHERE Id = '{account}'"
    )
    (found,) = salesforce.query(query)["records"]
    children = found["Contacts"]
    assert (children["totalSize"], children["done"]) == (2, True)
    assert [one["LastName"] for one in children["records"]] == ["A", "B"]


def test_a_long_answer_comes_in_pages(salesforce: Salesforce, many: int) -> None:
    query = "SELECT LastName FROM Lead WHERE Company = 'Many Ltd' ORDER BY LastName"
    first = salesforce.query(query)
    assert (first["totalSize"], first["done"], len(first["records"])) == (many, False, 2000)
    by_url = salesforce.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    by_id = salesforce.query_more(first["nextRecordsUrl"].rpartition("/")[2])
    assert (by_url["done"], len(by_url["records"])) == (True, many - 2000)
    assert by_url["records"] == by_id["records"]
    names = [one["LastName"] for one in salesforce.query_all_iter(query)]
    assert names == [f"Lead {n:04}" for n in range(many)]
    assert salesforce.query_all(query)["totalSize"] == many


def test_deleted_records_are_seen_by_those_who_ask_for_them(salesforce: Salesforce) -> None:
    gone = salesforce.Account.create({"Name": "Deleted one"})["id"]
    salesforce.Account.delete(gone)
    query = "SELECT Id, IsDeleted FROM Account WHERE Name = 'Deleted one'"
    assert salesforce.query(query)["totalSize"] == 0
    (found,) = salesforce.query_all(query, include_deleted=True)["records"]
    assert (found["Id"], found["IsDeleted"]) == (gone, True)


def test_a_query_that_can_not_be_read_is_refused(salesforce: Salesforce) -> None:
    for query, code in (
        ("SELECT FROM Account", "MALFORMED_QUERY"),
        ("SELECT Nmae FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Unicorn", "INVALID_TYPE"),
    ):
        with pytest.raises(SalesforceMalformedRequest) as refused:
            salesforce.query(query)
        assert refused.value.content[0]["errorCode"] == code, query


def test_the_org_describes_its_objects_and_their_fields(salesforce: Salesforce) -> None:
    objects = {one["name"]: one for one in salesforce.describe()["sobjects"]}
    assert {"Account", "Contact", "Lead", "Opportunity", "Task", "User"} <= set(objects)
    assert objects["Account"]["keyPrefix"] == "001"
    fields = {field["name"]: field for field in salesforce.Opportunity.describe()["fields"]}
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    assert "Closed Won" in [value["value"] for value in fields["StageName"]["picklistValues"]]
    assert (fields["Name"]["nillable"], fields["Id"]["createable"]) == (False, False)
    assert salesforce.Opportunity.metadata()["objectDescribe"]["name"] == "Opportunity"


def test_the_org_says_what_is_left_of_its_limits(world: World, salesforce: Salesforce) -> None:
    limits = salesforce.limits()["DailyApiRequests"]
    assert 0 < limits["Remaining"] < limits["Max"]
    assert salesforce.api_usage["api-usage"].total == limits["Max"]


def test_records_are_counted_and_summed_by_group(salesforce: Salesforce) -> None:
    """Groups of a picklist come in the order of its values."""
    for stage, amount in (("Prospecting", 10.5), ("Prospecting", 20), ("Closed Won", 7)):
        salesforce.Opportunity.create(
            {"Name": "Summed", "StageName": stage, "Amount": amount, "CloseDate": "2030-01-31"}
        )
    query = (
        "SELECT StageName, COUNT(Id) deals, SUM(Amount) total FROM Opportunity WHERE Name = 'Summed' "
        "GROUP BY StageName ORDER BY StageName"
    )
    groups = salesforce.query(query)["records"]
    assert [(one["StageName"], one["deals"], one["total"]) for one in groups] == [
        ("Prospecting", 2, 30.5),
        ("Closed Won", 1, 7),
    ]
    counted = salesforce.query("SELECT COUNT() FROM Opportunity WHERE Name = 'Summed'")
    assert (counted["totalSize"], counted["records"]) == (3, [])


def test_a_search_finds_names_in_several_objects(salesforce: Salesforce) -> None:
    account = salesforce.Account.create({"Name": "Zebrawood Partners"})["id"]
    contact = salesforce.Contact.create({"LastName": "Zebrawood"})["id"]
    found = salesforce.search("FIND {zebrawood} IN NAME FIELDS RETURNING Account(Id, Name), Contact(Id)")
    assert {one["Id"] for one in found["searchRecords"]} == {account, contact}
    quick = salesforce.quick_search("Zebrawood")
    assert {account, contact} <= {one["Id"] for one in quick["searchRecords"]}
    wanted = {"q": "Zebrawood", "sobjects": [{"name": "Account", "fields": ["Id", "Name"]}]}
    by_parameter = salesforce.restful("parameterizedSearch", method="POST", json=wanted)
    assert [one["Name"] for one in by_parameter["searchRecords"]] == ["Zebrawood Partners"]
