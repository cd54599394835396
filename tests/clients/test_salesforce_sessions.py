"""simple-salesforce: logging in, and what becomes of a session that has ended."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceRefusedRequest,
)

from conftest import CLIENT_ID, CLIENT_SECRET, VERSION, World


def test_a_client_logs_in_at_the_org_s_own_address(world: World) -> None:
    salesforce = world.salesforce()
    versions = salesforce.session.get(f"https://{salesforce.sf_instance}/services/data").json()
    assert VERSION in [one["version"] for one in versions]


def test_a_wrong_secret_is_refused(world: World) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        world.salesforce(consumer_key=CLIENT_ID, consumer_secret="wrong", domain="sandbox.my")
    assert refused.value.code == "invalid_client"


def test_client_credentials_are_nothing_to_the_address_that_all_orgs_share(world: World) -> None:
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    refused = world.session().post("https://login.salesforce.com/services/oauth2/token", data=form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_a_server_signs_in_with_its_own_key_and_is_led_to_the_org_s_own_address(
    world: World, salesforce: Salesforce
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    client = {"id": "server", "secret": "unused", "public_key_pem": public.decode()}
    world.control("salesforce", "clients", client)
    (user,) = salesforce.query("SELECT Username FROM User WHERE IsActive = true LIMIT 1")["records"]
    login = {"username": user["Username"], "consumer_key": "server", "privatekey": private.decode()}
    signed_in = world.salesforce(**login)
    assert signed_in.auth_site == "https://login.salesforce.com"
    assert signed_in.sf_instance == "sandbox.my.salesforce.com"
    assert signed_in.oauth2("userinfo")["preferred_username"] == user["Username"]


def test_a_session_that_has_ended_is_renewed_by_the_client_itself(world: World) -> None:
    salesforce = world.salesforce()
    before = salesforce.session_id
    salesforce.oauth2("revoke", {"token": before}, method="POST")
    assert salesforce.query("SELECT Id FROM Account LIMIT 1")["done"] is True
    assert salesforce.session_id != before


def test_a_session_that_nobody_can_renew_is_an_error(world: World) -> None:
    login = {"session_id": "00D!AQ", "instance_url": "https://sandbox.my.salesforce.com"}
    with pytest.raises(SalesforceExpiredSession) as refused:
        world.salesforce(**login).query("SELECT Id FROM Account")
    assert refused.value.content[0]["errorCode"] == "INVALID_SESSION_ID"


def test_the_session_says_whose_it_is(salesforce: Salesforce) -> None:
    told = salesforce.oauth2("userinfo")
    (user,) = salesforce.query(f"SELECT Username FROM User WHERE Id = '{told['user_id']}'")["records"]
    assert told["preferred_username"] == user["Username"]


def test_an_org_that_has_used_up_its_day_refuses(world: World, salesforce: Salesforce) -> None:
    most = salesforce.limits()["DailyApiRequests"]["Max"]
    world.control("salesforce", "calls", {"used": most})
    with pytest.raises(SalesforceRefusedRequest) as refused:
        salesforce.query("SELECT Id FROM Account LIMIT 1")
    assert refused.value.content[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
    world.let_pass(seconds=24 * 60 * 60)
    assert world.salesforce().query("SELECT Id FROM Account LIMIT 1")["done"] is True
