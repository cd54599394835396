"""simple-salesforce: Bulk API 2.0."""

import csv
import io

from simple_salesforce import Salesforce

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
