"""xero-python, and what Xero writes to an application's webhook about its calls."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from xero_python.accounting import (
    Account,
    BankTransaction,
    BankTransactions,
    Contact,
    Contacts,
    CreditNote,
    CreditNotes,
    Invoice,
    Invoices,
    LineItem,
)

from conftest import World, Xero
from receiver import Receiver

TODAY = date.today()
CATEGORIES = ["CONTACT", "INVOICE", "CREDITNOTE", "PREPAYMENT", "OVERPAYMENT"]


@pytest.fixture(scope="module")
def receiver(world: World, letters: list[bytes]) -> Iterator[Receiver]:
    """It has proved that it tells Xero's signature from another one."""
    with Receiver(letters) as receiver:
        wanted = {"url": receiver.url, "key": receiver.key, "categories": CATEGORIES}
        world.control("xero", "webhooks", wanted)
        yield receiver


def test_a_webhook_proves_itself_and_then_hears_of_every_change(
    world: World, xero: Xero, receiver: Receiver
) -> None:
    (made,) = xero.create_contacts(Contacts(contacts=[Contact(name="Told of")])).contacts
    customer = Contact(contact_id=made.contact_id)
    xero.update_contact(made.contact_id, Contacts(contacts=[Contact(email_address="a@example.com")]))
    line = LineItem(description="Work", quantity=Decimal(1), unit_amount=Decimal(10), account_code="200")
    given = {"contact": customer, "date": TODAY, "line_items": [line]}
    (owed,) = xero.create_invoices(Invoices(invoices=[Invoice(type="ACCREC", **given)])).invoices
    notes = CreditNotes(credit_notes=[CreditNote(type="ACCRECCREDIT", **given)])
    (note,) = xero.create_credit_notes(notes).credit_notes
    bank = Account(account_id=xero.get_accounts(where='Type=="BANK"').accounts[0].account_id)
    wanted = [
        BankTransaction(type="RECEIVE-PREPAYMENT", bank_account=bank, **given),
        BankTransaction(
            type="RECEIVE-OVERPAYMENT",
            bank_account=bank,
            **{
                **given,
                "line_items": [LineItem(description="More", line_amount=Decimal(5), account_code="610")],
            },
        ),
    ]
    pre, over = xero.create_bank_transactions(BankTransactions(bank_transactions=wanted)).bank_transactions
    expected = {
        ("CONTACT", "CREATE", made.contact_id),
        ("CONTACT", "UPDATE", made.contact_id),
        ("INVOICE", "CREATE", owed.invoice_id),
        ("CREDITNOTE", "CREATE", note.credit_note_id),
        ("PREPAYMENT", "CREATE", pre.prepayment_id),
        ("OVERPAYMENT", "CREATE", over.overpayment_id),
    }
    told = receiver.wait_for(expected)
    assert {one["tenantId"] for one in told} == {xero.tenant}
    (state,) = world.control("xero", "webhooks")
    assert state["state"] == "OK"
