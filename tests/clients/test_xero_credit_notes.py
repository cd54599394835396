"""xero-python: credit notes and their allocations."""

from decimal import Decimal

import pytest
from xero_python.accounting import (
    Account,
    Allocation,
    Allocations,
    Contact,
    CreditNote,
    CreditNotes,
    Invoice,
    Payment,
    Payments,
)
from xero_python.exceptions import AccountingBadRequestException

from conftest import World, Xero
from papers import TODAY, invoice, line


@pytest.fixture(scope="module")
def customer(world: World) -> Contact:
    return world.contact("Customer with credit")


def credit(xero: Xero, customer: Contact, amount: str, **fields: object) -> CreditNote:
    given = {
        "type": "ACCRECCREDIT",
        "contact": customer,
        "date": TODAY,
        "status": "AUTHORISED",
        "line_items": [line(amount)],
        **fields,
    }
    (made,) = xero.create_credit_notes(CreditNotes(credit_notes=[CreditNote(**given)])).credit_notes
    return made


def test_a_credit_note_is_created_read_changed_and_voided(xero: Xero, customer: Contact) -> None:
    made = credit(xero, customer, "60.50", status="DRAFT", reference="Goodwill")
    (read,) = xero.get_credit_note(made.credit_note_id).credit_notes
    assert (read.status, read.reference, read.sub_total) == ("DRAFT", "Goodwill", Decimal("60.50"))
    assert read.credit_note_number.startswith("CN-")
    change = CreditNotes(credit_notes=[CreditNote(status="AUTHORISED", reference="Approved")])
    (changed,) = xero.update_credit_note(made.credit_note_id, change).credit_notes
    assert (changed.status, changed.reference) == ("AUTHORISED", "Approved")
    assert changed.remaining_credit == changed.total
    change = CreditNotes(credit_notes=[CreditNote(credit_note_id=made.credit_note_id, status="VOIDED")])
    (voided,) = xero.update_or_create_credit_notes(change).credit_notes
    assert voided.status == "VOIDED"


def test_credit_is_allocated_to_an_invoice_and_taken_back(xero: Xero, customer: Contact) -> None:
    note, owed = credit(xero, customer, "100"), invoice(xero, customer, "300")
    wanted = Allocation(amount=Decimal("40.00"), date=TODAY, invoice=Invoice(invoice_id=owed.invoice_id))
    (made,) = xero.create_credit_note_allocation(
        note.credit_note_id, Allocations(allocations=[wanted])
    ).allocations
    assert made.amount == Decimal("40.00")
    (note_now,) = xero.get_credit_note(note.credit_note_id).credit_notes
    (owed_now,) = xero.get_invoice(owed.invoice_id).invoices
    assert note_now.remaining_credit == note.total - 40
    assert (owed_now.amount_credited, owed_now.amount_due) == (Decimal("40.00"), owed.total - 40)
    (allocated,) = note_now.allocations
    xero.delete_credit_note_allocations(note.credit_note_id, allocated.allocation_id)
    (owed_now,) = xero.get_invoice(owed.invoice_id).invoices
    assert owed_now.amount_due == owed.total


def test_no_more_is_allocated_than_there_is(xero: Xero, customer: Contact) -> None:
    note, owed = credit(xero, customer, "10"), invoice(xero, customer, "300")
    wanted = Allocation(amount=Decimal(50), date=TODAY, invoice=Invoice(invoice_id=owed.invoice_id))
    with pytest.raises(AccountingBadRequestException):
        xero.create_credit_note_allocation(note.credit_note_id, Allocations(allocations=[wanted]))


def test_a_supplier_s_credit_is_allocated_to_a_bill(xero: Xero, customer: Contact) -> None:
    note = credit(xero, customer, "100", type="ACCPAYCREDIT", line_items=[line("100", "400")])
    owed = invoice(xero, customer, "300", "ACCPAY")
    assert note.type == "ACCPAYCREDIT"
    wanted = Allocation(amount=Decimal(40), date=TODAY, invoice=Invoice(invoice_id=owed.invoice_id))
    xero.create_credit_note_allocation(note.credit_note_id, Allocations(allocations=[wanted]))
    (note_now,) = xero.get_credit_note(note.credit_note_id).credit_notes
    (owed_now,) = xero.get_invoice(owed.invoice_id).invoices
    assert note_now.remaining_credit == note.total - 40
    assert (owed_now.amount_credited, owed_now.amount_due) == (Decimal(40), owed.total - 40)


@pytest.mark.parametrize(
    ("kind", "account_code", "payment_type"),
    [("ACCRECCREDIT", "200", "ARCREDITPAYMENT"), ("ACCPAYCREDIT", "400", "APCREDITPAYMENT")],
)
def test_credit_is_paid_out_from_a_bank_account_or_into_it(
    xero: Xero, customer: Contact, kind: str, account_code: str, payment_type: str
) -> None:
    note = credit(xero, customer, "20", type=kind, line_items=[line("20", account_code)])
    bank = xero.get_accounts(where='Type=="BANK"').accounts[0]
    wanted = Payment(
        credit_note=CreditNote(credit_note_id=note.credit_note_id),
        account=Account(account_id=bank.account_id),
        date=TODAY,
        amount=note.total,
    )
    (paid,) = xero.create_payments(Payments(payments=[wanted])).payments
    assert (paid.payment_type, paid.invoice.type) == (payment_type, kind)
    (read,) = xero.get_credit_note(note.credit_note_id).credit_notes
    assert (read.status, read.remaining_credit) == ("PAID", 0)


def test_credit_notes_are_listed(xero: Xero, customer: Contact) -> None:
    made = credit(xero, customer, "5", reference="Listed")
    found = xero.get_credit_notes(where='Reference=="Listed"', page=1, page_size=10)
    assert [one.credit_note_id for one in found.credit_notes] == [made.credit_note_id]
    assert found.credit_notes[0].line_items
