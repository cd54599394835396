"""xero-python: repeating invoices."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from xero_python.accounting import (
    Contact,
    LineAmountTypes,
    LineItem,
    RepeatingInvoice,
    RepeatingInvoices,
    Schedule,
)

from conftest import World, Xero

TODAY = date.today()


@pytest.fixture(scope="module")
def partner(world: World) -> Contact:
    return world.contact("Tenant")


def template(partner: Contact, **fields: object) -> RepeatingInvoice:
    line = LineItem(description="Rent", quantity=Decimal(2), unit_amount=Decimal(100), account_code="200")
    schedule = Schedule(
        period=1,
        unit="MONTHLY",
        due_date=10,
        due_date_type="OFFOLLOWINGMONTH",
        start_date=TODAY + timedelta(days=3),
    )
    return RepeatingInvoice(
        type="ACCREC",
        contact=partner,
        schedule=schedule,
        line_items=[line],
        line_amount_types=LineAmountTypes.EXCLUSIVE,
        status="DRAFT",
        **fields,
    )


def test_an_invoice_that_repeats_is_made_and_ended(xero: Xero, partner: Contact) -> None:
    templates = RepeatingInvoices(repeating_invoices=[template(partner, reference="Rent")])
    (made,) = xero.create_repeating_invoices(templates).repeating_invoices
    (read,) = xero.get_repeating_invoice(made.repeating_invoice_id).repeating_invoices
    assert (read.reference, read.sub_total, read.total) == ("Rent", 200, 230)
    assert (read.schedule.unit, read.schedule.period) == ("MONTHLY", 1)
    assert read.schedule.next_scheduled_date == TODAY + timedelta(days=3)
    listed = xero.get_repeating_invoices(where='Reference=="Rent"').repeating_invoices
    assert [one.repeating_invoice_id for one in listed] == [made.repeating_invoice_id]
    ended = RepeatingInvoices(repeating_invoices=[RepeatingInvoice(status="DELETED")])
    (gone,) = xero.update_repeating_invoice(made.repeating_invoice_id, ended).repeating_invoices
    assert gone.status == "DELETED"
    assert made.repeating_invoice_id not in [
        one.repeating_invoice_id for one in xero.get_repeating_invoices().repeating_invoices
    ]


def test_templates_are_made_and_ended_by_one_kind_of_call(xero: Xero, partner: Contact) -> None:
    templates = RepeatingInvoices(repeating_invoices=[template(partner, reference="Both ways")])
    (made,) = xero.update_or_create_repeating_invoices(templates).repeating_invoices
    assert (made.status, made.reference) == ("DRAFT", "Both ways")
    ended = RepeatingInvoice(repeating_invoice_id=made.repeating_invoice_id, status="DELETED")
    wanted = RepeatingInvoices(repeating_invoices=[ended])
    (gone,) = xero.update_or_create_repeating_invoices(wanted).repeating_invoices
    assert gone.status == "DELETED"
