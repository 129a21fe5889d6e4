"""Commands that only a shell could run, and a handoff to nobody (GN0601, GN0506; T11)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gonogo.findings import Finding
from gonogo.protocol.codes import finding
from gonogo.protocol.model import CommandRef, Protocol, all_steps

_SHELL = re.compile(r"[|;<>]|&&|\$\(|\$\{?\w|`|(?<=\S)[*?]|[*?](?=\S)|(?<!\w)~/|\{[\w.-]+\}")
_NUMBER = re.compile(r"\bprotocols?\s+0*(?P<number>\d{1,3})\b", re.IGNORECASE)
_LEADING = re.compile(r"^(?:@apply\s+\S*?/)?0*(?P<number>\d{1,3})-")


def command_findings(protocol: Protocol) -> Iterator[Finding]:
    """GN0601 for every command with a pattern, a pipe, a variable or a slot; one finding a command line."""
    seen: set[tuple[str, int]] = set()
    for command in _commands(protocol):
        match = _SHELL.search(command.text)
        key = (command.text, command.origin.line)
        if match is None or command.text.startswith("@") or key in seen:
            continue
        seen.add(key)
        message = f"command needs a shell or a parameter: `{command.text}`"
        note = "no shell is ever used; declare a typed parameter, or name the files"
        yield finding("GN0601", message, command.origin, notes=(note,))


def _commands(protocol: Protocol) -> Iterator[CommandRef]:
    for phase in protocol.phases:
        yield from phase.commands
    for step in all_steps(protocol):
        yield from step.commands
    for gate in protocol.gates:
        yield from gate.commands
    yield from protocol.hooks


def handoff_findings(protocol: Protocol) -> Iterator[Finding]:
    """GN0506: the protocol that takes over is not among those that get something."""
    given = {match["number"] for item in protocol.outputs for match in _NUMBER.finditer(item.protocol)}
    if not given:
        return
    for command in protocol.handoff.next_commands:
        match = _LEADING.match(command.text)
        if match is not None and match["number"] not in given:
            message = f"handoff target `{command.text}` is not among the outputs"
            yield finding("GN0506", message, command.origin)
    match = _LEADING.match(protocol.handoff.next_protocol)
    if match is not None and match["number"] not in given:
        message = f"handoff target `{protocol.handoff.next_protocol}` is not among the outputs"
        yield finding("GN0506", message, protocol.origin)
