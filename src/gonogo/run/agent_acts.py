"""What agents did at this site, from its log: acts with their idempotency keys, claims, and calls that were refused.

An act stands in the log of the site in the same transaction as its effect, or before it, with agent, tool, key and the
digest of the arguments: so a repeated call finds the answer of the first one, also after a crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import Entry
from gonogo.terms import Digest, Json
from gonogo.values import dataclass

ACTED: Final = "agent.acted"
REFUSED: Final = "agent.refused"
CONNECTED: Final = "agent.connected"


@dataclass(frozen=True, slots=True)
class Act:
    """One act of an agent. `answer` is what it got back, and gets back again for the same key."""

    seq: int
    agent: str
    tool: str
    key: str
    arguments: Digest
    run: str
    state: str
    answer: Mapping[str, Tree]
    separation: str = ""
    """How far the agent was kept apart when it opened or drove a run; empty for every other act."""


@dataclass(frozen=True, slots=True)
class Acts:
    """All acts of a site, found by agent and key, by operation, and by run."""

    by_key: Mapping[tuple[str, str], Act] = field(default_factory=dict)
    operations: Mapping[str, Act] = field(default_factory=dict)
    claims: Mapping[str, tuple[Act, ...]] = field(default_factory=dict)
    opened: Mapping[str, str] = field(default_factory=dict)


def act_fields(act: Act) -> dict[str, Json]:
    """What stands in the log for an act."""
    fields: dict[str, Json] = {
        "tool": act.tool,
        "key": act.key,
        "arguments_sha256": act.arguments,
        "run": act.run,
        "state": act.state,
        "answer": _plain(act.answer),
    }
    return {**fields, "separation": act.separation} if act.separation else fields


def _plain(value: Mapping[str, Tree]) -> dict[str, Json]:
    return {name: item if isinstance(item, bool | int) or item is None else str(item) for name, item in value.items()}


def acts_of(entries: Iterable[Entry], known: Acts | None = None) -> Acts:
    """All acts after `entries`."""
    found = known or Acts()
    by_key, operations = dict(found.by_key), dict(found.operations)
    claims, opened = dict(found.claims), dict(found.opened)
    for entry in entries:
        if entry.type != ACTED:
            continue
        act = act_of(entry)
        by_key[act.agent, act.key] = act
        match act.tool:
            case "step_start":
                operations[str(act.answer.get("operation_id"))] = act
            case "evidence_submit":
                claims[act.run] = (*claims.get(act.run, ()), act)
            case "run_start":
                opened[act.run] = act.agent
    return Acts(by_key, operations, claims, opened)


def act_of(entry: Entry) -> Act:
    """The act that an entry of the type `agent.acted` tells of."""
    data = entry.data
    answer = data.get("answer")
    return Act(
        entry.seq,
        str(entry.actor),
        str(data.get("tool")),
        str(data.get("key")),
        Digest(str(data.get("arguments_sha256"))),
        str(data.get("run")),
        str(data.get("state")),
        answer if isinstance(answer, Mapping) else {},
        str(data.get("separation", "")),
    )
