"""Decision trees as transitions of the plan, and each `THEN` as the check at the exit of its phase (RSN-01).

What a `THEN` compares is judged with the gate of its phase, from the same sealed bytes: where the gate has that bound
already it is the gate's, else the gate gets it. Whatever else it names is a step that has to have been passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from gonogo.plan.gates import bind_clause
from gonogo.plan.model import ExitCheck, ExitPart, GateRule, Stage, Transition
from gonogo.plan.project import Project
from gonogo.plan.reading import Findings
from gonogo.plan.sidecar import Sidecar, metric_key
from gonogo.protocol.branching import Placed, exit_parts, placed_branches, step_named_by, words_key
from gonogo.protocol.model import BranchWay, Gate, HaltEffect, Message, Phase, Protocol
from gonogo.protocol.threshold_grammar import read_criteria
from gonogo.values import dataclass

UNBOUND, UNKNOWN = "GN1010", "GN0702"


def gates_of_phase(protocol: Protocol, index: int) -> tuple[Gate, ...]:
    """The gates that are judged at the end of a phase (from 1): the one of its number, and at the last all others."""
    last = index == len(protocol.phases)
    return protocol.gates[index - 1 :] if last else protocol.gates[index - 1 : index]


@dataclass(frozen=True, slots=True)
class Trees:
    """The decision trees of a protocol while it is bound: what binds them, and where faults are noted.

    `placed` are the branches of each phase, each with its step.
    """

    protocol: Protocol
    sidecar: Sidecar
    project: Project
    notes: Findings
    placed: tuple[tuple[Placed, ...], ...]

    @classmethod
    def of(cls, protocol: Protocol, sidecar: Sidecar, project: Project, notes: Findings) -> Trees:
        """The trees of `protocol`, their branches laid over its steps once."""
        following = (*protocol.phases[1:], None)
        placed = (
            placed_branches(phase, after, sidecar.branches)
            for phase, after in zip(protocol.phases, following, strict=True)
        )
        return cls(protocol, sidecar, project, notes, tuple(placed))

    def with_checks(self, gates: Mapping[str, GateRule]) -> dict[str, GateRule]:
        """The gates, each with those comparisons of its phase's `THEN` that it does not make already."""
        found = dict(gates)
        for index, _, check in self._checks():
            for clause in read_criteria(check.text, check.origin).clauses:
                if metric_key(clause.metric) not in self.sidecar.metrics:
                    continue
                owners = [found[gate.id] for gate in gates_of_phase(self.protocol, index)]
                bound = bind_clause(clause, self.sidecar, self.project, self.notes) if owners else None
                if not owners:
                    what = f"`{clause.written}` is to be checked, and phase {index} has no gate that could judge it"
                    self.notes.error(UNBOUND, what, clause.origin, "give the phase a gate")
                if bound is None:
                    continue
                meant = (bound.file, bound.pointer, bound.op, bound.limit)
                if not any(
                    (one.file, one.pointer, one.op, one.limit) == meant for rule in owners for one in rule.clauses
                ):
                    rule = owners[0]
                    found[rule.id] = replace(rule, clauses=(*rule.clauses, bound))
        return found

    def with_effects(self, stages: Sequence[Stage]) -> tuple[Stage, ...]:
        """The stages, each with the effects of the branches that halt at it: a branch only ever adds to a halt."""
        effects: dict[str, frozenset[HaltEffect]] = {}
        for item in chain.from_iterable(self.placed):
            effects[item.step] = effects.get(item.step, frozenset()) | item.branch.effects
        return tuple(replace(stage, halts=stage.halts | effects.get(stage.id, frozenset())) for stage in stages)

    def transitions(self, stages: Sequence[Stage]) -> tuple[Transition, ...]:
        """Every branch that a step of the plan decides; one that none decides is a warning and moves nothing."""
        order = [stage.id for stage in stages if stage.tasks]
        self._check_names(order)
        return tuple(each for place in range(len(self.protocol.phases)) for each in self._of_phase(place, order))

    def _of_phase(self, place: int, order: Sequence[str]) -> Iterator[Transition]:
        phase = self.protocol.phases[place]
        for number, item in enumerate(self.placed[place], start=1):
            branch = item.branch
            said = f"{branch.condition or branch.keyword} → {branch.outcome}"
            if branch.way is None:
                continue
            if item.step not in order:
                left_out = f"is about the step `{item.step}`, which is left out" if item.step else "is bound to no step"
                self.notes.warn(
                    UNBOUND,
                    f"branch `{said}` {left_out}; it moves nothing",
                    branch.origin,
                    f"name its step under `branches:` in {self.sidecar.origin.file}",
                )
                continue
            yield Transition(
                id=f"{phase.id}#branch-{number}",
                phase=place + 1,
                stage=item.step,
                keyword=branch.keyword,
                condition=branch.condition,
                outcome=branch.outcome,
                way=branch.way,
                to=_target(item, order),
                origin=branch.origin,
            )

    def exit_checks(self, stages: Sequence[Stage]) -> tuple[ExitCheck, ...]:
        """The check at the exit of each phase that has a `THEN`; a part that nothing shows is an error."""
        checks: dict[int, ExitCheck] = {}
        for index, phase, check in self._checks():
            inside = [stage.id for stage in stages if stage.phase == index and stage.tasks]
            parts = tuple(self._part(text, index, phase, check, inside) for text in self._texts(check))
            shown = tuple(part for part in parts if part is not None)
            if inside and shown:
                known = checks.get(index)
                before = known.parts if known else ()
                checks[index] = ExitCheck(f"{phase.id}#then", index, inside[-1], (*before, *shown), check.origin)
        return tuple(checks.values())

    def _part(self, text: str, index: int, phase: Phase, check: Message, inside: Sequence[str]) -> ExitPart | None:
        compared = read_criteria(text, check.origin).clauses
        if compared and metric_key(compared[0].metric) in self.sidecar.metrics:
            gates = gates_of_phase(self.protocol, index)
            return ExitPart(
                text, gate=gates[0].id if len(gates) == 1 else self._judge_of(metric_key(compared[0].metric), gates)
            )
        named = self.sidecar.branches.get(words_key(text)) or step_named_by(text, phase, self.placed[index - 1])
        if named in inside:
            return ExitPart(text, stage=named)
        why = f"is about the step `{named}`, which is left out" if named else "names no step that shows it"
        note = f"name the step under `branches:` in {self.sidecar.origin.file}"
        self.notes.error(
            UNBOUND, f"`{text}` is to be checked at the end of phase {index}, and {why}", check.origin, note
        )
        return None

    def _judge_of(self, metric: str, gates: Sequence[Gate]) -> str:
        """Among several gates at the end of a phase, the one that compares this metric; else the first."""
        named = (
            gate.id
            for gate in gates
            for clause in (*gate.thresholds, *gate.booleans)
            if metric_key(clause.metric) == metric
        )
        return next(named, gates[0].id if gates else "")

    def _texts(self, check: Message) -> tuple[str, ...]:
        """The parts of a `THEN`: its comparisons whole, the rest cut where all of it has to hold."""
        read = read_criteria(check.text, check.origin)
        return (
            *(clause.written for clause in read.clauses),
            *(part for text in read.unbound for part in exit_parts(text)),
        )

    def _checks(self) -> Iterator[tuple[int, Phase, Message]]:
        for index, phase in enumerate(self.protocol.phases, start=1):
            for tree in phase.trees:
                for check in tree.exit_checks:
                    yield index, phase, check

    def _check_names(self, order: Sequence[str]) -> None:
        known = {words_key(item.branch.condition or item.branch.outcome) for item in chain.from_iterable(self.placed)}
        known |= {words_key(text) for _, _, check in self._checks() for text in self._texts(check)}
        for text, step in self.sidecar.branches.items():
            if text not in known:
                self.notes.error(
                    UNKNOWN, f"`branches` names `{text}`, which no decision tree says", self.sidecar.origin
                )
            elif step not in order:
                self.notes.error(UNKNOWN, f"`branches` names step `{step}`, which is not done", self.sidecar.origin)


def _target(item: Placed, order: Sequence[str]) -> str:
    """Where a run is after the branch: behind its step, or before what is done again. No branch leaves a step out."""
    if item.branch.way is BranchWay.PROCEED:
        place = order.index(item.step) + 1
        return order[place] if place < len(order) else ""
    return item.again_at if item.again_at in order else item.step
