"""xero-python: files and notes on every kind of document that takes them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from xero_python.accounting import (
    Account,
    BankTransaction,
    BankTransactions,
    BankTransfer,
    BankTransfers,
    BatchPayment,
    BatchPayments,
    Contact,
    CreditNote,
    CreditNotes,
    HistoryRecord,
    HistoryRecords,
    Invoice,
    Invoices,
    Item,
    Items,
    LineItem,
    ManualJournal,
    ManualJournalLine,
    ManualJournals,
    Payment,
    PurchaseOrder,
    PurchaseOrders,
    Quote,
    Quotes,
    RepeatingInvoice,
    RepeatingInvoices,
    Schedule,
)
from xero_python.exceptions import AccountingBadRequestException, NotFoundException

from conftest import World, Xero

TODAY = date.today()
LINE = LineItem(
    description="As agreed", quantity=Decimal(1), unit_amount=Decimal("99.95"), account_code="200"
)


@dataclass(frozen=True)
class Books:
    """What the documents are made of."""

    xero: Xero
    contact: Contact
    banks: list[Account]

    def contact_id(self) -> str:
        return self.contact.contact_id

    def account(self) -> str:
        return self.xero.get_accounts(where='Code=="200"').accounts[0].account_id

    def invoice(self) -> str:
        wanted = Invoice(
            type="ACCREC",
            contact=self.contact,
            date=TODAY,
            due_date=TODAY,
            status="AUTHORISED",
            line_items=[LINE],
        )
        return self.xero.create_invoices(Invoices(invoices=[wanted])).invoices[0].invoice_id

    def credit_note(self) -> str:
        wanted = CreditNote(
            type="ACCRECCREDIT",
            contact=self.contact,
            date=TODAY,
            status="AUTHORISED",
            line_items=[LINE],
        )
        made = self.xero.create_credit_notes(CreditNotes(credit_notes=[wanted]))
        return made.credit_notes[0].credit_note_id

    def quote(self) -> str:
        wanted = Quote(contact=self.contact, date=TODAY, line_items=[LINE])
        return self.xero.create_quotes(Quotes(quotes=[wanted])).quotes[0].quote_id

    def purchase_order(self) -> str:
        wanted = PurchaseOrder(contact=self.contact, date=TODAY, line_items=[LINE])
        made = self.xero.create_purchase_orders(PurchaseOrders(purchase_orders=[wanted]))
        return made.purchase_orders[0].purchase_order_id

    def repeating_invoice(self) -> str:
        schedule = Schedule(
            period=1,
            unit="MONTHLY",
            due_date=10,
            due_date_type="OFFOLLOWINGMONTH",
            start_date=TODAY + timedelta(days=3),
        )
        wanted = RepeatingInvoice(type="ACCREC", contact=self.contact, schedule=schedule, line_items=[LINE])
        made = self.xero.create_repeating_invoices(RepeatingInvoices(repeating_invoices=[wanted]))
        return made.repeating_invoices[0].repeating_invoice_id

    def bank_transaction(self, kind: str = "RECEIVE") -> str:
        made = self._received(kind, "200")
        return made.bank_transaction_id

    def prepayment(self) -> str:
        return self._received("RECEIVE-PREPAYMENT", "200").prepayment_id

    def overpayment(self) -> str:
        return self._received("RECEIVE-OVERPAYMENT", "610").overpayment_id

    def _received(self, kind: str, code: str) -> BankTransaction:
        part = LineItem(
            description="Received", quantity=Decimal(1), unit_amount=Decimal(10), account_code=code
        )
        wanted = BankTransaction(
            type=kind, contact=self.contact, bank_account=self.banks[0], date=TODAY, line_items=[part]
        )
        made = self.xero.create_bank_transactions(BankTransactions(bank_transactions=[wanted]))
        return made.bank_transactions[0]

    def bank_transfer(self) -> str:
        wanted = BankTransfer(
            from_bank_account=self.banks[0],
            to_bank_account=self.banks[1],
            amount=Decimal(5),
            date=TODAY,
        )
        made = self.xero.create_bank_transfer(BankTransfers(bank_transfers=[wanted]))
        return made.bank_transfers[0].bank_transfer_id

    def payment(self) -> str:
        wanted = Payment(
            invoice=Invoice(invoice_id=self.invoice()),
            account=self.banks[0],
            date=TODAY,
            amount=Decimal(1),
        )
        return self.xero.create_payment(wanted).payments[0].payment_id

    def batch_payment(self) -> str:
        part = Payment(invoice=Invoice(invoice_id=self.invoice()), amount=Decimal(1))
        wanted = BatchPayment(account=self.banks[0], date=TODAY, payments=[part])
        made = self.xero.create_batch_payment(BatchPayments(batch_payments=[wanted]))
        return made.batch_payments[0].batch_payment_id

    def item(self) -> str:
        made = self.xero.update_or_create_items(Items(items=[Item(code="NOTED", name="Noted")]))
        return made.items[0].item_id

    def manual_journal(self) -> str:
        lines = [
            ManualJournalLine(line_amount=Decimal(amount), account_code=code)
            for amount, code in ((1, "400"), (-1, "453"))
        ]
        wanted = ManualJournal(narration="By hand", date=TODAY, journal_lines=lines)
        made = self.xero.create_manual_journals(ManualJournals(manual_journals=[wanted]))
        return made.manual_journals[0].manual_journal_id


@pytest.fixture(scope="module")
def documents(world: World) -> Callable[[Xero], Books]:
    contact = world.contact("Filed")
    accounts = world.xero().get_accounts(where='Type=="BANK"').accounts
    banks = [Account(account_id=one.account_id) for one in accounts]
    return lambda xero: Books(xero, contact, banks)


@pytest.fixture
def books(xero: Xero, documents: Callable[[Xero], Books]) -> Books:
    return documents(xero)


# Whose method makes one, and what the client calls it.
FILED = [
    ("invoice", "invoice"),
    ("credit_note", "credit_note"),
    ("contact_id", "contact"),
    ("account", "account"),
    ("quote", "quote"),
    ("purchase_order", "purchase_order"),
    ("repeating_invoice", "repeating_invoice"),
    ("bank_transaction", "bank_transaction"),
    ("bank_transfer", "bank_transfer"),
    ("manual_journal", "manual_journal"),
]


@pytest.mark.parametrize(("make", "kind"), FILED, ids=[kind for _, kind in FILED])
def test_a_file_is_attached_listed_replaced_and_read_back(books: Books, make: str, kind: str) -> None:
    xero, document = books.xero, getattr(books, make)()
    create = getattr(xero, f"create_{kind}_attachment_by_file_name")
    (made,) = create(document, "terms.txt", b"as agreed").attachments
    assert (made.file_name, made.content_length) == ("terms.txt", len(b"as agreed"))
    replace = getattr(xero, f"update_{kind}_attachment_by_file_name")
    replace(document, "terms.txt", b"as agreed, twice")
    (listed,) = getattr(xero, f"get_{kind}_attachments")(document).attachments
    assert (listed.file_name, listed.content_length) == ("terms.txt", len(b"as agreed, twice"))
    by_name = getattr(xero, f"get_{kind}_attachment_by_file_name")
    by_id = getattr(xero, f"get_{kind}_attachment_by_id")
    for file in (
        by_name(document, "terms.txt", "text/plain"),
        by_id(document, listed.attachment_id, "text/plain"),
    ):
        assert Path(file).read_bytes() == b"as agreed, twice"


# Whose method makes one, and how the client adds a note and reads them.
NOTED = [
    ("invoice", "create_invoice_history", "get_invoice_history"),
    ("credit_note", "create_credit_note_history", "get_credit_note_history"),
    ("contact_id", "create_contact_history", "get_contact_history"),
    ("quote", "create_quote_history", "get_quote_history"),
    ("purchase_order", "create_purchase_order_history", "get_purchase_order_history"),
    ("repeating_invoice", "create_repeating_invoice_history", "get_repeating_invoice_history"),
    ("bank_transaction", "create_bank_transaction_history_record", "get_bank_transactions_history"),
    ("bank_transfer", "create_bank_transfer_history_record", "get_bank_transfer_history"),
    ("payment", "create_payment_history", "get_payment_history"),
    ("batch_payment", "create_batch_payment_history_record", "get_batch_payment_history"),
    ("prepayment", "create_prepayment_history", "get_prepayment_history"),
    ("overpayment", "create_overpayment_history", "get_overpayment_history"),
    ("item", "create_item_history", "get_item_history"),
    ("manual_journal", "create_manual_journal_history_record", "get_manual_journals_history"),
]


@pytest.mark.parametrize(("make", "add", "read"), NOTED, ids=[make for make, _, _ in NOTED])
def test_a_note_stays_in_the_history(books: Books, make: str, add: str, read: str) -> None:
    document = getattr(books, make)()
    note = HistoryRecords(history_records=[HistoryRecord(details="Called, and will pay")])
    (added,) = getattr(books.xero, add)(document, note).history_records
    assert added.details == "Called, and will pay"
    records = getattr(books.xero, read)(document).history_records
    assert "Called, and will pay" in [one.details for one in records]
    assert all(one.date_utc for one in records)


def test_a_name_that_no_file_can_have_is_refused(books: Books) -> None:
    with pytest.raises(AccountingBadRequestException):
        books.xero.create_invoice_attachment_by_file_name(books.invoice(), "a*b.txt", b"x")


def test_a_file_on_an_unknown_document_is_not_found(books: Books) -> None:
    unknown = "00000000-0000-0000-0000-000000000001"
    with pytest.raises(NotFoundException):
        books.xero.get_invoice_attachments(unknown)


@pytest.mark.parametrize("kind", ["invoice", "credit_note", "quote", "purchase_order"])
def test_a_document_is_read_as_a_file_for_people(books: Books, kind: str) -> None:
    document = getattr(books, kind)()
    file = getattr(books.xero, f"get_{kind}_as_pdf")(document)
    assert Path(file).read_bytes().startswith(b"%PDF-")
