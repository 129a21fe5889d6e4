"""Reading a requirement form field by field: aliases, plain texts beside structures, comma-separated lists (GEN-01).

Nothing stops at the first fault: each is a finding with its line, and reading goes on with an empty value.
GN0901: missing, empty or of the wrong kind; GN0902: another name of a known key; GN0903: a key nobody knows.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import field
from typing import TypeAlias

from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar
from gonogo.findings import Applicability, Edit, Finding, Fix, Level, Origin, Span
from gonogo.values import dataclass

_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the form, verbatim but for blanks at its ends, and its place. False when it is empty."""

    text: str
    origin: Origin

    def __bool__(self) -> bool:
        """Whether there is any text."""
        return bool(self.text)

    def __str__(self) -> str:
        """The text itself."""
        return self.text


@dataclass(slots=True)
class Notes:
    """What is wrong with a form. `starts` are the offsets of its lines, for repairs."""

    starts: Sequence[int]
    found: list[Finding] = field(default_factory=list)

    def error(self, code: str, message: str, origin: Origin, *notes: str) -> None:
        """Note an error; `notes` ask for what is missing."""
        self.found.append(Finding(code, Level.ERROR, f"form: {message}", origin, notes=notes))

    def warn(self, code: str, message: str, origin: Origin, *notes: str) -> None:
        """Note a warning."""
        self.found.append(Finding(code, Level.WARNING, f"form: {message}", origin, notes=notes))

    def renamed(self, key: str, known: str, origin: Origin) -> None:
        """Note that `key` was read as `known`, with the repair."""
        at = self.starts[origin.line - 1] + origin.col - 1
        fix = Fix(f"write `{known}`", Applicability.MACHINE, (Edit(Span(at, at + len(key)), known),))
        self.found.append(Finding("GN0902", Level.INFO, f"form: `{key}` read as `{known}`", origin, fixes=(fix,)))


Entry: TypeAlias = "Block | Text"


class Block:
    """One mapping of the form. `path` is its name for messages, e.g. `phases[1].steps[0]`."""

    def __init__(self, node: Pairs, path: str, notes: Notes) -> None:
        """Read `node`, which messages call `path`."""
        self.path = path
        self.notes = notes
        self.origin = node.origin
        self._node = node
        self._known: set[str] = set()

    def named(self, key: str) -> str:
        """The dotted name of `key` for messages."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, *names: str) -> bool:
        """Whether any of `names` is present with a value."""
        return any(name in self._node.values and not _blank(self._node.values[name]) for name in names)

    def names(self, name: str) -> bool:
        """Whether the key is written at all, even without a value."""
        return name in self._node.values

    def holds_mapping(self, name: str) -> bool:
        """Whether the value under `name` is a mapping; some fields are a mapping or a plain list."""
        return isinstance(self._node.values.get(name), Pairs)

    def take(self, *names: str) -> Node | None:
        """The value under the first of `names`, or under one of its other names (GN0902); None where there is none."""
        self._known.update(names)
        there = [name for name in names if name in self._node.values]
        full = [name for name in there if not _blank(self._node.values[name])]
        if len(full) > 1:
            written = " and ".join(f"`{name}`" for name in full)
            self.notes.error("GN0901", f"{written} are the same field", self._node.keys[full[1]], "keep one of them")
        if not full:
            return None
        if full[0] != names[0]:
            self.notes.renamed(full[0], names[0], self._node.keys[full[0]])
        return self._node.values[full[0]]

    def place(self, *names: str) -> Origin:
        """Where the field is, or where the mapping is that lacks it."""
        return next((self._node.keys[name] for name in names if name in self._node.keys), self.origin)

    def text(self, *names: str, ask: str = "") -> Text:
        """A plain text; with `ask`, a missing one is an error that asks for it."""
        node = self.take(*names)
        if node is None:
            if ask:
                self.notes.error("GN0901", f"`{self.named(names[0])}` is empty", self.place(*names), ask)
            return Text("", self.place(*names))
        if not isinstance(node, Scalar):
            self.notes.error("GN0901", f"`{self.named(names[0])}` must be a text", node.origin)
            return Text("", node.origin)
        return Text(node.text.strip(), node.origin)

    def texts(self, *names: str) -> tuple[Text, ...]:
        """A list of texts; one text stands for a list of one."""
        node = self.take(*names)
        if isinstance(node, Scalar):
            return (Text(node.text.strip(), node.origin),)
        return self._members(node, names[0])

    def listed(self, *names: str) -> tuple[Text, ...]:
        """A list of names: a YAML list or one comma-separated text; commas in brackets or ticks do not split."""
        node = self.take(*names)
        if isinstance(node, Scalar):
            return tuple(Text(part, node.origin) for part in split_list(node.text))
        return self._members(node, names[0])

    def _members(self, node: Items | Pairs | None, name: str) -> tuple[Text, ...]:
        match node:
            case None:
                return ()
            case Items(items=items):
                texts = [self._plain(child, name) for child in items]
                return tuple(text for text in texts if text)
            case Pairs():
                return self._wrong(name, "a list of texts", node.origin)

    def entries(self, *names: str) -> tuple[Entry, ...]:
        """A list whose members are mappings or plain texts; a single text stands for a list of one."""
        node = self.take(*names)
        if node is None:
            return ()
        if isinstance(node, Pairs):
            self._wrong(names[0], "a list", node.origin)
            return ()
        children = (node,) if isinstance(node, Scalar) else node.items
        out: list[Entry] = []
        for number, child in enumerate(children):
            match child:
                case Pairs():
                    out.append(Block(child, f"{self.named(names[0])}[{number}]", self.notes))
                case Scalar():
                    if child.text.strip() and not _blank(child):
                        out.append(Text(child.text.strip(), child.origin))
                case Items():
                    self._wrong(f"{names[0]}[{number}]", "a mapping or a text", child.origin)
        return tuple(out)

    def blocks(self, *names: str) -> tuple[Block, ...]:
        """A list of mappings; a plain text among them is an error."""
        out: list[Block] = []
        for entry in self.entries(*names):
            if isinstance(entry, Block):
                out.append(entry)
            else:
                self._wrong(names[0], "a list of mappings", entry.origin)
        return tuple(out)

    def block(self, *names: str) -> Block | None:
        """A mapping, or None where there is none or an empty one."""
        node = self.take(*names)
        if isinstance(node, Pairs):
            return Block(node, self.named(names[0]), self.notes)
        if node is not None:
            self._wrong(names[0], "a mapping", node.origin)
        return None

    def finish(self) -> None:
        """Report every key that nobody asked for, with the nearest known one."""
        for key, origin in self._node.keys.items():
            if key not in self._known:
                alike = difflib.get_close_matches(key, sorted(self._known), n=1)
                notes = (f"did you mean `{alike[0]}`?",) if alike else ("remove it, or name a known key",)
                self.notes.error("GN0903", f"unknown key `{self.named(key)}`", origin, *notes)

    def _plain(self, node: Node, name: str) -> Text:
        if isinstance(node, Scalar):
            return Text("" if _blank(node) else node.text.strip(), node.origin)
        self._wrong(name, "a list of texts", node.origin)
        return Text("", node.origin)

    def _wrong(self, name: str, kind: str, origin: Origin) -> tuple[Text, ...]:
        self.notes.error("GN0901", f"`{self.named(name)}` must be {kind}", origin)
        return ()


def _blank(node: Node) -> bool:
    """Whether a value is empty: nothing, null, an empty text, list or mapping."""
    match node:
        case Scalar(text=text, quoted=quoted):
            return not text.strip() or (not quoted and text in {"null", "~", "Null", "NULL"})
        case Items(items=items):
            return all(_blank(item) for item in items)
        case Pairs(values=values):
            return not values
    return True


def split_list(text: str) -> tuple[str, ...]:
    """The names in a comma-separated text; commas inside brackets or ticks do not split."""
    parts, depth, ticked, current = [], 0, False, ""
    for character in text:
        ticked ^= character == "`"
        depth += (character in _OPEN) - (character in _CLOSE and depth > 0)
        if character == "," and not depth and not ticked:
            parts.append(current)
            current = ""
        else:
            current += character
    return tuple(part.strip() for part in (*parts, current) if part.strip())
