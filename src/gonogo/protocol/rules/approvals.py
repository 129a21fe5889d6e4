"""Approvals that are none: an answer in a chat, or the executor's own word (GN0404; T15, C34)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gonogo.findings import Finding, Origin
from gonogo.protocol.codes import finding
from gonogo.protocol.model import ApprovalRequired, Protocol, WaiverByRoles, all_steps

_CHAT = re.compile(r"\(\s*(?:yes|y)\s*/\s*(?:no|n)\s*\)", re.IGNORECASE)
_ASKS = re.compile(r"\b(approv\w*|proceed|deploy\w*|go/no-go|permission|release|launch|sign-?off)\b", re.IGNORECASE)
_SIGNED = re.compile(r"\bsign(?:ed|ature|atures)\b", re.IGNORECASE)
_BY = re.compile(
    r"\b(?:signed by|approved by|approval (?:of|from|by)|by|from|sign-?off (?:of|from"
    r"|by))\s+(?:the\s+)?(?P<who>[A-Z][\w /-]+)"
)


def approval_findings(protocol: Protocol) -> Iterator[Finding]:
    """Prompts taken for approvals, and approvals by the role that executes.

    A prompt is only a question where its step waits for signatures; elsewhere its answer would be taken for one.
    """
    signed = [any(_SIGNED.search(halt.text) for halt in step.halts) for step in all_steps(protocol)]
    spoken = [
        message for step, held in zip(all_steps(protocol), signed, strict=True) if not held for message in step.says
    ]
    prompts = () if any(signed) else protocol.prompts
    for message in (*spoken, *prompts):
        if _CHAT.search(message.text) and _ASKS.search(message.text):
            text = "an answer to a prompt is no approval; it is kept as a comment, and a person has to sign"
            yield finding("GN0404", text, message.origin, notes=("the step gets an approval state of its own",))
    role = " ".join(protocol.role.lower().split())
    if role:
        for text, origin in _approvers(protocol):
            who = " ".join(text.lower().split()).removeprefix("the ")
            if who == role or who.startswith(f"{role} "):
                problem = f"the executor's own role `{protocol.role}` is asked to approve"
                yield finding("GN0404", problem, origin, notes=("name another role",))


def _approvers(protocol: Protocol) -> Iterator[tuple[str, Origin]]:
    for item in protocol.prerequisites:
        if isinstance(item, ApprovalRequired):
            yield from ((match["who"].strip(), item.origin) for match in _BY.finditer(item.text))
    for gate in protocol.gates:
        if isinstance(gate.waiver, WaiverByRoles):
            yield from ((role, gate.origins[0]) for role in gate.waiver.roles)
    for step in all_steps(protocol):
        for halt in step.halts:
            yield from ((match["who"].strip(), halt.origin) for match in _BY.finditer(halt.text))
