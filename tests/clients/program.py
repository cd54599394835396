"""The program under test: found or built, started on free ports, stopped by who started it."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0


def binary() -> Path:
    """`COUNTERFOIL` names one that is built already; else cargo builds it."""
    if named := os.environ.get("COUNTERFOIL"):
        return Path(named)
    command = ["cargo", "build", "--locked", "--package", "counterfoil-local", "--message-format", "json"]
    built = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, check=True, text=True)
    messages = (json.loads(line) for line in built.stdout.splitlines())
    return next(Path(said["executable"]) for said in messages if said.get("executable"))


class Program:
    """One that is running. What it says to people is on standard error."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line.rstrip())
                self.news.notify_all()

    def said(self, beginning: str) -> str:
        """The first line that begins so, without its beginning; waits for it."""
        deadline = time.monotonic() + PATIENCE
        with self.news:
            while True:
                for line in self.lines:
                    if line.startswith(beginning):
                        return line.removeprefix(beginning).strip()
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise AssertionError(f"never said {beginning!r}, but:\n" + "\n".join(self.lines))
                self.news.wait(min(left, 0.2))

    def port_of(self, stand_in: str) -> int:
        """Where it says that `Salesforce` or `Xero` is found."""
        address = self.said(f"stand-in {stand_in}").split()[0]
        return int(address.rpartition(":")[2])


@contextmanager
def running(*words: str | Path) -> Iterator[Program]:
    command = [str(word) for word in (binary(), *words)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        yield Program(process)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def perform(*words: str | Path) -> str:
    """Runs a command to its end; what it prints."""
    command = [str(word) for word in (binary(), *words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
