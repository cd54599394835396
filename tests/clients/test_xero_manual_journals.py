"""xero-python: manual journals."""

from datetime import date
from decimal import Decimal

import pytest
from xero_python.accounting import (
    ManualJournal,
    ManualJournalLine,
    ManualJournals,
)
from xero_python.exceptions import AccountingBadRequestException

from conftest import Xero

TODAY = date.today()


def entry(amount: str, account: str) -> ManualJournalLine:
    return ManualJournalLine(line_amount=Decimal(amount), account_code=account, description="By hand")


def write(xero: Xero, *lines: ManualJournalLine, **fields: object) -> ManualJournal:
    journal = ManualJournal(narration="Moved", date=TODAY, journal_lines=list(lines), **fields)
    made = xero.create_manual_journals(ManualJournals(manual_journals=[journal]))
    return made.manual_journals[0]


def test_a_journal_is_written_posted_and_voided(xero: Xero) -> None:
    made = write(xero, entry("100.00", "400"), entry("-100.00", "453"), status="DRAFT")
    (read,) = xero.get_manual_journal(made.manual_journal_id).manual_journals
    assert (read.narration, read.status) == ("Moved", "DRAFT")
    assert [(one.account_code, one.line_amount) for one in read.journal_lines] == [
        ("400", 100),
        ("453", -100),
    ]
    for status in ("POSTED", "VOIDED"):
        change = ManualJournals(manual_journals=[ManualJournal(narration="Moved", status=status)])
        (changed,) = xero.update_manual_journal(made.manual_journal_id, change).manual_journals
        assert changed.status == status


def test_a_journal_that_does_not_balance_is_refused(xero: Xero) -> None:
    with pytest.raises(AccountingBadRequestException):
        write(xero, entry("100.00", "400"), entry("-99.99", "453"))


def test_journals_are_written_together_and_listed(xero: Xero) -> None:
    journals = [
        ManualJournal(
            narration=f"Listed {n}", date=TODAY, journal_lines=[entry("1", "400"), entry("-1", "453")]
        )
        for n in range(2)
    ]
    xero.update_or_create_manual_journals(ManualJournals(manual_journals=journals))
    found = xero.get_manual_journals(where='Narration.StartsWith("Listed")', order="Narration", page=1)
    assert [one.narration for one in found.manual_journals] == ["Listed 0", "Listed 1"]
