"""Xero's published OpenAPI documents, and what an answer has that they don't say.

They are found in `COUNTERFOIL_XERO_SPEC`, by default `shared/spec/xero` beside the checkout; they are no part of it. A
name that the document doesn't list is a violation too: it is most often a wrong one.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from jsonschema import Draft4Validator, Draft202012Validator, FormatChecker, ValidationError

from internet import Answer
from program import CHECKOUT

FOLDER = Path(os.environ.get("COUNTERFOIL_XERO_SPEC", CHECKOUT.parent / "shared" / "spec" / "xero"))
# Where the paths of each document begin.
FILES = {
    "/api.xro/2.0": "xero_accounting.yaml",
    "/projects.xro/2.0": "xero-projects.yaml",
    "": "xero-identity.yaml",
}
LETTERS = "xero-webhooks.yaml"
METHODS = ("get", "put", "post", "patch", "delete")
# `x-is-msdate` and `x-is-msdate-time` say this in the documents.
MICROSOFT_DATE = r"^/Date\(-?\d+(\+0000)?\)/$"


def are_at_hand() -> bool:
    return FOLDER.is_dir()


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    responses: dict[str, Any]

    @property
    def shape(self) -> tuple[str, str]:
        return self.method, re.sub(r"\{[^/]*\}", "{}", self.path)

    def matches(self, method: str, path: str) -> bool:
        words = [re.escape(word) for word in self.shape[1].split("{}")]
        pattern = "[^/]+".join(words)
        return method.lower() == self.method and re.fullmatch(pattern, path, re.IGNORECASE) is not None


@dataclass(frozen=True)
class Violation:
    # `Schema.Property`, which an exception names.
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


class Document:
    def __init__(self, file: Path) -> None:
        self.tree = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
        self.operations = [
            Operation(one["operationId"], method, path, one["responses"])
            for path, item in self.tree["paths"].items()
            for method, one in item.items()
            if method in METHODS
        ]
        # Words before placeholders: /Reports/BalanceSheet is not a {ReportID}.
        self.operations.sort(key=lambda one: (one.path.count("{"), -len(one.path)))
        for name, schema in self.tree["components"]["schemas"].items():
            _strict(schema, name)

    def operation(self, method: str, path: str) -> Operation | None:
        return next((one for one in self.operations if one.matches(method, path)), None)

    def samples(self, kind: str) -> Iterator[str]:
        """What the document shows of answers that are lists of a kind."""
        schemas = self.tree["components"]["schemas"]
        for operation in self.operations:
            for response in operation.responses.values():
                told = response.get("content", {}).get("application/json", {})
                listed = schemas.get(told.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
                items = [one.get("items", {}) for one in listed.get("properties", {}).values()]
                if {"$ref": f"#/components/schemas/{kind}"} in items:
                    example = told.get("example")
                    yield example if isinstance(example, str) else json.dumps(example, default=str)

    def violations(self, operation: Operation, answer: Answer) -> Iterator[Violation]:
        if "json" not in answer.headers.get("content-type", ""):
            return
        schema = self._schema(operation, str(answer.status))
        if schema is None:
            what = f"{operation.id} has no such answer in the document (is {answer.body.decode()!r:.120})"
            yield Violation(f"answer.{answer.status}", what)
            return
        body = answer.json()
        elements = body.pop("Elements", []) if answer.status == 400 else []
        yield from self._compare(schema, body)
        # The document lists a handful of names for a refused element; it is the kind's own and those.
        also = self.tree["components"]["schemas"].get("Element", {}).get("properties", {})
        good = self._schema(operation, "200") or {}
        for name, listed in self._at(good.get("$ref", "#/")).get("properties", {}).items():
            if elements and name not in ("Warnings", "pagination") and listed.get("type") == "array":
                found = self._compare(listed, elements)
                yield from (one for one in found if one.place.rpartition(".")[2] not in also)

    def _schema(self, operation: Operation, status: str) -> dict[str, Any] | None:
        response = operation.responses.get(status)
        while response and "$ref" in response:
            response = self._at(response["$ref"])
        schema = (response or {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            _strict(schema, operation.id)
        return schema

    def _compare(self, schema: dict[str, Any], instance: Any) -> Iterator[Violation]:
        # A schema with a reference is nothing but the reference; so what it refers to is put beside it.
        whole = {"allOf": [schema], "components": self.tree["components"]}
        for error in Draft4Validator(whole, format_checker=FormatChecker()).iter_errors(instance):
            yield from _violations_of(error)

    def _at(self, reference: str) -> Any:
        found = self.tree
        for part in reference.removeprefix("#/").split("/"):
            found = found[part] if part else found
        return found


def _strict(schema: dict[str, Any], title: str) -> None:
    """OpenAPI's own words in JSON Schema's: what is listed is all there is, and `nullable`."""
    if "$ref" in schema or "title" in schema:
        return
    schema["title"] = title
    if schema.get("nullable") and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if any(schema.get(word) for word in ("x-is-msdate", "x-is-msdate-time")):
        schema["pattern"] = MICROSOFT_DATE
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
        for name, inner in schema["properties"].items():
            _strict(inner, f"{title}.{name}")
    if isinstance(schema.get("items"), dict):
        _strict(schema["items"], title)


def _violations_of(error: ValidationError) -> Iterator[Violation]:
    schema, instance = error.schema, error.instance
    if error.validator == "additionalProperties":
        title = schema["title"] if error.path or "ErrorNumber" in instance else "envelope"
        for name in sorted(set(instance) - set(schema["properties"])):
            yield Violation(f"{title}.{name}", f"isn't in the document (is {instance[name]!r:.120})")
    elif error.validator == "required":
        missing = error.message.partition("'")[2].partition("'")[0]
        yield Violation(f"{schema['title']}.{missing}", "is missing")
    else:
        yield Violation(schema.get("title", error.json_path), error.message[:200])


class Published:
    """All documents together."""

    def __init__(self) -> None:
        self.documents = {base: Document(FOLDER / file) for base, file in FILES.items()}

    def operation(self, answer: Answer) -> tuple[Document, Operation] | None:
        path = unquote(urlsplit(answer.path).path)
        for base, document in self.documents.items():
            if path.lower().startswith(base.lower() + "/") and (
                operation := document.operation(answer.method, path[len(base) :])
            ):
                return document, operation
        return None

    def violations(self, answer: Answer) -> Iterator[Violation]:
        if found := self.operation(answer):
            document, operation = found
            yield from document.violations(operation, answer)
        elif answer.host == "api.xero.com":
            yield Violation(f"{answer.method} {urlsplit(answer.path).path}", "isn't in any document")


class Webhooks:
    """The document of what is written to webhooks: events of one kind, and what those of credit notes have besides."""

    def __init__(self) -> None:
        tree = yaml.load((FOLDER / LETTERS).read_text(encoding="utf-8"), yaml.CSafeLoader)
        self.components = tree["components"]
        self.letter = self.components["schemas"]["WebhookEvent"]["properties"]
        self.event = self.letter["events"]["items"]["properties"]

    def violations(self, body: bytes) -> Iterator[Violation]:
        letter = json.loads(body)
        for name in sorted(set(letter) - set(self.letter)):
            yield Violation(f"letter.{name}", "isn't in the document")
        for event in letter["events"]:
            of_credit = event.get("eventCategory") == "CREDITNOTE"
            alone = {**letter, "events": [event]}
            for name in sorted(set(event) - set(self.event) - ({"data"} if of_credit else set())):
                yield Violation(f"event.{name}", f"isn't in the document ({event['eventCategory']})")
            yield from self._compare("CreditNoteWebhookEvent" if of_credit else "WebhookEvent", alone)
        if not letter["events"]:
            yield from self._compare("WebhookEvent", letter)

    def _compare(self, schema: str, letter: Any) -> Iterator[Violation]:
        whole = {"$ref": f"#/components/schemas/{schema}", "components": self.components}
        for error in Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(letter):
            path = [part for part in error.path if isinstance(part, str)]
            place = f"event.{path[-1]}" if len(path) > 1 else ".".join(["letter", *path])
            yield Violation(place, f"{error.message[:160]} ({letter['events'][:1]})")
