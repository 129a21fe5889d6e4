"""YAML of parity sources: several documents, typed, from the parser's events alone (trust section 15).

Unlike the strict reader of gonogo's own files it takes larger files and several documents. Anchors, aliases, tags,
directives and keys that stand twice are refused: a bomb needs the first two, and the others read differently elsewhere.
No message quotes a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Final

import yaml

from gonogo.errors import BadInput
from gonogo.measure.parity_sources import bounded, decoded, plain_scalar
from gonogo.measure.providers import Setting
from gonogo.values import dataclass

MOST_BYTES: Final = 1 << 23
MOST_DEPTH: Final = 60

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Builder:
    """The documents as far as they have been read; lives inside one call of `read_documents`."""

    name: str
    documents: list[Setting] = field(default_factory=list)
    open: list[dict[str, Setting] | list[Setting]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def take(self, event: yaml.Event) -> None:
        """Add what one event of the parser says."""
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._begin({}, event)
            case yaml.SequenceStartEvent():
                self._begin([], event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.keys.pop()
                done = self.open.pop()
                if not self.open:
                    self.documents.append(done)
            case yaml.AliasEvent():
                raise self._refused("an alias", event)
            case yaml.DocumentStartEvent() if event.version or event.tags:
                raise self._refused("a directive", event)

    def _begin(self, container: dict[str, Setting] | list[Setting], event: yaml.CollectionStartEvent) -> None:
        self._check(event)
        if len(self.open) >= MOST_DEPTH:
            raise self._wrong(f"nested deeper than {MOST_DEPTH} levels", event, "flatten the structure")
        if self.open:
            if isinstance(self.open[-1], dict) and self.keys[-1] is None:
                raise self._wrong("a key must be plain text", event, "write the key as one word")
            self._add(container)
        self.open.append(container)
        self.keys.append(None)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._check(event)
        if not self.open:
            self.documents.append(_typed(event))
            return
        inside = self.open[-1]
        if not isinstance(inside, dict) or self.keys[-1] is not None:
            self._add(_typed(event))
            return
        if event.value == "<<" and _is_plain(event):
            raise self._refused("a merge key", event)
        if event.value in inside:
            raise self._wrong(f"the key `{event.value[:80]}` stands twice", event, "keep one of them")
        self.keys[-1] = event.value

    def _add(self, value: Setting) -> None:
        inside, key = self.open[-1], self.keys[-1]
        if isinstance(inside, dict):
            assert key is not None
            inside[key] = value
            self.keys[-1] = None
        else:
            inside.append(value)

    def _check(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            raise self._refused("an anchor", event)
        if event.tag is not None:
            raise self._refused("a tag", event)

    def _refused(self, what: str, event: yaml.Event) -> BadInput:
        return self._wrong(f"{what} stands here; it is not followed", event, "write the value out where it is used")

    def _wrong(self, what: str, event: yaml.Event, advice: str) -> BadInput:
        mark = event.start_mark
        where = f"{self.name}:{mark.line + 1}:{mark.column + 1}" if mark else self.name
        return BadInput(what, where=where, next_step=advice)


def read_documents(data: bytes, name: str) -> tuple[Setting, ...]:
    """Every document of a YAML file that is not empty; BadInput with file, line and column otherwise."""
    if len(data) > MOST_BYTES:
        raise BadInput(f"{len(data)} bytes of YAML; the limit is {MOST_BYTES}", where=name, next_step="split the file")
    text = decoded(bounded(data, name), name)
    builder = Builder(name)
    for event in _events(text, name):
        builder.take(event)
    found = tuple(document for document in builder.documents if document is not None)
    if not found:
        raise BadInput("the file holds no document", where=name, next_step="let its tool write it again")
    return found


def _events(text: str, name: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise BadInput(f"not valid YAML: {error.problem}", where=where, next_step="repair this line") from error
    except yaml.YAMLError as error:
        raise BadInput("not valid YAML: it holds a character that may not stand there", where=name) from error


def _is_plain(event: yaml.ScalarEvent) -> bool:
    return bool(event.implicit[0])


def _typed(event: yaml.ScalarEvent) -> Setting:
    text: str = event.value
    return plain_scalar(text) if _is_plain(event) else text
