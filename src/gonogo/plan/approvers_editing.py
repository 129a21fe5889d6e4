"""Changing the approvers file as a careful person would: a few lines, nothing else, and read again afterwards (F41).

Each edit gives the new text, or None where the file is written in a way that it cannot be done safely; the caller then
shows what to write by hand. What came out is read again and has to be the old ring with exactly the wanted change.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from gonogo.evidence.closed import moment_text
from gonogo.evidence.signers import NO_FILE, Assurance, ListedKey, ListedPerson, Revocation, Ring
from gonogo.evidence.sshkeys import PublicKey
from gonogo.findings import Level
from gonogo.plan.approvers import read_approvers
from gonogo.values import dataclass

_TOP: Final = re.compile(r"[a-z_]+\s*:")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key for a person; `roles` are needed where the person is not listed yet.

    `assurance` is what the attestation with the digest `attestation` proves of its device.
    """

    person: str
    key: PublicKey
    roles: tuple[str, ...] = ()
    assurance: Assurance = Assurance.H0
    attestation: str = ""

    @property
    def written(self) -> str:
        """The key as an item of the list `keys`."""
        if self.assurance is Assurance.H0:
            return f'"{self.key.line}"'
        attested = f", attestation: {self.attestation}" if self.attestation else ""
        return f'{{key: "{self.key.line}", assurance: {self.assurance.name}{attested}}}'


def enrolled(text: str, new: NewKey) -> str | None:
    """The file with the key listed for the person, who is added where they are new; the version goes up by one."""
    before = _ring(text)
    if before is None:
        return None
    person = before.person(new.person)
    if person is None:
        wanted = replace(
            before, people=(*before.people, ListedPerson(new.person, "", frozenset(new.roles), _keys(new)))
        )
        lines = [
            f"  - id: {new.person}",
            f"    roles: [{', '.join(new.roles)}]",
            f"    keys: [{new.written}]",
        ]
        changed = _at_end_of(text.splitlines(), "people", lines)
    else:
        with_key = replace(person, keys=(*person.keys, *_keys(new)))
        wanted = replace(before, people=tuple(with_key if one is person else one for one in before.people))
        changed = _into_keys(text.splitlines(), new)
    return _accepted(changed, replace(wanted, version=before.version + 1))


def revoked(text: str, revocation: Revocation) -> str | None:
    """The file with a key withdrawn from a moment on; the version goes up by one."""
    before = _ring(text)
    if before is None:
        return None
    line = (
        f"  - {{key: {revocation.fingerprint}, effective_from: {moment_text(revocation.effective_from)},"
        f" reason: {revocation.reason.value}}}"
    )
    lines = text.splitlines()
    if not any(item.startswith("revoked:") for item in lines):
        lines = [*lines, "revoked:"]
    wanted = replace(before, revoked=(*before.revoked, revocation), version=before.version + 1)
    return _accepted(_at_end_of(lines, "revoked", [line]), wanted)


def _keys(new: NewKey) -> tuple[ListedKey, ...]:
    return (ListedKey(new.key, new.assurance, attestation=new.attestation),)


def _ring(text: str) -> Ring | None:
    reading = read_approvers(text.encode(), "approvers")
    return None if any(item.level is Level.ERROR for item in reading.findings) else reading.ring


def _accepted(lines: list[str] | None, wanted: Ring) -> str | None:
    """The text, where it reads as exactly the ring that was wanted."""
    if lines is None:
        return None
    text = "\n".join(_next_version(lines, wanted.version)) + "\n"
    found = _ring(text)
    same = found is not None and replace(found, digest=NO_FILE) == replace(wanted, digest=NO_FILE)
    return text if same else None


def _next_version(lines: list[str], version: int) -> list[str]:
    line = f"version: {version}"
    for number, text in enumerate(lines):
        if text.startswith("version:"):
            return [*lines[:number], line, *lines[number + 1 :]]
    place = next((number + 1 for number, text in enumerate(lines) if text.startswith("schema:")), 0)
    return [*lines[:place], line, *lines[place:]]


def _at_end_of(lines: list[str], name: str, more: list[str]) -> list[str] | None:
    """The lines with `more` behind the last item of the block list `name`; None where it is no block list."""
    begin = next((number for number, text in enumerate(lines) if re.fullmatch(rf"{name}:\s*(#.*)?", text)), None)
    if begin is None:
        return None
    end = next((at for at in range(begin + 1, len(lines)) if _TOP.match(lines[at])), len(lines))
    last = max(at for at in range(begin, end) if lines[at].strip() and not lines[at].lstrip().startswith("#"))
    first = next((text for text in lines[begin + 1 : end] if text.lstrip().startswith("- ")), "  - ")
    shift = len(first) - len(first.lstrip()) - 2
    shifted = [" " * shift + text if shift > 0 else text[-shift:] for text in more]
    return [*lines[: last + 1], *shifted, *lines[last + 1 :]]


def _into_keys(lines: list[str], new: NewKey) -> list[str] | None:
    """The lines with the key in the list `keys` of its person."""
    opening = re.compile(rf"\s*- id:\s*{re.escape(new.person)}\s*(#.*)?")
    begin = next((number for number, text in enumerate(lines) if opening.fullmatch(text)), None)
    if begin is None:
        return None
    margin = lines[begin].index("-")
    for at in range(begin + 1, len(lines)):
        text = lines[at]
        if text.strip() and len(text) - len(text.lstrip()) <= margin:
            return None
        if text.lstrip().startswith("keys:"):
            return _behind(lines, at, new)
    return None


def _behind(lines: list[str], at: int, new: NewKey) -> list[str]:
    text = lines[at]
    flow = re.fullmatch(r"(\s*keys:\s*\[)(.*)(\]\s*(?:#.*)?)", text)
    if flow is not None:
        inner = f"{flow[2]}, " if flow[2].strip() else ""
        return [*lines[:at], f"{flow[1]}{inner}{new.written}{flow[3]}", *lines[at + 1 :]]
    margin = len(text) - len(text.lstrip())
    end = at + 1
    while end < len(lines) and lines[end].lstrip().startswith("- ") and lines[end].index("-") >= margin:
        end += 1
    indent = lines[end - 1].index("-") if end > at + 1 else margin + 2
    return [*lines[:end], f"{' ' * indent}- {new.written}", *lines[end:]]


def by_hand(new: NewKey) -> str:
    """What to write where the file cannot be changed safely."""
    return f"under `people`, for `{new.person}`: keys: [{new.written}]"


def revoked_by_hand(revocation: Revocation) -> str:
    """What to write under `revoked` where the file cannot be changed safely."""
    moment, reason = moment_text(revocation.effective_from), revocation.reason.value
    return f"under `revoked`: {{key: {revocation.fingerprint}, effective_from: {moment}, reason: {reason}}}"
