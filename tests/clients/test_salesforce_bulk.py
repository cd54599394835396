"""simple-salesforce: Bulk API 2.0."""

import csv
import io
from pathlib import Path

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceOperationError

from conftest import World

# Seconds before the client first asks how far a job is; its own default is 5.
WAIT = 0.05


def test_records_are_inserted_changed_and_deleted_by_the_job(salesforce: Salesforce) -> None:
    records = [{"LastName": f"Bulk {n}", "Company": "Bulk, Ltd"} for n in range(25)]
    (job,) = salesforce.bulk2.Lead.insert(records=records, wait=WAIT)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (25, 0)
    successes = salesforce.bulk2.Lead.get_successful_records(job["job_id"])
    ids = [one["sf__Id"] for one in csv.DictReader(io.StringIO(successes))]
    assert len(set(ids)) == 25
    query = "SELECT COUNT() FROM Lead WHERE Company = 'Bulk, Ltd'"
    assert salesforce.query(query)["totalSize"] == 25

    (job,) = salesforce.bulk2.Lead.update(records=[{"Id": each, "City": "Åre"} for each in ids], wait=WAIT)
    assert job["numberRecordsFailed"] == 0
    assert salesforce.Lead.get(ids[0])["City"] == "Åre"

    (job,) = salesforce.bulk2.Lead.delete(records=[{"Id": each} for each in ids], wait=WAIT)
    assert job["numberRecordsFailed"] == 0
    assert salesforce.query(query)["totalSize"] == 0


def test_the_bad_records_of_a_job_are_told_apart(salesforce: Salesforce) -> None:
    records = [{"LastName": "Good", "Company": "Half"}, {"LastName": "", "Company": "Half"}]
    (job,) = salesforce.bulk2.Lead.insert(records=records, wait=WAIT)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (2, 1)
    (failure,) = csv.DictReader(io.StringIO(salesforce.bulk2.Lead.get_failed_records(job["job_id"])))
    assert "REQUIRED_FIELD_MISSING" in failure["sf__Error"]


def test_a_query_job_reads_everything_page_by_page(salesforce: Salesforce) -> None:
    records = [{"Name": f"Queried in bulk {n:02}"} for n in range(30)]
    salesforce.bulk2.Account.insert(records=records, wait=WAIT)
    query = "SELECT Name FROM Account WHERE Name LIKE 'Queried in bulk%' ORDER BY Name"
    pages = list(salesforce.bulk2.Account.query(query, max_records=20, wait=WAIT))
    rows = [row["Name"] for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert len(pages) == 2
    assert rows == [one["Name"] for one in records]


def test_an_upsert_makes_what_is_new_and_changes_what_is_known(
    world: World, salesforce: Salesforce, tmp_path: Path
) -> None:
    field = {"object": "Account", "field": "Bulk_Key__c: string(20) external unique"}
    world.control("salesforce", "fields", field)
    known = salesforce.Account.create({"Name": "Known", "Bulk_Key__c": "K1", "Phone": "1"})["id"]
    file = tmp_path / "accounts.csv"
    file.write_text("Bulk_Key__c,Name,Phone\nK1,Known in bulk,#N/A\nK2,New in bulk,2\n")
    (job,) = salesforce.bulk2.Account.upsert(str(file), external_id_field="Bulk_Key__c", wait=WAIT)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (2, 0)
    told = salesforce.bulk2.Account.get_all_ingest_records(job["job_id"])
    assert [one["sf__Created"] for one in told["successfulRecords"]] == ["false", "true"]
    assert (told["failedRecords"], told["unprocessedRecords"]) == ([], [])
    read = salesforce.Account.get(known)
    assert (read["Name"], read["Phone"]) == ("Known in bulk", None)


def test_what_is_deleted_for_good_is_in_no_bin_and_the_rest_is_read_with_it(
    salesforce: Salesforce, tmp_path: Path
) -> None:
    made = [salesforce.Account.create({"Name": f"Binned {n}"})["id"] for n in range(3)]
    salesforce.Account.delete(made[1])
    (job,) = salesforce.bulk2.Account.hard_delete(records=[{"Id": made[0]}], wait=WAIT)
    assert job["numberRecordsFailed"] == 0
    query = "SELECT Id, IsDeleted FROM Account WHERE Name LIKE 'Binned %' ORDER BY Name"
    (page,) = salesforce.bulk2.Account.query_all(query, wait=WAIT)
    rows = [(row["Id"], row["IsDeleted"]) for row in csv.DictReader(io.StringIO(page))]
    assert rows == [(made[1], "true"), (made[2], "false")]
    (part,) = salesforce.bulk2.Account.download(query, path=str(tmp_path), wait=WAIT)
    assert part["number_of_records"] == 1
    assert made[2] in Path(part["file"]).read_text()


def test_a_job_that_can_not_be_read_fails_as_a_whole(salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceOperationError, match="Field name not found : Nmae"):
        salesforce.bulk2.Account.insert(records=[{"Nmae": "typo"}], wait=WAIT)
