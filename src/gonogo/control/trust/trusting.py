"""The trust files of a project: built from the approvers file, compared with it, carried from version to version (F41).

`config/release-approvers.yaml` is what people edit. Everything in `config/trust/` is generated from it, committed with
it, and what auditors take to verify packages. `history/` keeps every version of the policy with the signatures of the
admins; a version never replaces a higher one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gonogo.adapters.durable import make_folder, read_small, write_file
from gonogo.control.attestations import levels_of
from gonogo.control.door import Door
from gonogo.control.policy_files import (
    FOLDER,
    HISTORY,
    MOST,
    admitted,
    approvers_of,
    generated,
    history,
    missing_versions,
    stored,
)
from gonogo.errors import Refused
from gonogo.evidence.policy import POLICY_NAMESPACE
from gonogo.evidence.signers import Ring
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.sshsig import verify
from gonogo.evidence.trusting import POLICY, deciding_on, differing, lint, succession
from gonogo.findings import Finding, Level, Origin, forbids
from gonogo.plan.reading import UNKNOWN_KEY
from gonogo.terms import Actor, Digest, digest_of
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Built:
    """What a build wrote, by path below the project, and its version. `waits_for` says what it takes to count."""

    version: int
    sha256: Digest
    paths: tuple[str, ...]
    changed: bool
    waits_for: str = ""


def ring_of(door: Door) -> tuple[Ring, tuple[Finding, ...]]:
    """The people of the approvers file as it is now, with what is wrong in it."""
    return approvers_of(door.workspace)


def build(door: Door, actor: Actor) -> Built:
    """Write the trust files; Refused where the version does not go up with a change, or the file has errors.

    A version that needs no signature of admins is in force at once; the others wait for them (`gonogo trust sign`).
    """
    ring, findings = ring_of(door)
    rules = lint(ring, door.world.clock.now(), levels_of(door.workspace, ring))
    problems = [item for item in (*findings, *rules) if item.level is Level.ERROR]
    if problems:
        first = problems[0]
        raise Refused(first.message, where=str(first.primary), next_step="gonogo trust check names all of them")
    known = history(door.workspace.root)
    files = generated(door.workspace, ring, known)
    policy = files[POLICY]
    latest = known[max(known)].data if known else b""
    changed = policy != latest
    if changed and known and ring.version != max(known) + 1:
        raise Refused(
            f"the people or rules changed, and the approvers file still says version {ring.version}",
            where=door.workspace.project.approvers,
            next_step=f"write `version: {max(known) + 1}`, have it reviewed, then: gonogo trust build",
        )
    paths = _written(door, {**files, f"{HISTORY}/policy-{ring.version}.json": policy} if changed else files)
    return Built(ring.version, digest_of(policy), paths, changed, _waits_for(door, actor))


def _waits_for(door: Door, actor: Actor) -> str:
    """Let the newest version come into force, where it can; what it waits for otherwise."""
    try:
        admitted(door.workspace, door.world, actor)
    except Refused as reason:
        return f"{reason.what}; {reason.next_step}"
    return ""


def check(door: Door) -> tuple[Finding, ...]:
    """TL01 to TL17 over approvers file, generated files and history; changes nothing."""
    ring, findings = ring_of(door)
    findings = tuple(replace(item, code="TL16") if item.code == UNKNOWN_KEY else item for item in findings)
    now = door.world.clock.now()
    if forbids(findings):
        return findings
    known = history(door.workspace.root)
    versions = [known[number] for number in sorted(known)]
    return (
        *findings,
        *lint(ring, now, levels_of(door.workspace, ring)),
        *differing(generated(door.workspace, ring, known), stored(door.workspace.root)),
        *succession(versions, now),
        *missing_versions(known),
        *_own_engine(door, ring),
    )


def record_signature(door: Door, signature: bytes, actor: Actor) -> str:
    """File an admin's signature of the newest policy; gives its path. Refused where an admin's key did not make it."""
    known = history(door.workspace.root)
    if not known:
        raise Refused("there is no policy to sign yet", next_step="gonogo trust build")
    number = max(known)
    key = verify(signature, known[number].data, POLICY_NAMESPACE)
    deciding = deciding_on(known[number - 1].data if number - 1 in known else None, known[number].data)
    person = deciding.owner_of(key)
    if person is None or person.handle not in deciding.admins or deciding.revocation(key) is not None:
        able = ", ".join(deciding.admins) or "nobody: name people under `admins` in the approvers file"
        raise Refused(f"{key.fingerprint} is not the key of an admin", next_step=f"admins are {able}")
    path = f"{FOLDER}/{HISTORY}/policy-{number}.json.{person.handle}.sig"
    write_file(door.workspace.root / path, signature, 0o644)
    _waits_for(door, actor)
    return path


def newest(door: Door) -> bytes:
    """The bytes of the newest policy, for signing."""
    known = history(door.workspace.root)
    if not known:
        raise Refused("there is no policy to sign yet", next_step="gonogo trust build")
    return known[max(known)].data


def _written(door: Door, files: Mapping[str, bytes]) -> tuple[str, ...]:
    paths = []
    for name, data in files.items():
        path = door.workspace.root / FOLDER / name
        make_folder(path.parent, 0o755)
        if read_small(path, MOST) != data:
            write_file(path, data, 0o644)
            paths.append(f"{FOLDER}/{name}")
    return tuple(paths)


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
