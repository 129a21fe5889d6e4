"""A filled form's YAML into values; every alias, every shape, every fault with its line (GEN-01, GEN-14).

Nothing is invented: what is missing is asked for, and then there is no protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate

from gonogo.document.form import (
    Form,
    FormError,
    FormEvidence,
    FormExchange,
    FormGate,
    FormHook,
    FormPhase,
    FormPrompt,
    FormStep,
)
from gonogo.document.form_fields import Block, Entry, Notes, Text, split_list
from gonogo.document.yaml_nodes import Pairs, read_yaml
from gonogo.errors import BadInput
from gonogo.findings import Finding, Level, Origin
from gonogo.protocol.change import sense
from gonogo.values import dataclass

_COLON = re.compile(r"(?P<name>[^:`]{1,120}?)\s*:\s+(?P<rest>\S.*)\Z", re.DOTALL)
_OBLIGATION = re.compile(r"\W*(MUST|GUIDELINE|STRICT|CRITICAL|REQUIRED|OPTIONAL)\W*\Z", re.IGNORECASE)
_REMARKS = (
    ("phase_in_workflow", "Phase in workflow"),
    ("context", "Context"),
    ("focus_areas", "Focus areas"),
    ("special_considerations", "Special considerations"),
)


@dataclass(frozen=True, slots=True)
class FormReading:
    """The form as far as it could be read, and what is wrong with it."""

    form: Form | None
    findings: tuple[Finding, ...]


def read_form(data: bytes, file: str) -> FormReading:
    """Read a filled form; `form` is None only where the bytes are no YAML mapping at all."""
    try:
        node = read_yaml(data, file)
    except BadInput as error:
        place = Origin(file, *_line_and_column(error.where))
        note = (error.next_step,) if error.next_step else ()
        return FormReading(None, (Finding("GN0901", Level.ERROR, f"form: {error.what}", place, notes=note),))
    text = data.decode("utf-8-sig")
    notes = Notes(tuple(accumulate((len(line) for line in text.splitlines(keepends=True)), initial=0)))
    if not isinstance(node, Pairs):
        notes.error("GN0901", "a mapping of fields is due", node.origin, "start with `protocol_name:`")
        return FormReading(None, tuple(notes.found))
    top = Block(node, "", notes)
    form = _form(top)
    top.finish()
    return FormReading(form, tuple(notes.found))


def _line_and_column(where: str) -> tuple[int, int]:
    numbers = [int(part) for part in where.rsplit(":", 2)[1:] if part.isdigit()]
    return (numbers[0] if numbers else 1), (numbers[1] if len(numbers) > 1 else 1)


def _form(top: Block) -> Form:
    identity = top.block("protocol") or top
    name = identity.text("protocol_name", "name", ask="what is the protocol called?")
    number = identity.text("protocol_number", "number")
    domain = identity.text("domain_compliance", "tag", "domain")
    if identity is not top:
        identity.text("slug")
        identity.finish()
    spoken = [block for key in ("announcements", "communication_protocols", "communication_templates")
              if (block := _spoken(top, key))]  # fmt: skip
    phases = _phases(top)
    hooks = _hooks(top, "automation_hooks", "automation")
    return Form(
        number=number,
        name=name,
        domain=domain,
        purpose=top.text("purpose"),
        role=top.text("ai_role", "aio_role", ask="who carries the protocol out?"),
        mission=top.text("mission"),
        guardrails=top.texts("primary_guardrail", "critical_guardrail", "guardrails"),
        prerequisites=tuple(_required(entry) for entry in top.entries("prerequisites")),
        remarks=tuple((label, text) for key, label in _REMARKS for text in top.texts(key)),
        phases=phases.phases,
        gates=_gates(top, phases.gates),
        inputs=_exchanges(top, ("inputs_from", "integration_inputs"), _SOURCES),
        outputs=_exchanges(top, ("outputs_to", "integration_outputs"), _TARGETS),
        hooks=hooks,
        announcements=(*_plain_announcements(top), *(text for said in spoken for text in said.announcements)),
        prompts=(*_prompts(top), *(prompt for said in spoken for prompt in said.prompts)),
        errors=(*_errors(top), *(error for said in spoken for error in said.errors)),
        checklist=top.texts("completion_checklist", "handoff_checklist"),
        handoff_messages=(
            *top.texts("handoff_command", "completion_command"),
            *(text for said in spoken for text in said.closing),
        ),
        next_protocol=top.text("next_protocol"),
        origin=top.origin,
    )


@dataclass(frozen=True, slots=True)
class _Phases:
    phases: tuple[FormPhase, ...]
    gates: tuple[FormGate, ...]


def _phases(top: Block) -> _Phases:
    ask = "which phases does the work have, and which steps, halts and evidence has each?"
    blocks = top.blocks("phases")
    if blocks:
        pairs = [_phase(block, number) for number, block in enumerate(blocks, start=1)]
        if top.has("process_steps"):
            top.notes.error("GN0901", "`phases` and `process_steps` are both filled", top.place("process_steps"))
        top.take("process_steps")
        top.take("process_name")
        return _Phases(tuple(phase for phase, _ in pairs), tuple(gate for _, gates in pairs for gate in gates))
    steps = top.blocks("process_steps")
    name = top.text("process_name", ask="what is the process called?" if steps else "")
    if not steps:
        top.notes.error("GN0901", "`phases` is empty", top.place("phases"), ask)
        return _Phases((), ())
    read = tuple(_step(block, number) for number, block in enumerate(steps, start=1))
    return _Phases((FormPhase("1", name, Text("", name.origin), read, (), (), name.origin),), ())


def _phase(block: Block, position: int) -> tuple[FormPhase, tuple[FormGate, ...]]:
    number = block.text("phase_number", "number").text or str(position)
    title = block.text("phase_name", "title", "name", ask="what is the phase called?")
    objective = block.text("objective", "goal")
    steps = tuple(_step(child, index) for index, child in enumerate(block.blocks("steps"), start=1))
    if not steps:
        ask = "which steps does the phase have, and what halts each?"
        block.notes.error("GN0901", f"`{block.named('steps')}` is empty", block.place("steps"), ask)
    evidence = tuple(_evidence(entry) for entry in block.entries("evidence_collection", "evidence"))
    hooks = _hooks(block, "automation_hooks", "automation")
    gates = tuple(_gate(child) for child in _gate_blocks(block))
    block.finish()
    return FormPhase(number, title, objective, steps, evidence, hooks, block.origin), gates


def _gate_blocks(block: Block) -> tuple[Block, ...]:
    if block.has("quality_gate"):
        only = block.block("quality_gate")
        return (only,) if only else ()
    block.take("quality_gate")
    several = block.blocks("quality_gates")
    if not several and block.names("quality_gate"):
        ask = "which number, of what, decides whether the phase is done?"
        block.notes.warn(
            "GN0303", f"`{block.named('quality_gate')}` is empty; the phase has no gate", block.origin, ask
        )
    return several


def _step(block: Block, position: int) -> FormStep:
    action = block.text("step_action")
    stated = block.text("action_type", "obligation")
    if not stated and _OBLIGATION.match(action.text):
        stated, action = action, Text("", action.origin)
    step = FormStep(
        number=block.text("step_number", "number").text or str(position),
        obligation=_obligation(stated, block),
        title=block.text("action_title", "step_name", "title", ask="what is the step called?"),
        instructions=(*((action,) if action else ()), *block.texts("instructions", "concrete_actions")),
        communication=block.texts("communication_template", "communication"),
        halts=block.texts("halt_condition", "halt_conditions"),
        evidence=(*block.listed("evidence"), *_step_evidence(block)),
        origin=block.origin,
    )
    block.finish()
    return step


def _step_evidence(block: Block) -> tuple[Text, ...]:
    texts = block.texts("evidence_collection")
    return tuple(Text(part, text.origin) for text in texts for part in split_list(text.text))


def _obligation(stated: Text, block: Block) -> str:
    if not stated:
        return ""
    word = _OBLIGATION.match(stated.text)
    if word is None:
        ask = "write MUST or GUIDELINE"
        block.notes.error("GN0901", f"`{block.named('action_type')}` is `{stated}`", stated.origin, ask)
        return "MUST"
    return "GUIDELINE" if word[1].upper() in {"GUIDELINE", "OPTIONAL"} else "MUST"


def _evidence(entry: Entry) -> FormEvidence:
    if isinstance(entry, Text):
        return FormEvidence(entry, Text("", entry.origin))
    found = FormEvidence(
        entry.text("evidence_item", "description", "item", ask="what is kept?"),
        entry.text("storage_location", "path", "location"),
    )
    entry.finish()
    return found


def _hooks(block: Block, *names: str) -> tuple[FormHook, ...]:
    return tuple(_hook(entry) for entry in block.entries(*names))


def _hook(entry: Entry) -> FormHook:
    if isinstance(entry, Text):
        none = Text("", entry.origin)
        return FormHook(none, none, entry, none, none, none)
    hook = FormHook(
        name=entry.text("hook_name", "name"),
        trigger=entry.text("trigger_point", "trigger"),
        command=entry.text("command", "script", ask="which command runs, with which script?"),
        expected=entry.text("expected_output", "evidence_location"),
        purpose=entry.text("purpose", "validation_criteria"),
        conditional_on=entry.text("conditional_on"),
    )
    entry.finish()
    return hook


def _gate(block: Block) -> FormGate:
    gate = FormGate(
        name=block.text("gate_name", "name", ask="what is the gate called?"),
        criteria=block.texts("criteria"),
        clauses=block.texts("clauses", "pass_threshold", "thresholds"),
        evidence=block.listed("evidence"),
        failure=block.text("failure_handling"),
        waiver=block.text("waiver"),
        origin=block.origin,
    )
    if not gate.criteria and not gate.clauses:
        ask = "which number, of what, and how large, decides the gate (for example `critical alerts = 0`)?"
        block.notes.error("GN0901", f"`{block.named('criteria')}` is empty", block.place("criteria"), ask)
    block.finish()
    return gate


def _gates(top: Block, inner: tuple[FormGate, ...]) -> tuple[FormGate, ...]:
    """Gates of the phases, then those of the top level; one stated twice is merged, or GN0113 where they differ."""
    merged: dict[str, FormGate] = {}
    for gate in (*inner, *(_gate(block) for block in top.blocks("quality_gates"))):
        key = sense(gate.name.text)
        merged[key] = _merged(merged[key], gate, top.notes) if key in merged else gate
    for entry in top.entries("quality_gates_summary"):
        gate = _summary(entry)
        key = sense(gate.name.text)
        if key in merged:
            merged[key] = _merged(merged[key], gate, top.notes)
        else:
            ask = "describe it under a phase or under `quality_gates`"
            top.notes.error("GN0113", f"gate `{gate.name}` stands in the summary only", gate.origin, ask)
    return tuple(merged.values())


def _summary(entry: Entry) -> FormGate:
    if isinstance(entry, Block):
        gate = FormGate(
            entry.text("gate_name", "name", ask="what is the gate called?"),
            entry.texts("criteria"),
            entry.texts("clauses", "pass_threshold", "thresholds"),
            entry.listed("evidence"),
            entry.text("failure_handling"),
            entry.text("waiver"),
            entry.origin,
        )
        entry.finish()
        return gate
    none = Text("", entry.origin)
    split = _COLON.match(entry.text)
    name, criteria = (split["name"], (Text(split["rest"], entry.origin),)) if split else (entry.text, ())
    return FormGate(Text(name, entry.origin), criteria, (), (), none, none, entry.origin)


def _merged(first: FormGate, second: FormGate, notes: Notes) -> FormGate:
    for part in ("criteria", "clauses", "evidence"):
        one, other = getattr(first, part), getattr(second, part)
        if one and other and _said(one) != _said(other):
            _differ(first, second, part, notes)
    for part in ("failure", "waiver"):
        one, other = getattr(first, part), getattr(second, part)
        if one and other and sense(one.text) != sense(other.text):
            _differ(first, second, part, notes)
    return replace(
        first,
        criteria=first.criteria or second.criteria,
        clauses=first.clauses or second.clauses,
        evidence=first.evidence or second.evidence,
        failure=first.failure or second.failure,
        waiver=first.waiver or second.waiver,
    )


def _differ(first: FormGate, second: FormGate, part: str, notes: Notes) -> None:
    message = f"gate `{first.name}` is stated twice with different {part}"
    notes.error("GN0113", message, second.origin, f"first stated in line {first.origin.line}; which one holds?")


def _said(texts: Iterable[Text]) -> str:
    return sense("; ".join(text.text for text in texts))


_SOURCES = (("protocol", "source_protocol", "source"), ("artifacts_consumed", "artifacts"), ("usage", "purpose"))
_TARGETS = (
    ("protocol", "target_protocol", "destination"),
    ("artifacts_provided", "artifacts", "artifacts_produced"),
    ("purpose", "usage"),
)
_Names = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _exchanges(top: Block, keys: tuple[str, ...], names: _Names) -> tuple[FormExchange, ...]:
    return tuple(_exchange(entry, names) for entry in top.entries(*keys))


def _exchange(entry: Entry, names: _Names) -> FormExchange:
    if isinstance(entry, Text):
        return _plain_exchange(entry)
    protocol, artifacts, usage = names
    found = FormExchange(
        entry.text(*protocol, ask="which protocol, by name?"), entry.listed(*artifacts), entry.text(*usage)
    )
    entry.finish()
    return found


def _required(entry: Entry) -> FormExchange:
    if isinstance(entry, Text):
        return _plain_exchange(entry)
    found = FormExchange(
        entry.text("protocol", "source_protocol"),
        entry.listed("required_artifacts", "artifacts"),
        entry.text("purpose", "usage"),
    )
    if not found.artifacts:
        ask = "which artifact has to be there?"
        entry.notes.error("GN0901", f"`{entry.named('required_artifacts')}` is empty", entry.origin, ask)
    entry.finish()
    return found


def _plain_exchange(entry: Text) -> FormExchange:
    """`quality-audit: report.zip, approval.json` names the protocol; any other text is kept as it stands."""
    split = _COLON.match(entry.text)
    none = Text("", entry.origin)
    if split is None:
        return FormExchange(none, (), entry)
    artifacts = tuple(Text(part, entry.origin) for part in split_list(split["rest"]))
    return FormExchange(Text(split["name"], entry.origin), artifacts, none)


@dataclass(frozen=True, slots=True)
class _Spoken:
    announcements: tuple[Text, ...]
    prompts: tuple[FormPrompt, ...]
    errors: tuple[FormError, ...]
    closing: tuple[Text, ...]


def _spoken(top: Block, key: str) -> _Spoken | None:
    """A block of messages; `announcements` may also be a plain list, which is read elsewhere."""
    if not top.holds_mapping(key):
        return None
    block = top.block(key)
    if block is None:
        return None
    names = ("phase_start_template", "phase_complete_template", "automation_status_template", "status_announcements")
    spoken = _Spoken(
        tuple(text for name in names for text in block.texts(name)),
        _prompts(block),
        _errors(block),
        (*block.texts("completion_message"), *block.texts("next_steps_guidance")),
    )
    block.finish()
    return spoken


def _plain_announcements(top: Block) -> tuple[Text, ...]:
    texts: tuple[Text, ...] = ()
    for key in ("announcements", "communication_protocols", "communication_templates"):
        if not top.holds_mapping(key):
            texts += top.texts(key)
    return texts


def _prompts(block: Block) -> tuple[FormPrompt, ...]:
    return tuple(_prompt(entry) for entry in block.entries("validation_prompts"))


def _prompt(entry: Entry) -> FormPrompt:
    if isinstance(entry, Text):
        return FormPrompt(Text("", entry.origin), entry)
    prompt = FormPrompt(
        entry.text("prompt_context", "context"), entry.text("prompt_template", "template", ask="what is asked?")
    )
    entry.finish()
    return prompt


def _errors(block: Block) -> tuple[FormError, ...]:
    return tuple(_error(entry) for key in ("error_handling", "error_messages") for entry in block.entries(key))


def _error(entry: Entry) -> FormError:
    if isinstance(entry, Text):
        split = _COLON.match(entry.text)
        name, rest = (split["name"], split["rest"]) if split else (entry.text, "")
        recovery = (Text(rest, entry.origin),) if rest else ()
        return FormError(Text(name, entry.origin), Text("", entry.origin), recovery)
    error = FormError(
        entry.text("error_type", "name", "code", "error_code", ask="which error is it?"),
        entry.text("error_message_template", "template", "message"),
        entry.texts("recovery_steps", "recovery"),
    )
    entry.finish()
    return error
