"""Typed, suspicious access to the fields of an evidence body that came from a file (III.1, trust section 15).

Every wrong type, missing field or foreign word raises BadInput with the path of the field; nothing is converted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.figures import read_duration, read_time
from gonogo.values import dataclass

Word = TypeVar("Word", bound=str)

_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    Decimal: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of a body, with its path (a JSON pointer, empty for the body itself)."""

    values: Mapping[str, Tree]
    path: str = ""

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(key) is not None

    def part(self, key: str) -> Fields:
        """The object below `key`."""
        value = self._required(key)
        if not isinstance(value, Mapping):
            raise self._wrong(key, "an object", value)
        return Fields(value, f"{self.path}/{key}")

    def maybe_part(self, key: str) -> Fields | None:
        """The object below `key`, None where there is none."""
        return self.part(key) if self.has(key) else None

    def rows(self, key: str) -> tuple[Fields, ...]:
        """The list of objects below `key`."""
        answer = []
        for index, item in enumerate(self._items(key)):
            if not isinstance(item, Mapping):
                raise self._wrong(f"{key}/{index}", "an object", item)
            answer.append(Fields(item, f"{self.path}/{key}/{index}"))
        return tuple(answer)

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of texts below `key`."""
        answer = []
        for index, item in enumerate(self._items(key)):
            if not isinstance(item, str):
                raise self._wrong(f"{key}/{index}", "text", item)
            answer.append(item)
        return tuple(answer)

    def text(self, key: str) -> str:
        """The text below `key`."""
        value = self._required(key)
        if not isinstance(value, str):
            raise self._wrong(key, "text", value)
        return value

    def maybe_text(self, key: str) -> str | None:
        """The text below `key`, None where there is none."""
        return self.text(key) if self.has(key) else None

    def filled(self, key: str) -> bool:
        """Whether the text below `key` is there and holds more than blanks."""
        return bool((self.maybe_text(key) or "").strip())

    def word(self, key: str, allowed: Sequence[Word]) -> Word:
        """The text below `key`, which must be one of `allowed`."""
        value = self.text(key)
        for word in allowed:
            if word == value:
                return word
        raise BadInput(
            f"`{value[:40]}` is none of {', '.join(allowed)}", where=f"{self.path}/{key}", next_step="measure again"
        )

    def flag(self, key: str) -> bool:
        """The Boolean below `key`; 1 and "true" are none."""
        value = self._required(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def count(self, key: str) -> int:
        """The whole number ≥ 0 below `key`; true is none."""
        value = self._required(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(key, "a whole number from 0 on", value)
        return value

    def whole(self, key: str) -> int:
        """The whole number below `key`, also below zero (exit codes of signals)."""
        value = self._required(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "a whole number", value)
        return value

    def number(self, key: str) -> Decimal:
        """The finite number below `key`; true, text, NaN and infinity are none."""
        value = self._required(key)
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
            raise self._wrong(key, "a finite number", value)
        return Decimal(value)

    def maybe_number(self, key: str) -> Decimal | None:
        """The number below `key`, None where there is none."""
        return self.number(key) if self.has(key) else None

    def moment(self, key: str) -> datetime:
        """The time below `key`."""
        try:
            return read_time(self.text(key))
        except BadInput as error:
            raise BadInput(error.what, where=f"{self.path}/{key}", next_step=error.next_step) from error

    def maybe_moment(self, key: str) -> datetime | None:
        """The time below `key`, None where there is none."""
        return self.moment(key) if self.has(key) else None

    def duration(self, key: str) -> timedelta:
        """The duration below `key`."""
        try:
            return read_duration(self.text(key))
        except BadInput as error:
            raise BadInput(error.what, where=f"{self.path}/{key}", next_step=error.next_step) from error

    def maybe_duration(self, key: str) -> timedelta | None:
        """The duration below `key`, None where there is none."""
        return self.duration(key) if self.has(key) else None

    def _required(self, key: str) -> Tree:
        value = self.values.get(key)
        if value is None:
            raise BadInput("this field is missing", where=f"{self.path}/{key}", next_step="measure again")
        return value

    def _items(self, key: str) -> Sequence[Tree]:
        value = self._required(key)
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self._wrong(key, "a list", value)
        return value

    def _wrong(self, key: str, wanted: str, value: Tree) -> BadInput:
        """The error for a value of the wrong kind; it names the kind and never shows the value, which may be secret."""
        kind = _KINDS.get(type(value), "an object" if isinstance(value, Mapping) else "something else")
        return BadInput(f"{kind} stands here, not {wanted}", where=f"{self.path}/{key}", next_step="measure again")
