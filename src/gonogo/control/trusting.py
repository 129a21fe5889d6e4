"""The trust files of a project: built from the approvers file, compared with it, carried from version to version (F41).

`config/release-approvers.yaml` is what people edit. Everything in `config/trust/` is generated from it, committed with
it, and what auditors take to verify packages. `history/` keeps every version of the policy with the signatures of the
admins; a version never replaces a higher one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gonogo.adapters.durable import make_folder, read_small, write_file
from gonogo.control.door import Door
from gonogo.errors import BadInput, Refused
from gonogo.evidence.policy import POLICY_NAMESPACE, read_policy
from gonogo.evidence.signers import Ring
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.sshsig import verify
from gonogo.evidence.trusting import POLICY, NextPolicy, differing, lint, log_keys, succession, trust_files
from gonogo.findings import Finding, Level, Origin, forbids
from gonogo.plan.approvers import read_approvers
from gonogo.ports import Draft
from gonogo.run.site import TRUST_CHANGED
from gonogo.terms import Actor, Digest, digest_of

FOLDER: Final = "config/trust"
HISTORY: Final = "history"
LOG_KEYS: Final = "log_keys"
MOST: Final = 4 << 20
_VERSION: Final = re.compile(r"policy-([1-9][0-9]{0,8})\.json")
_SIGNATURE: Final = re.compile(r"policy-([1-9][0-9]{0,8})\.json\.([a-z0-9][a-z0-9._-]{1,31})\.sig")


@dataclass(frozen=True, slots=True)
class Built:
    """What a build wrote, by path below the project, and the version that now holds."""

    version: int
    sha256: Digest
    paths: tuple[str, ...]
    changed: bool


def ring_of(door: Door) -> tuple[Ring, tuple[Finding, ...]]:
    """The people of the approvers file as it is now, with what is wrong in it."""
    path = door.workspace.project.approvers
    reading = read_approvers(door.workspace.files.read(path), path)
    return reading.ring, reading.findings


def build(door: Door, actor: Actor) -> Built:
    """Write the trust files; Refused where the version does not go up with a change, or the file has errors."""
    ring, findings = ring_of(door)
    problems = [item for item in (*findings, *lint(ring, door.world.clock.now())) if item.level is Level.ERROR]
    if problems:
        first = problems[0]
        raise Refused(first.message, where=str(first.primary), next_step="gonogo trust check names all of them")
    known = _history(door)
    files = _generated(door, ring, known)
    policy = files[POLICY]
    latest = known[max(known)].data if known else b""
    if policy == latest:
        return Built(ring.version, digest_of(policy), _written(door, files), changed=False)
    if known and ring.version != max(known) + 1:
        raise Refused(
            f"the people or rules changed, and the approvers file still says version {ring.version}",
            where=door.workspace.project.approvers,
            next_step=f"write `version: {max(known) + 1}`, have it reviewed, then: gonogo trust build",
        )
    paths = _written(door, {**files, f"{HISTORY}/policy-{ring.version}.json": policy})
    note: dict[str, str | int] = {"version": ring.version, "policy_sha256": digest_of(policy)}
    note["approvers_sha256"] = ring.digest
    door.world.journal.note([Draft(TRUST_CHANGED, note)], actor=actor, now=door.world.clock.now())
    return Built(ring.version, digest_of(policy), paths, changed=True)


def check(door: Door) -> tuple[Finding, ...]:
    """TL01 to TL16 over approvers file, generated files and history; changes nothing."""
    ring, findings = ring_of(door)
    now = door.world.clock.now()
    if forbids(findings):
        return findings
    known = _history(door)
    stored = {name: data for name in _NAMES if (data := _read(door, name)) is not None}
    generated = _generated(door, ring, known)
    versions = [known[number] for number in sorted(known)]
    gaps = [number for number in range(min(known, default=1), max(known, default=0) + 1) if number not in known]
    missing = [
        Finding("TL15", Level.ERROR, f"version {number} of the policy is gone", Origin(f"{FOLDER}/{HISTORY}", 1))
        for number in gaps
    ]
    return (
        *findings,
        *lint(ring, now),
        *differing(generated, stored),
        *succession(versions, now),
        *missing,
        *_own_engine(door, ring),
    )


_NAMES: Final = (POLICY, "allowed_signers", "revoked_keys", LOG_KEYS)


def record_signature(door: Door, signature: bytes) -> str:
    """File an admin's signature of the newest policy; gives its path. Refused where an admin's key did not make it."""
    known = _history(door)
    if not known:
        raise Refused("there is no policy to sign yet", next_step="gonogo trust build")
    number = max(known)
    key = verify(signature, known[number].data, POLICY_NAMESPACE)
    deciding = read_policy(known.get(number - 1, known[number]).data)
    person = deciding.owner_of(key)
    if person is None or person.handle not in deciding.admins or deciding.revocation(key) is not None:
        able = ", ".join(deciding.admins) or "nobody: name people under `admins` in the approvers file"
        raise Refused(f"{key.fingerprint} is not the key of an admin", next_step=f"admins are {able}")
    path = f"{FOLDER}/{HISTORY}/policy-{number}.json.{person.handle}.sig"
    write_file(door.workspace.root / path, signature, 0o644)
    return path


def newest(door: Door) -> bytes:
    """The bytes of the newest policy, for signing."""
    known = _history(door)
    if not known:
        raise Refused("there is no policy to sign yet", next_step="gonogo trust build")
    return known[max(known)].data


def _generated(door: Door, ring: Ring, known: Mapping[int, NextPolicy]) -> dict[str, bytes]:
    before = known.get(ring.version - 1)
    previous = digest_of(before.data) if before is not None else None
    environments = sorted(door.workspace.project.environments)
    return {**trust_files(ring, environments, previous), LOG_KEYS: log_keys(ring)}


def _written(door: Door, files: Mapping[str, bytes]) -> tuple[str, ...]:
    paths = []
    for name, data in files.items():
        path = door.workspace.root / FOLDER / name
        make_folder(path.parent, 0o755)
        if read_small(path, MOST) != data:
            write_file(path, data, 0o644)
            paths.append(f"{FOLDER}/{name}")
    return tuple(paths)


def _read(door: Door, name: str) -> bytes | None:
    return read_small(door.workspace.root / FOLDER / name, MOST)


def _history(door: Door) -> dict[int, NextPolicy]:
    """Every version of the policy that was built, with the signatures of its admins."""
    folder = door.workspace.root / FOLDER / HISTORY
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    signatures: dict[int, dict[str, bytes]] = {}
    for name in names:
        if found := _SIGNATURE.fullmatch(name):
            data = read_small(folder / name, MOST) or b""
            signatures.setdefault(int(found[1]), {})[found[2]] = data
    versions = {}
    for name in names:
        if found := _VERSION.fullmatch(name):
            number, data = int(found[1]), read_small(folder / name, MOST) or b""
            if read_policy(data, name=f"{FOLDER}/{HISTORY}/{name}").version != number:
                raise BadInput("is of another version", where=name, next_step="restore it from the repository")
            versions[number] = NextPolicy(data, signatures.get(number, {}))
    return versions


def _own_engine(door: Door, ring: Ring) -> tuple[Finding, ...]:
    """A warning where this machine's engine is not listed: what it seals verifies for nobody else."""
    path = door.workspace.root / ".gonogo" / "keys" / "engine"
    if not path.exists():
        return ()
    line = door.world.key.public_line()
    if any(engine.key.blob == public_key(line).blob for engine in ring.engines):
        return ()
    what = f"the engine of this machine is not listed; its packages verify for nobody: {line}"
    return (Finding("TL17", Level.WARNING, what, Origin(door.workspace.project.approvers, 1)),)
