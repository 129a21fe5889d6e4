"""Statements about how long files are kept, and getting archived ones back (ARC-05 to ARC-07, trust section 17)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import make_folder, write_file_once
from gonogo.control.cleaning import OVERRIDES, expired
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.errors import BadInput, Refused, Tampered, Waiting
from gonogo.evidence.closed import moment_text
from gonogo.evidence.filing import expected_files
from gonogo.evidence.retention import EXTEND, override_bytes, read_override
from gonogo.evidence.signers import with_engine
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.verifying import VERIFIED, TrustFiles, verify_package
from gonogo.ports import Draft
from gonogo.run.site import HELD
from gonogo.terms import Digest, Person
from gonogo.values import dataclass

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
MOST: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants: which files, what with them, until when, and why."""

    names: tuple[str, ...]
    action: str
    until: datetime
    reason: str
    person: str
    role: str


def hold(door: Door, opened: Opened, wanted: Wanted, sign: Callable[[bytes], bytes], now: datetime) -> Path:
    """Write and sign a retention statement, and note it; BadInput for unknown files, Refused where it counts not."""
    objects = sorted({digest_named(opened, name) for name in wanted.names})
    if wanted.action == EXTEND and wanted.until <= now:
        raise BadInput("the end lies in the past", next_step="give --until a time to come, like 2030-01-01T00:00:00Z")
    data = override_bytes(
        {
            "objects": list(objects),
            "action": wanted.action,
            "until": moment_text(wanted.until),
            "justification": wanted.reason,
            "signer": {"person": wanted.person, "role": wanted.role},
            "signed_at": moment_text(now.replace(microsecond=0)),
        }
    )
    signature = sign(data)
    read_override(data, signature, door.world.ring(), now)
    folder = door.workspace.root / OVERRIDES
    make_folder(folder, 0o755)
    digest = door.world.vault.put(data)
    path = folder / f"{wanted.action}-{now:%Y%m%d-%H%M%S}-{digest[:8]}.json"
    write_file_once(path.with_name(f"{path.name}.sig"), signature, 0o644)
    write_file_once(path, data, 0o644)
    note: dict[str, str | int] = {"action": wanted.action, "statement_sha256": digest, "files": len(objects)}
    door.world.journal.note([Draft(HELD, note)], actor=Person(wanted.person), now=now)
    return path


def digest_named(opened: Opened, name: str) -> Digest:
    """The digest of a file of a run: by its digest, its name, its path in the package. BadInput names what there is."""
    if _DIGEST.fullmatch(name):
        return Digest(name)
    for sealed in opened.state.packages.values():
        if sealed.name == name:
            return sealed.sha256
    item = opened.state.evidence.get(name)
    if item is not None:
        return item.digest
    paths = expected_files(opened.entries)
    if name in paths:
        return paths[name]
    known = ", ".join([*(sealed.name for sealed in opened.state.packages.values()), *opened.state.evidence][:12])
    raise BadInput(f"{opened.run} has no file `{name}`", next_step=f"known: {known}, …; or give a SHA-256")


def retrieve(door: Door, opened: Opened, name: str, out: Path, now: datetime) -> Digest:
    """Hand out an archived file after verifying it: its digest, and for a package its seal, log and signatures.

    Nothing is written unless everything holds: Tampered for damage, Waiting where a clean-up deleted it.
    """
    digest = digest_named(opened, name)
    gone = expired(door)
    if digest in gone and not door.world.vault.path(digest).exists():
        what = f"{name} was kept as long as it had to be: expired by entry {gone[digest]} of the site's log"
        raise Waiting(what, next_step="the digest and the log are still here: gonogo verify RUN")
    data = door.world.vault.read(digest, limit=MOST)
    if any(sealed.sha256 == digest for sealed in opened.state.packages.values()):
        ring = with_engine(opened.plan.ring, public_key(door.world.key.public_line()))
        found = verify_package(data, TrustFiles(ring), now, anchor_needed=False)
        if found.exit_code != VERIFIED:
            raise Tampered(f"{name} does not verify: {found.verdict}", next_step="get it from another copy")
    if not write_file_once(out, data, 0o444):
        raise Refused(f"{out} exists already", next_step="name another file; nothing is overwritten")
    return digest
