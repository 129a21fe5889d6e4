"""What other protocols owe this release: each file looked up, opened, checked and, where it is signed, verified.

Presence is never an approval: without a signature a file is recorded as unsigned, without a bound verdict as having
none (PRE-02..PRE-05, INT-01..INT-03, C6, C7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from gonogo.engine.bench import Bench
from gonogo.engine.handover import Handover, handover
from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.sshsig import verify
from gonogo.measure.archive import MOST_BYTES
from gonogo.measure.intake import ArtifactSeen, FoundFile, SignatureSeen
from gonogo.measure.upstream import Said, read_upstream
from gonogo.plan.project import ArtifactBinding
from gonogo.ports import FileSeen
from gonogo.terms import digest_of

NAMESPACE = "file"
"""The namespace of signatures over files, which is what `ssh-keygen -Y sign -n file` writes."""
NOTHING = digest_of(b"")
AGE = timedelta(days=30)
MOST_SIGNATURE = 1 << 16
MANIFEST = "release-manifest.json"
ALIASES: Mapping[str, tuple[str, ...]] = {
    "INTEGRATION-EVIDENCE.zip": ("integration-evidence-bundle.zip",),
    "UAT-CLOSURE-PACKAGE.zip": ("uat-approval-record.json", "uat-signoff.json"),
}


def upstream_artifacts(bench: Bench) -> tuple[ArtifactSeen, ...]:
    """Every artifact that the document asks for, as it is found now."""
    earlier = handover(bench) if bench.plan.environment == "production" else None
    wanted = [item for item in bench.plan.artifacts if "*" not in item[0]]
    return tuple(_artifact(bench, name, source, earlier, optional=optional) for name, source, optional in wanted)


def _artifact(bench: Bench, name: str, source: str, earlier: Handover | None, *, optional: bool) -> ArtifactSeen:
    binding = bench.plan.project.artifacts.get(name)
    waived = bool(binding and binding.optional) and bench.plan.environment == "staging"
    return ArtifactSeen(
        name=name,
        source=(binding.source if binding else "") or source,
        required=not (optional or waived),
        found=tuple(_found(bench, name, binding, earlier)),
        max_age=timedelta(seconds=float(binding.max_age)) if binding else AGE,
        release_digest=bench.plan.release.digest,
        aliases=ALIASES.get(name, ()),
        owner=binding.owner if binding else "",
    )


def paths_of(bench: Bench, name: str) -> tuple[str, ...]:
    """Where an artifact may lie: its own path first, then its other names in the same folder."""
    binding = bench.plan.project.artifacts.get(name)
    base = name.rpartition("/")[2]
    if binding is not None:
        path = binding.path
    elif base == MANIFEST:
        path = bench.plan.project.manifest.replace("{release}", bench.plan.release.version)
    else:
        path = base
    folder = path.rpartition("/")[0]
    return (path, *(f"{folder}/{alias}" if folder else alias for alias in ALIASES.get(name, ())))


def _found(bench: Bench, name: str, binding: ArtifactBinding | None, earlier: Handover | None) -> Iterator[FoundFile]:
    """Every file under the artifact's names; a record in another form counts only where the artifact itself is absent.

    Two names of one form are one artifact, so both are given, and different bytes are told (C6, C7).
    """
    handed = earlier.file(name) if earlier else None
    if handed is not None:
        yield FoundFile(handed.digest, handed.size, handed.at, readable=True, verified=True)
        return
    form = ""
    for path in paths_of(bench, name):
        seen = bench.world.files.see(path)
        suffix = path.rpartition(".")[2]
        if seen.digest is None and not seen.absent:
            yield FoundFile(NOTHING, seen.size, None, readable=False, verified=False, detail=seen.why)
            return
        if seen.digest is not None and form in {"", suffix}:
            form = suffix
            yield _opened(bench, path, seen, binding)


def _opened(bench: Bench, path: str, seen: FileSeen, binding: ArtifactBinding | None) -> FoundFile:
    pointer = binding.verdict if binding else ""
    data = b""
    digest = seen.digest or NOTHING
    try:
        data = bench.world.files.read(path, limit=MOST_BYTES)
        digest = digest_of(data)
        said = read_upstream(path, data, (pointer,) if pointer else ())
    except BadInput as error:
        said = Said(False, error.what)
    signature = _signature(bench, binding, data) if binding and binding.signature else None
    return FoundFile(
        sha256=digest,
        size=seen.size,
        produced_at=said.produced_at or seen.modified,
        readable=seen.size > 0,
        verified=said.verified,
        expires_at=said.expires_at,
        release_digest=said.release_digest if path.rpartition("/")[2] != MANIFEST else None,
        detail=said.detail,
        signature=signature,
        verdict=said.verdicts.get(pointer, "not stated") if pointer else None,
        wanted=binding.verdict_is if binding and pointer else "",
    )


def _signature(bench: Bench, binding: ArtifactBinding, data: bytes) -> SignatureSeen:
    """Who signed the bytes of a file, if a listed person with the bound role did (INT-01)."""
    role = binding.signed_by
    try:
        armoured = bench.world.files.read(binding.signature, limit=MOST_SIGNATURE)
        key = verify(armoured, data, NAMESPACE)
    except GonogoError as error:
        return SignatureSeen(role, None, "", error.what)
    person = bench.plan.ring.owner_of(key)
    if person is None or role not in person.roles:
        return SignatureSeen(role, None, key.fingerprint, f"the signer is not listed as {role}")
    gone = bench.plan.ring.revocation(key)
    listed = next(item for item in person.keys if item.key.blob == key.blob)
    if gone is not None or not listed.valid_at(bench.now):
        return SignatureSeen(role, None, key.fingerprint, f"the key of {person.handle} does not count any more")
    return SignatureSeen(role, person.handle, key.fingerprint, "")
