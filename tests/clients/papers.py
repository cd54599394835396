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


def invoice(xero: Xero, customer: Contact, amount: str = "100", kind: str = "ACCREC") -> Invoice:
    """Approved and due today, with one line."""
    wanted = Invoice(
        type=kind,
        contact=customer,
        date=TODAY,
        due_date=TODAY,
        status="AUTHORISED",
        line_items=[line(amount, "200" if kind == "ACCREC" else "400")],
    )
    (made,) = xero.create_invoices(Invoices(invoices=[wanted])).invoices
    return made
