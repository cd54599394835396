"""Papers that several suites need, as xero-python makes them."""

from datetime import date
from decimal import Decimal

from xero_python.accounting import Contact, Invoice, Invoices, LineItem

from conftest import Xero

TODAY = date.today()


def line(amount: str, account_code: str = "200") -> LineItem:
    return LineItem(
        description="As agreed",
        quantity=Decimal(1),
        unit_amount=Decimal(amount),
        account_code=account_code,
    )


def approved(xero: Xero, contact: Contact, kind: str, of: LineItem) -> Invoice:
    """An invoice or a bill, due today, with one line."""
    wanted = Invoice(
        type=kind,
        contact=contact,
        date=TODAY,
        due_date=TODAY,
        status="AUTHORISED",
        line_items=[of],
    )
    (made,) = xero.create_invoices(Invoices(invoices=[wanted])).invoices
    return made


def invoice(xero: Xero, customer: Contact, amount: str = "100", kind: str = "ACCREC") -> Invoice:
    return approved(xero, customer, kind, line(amount, "200" if kind == "ACCREC" else "400"))
