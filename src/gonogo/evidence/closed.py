"""Reading JSON objects whose every field is known: unknown, missing or wrongly typed fields are refused (APR-02)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NoReturn

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.terms import Digest
from gonogo.values import dataclass

MOST_TEXT: Final = 16 * 1024
MOST_ITEMS: Final = 10_000

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, slots=True)
class Fields:
    """An object whose set of fields was checked. `where` is its place, for messages."""

    where: str
    values: Mapping[str, Tree]

    def refuse(self, name: str, what: str) -> NoReturn:
        """Raises BadInput about field `name`."""
        raise BadInput(f"{name!r} {what}", where=self.where, next_step="have it written by gonogo, and do not edit it")

    def text(self, name: str, pattern: re.Pattern[str] | None = None) -> str:
        """A text; where `pattern` is given, all of it has to match."""
        value = self.values.get(name)
        if not isinstance(value, str) or len(value) > MOST_TEXT:
            self.refuse(name, f"is not a text of at most {MOST_TEXT} characters")
        if pattern is not None and not pattern.fullmatch(value):
            self.refuse(name, f"does not have the form {pattern.pattern}")
        return value

    def optional_text(self, name: str, pattern: re.Pattern[str] | None = None) -> str | None:
        """A text, or None where the field is absent."""
        return self.text(name, pattern) if name in self.values else None

    def digest(self, name: str) -> Digest:
        """A SHA-256 in lower-case hex."""
        return Digest(self.text(name, _DIGEST))

    def integer(self, name: str) -> int:
        """An integer from 0."""
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.refuse(name, "is not an integer from 0")
        return value

    def moment(self, name: str) -> datetime:
        """A time in UTC, to the second."""
        text = self.text(name, _TIME)
        try:
            return moment_of(text)
        except BadInput as error:
            self.refuse(name, f"cannot be: {error.what}")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; absent is empty."""
        found = tuple(item for item in self._items(name) if isinstance(item, str) and len(item) <= MOST_TEXT)
        if len(found) != len(self._items(name)):
            self.refuse(name, "is not a list of texts")
        return found

    def part(self, name: str, required: frozenset[str], optional: frozenset[str] = frozenset()) -> Fields:
        """The object in field `name`, closed in turn."""
        return closed(self.values.get(name), f"{self.where}.{name}", required, optional)

    def parts(self, name: str, required: frozenset[str], optional: frozenset[str] = frozenset()) -> tuple[Fields, ...]:
        """The objects in the list in field `name`; absent is empty."""
        items = enumerate(self._items(name))
        return tuple(closed(item, f"{self.where}.{name}[{index}]", required, optional) for index, item in items)

    def _items(self, name: str) -> list[Tree] | tuple[Tree, ...]:
        value = self.values.get(name, [])
        if not isinstance(value, list | tuple) or len(value) > MOST_ITEMS:
            self.refuse(name, "is not a list")
        return value


def closed(value: Tree, where: str, required: frozenset[str], optional: frozenset[str] = frozenset()) -> Fields:
    """`value` as an object with all of `required` and nothing beyond `optional`. Raises BadInput otherwise."""
    if not isinstance(value, Mapping):
        raise BadInput("is not an object", where=where, next_step="have it written by gonogo, and do not edit it")
    fields = Fields(where, value)
    for name in sorted(required - value.keys()):
        fields.refuse(name, "is missing")
    for name in sorted(value.keys() - required - optional):
        fields.refuse(name, "is not a known field")
    return fields


def names(text: str) -> frozenset[str]:
    """Field names written as one line."""
    return frozenset(text.split())


def moment_of(text: str) -> datetime:
    """A time such as `2026-11-21T10:00:00Z`. Raises BadInput for another form."""
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise BadInput(f"{text!r} is not a time", next_step="times look like 2026-11-21T10:00:00Z")


def moment_text(moment: datetime) -> str:
    """`moment` in UTC to the second, as it stands in statements and manifests (EVS-10)."""
    if moment.tzinfo is None:
        raise BadInput("a time without zone cannot be written", next_step="give a time in UTC")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
