"""Keys of people: listed, enrolled and revoked in the approvers file, with the difference shown first (F41, REV-08)."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from gonogo.adapters.durable import write_file
from gonogo.adapters.given_files import given_bytes
from gonogo.control.attestations import Filed, file_attestation, file_root, pins_of
from gonogo.control.door import Door
from gonogo.control.trust.trusting import ring_of
from gonogo.errors import BadInput, Refused
from gonogo.evidence.signers import Assurance, ListedKey, ListedPerson, Revocation, RevocationReason, Ring
from gonogo.evidence.sshkeys import PublicKey, public_key
from gonogo.evidence.trusting import differing
from gonogo.evidence.vouching import Attested, attested, passkey_of
from gonogo.evidence.wire import BadSignature
from gonogo.findings import Finding
from gonogo.plan.approvers_editing import NewKey, by_hand, enrolled, revoked, revoked_by_hand
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A listed key as it is shown: `state` is valid, not yet, over, or revoked with its reason."""

    person: str
    fingerprint: str
    type: str
    assurance: str
    roles: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A change of the approvers file that was prepared and not yet written: the new text, and the difference."""

    path: Path
    text: str
    difference: str

    def write(self) -> None:
        """Replace the file in one act."""
        write_file(self.path, self.text.encode(), 0o644)


def listed(door: Door) -> tuple[KeyRow, ...]:
    """All keys of the approvers file, in its order."""
    ring, _ = ring_of(door)
    now = door.world.clock.now()
    return tuple(_row(person, key, ring, now) for person in ring.people for key in person.keys)


def _row(person: ListedPerson, key: ListedKey, ring: Ring, now: datetime) -> KeyRow:
    withdrawn = ring.revocation(key.key)
    if withdrawn is not None and withdrawn.effective_from <= now:
        state = f"revoked ({withdrawn.reason.value})"
    elif key.valid_at(now):
        state = "valid"
    else:
        state = "not valid yet" if key.since is not None and now < key.since else "over"
    roles = tuple(sorted(person.roles))
    return KeyRow(person.handle, key.key.fingerprint, key.key.type, key.assurance.name, roles, state)


def read_key(path: Path) -> PublicKey:
    """The public key in a `.pub` file. BadInput where it is none, or the private half was named."""
    data = given_bytes(path, limit=1 << 16).decode("utf-8", "replace").strip()
    if "PRIVATE KEY" in data:
        raise BadInput(
            "this is a private key; it stays with its owner",
            where=str(path),
            next_step=f"name its public half: {path}.pub",
        )
    return public_key(data)


def enrol(door: Door, new: NewKey) -> Changed:
    """Prepare the listing of a key. Refused where it is listed already, or a new person has no role."""
    ring, _ = ring_of(door)
    owner = ring.owner_of(new.key)
    if owner is not None:
        raise Refused(f"{new.key.fingerprint} is listed already, for {owner.handle}", next_step="gonogo keys list")
    if any(engine.key.blob == new.key.blob for engine in ring.engines):
        raise Refused("this is the key of an engine; engines approve nothing", next_step="enrol a key of a person")
    if ring.person(new.person) is None and not new.roles:
        known = sorted({role for rule in ring.decisions.values() for role in rule.roles})
        raise Refused(
            f"{new.person} is not listed yet and has no role",
            next_step=f"say --role ROLE; roles here: {', '.join(known)}",
        )
    return _changed(door, enrolled(_text(door), new), by_hand(new))


@dataclass(frozen=True, slots=True)
class Device:
    """What comes with a key that lives in a device: its attestation or a browser's registration, and the challenge."""

    attestation: bytes
    challenge: bytes
    roots: tuple[bytes, ...] = ()


def vouched(door: Door, key: PublicKey | None, device: Device) -> Attested:
    """What the device proves of its key, now. Raises BadSignature where it proves nothing, Refused for unpinned roots.

    A passkey whose maker nobody vouches for is H0, or H1 where the site takes such (`web: {synced_passkeys: H1}`).
    """
    ring, _ = ring_of(door)
    for root in device.roots:
        file_root(door.workspace, ring, root)
    pins, now = pins_of(door.workspace, ring), door.world.clock.now()
    try:
        return attested(device.attestation, device.challenge, key, pins, now)
    except BadSignature as reason:
        if key is not None:
            raise
        found = passkey_of(device.attestation, device.challenge, ring.web)
        level = min(ring.web.synced_passkeys, Assurance.H1)
        return Attested(found, level, "", "", f"{reason.what}; passkeys without proof are {level.name} here")


def file_device(door: Door, found: Attested, device: Device) -> Filed:
    """Keep what the device gave, beside the trust files."""
    return file_attestation(door.workspace, found, device.attestation, device.challenge)


def revoke(door: Door, fingerprint: str, moment: datetime, reason: RevocationReason) -> Changed:
    """Prepare the revocation of a key. Refused where no listed key has this fingerprint, or it is revoked already."""
    ring, _ = ring_of(door)
    keys = {key.key.fingerprint: key.key for person in ring.people for key in person.keys}
    if fingerprint not in keys:
        known = ", ".join(sorted(keys)) or "none"
        raise Refused(f"no listed key has the fingerprint {fingerprint}", next_step=f"listed are: {known}")
    if ring.revocation(keys[fingerprint]) is not None:
        raise Refused(f"{fingerprint} is revoked already", next_step="gonogo keys list")
    withdrawn = Revocation(fingerprint, moment.replace(microsecond=0), reason)
    return _changed(door, revoked(_text(door), withdrawn), revoked_by_hand(withdrawn))


def _text(door: Door) -> str:
    return door.workspace.files.read(door.workspace.project.approvers).decode("utf-8")


def _changed(door: Door, text: str | None, hand: str) -> Changed:
    name = door.workspace.project.approvers
    if text is None:
        raise Refused(
            "the file is laid out in a way that gonogo does not change",
            where=name,
            next_step=f"write it yourself, and raise `version` by one: {hand}",
        )
    lines = difflib.unified_diff(_text(door).splitlines(), text.splitlines(), name, name, lineterm="", n=1)
    return Changed(door.workspace.root / name, text, "\n".join(lines))


def lint_signers(path: Path) -> tuple[Finding, ...]:
    """TL02, TL03, TL10 on any allowed_signers file."""
    return tuple(_in_file(path))


def _in_file(path: Path) -> Iterator[Finding]:
    yield from differing({}, {"allowed_signers": given_bytes(path)})
