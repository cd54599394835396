"""xero-python: contacts."""

import pytest
from xero_python.accounting import (
    Address,
    Bill,
    Contact,
    ContactPerson,
    Contacts,
    PaymentTerm,
    PaymentTermType,
    Phone,
)
from xero_python.exceptions import AccountingBadRequestException, NotFoundException

from conftest import World, Xero
from papers import invoice


def contact(xero: Xero, name: str, **fields: object) -> Contact:
    made = xero.create_contacts(Contacts(contacts=[Contact(name=name, **fields)]))
    return made.contacts[0]


def test_a_contact_is_created_with_everything_a_person_can_say_of_it(xero: Xero) -> None:
    wanted = Contact(
        name="Éclair & Søn A/S",
        first_name="Eva",
        last_name="Éclair",
        email_address="eva@eclair.example",
        contact_number="001A",
        account_number="ACC-1",
        company_number="CO-1",
        tax_number="12-345-678",
        contact_persons=[
            ContactPerson(
                first_name="Sam", last_name="Søn", email_address="sam@eclair.example", include_in_emails=True
            )
        ],
        addresses=[
            Address(
                address_type="STREET",
                address_line1="1 Long Road",
                city="Århus",
                postal_code="8000",
                country="DK",
            )
        ],
        phones=[
            Phone(phone_type="DEFAULT", phone_number="123456", phone_area_code="09", phone_country_code="64")
        ],
        payment_terms=PaymentTerm(
            bills=Bill(day=15, type=PaymentTermType.OFCURRENTMONTH),
            sales=Bill(day=10, type=PaymentTermType.DAYSAFTERBILLDATE),
        ),
    )
    (made,) = xero.create_contacts(Contacts(contacts=[wanted])).contacts
    (read,) = xero.get_contact(made.contact_id).contacts
    assert read.contact_status == "ACTIVE"
    for name in ("name", "first_name", "last_name", "email_address", "contact_number", "account_number"):
        assert getattr(read, name) == getattr(wanted, name), name
    assert read.company_number == "CO-1"
    assert [person.email_address for person in read.contact_persons] == ["sam@eclair.example"]
    (street,) = [one for one in read.addresses if one.address_type == "STREET"]
    assert (street.city, street.country) == ("Århus", "DK")
    (phone,) = [one for one in read.phones if one.phone_type == "DEFAULT"]
    assert (phone.phone_country_code, phone.phone_area_code, phone.phone_number) == ("64", "09", "123456")
    assert read.payment_terms.sales.day == 10
    assert (read.is_customer, read.is_supplier) == (False, False)


def test_a_contact_is_found_by_its_number(xero: Xero) -> None:
    made = contact(xero, "By number", contact_number="NUMBER-7")
    (read,) = xero.get_contact_by_contact_number("NUMBER-7").contacts
    assert read.contact_id == made.contact_id


def test_an_update_changes_what_it_names_and_keeps_the_rest(xero: Xero) -> None:
    made = contact(xero, "Before", email_address="before@example.com", first_name="Stays")
    changed = Contacts(contacts=[Contact(email_address="after@example.com")])
    (updated,) = xero.update_contact(made.contact_id, changed).contacts
    assert (updated.email_address, updated.first_name) == ("after@example.com", "Stays")


def test_many_are_written_at_once_and_each_tells_of_itself(xero: Xero) -> None:
    known = contact(xero, "Known already")
    wanted = Contacts(
        contacts=[
            Contact(contact_id=known.contact_id, first_name="Now named"),
            Contact(name="New one"),
            Contact(name="Bad <one>"),
        ]
    )
    told = xero.update_or_create_contacts(wanted, summarize_errors=False).contacts
    assert [one.has_validation_errors for one in told] == [False, False, True]
    assert told[0].first_name == "Now named"
    assert told[2].validation_errors[0].message


def test_a_name_that_is_taken_is_refused_and_nothing_is_saved(xero: Xero) -> None:
    contact(xero, "Taken")
    wanted = Contacts(contacts=[Contact(name="Innocent"), Contact(name="Taken")])
    with pytest.raises(AccountingBadRequestException) as refused:
        xero.create_contacts(wanted)
    assert refused.value.error_data["ErrorNumber"] == 10
    assert xero.get_contacts(where='Name=="Innocent"').contacts == []


def test_an_unknown_contact_is_not_found(xero: Xero) -> None:
    with pytest.raises(NotFoundException):
        xero.get_contact("00000000-0000-0000-0000-000000000001")


def test_contacts_are_listed_by_page_id_filter_search_and_order(xero: Xero) -> None:
    made = [contact(xero, f"Listed {letter}", email_address=f"{letter}@listed.example") for letter in "cab"]
    found = xero.get_contacts(search_term="listed", page=1, page_size=2, order="Name ASC")
    assert [one.name for one in found.contacts] == ["Listed a", "Listed b"]
    assert (found.pagination.item_count, found.pagination.page_count) == (3, 2)
    by_id = xero.get_contacts(i_ds=[made[0].contact_id, made[2].contact_id]).contacts
    assert {one.name for one in by_id} == {"Listed c", "Listed b"}
    (by_mail,) = xero.get_contacts(where='EmailAddress="a@listed.example"').contacts
    assert by_mail.name == "Listed a"
    summary = xero.get_contacts(summary_only=True, search_term="Listed a").contacts
    assert [one.name for one in summary] == ["Listed a"]


def test_only_what_changed_since_is_listed(world: World, xero: Xero) -> None:
    contact(xero, "Long ago")
    world.let_pass(seconds=120)
    late = contact(xero, "Just now")
    since = late.updated_date_utc
    assert [one.name for one in xero.get_contacts(if_modified_since=since).contacts] == ["Just now"]


def test_an_archived_contact_is_hidden_and_can_not_be_edited(xero: Xero) -> None:
    made = contact(xero, "To archive")
    (archived,) = xero.update_contact(
        made.contact_id, Contacts(contacts=[Contact(contact_status="ARCHIVED")])
    ).contacts
    assert archived.contact_status == "ARCHIVED"
    named = 'Name=="To archive"'
    assert xero.get_contacts(where=named).contacts == []
    assert len(xero.get_contacts(where=named, include_archived=True).contacts) == 1
    with pytest.raises(AccountingBadRequestException, match="archived"):
        xero.update_contact(made.contact_id, Contacts(contacts=[Contact(first_name="Late")]))


def test_a_repeated_call_with_its_key_is_made_once(xero: Xero) -> None:
    wanted = Contacts(contacts=[Contact(name="Made once")])
    first = xero.create_contacts(wanted, idempotency_key="once").contacts[0]
    again = xero.create_contacts(wanted, idempotency_key="once").contacts[0]
    assert first.contact_id == again.contact_id


def test_what_people_do_with_contacts_inside_xero_is_seen(world: World, xero: Xero) -> None:
    winner, loser = contact(xero, "Winner"), contact(xero, "Loser")
    document = invoice(xero, Contact(contact_id=loser.contact_id))
    own = f"contacts/{winner.contact_id}"
    world.control("xero", f"{own}/merge", {"loser": loser.contact_id})
    (merged,) = xero.get_contact(loser.contact_id).contacts
    assert (merged.contact_status, merged.merged_to_contact_id) == ("ARCHIVED", winner.contact_id)
    (moved,) = xero.get_invoice(document.invoice_id).invoices
    assert moved.contact.contact_id == winner.contact_id
    for status in ("ARCHIVED", "ACTIVE"):
        world.control("xero", own, {"ContactStatus": status}, "PATCH")
        assert xero.get_contact(winner.contact_id).contacts[0].contact_status == status
    world.control("xero", f"{own}/request-erasure", {})
    assert xero.get_contact(winner.contact_id).contacts[0].contact_status == "GDPRREQUEST"
    with pytest.raises(AccountingBadRequestException):
        xero.update_contact(winner.contact_id, Contacts(contacts=[Contact(first_name="Late")]))
