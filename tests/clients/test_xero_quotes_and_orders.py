"""xero-python: quotes and purchase orders."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from xero_python.accounting import (
    Contact,
    LineItem,
    PurchaseOrder,
    PurchaseOrders,
    Quote,
    QuoteLineAmountTypes,
    Quotes,
    QuoteStatusCodes,
)
from xero_python.exceptions import AccountingBadRequestException

from conftest import World, Xero

TODAY = date.today()


def line(amount: str, **fields: object) -> LineItem:
    return LineItem(
        description="As agreed",
        quantity=Decimal(2),
        unit_amount=Decimal(amount),
        **{"account_code": "200", **fields},
    )


@pytest.fixture(scope="module")
def partner(world: World) -> Contact:
    return world.contact("Partner")


def quote(xero: Xero, partner: Contact, **fields: object) -> Quote:
    given = {"contact": partner, "date": TODAY, "line_items": [line("33.33", tax_type="OUTPUT2")], **fields}
    (made,) = xero.create_quotes(Quotes(quotes=[Quote(**given)])).quotes
    return made


def test_a_quote_is_made_sent_accepted_and_invoiced(xero: Xero, partner: Contact) -> None:
    made = quote(
        xero,
        partner,
        quote_number="Q-1",
        title="Two things",
        summary="As we spoke",
        terms="30 days",
        expiry_date=TODAY + timedelta(days=30),
        line_amount_types=QuoteLineAmountTypes.EXCLUSIVE,
    )
    assert (made.sub_total, made.total_tax, made.total) == (
        Decimal("66.66"),
        Decimal("10.00"),
        Decimal("76.66"),
    )
    (read,) = xero.get_quote(made.quote_id).quotes
    assert (read.status, read.quote_number, read.title) == (QuoteStatusCodes.DRAFT, "Q-1", "Two things")
    assert read.expiry_date == TODAY + timedelta(days=30)
    for status in (QuoteStatusCodes.SENT, QuoteStatusCodes.ACCEPTED, QuoteStatusCodes.INVOICED):
        change = Quote(
            quote_number="Q-1", contact=partner, date=TODAY, line_items=made.line_items, status=status
        )
        (changed,) = xero.update_quote(made.quote_id, Quotes(quotes=[change])).quotes
        assert changed.status == status


def test_a_line_of_a_quote_without_a_tax_type_has_no_tax(xero: Xero, partner: Contact) -> None:
    assert quote(xero, partner, line_items=[line("10")]).total_tax == 0


def test_a_quote_can_not_jump_from_draft_to_accepted(xero: Xero, partner: Contact) -> None:
    made = quote(xero, partner)
    change = Quote(contact=partner, date=TODAY, line_items=made.line_items, status=QuoteStatusCodes.ACCEPTED)
    with pytest.raises(AccountingBadRequestException):
        xero.update_quote(made.quote_id, Quotes(quotes=[change]))


def test_quotes_are_listed_and_deleted(xero: Xero, partner: Contact) -> None:
    made = quote(xero, partner, quote_number="LISTED-7")
    found = xero.get_quotes(quote_number="LISTED", contact_id=partner.contact_id, status="DRAFT").quotes
    assert [one.quote_id for one in found] == [made.quote_id]
    ended = Quote(
        quote_id=made.quote_id,
        quote_number="LISTED-7",
        contact=partner,
        date=TODAY,
        status=QuoteStatusCodes.DELETED,
        line_items=made.line_items,
    )
    (deleted,) = xero.update_or_create_quotes(Quotes(quotes=[ended])).quotes
    assert deleted.status == QuoteStatusCodes.DELETED


def order(xero: Xero, partner: Contact, **fields: object) -> PurchaseOrder:
    given = {
        "contact": partner,
        "date": TODAY,
        "line_items": [line("19.95", account_code="300")],
        **fields,
    }
    made = xero.create_purchase_orders(PurchaseOrders(purchase_orders=[PurchaseOrder(**given)]))
    return made.purchase_orders[0]


def test_a_purchase_order_is_made_found_approved_and_deleted(xero: Xero, partner: Contact) -> None:
    made = order(
        xero,
        partner,
        purchase_order_number="ORDER-1",
        reference="Stock",
        delivery_date=TODAY + timedelta(days=7),
        delivery_address="1 Long Road",
        attention_to="Sam",
        telephone="123",
        delivery_instructions="Ring twice",
    )
    (read,) = xero.get_purchase_order(made.purchase_order_id).purchase_orders
    assert (read.status, read.reference, read.attention_to) == ("DRAFT", "Stock", "Sam")
    assert (read.sub_total, read.total_tax, read.total) == (
        Decimal("39.90"),
        Decimal("5.99"),
        Decimal("45.89"),
    )
    assert read.delivery_date == TODAY + timedelta(days=7)
    (by_number,) = xero.get_purchase_order_by_number("ORDER-1").purchase_orders
    assert by_number.purchase_order_id == made.purchase_order_id
    for status in ("SUBMITTED", "AUTHORISED", "BILLED", "DELETED"):
        change = PurchaseOrders(purchase_orders=[PurchaseOrder(status=status)])
        (changed,) = xero.update_purchase_order(made.purchase_order_id, change).purchase_orders
        assert changed.status == status


def test_an_order_that_is_posted_under_a_known_number_replaces_it(xero: Xero, partner: Contact) -> None:
    made = order(xero, partner, purchase_order_number="ORDER-2")
    again = PurchaseOrder(purchase_order_number="ORDER-2", contact=partner, reference="Second thought")
    wanted = PurchaseOrders(purchase_orders=[again])
    (changed,) = xero.update_or_create_purchase_orders(wanted).purchase_orders
    assert (changed.purchase_order_id, changed.reference) == (made.purchase_order_id, "Second thought")


def test_purchase_orders_are_listed(xero: Xero, partner: Contact) -> None:
    order(xero, partner, status="SUBMITTED", reference="Listed")
    found = xero.get_purchase_orders(status="SUBMITTED", order="PurchaseOrderNumber ASC", page=1)
    assert [one.reference for one in found.purchase_orders] == ["Listed"]
    assert found.pagination.item_count == 1
    assert not xero.get_purchase_orders(date_from=TODAY + timedelta(days=1)).purchase_orders


def test_an_order_that_is_no_further_than_a_draft_is_not_marked_as_sent(
    xero: Xero, partner: Contact
) -> None:
    draft = PurchaseOrder(contact=partner, date=TODAY, line_items=[line("10")], sent_to_contact=True)
    wanted = PurchaseOrders(purchase_orders=[draft])
    (made,) = xero.create_purchase_orders(wanted, summarize_errors=False).purchase_orders
    assert (made.status_attribute_string, made.sent_to_contact) == ("WARNING", False)
    assert "SentToContact" in made.warnings[0].message
