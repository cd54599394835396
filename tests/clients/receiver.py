"""An application's webhook: it answers 200 to what carries its key's signature, and 401 to everything else."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from program import PATIENCE


class Receiver:
    """Listens on this machine; `letters` takes every body that was signed rightly."""

    key = "the key that signs"

    def __init__(self, letters: list[bytes]) -> None:
        self.letters = letters
        self.events: list[dict[str, Any]] = []
        self.news = threading.Condition()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.server.receiver = self  # type: ignore[attr-defined]
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/xero"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def take(self, body: bytes, signature: str) -> bool:
        """Whether it is Xero's; then what it tells is taken."""
        own = base64.b64encode(hmac.digest(self.key.encode(), body, hashlib.sha256)).decode()
        if not hmac.compare_digest(own, signature):
            return False
        with self.news:
            self.letters.append(body)
            self.events += json.loads(body)["events"]
            self.news.notify_all()
        return True

    def wait_for(self, wanted: set[tuple[str, str, str]]) -> list[dict[str, Any]]:
        """All events so far, when those are among them: category, type and id."""
        deadline = time.monotonic() + PATIENCE
        with self.news:
            while True:
                told = {(one["eventCategory"], one["eventType"], one["resourceId"]) for one in self.events}
                if wanted <= told:
                    return list(self.events)
                left = deadline - time.monotonic()
                assert left > 0, f"never told of {sorted(wanted - told)}, but of {sorted(told)}"
                self.news.wait(left)


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["content-length"]))
        is_genuine = receiver.take(body, self.headers.get("x-xero-signature", ""))
        self.send_response(200 if is_genuine else 401)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
