"""xero-python: the reports that the books add up to."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from xero_python.accounting import (
    Account,
    Contact,
    Invoice,
    Invoices,
    LineItem,
    Payment,
    ReportWithRow,
)

from conftest import World, Xero

TODAY = date.today()
# Where the organisation is, the day may be over already.
LATER = TODAY + timedelta(days=2)


@pytest.fixture(scope="module")
def customer(world: World) -> Contact:
    """One who owes 230, and 115 of which nothing is due yet; 30 are paid."""
    xero = world.xero()
    contact = world.contact("Owes us")
    for amount, due in (("200", TODAY - timedelta(days=40)), ("100", TODAY + timedelta(days=40))):
        line = LineItem(
            description="Sold", quantity=Decimal(1), unit_amount=Decimal(amount), account_code="200"
        )
        for kind in ("ACCREC", "ACCPAY"):
            invoice = Invoice(
                type=kind,
                contact=contact,
                date=TODAY - timedelta(days=60),
                due_date=due,
                status="AUTHORISED",
                invoice_number=f"{kind}-{amount}",
                line_items=[line],
            )
            (invoice,) = xero.create_invoices(Invoices(invoices=[invoice])).invoices
            if (kind, amount) == ("ACCREC", "200"):
                bank = xero.get_accounts(where='Type=="BANK"').accounts[0]
                xero.create_payment(
                    Payment(
                        invoice=Invoice(invoice_id=invoice.invoice_id),
                        account=Account(account_id=bank.account_id),
                        date=TODAY,
                        amount=Decimal(30),
                    )
                )
    return contact


def cells(report: ReportWithRow) -> Iterator[list[str]]:
    """Every row of a report, whichever section it is in."""
    for section in report.rows:
        for row in [section, *(section.rows or [])]:
            if row.cells:
                yield [cell.value for cell in row.cells]


def named(report: ReportWithRow, name: str) -> list[str]:
    return next(row for row in cells(report) if row[0] == name)


def test_the_trial_balance_balances(xero: Xero, customer: Contact) -> None:
    (report,) = xero.get_report_trial_balance(date=LATER).reports
    total = named(report, "Total")
    assert Decimal(total[1]) == Decimal(total[2]) != 0


def test_what_was_paid_is_what_was_earned_on_a_cash_basis(xero: Xero, customer: Contact) -> None:
    (report,) = xero.get_report_trial_balance(date=LATER, payments_only=True).reports
    total = named(report, "Total")
    assert Decimal(total[1]) == Decimal(total[2]) != 0
    assert not [row for row in cells(report) if row[0].startswith("Accounts Receivable")]
    asked = {"from_date": date(2000, 1, 1), "to_date": LATER}
    (paid,) = xero.get_report_profit_and_loss(**asked, payments_only=True).reports
    (invoiced,) = xero.get_report_profit_and_loss(**asked).reports
    assert 0 < Decimal(named(paid, "Sales")[1]) < Decimal(named(invoiced, "Sales")[1])


def test_profit_by_tracking_adds_up_to_its_total(xero: Xero, customer: Contact) -> None:
    (region,) = xero.get_tracking_categories(where='Name=="Region"').tracking_categories
    (report,) = xero.get_report_profit_and_loss(
        from_date=TODAY - timedelta(days=90),
        to_date=LATER,
        tracking_category_id=region.tracking_category_id,
    ).reports
    names, sales = next(cells(report)), named(report, "Sales")
    assert names[-2:] == ["Unassigned", "Total"]
    assert {option.name for option in region.options} == set(names[1:-2])
    *parts, total = (Decimal(amount) for amount in sales[1:])
    assert sum(parts) == total != 0


def test_the_balance_sheet_balances(xero: Xero, customer: Contact) -> None:
    (report,) = xero.get_report_balance_sheet(date=LATER).reports
    assert report.report_name == "Balance Sheet"
    assert Decimal(named(report, "Net Assets")[1]) == Decimal(named(report, "Total Equity")[1])


def test_profit_is_what_was_earned_less_what_was_spent(xero: Xero, customer: Contact) -> None:
    (report,) = xero.get_report_profit_and_loss(from_date=TODAY - timedelta(days=90), to_date=LATER).reports
    sums = {row[0]: Decimal(row[1]) for row in cells(report) if row[0].startswith(("Total", "Net"))}
    earned = sums.get("Total Income", 0) + sums.get("Total Other Income", 0)
    spent = sums.get("Total Cost of Sales", 0) + sums.get("Total Operating Expenses", 0)
    assert sums["Net Profit"] == earned - spent
    assert earned != spent


def test_the_bank_summary_has_what_was_received(xero: Xero, customer: Contact) -> None:
    (report,) = xero.get_report_bank_summary(from_date=TODAY - timedelta(days=90), to_date=LATER).reports
    total = named(report, "Total")
    opening, received, spent, closing = (Decimal(value) for value in total[1:5])
    assert opening + received - spent == closing
    assert received >= 30


@pytest.mark.parametrize(
    ("call", "due"),
    [("get_report_aged_receivables_by_contact", "315.00"), ("get_report_aged_payables_by_contact", "345.00")],
)
def test_what_is_due_is_listed_by_its_age(xero: Xero, customer: Contact, call: str, due: str) -> None:
    (report,) = getattr(xero, call)(customer.contact_id, date=LATER).reports
    assert due in named(report, "Total")


def test_the_executive_summary_is_there(xero: Xero, customer: Contact) -> None:
    (report,) = xero.get_report_executive_summary(date=LATER).reports
    assert report.report_name == "Executive Summary"
    assert list(cells(report))
