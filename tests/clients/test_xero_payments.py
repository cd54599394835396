"""xero-python: payments, batch payments, prepayments and overpayments."""

from decimal import Decimal

import pytest
from xero_python.accounting import (
    Account,
    Allocation,
    Allocations,
    BankTransaction,
    BankTransactions,
    BatchPayment,
    BatchPaymentDelete,
    BatchPaymentDeleteByUrlParam,
    BatchPayments,
    Contact,
    Invoice,
    Overpayment,
    Payment,
    PaymentDelete,
    Payments,
    Prepayment,
)
from xero_python.exceptions import AccountingBadRequestException

from conftest import World, Xero
from papers import TODAY, invoice, line


@pytest.fixture(scope="module")
def customer(world: World) -> Contact:
    return world.contact("Customer who pays")


@pytest.fixture(scope="module")
def bank(world: World) -> Account:
    account = world.xero().get_accounts(where='Type=="BANK"').accounts[0]
    return Account(account_id=account.account_id)


def pay(xero: Xero, bank: Account, owed: Invoice, amount: Decimal, **fields: object) -> Payment:
    wanted = Payment(
        invoice=Invoice(invoice_id=owed.invoice_id), account=bank, date=TODAY, amount=amount, **fields
    )
    return xero.create_payment(wanted).payments[0]


def read(xero: Xero, invoice: Invoice) -> Invoice:
    return xero.get_invoice(invoice.invoice_id).invoices[0]


def test_an_invoice_is_paid_in_parts_and_then_is_paid(xero: Xero, customer: Contact, bank: Account) -> None:
    owed = invoice(xero, customer)
    first = pay(xero, bank, owed, Decimal("15.00"), reference="First part")
    assert (first.status, first.payment_type) == ("AUTHORISED", "ACCRECPAYMENT")
    assert (read(xero, owed).status, read(xero, owed).amount_due) == ("AUTHORISED", owed.total - 15)
    wanted = Payment(
        invoice=Invoice(invoice_id=owed.invoice_id), account=bank, date=TODAY, amount=owed.total - 15
    )
    xero.create_payments(Payments(payments=[wanted]))
    paid = read(xero, owed)
    assert (paid.status, paid.amount_due, paid.amount_paid) == ("PAID", 0, owed.total)
    assert paid.fully_paid_on_date == TODAY
    assert len(paid.payments) == 2


def test_a_bill_is_paid(xero: Xero, customer: Contact, bank: Account) -> None:
    owed = invoice(xero, customer, kind="ACCPAY")
    payment = pay(xero, bank, owed, owed.total)
    assert (payment.payment_type, payment.invoice.type) == ("ACCPAYPAYMENT", "ACCPAY")
    assert (read(xero, owed).status, read(xero, owed).amount_due) == ("PAID", 0)


def test_a_payment_that_is_taken_back_opens_the_invoice_again(
    xero: Xero, customer: Contact, bank: Account
) -> None:
    owed = invoice(xero, customer)
    payment = pay(xero, bank, owed, owed.total)
    (deleted,) = xero.delete_payment(payment.payment_id, PaymentDelete(status="DELETED")).payments
    assert deleted.status == "DELETED"
    assert (read(xero, owed).status, read(xero, owed).amount_due) == ("AUTHORISED", owed.total)


def test_nobody_pays_more_than_is_owed(xero: Xero, customer: Contact, bank: Account) -> None:
    owed = invoice(xero, customer)
    with pytest.raises(AccountingBadRequestException, match="exceeds the amount outstanding"):
        pay(xero, bank, owed, owed.total + 1)


def test_payments_are_read_and_listed(xero: Xero, customer: Contact, bank: Account) -> None:
    payment = pay(xero, bank, invoice(xero, customer), Decimal(1), reference="To be found")
    (found,) = xero.get_payment(payment.payment_id).payments
    assert (found.amount, found.reference) == (1, "To be found")
    listed = xero.get_payments(where='Reference=="To be found"', page=1, page_size=10)
    assert [one.payment_id for one in listed.payments] == [payment.payment_id]


def test_several_invoices_are_paid_by_one_transfer(xero: Xero, customer: Contact, bank: Account) -> None:
    def batch() -> tuple[BatchPayment, list[Invoice]]:
        owed = [invoice(xero, customer), invoice(xero, customer)]
        parts = [Payment(invoice=Invoice(invoice_id=one.invoice_id), amount=one.total) for one in owed]
        wanted = BatchPayment(account=bank, date=TODAY, reference="Batch", payments=parts)
        made = xero.create_batch_payment(BatchPayments(batch_payments=[wanted])).batch_payments[0]
        return made, owed

    made, owed = batch()
    assert made.total_amount == sum(one.total for one in owed)
    assert [read(xero, one).status for one in owed] == ["PAID", "PAID"]
    (found,) = xero.get_batch_payment(made.batch_payment_id).batch_payments
    assert len(found.payments) == 2
    ids = [one.batch_payment_id for one in xero.get_batch_payments().batch_payments]
    assert made.batch_payment_id in ids
    ended = BatchPaymentDelete(batch_payment_id=made.batch_payment_id, status="DELETED")
    assert xero.delete_batch_payment(ended).batch_payments[0].status == "DELETED"
    assert [read(xero, one).status for one in owed] == ["AUTHORISED", "AUTHORISED"]

    made, owed = batch()
    by_url = BatchPaymentDeleteByUrlParam(status="DELETED")
    xero.delete_batch_payment_by_url_param(made.batch_payment_id, by_url)
    assert [read(xero, one).amount_due for one in owed] == [one.total for one in owed]


def receive(xero: Xero, customer: Contact, bank: Account, kind: str, amount: str) -> BankTransaction:
    """Money that comes in, or goes out, without an invoice."""
    codes = {"RECEIVE-OVERPAYMENT": "610", "SPEND-OVERPAYMENT": "800", "SPEND-PREPAYMENT": "400"}
    part = line(amount, codes.get(kind, "200"))
    wanted = BankTransaction(type=kind, contact=customer, bank_account=bank, date=TODAY, line_items=[part])
    made = xero.create_bank_transactions(BankTransactions(bank_transactions=[wanted]))
    return made.bank_transactions[0]


def test_a_prepayment_is_allocated_to_an_invoice_and_taken_back(
    xero: Xero, customer: Contact, bank: Account
) -> None:
    received = receive(xero, customer, bank, "RECEIVE-PREPAYMENT", "50")
    (kept,) = xero.get_prepayment(received.prepayment_id).prepayments
    assert (kept.type, kept.remaining_credit) == ("RECEIVE-PREPAYMENT", kept.total)
    owed = invoice(xero, customer)
    wanted = Allocation(amount=Decimal(30), date=TODAY, invoice=Invoice(invoice_id=owed.invoice_id))
    xero.create_prepayment_allocations(kept.prepayment_id, Allocations(allocations=[wanted]))
    (now,) = xero.get_prepayment(kept.prepayment_id).prepayments
    assert now.remaining_credit == kept.total - 30
    assert read(xero, owed).amount_due == owed.total - 30
    xero.delete_prepayment_allocations(kept.prepayment_id, now.allocations[0].allocation_id)
    assert read(xero, owed).amount_due == owed.total
    listed = xero.get_prepayments(page=1, page_size=100).prepayments
    assert kept.prepayment_id in [one.prepayment_id for one in listed]


def test_a_prepayment_to_a_supplier_is_allocated_to_a_bill(
    xero: Xero, customer: Contact, bank: Account
) -> None:
    spent = receive(xero, customer, bank, "SPEND-PREPAYMENT", "50")
    owed = invoice(xero, customer, kind="ACCPAY")
    wanted = Allocation(amount=Decimal(30), date=TODAY, invoice=Invoice(invoice_id=owed.invoice_id))
    xero.create_prepayment_allocations(spent.prepayment_id, Allocations(allocations=[wanted]))
    (kept,) = xero.get_prepayment(spent.prepayment_id).prepayments
    assert (kept.type, kept.remaining_credit) == ("SPEND-PREPAYMENT", kept.total - 30)
    assert read(xero, owed).amount_due == owed.total - 30


@pytest.mark.parametrize(
    ("kind", "payment_type", "document_type"),
    [
        ("RECEIVE-PREPAYMENT", "ARPREPAYMENTPAYMENT", "ARPREPAYMENT"),
        ("SPEND-PREPAYMENT", "APPREPAYMENTPAYMENT", "APPREPAYMENT"),
        ("RECEIVE-OVERPAYMENT", "AROVERPAYMENTPAYMENT", "AROVERPAYMENT"),
        ("SPEND-OVERPAYMENT", "APOVERPAYMENTPAYMENT", "APOVERPAYMENT"),
    ],
)
def test_what_was_paid_without_an_invoice_is_paid_back(
    xero: Xero, customer: Contact, bank: Account, kind: str, payment_type: str, document_type: str
) -> None:
    kept = receive(xero, customer, bank, kind, "50")
    if kind.endswith("PREPAYMENT"):
        document = {"prepayment": Prepayment(prepayment_id=kept.prepayment_id)}
    else:
        document = {"overpayment": Overpayment(overpayment_id=kept.overpayment_id)}
    wanted = Payment(account=bank, date=TODAY, amount=kept.total, **document)
    (back,) = xero.create_payments(Payments(payments=[wanted])).payments
    assert (back.payment_type, back.amount) == (payment_type, kept.total)
    assert xero.get_payment(back.payment_id).payments[0].invoice.type == document_type
    if kept.prepayment_id:
        (now,) = xero.get_prepayment(kept.prepayment_id).prepayments
    else:
        (now,) = xero.get_overpayment(kept.overpayment_id).overpayments
    assert (now.type, now.status, now.remaining_credit) == (kind, "PAID", 0)


def test_an_overpayment_is_allocated_to_an_invoice_and_taken_back(
    xero: Xero, customer: Contact, bank: Account
) -> None:
    received = receive(xero, customer, bank, "RECEIVE-OVERPAYMENT", "50")
    (kept,) = xero.get_overpayment(received.overpayment_id).overpayments
    assert (kept.type, kept.remaining_credit) == ("RECEIVE-OVERPAYMENT", Decimal("50.00"))
    owed = invoice(xero, customer)
    wanted = Allocation(amount=Decimal(50), date=TODAY, invoice=Invoice(invoice_id=owed.invoice_id))
    xero.create_overpayment_allocations(kept.overpayment_id, Allocations(allocations=[wanted]))
    (now,) = xero.get_overpayment(kept.overpayment_id).overpayments
    assert (now.status, now.remaining_credit) == ("PAID", 0)
    xero.delete_overpayment_allocations(kept.overpayment_id, now.allocations[0].allocation_id)
    assert read(xero, owed).amount_due == owed.total
    listed = xero.get_overpayments(page=1, page_size=100).overpayments
    assert kept.overpayment_id in [one.overpayment_id for one in listed]
