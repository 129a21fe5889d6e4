"""A gate as a card: each clause with its measured value, its limit, its evidence, and who can turn it (GAT-03, GAT-06).

Made from the stored judgement (F30), or, before the first one, from the plan; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gonogo.evidence.canonical import Tree
from gonogo.plan.model import GateRule
from gonogo.protocol.model import WaiverForbidden
from gonogo.values import dataclass

NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """One clause: what was measured where, against which limit, and who can turn it."""

    text: str
    result: str
    measured: str
    limit: str
    limit_from: str
    source: str
    sha256: str
    why: str
    who: str


@dataclass(frozen=True, slots=True)
class GateCard:
    """A gate with its clauses; `sha256` is the stored judgement, empty before there is one."""

    id: str
    name: str
    purpose: str
    verdict: str
    judged_at: str
    sha256: str
    clauses: tuple[ClauseRow, ...]
    lacking: tuple[tuple[str, str, str], ...]
    manual: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...]
    notified: tuple[str, ...]
    on_failure: str
    waivable: bool
    origin: str


def gate_card(rule: GateRule, verdict: str, sha256: str, body: Mapping[str, Tree] | None) -> GateCard:
    """The card of a gate; `body` is its stored judgement, None where it was not judged in this attempt."""
    told = body or {}
    acts = {_text(item, "clause"): item for item in _parts(told, "plan")}
    clauses = tuple(_judged(item, acts) for item in _parts(told, "clauses")) if body else tuple(_planned(rule))
    return GateCard(
        id=rule.id,
        name=rule.name,
        purpose=rule.purpose,
        verdict=verdict,
        judged_at=_text(told, "judged_at"),
        sha256=sha256,
        clauses=clauses,
        lacking=tuple(
            (_text(one, "name"), _text(one, "verdict"), _text(one, "why")) for one in _parts(told, "lacking")
        ),
        manual=rule.manual,
        evidence=tuple((_text(one, "name"), _text(one, "sha256")) for one in _parts(told, "evidence")),
        notified=rule.notify,
        on_failure=rule.on_fail,
        waivable=not isinstance(rule.waiver, WaiverForbidden),
        origin=str(rule.origin),
    )


def _judged(clause: Mapping[str, Tree], acts: Mapping[str, Mapping[str, Tree]]) -> ClauseRow:
    act = acts.get(_text(clause, "text"))
    unit = _text(clause, "unit")
    shown = "" if unit in {"word", "flag", "count", "ratio"} else " s" if unit == "duration" else f" {unit}"
    return ClauseRow(
        text=_text(clause, "text"),
        result=_text(clause, "result"),
        measured=_text(clause, "measured") or "nothing",
        limit=f"{_text(clause, 'operator')} {_text(clause, 'limit')}{shown}",
        limit_from=_text(clause, "limit_from"),
        source=f"{_text(clause, 'file')}{_text(clause, 'pointer')}",
        sha256=_text(clause, "sha256"),
        why=_text(clause, "why"),
        who=_who(act),
    )


def _who(act: Mapping[str, Tree] | None) -> str:
    if act is None:
        return ""
    people = act.get("people")
    names = [str(name) for name in people] if isinstance(people, Sequence) and not isinstance(people, str) else []
    return _fixes(_text(act, "who"), names)


def _fixes(step: str, people: Sequence[str]) -> str:
    """Who puts it right, and at which step, in words: an id of a step is no somebody."""
    words = step.rpartition("/")[2].replace("-", " ")
    where = f"at the step “{words}”" if words else "at the step that writes this evidence"
    return f"{', '.join(people)}, {where}" if people else where


def _planned(rule: GateRule) -> Iterator[ClauseRow]:
    for clause in rule.clauses:
        limit = f"{clause.op.value} {clause.limit.value}"
        owner = _fixes(rule.owed_by.get(clause.file, ""), rule.notify)
        source = f"{clause.file}{clause.pointer}"
        yield ClauseRow(clause.text, "", "not yet", limit, clause.limit_from, source, "", "", owner)


_TRUTH: Final = {"True": "true", "False": "false"}
"""Judgements hold what was measured as text; limits are written as JSON writes them."""


def _text(body: Mapping[str, Tree], name: str) -> str:
    value = body.get(name)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else _TRUTH.get(str(value), str(value))


def _parts(body: Mapping[str, Tree], name: str) -> Iterator[Mapping[str, Tree]]:
    value = body.get(name)
    for item in value if isinstance(value, Sequence) and not isinstance(value, str) else ():
        if isinstance(item, Mapping):
            yield item
