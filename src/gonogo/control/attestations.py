"""Attestations of enrolled devices as they lie in a project: filed at enrolment, verified again whenever it counts.

`config/trust/attestations/` holds for each key the file of the device (`<fp8>.bin`) and the challenge that the site
issued (`<fp8>.challenge`), and under `roots/` the certificates that `fido.roots` pins. A file counts only where the
key's line names its SHA-256, so that exchanging it is a change of the approvers file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import make_folder, read_small, write_file
from gonogo.control.workspaces import Workspace
from gonogo.errors import GonogoError, Refused
from gonogo.evidence.signers import Assurance, Ring
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.vouching import Attested, Pins, attested, certificate_digest
from gonogo.terms import digest_of
from gonogo.values import dataclass

FOLDER: Final = "config/trust/attestations"
ROOTS: Final = "roots"
MOST: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Filed:
    """What was written for an enrolled key: paths below the project, and the digest that its line has to name."""

    paths: tuple[str, ...]
    sha256: str


def pins_of(workspace: Workspace, ring: Ring) -> Pins:
    """The makers that a site believes; a root whose file is not there vouches for nothing."""
    folder = workspace.root / FOLDER / ROOTS
    found = {digest: read_small(folder / f"{digest}.der", MOST) for digest in ring.fido.roots}
    return Pins(ring.fido, {digest: data for digest, data in found.items() if data is not None}, ring.web)


def levels_of(workspace: Workspace, ring: Ring) -> Mapping[str, Assurance]:
    """What each key's attestation proves, by fingerprint; a key whose attestation does not verify is not in it."""
    found = {}
    pins = pins_of(workspace, ring)
    for person in ring.people:
        for listed in person.keys:
            if listed.attestation:
                level = _level(workspace.root, listed.key, listed.attestation, pins)
                if level is not None:
                    found[listed.key.fingerprint] = level
    return found


def _level(root: Path, key: PublicKey, digest: str, pins: Pins) -> Assurance | None:
    data = read_small(root / FOLDER / f"{key.short}.bin", MOST)
    challenge = read_small(root / FOLDER / f"{key.short}.challenge", MOST)
    if data is None or challenge is None or digest_of(data) != digest:
        return None
    try:
        return attested(data, challenge, key, pins).level
    except GonogoError:
        # TL06 says that the claim of this key is not proved; `gonogo keys enrol` said why.
        return None


def file_root(workspace: Workspace, ring: Ring, data: bytes) -> str:
    """Keep the certificate of a maker; gives its digest. Refused where the approvers file does not pin it."""
    digest = certificate_digest(data)
    if digest not in ring.fido.roots:
        raise Refused(
            f"the certificate with SHA-256 {digest} is not pinned",
            where=workspace.project.approvers,
            next_step=f"compare it with what its maker publishes, then write: fido: {{roots: [{digest}]}}",
        )
    path = workspace.root / FOLDER / ROOTS / f"{digest}.der"
    make_folder(path.parent, 0o755)
    write_file(path, data, 0o644)
    return digest


def file_attestation(workspace: Workspace, found: Attested, data: bytes, challenge: bytes) -> Filed:
    """Keep a verified attestation, and the challenge that it answers."""
    name = f"{FOLDER}/{found.key.short}"
    make_folder(workspace.root / FOLDER, 0o755)
    write_file(workspace.root / f"{name}.bin", data, 0o644)
    write_file(workspace.root / f"{name}.challenge", challenge, 0o644)
    return Filed((f"{name}.bin", f"{name}.challenge"), digest_of(data))
