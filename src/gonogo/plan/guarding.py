"""Which state guards each part of a guardrail sentence, as the sidecar says (RGD-03, GN0802; compiler section 17).

Every part of every guardrail of the document has to be named there; what is named has to be a state of the plan.
Whether that state really stands on every way to production is shown by the proof.
"""

from __future__ import annotations

from collections.abc import Iterator

from gonogo.plan.model import Decide, Judge, Plan, Task
from gonogo.plan.proof import Claim
from gonogo.plan.reading import Findings
from gonogo.plan.sidecar import GuardedPart, Sidecar
from gonogo.protocol.change import sense
from gonogo.protocol.guardrail import guardrail_parts
from gonogo.protocol.model import Message, Protocol


def claims_of(protocol: Protocol, sidecar: Sidecar, plan: Plan, notes: Findings) -> tuple[Claim, ...]:
    """The claims that the proof has to show; GN0802 for a part nobody names, GN0702 for a name of nothing."""
    named = {sense(part.text): part for part in sidecar.guardrail}
    parts = [(text, guardrail) for guardrail in protocol.guardrails for text in guardrail_parts(guardrail.text)]
    for key in named.keys() - {sense(text) for text, _ in parts}:
        notes.error("GN0702", f"`{named[key].text}` is no part of a guardrail of the document", named[key].origin)
    return tuple(_claims(parts, named, plan, notes))


def _claims(
    parts: list[tuple[str, Message]], named: dict[str, GuardedPart], plan: Plan, notes: Findings
) -> Iterator[Claim]:
    for text, guardrail in parts:
        part = named.get(sense(text))
        if part is None:
            hint = "name what guards it in the sidecar: guardrail: [{text: ..., by: gate ID}]"
            notes.error("GN0802", f'guardrail part "{text}" is guarded by nothing', guardrail.origin, hint)
            continue
        if not part.by:
            # Reading the sidecar has reported it already.
            continue
        state = _state(part, plan)
        if state:
            yield Claim(text, state, guardrail.origin)
        else:
            known = ", ".join(sorted(_known(part, plan))) or "none"
            what = f"guardrail part `{part.text}` names {part.by}, which does not exist"
            notes.error("GN0702", what, part.origin, f"known: {known}")


def _state(part: GuardedPart, plan: Plan) -> str:
    """The last task that `part.by` means: a step holds only when all of it is done."""
    kind, _, name = part.by.partition(" ")
    tasks = [task.id for known, task in _tasks(kind, plan) if known == name]
    return tasks[-1] if tasks else ""


def _known(part: GuardedPart, plan: Plan) -> frozenset[str]:
    return frozenset(name for name, _ in _tasks(part.by.partition(" ")[0], plan))


def _tasks(kind: str, plan: Plan) -> Iterator[tuple[str, Task]]:
    for stage in plan.stages:
        for task in stage.tasks:
            match kind, task.act:
                case "gate", Judge(gate=gate):
                    yield gate, task
                case "approval", Decide(point=point):
                    yield point, task
                case "step", _ if stage.kind == "step":
                    yield stage.id, task
                case _:
                    pass
