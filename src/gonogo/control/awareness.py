"""The awareness statement of a run: state, done, pending, blockers, limits, assumptions, inputs needed.

Every line is computed from ledger and plan at the moment of asking; no model writes a word of it. How confident
somebody is stands in it as what it is: an opinion that nobody computes, and that opens no gate.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from gonogo.control.opening import Opened
from gonogo.control.parity_open import open_parity
from gonogo.engine.bench import World
from gonogo.engine.people import as_now
from gonogo.evidence.ledger import time_of, time_text
from gonogo.plan.model import Stage, all_stages
from gonogo.reports.standing import rules_in_force
from gonogo.reports.workflow import Told, status_body
from gonogo.run.asking import who_is_missing
from gonogo.run.awaiting import awaited, waited_in_all, words_of
from gonogo.run.due import Standing, due
from gonogo.terms import Json
from gonogo.values import dataclass

OPINION = "nobody computes it; whoever states one states an opinion, and it opens no gate"
SOON = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Awareness:
    """What a run knows of itself. `checks` are the four questions before the intake; empty after phase 1."""

    run: str
    at: str
    phase: int
    state: str
    standing: str
    done: tuple[str, ...]
    pending: tuple[str, ...]
    on_file: tuple[str, ...]
    missing: tuple[str, ...]
    blockers: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]
    assumptions: tuple[str, ...]
    needed: tuple[str, ...]
    checks: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Json]:
        """The statement for `--json`."""
        return {
            "run": self.run,
            "at": self.at,
            "phase": self.phase,
            "state": self.state or None,
            "standing": self.standing,
            "done": list(self.done),
            "pending": list(self.pending),
            "artifacts": {"on_file": list(self.on_file), "missing": list(self.missing)},
            "blockers": [{"text": text, "severity": severity} for text, severity in self.blockers],
            "confidence": OPINION,
            "limits": list(self.limits),
            "assumptions": list(self.assumptions),
            "inputs_needed": list(self.needed),
            "self_checks": dict(self.checks),
        }

    def lines(self) -> Iterator[str]:
        """The statement for people."""
        yield f"{self.run} at {self.at}: {self.standing}, phase {self.phase}, {self.state or 'over'}"
        yield f"  done         {len(self.done)} of {len(self.done) + len(self.pending)} states"
        yield f"  artifacts    {len(self.on_file)} on file; missing: {', '.join(self.missing) or 'none'}"
        yield from (f"  blocker      [{severity}] {text}" for text, severity in self.blockers)
        yield f"  confidence   {OPINION}"
        yield from (f"  limit        {text}" for text in self.limits)
        yield from (f"  assumption   {text}" for text in self.assumptions)
        yield from (f"  needed next  {text}" for text in self.needed)
        yield from (f"  {name:<12} {text}" for name, text in self.checks)


def awareness(world: World, opened: Opened) -> Awareness:
    """The statement as of now."""
    plan, state, now = opened.plan, opened.state, world.clock.now()
    body = status_body(Told(opened.run, plan, state, opened.entries))
    found = due(plan, state, now)
    stage = next((item for item in all_stages(plan) if item.id == found.stage), None)
    owed = [name for item in all_stages(plan) if item.id != "rollback" for name in item.evidence]
    return Awareness(
        run=opened.run,
        at=time_text(now),
        phase=stage.phase if stage else 0,
        state=found.stage,
        standing=state.outcome or found.standing.value,
        done=_texts(body["done"]),
        pending=_texts(body["pending"]),
        on_file=tuple(state.evidence),
        missing=tuple(name for name in owed if name not in state.evidence),
        blockers=tuple(_blockers(body["blockers"])),
        limits=tuple(_limits(opened)),
        assumptions=rules_in_force(plan, state.trust),
        needed=tuple(_needed(world, opened, found.standing, stage)),
        checks=tuple(_checks(world, opened)) if stage is not None and stage.phase <= 1 else (),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


def _blockers(value: object) -> Iterator[tuple[str, str]]:
    for item in value if isinstance(value, list | tuple) else ():
        if isinstance(item, dict):
            yield str(item.get("text")), str(item.get("severity"))


def _limits(opened: Opened) -> Iterator[str]:
    """What the record cannot show: what people state by hand, what was waived, what is only shown and never judged."""
    plan, state = opened.plan, opened.state
    for rule in plan.gates.values():
        if rule.manual:
            yield f"{rule.name} rests on {len(rule.manual)} statement(s) of people that nothing measures"
        unbound = [metric.name for metric in rule.metrics if not metric.file]
        if unbound:
            yield f"{rule.name} names metrics that nothing measures here: {', '.join(unbound)}"
    yield from (f"{item.name} is a manual record" for item in state.evidence.values() if item.status == "manual")
    yield from (f"{name} was waived, not passed" for name, item in state.judgements.items() if item.verdict == "waived")


def _needed(world: World, opened: Opened, standing: Standing, stage: Stage | None) -> Iterator[str]:
    plan, state = opened.plan, opened.state
    for asked in state.rounds.values():
        if asked.status == "open":
            yield from (f"{asked.point}: {text}" for text in who_is_missing(*as_now(world, plan, asked)))
    if standing is Standing.HALTED and state.halted is not None:
        yield f"a signed resume at {state.halted.resume_at}"
    if stage is not None:
        yield from (f"evidence {name} of {stage.title}" for name in stage.evidence if name not in state.evidence)


def _checks(world: World, opened: Opened) -> Iterator[tuple[str, str]]:
    """The four questions before the intake is relied on, answered from what is on record."""
    plan, state, now = opened.plan, opened.state, world.clock.now()
    parity = open_parity(world, opened, now)
    soon = [
        asked.point
        for asked in state.rounds.values()
        if asked.status == "open" and asked.expires_at and time_of(asked.expires_at) - now < SOON
    ]
    yield (
        "awareness",
        f"{len(soon)} request(s) lapse within a day; {len(tuple(parity))} difference(s) to production open",
    )
    sources = sum(len(item.settings) for item in plan.project.environments.values())
    yield "limits", f"parity sees {sources} bound source(s) of settings, and nothing that is not bound"
    waited = waited_in_all(awaited(plan, state), now)
    yield "capacity", f"people were waited for {words_of(waited)} so far"
    levels = [f"{item.level}: {item.contact}" for item in plan.project.operations.escalation]
    yield "correction", f"escalation goes to {', '.join(levels) or 'nobody: bind operations.escalation'}"
