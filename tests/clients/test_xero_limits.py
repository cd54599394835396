"""xero-python: what an application learns of Xero's limits."""

import pytest
from xero_python.accounting import Contact, Contacts
from xero_python.exceptions import RateLimitException

from conftest import CALLS_LEFT, World, Xero


def test_an_application_that_asks_too_often_is_told_when_to_come_back(world: World, xero: Xero) -> None:
    world.hurries = False
    left = 1
    while left:
        xero.get_organisations()
        left = int(world.answers[-1].headers[CALLS_LEFT])
    # What is read the client would ask again by itself, after the wait that it was told; a POST it doesn't repeat.
    wanted = Contacts(contacts=[Contact(name="One too many")])
    with pytest.raises(RateLimitException) as refused:
        xero.update_or_create_contacts(wanted)
    assert (refused.value.status, refused.value.rate_limit) == (429, "minute")
    wait = int(refused.value.headers["retry-after"])
    assert 0 < wait <= 60
    world.let_pass(seconds=wait)
    assert xero.update_or_create_contacts(wanted).contacts
