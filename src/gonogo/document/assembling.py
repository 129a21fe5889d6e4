"""Sections put together into one protocol (DOC-01, DOC-18, DOC-19)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gonogo.document.attribution import Attribution
from gonogo.document.claims import Claims, LineClass
from gonogo.document.closing import evidence_table_of, handoff_of, hooks_of
from gonogo.document.exchanges import exchanges_of
from gonogo.document.gate_section import GateSection
from gonogo.document.gates import gate_from, merged
from gonogo.document.headings import Title
from gonogo.document.lines import Layer, Line, label_of, mark_of, plain
from gonogo.document.nodes import Kind, Opener
from gonogo.document.outline import Outline, Part
from gonogo.document.prerequisites import prerequisites_of
from gonogo.document.scanning import Scan
from gonogo.document.steps import Bench, Naming, halts_of, phases_of
from gonogo.document.talk import Talk, talk_of
from gonogo.document.text import Source
from gonogo.document.vocabulary import NOTE_SECTIONS, STEP_MARKS, Section
from gonogo.findings import Finding
from gonogo.protocol.model import (
    ChecklistItem,
    EvidenceRef,
    Exchange,
    Gate,
    Halt,
    Handoff,
    Message,
    Note,
    Phase,
    Prerequisite,
    Protocol,
    all_steps,
)
from gonogo.values import dataclass

_ROLE = re.compile(r"you are (?:an? |the )?\*\*(?P<role>[^*]+)\*\*", re.IGNORECASE)
_PLAIN_ROLE = re.compile(r"you are (?:an? |the )?(?P<role>[A-Z][^.,*]{2,60})", re.IGNORECASE)
_MISSION = re.compile(r"your mission is (?:to )?(?P<mission>.+?)(?:\.\s|\.?$)", re.IGNORECASE)
_GUARD = re.compile(r"^\W*(?:DO NOT|NEVER|MUST NOT)\b")


@dataclass(frozen=True, slots=True)
class Assembled:
    """The protocol, its workflow openers (for the tree check), findings, and whether anything in it can be enforced."""

    protocol: Protocol
    workflows: tuple[Opener, ...]
    findings: tuple[Finding, ...]
    enforceable: bool


@dataclass(frozen=True, slots=True)
class _Work:
    phases: tuple[Phase, ...] = ()
    halts: tuple[Halt, ...] = ()
    gates: tuple[Gate, ...] = ()
    tops: tuple[Opener, ...] = ()
    findings: tuple[Finding, ...] = ()


def assemble(source: Source, scanned: Scan, parts: Outline, claims: Claims) -> Assembled:
    """Read every section by its kind; sections of one kind are joined in document order."""
    if parts.heading is not None:
        claims.take(parts.heading, LineClass.STRUCTURE, "title")
    for part in parts.parts:
        if part.heading is not None and part.heading not in part.lines:
            claims.take(part.heading, LineClass.STRUCTURE, "heading")
    infos = {first: fence.info for first, fence in scanned.fences.items()}
    work = _workflows(source, scanned, parts, claims, infos)
    gates, clashes = _gates(source, parts, claims, work)
    inputs, outputs = _exchanges(source, parts, claims)
    talk = _talk(source, parts, claims)
    role, mission, guardrails = _role(source, parts, claims)
    hooks = [hooks_of(part.lines, source, claims, infos) for part in _of(parts, Section.AUTOMATION)]
    title = parts.title or Title("", "", "", "untitled", rule=False)
    protocol = Protocol(
        slug=title.slug or "untitled",
        title=title.name,
        number=title.number,
        tag=title.tag,
        brand=parts.front.brand,
        purpose=_purpose(parts),
        role=role,
        mission=mission,
        guardrails=guardrails,
        prerequisites=_prerequisites(source, parts, claims),
        phases=work.phases,
        gates=gates,
        halts=work.halts,
        inputs=inputs,
        outputs=outputs,
        announcements=talk.announcements,
        prompts=talk.prompts,
        error_messages=talk.errors,
        hooks=tuple(command for hook in hooks for command in hook.commands),
        handoff=_handoff(source, parts, claims),
        evidence_table=_evidence_table(source, parts, claims),
        notes=(*(note for hook in hooks for note in hook.notes), *_notes(source, parts, claims)),
        origin=source.origin(0 if parts.heading is None else parts.heading.index),
        rule=title.rule,
    )
    return Assembled(protocol, work.tops, (*work.findings, *clashes), _enforceable(protocol, work.tops))


def _of(parts: Outline, kind: Section) -> Iterator[Part]:
    return (part for part in parts.parts if part.kind is kind)


def _workflows(source: Source, scanned: Scan, parts: Outline, claims: Claims, infos: Mapping[int, str]) -> _Work:
    bench = Bench(source, Naming(scanned), infos)
    work = _Work()
    for part in _of(parts, Section.WORKFLOW):
        if part.heading is None:
            continue
        top = Opener(Kind.WORKFLOW, part.heading, part.name)
        walk = Attribution(source, part.lines, claims, top)
        walk.run()
        phases = phases_of(top, bench)
        gates = [
            gate_from(opener, source, phase=phase.id)
            for phase, owner in zip(phases, top.children, strict=True)
            for opener in owner.gates
        ]
        gates.extend(gate_from(opener, source) for opener in top.gates)
        work = _Work(
            (*work.phases, *phases),
            (*work.halts, *halts_of(top, source)),
            (*work.gates, *gates),
            (*work.tops, top),
            (*work.findings, *walk.findings),
        )
    return work


def _gates(source: Source, parts: Outline, claims: Claims, work: _Work) -> tuple[tuple[Gate, ...], tuple[Finding, ...]]:
    stated = list(work.gates)
    for part in _of(parts, Section.GATES):
        stated.extend(gate_from(opener, source) for opener in GateSection(part.lines, claims).run())
    return merged(stated)


def _prerequisites(source: Source, parts: Outline, claims: Claims) -> tuple[Prerequisite, ...]:
    found = (prerequisites_of(part.lines, source, claims) for part in _of(parts, Section.PREREQUISITES))
    return tuple(item for items in found for item in items)


def _exchanges(source: Source, parts: Outline, claims: Claims) -> tuple[tuple[Exchange, ...], tuple[Exchange, ...]]:
    sides = [exchanges_of(part.lines, source, claims) for part in _of(parts, Section.INTEGRATION)]
    return tuple(item for side, _ in sides for item in side), tuple(item for _, side in sides for item in side)


def _talk(source: Source, parts: Outline, claims: Claims) -> Talk:
    talks = [talk_of(part.lines, source, claims) for part in _of(parts, Section.COMMUNICATION)]
    talks.extend(talk_of(part.lines, source, claims, errors=True) for part in _of(parts, Section.ERRORS))
    return Talk(
        tuple(item for talk in talks for item in talk.announcements),
        tuple(item for talk in talks for item in talk.prompts),
        tuple(item for talk in talks for item in talk.errors),
    )


def _handoff(source: Source, parts: Outline, claims: Claims) -> Handoff:
    found = [handoff_of(part.lines, source, claims) for part in _of(parts, Section.HANDOFF)]
    return Handoff(
        _items_once(item for handoff in found for item in handoff.items),
        tuple(item for handoff in found for item in handoff.messages),
        tuple(item for handoff in found for item in handoff.next_commands),
        next((handoff.next_protocol for handoff in found if handoff.next_protocol), ""),
    )


def _items_once(items: Iterable[ChecklistItem]) -> tuple[ChecklistItem, ...]:
    """Each item once; a box that is open in one list and ticked in the other is open (T4)."""
    kept: dict[str, ChecklistItem] = {}
    for item in items:
        before = kept.get(item.text)
        if before is None or (before.ticked_in_text and not item.ticked_in_text):
            kept[item.text] = item
    return tuple(kept.values())


def _evidence_table(source: Source, parts: Outline, claims: Claims) -> tuple[EvidenceRef, ...]:
    found = (evidence_table_of(part.lines, source, claims) for part in _of(parts, Section.EVIDENCE))
    return tuple(item for items in found for item in items)


def _role(source: Source, parts: Outline, claims: Claims) -> tuple[str, str, tuple[Message, ...]]:
    """Role, mission and guardrails; `[CRITICAL]` in the role section is a guardrail."""
    role = mission = ""
    guardrails: list[Message] = []
    for part in _of(parts, Section.ROLE):
        text = " ".join(line.body for line in part.lines if line.layer is Layer.TEXT)
        found = _ROLE.search(text) or _PLAIN_ROLE.search(text)
        role = role or (found["role"].strip() if found else "")
        aim = _MISSION.search(plain(text))
        mission = mission or (aim["mission"].strip() if aim else "")
        guardrails.extend(_guardrails(part.lines, source, claims))
        claims.take_all(part.lines, LineClass.NOTE, "role")
    return role, mission, tuple(guardrails)


def _guardrails(lines: Sequence[Line], source: Source, claims: Claims) -> Iterator[Message]:
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        mark, rest = mark_of(line.body)
        if line.layer is not Layer.TEXT or (mark != "CRITICAL" and not _GUARD.match(line.body)):
            continue
        words = [rest if mark else line.body]
        while at < len(lines) and _goes_on(lines[at]):
            words.append(lines[at].body)
            claims.take(lines[at], LineClass.OBLIGATION, "guardrail")
            at += 1
        claims.take(line, LineClass.OBLIGATION, "guardrail")
        yield Message(plain(" ".join(words)).strip(" :`"), source.origin(line.index, line.col))


def _goes_on(line: Line) -> bool:
    """Whether `line` continues the paragraph above it."""
    return line.layer is Layer.TEXT and not (line.gap or line.item or line.level or line.rule)


def _purpose(parts: Outline) -> str:
    for part in parts.parts[:2]:
        for line in part.lines:
            label = label_of(line) if line.layer is Layer.TEXT else None
            if label is not None and label.name == "purpose" and part.kind in {Section.PREAMBLE, Section.UNKNOWN}:
                return plain(label.value)
    return ""


def _notes(source: Source, parts: Outline, claims: Claims) -> Iterator[Note]:
    """Sections that explain, and sections of unknown names, as notes with their text."""
    for part in parts.parts:
        if part.kind in NOTE_SECTIONS:
            claims.take_all((line for line in part.lines if line.layer is Layer.TEXT), LineClass.IGNORED, "section")
            claims.take_all((line for line in part.lines if line.layer is Layer.COMMENT), LineClass.COMMENT)
            claims.take_all(part.lines, LineClass.IGNORED, "section")
        elif part.kind in {Section.UNKNOWN, Section.PREAMBLE}:
            claims.take_all((line for line in part.lines if line.layer is Layer.COMMENT), LineClass.COMMENT)
            claims.take_all((line for line in part.lines if line.rule), LineClass.DECORATION)
            claims.take_all(part.lines, LineClass.NOTE, "section")
        else:
            continue
        if part.heading is not None and part.lines:
            text = "\n".join(line.text for line in part.lines if line.layer is not Layer.COMMENT)
            yield Note(part.name, text, source.origin(part.heading.index))


def _enforceable(protocol: Protocol, tops: Sequence[Opener]) -> bool:
    """Whether at least one step states its obligation, or a script directive stands in the workflow (GN0108)."""
    if any(step.stated for step in all_steps(protocol)):
        return True
    if any(mark_of(gate.line.body)[0] in STEP_MARKS for top in tops for phase in top.children for gate in phase.gates):
        return True
    return any("{SCRIPT:" in line.body for top in tops for line in _lines_of(top))


def _lines_of(opener: Opener) -> Iterator[Line]:
    yield opener.line
    yield from opener.loose
    for held in opener.fields:
        yield held.line
        yield from held.body
        yield from held.after
    for child in (*opener.children, *opener.gates):
        yield from _lines_of(child)
