"""xero-python: bank transactions and bank transfers."""

from datetime import date
from decimal import Decimal

import pytest
from xero_python.accounting import (
    Account,
    AccountType,
    BankTransaction,
    BankTransactions,
    BankTransfer,
    BankTransferDelete,
    BankTransferDeleteByUrlParam,
    BankTransfers,
    BankTransfersDelete,
    Contact,
    Currency,
    CurrencyCode,
    Invoice,
    Invoices,
    LineAmountTypes,
    LineItem,
    Payment,
)
from xero_python.exceptions import AccountingBadRequestException

from conftest import World, Xero

TODAY = date.today()


@pytest.fixture(scope="module")
def supplier(world: World) -> Contact:
    return world.contact("Power company")


@pytest.fixture(scope="module")
def banks(world: World) -> list[Account]:
    """Two accounts to move money between; the second is opened where the books have only one."""
    xero = world.xero()
    known = xero.get_accounts(where='Type=="BANK"').accounts
    if len(known) < 2:
        wanted = Account(
            code="095", name="Savings", type=AccountType.BANK, bank_account_number="121212121212"
        )
        known += xero.create_account(wanted).accounts
    return [Account(account_id=one.account_id) for one in known[:2]]


def spend(xero: Xero, supplier: Contact, bank: Account, amount: str, **fields: object) -> BankTransaction:
    part = LineItem(description="Power", quantity=Decimal(1), unit_amount=Decimal(amount), account_code="445")
    given = {
        "type": "SPEND",
        "contact": supplier,
        "bank_account": bank,
        "date": TODAY,
        "line_items": [part],
        **fields,
    }
    wanted = BankTransactions(bank_transactions=[BankTransaction(**given)])
    return xero.create_bank_transactions(wanted).bank_transactions[0]


def test_money_is_spent_with_its_tax_in_the_price(
    xero: Xero, supplier: Contact, banks: list[Account]
) -> None:
    made = spend(xero, supplier, banks[0], "115.00", reference="May")
    (read,) = xero.get_bank_transaction(made.bank_transaction_id).bank_transactions
    assert (read.type, read.status, read.line_amount_types) == (
        "SPEND",
        "AUTHORISED",
        LineAmountTypes.INCLUSIVE,
    )
    assert (read.sub_total, read.total_tax, read.total) == (100, 15, 115)
    assert (read.reference, read.is_reconciled) == ("May", False)
    assert read.bank_account.account_id == banks[0].account_id


def test_a_bank_transaction_is_changed_and_deleted(
    xero: Xero, supplier: Contact, banks: list[Account]
) -> None:
    made = spend(xero, supplier, banks[0], "10")
    made.reference = "Changed"
    change = BankTransactions(bank_transactions=[made])
    (changed,) = xero.update_bank_transaction(made.bank_transaction_id, change).bank_transactions
    assert (changed.reference, changed.total) == ("Changed", 10)
    made.status = "DELETED"
    (deleted,) = xero.update_or_create_bank_transactions(change).bank_transactions
    assert deleted.status == "DELETED"


def test_bank_transactions_are_listed(xero: Xero, supplier: Contact, banks: list[Account]) -> None:
    made = spend(xero, supplier, banks[0], "12", reference="Listed")
    found = xero.get_bank_transactions(where='Type=="SPEND" AND Reference=="Listed"', page=1)
    assert [one.bank_transaction_id for one in found.bank_transactions] == [made.bank_transaction_id]
    assert found.pagination.item_count == 1


def test_money_can_not_be_spent_from_an_account_that_is_no_bank(xero: Xero, supplier: Contact) -> None:
    sales = xero.get_accounts(where='Code=="200"').accounts[0]
    with pytest.raises(AccountingBadRequestException):
        spend(xero, supplier, Account(account_id=sales.account_id), "5")


def test_money_moves_between_two_accounts_and_back(xero: Xero, banks: list[Account]) -> None:
    def move(amount: str) -> BankTransfer:
        wanted = BankTransfer(
            from_bank_account=banks[0],
            to_bank_account=banks[1],
            amount=Decimal(amount),
            date=TODAY,
            reference="Savings",
        )
        made = xero.create_bank_transfer(BankTransfers(bank_transfers=[wanted]))
        return made.bank_transfers[0]

    made = move("250.00")
    (read,) = xero.get_bank_transfer(made.bank_transfer_id).bank_transfers
    assert (read.amount, read.reference, read.date) == (250, "Savings", TODAY)
    assert read.from_bank_transaction_id != read.to_bank_transaction_id
    assert made.bank_transfer_id in [one.bank_transfer_id for one in xero.get_bank_transfers().bank_transfers]

    ended = BankTransferDelete(bank_transfer_id=made.bank_transfer_id, status="DELETED")
    xero.delete_bank_transfers(BankTransfersDelete(bank_transfers=[ended]))
    other = move("1")
    by_url = BankTransferDeleteByUrlParam(status="DELETED")
    xero.delete_bank_transfer(other.bank_transfer_id, by_url)
    left = [one.bank_transfer_id for one in xero.get_bank_transfers().bank_transfers]
    assert not {made.bank_transfer_id, other.bank_transfer_id} & set(left)


@pytest.fixture(scope="module")
def dollars(world: World) -> Account:
    """A bank account in another currency than the organisation's."""
    xero = world.xero()
    xero.create_currency(Currency(code=CurrencyCode.USD))
    wanted = Account(
        code="096",
        name="Dollars",
        type=AccountType.BANK,
        bank_account_number="131313131313",
        currency_code=CurrencyCode.USD,
    )
    (made,) = xero.create_account(wanted).accounts
    assert made.currency_code == CurrencyCode.USD
    return Account(account_id=made.account_id)


def test_money_changes_its_currency_on_the_way(xero: Xero, banks: list[Account], dollars: Account) -> None:
    wanted = BankTransfer(
        from_bank_account=banks[0], to_bank_account=dollars, amount=Decimal(100), date=TODAY
    )
    (made,) = xero.create_bank_transfer(BankTransfers(bank_transfers=[wanted])).bank_transfers
    assert made.currency_rate != 1
    (received,) = xero.get_bank_transaction(made.to_bank_transaction_id).bank_transactions
    assert (received.type, received.currency_code) == ("RECEIVE-TRANSFER", CurrencyCode.USD)
    assert received.total == round(100 * made.currency_rate, 2)


def test_what_is_spent_from_a_foreign_account_is_in_its_currency(
    xero: Xero, supplier: Contact, dollars: Account
) -> None:
    made = spend(xero, supplier, dollars, "12", currency_rate=Decimal("0.5"))
    assert (made.currency_code, made.currency_rate, made.total) == (CurrencyCode.USD, Decimal("0.5"), 12)
    with pytest.raises(AccountingBadRequestException):
        spend(xero, supplier, dollars, "12", currency_code=CurrencyCode.NZD)


def test_an_invoice_is_paid_in_its_own_currency(xero: Xero, supplier: Contact, dollars: Account) -> None:
    line = LineItem(description="Work", quantity=Decimal(1), unit_amount=Decimal(40), account_code="200")
    wanted = Invoice(
        type="ACCREC",
        contact=supplier,
        date=TODAY,
        due_date=TODAY,
        status="AUTHORISED",
        currency_code=CurrencyCode.USD,
        line_items=[line],
    )
    (owed,) = xero.create_invoices(Invoices(invoices=[wanted])).invoices
    assert owed.currency_rate != 1
    payment = Payment(
        invoice=Invoice(invoice_id=owed.invoice_id), account=dollars, date=TODAY, amount=owed.total
    )
    (paid,) = xero.create_payment(payment).payments
    assert (paid.amount, paid.bank_amount) == (owed.total, owed.total)
