"""xero-python: invoices and bills."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from xero_python.accounting import (
    Contact,
    Contacts,
    Invoice,
    Invoices,
    LineAmountTypes,
    LineItem,
    LineItemTracking,
    RequestEmpty,
)
from xero_python.exceptions import AccountingBadRequestException

from conftest import World, Xero

TODAY = date.today()
LINES = (
    LineItem(
        description="Odd price", quantity=Decimal("3"), unit_amount=Decimal("33.33"), account_code="200"
    ),
    LineItem(
        description="Discounted",
        quantity=Decimal("2.5"),
        unit_amount=Decimal("19.99"),
        discount_rate=Decimal("12.5"),
        account_code="200",
    ),
)


@pytest.fixture(scope="module")
def customer(world: World) -> Contact:
    return world.contact("Customer of invoices")


def create(xero: Xero, customer: Contact, **fields: object) -> Invoice:
    given = {
        "type": "ACCREC",
        "contact": customer,
        "date": TODAY,
        "due_date": TODAY + timedelta(days=14),
        "line_items": list(LINES),
        **fields,
    }
    (made,) = xero.create_invoices(Invoices(invoices=[Invoice(**given)])).invoices
    return made


def change(xero: Xero, invoice: Invoice, **fields: object) -> Invoice:
    (changed,) = xero.update_invoice(invoice.invoice_id, Invoices(invoices=[Invoice(**fields)])).invoices
    return changed


def test_an_invoice_has_its_tax_rounded_line_by_line(xero: Xero, customer: Contact) -> None:
    made = create(xero, customer, reference="PO-7")
    (read,) = xero.get_invoice(made.invoice_id).invoices
    assert [line.line_amount for line in read.line_items] == [Decimal("99.99"), Decimal("43.73")]
    assert [line.tax_amount for line in read.line_items] == [Decimal("15.00"), Decimal("6.56")]
    assert (read.sub_total, read.total_tax, read.total) == (
        Decimal("143.72"),
        Decimal("21.56"),
        Decimal("165.28"),
    )
    assert (read.status, read.line_amount_types) == ("DRAFT", LineAmountTypes.EXCLUSIVE)
    assert (read.date, read.due_date, read.reference) == (TODAY, TODAY + timedelta(days=14), "PO-7")
    assert read.invoice_number.startswith("INV-")
    assert read.contact.contact_id == customer.contact_id


def test_tax_that_is_in_the_price_is_taken_out_of_it(xero: Xero, customer: Contact) -> None:
    line = LineItem(
        description="With tax", quantity=Decimal(1), unit_amount=Decimal("541.25"), account_code="200"
    )
    made = create(xero, customer, line_items=[line], line_amount_types=LineAmountTypes.INCLUSIVE)
    assert (made.total, made.total_tax, made.sub_total) == (
        Decimal("541.25"),
        Decimal("70.60"),
        Decimal("470.65"),
    )


def test_four_decimals_are_kept_when_they_are_asked_for(xero: Xero, customer: Contact) -> None:
    line = LineItem(
        description="Fine", quantity=Decimal(1000), unit_amount=Decimal("0.1234"), account_code="200"
    )
    wanted = Invoice(type="ACCREC", contact=customer, line_items=[line])
    (made,) = xero.create_invoices(Invoices(invoices=[wanted]), unitdp=4).invoices
    assert (made.line_items[0].unit_amount, made.sub_total) == (Decimal("0.1234"), Decimal("123.40"))
    (read,) = xero.get_invoice(made.invoice_id).invoices
    assert read.line_items[0].unit_amount == Decimal("0.12")


def test_an_invoice_goes_from_draft_to_approved_to_voided(xero: Xero, customer: Contact) -> None:
    made = create(xero, customer)
    for status in ("SUBMITTED", "AUTHORISED"):
        assert change(xero, made, status=status).status == status
    voided = change(xero, made, status="VOIDED")
    assert (voided.status, voided.amount_due) == ("VOIDED", voided.total)
    with pytest.raises(AccountingBadRequestException):
        change(xero, made, status="AUTHORISED")


def test_a_draft_can_be_deleted_and_an_approved_one_can_not(xero: Xero, customer: Contact) -> None:
    assert change(xero, create(xero, customer), status="DELETED").status == "DELETED"
    approved = create(xero, customer, status="AUTHORISED")
    with pytest.raises(AccountingBadRequestException, match="not of valid status"):
        change(xero, approved, status="DELETED")


def test_lines_that_are_sent_replace_lines_that_are_not(xero: Xero, customer: Contact) -> None:
    made = create(xero, customer)
    kept = made.line_items[0]
    lines = [
        LineItem(line_item_id=kept.line_item_id, quantity=Decimal(1)),
        LineItem(description="New", quantity=Decimal(1), unit_amount=Decimal(5), account_code="200"),
    ]
    changed = change(xero, made, line_items=lines)
    assert [line.description for line in changed.line_items] == ["Odd price", "New"]
    assert changed.line_items[0].line_item_id == kept.line_item_id
    assert changed.sub_total == Decimal("38.33")


def test_a_number_is_used_once_and_a_bill_s_may_come_again(xero: Xero, customer: Contact) -> None:
    create(xero, customer, invoice_number="MINE-1")
    with pytest.raises(AccountingBadRequestException, match="must be unique"):
        create(xero, customer, invoice_number="MINE-1")
    bills = [create(xero, customer, type="ACCPAY", invoice_number="THEIRS-1", line_items=[LINES[0]])]
    bills.append(create(xero, customer, type="ACCPAY", invoice_number="THEIRS-1", line_items=[LINES[0]]))
    assert bills[0].invoice_id != bills[1].invoice_id


def test_the_same_number_posted_again_updates_the_invoice(xero: Xero, customer: Contact) -> None:
    made = create(xero, customer, invoice_number="MINE-2")
    wanted = Invoices(invoices=[Invoice(invoice_number="MINE-2", type="ACCREC", reference="Changed")])
    (changed,) = xero.update_or_create_invoices(wanted).invoices
    assert (changed.invoice_id, changed.reference) == (made.invoice_id, "Changed")


def test_of_many_the_bad_ones_are_named_and_the_good_ones_are_made(xero: Xero, customer: Contact) -> None:
    bad = LineItem(description="Bad", quantity=Decimal(1), unit_amount=Decimal(1), account_code="nope")
    wanted = [
        Invoice(type="ACCREC", contact=customer, line_items=[LINES[0]], status="AUTHORISED", due_date=TODAY),
        Invoice(type="ACCREC", contact=customer, line_items=[bad], status="AUTHORISED", due_date=TODAY),
    ]
    told = xero.create_invoices(Invoices(invoices=wanted), summarize_errors=False).invoices
    assert [one.status_attribute_string for one in told] == ["OK", "ERROR"]
    assert told[0].status == "AUTHORISED"
    wrong = "Account code 'nope' is not a valid code for this document."
    assert [one.message for one in told[1].validation_errors] == [wrong]


def test_a_line_carries_its_tracking(xero: Xero, customer: Contact) -> None:
    category = xero.get_tracking_categories().tracking_categories[0]
    option = category.options[0]
    tracked = LineItem(
        description="Tracked",
        quantity=Decimal(1),
        unit_amount=Decimal(10),
        account_code="200",
        tracking=[LineItemTracking(name=category.name, option=option.name)],
    )
    (line,) = create(xero, customer, line_items=[tracked]).line_items
    assert [(one.name, one.option) for one in line.tracking] == [(category.name, option.name)]


def test_invoices_are_listed_in_every_documented_way(world: World, xero: Xero) -> None:
    other = world.contact("Listed by")
    made = [create(xero, other, invoice_number=f"LIST-{n}", reference=f"Order {n}") for n in range(3)]
    approved = change(xero, made[0], status="AUTHORISED")

    def numbers(**asked: object) -> list[str]:
        found = xero.get_invoices(contact_i_ds=[other.contact_id], order="InvoiceNumber", **asked).invoices
        return [one.invoice_number for one in found]

    assert numbers() == ["LIST-0", "LIST-1", "LIST-2"]
    assert numbers(page=2, page_size=2) == ["LIST-2"]
    assert numbers(statuses=["AUTHORISED"]) == ["LIST-0"]
    assert numbers(invoice_numbers=["LIST-1", "LIST-2"]) == ["LIST-1", "LIST-2"]
    assert numbers(i_ds=[approved.invoice_id]) == ["LIST-0"]
    assert numbers(where='Type=="ACCREC" AND Status=="DRAFT"') == ["LIST-1", "LIST-2"]
    assert numbers(search_term="order 2", page=1) == ["LIST-2"]
    assert numbers(created_by_my_app=True) == ["LIST-0", "LIST-1", "LIST-2"]
    summary = xero.get_invoices(summary_only=True, i_ds=[approved.invoice_id]).invoices
    assert [one.line_items for one in summary] == [None]


def test_an_approved_invoice_is_a_page_for_its_reader_a_file_and_a_mail(
    xero: Xero, customer: Contact
) -> None:
    made = create(xero, customer, status="AUTHORISED")
    (online,) = xero.get_online_invoice(made.invoice_id).online_invoices
    assert online.online_invoice_url.startswith("https://in.xero.com/")
    with open(xero.get_invoice_as_pdf(made.invoice_id), "rb") as file:
        assert file.read(5) == b"%PDF-"
    person = Contacts(contacts=[Contact(contact_id=customer.contact_id, email_address="c@example.com")])
    xero.update_or_create_contacts(person)
    assert xero.email_invoice(made.invoice_id, RequestEmpty()) is None
    (read,) = xero.get_invoice(made.invoice_id).invoices
    assert read.sent_to_contact is True


def test_books_that_are_closed_and_a_plan_without_mail_are_met_by_clients(
    world: World, xero: Xero, customer: Contact
) -> None:
    made = create(xero, customer, status="AUTHORISED")
    standing = f"organisations/{xero.tenant}"
    closed = {"end_of_year_lock": TODAY.isoformat(), "plan": "demo"}
    world.control("xero", standing, closed, "PATCH")
    (organisation,) = xero.get_organisations().organisations
    assert (organisation.is_demo_company, organisation.end_of_year_lock_date) == (True, TODAY)
    with pytest.raises(AccountingBadRequestException, match="end of year lock date"):
        create(xero, customer)
    with pytest.raises(AccountingBadRequestException, match="daily limit of emails"):
        xero.email_invoice(made.invoice_id, RequestEmpty())
    world.control("xero", standing, {"end_of_year_lock": None, "plan": "premium"}, "PATCH")
    assert create(xero, customer).invoice_id
