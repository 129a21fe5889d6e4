"""Compliance controls: a project's own and those of lists that it takes over, each by its evidence (SEC-03, SEC-08)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

from gonogo.engine.bench import Bench
from gonogo.engine.gating import judge_file
from gonogo.measure.rederiving import DERIVATIONS, is_derived
from gonogo.measure.security import ControlSeen, GateControls
from gonogo.plan.control_lists import ListedControl, read_control_lists
from gonogo.terms import Verdict

GOOD = frozenset({"pass", "success", "complete", "ready"})
FILE = "controls.yaml"


@cache
def listed() -> Mapping[str, tuple[ListedControl, ...]]:
    """The shipped control lists by their ids."""
    return read_control_lists(resources.files("gonogo.library").joinpath(FILE).read_bytes(), FILE)


def controls(bench: Bench) -> tuple[ControlSeen, ...]:
    """Every control that has evidence, answered by what that evidence says now; its absence leaves it unanswered."""
    own = tuple((item.id, item.standard, item.evidence) for item in bench.plan.project.controls)
    taken = tuple((item.id, item.standard, item.evidence) for item in _taken(bench) if item.evidence)
    return tuple(_control(bench, *item) for item in dict.fromkeys((*own, *taken)))


def mapping(bench: Bench) -> tuple[GateControls, ...]:
    """The controls that each gate of this protocol answers, by the lists that the project takes over."""
    found = []
    for rule in bench.plan.gates.values():
        names = tuple(f"{item.standard} {item.id}: {item.title}" for item in _taken(bench) if rule.id in item.gates)
        found.append(GateControls(rule.id, names))
    return tuple(found)


def _taken(bench: Bench) -> Iterator[ListedControl]:
    for name in bench.plan.project.control_lists:
        yield from listed()[name]


def _control(bench: Bench, name: str, standard: str, evidence: str) -> ControlSeen:
    if not bench.has(evidence):
        return ControlSeen(name, standard, "unanswered", evidence)
    return ControlSeen(name, standard, "met" if _stands(bench, evidence) else "not_met", evidence)


def _stands(bench: Bench, evidence: str) -> bool:
    """Whether a file passes what the gates of this plan ask of it; where none asks, whether its own status is good."""
    clauses = tuple(clause for rule in bench.plan.gates.values() for clause in rule.clauses if clause.file == evidence)
    judged = judge_file(bench, evidence, clauses)
    if clauses or judged.lacking:
        return judged.verdict is Verdict.PASS
    if not is_derived(evidence):
        return True
    statuses = [value for pointer, value in DERIVATIONS[evidence](bench.body(evidence)).items() if "status" in pointer]
    return all(value in GOOD for value in statuses)
