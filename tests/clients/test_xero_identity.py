"""xero-python: tokens and connections."""

import json
import re
from urllib.parse import parse_qs

import pytest
from xero_python.exceptions import HTTPStatusException

from conftest import World, Xero

APP = {
    "client_id": "web-app",
    "kind": "web",
    "client_secret": "web-secret",
    "redirect_uris": ["https://app.example/back"],
}
SCOPES = "openid offline_access accounting.contacts accounting.settings.read"


@pytest.fixture
def consented(world: World) -> Xero:
    """An application after its user has said yes: the code, exchanged as the application does it."""
    world.control("xero", "apps", APP)
    consent = {"client_id": APP["client_id"], "scopes": SCOPES.split()}
    code = world.control("xero", "consents", consent)["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": APP["redirect_uris"][0],
    }
    answer = world.session().post(
        "https://identity.xero.com/connect/token", form, auth=("web-app", "web-secret")
    )
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    xero = Xero(world.internet.proxy, world.certificates.trusted, "web-app", "web-secret")
    xero.tokens = {**tokens, "scope": tokens["scope"].split()}
    return xero


def test_a_custom_connection_has_one_organisation(xero: Xero) -> None:
    (only,) = xero.identity.get_connections()
    assert (only.tenant_type, only.tenant_name) == ("ORGANISATION", "Demo Company")
    assert only.created_date_utc <= only.updated_date_utc


def test_a_user_who_consents_connects_an_organisation(consented: Xero) -> None:
    connections = consented.identity.get_connections()
    assert connections[0].tenant_name == "Demo Company"
    assert consented.accounting.get_contacts(connections[0].tenant_id).contacts is not None


def test_a_refreshed_token_is_a_new_pair(consented: Xero) -> None:
    before = dict(consented.tokens)
    consented.client.refresh_oauth2_token()
    assert consented.tokens["access_token"] != before["access_token"]
    assert consented.tokens["refresh_token"] != before["refresh_token"]
    assert consented.identity.get_connections()


def test_a_revoked_token_opens_no_door(consented: Xero) -> None:
    kept = dict(consented.tokens)
    consented.client.revoke_oauth2_token()
    assert consented.tokens["access_token"] is None
    consented.tokens = kept
    with pytest.raises(HTTPStatusException) as refused:
        consented.client.refresh_oauth2_token()
    assert json.loads(refused.value.body) == {"error": "invalid_grant"}


def test_a_connection_can_be_ended_by_the_application(consented: Xero) -> None:
    connection = consented.identity.get_connections()[0]
    assert consented.identity.delete_connection(connection.id) is None
    with pytest.raises(HTTPStatusException) as refused:
        consented.accounting.get_contacts(connection.tenant_id)
    assert refused.value.status == 403


def test_a_call_outside_the_scopes_is_refused(consented: Xero) -> None:
    tenant = consented.identity.get_connections()[0].tenant_id
    with pytest.raises(HTTPStatusException) as refused:
        consented.accounting.get_invoices(tenant)
    assert refused.value.status == 401
    assert "scope" in refused.value.headers["www-authenticate"]


def test_a_person_is_asked_and_the_answer_goes_back_to_the_application(world: World) -> None:
    world.control("xero", "apps", APP)
    browser = world.session()
    asked = {
        "response_type": "code",
        "client_id": APP["client_id"],
        "redirect_uri": APP["redirect_uris"][0],
        "scope": SCOPES,
        "state": "remembered",
    }
    page = browser.get("https://login.xero.com/identity/connect/authorize", params=asked)
    assert page.status_code == 200
    assert "Demo Company" in page.text
    shown = dict(re.findall(r'name="(user|tenant)" value="([^"]+)"', page.text))
    for decision, told in (("deny", "error"), ("allow", "code")):
        form = {**shown, "decision": decision}
        decided = browser.post(page.url, form, allow_redirects=False)
        back, _, query = decided.headers["location"].partition("?")
        assert back == APP["redirect_uris"][0]
        assert {"state", told} <= set(parse_qs(query))
