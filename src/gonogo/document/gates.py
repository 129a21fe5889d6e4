"""Gates from their openers, from sections and from tables; two statements of one gate merged (DOC-11, DOC-12)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gonogo.document.extracts import commands_in_fence, commands_in_text, files_of, is_command, runs
from gonogo.document.headings import gate_of
from gonogo.document.lines import Layer, Line
from gonogo.document.nodes import Held, Opener
from gonogo.document.text import Source
from gonogo.document.vocabulary import Field, slug_of
from gonogo.findings import Finding, Label, Origin
from gonogo.protocol.codes import finding
from gonogo.protocol.model import CommandRef, EvidenceRef, Gate, Message, Waiver, WaiverByRoles, WaiverForbidden
from gonogo.protocol.threshold import Clause
from gonogo.protocol.threshold_grammar import Reading, read_boolean, read_criteria, read_threshold

_FORBIDDEN = re.compile(
    r"\b(not (permitted|applicable|allowed|possible|available|granted)|no waivers?|none|never|forbidden|prohibited"
    r"|non-?waivable|cannot be waived|n/a)\b",
    re.IGNORECASE,
)
_ROLES = re.compile(
    r"\b(?:requires?|needs?|with|by|from|only by|granted by|approved by|approval (?:of|from"
    r"|by))\s+(?P<roles>[A-Z][^.;]*?)"
    r"(?=\s+(?:approval|approvals|sign-?off|consent|authori[sz]ation|and documented|with\b)|[.;]|$)"
)
_NEEDS = re.compile(r"\bwith\s+(?P<needs>(?:a |an )?[a-z][^.;]*?)(?=\s+in\s+|[.;]|$)")
_ROLE_CUT = re.compile(r"\s*(?:,|\band\b|&|\bor\b|\+)\s*")
_GATE_KEY = re.compile(r"-?gate$")


def gate_from(opener: Opener, source: Source, *, phase: str = "") -> Gate:
    """The value of one gate opener."""
    origin = source.origin(opener.line.index, opener.line.col)
    head = gate_of(opener.line.body)
    gate = Gate(
        id=slug_of(opener.title) or "gate",
        name=opener.title,
        number=opener.number,
        kind=head.kind.lower() if head else "",
        purpose="",
        criteria=(),
        thresholds=(),
        booleans=(),
        manual=(),
        metrics=(),
        evidence=(),
        commands=(),
        on_fail="",
        rollback="",
        notify=(),
        waiver=WaiverForbidden(),
        origins=(origin,),
        phase=phase,
    )
    for held in opener.fields:
        gate = _with_field(gate, held, source)
    return _with_loose(gate, opener, source)


def _with_field(gate: Gate, held: Held, source: Source) -> Gate:
    match held.field:
        case Field.CRITERIA | Field.VALIDATION:
            return _with_criteria(gate, held, source)
        case Field.THRESHOLD:
            return _with_thresholds(gate, held, source)
        case Field.BOOLEAN:
            return _with_booleans(gate, held, source)
        case Field.EVIDENCE | Field.EVIDENCE_LIST:
            return replace(gate, evidence=_joined(gate.evidence, files_of(held, source)))
        case Field.FAILURE:
            return replace(gate, on_fail=_also(gate.on_fail, _flat(held)))
        case Field.WAIVER:
            return replace(gate, waiver=waiver_of(held.text()), waiver_written=held.text())
        case Field.AUTOMATION | Field.SCRIPT:
            return replace(gate, commands=(*gate.commands, *_commands(held, source)))
        case _:
            return _with_words(gate, held)


def _with_words(gate: Gate, held: Held) -> Gate:
    text = _flat(held)
    match held.field:
        case Field.TYPE:
            return replace(gate, kind=text.lower())
        case Field.PURPOSE:
            return replace(gate, purpose=_also(gate.purpose, text))
        case Field.ROLLBACK:
            return replace(gate, rollback=_also(gate.rollback, text))
        case Field.NOTIFY:
            return replace(gate, notify=(*gate.notify, text))
        case Field.METRICS:
            return replace(gate, metrics=(*gate.metrics, *_list(text)))
        case _:
            return gate


def _with_criteria(gate: Gate, held: Held, source: Source) -> Gate:
    texts = [(part, held.line) for part in _list(held.text())]
    texts.extend((text, line) for text, line in held.entries())
    for text, line in texts:
        reading = read_criteria(text, source.origin(line.index, line.col))
        gate = replace(
            gate,
            criteria=(*gate.criteria, text.strip().rstrip(".")),
            thresholds=_more(gate.thresholds, reading.clauses),
            manual=_once(gate.manual, reading.unbound),
            escapes=(*gate.escapes, *_placed(reading.escapes, source.origin(line.index, line.col))),
        )
    return gate


def _with_thresholds(gate: Gate, held: Held, source: Source) -> Gate:
    for text, line in _values(held):
        origin = source.origin(line.index, line.col)
        reading = read_threshold(text, origin)
        gate = _bound(replace(gate, thresholds=_more(gate.thresholds, reading.clauses)), reading, origin)
    return gate


def _with_booleans(gate: Gate, held: Held, source: Source) -> Gate:
    for text, line in _values(held):
        origin = source.origin(line.index, line.col)
        reading = read_boolean(text, origin)
        gate = _bound(replace(gate, booleans=_more(gate.booleans, reading.clauses)), reading, origin)
    return gate


def _bound(gate: Gate, reading: Reading, origin: Origin) -> Gate:
    return replace(
        gate,
        manual=_once(gate.manual, reading.unbound),
        unbound=(*gate.unbound, *_placed(reading.unbound, origin)),
        escapes=(*gate.escapes, *_placed(reading.escapes, origin)),
    )


def _values(held: Held) -> Iterable[tuple[str, Line]]:
    """The sentence behind a label, and each entry of the list under it."""
    text = held.text()
    if text:
        yield text, held.line
    yield from held.entries()


def _with_loose(gate: Gate, opener: Opener, source: Source) -> Gate:
    """Commands in fences that stand under the gate without a label."""
    for run in runs(opener.loose):
        if run[0].layer is Layer.FENCE:
            gate = replace(gate, commands=(*gate.commands, *commands_in_fence(run, source)))
    return gate


def _commands(held: Held, source: Source) -> tuple[CommandRef, ...]:
    found: list[CommandRef] = []
    for text, line in _values(held):
        commands = commands_in_text(text, line, source)
        if not commands and is_command(text):
            commands = (CommandRef(text.strip(), source.origin(line.index, line.col)),)
        found.extend(commands)
    for run in runs(held.body):
        if run[0].layer is Layer.FENCE:
            found.extend(commands_in_fence(run, source))
    return tuple(found)


def waiver_of(text: str) -> Waiver:
    """Who may waive, by the words of the document; silence and doubt mean nobody (C67)."""
    words = " ".join(text.replace("**", "").replace("`", "").split())
    if not words or _FORBIDDEN.search(words):
        return WaiverForbidden()
    match = _ROLES.search(words)
    if match is None:
        return WaiverForbidden()
    roles = tuple(role.strip() for role in _ROLE_CUT.split(match["roles"]) if role.strip())
    needs = _NEEDS.search(words[match.end() :])
    return WaiverByRoles(roles, (needs["needs"].strip(),) if needs else ())


def _flat(held: Held) -> str:
    return "\n".join([held.text(), *(text for text, _ in held.entries())]).strip()


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip().rstrip(".") for part in re.split(r";\s*", text) if part.strip(" ."))


def _also(before: str, text: str) -> str:
    return f"{before}\n{text}" if before and text else before or text


def _joined(before: tuple[EvidenceRef, ...], more: Iterable[EvidenceRef]) -> tuple[EvidenceRef, ...]:
    return tuple(
        {ref.path: ref for ref in (*more, *before)}[path]
        for path in dict.fromkeys(ref.path for ref in (*before, *more))
    )


def _more(before: tuple[Clause, ...], clauses: Iterable[Clause]) -> tuple[Clause, ...]:
    known = {_comparable(clause) for clause in before}
    return (*before, *(clause for clause in clauses if _comparable(clause) not in known))


def _comparable(clause: Clause) -> tuple[object, ...]:
    return clause.metric.lower(), clause.op, clause.limit, clause.scope.lower()


def _once(before: tuple[str, ...], texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*before, *texts)))


def _placed(texts: Iterable[str], origin: Origin) -> tuple[Message, ...]:
    return tuple(Message(text, origin) for text in texts)


def merged(gates: Sequence[Gate]) -> tuple[tuple[Gate, ...], tuple[Finding, ...]]:
    """Gates with statements of one name merged; two different values of one field both bind and are GN0113."""
    kept: dict[str, Gate] = {}
    findings: list[Finding] = []
    for gate in gates:
        key = _GATE_KEY.sub("", gate.id) or gate.id
        if key not in kept:
            kept[key] = gate
            continue
        findings.extend(_differences(kept[key], gate))
        kept[key] = _union(kept[key], gate)
    return tuple(kept.values()), tuple(findings)


def _differences(first: Gate, second: Gate) -> tuple[Finding, ...]:
    pairs: tuple[tuple[str, object, object], ...] = (
        ("criteria", _texts(first.criteria), _texts(second.criteria)),
        (
            "thresholds",
            {_comparable(clause) for clause in first.thresholds},
            {_comparable(clause) for clause in second.thresholds},
        ),
        (
            "Boolean checks",
            {_comparable(clause) for clause in first.booleans},
            {_comparable(clause) for clause in second.booleans},
        ),
        ("evidence", {ref.name for ref in first.evidence}, {ref.name for ref in second.evidence}),
        ("failure handling", first.on_fail.lower(), second.on_fail.lower()),
        ("waiver", first.waiver_written.lower(), second.waiver_written.lower()),
    )
    different = [name for name, one, other in pairs if one and other and one != other]
    if not different:
        return ()
    message = f"gate `{second.name}` is stated twice with different {', '.join(different)}; both bind"
    label = Label(first.origins[0], "the other statement")
    return (finding("GN0113", message, second.origins[0], labels=(label,), notes=("state it once",)),)


def _texts(texts: Iterable[str]) -> set[str]:
    return {" ".join(text.lower().split()) for text in texts}


def _union(first: Gate, second: Gate) -> Gate:
    forbidden = isinstance(first.waiver, WaiverForbidden) and first.waiver_written
    return replace(
        first,
        number=first.number or second.number,
        kind=first.kind or second.kind,
        purpose=first.purpose or second.purpose,
        criteria=_once(first.criteria, second.criteria),
        thresholds=_more(first.thresholds, second.thresholds),
        booleans=_more(first.booleans, second.booleans),
        manual=_once(first.manual, second.manual),
        metrics=_once(first.metrics, second.metrics),
        evidence=_joined(first.evidence, second.evidence),
        commands=_commands_once(first.commands, second.commands),
        on_fail=_either(first.on_fail, second.on_fail),
        rollback=_either(first.rollback, second.rollback),
        notify=_once(first.notify, second.notify),
        waiver=first.waiver if forbidden or not second.waiver_written else second.waiver,
        origins=(*first.origins, *second.origins),
        phase=first.phase or second.phase,
        unbound=_messages_once(first.unbound, second.unbound),
        escapes=_messages_once(first.escapes, second.escapes),
        waiver_written=first.waiver_written or second.waiver_written,
    )


def _either(one: str, other: str) -> str:
    return one if not other or one.lower() == other.lower() else _also(one, other)


def _commands_once(first: Iterable[CommandRef], second: Iterable[CommandRef]) -> tuple[CommandRef, ...]:
    return tuple(
        {command.text: command for command in (*second, *first)}[text]
        for text in dict.fromkeys(command.text for command in (*first, *second))
    )


def _messages_once(first: Iterable[Message], second: Iterable[Message]) -> tuple[Message, ...]:
    return tuple({message.text: message for message in (*first, *second)}.values())
