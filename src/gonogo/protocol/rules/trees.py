"""Decision trees against halts (RSN-01): branches that go on where a halt stops (GN0407) or lead nowhere (GN0311)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gonogo.findings import Finding, Label
from gonogo.protocol.branching import Placed, leaves, placed_branches, stems, words_key
from gonogo.protocol.codes import finding
from gonogo.protocol.halt_grammar import parse_halt
from gonogo.protocol.model import Branch, BranchWay, Halt, Phase, Protocol, all_steps

_OR = re.compile(r",?\s+or\s+|,\s*", re.IGNORECASE)
_WELL = re.compile(
    r"\b(?:no|without|zero|none|nothing|free of|nobody)\b"
    r"|\b(?:not|never|n't) (?:missing|expired|withheld|failed|failing|stale|outdated|exceeded|detected|found|present"
    r"|identified|open)\b|\b(?:resolved|repaired|fixed|closed|remediated|lifted)\b",
    re.IGNORECASE,
)
_BADLY = re.compile(
    r"\b(?:not|never|n't) (?:yet )?(?:granted|given|received|obtained|valid|complete|completed|confirmed|successful"
    r"|passed|recorded|signed|ready|approved|verified|passing|ok)\b"
    r"|\b(?:fails?|failed|failing|invalid|missing|expired|incomplete|withheld|unsuccessful|rejected|refused)\b",
    re.IGNORECASE,
)
_NONE_OF = re.compile(r"(?:no|none|nothing|nobody|neither|without)\b", re.IGNORECASE)
_FAILURES = stems(
    "fail failed failing failure error invalid missing expired incomplete withheld unsuccessful rejected refused open"
    " found detected present identified exceeded stale outdated"
)


def tree_findings(protocol: Protocol) -> Iterator[Finding]:
    """Rules on each decision tree; a halt holds whatever a tree says, so one that contradicts it is an error."""
    for phase, following in zip(protocol.phases, (*protocol.phases[1:], None), strict=True):
        for item in placed_branches(phase, following):
            branch = item.branch
            if branch.way is None:
                yield finding(
                    "GN0311",
                    f"branch leads nowhere: {branch.condition or branch.keyword} → {branch.outcome}",
                    branch.origin,
                    notes=("say where it goes on (Proceed to ...), that it halts, or what is done again",),
                )
            elif branch.way is BranchWay.PROCEED:
                yield from _contradicted(item, _halts_over(protocol, phase, item.step))


def _halts_over(protocol: Protocol, phase: Phase, step: str) -> tuple[Halt, ...]:
    """The halts that may meet a branch: of its step, of its phase and workflow, of the other steps of its phase."""
    owned = [halt for each in all_steps(protocol) if each.id == step for halt in each.halts]
    others = [halt for each in leaves(phase.steps) if each.id != step for halt in each.halts]
    return (*owned, *phase.halts, *protocol.halts, *others)


def _contradicted(item: Placed, halts: Sequence[Halt]) -> Iterator[Finding]:
    branch = item.branch
    if _NONE_OF.match(branch.condition):
        return
    halt = next((halt for halt in halts if _same(branch, halt) or _fails(branch, halt)), None)
    if halt is not None:
        message = f"branch goes on where a halt stops: {branch.condition} → {branch.outcome}"
        label = Label(halt.origin, halt.text)
        note = "a halt is never passed by a branch: let the branch halt, or say what is done again"
        yield finding("GN0407", message, branch.origin, labels=(label,), notes=(note,))


def _same(branch: Branch, halt: Halt) -> bool:
    """Whether a part of the condition is, word for word, one under which the run halts."""
    return bool(_parts(branch.condition) & _parts(halt.condition))


def _fails(branch: Branch, halt: Halt) -> bool:
    """Whether a part of the condition tells of a failure of the very thing that the halt is about."""
    return any(
        (stems(part) & stems(halt.condition)) - _FAILURES and _is_failure(part, branch)
        for part in _OR.split(branch.condition)
    )


def _is_failure(part: str, branch: Branch) -> bool:
    if _WELL.search(part):
        return False
    halt = parse_halt(f"Stop if {part}", branch.origin)
    return bool(_BADLY.search(part)) or (halt is not None and bool(halt.predicates))


def _parts(condition: str) -> frozenset[str]:
    return frozenset(key for part in _OR.split(condition) if (key := words_key(part)))
