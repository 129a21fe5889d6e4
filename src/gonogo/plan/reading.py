"""Typed reading of strict YAML: everything that is wrong is collected, with its line, instead of stopping at the first.

A `Section` wraps one mapping. Each accessor takes a key, reports what is missing or of the wrong kind, and then goes
on with a neutral value; the caller looks at `findings` when it is done (bad input never gets further than that).
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TypeAlias, TypeVar

from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar
from gonogo.findings import Finding, Level, Origin
from gonogo.measure.providers import FOREIGN
from gonogo.values import dataclass

MISSING_KEY = "GN1001"
WRONG_KIND = "GN1002"
UNKNOWN_KEY = "GN1003"
WRONG_VALUE = "GN1004"

TEXTS, MAPPING, MAPPINGS = "texts", "mapping", "mappings"
"""What stands at a key, where it is no single value."""

Value = TypeVar("Value")

_UNITS = {"ms": "0.001", "s": "1", "sec": "1", "m": "60", "min": "60", "h": "3600", "d": "86400"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|sec|s|min|m|h|d)\Z")
_FOREIGN = re.compile(rf"{FOREIGN}[A-Za-z0-9][A-Za-z0-9_.-]{{0,63}}")
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?\Z")


def duration_of(text: str) -> Decimal | None:
    """Seconds of `10m`, `600s`, `500 ms` or ISO 8601 `PT10M`; None where it is none (a bare number has no unit)."""
    found = _DURATION.match(text.strip())
    if found:
        return Decimal(found[1]) * Decimal(_UNITS[found[2]])
    iso = _ISO.match(text.strip())
    if iso and any(iso.groups()):
        days, hours, minutes, seconds = (Decimal(part or 0) for part in iso.groups())
        return days * 86400 + hours * 3600 + minutes * 60 + seconds
    return None


def moment_of(text: str) -> datetime | None:
    """An ISO 8601 moment with its zone, else None: a time without a zone is another moment on each machine."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def ratio_of(text: str) -> Decimal | None:
    """`0.05` or `5%` as a decimal between 0 and 1, else None."""
    try:
        value = Decimal(text[:-1]) / 100 if text.endswith("%") else Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value <= 1 else None


Place: TypeAlias = tuple[str, ...]
"""Where a mapping stands: keys from the top, `*` for any name and `[]` for any entry of a list."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A key that a reader looked for: what it takes there, in words (any of them), and how it looked.

    `required` says that it has to be there where it is asked for, which was in `times` mappings.
    """

    kinds: tuple[str, ...]
    required: bool
    times: int = 0


@dataclass(slots=True)
class Findings:
    """Where a reader collects what is wrong, and what it asked for: of that the schema of its file is made (SEC-10).

    `free` are mappings whose keys are names of the project's own; `met` says how many mappings stood at a place.
    """

    found: list[Finding] = field(default_factory=list)
    asked: dict[tuple[Place, str], Asked] = field(default_factory=dict)
    free: set[Place] = field(default_factory=set)
    met: Counter[Place] = field(default_factory=Counter)

    def error(self, code: str, message: str, origin: Origin, *notes: str) -> None:
        """Note an error at `origin`."""
        self.found.append(Finding(code, Level.ERROR, message, origin, notes=notes))

    def warn(self, code: str, message: str, origin: Origin, *notes: str) -> None:
        """Note a warning at `origin`."""
        self.found.append(Finding(code, Level.WARNING, message, origin, notes=notes))


class Section:
    """One mapping of a configuration file, read key by key; `path` is its dotted name for messages."""

    def __init__(self, node: Node, path: str, notes: Findings, place: Place = ()) -> None:
        self.path = path
        self.place = place
        self.notes = notes
        self.origin = node.origin
        self._used: set[str] = set()
        notes.met[place] += 1
        if isinstance(node, Pairs):
            self._pairs = node
        else:
            if not (isinstance(node, Scalar) and node.text == "" and not node.quoted):
                notes.error(WRONG_KIND, f"`{path}` must be a mapping of keys to values", node.origin)
            self._pairs = Pairs({}, {}, node.origin)

    def _named(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Whether the key stands there."""
        return key in self._pairs.values

    def names(self) -> tuple[str, ...]:
        """All keys in document order; asking for them marks none as known."""
        self.notes.free.add(self.place)
        return tuple(self._pairs.values)

    def origin_of(self, key: str) -> Origin:
        """Where the key stands, else where the section begins."""
        return self._pairs.keys.get(key, self.origin)

    def node(self, key: str, *, required: bool = True) -> Node | None:
        """The raw node of `key`; a missing required key is reported."""
        self._ask(key, "", required=required, new=key not in self._used)
        self._used.add(key)
        found = self._pairs.values.get(key)
        if found is None and required:
            self.notes.error(MISSING_KEY, f"`{self._named(key)}` is missing", self.origin)
        return found

    def _ask(self, key: str, kind: str, *, required: bool, new: bool = False) -> None:
        known = self.notes.asked.get((self.place, key), Asked((), required))
        kinds = (*known.kinds, kind) if kind and kind not in known.kinds else known.kinds
        self.notes.asked[self.place, key] = Asked(kinds, required and known.required, known.times + new)

    def _scalar(self, key: str, *, required: bool) -> Scalar | None:
        node = self.node(key, required=required)
        if node is None or isinstance(node, Scalar):
            return node
        self.notes.error(WRONG_KIND, f"`{self._named(key)}` must be a single value", node.origin)
        return None

    def _typed(self, key: str, read: Callable[[str], Value | None], kind: str, default: Value | None) -> Value | None:
        node = self._scalar(key, required=default is None)
        self._ask(key, kind, required=default is None)
        if node is None:
            return default
        value = read(node.text)
        if value is None:
            self.notes.error(WRONG_VALUE, f"`{self._named(key)}` is `{node.text}`; it must be {kind}", node.origin)
            return default
        return value

    def text(self, key: str, default: str | None = None, *, pattern: str = r".+", kind: str = "text") -> str:
        """A text that matches `pattern` as a whole."""
        shape = re.compile(pattern, re.DOTALL)
        return self._typed(key, lambda raw: raw if shape.fullmatch(raw) else None, kind, default) or ""

    def choice(self, key: str, options: tuple[str, ...], default: str | None = None) -> str:
        """One of `options`."""
        kind = "one of " + ", ".join(options)
        return self._typed(key, lambda raw: raw if raw in options else None, kind, default) or options[0]

    def provider(self, key: str, known: tuple[str, ...], default: str | None = None) -> str:
        """One of `known`, or `plugin:NAME` for a provider of another package, which is looked up when it is used."""
        kind = f"one of {', '.join(known)}, or {FOREIGN}NAME for one of an installed package"

        def read(raw: str) -> str | None:
            return raw if raw in known or _FOREIGN.fullmatch(raw) else None

        return self._typed(key, read, kind, default) or known[0]

    def seconds(self, key: str, default: Decimal | None = None) -> Decimal:
        """A duration with its unit, in seconds."""
        kind = "a duration with a unit, such as 30s, 10m or PT10M"
        value = self._typed(key, duration_of, kind, default)
        return Decimal(0) if value is None else value

    def integer(self, key: str, default: int | None = None, *, least: int = 0) -> int:
        """A whole number of at least `least`."""

        def read(raw: str) -> int | None:
            return int(raw) if re.fullmatch(r"\d{1,9}", raw) and int(raw) >= least else None

        value = self._typed(key, read, f"a whole number of at least {least}", default)
        return least if value is None else value

    def ratio(self, key: str, default: Decimal | None = None) -> Decimal:
        """A ratio between 0 and 1, or a percentage."""
        value = self._typed(key, ratio_of, "a ratio from 0 to 1 or a percentage", default)
        return Decimal(0) if value is None else value

    def flag(self, key: str, *, default: bool | None = None) -> bool:
        """`true` or `false`."""
        value = self._typed(key, {"true": True, "false": False}.get, "true or false", default)
        return bool(value)

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one."""
        node = self.node(key, required=default is None)
        self._ask(key, TEXTS, required=default is None)
        if node is None:
            return default or ()
        if isinstance(node, Scalar):
            return (node.text,)
        items = node.items if isinstance(node, Items) else ()
        if not isinstance(node, Items) or not all(isinstance(item, Scalar) for item in items):
            self.notes.error(WRONG_KIND, f"`{self._named(key)}` must be a list of texts", node.origin)
            return default or ()
        return tuple(item.text for item in items if isinstance(item, Scalar))

    def section(self, key: str, *, required: bool = True) -> Section:
        """A mapping below this one; an absent one reads as empty."""
        node = self.node(key, required=required)
        self._ask(key, MAPPING, required=required)
        return Section(node or Pairs({}, {}, self.origin), self._named(key), self.notes, (*self.place, key))

    def optional(self, key: str) -> Section | None:
        """A mapping below this one, or None where the key is absent."""
        node = self.node(key, required=False)
        self._ask(key, MAPPING, required=False)
        return None if node is None else Section(node, self._named(key), self.notes, (*self.place, key))

    def children(self) -> Iterator[tuple[str, Section]]:
        """Every key as a section of its own, for mappings whose keys are names."""
        self.notes.free.add(self.place)
        self._ask("*", MAPPING, required=False)
        for key, node in self._pairs.values.items():
            self._used.add(key)
            yield key, Section(node, self._named(key), self.notes, (*self.place, "*"))

    def sections(self, key: str, *, required: bool = False) -> Iterator[Section]:
        """A list of mappings."""
        node = self.node(key, required=required)
        self._ask(key, MAPPINGS, required=required)
        if node is None:
            return
        if not isinstance(node, Items):
            self.notes.error(WRONG_KIND, f"`{self._named(key)}` must be a list", node.origin)
            return
        for index, item in enumerate(node.items):
            yield Section(item, f"{self._named(key)}[{index}]", self.notes, (*self.place, key, "[]"))

    def mapping(self, key: str) -> dict[str, str]:
        """A mapping of names to texts; absent reads as empty."""
        child = self.section(key, required=False)
        return {name: child.text(name) for name in child.names()}

    def finish(self) -> None:
        """Report every key that nobody asked for, with the nearest known one."""
        for key, origin in self._pairs.keys.items():
            if key in self._used:
                continue
            near = difflib.get_close_matches(key, sorted(self._used), n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            known = "known here: " + ", ".join(sorted(self._used))
            self.notes.error(UNKNOWN_KEY, f"unknown key `{self._named(key)}`{hint}", origin, known)
