"""xero-python: tracked items, which are bought, sold and counted."""

from decimal import Decimal

import pytest
from xero_python.accounting import (
    Account,
    AccountType,
    Contact,
    CreditNote,
    CreditNotes,
    Invoice,
    Item,
    Items,
    LineItem,
    Purchase,
)
from xero_python.exceptions import AccountingBadRequestException

from conftest import World, Xero
from papers import TODAY, approved


@pytest.fixture(scope="module")
def partner(world: World) -> Contact:
    return world.contact("Buys and sells")


@pytest.fixture(scope="module")
def item(world: World) -> Item:
    xero = world.xero()
    for code, name, kind in (
        ("631", "Stock", AccountType.INVENTORY),
        ("311", "Cost of what was sold", AccountType.DIRECTCOSTS),
    ):
        xero.create_account(Account(code=code, name=name, type=kind))
    wanted = Item(
        code="COUNTED",
        name="Counted",
        description="Counted",
        inventory_asset_account_code="631",
        sales_details=Purchase(unit_price=Decimal(50), account_code="200"),
        purchase_details=Purchase(unit_price=Decimal(10), cogs_account_code="311"),
    )
    (made,) = xero.create_items(Items(items=[wanted])).items
    assert made.is_tracked_as_inventory is True
    return made


def line(quantity: int, price: int) -> LineItem:
    return LineItem(
        item_code="COUNTED",
        description="Counted",
        quantity=Decimal(quantity),
        unit_amount=Decimal(price),
        tax_type="NONE",
    )


def trade(xero: Xero, partner: Contact, kind: str, quantity: int, price: int) -> Invoice:
    return approved(xero, partner, kind, line(quantity, price))


def stock(xero: Xero, item: Item) -> tuple[Decimal, Decimal]:
    (read,) = xero.get_item(item.item_id).items
    return read.quantity_on_hand, read.total_cost_pool


def test_stock_is_what_was_bought_less_what_was_sold(xero: Xero, partner: Contact, item: Item) -> None:
    assert stock(xero, item) == (0, 0)
    bill = trade(xero, partner, "ACCPAY", 10, 10)
    assert bill.line_items[0].account_code == "631"
    trade(xero, partner, "ACCREC", 4, 50)
    assert stock(xero, item) == (6, 60)
    back = CreditNote(
        type="ACCRECCREDIT", contact=partner, date=TODAY, status="AUTHORISED", line_items=[line(1, 50)]
    )
    xero.create_credit_notes(CreditNotes(credit_notes=[back]))
    assert stock(xero, item) == (7, 70)


def test_nobody_sells_what_is_not_there(xero: Xero, partner: Contact, item: Item) -> None:
    with pytest.raises(AccountingBadRequestException, match="Insufficient stock"):
        trade(xero, partner, "ACCREC", 1_000, 50)
