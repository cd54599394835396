"""The internet between the clients and the stand-ins: a proxy that leads the vendors' real names to this machine.

The clients keep their own addresses and insist on https as they always do; all they are told is a proxy and whose
certificates to trust, which both are documented options of theirs. Connections to Salesforce go through untouched,
so that the stand-in's own TLS answers. Those to Xero end here, and what is answered is written down: the suite
compares it with Xero's published documents.
"""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme

SALESFORCE_NAMES = ("sandbox.my.salesforce.com", "login.salesforce.com")
XERO_NAMES = ("api.xero.com", "identity.xero.com", "login.xero.com")
# Of a connection, not of a message.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Answer:
    """What Xero answered to a client."""

    method: str
    host: str
    path: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """Numbers that aren't whole stay apart from whole ones, and nothing is rounded."""
        return json.loads(self.body)


@dataclass
class Internet:
    """A machine's view of it: which port of this machine stands in for which name."""

    authority: trustme.CA
    when_answered: Callable[[Answer], None]
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*XERO_NAMES).configure_cert(self.context)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Tunnel)
        self.server.internet = self  # type: ignore[attr-defined]
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def lead(self, names: tuple[str, ...], port: int) -> None:
        self.ports.update(dict.fromkeys(names, port))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Tunnel(BaseHTTPRequestHandler):
    """A client asks to be connected with a name."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_CONNECT(self) -> None:
        internet: Internet = self.server.internet  # type: ignore[attr-defined]
        name = self.path.partition(":")[0]
        port = internet.ports.get(name)
        if port is None:
            self.send_error(502, f"nothing stands in for {name}")
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        self.close_connection = True
        if name in XERO_NAMES:
            with internet.context.wrap_socket(self.connection, server_side=True) as end:
                Recorder(end, self.client_address, self.server)
        else:
            self._let_through(port)

    def _let_through(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as other:
            other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_copy, args=(other, self.connection), daemon=True)
            back.start()
            _copy(self.connection, other)
            back.join()

    def log_message(self, *_: object) -> None:
        pass


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while some := source.recv(65536):
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # One of both has gone, and the other one learns of it by itself.


class Recorder(BaseHTTPRequestHandler):
    """Passes requests on as they are, and answers too."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _pass_on(self) -> None:
        internet: Internet = self.server.internet  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        host = self.headers["host"].partition(":")[0]
        connection = http.client.HTTPConnection("127.0.0.1", internet.ports[host])
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            if body or self.command in ("POST", "PUT", "PATCH"):
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            answered = answer.read()
        finally:
            connection.close()
        internet.when_answered(Answer(self.command, host, self.path, answer.status, answer.headers, answered))
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if answer.status != http.client.NO_CONTENT:
            self.send_header("content-length", str(len(answered)))
        self.end_headers()
        self.wfile.write(answered)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

    def log_message(self, *_: object) -> None:
        pass
