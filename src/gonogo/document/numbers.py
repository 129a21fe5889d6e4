"""Protocol numbers that contradict the document (GN0501, GN0503; DOC-25; T8)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gonogo.document.lines import Layer, Line
from gonogo.document.outline import Outline
from gonogo.document.text import Source
from gonogo.document.vocabulary import NOTE_SECTIONS, Section
from gonogo.findings import Finding, Label, Origin
from gonogo.protocol.codes import finding
from gonogo.protocol.model import ArtifactRequired, Exchange, Protocol

_SCRIPT = re.compile(
    r"\b(?:validate_gate|validate_prerequisites|validate_protocol|verify_protocol|run_protocol"
    r"|aggregate_evidence|generate_artifacts"
    r"|protocol)_(?P<number>\d{1,3})(?=[_.*\b])"
)
_PATH = re.compile(r"(?:\.artifacts/protocol-|\bprotocol-|protocol_gates/)(?P<number>\d{1,3})(?=[/.\-])")
_CI_NAME = re.compile(r"\bname:\s*(?:Run\s+)?Protocol\s+(?P<number>\d{1,3})\b", re.IGNORECASE)
_REFERENCE = re.compile(r"\bprotocols?\s+(?P<number>\d{1,3})\b", re.IGNORECASE)


def number_findings(source: Source, outline: Outline, protocol: Protocol) -> tuple[Finding, ...]:
    """Scripts, paths and CI names of other numbers, and numbers that can mean two protocols."""
    if not protocol.number.isdigit():
        return ()
    return (*_foreign(source, outline, int(protocol.number)), *_ambiguous(protocol))


def _foreign(source: Source, outline: Outline, own: int) -> Iterator[Finding]:
    for part in outline.parts:
        if part.kind in NOTE_SECTIONS and part.kind is not Section.SCRIPTS:
            continue
        for line in part.lines:
            if line.layer is not Layer.COMMENT and (
                "rotocol" in line.text
                or "_gate_" in line.text
                or "_evidence_" in line.text
                or "_prerequisites_" in line.text
                or "_artifacts_" in line.text
            ):
                yield from _in_line(line, own, source)


def _in_line(line: Line, own: int, source: Source) -> Iterator[Finding]:
    named = {int(match["number"]) for match in _REFERENCE.finditer(line.text)}
    for pattern, what in ((_SCRIPT, "script"), (_PATH, "path"), (_CI_NAME, "CI name")):
        for match in pattern.finditer(line.text):
            number = int(match["number"])
            if number == own or (what == "path" and number in named):
                continue
            message = f"{what} is for protocol {number}, this is {own}"
            yield finding("GN0501", message, source.origin(line.index, match.start(), match.end()))
            break


def _ambiguous(protocol: Protocol) -> Iterator[Finding]:
    """A number that stands for what comes before and for what comes after, or for the document itself."""
    given: dict[str, Origin] = {}
    for prerequisite in protocol.prerequisites:
        if isinstance(prerequisite, ArtifactRequired):
            for number in _numbers(prerequisite.source):
                given.setdefault(number, prerequisite.origin)
    for item in protocol.inputs:
        for number in _numbers(item.protocol):
            given.setdefault(number, item.origin)
    for item in protocol.outputs:
        for number in _numbers(item.protocol):
            if number in given and not _named(item):
                message = (
                    f"`Protocol {number}` can mean two protocols: one gives to this one, one takes from it; name it"
                )
                yield finding("GN0503", message, item.origin, labels=(Label(given[number], "here it gives"),))


def _numbers(text: str) -> tuple[str, ...]:
    return tuple(match["number"].lstrip("0") for match in _REFERENCE.finditer(text))


def _named(item: Exchange) -> bool:
    return "(" in item.protocol
