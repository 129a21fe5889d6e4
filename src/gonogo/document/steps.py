"""Phases and steps as values, from their openers (DOC-05 to DOC-10, DOC-15)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gonogo.document.decision_trees import trees_of
from gonogo.document.extracts import (
    commands_in_fence,
    commands_in_text,
    fence_content,
    fence_text,
    files_of,
    is_shell_fence,
    messages_of,
    runs,
    scripts_in,
)
from gonogo.document.lines import Layer, Line, mark_of
from gonogo.document.nodes import Held, Kind, Opener
from gonogo.document.scanning import Scan
from gonogo.document.step_heads import bare_title, is_conditional
from gonogo.document.text import Source
from gonogo.document.vocabulary import BINDING_MARKS, STEP_MARKS, Field, slug_of
from gonogo.protocol.halt_grammar import effects_of, parse_halt
from gonogo.protocol.model import CommandRef, EvidenceRef, Halt, Note, Phase, Step
from gonogo.terms import Obligation
from gonogo.values import dataclass

_NOTED = frozenset(
    {
        Field.EXAMPLE,
        Field.REASONING,
        Field.PROBLEM,
        Field.DECISION,
        Field.PROMPT,
        Field.NOTE,
        Field.PURPOSE,
        Field.CONFIG,
        Field.METRICS,
        Field.TYPE,
        None,
    }
)


class Naming:
    """Gives identifiers: slugs of titles, pinned names, `-2` for a twin among its siblings (compiler section 10)."""

    def __init__(self, scan: Scan) -> None:
        self._pins = scan.pins
        self._given: dict[str, int] = {}
        self._comments = {line.index for line in scan.lines if line.layer is Layer.COMMENT}

    def name(self, line: Line, title: str, parent: str) -> str:
        """The identifier of what `line` opens, unlike any that was given before."""
        slug = self._pinned(line.index) or slug_of(title) or "untitled"
        full = twin = f"{parent}/{slug}" if parent else slug
        while twin in self._given:
            self._given[full] += 1
            twin = f"{full}-{self._given[full]}"
        self._given[twin] = 1
        return twin

    def _pinned(self, line: int) -> str:
        if line in self._pins:
            return self._pins[line]
        above = line - 1
        return self._pins.get(above, "") if above in self._comments else ""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every opener is turned into a value with: the text, the names, the info strings of fences by first line."""

    source: Source
    naming: Naming
    infos: Mapping[int, str]


def phases_of(workflow: Opener, bench: Bench) -> tuple[Phase, ...]:
    """The phases of a workflow opener, with their steps."""
    return tuple(_phase(opener, bench) for opener in workflow.children)


def _phase(opener: Opener, bench: Bench) -> Phase:
    identity = bench.naming.name(opener.line, opener.title, "")
    return Phase(
        id=identity,
        title=opener.title,
        number=opener.number,
        steps=tuple(_step(child, bench, identity) for child in opener.children),
        evidence=_evidence(opener, bench.source),
        commands=(*_commands(opener, bench), *_scripts(opener.loose, bench.source)),
        notes=_notes(opener, bench.source),
        origin=bench.source.origin(opener.line.index, opener.line.col),
        halts=halts_of(opener, bench.source),
        trees=trees_of(_of(opener, Field.DECISION), bench.source),
    )


def _step(opener: Opener, bench: Bench, parent: str, inherited: Obligation | None = None) -> Step:
    title = bare_title(opener.title) if is_conditional(opener.title) else opener.title
    identity = bench.naming.name(opener.line, title, parent)
    mark = opener.mark or _mark_in_action(opener)
    obligation = _obligation(mark, inherited)
    source = bench.source
    return Step(
        id=identity,
        title=title,
        obligation=obligation,
        stated=bool(mark) or (inherited is not None and opener.kind is Kind.SUBSTEP),
        action=_action(opener),
        halts=halts_of(opener, source),
        evidence=_evidence(opener, source),
        says=tuple(message for held in _of(opener, Field.SAYS) for message in messages_of(held, source)),
        commands=(*_commands(opener, bench), *_scripts([opener.line, *opener.loose], source)),
        checks=tuple(held.whole() for held in _of(opener, Field.VALIDATION)),
        notes=_notes(opener, source),
        substeps=tuple(_step(child, bench, identity, obligation) for child in opener.children),
        conditional=is_conditional(opener.title),
        origin=source.origin(opener.line.index, opener.line.col),
    )


def _obligation(mark: str, inherited: Obligation | None) -> Obligation:
    if mark in BINDING_MARKS:
        return Obligation.MUST
    if mark:
        return Obligation.GUIDELINE
    return inherited or Obligation.MUST


def _mark_in_action(opener: Opener) -> str:
    """A mark that the author wrote into the text of the action and not into the title."""
    for held in _of(opener, Field.ACTION):
        mark, _ = mark_of(held.value)
        if mark in STEP_MARKS:
            return mark
    return ""


def _of(opener: Opener, field: Field) -> tuple[Held, ...]:
    return tuple(held for held in opener.fields if held.field is field)


def _action(opener: Opener) -> str:
    texts = [opener.rest] if opener.rest else []
    texts.extend(held.whole() for held in _of(opener, Field.ACTION))
    return "\n".join(text for text in texts if text)


def halts_of(opener: Opener, source: Source) -> tuple[Halt, ...]:
    """Halt fields, halt lists, and the halting branches of decision trees, in document order."""
    found: list[Halt] = []
    for held in opener.fields:
        if held.field is Field.HALT:
            found.extend(_halts(held, source))
        elif held.field is Field.DECISION and opener.kind in {Kind.PHASE, Kind.WORKFLOW}:
            found.extend(_branches(held, source))
    return tuple(found)


def _halts(held: Held, source: Source) -> Iterable[Halt]:
    lead = "halt if" if held.name == "halt if" else ""
    text = held.text()
    if text:
        halt = parse_halt(text, source.origin(held.line.index, held.value_col), lead=lead)
        yield from (halt,) if halt is not None else ()
    for entry, line in held.entries():
        halt = parse_halt(entry, source.origin(line.index, line.col), lead=lead)
        yield from (halt,) if halt is not None else ()
    if not text and not any(line.item for line in held.body):
        yield from _quoted_halts(held, source)


def _quoted_halts(held: Held, source: Source) -> Iterable[Halt]:
    """A halt sentence that stands in a block quote, a fence or an own paragraph under its label."""
    for run in runs([*held.body, *held.after]):
        text = fence_text(run) if run[0].layer is Layer.FENCE else " ".join(line.body for line in run)
        halt = parse_halt(text, source.origin(run[0].index, run[0].col))
        yield from (halt,) if halt is not None else ()


def _branches(held: Held, source: Source) -> Iterable[Halt]:
    """Branches of a decision tree that halt; the other branches are notes."""
    for entry, line in held.entries():
        _, arrow, outcome = entry.replace("->", "→").partition("→")
        if arrow and effects_of(outcome):
            halt = parse_halt(entry, source.origin(line.index, line.col), branch=True)
            yield from (halt,) if halt is not None else ()


def _evidence(opener: Opener, source: Source) -> tuple[EvidenceRef, ...]:
    found: dict[str, EvidenceRef] = {}
    for held in opener.fields:
        if held.field in {Field.EVIDENCE, Field.EVIDENCE_LIST}:
            for ref in files_of(held, source):
                found.setdefault(ref.path, ref)
    return tuple(found.values())


def _commands(opener: Opener, bench: Bench) -> tuple[CommandRef, ...]:
    found: list[CommandRef] = []
    for held, following in zip(opener.fields, [*opener.fields[1:], None], strict=False):
        if held.field in {Field.AUTOMATION, Field.SCRIPT}:
            expected = following.whole() if following is not None and following.field is Field.EXPECTED else ""
            found.extend(_automation(held, bench, expected))
        elif held.field is Field.EXAMPLE:
            found.extend(_fenced(held.body, bench, example=True))
        found.extend(_scripts([held.line, *held.body], bench.source))
    return tuple(found)


def _automation(held: Held, bench: Bench, expected: str) -> Iterable[CommandRef]:
    """The commands under a label; `expected` is what the line `*Expected Output:* ...` after them says (DOC-10)."""
    conditional = is_conditional(held.line.body)
    for text, line in ((held.text(), held.line), *held.entries()):
        for command in commands_in_text(text, line, bench.source):
            if "{SCRIPT" not in text:
                yield CommandRef(command.text, command.origin, conditional, expected)
    for command in _fenced([*held.body, *held.after], bench):
        yield CommandRef(command.text, command.origin, conditional, expected)


def _fenced(lines: Sequence[Line], bench: Bench, *, example: bool = False) -> Iterable[CommandRef]:
    for run in runs(lines):
        if run[0].layer is not Layer.FENCE:
            continue
        content = fence_content(run)
        if content and is_shell_fence(bench.infos.get(run[0].fence, ""), _first_command(content)):
            yield from commands_in_fence(run, bench.source, example=example)


def _first_command(content: Sequence[Line]) -> str:
    return next((line.body for line in content if not line.body.startswith("#")), "")


def _scripts(lines: Iterable[Line], source: Source) -> tuple[CommandRef, ...]:
    return tuple(
        CommandRef(command, source.origin(line.index, line.col))
        for line in lines
        if line.layer is Layer.TEXT
        for command in scripts_in(line.body)
    )


def _notes(opener: Opener, source: Source) -> tuple[Note, ...]:
    found = [
        Note(held.name, held.whole(), source.origin(held.line.index, held.line.col))
        for held in opener.fields
        if held.field in _NOTED
    ]
    found.extend(
        Note("text", "\n".join(line.text.strip() for line in run), source.origin(run[0].index, run[0].col))
        for run in runs(opener.loose)
    )
    return tuple(sorted(found, key=lambda note: note.origin.line))
