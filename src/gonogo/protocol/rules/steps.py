"""Steps that do not say enough: halts, evidence, obligation, triggers (GN0301, GN0302, GN0308 to GN0310, GN0406)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gonogo.findings import Finding
from gonogo.protocol.codes import finding
from gonogo.protocol.model import Halt, Phase, Protocol, Step
from gonogo.terms import Obligation

_NAMED = re.compile(
    r"\b(approv\w*|sign\w*|consent\w*|authori[sz]\w*)\b|\bby (?:the )?[A-Z]"
    r"|\b(?:[A-Z][a-z]+ )*(?:Manager|Lead|Officer|Owner"
    r"|Master|Engineer|Director|Architect|Keeper|Pilot)\b|\b(?:CISO|CTO|CEO|SRE|QA)\b"
)


def step_findings(protocol: Protocol) -> Iterator[Finding]:
    """Rules on each step and its halts, and on the halts of phases and of the workflow."""
    for phase in protocol.phases:
        covered = any(not halt.branch for halt in (*phase.halts, *protocol.halts))
        for step in phase.steps:
            yield from _step(step, phase, covered=covered)
        yield from _halts(phase.halts)
    yield from _halts(protocol.halts)


def _step(step: Step, phase: Phase, *, covered: bool) -> Iterator[Finding]:
    must = step.obligation is Obligation.MUST and not step.conditional
    if must and not step.substeps and not step.halts and not covered:
        message = f"[MUST] step `{step.title}` has no halt condition"
        yield finding("GN0301", message, step.origin, notes=("add: * **Halt condition:** Stop if ...",))
    if must and not step.substeps and not step.evidence and not phase.evidence:
        message = f"[MUST] step `{step.title}` names no evidence file"
        yield finding("GN0302", message, step.origin, notes=("add: * **Evidence:** `path/file.json`",))
    if step.conditional:
        message = f"conditional item `{step.title}` has no trigger the engine can see; it never runs by itself"
        yield finding("GN0310", message, step.origin, notes=("bind its trigger, or write it as a step",))
    elif not step.stated:
        message = f"step `{step.title}` states no obligation; read as MUST"
        yield finding("GN0309", message, step.origin, notes=("write `[MUST]` or `[GUIDELINE]` before its title",))
    yield from _halts(step.halts)
    for sub in step.substeps:
        yield from _step(sub, phase, covered=covered)


def _halts(halts: tuple[Halt, ...]) -> Iterator[Finding]:
    for halt in halts:
        if not halt.known:
            message = f"halt sentence names no halting verb; acts as stop: {halt.text}"
            yield finding(
                "GN0308", message, halt.origin, notes=("begin it with Stop, Pause until, Trigger rollback ...",)
            )
        if halt.lifted_by is not None and not _NAMED.search(halt.lifted_by):
            message = f'halt can be lifted by "{halt.lifted_by}", but by whom?'
            yield finding("GN0406", message, halt.origin, notes=("name the role that signs it",))
