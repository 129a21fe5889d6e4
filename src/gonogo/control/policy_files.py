"""Which people and rules hold in a project: the approvers file, the versions of its policy, and who signed them (F41).

Without trust files the approvers file itself holds, signed by nobody (assurance H0, called so in every report). With
them a version holds when it follows the one before it and enough admins of that one signed it (CFG-02). What was once
in force here is remembered by the log of the site: an older version, or another one under the same number, opens no
run, and that somebody tried is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import read_small
from gonogo.control.attestations import levels_of
from gonogo.control.workspaces import Workspace
from gonogo.engine.bench import World
from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.evidence.policy import read_policy
from gonogo.evidence.signers import Governed, Ring
from gonogo.evidence.trusting import (
    POLICY,
    NextPolicy,
    deciding_on,
    differing,
    lint,
    log_keys,
    signers_of,
    succession,
    threshold,
    trust_files,
)
from gonogo.findings import Finding, Level, Origin
from gonogo.plan.approvers import read_approvers
from gonogo.plan.sources import Source
from gonogo.ports import Draft
from gonogo.run.site import TRUST_CHANGED, TRUST_REFUSED
from gonogo.terms import Actor, Digest, Json, digest_of
from gonogo.values import dataclass

FOLDER: Final = "config/trust"
HISTORY: Final = "history"
LOG_KEYS: Final = "log_keys"
NAMES: Final = (POLICY, "allowed_signers", "revoked_keys", LOG_KEYS)
MOST: Final = 4 << 20
MOST_GOVERNED: Final = 1000
_VERSION: Final = re.compile(r"policy-([1-9][0-9]{0,8})\.json")
_SIGNATURE: Final = re.compile(r"policy-([1-9][0-9]{0,8})\.json\.([a-z0-9][a-z0-9._-]{1,31})\.sig")


@dataclass(frozen=True, slots=True)
class InForce:
    """The people and rules that a new run is opened with. `policy` is empty where no trust files were built.

    `signed` says that enough admins signed this policy; only then may it permit what is weaker than the document.
    """

    version: int
    approvers_sha256: Digest
    policy: bytes = b""
    signatures: Mapping[str, bytes] | None = None
    signed: bool = False

    @property
    def signed_by(self) -> tuple[str, ...]:
        """The admins whose signatures hold, sorted."""
        return tuple(sorted(self.signatures or ()))


def approvers_of(workspace: Workspace) -> tuple[Ring, tuple[Finding, ...]]:
    """The people of the approvers file as it is now, governed files with their digests, and what is wrong in it."""
    path = workspace.project.approvers
    reading = read_approvers(workspace.files.read(path), path)
    return replace(reading.ring, governed=tuple(_governed(workspace, reading.ring.governed))), reading.findings


def _governed(workspace: Workspace, named: Sequence[Governed]) -> Iterator[Governed]:
    """Each governed file by its digest; a folder stands for every file in it. BadInput where one is not there."""
    for item in named:
        for path in _files_of(workspace, item.path):
            seen = workspace.files.see(path)
            if seen.digest is None:
                advice = f"write the file, or take `{item.path}` out of `governed`"
                raise BadInput(f"the governed file {seen.why or 'cannot be read'}", where=path, next_step=advice)
            yield Governed(path, seen.digest)


def _files_of(workspace: Workspace, path: str) -> tuple[str, ...]:
    folder = workspace.root / path
    if not folder.is_dir() or ".." in Path(path).parts or folder.is_absolute() != workspace.root.is_absolute():
        return (path,)
    found = sorted(str(one.relative_to(workspace.root)) for one in folder.rglob("*") if one.is_file())
    if len(found) > MOST_GOVERNED:
        raise BadInput(f"more than {MOST_GOVERNED} files are governed", where=path, next_step="name a smaller folder")
    return tuple(found)


def history(root: Path) -> dict[int, NextPolicy]:
    """Every version of the policy that was built, with the signatures of its admins."""
    folder = root / FOLDER / HISTORY
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


def generated(workspace: Workspace, ring: Ring, known: Mapping[int, NextPolicy]) -> dict[str, bytes]:
    """The trust files that the approvers file gives now, by name."""
    before = known.get(ring.version - 1)
    previous = digest_of(before.data) if before is not None else None
    environments = sorted(workspace.project.environments)
    return {**trust_files(ring, environments, previous), LOG_KEYS: log_keys(ring)}


def stored(root: Path) -> dict[str, bytes]:
    """The trust files as they lie there, by name."""
    found = {name: read_small(root / FOLDER / name, MOST) for name in NAMES}
    return {name: data for name, data in found.items() if data is not None}


def in_force(workspace: Workspace, now: datetime) -> InForce:
    """The people and rules that hold now. Refused, with the one command that mends it, where they cannot.

    Only looks at files; what the site remembers is compared by `admitted`.
    """
    ring, findings = approvers_of(workspace)
    wrong = [item for item in (*findings, *lint(ring, now, levels_of(workspace, ring))) if item.level is Level.ERROR]
    if wrong:
        raise Refused(wrong[0].message, where=str(wrong[0].primary), next_step="gonogo trust check")
    known = history(workspace.root)
    if not known:
        if ring.strict or ring.admins:
            what = "a strict site" if ring.strict else "an approvers file with admins"
            raise Refused(f"{what} decides nothing before its policy is built", next_step="gonogo trust init")
        return InForce(ring.version, ring.digest)
    files = generated(workspace, ring, known)
    if ring.version not in known or known[ring.version].data != files[POLICY]:
        what = f"the people, rules or governed files are not those of version {ring.version} of the policy"
        raise Refused(what, where=workspace.project.approvers, next_step="gonogo trust build")
    if changed := differing(files, stored(workspace.root)):
        raise Refused(changed[0].message, where=str(changed[0].primary), next_step="gonogo trust build")
    return _counting(known, ring, now)


def _counting(known: Mapping[int, NextPolicy], ring: Ring, now: datetime) -> InForce:
    versions = [known[number] for number in sorted(known) if number <= ring.version]
    problems = [*missing_versions(known), *succession(versions, now)]
    deciding = deciding_on(versions[-2].data if len(versions) > 1 else None, versions[-1].data)
    signatures = signers_of(deciding, versions[-1])
    signed = bool(deciding.admins) and len(signatures) >= threshold(deciding)
    if problems or (ring.strict and not signed):
        what = problems[0].message if problems else f"signed by {len(signatures)} of {threshold(deciding)} admins"
        who = ", ".join(name for name in deciding.admins if name not in signatures)
        advice = f"gonogo trust sign --key KEY (by {who})" if who else "gonogo trust check"
        raise Refused(f"version {ring.version} of the policy does not count yet: {what}", next_step=advice)
    return InForce(ring.version, ring.digest, versions[-1].data, signatures, signed)


def signed_policy(workspace: Workspace) -> Source | None:
    """The policy that admins signed, for compiling; None where there is none, or it does not count (yet)."""
    if not history(workspace.root):
        return None
    try:
        found = in_force(workspace, datetime.min.replace(tzinfo=UTC))
    except GonogoError:
        # Whoever opens a run is told why; here it only means that nothing weaker is permitted.
        return None
    return Source(f"{FOLDER}/{POLICY}", found.policy) if found.signed else None


def missing_versions(known: Mapping[int, NextPolicy]) -> tuple[Finding, ...]:
    """TL15 for each version that was taken out of the history."""
    numbers = range(min(known, default=1), max(known, default=0) + 1)
    return tuple(
        Finding("TL15", Level.ERROR, f"version {number} of the policy is gone", Origin(f"{FOLDER}/{HISTORY}", 1))
        for number in numbers
        if number not in known
    )


def admitted(workspace: Workspace, world: World, actor: Actor) -> InForce:
    """`in_force`, compared with what the site remembers: what is newer is recorded; what is older is refused, recorded.

    Raises Refused as `in_force` does, and for a version that was replaced or exchanged.
    """
    changes = [entry.data for entry in world.journal.site() if entry.type == TRUST_CHANGED]
    ring, _ = approvers_of(workspace)
    if changes and (what := _replayed(changes, ring, workspace)):
        note: dict[str, str | int] = {"version": ring.version, "approvers_sha256": ring.digest}
        world.journal.note([Draft(TRUST_REFUSED, note)], actor=actor, now=world.clock.now())
        highest = max(_number(data) for data in changes)
        advice = f"take the newest one from the repository, or write `version: {highest + 1}` and: gonogo trust build"
        raise Refused(what, where=workspace.project.approvers, next_step=advice)
    found = in_force(workspace, world.clock.now())
    if found.policy and found.version > max((_number(data) for data in changes), default=0):
        remember(world, found, actor)
    return found


def remember(world: World, found: InForce, actor: Actor) -> None:
    """Record in the log of the site that a version came into force here."""
    data: dict[str, Json] = {
        "version": found.version,
        "policy_sha256": digest_of(found.policy),
        "approvers_sha256": found.approvers_sha256,
        "signed_by": list(found.signed_by),
    }
    world.journal.note([Draft(TRUST_CHANGED, data)], actor=actor, now=world.clock.now())


def _number(data: Mapping[str, object]) -> int:
    return int(str(data.get("version")))


def _replayed(changes: Sequence[Mapping[str, object]], ring: Ring, workspace: Workspace) -> str:
    """What is wrong with a version that this site has seen already; empty where nothing is."""
    highest = max(changes, key=_number)
    version = _number(highest)
    if ring.version < version:
        return f"the approvers file is version {ring.version}, and version {version} was already in force here"
    if ring.version == version and ring.digest != highest.get("approvers_sha256"):
        return f"the approvers file was changed, and still says version {version}"
    known = history(workspace.root)
    for data in changes:
        seen = known.get(_number(data))
        if seen is None or digest_of(seen.data) != data.get("policy_sha256"):
            return f"version {_number(data)} of the policy is not the one that was in force here"
    return ""
