"""xero-python: contact groups."""

from xero_python.accounting import Contact, ContactGroup, ContactGroups, Contacts

from conftest import Xero


def test_a_group_is_made_filled_renamed_emptied_and_deleted(xero: Xero) -> None:
    wanted = Contacts(contacts=[Contact(name="First member"), Contact(name="Second member")])
    one, other = xero.create_contacts(wanted).contacts
    (group,) = xero.create_contact_group(
        ContactGroups(contact_groups=[ContactGroup(name="Friends")])
    ).contact_groups
    members = Contacts(contacts=[Contact(contact_id=each.contact_id) for each in (one, other)])
    xero.create_contact_group_contacts(group.contact_group_id, members)
    (read,) = xero.get_contact_group(group.contact_group_id).contact_groups
    assert {each.contact_id for each in read.contacts} == {one.contact_id, other.contact_id}

    renamed = ContactGroups(contact_groups=[ContactGroup(name="Good friends")])
    xero.update_contact_group(group.contact_group_id, renamed)
    xero.delete_contact_group_contact(group.contact_group_id, other.contact_id)
    (read,) = xero.get_contact_group(group.contact_group_id).contact_groups
    assert (read.name, [each.name for each in read.contacts]) == ("Good friends", ["First member"])
    xero.delete_contact_group_contacts(group.contact_group_id)
    (read,) = xero.get_contact_group(group.contact_group_id).contact_groups
    assert not read.contacts

    deleted = ContactGroups(
        contact_groups=[ContactGroup(contact_group_id=group.contact_group_id, status="DELETED")]
    )
    xero.update_contact_group(group.contact_group_id, deleted)
    assert "Good friends" not in [each.name for each in xero.get_contact_groups().contact_groups]
