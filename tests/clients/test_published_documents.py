"""Every answer that the other files got from Xero, against Xero's published documents. Runs after them."""

import http.client
import json
from fnmatch import fnmatchcase

import pytest

from disagreements import LETTERS, PLACES, SAMPLE
from internet import Answer
from published import FOLDER, Published, Webhooks, are_at_hand

if not are_at_hand():
    pytest.skip(f"Xero's published documents are not at {FOLDER}", allow_module_level=True)

# What no flow needs, and the stand-in doesn't have; and what the client asks for in another way: a document's sheet
# of paper comes from the document's own path, by `Accept`.
LEFT_OUT = (
    "*/CISSettings",
    "*/PaymentServices*",
    "*/pdf",
    "/Budgets*",
    "/ExpenseClaims*",
    "/InvoiceReminders*",
    "/Journals*",
    "/LinkedTransactions*",
    "/Projects/{}/Tasks*",
    "/Projects/{}/Time*",
    "/ProjectsUsers",
    "/Receipts*",
    "/Reports",
    "/Reports/BudgetSummary",
    "/Reports/TenNinetyNine",
    "/Reports/{}",
    "/Setup",
)


@pytest.fixture(scope="module")
def published() -> Published:
    return Published()


@pytest.fixture(scope="module")
def violations(published: Published, answers: list[Answer]) -> dict[str, str]:
    """The places that disagree, each with one example."""
    found = (violation for answer in answers for violation in published.violations(answer))
    return {violation.place: str(violation) for violation in found}


def test_a_wrong_name_number_date_and_word_are_found(published: Published) -> None:
    invoice = {"Totl": 1, "Total": "1.00", "Date": "2026-11-25", "Status": "DRAFTED", "InvoiceID": "7"}
    headers = http.client.HTTPMessage()
    headers["content-type"] = "application/json"
    body = json.dumps({"Invoices": [invoice]}).encode()
    answer = Answer("GET", "api.xero.com", "/api.xro/2.0/Invoices?page=1", 200, headers, body)
    places = {one.place for one in published.violations(answer)}
    assert places == {f"Invoice.{name}" for name in invoice}


def test_every_answer_is_as_xero_has_published_it(answers: list[Answer], violations: dict[str, str]) -> None:
    assert answers, "nothing was asked: run this together with the other files"
    unexpected = sorted(example for place, example in violations.items() if place not in PLACES)
    assert not unexpected, "\n".join(["", *unexpected])


def test_every_disagreement_is_real(violations: dict[str, str]) -> None:
    assert set(PLACES) <= set(violations)


def test_an_answer_that_the_document_does_not_know_is_found(published: Published) -> None:
    headers = http.client.HTTPMessage()
    headers["content-type"] = "application/json"
    answer = Answer("GET", "api.xero.com", "/api.xro/2.0/Invoices", 418, headers, b"{}")
    assert [one.place for one in published.violations(answer)] == ["answer.418"]


def test_every_letter_is_as_xero_has_published_it(letters: list[bytes]) -> None:
    assert letters, "nothing was written: run this together with the other files"
    webhooks = Webhooks()
    found = {one.place: str(one) for letter in letters for one in webhooks.violations(letter)}
    assert sorted(example for place, example in found.items() if place not in LETTERS) == []
    assert set(LETTERS) <= set(found), "every disagreement is real"


def test_a_wrong_word_in_a_letter_is_found() -> None:
    event = {"eventCategory": "CONTACT", "eventType": "CREATED", "resourceId": 7, "odd": 1}
    letter = {"events": [event], "firstEventSequence": 1, "lastEventSequence": "1", "entropy": "x"}
    places = {one.place for one in Webhooks().violations(json.dumps(letter).encode())}
    assert {"event.eventType", "event.resourceId", "event.odd", "letter.lastEventSequence"} <= places


def test_what_is_said_of_the_samples_is_so(published: Published) -> None:
    documents = published.documents.values()
    for place in (place for place, reason in PLACES.items() if reason is SAMPLE):
        kind, _, name = place.partition(".")
        samples = [sample for document in documents for sample in document.samples(kind)]
        assert any(f'"{name}"' in sample for sample in samples), place


def test_everything_in_the_documents_was_asked(published: Published, answers: list[Answer]) -> None:
    """Two operations that a path can't tell apart (by id, by number) count as one."""
    asked = {
        found[1].shape for answer in answers if answer.status < 300 and (found := published.operation(answer))
    }
    every = {one.shape for document in published.documents.values() for one in document.operations}
    wanted = {one for one in every if not any(fnmatchcase(one[1], path) for path in LEFT_OUT)}
    assert sorted(wanted - asked) == []
    assert len(wanted) > 150
