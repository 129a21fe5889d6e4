"""A form's values as a protocol that is only text yet: what the document has to say, part by part (GEN-01, GEN-08).

Nothing is interpreted here: halts have no effects and criteria no clauses until the document is read by the one reader.
Words that the model has no place for become remarks, so that nothing of the form is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gonogo.document.extracts import is_shell_fence, paths_in
from gonogo.document.form import Form, FormError, FormEvidence, FormExchange, FormGate, FormHook, FormPhase, FormStep
from gonogo.document.form_fields import Text
from gonogo.document.remarks import Remarks
from gonogo.document.step_heads import bare_title, is_conditional
from gonogo.document.vocabulary import slug_of
from gonogo.protocol.artifacts import base_name, is_file
from gonogo.protocol.change import sense
from gonogo.protocol.model import (
    ApprovalRequired,
    ArtifactRequired,
    ChecklistItem,
    CommandRef,
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
    StateRequired,
    Step,
    WaiverForbidden,
)
from gonogo.protocol.references import number_of, words_of
from gonogo.terms import Obligation
from gonogo.values import dataclass

_DASH = "\u2013"
_APPROVAL = re.compile(r"\bapprov|\bsign(ed|-?off)\b|\bauthori[sz]|\bconsent", re.IGNORECASE)
_ROLE = re.compile(r"\Ayou are (?:an? |the )?(?P<role>[^.,]+)[.,]?(?P<rest>.*)\Z", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,4}[A-Za-z]?\b|\b[A-Z]{2}\d{0,2}\b")
_PHASE_NUMBER = re.compile(r"\d{1,3}[A-Za-z]?\Z")
_MISSION = re.compile(r"\Ayour mission is (?:to )?", re.IGNORECASE)
_GUARD = re.compile(r"\A\W*\[CRITICAL\]\W*")
_OPENS = re.compile(r"[-+*>#|`~<]|\d+[.)]\s*\W*\*\*|\W*\[|[\w /-]{1,40}:")
_SLUG = re.compile(r"\d*[a-z]?-?[a-z0-9]+(?:-[a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True)
class Drafted:
    """The text-only protocol and the words that stand beside its parts."""

    protocol: Protocol
    remarks: Remarks


def draft(form: Form) -> Drafted:
    """What the document of `form` has to say; places are those of the form."""
    phases = tuple(_phase(phase, position, form.hooks) for position, phase in enumerate(form.phases, start=1))
    bound = {command.text for phase in phases for command in (*phase.commands, *_step_commands(phase))}
    hooks = tuple(c for hook in form.hooks for c in _commands(hook) if c.text not in bound)
    protocol = Protocol(
        slug=slug_of(form.name.text),
        title=" ".join(form.name.text.upper().split()),
        number=_number(form.number.text),
        tag=_tag(form.domain.text),
        brand="",
        purpose=form.purpose.text,
        role=_role(form)[0],
        mission=_mission(form)[0].rstrip("."),
        guardrails=tuple(
            Message(_GUARD.sub("", _flat(text)).replace("**", ""), text.origin) for text in form.guardrails
        ),
        prerequisites=tuple(item for entry in form.prerequisites for item in _prerequisites(entry)),
        phases=phases,
        gates=tuple(_gate(gate, position) for position, gate in enumerate(form.gates, start=1)),
        halts=(),
        inputs=tuple(_exchange(entry) for entry in form.inputs),
        outputs=tuple(_exchange(entry) for entry in form.outputs),
        announcements=tuple(Message(line, text.origin) for text in form.announcements for line in _lines(text)),
        prompts=tuple(Message(prompt.template.text, prompt.template.origin) for prompt in form.prompts),
        error_messages=tuple(_error(error) for error in form.errors),
        hooks=hooks,
        handoff=_handoff(form),
        evidence_table=(),
        notes=_notes(form),
        origin=form.origin,
    )
    return Drafted(protocol, _remarks(form))


def reference(protocol: Text) -> str:
    """How another protocol is named: its slug with the number that the form gives it."""
    if _SLUG.match(protocol.text):
        return protocol.text
    return "-".join(part for part in (number_of(protocol.text), words_of(protocol.text)) if part)


def _number(text: str) -> str:
    """`11` of `11` or `Protocol 11`; display text only."""
    found = _NUMBER.search(text)
    return found[0] if found else ""


def _notes(form: Form) -> tuple[Note, ...]:
    """What the form says besides: one section that explains and binds nothing."""
    if not form.remarks:
        return ()
    text = "\n".join(f"- **{label}:** {_flat(words)}" for label, words in form.remarks)
    return (Note("REFLECTION & LEARNING", text, form.remarks[0][1].origin),)


def _role(form: Form) -> tuple[str, str]:
    """Who carries the protocol out, and what the role's text says besides, which belongs to the mission."""
    found = _ROLE.match(_flat(form.role).replace("**", ""))
    return (found["role"].strip(" ."), found["rest"].strip()) if found else (_flat(form.role).strip(" ."), "")


def _mission(form: Form) -> tuple[str, str]:
    """The first sentence, and all that follows."""
    told = " ".join(part for part in (_flat(form.mission), _role(form)[1]) if part)
    words = _MISSION.sub("", told)
    end = re.search(r"\.\s", words)
    return (words, "") if end is None else (words[: end.start()], words[end.end() :])


def _flat(text: Text) -> str:
    return " ".join(text.text.split())


def _tag(domain: str) -> str:
    tag = " ".join(domain.upper().split()).strip("()")
    return tag if not tag or tag.endswith("COMPLIANT") else f"{tag} COMPLIANT"


def _lines(text: Text) -> list[str]:
    return [line.strip() for line in text.text.split("\n") if line.strip()]


def _prerequisites(entry: FormExchange) -> Iterator[Prerequisite]:
    """Artifacts by name; a plain sentence is an approval where it speaks of one, else a state that has to hold."""
    source = reference(entry.protocol)
    for name in entry.artifacts:
        text = name.text[1:-1] if re.fullmatch(r"`[^`]+`", name.text) else name.text
        yield ArtifactRequired(text, source, entry.usage.text, optional=False, origin=name.origin)
    if entry.artifacts:
        return
    words = " ".join(entry.usage.text.split())
    paths = paths_in(words)
    if paths:
        yield ArtifactRequired(paths[0], source, "", optional=False, origin=entry.usage.origin, also=paths[1:])
    elif _APPROVAL.search(words):
        yield ApprovalRequired(words, optional=False, origin=entry.usage.origin)
    else:
        yield StateRequired(words, optional=False, origin=entry.usage.origin)


def _phase(phase: FormPhase, position: int, hooks: Sequence[FormHook]) -> Phase:
    identity = slug_of(phase.title.text)
    steps = tuple(_step(step, identity, phase.evidence, (*phase.hooks, *hooks)) for step in phase.steps)
    owned = {reference_.path for step in steps for reference_ in step.evidence}
    bound = {command.text for step in steps for command in step.commands}
    notes = [Note("objective", phase.objective.text, phase.objective.origin)] if phase.objective else []
    evidence = {found.path: found for entry in phase.evidence for found in _evidence(entry)}
    # What names no file is kept as a sentence; it is no evidence that anything could look at (GN0302).
    notes += [
        Note("text", " → ".join(text.text for text in (entry.item, entry.location) if text), entry.item.origin)
        for entry in phase.evidence
        if not _evidence(entry)
    ]
    return Phase(
        id=identity,
        title=_flat(phase.title).rstrip(": "),
        number=phase.number if _PHASE_NUMBER.match(phase.number) else str(position),
        steps=_twins(steps),
        evidence=tuple(found for path, found in evidence.items() if path not in owned),
        commands=tuple(c for hook in phase.hooks for c in _commands(hook) if c.text not in bound),
        notes=tuple(notes),
        origin=phase.origin,
    )


def _twins(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps of one title are told apart by `-2`, `-3`, in document order."""
    taken: set[str] = set()
    out = []
    for step in steps:
        name, count = step.id, 1
        while name in taken:
            count += 1
            name = f"{step.id}-{count}"
        taken.add(name)
        out.append(replace(step, id=name))
    return tuple(out)


def _step_commands(phase: Phase) -> tuple[CommandRef, ...]:
    return tuple(command for step in phase.steps for command in step.commands)


def _step(step: FormStep, phase: str, evidence: Sequence[FormEvidence], hooks: Sequence[FormHook]) -> Step:
    told = " ".join(text.text for text in (*step.instructions, *step.communication))
    title = _flat(step.title).rstrip(": ")
    conditional = is_conditional(title)
    title = bare_title(title) if conditional else title
    kept = [found for entry in evidence for found in _evidence(entry) if found.name and found.name in told]
    own = [EvidenceRef(_name(path), path, text.origin) for text in step.evidence for path in paths_in(text.text)]
    spoken = [text for text in step.evidence if not paths_in(text.text)]
    return Step(
        id=f"{phase}/{slug_of(title)}",
        title=title,
        obligation=Obligation.GUIDELINE if step.obligation == "GUIDELINE" else Obligation.MUST,
        stated=bool(step.obligation),
        action=_action(step.instructions),
        halts=tuple(
            Halt(" ".join(text.text.split()), frozenset(), "", None, known=False, origin=text.origin)
            for text in step.halts
        ),
        evidence=tuple({found.path: found for found in (*own, *kept)}.values()),
        says=tuple(Message(text.text, text.origin) for text in step.communication),
        commands=tuple(c for hook in hooks if _names(hook.trigger.text, step.title.text) for c in _commands(hook)),
        checks=(),
        notes=tuple(Note("evidence kept", text.text, text.origin) for text in spoken),
        substeps=(),
        conditional=conditional,
        origin=step.origin,
    )


def _action(instructions: Sequence[Text]) -> str:
    if len(instructions) == 1:
        lines = _lines(instructions[0])
        # A later line that looks like a label, a mark or a heading would open a part of its own.
        return " ".join(lines) if any(_OPENS.match(line) for line in lines[1:]) else "\n".join(lines)
    return "\n".join(f"- {' '.join(text.text.split())}" for text in instructions)


def _names(trigger: str, title: str) -> bool:
    """Whether a trigger names a step by its title; a hook is bound to a step in no other case."""
    return bool(title) and sense(title) in sense(trigger)


def _evidence(entry: FormEvidence) -> tuple[EvidenceRef, ...]:
    item, location = entry.item.text.strip("`"), entry.location.text.strip("`")
    if location.endswith("/") and is_file(base_name(item)):
        return (EvidenceRef(base_name(item), location + base_name(item), entry.item.origin),)
    paths = paths_in(location) or paths_in(f"`{location}`") or paths_in(item)
    return tuple(EvidenceRef(_name(path), path, entry.item.origin) for path in paths)


def _name(path: str) -> str:
    return base_name(path) + ("/" if path.endswith("/") else "")


def _commands(hook: FormHook) -> tuple[CommandRef, ...]:
    """The command lines of a hook, continuations joined and comments left out; the last one has the outcome."""
    joined = re.sub(r"\\\s*\n\s*", "", hook.command.text)
    lines = [" ".join(line.split()) for line in joined.split("\n") if line.strip() and not line.strip().startswith("#")]
    conditional = bool(hook.conditional_on)
    return tuple(
        CommandRef(line, hook.command.origin, conditional, hook.expected.text if number == len(lines) else "")
        for number, line in enumerate(lines, start=1)
    )


def _gate(gate: FormGate, position: int) -> Gate:
    criteria = tuple(part for text in gate.criteria for part in _parts(text))
    clauses = tuple(Message(part, text.origin) for text in gate.clauses for part in _parts(text))
    files = [EvidenceRef(_name(path), path, text.origin) for text in gate.evidence for path in paths_in(text.text)]
    return Gate(
        id=slug_of(gate.name.text),
        name=" ".join(gate.name.text.split()),
        number=str(position),
        kind="",
        purpose="",
        criteria=criteria,
        thresholds=(),
        booleans=(),
        manual=tuple(message.text for message in clauses),
        metrics=(),
        evidence=tuple(files),
        commands=(),
        on_fail=" ".join(gate.failure.text.split()),
        rollback="",
        notify=(),
        waiver=WaiverForbidden(),
        origins=(gate.origin,),
        unbound=clauses,
        waiver_written=" ".join(gate.waiver.text.split()),
    )


def _parts(text: Text) -> list[str]:
    return [" ".join(part.split()).rstrip(".") for part in re.split(r";|\n", text.text) if part.strip(" .")]


def _exchange(entry: FormExchange) -> Exchange:
    names = [f"`{name.text}`" if is_file(base_name(name.text)) else name.text for name in entry.artifacts]
    words = f" {_DASH} ".join(part for part in (", ".join(names), " ".join(entry.usage.text.split())) if part)
    files = tuple(name.text for name in entry.artifacts if is_file(base_name(name.text)))
    return Exchange(reference(entry.protocol), files, words, entry.usage.origin)


def _error(error: FormError) -> Message:
    if error.template:
        return Message(error.template.text, error.template.origin)
    words = "; ".join(text.text for text in error.recovery)
    return Message(f"{error.name}: {words}" if words else error.name.text, error.name.origin)


def _handoff(form: Form) -> Handoff:
    commands = [text for text in form.handoff_messages if is_shell_fence("", text.text) or text.text.startswith("@")]
    messages = [text for text in form.handoff_messages if text not in commands]
    return Handoff(
        items=tuple(ChecklistItem(_item(text), ticked_in_text=False, origin=text.origin) for text in form.checklist),
        messages=tuple(Message(text.text, text.origin) for text in messages),
        next_commands=tuple(CommandRef(line, text.origin) for text in commands for line in _lines(text)),
        next_protocol=form.next_protocol.text,
    )


def _item(text: Text) -> str:
    """A checklist item without a box that the form may have drawn; boxes are open and the engine's own (DOC-20)."""
    return re.sub(r"^[-*]?\s*\[[ xX]\]\s*", "", " ".join(text.text.split()))


def _remarks(form: Form) -> Remarks:
    hooks = (*form.hooks, *(hook for phase in form.phases for hook in phase.hooks))
    told: dict[str, tuple[str, ...]] = {}
    for entry in (entry for phase in form.phases for entry in phase.evidence):
        if not is_file(base_name(entry.item.text)):
            for found in _evidence(entry):
                told[found.path] = (*told.get(found.path, ()), _flat(entry.item))
    return Remarks(
        mission=_mission(form)[1],
        commands={command.text: _hook_words(hook) for hook in hooks for command in _commands(hook)[:1]},
        evidence=told,
        before={
            **{p.template.text: p.context.text for p in form.prompts if p.context},
            **{_error(error).text: error.name.text for error in form.errors if error.template},
        },
        after={_error(e).text: tuple(step.text for step in e.recovery) for e in form.errors if e.template},
    )


def _hook_words(hook: FormHook) -> tuple[str, ...]:
    pairs = (
        ("Hook", hook.name),
        ("When", hook.trigger),
        ("Only when", hook.conditional_on),
        ("Purpose", hook.purpose),
    )
    # A dash and no colon: a label here would open a field of its own.
    return tuple(f"{label} {_DASH} {_flat(text)}" for label, text in pairs if text)
