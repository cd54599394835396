"""What the suites share: the stand-ins, the way to them, and the vendors' clients as an application sets them up.

Nothing is patched in the clients. The stand-ins' limits are the real ones; where a suite has used up a minute's calls,
the stand-ins' clock goes on by one, so that nobody has to wait for it.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from simple_salesforce import Salesforce
from xero_python.accounting import AccountingApi, Contact, Contacts
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token
from xero_python.identity import IdentityApi

from internet import SALESFORCE_NAMES, XERO_NAMES, Answer, Internet
from program import Program, running

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
VERSION = "67.0"
CALLS_LEFT = "x-minlimit-remaining"

# Words of the command line in, running stand-ins out.
Start = Callable[..., AbstractContextManager["World"]]


@pytest.fixture(scope="session")
def answers() -> list[Answer]:
    """Everything that Xero answered to its client so far."""
    return []


@pytest.fixture(scope="session")
def letters() -> list[bytes]:
    """Everything that Xero wrote to a webhook so far."""
    return []


@dataclass(frozen=True)
class Certificates:
    authority: trustme.CA
    trusted: Path
    chain: Path
    key: Path

    @property
    def words(self) -> tuple[str | Path, ...]:
        return ("--tls-cert", self.chain, "--tls-key", self.key)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of this session's own, and Salesforce's certificate from it."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    made = Certificates(authority, folder / "trusted.pem", folder / "chain.pem", folder / "key.pem")
    salesforce = authority.issue_cert("localhost", "127.0.0.1", *SALESFORCE_NAMES)
    authority.cert_pem.write_to_path(made.trusted)
    salesforce.private_key_pem.write_to_path(made.key)
    for place, part in enumerate(salesforce.cert_chain_pems):
        part.write_to_path(made.chain, append=place > 0)
    return made


class World:
    """Stand-ins that are running, as the clients of an application see them."""

    def __init__(self, program: Program, certificates: Certificates, answers: list[Answer]) -> None:
        self.program = program
        self.certificates = certificates
        self.ports = {"salesforce": program.port_of("Salesforce"), "xero": program.port_of("Xero")}
        self.answers = answers
        # Whether nobody waits for the next minute's calls.
        self.hurries = True
        self.internet = Internet(certificates.authority, self._answered)
        self.internet.lead(SALESFORCE_NAMES, self.ports["salesforce"])
        self.internet.lead(XERO_NAMES, self.ports["xero"])

    def _answered(self, answer: Answer) -> None:
        self.answers.append(answer)
        if self.hurries and int(answer.headers.get(CALLS_LEFT, 60)) < 5:
            self.let_pass(seconds=60)

    def control(self, stand_in: str, path: str, body: Any = None, method: str | None = None) -> Any:
        """`/_sandbox/…` of a stand-in: POST with a body and GET without, where no method is named."""
        url = f"http://127.0.0.1:{self.ports[stand_in]}/_sandbox/{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{path}: {refused.read().decode()}") from refused

    def let_pass(self, seconds: int) -> None:
        self.control("xero", "clock", {"advance_seconds": seconds})

    def salesforce(self, **login: Any) -> Salesforce:
        """As simple-salesforce's documentation logs in with a consumer's key and secret."""
        login = login or {
            "consumer_key": CLIENT_ID,
            "consumer_secret": CLIENT_SECRET,
            "domain": "sandbox.my",
        }
        return Salesforce(session=self.session(), version=VERSION, **login)

    def session(self) -> requests.Session:
        """For what an application does itself: a browser's part of a login, for instance."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.certificates.trusted)
        session.proxies = {"https": self.internet.proxy}
        return session

    def xero(self) -> "Xero":
        """A custom connection: the client asks for its token itself."""
        xero = Xero(self.internet.proxy, self.certificates.trusted, CLIENT_ID, CLIENT_SECRET)
        xero.client.get_client_credentials_token()
        return xero

    def contact(self, name: str) -> Contact:
        """A new one, as documents refer to it."""
        wanted = Contacts(contacts=[Contact(name=name)])
        (made,) = self.xero().create_contacts(wanted).contacts
        return Contact(contact_id=made.contact_id)


class Xero:
    """As xero-python's documentation sets it up."""

    def __init__(self, proxy: str, trusted: Path, client_id: str, client_secret: str) -> None:
        # The class hands out copies of its first instance: everything is set on the copy.
        configuration = Configuration()
        configuration.oauth2_token = OAuth2Token(client_id, client_secret)
        configuration.proxy = proxy
        configuration.ssl_ca_cert = str(trusted)
        self.tokens: dict[str, Any] = {}
        self.client = ApiClient(
            configuration,
            oauth2_token_saver=self._save,
            oauth2_token_getter=lambda: self.tokens,
        )

    def _save(self, tokens: dict[str, Any]) -> None:
        self.tokens = tokens

    @cached_property
    def identity(self) -> IdentityApi:
        return IdentityApi(self.client)

    @cached_property
    def tenant(self) -> str:
        (only,) = self.identity.get_connections()
        return only.tenant_id

    @cached_property
    def accounting(self) -> AccountingApi:
        return AccountingApi(self.client)

    def __getattr__(self, call: str) -> Callable[..., Any]:
        """A call of the accounting API, in this connection's organisation."""
        method = getattr(self.accounting, call)
        return lambda *given, **named: method(self.tenant, *given, **named)


@pytest.fixture(scope="session")
def start(certificates: Certificates, answers: list[Answer]) -> Start:
    """Starts the program with stand-ins; what is started is stopped by whoever leaves the block."""

    @contextmanager
    def started(*words: str | Path) -> Iterator[World]:
        with running(*words, *certificates.words) as program:
            world = World(program, certificates, answers)
            try:
                yield world
            finally:
                world.internet.close()

    return started


@pytest.fixture(scope="module")
def world(start: Start) -> Iterator[World]:
    """Stand-ins for one file of tests."""
    with start("sandbox") as world:
        yield world


@pytest.fixture
def xero(world: World) -> Xero:
    return world.xero()


@pytest.fixture(scope="module")
def salesforce(world: World) -> Salesforce:
    return world.salesforce()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at all answers comes when all have been given."""
    items.sort(key=lambda item: item.path.stem == "test_published_documents")
