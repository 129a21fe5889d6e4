"""The log of a run: lines that carry the digest of the line before them (EVS-16, ARC-09).

A line is exactly the bytes that are stored: `{"actor":…,"data":{…},"prev":…,"seq":…,"ts":…,"type":…,"v":1}` and LF,
with sorted keys, no blanks, ASCII, integers only, at most 64 KiB. `prev` is the SHA-256 of the previous line with LF,
64 zeros in line 0. Nothing here reads a clock; order comes from the sequence, times are witnesses.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise, starmap
from sys import intern
from typing import Final

from gonogo.errors import BadInput, Refused, Tampered
from gonogo.evidence.canonical import Tree, read_line, write_line
from gonogo.terms import Actor, Agent, Digest, Engine, Json, Person, Pipeline, digest_of
from gonogo.values import dataclass

NOTHING_BEFORE: Final = Digest("0" * 64)
MOST_LINE_BYTES: Final = 64 * 1024
MOST_KEPT: Final = 4096
MOST_KEPT_BYTES: Final = 4 * 1024
"""A run is folded from its first entry at each look: so many entries of so many bytes are kept as they were read."""
BACKWARD_TOLERANCE: Final = timedelta(seconds=5)
CLOCK_ANOMALY: Final = "clock.anomaly"

_LINE: Final = re.compile(
    rb'\{"actor":"(?P<actor>[^"\\\x00-\x20\x7f-\xff]{1,128})","data":(?P<data>\{.*\}),"prev":"(?P<prev>[0-9a-f]{64})",'
    rb'"seq":(?P<seq>0|[1-9][0-9]{0,18}),"ts":"(?P<ts>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z)",'
    rb'"type":"(?P<type>[a-z_]+(?:\.[a-z_]+)*)","v":1\}\n',
)
_TYPE: Final = re.compile(r"[a-z_]+(?:\.[a-z_]+)*")
_ACTOR: Final = re.compile(r"[a-z0-9][A-Za-z0-9._/@+-]{0,63}")


class ClockWentBack(Refused):
    """The wall clock stands more than five seconds before the last entry of the log."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: `line` are its stored bytes with LF, `digest` their SHA-256, `ts` is UTC in milliseconds."""

    seq: int
    ts: datetime
    type: str
    actor: Actor
    data: Mapping[str, Tree]
    prev: Digest
    line: bytes
    digest: Digest


def actor_text(actor: Actor) -> str:
    """How `actor` stands in the log: a handle, or `engine:`, `agent:`, `pipeline:` and a name.

    Raises BadInput for a name with blanks, quotes or other characters that do not belong into a log.
    """
    text = str(actor)
    # A person called "engine:eu1" would be read as the engine: only the kinds that are no people have a prefix.
    name = text if isinstance(actor, Person) else text.partition(":")[2]
    if not _ACTOR.fullmatch(name):
        raise BadInput(
            f"the actor name {name!r} cannot stand in the log",
            next_step="use up to 64 of a-z A-Z 0-9 . _ / @ + -, beginning with a small letter or a digit",
        )
    return text


@lru_cache(maxsize=1024)
def actor_of(text: str) -> Actor:
    """The actor that `text` names, the inverse of `actor_text`. Raises BadInput for an unknown kind."""
    kind, colon, name = text.partition(":")
    if not colon:
        return Person(text)
    match kind:
        case "engine":
            return Engine(name)
        case "agent":
            return Agent(name)
        case "pipeline":
            return Pipeline(name)
        case _:
            raise BadInput(f"{text!r} names no kind of actor", next_step="use a handle, engine:, agent: or pipeline:")


def time_text(moment: datetime) -> str:
    """`moment` as it stands in the log: UTC with milliseconds. Raises BadInput for a time without zone."""
    if moment.tzinfo is None:
        raise BadInput("a time without zone cannot be logged", next_step="give a time in UTC")
    utc = moment.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def time_of(text: str) -> datetime:
    """The moment that a log line states. Raises BadInput where it is not one."""
    if not text.endswith("Z"):
        raise BadInput(f"{text!r} is not a time in UTC", next_step="times look like 2026-11-21T10:00:00.000Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is not a time", next_step="times look like 2026-11-21T10:00:00.000Z") from error


def next_entry(
    previous: Entry | None,
    *,
    ts: datetime,
    type: str,  # noqa: A002 - the name that the field has in the line
    actor: Actor,
    data: Mapping[str, Json],
) -> Entry:
    """The entry that follows `previous` (None: the first one).

    A clock up to five seconds behind the last entry is read as the time of that entry, so that times never fall. Raises
    ClockWentBack beyond that (only a `clock.anomaly` may then be written), BadInput for a line that is too long or not
    of the documented form.
    """
    if not _TYPE.fullmatch(type):
        raise BadInput(f"{type!r} is not a type of entry", next_step="use small letters and dots, like task.intended")
    moment = time_of(time_text(ts))
    if previous is not None and moment < previous.ts:
        if moment < previous.ts - BACKWARD_TOLERANCE and type != CLOCK_ANOMALY:
            raise ClockWentBack(
                f"the clock says {time_text(ts)}, but entry {previous.seq} was written at {time_text(previous.ts)}",
                next_step="set the clock of this machine right; until then only a clock anomaly is recorded",
            )
        moment = previous.ts
    seq = 0 if previous is None else previous.seq + 1
    prev = NOTHING_BEFORE if previous is None else previous.digest
    fields: dict[str, Tree] = {"actor": actor_text(actor), "data": data, "prev": prev, "seq": seq}
    line = write_line(fields | {"ts": time_text(moment), "type": type, "v": 1})
    if len(line) > MOST_LINE_BYTES:
        raise BadInput(
            f"an entry of type {type} would have {len(line)} bytes, more than {MOST_LINE_BYTES}",
            next_step="store the text as evidence and log its digest",
        )
    return Entry(seq, moment, type, actor, dict(data), prev, line, digest_of(line))


def read_entry(line: bytes) -> Entry:
    """The entry that the stored bytes `line` (with LF) hold. Raises Tampered for bytes that gonogo would not write."""
    return _read_again(line) if len(line) <= MOST_KEPT_BYTES else _read(line)


def _read(line: bytes) -> Entry:
    found = _LINE.fullmatch(line) if len(line) <= MOST_LINE_BYTES else None
    if found is None:
        raise Tampered("a line of the log does not have the form that gonogo writes", next_step=_LOOK)
    try:
        fields = read_line(line, name="log line", limit=MOST_LINE_BYTES)
        data = fields["data"]
        actor, _, prev, seq, ts, kind = map(bytes.decode, found.groups())
        entry = Entry(
            int(seq),
            time_of(ts),
            intern(kind),
            actor_of(actor),
            _shared(data) if isinstance(data, Mapping) else {},
            Digest(intern(prev)),
            line,
            Digest(intern(digest_of(line))),
        )
    except (BadInput, TypeError) as error:
        raise Tampered(f"a line of the log cannot be read: {error}", next_step=_LOOK) from error
    if len(fields) != _FIELDS:
        raise Tampered("a line of the log is not in the form that gonogo writes", next_step=_LOOK)
    return entry


_read_again: Final = lru_cache(maxsize=MOST_KEPT)(_read)


def _shared(data: Mapping[str, Tree]) -> Mapping[str, Tree]:
    # The same few names, states and digests stand in thousands of entries: each is kept once.
    return {intern(name): intern(value) if type(value) is str else value for name, value in data.items()}


_FIELDS: Final = 7
_LOOK: Final = "compare with another copy of the log; do not go on with this one"


def check_chain(lines: Iterable[bytes]) -> tuple[str, ...]:
    """What is wrong with the chain of `lines` (each with LF), in order; empty when nothing is.

    Checks form, sequence, digest chain and that times do not fall. An empty log is a problem, not a pass.
    """
    problems: list[str] = []
    prev, time, count = NOTHING_BEFORE.encode(), b"", 0
    for number, line in enumerate(lines):
        count += 1
        found = _LINE.fullmatch(line)
        if found is None:
            problems.append(f"entry {number} does not have the form of a log line")
        else:
            problems.extend(_breaks(found, number, prev, time))
            time = found["ts"]
        prev = hashlib.sha256(line).hexdigest().encode()
    return tuple(problems) if count else ("the log is empty",)


def _breaks(found: re.Match[bytes], number: int, prev: bytes, time: bytes) -> list[str]:
    problems = []
    if int(found["seq"]) != number:
        problems.append(f"entry {number} says that it is entry {int(found['seq'])}")
    if found["prev"] != prev:
        problems.append(f"entry {number} does not follow from the entry before it (digest differs)")
    if found["ts"] < time:
        problems.append(f"entry {number} is dated before the entry before it")
    return problems


def split_lines(log: bytes) -> tuple[bytes, ...]:
    """The lines of an exported log, each with its LF. Raises Tampered when the last one is not finished."""
    if not log:
        return ()
    if not log.endswith(b"\n"):
        raise Tampered("the log ends in the middle of a line", next_step=_LOOK)
    # A carriage return parts lines here, too; no line that gonogo writes holds one, so that both pieces are refused.
    return tuple(log.splitlines(keepends=True))


def read_log(log: bytes) -> tuple[Entry, ...]:
    """All entries of an exported log, chain checked. Raises Tampered with the first problem."""
    lines = split_lines(log)
    try:
        entries = tuple(map(read_entry, lines))
    except Tampered:
        _demand_chain(lines)
        raise
    whole = all(starmap(_follows, pairwise(entries)))
    if not whole or not entries or (entries[0].seq, entries[0].prev) != (0, NOTHING_BEFORE):
        _demand_chain(lines)
    return entries


def _follows(one: Entry, two: Entry) -> bool:
    return one.digest == two.prev and one.seq + 1 == two.seq and one.ts <= two.ts


def _demand_chain(lines: Iterable[bytes]) -> None:
    problems = check_chain(lines)
    if problems:
        raise Tampered(problems[0], where="log/log.jsonl", next_step=_LOOK)
