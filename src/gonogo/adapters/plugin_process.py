"""The process in which a foreign provider runs: loads one entry point, calls it once, writes one answer.

Reads a line of JSON (`group`, `name`, `given`) and then the bytes of the source from stdin; writes one JSON object:
`{"answer": ...}`, `{"refused": WHAT}`, `{"raised": WHERE}` or `{"nonsense": WHAT}`. What the provider prints goes to
stderr, so that it can neither break the answer nor pose as one. The message of an exception is left out: it may quote
what was read.
"""

from __future__ import annotations

import os
import re
import resource
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Final, TypeAlias

from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.canonical import Tree, read_object, write_json, write_line
from gonogo.measure.provider_wire import (
    check_question,
    check_tree,
    counters_tree,
    limits_of,
    metric_question,
    report_tree,
    scan_tree,
    settings_tree,
)
from gonogo.measure.providers import CHECKS, METRICS, PARITY, SCANNERS, TESTS

MOST_MEMORY = 2 << 30
"""Bytes of address space that a provider may use."""

Called: TypeAlias = Callable[..., object]

_WORD = re.compile(r"[^\s'\"`,;:()\[\]{}=]{3,}")


def _read(function: Called, _given: Tree, data: bytes, name: str) -> object:
    return function(data, name)


def _check(function: Called, given: Tree, _data: bytes, _name: str) -> object:
    return function(check_question(given))


def _counters(function: Called, given: Tree, _data: bytes, _name: str) -> object:
    return function(metric_question(given))


def _report(function: Called, given: Tree, data: bytes, name: str) -> object:
    return function(data, name, limits_of(given))


CALLS: Final[Mapping[str, tuple[Callable[[Called, Tree, bytes, str], object], Callable[[object], Tree]]]] = {
    SCANNERS: (_read, scan_tree),
    PARITY: (_read, settings_tree),
    CHECKS: (_check, check_tree),
    METRICS: (_counters, counters_tree),
    TESTS: (_report, report_tree),
}
"""How a function of each group is called, and how its answer is put down."""


def request(group: str, name: str, given: Tree, source: str, data: bytes) -> bytes:
    """What this process reads: `name` of the provider in `group`, its question, and a source with its name."""
    return write_line({"group": group, "name": name, "given": given, "source": source}) + data


def main() -> None:
    """Serve one request."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    head = read_object(sys.stdin.buffer.readline(), name="the request")
    with answer:
        answer.write(served(head, sys.stdin.buffer.read()))


def served(head: Mapping[str, Tree], data: bytes) -> bytes:
    """The answer to one request, as JSON."""
    group, name, source = (str(head.get(key)) for key in ("group", "name", "source"))
    call, put_down = CALLS[group]
    try:
        found = next(iter(entry_points(group=group, name=name)))
        answer = call(found.load(), head.get("given"), data, source)
    except BadInput as error:
        text = f"{error.where}: {error.what}" if error.where else error.what
        return write_json({"refused": _without_quotes(text, data) if group == PARITY else text})
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever foreign code raises is an answer, too
        return write_json({"raised": _place(error)})
    try:
        return write_json({"answer": put_down(answer)})
    except (GonogoError, TypeError, ValueError, RecursionError) as error:
        return write_json({"nonsense": error.what if isinstance(error, BadInput) else type(error).__name__})


def _without_quotes(text: str, data: bytes) -> str:
    """A refusal without the words that also stand in the source: one of them may be a secret (PAR-02)."""
    return _WORD.sub(lambda word: "…" if word[0].encode() in data else word[0], text)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    kind = "GonogoError" if isinstance(error, GonogoError) else type(error).__name__
    return f"{kind} in {frames[-1].filename}:{frames[-1].lineno}" if frames else kind


if __name__ == "__main__":
    main()
