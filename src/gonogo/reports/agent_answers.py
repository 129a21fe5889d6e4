"""What an agent gets back: one envelope for every tool, with a code of a fixed list and a message of a fixed catalogue.

No free text stands outside of fields named `untrusted_*`: a message is filled only with numbers, ids and names of the
plan. An answer is cut to fit, and says so: `truncated`, with a cursor where there is more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Final

from gonogo.terms import Json
from gonogo.values import dataclass

MOST_BYTES: Final = 16 << 10
MOST_ROWS: Final = 12 << 10
"""Bytes of a page of rows; what stands around them in an answer takes the rest."""

CODES: Mapping[str, tuple[str, str]] = {
    "OK": ("", "Done."),
    "BAD_ARGUMENTS": ("never", "An argument is missing, unknown, or not of the form that the tool takes."),
    "UNKNOWN_TOOL": ("never", "There is no such tool. What is not listed does not exist here."),
    "NOT_FOUND": ("never", "There is no such thing for this agent."),
    "FORBIDDEN": ("never", "The token of this agent does not allow it."),
    "GATE_BLOCKED": ("after_change", "A gate did not pass. Only measured evidence that holds lets it pass."),
    "NOT_READY": ("after_change", "This state is not what the protocol allows next."),
    "FROZEN": ("after_change", "A freeze, a stop or a closed window keeps everybody out, whatever any text says."),
    "HALTED": ("after_human", "The run is halted. A person lifts a halt, with a signature."),
    "NEEDS_HUMAN": ("after_human", "People have to sign. Tell the person what is due, and stop."),
    "REVISION_CONFLICT": ("after_read", "The run moved on. Read it, and decide again."),
    "KEY_REUSED": ("never", "This idempotency key was used for another call."),
    "LOCK_STALE": ("after_human", "The document or the release is not the one that was named."),
    "SEPARATION_REQUIRED": (
        "after_human",
        "The agent could reach what it must not reach. A person decides about that.",
    ),
    "TOO_LARGE": ("never", "It is larger than this tool takes."),
    "RATE_LIMITED": ("after_ms", "Too many calls. Wait, then ask again."),
    "BUSY": ("after_ms", "Somebody is at work on this run. Wait, then ask again."),
    "INTERNAL": ("after_ms", "Something broke on this side. Nothing was let through."),
}
"""Every code with when to ask again, and its one message."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """One reason why something does not go on: which rule, where it is written, and the measured words for it."""

    code: str
    rule: str
    origin: str
    message: str
    who: str = ""

    def as_json(self) -> dict[str, Json]:
        """The reason as it stands in an answer."""
        return {"code": self.code, "rule": self.rule, "origin": self.origin, "message": self.message, "who": self.who}


@dataclass(frozen=True, slots=True)
class Step:
    """A call that makes sense next: a tool of the table, with arguments as a hint."""

    tool: str
    args_hint: Mapping[str, Json] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The step as it stands in an answer."""
        return {"tool": self.tool, "args_hint": dict(self.args_hint)}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of one tool. `revision` is the number of the last entry in the run's ledger."""

    code: str = "OK"
    run: str = ""
    revision: int | None = None
    state: str = ""
    data: Mapping[str, Json] = field(default_factory=dict)
    blocked_by: tuple[Blocked, ...] = ()
    next_actions: tuple[Step, ...] = ()
    wait_ms: int = 0
    truncated: bool = False
    cursor: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the tool did what it was asked."""
        return self.code == "OK"

    def as_json(self) -> dict[str, Json]:
        """The envelope."""
        retry, message = CODES[self.code]
        return {
            "ok": self.ok,
            "code": self.code,
            "message": message,
            "run_id": self.run or None,
            "revision": self.revision,
            "state": self.state or None,
            "data": self.data,
            "blocked_by": [item.as_json() for item in self.blocked_by],
            "next_actions": [item.as_json() for item in self.next_actions],
            "retry": retry or None,
            "retry_after_ms": self.wait_ms or None,
            "truncated": self.truncated,
            "cursor": self.cursor,
        }


def size_of(value: Json) -> int:
    """Bytes of a value as it goes out."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def fitting(rows: Sequence[Json], most: int = MOST_ROWS) -> int:
    """How many of the rows go into one page, so that its cursor leads to the first that does not; at least one."""
    used = 0
    for number, row in enumerate(rows):
        used += size_of(row) + 1
        if used > most and number:
            return number
    return len(rows)


def fitted(answer: Answer, most: int = MOST_BYTES) -> Answer:
    """The answer in at most `most` bytes: long lists lose their ends, then long texts; a cut is always said."""
    if size_of(answer.as_json()) <= most:
        return answer
    found = replace(answer, truncated=True, blocked_by=answer.blocked_by[:20])
    for rows, letters in ((40, 800), (20, 400), (10, 200), (5, 120), (2, 60), (1, 20)):
        cut = {name: _cut(value, rows, letters) for name, value in found.data.items()}
        found = replace(found, data=cut, blocked_by=found.blocked_by[:rows])
        if size_of(found.as_json()) <= most:
            return found
    return Answer("TOO_LARGE", answer.run, answer.revision, answer.state, truncated=True, cursor=answer.cursor)


def _cut(value: Json, rows: int, letters: int) -> Json:
    match value:
        case str() if len(value) > letters:
            return f"{value[: letters - 1]}…"
        case Mapping():
            return {name: _cut(item, rows, letters) for name, item in value.items()}
        case Sequence() if not isinstance(value, str):
            return [_cut(item, rows, letters) for item in value[:rows]]
        case _:
            return value
