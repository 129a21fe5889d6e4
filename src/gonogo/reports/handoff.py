"""The handoff of a protocol: items computed from its log, none ticked by anybody (HND-01 to HND-04, HND-10, C26)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gonogo.plan.model import Execute, Plan, Stage
from gonogo.run.events import Announced, Recorded
from gonogo.run.state import RunState
from gonogo.run.waiving import WAIVED, waiver_point
from gonogo.values import dataclass

GOOD: Final = frozenset({"ready", "released"})
FORMS: Final = frozenset({"md", "json", "log", "zip", "xml", "sarif"})
"""Documents are Markdown or JSON; logs, archives and raw results of tools are declared exceptions (C63)."""

_POINT: Final = waiver_point("")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a checklist: whether it holds, and what is in the way where it does not."""

    name: str
    held: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Learned:
    """How many records people made of what a run taught, and whether its figures are on file as the log has them."""

    feedback: int
    lessons: int
    improvements: int
    updates: int
    metrics: bool


@dataclass(frozen=True, slots=True)
class Handing:
    """What a handoff is computed from; `edited` was seen on disk, `aggregated` and `received` stand in the log."""

    plan: Plan
    state: RunState
    events: tuple[Recorded, ...]
    edited: tuple[str, ...]
    aggregated: bool
    received: bool
    learned: Learned


def main_list(given: Handing) -> tuple[Item, ...]:
    """The seven items before a protocol is complete (HND-01)."""
    plan, state = given.plan, given.state
    stages = [stage for stage in plan.stages if stage.tasks]
    lacking = sorted({name for stage in stages for name in stage.evidence} - set(state.evidence))
    outputs = [name for name, _ in plan.outputs if name not in _names(given)]
    return (
        _item("prerequisites met", [stage.id for stage in stages[:1] if not _done(state, stage)]),
        _item("steps completed", [stage.id for stage in stages if stage.kind != "gate" and not _done(state, stage)]),
        _item("gates passed or waivers documented", list(_open_gates(given))),
        _item("evidence captured and stored", [*lacking, *given.edited]),
        _item("integration outputs generated", outputs),
        _item("automation hooks executed", list(_failed_hooks(given))),
        _item("communication log complete", list(_unsaid(given))),
    )


def second_list(given: Handing) -> tuple[Item, ...]:
    """The five items of the second list (HND-03), and the form of the files (HND-10)."""
    waivers = [
        asked.name for asked in given.state.rounds.values() if asked.point.startswith(_POINT) and asked.status == "open"
    ]
    halted = [given.state.halted.cause] if given.state.halted and not given.state.outcome else []
    odd = [name for name in given.state.evidence if name.rpartition(".")[2] not in FORMS]
    return (
        _item("artifacts stored in their folders", list(given.edited)),
        Item(
            "manifest complete with checksums", given.aggregated, "" if given.aggregated else "aggregate the evidence"
        ),
        _item("all gates pass", list(_open_gates(given))),
        _item("downstream owner notified and ready", [] if given.received else ["no receipt without questions"]),
        _item("no blocking issue and no pending waiver", [*halted, *waivers]),
        _item("artifacts in documented forms", odd),
    )


def improvement_list(given: Handing) -> tuple[Item, ...]:
    """The six items of improvement (HND-02)."""
    known, run = given.learned, given.state.opened.version if given.state.opened else ""
    scheduled = given.state.retrospective is not None
    return (
        _made("execution feedback logged", known.feedback, "gonogo feedback RUN --text TEXT"),
        _made("lessons documented", known.lessons, "gonogo lessons RUN --insight TEXT ..."),
        _made("quality metrics captured", int(known.metrics), f"workflow-metrics.json of {run} is missing or edited"),
        _made("knowledge base updated", known.updates, "gonogo knowledge RUN --update"),
        _made("adaptation opportunities logged", known.improvements, "gonogo improvements RUN --what TEXT ..."),
        _made("retrospective scheduled", int(scheduled), "it is opened as the run halts or ends"),
    )


def _made(name: str, count: int, otherwise: str) -> Item:
    return Item(name, count > 0, "" if count else otherwise)


def small_list(given: Handing) -> tuple[Item, ...]:
    """The six items of the small pipeline (HND-04)."""
    rolled = given.state.rollback
    failed = [] if rolled is None or rolled.verified else ["the rollback is not verified"]
    return (
        _item("environments validated", _without(given, "validation.json")),
        _item("artifacts archived", list(given.edited)),
        _item("performance baseline set", _without(given, "performance-baseline.json")),
        _item("smoke tests pass", list(_open_gates(given))),
        _item("no rollback, or a successful one", failed),
        _item("deployment report generated", _without(given, "production-deployment.json")),
    )


def _without(given: Handing, name: str) -> list[str]:
    return [] if name in _names(given) else [name]


def checklist(given: Handing) -> tuple[Item, ...]:
    """Every item that has to hold before this protocol hands over."""
    if given.plan.name == "deployment-automation":
        return (*main_list(given), *small_list(given))
    if given.plan.name == "pre-deployment":
        return (*main_list(given), *second_list(given), *improvement_list(given))
    return (*main_list(given), *second_list(given))


def ready_text(given: Handing, numbers: tuple[str, str]) -> str:
    """`Protocol 14 COMPLETE - Ready for Protocol 15`, only where every item holds; empty otherwise (HND-11)."""
    if given.state.outcome not in GOOD or not all(item.held for item in checklist(given)):
        return ""
    own, following = numbers
    return f"Protocol {own} COMPLETE - Ready for Protocol {following}"


def _item(name: str, faults: list[str]) -> Item:
    return Item(name, not faults, ", ".join(faults[:6]))


def _done(state: RunState, stage: Stage) -> bool:
    known = [state.tasks.get(task.id) for task in stage.tasks]
    return all(one is not None and one.outcome == "ok" for one in known)


def _names(given: Handing) -> set[str]:
    return {*given.state.evidence, *(package.name for package in given.state.packages.values())}


def _open_gates(given: Handing) -> Iterator[str]:
    for rule in given.plan.gates.values():
        judged = given.state.judgements.get(rule.id)
        if judged is None or judged.verdict not in {"pass", WAIVED}:
            yield f"{rule.name} is {judged.verdict if judged else 'not judged'}"


def _failed_hooks(given: Handing) -> Iterator[str]:
    for stage in (*given.plan.stages, given.plan.closing):
        for task in stage.tasks:
            known = given.state.tasks.get(task.id)
            if isinstance(task.act, Execute) and (known is None or known.outcome != "ok"):
                yield task.id


def _unsaid(given: Handing) -> Iterator[str]:
    """Phases that nobody was told about, and the end of the protocol, which is said when it is over."""
    said = {event.event.prefix for event in given.events if isinstance(event.event, Announced)}
    if not any("START" in prefix for prefix in said):
        yield "no start was announced"
    if not any("COMPLETE" in prefix for prefix in said):
        yield "no completion was announced"
