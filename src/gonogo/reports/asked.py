"""What a signer should know before signing: what changed since the last signature, risks, objections, conditions.

Read from the stored statements and lists themselves; whatever cannot be read is told, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gonogo.errors import GonogoError
from gonogo.evidence.sayings import ApprovalSaying, DissentSaying
from gonogo.evidence.statements import read_statement
from gonogo.plan.model import Plan
from gonogo.run.state import Answer, Round, RunState
from gonogo.terms import Digest
from gonogo.values import dataclass

Read = Callable[[Digest], bytes]


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is not as it was at the last signature: `new`, `changed` or `gone`."""

    name: str
    kind: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that stands against a signature, or changed since one was last made."""

    since: str
    changes: tuple[Change, ...]
    risks: tuple[str, ...]
    objections: tuple[tuple[str, str, str], ...]


def sums(data: bytes) -> dict[str, str]:
    """Names and digests of an evidence list (`EVIDENCE.SHA256SUMS`)."""
    rows = (line.partition("  ") for line in data.decode("utf-8", "replace").splitlines())
    return {name: digest for digest, _, name in rows if name}


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[Change, ...]:
    """The files that differ, by name."""
    found = []
    for name in sorted({*before, *now}):
        old, new = before.get(name, ""), now.get(name, "")
        if old != new:
            found.append(Change(name, "new" if not old else "gone" if not new else "changed", old, new))
    return tuple(found)


def last_signed(state: RunState, asked: Round) -> Round | None:
    """The round that was signed last before `asked` was opened; None where nobody signed anything in this run."""
    signed = [item for item in state.rounds.values() if item.answers and item.name != asked.name]
    signed = [item for item in signed if item.seq < asked.seq and item.kind != "dissent"]
    return max(signed, key=lambda item: item.answers[-1].seq, default=None)


def known_about(plan: Plan, state: RunState, asked: Round, read: Read) -> Known:
    """What a signer of `asked` should know."""
    last = last_signed(state, asked)
    since, found = "", tuple[Change, ...]()
    if last is not None:
        since = f"{last.point.replace('_', ' ')}, signed by {', '.join(item.person for item in last.answers)}"
        found = _changes(last, asked, read)
    return Known(since, found, tuple(_risks(plan, state, read)), tuple(_objections(state, read)))


def _changes(last: Round, asked: Round, read: Read) -> tuple[Change, ...]:
    try:
        return changes(sums(read(last.evidence)), sums(read(asked.evidence)))
    except GonogoError as error:
        return (Change(error.what, "changed", "", ""),)


def _risks(plan: Plan, state: RunState, read: Read) -> Iterator[str]:
    for name, judged in state.judgements.items():
        if judged.verdict != "pass" and name in plan.gates:
            yield f"gate {plan.gates[name].name}: {judged.verdict}"
    if state.halts:
        yield f"this run was halted {state.halts} time(s) before"
    if state.rollback is not None:
        yield f"production was rolled back ({state.rollback.cause})"
    for answer, point in _answers(state):
        yield from _said(answer, point, read)


def _answers(state: RunState) -> Iterator[tuple[Answer, str]]:
    for asked in state.rounds.values():
        if asked.kind == "approval":
            for answer in asked.answers:
                yield answer, asked.point.replace("_", " ")


def _said(answer: Answer, point: str, read: Read) -> Iterator[str]:
    try:
        saying = read_statement(read(answer.statement)).saying
    except GonogoError as error:
        yield f"what {answer.person} signed at {point} cannot be read: {error.what}"
        return
    if isinstance(saying, ApprovalSaying):
        yield from (f"{answer.person} accepted at {point}: {risk.text} ({risk.id})" for risk in saying.risks_accepted)
        yield from (f"condition of {answer.person} at {point}: {text}" for text in saying.conditions)


def _objections(state: RunState, read: Read) -> Iterator[tuple[str, str, str]]:
    for asked in state.rounds.values():
        for answer in asked.answers:
            if asked.kind == "dissent":
                yield answer.person, answer.role, _reason(answer, read)
            elif answer.decision == "no_go":
                yield answer.person, answer.role, f"no-go at {asked.point.replace('_', ' ')}"


def _reason(answer: Answer, read: Read) -> str:
    try:
        saying = read_statement(read(answer.statement)).saying
    except GonogoError as error:
        return f"(cannot be read: {error.what})"
    return saying.reason if isinstance(saying, DissentSaying) else ""
