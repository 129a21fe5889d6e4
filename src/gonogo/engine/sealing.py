"""Packages: every file that the ledger names, sealed and signed by the engine's key (PKG-01..PKG-06, REP-02)."""

from __future__ import annotations

import io
import platform
from collections.abc import Mapping
from importlib import metadata, resources

from gonogo.engine.bench import Bench, Produced
from gonogo.engine.checkpointing import signed_checkpoint
from gonogo.engine.crash_points import PACKAGE_BUILT
from gonogo.engine.handover import handover
from gonogo.engine.lineage import lineage
from gonogo.engine.placing import place_of
from gonogo.engine.writing import append, blob, show
from gonogo.errors import BadInput, GonogoError, Tampered
from gonogo.evidence.attesting import attested
from gonogo.evidence.filing import expected_files
from gonogo.evidence.ledger import Entry
from gonogo.evidence.package import codec, write_package
from gonogo.evidence.packing import (
    PackageFacts,
    SealSignatures,
    Tool,
    checkpoint_of,
    envelope_signing_bytes,
    input_paths,
    package_files,
    seal_payload,
    seal_signing_bytes,
    with_seal,
)
from gonogo.evidence.policy import policy_bytes
from gonogo.evidence.signers import Ring, allowed_signers, revoked_keys, with_engine
from gonogo.evidence.sshkeys import public_key
from gonogo.plan.digest import plan_bytes
from gonogo.plan.model import Seal
from gonogo.reports.separation import lowest
from gonogo.reports.standing import rules_in_force
from gonogo.run.events import CheckpointMade, Event, PackageSealed, PlanBound, TaskFinished, recorded
from gonogo.run.machine import outcome_of
from gonogo.terms import Digest, Json, digest_of
from gonogo.values import dataclass

NAMES: Mapping[str, str] = {
    "readiness": "PRE-DEPLOYMENT-PACKAGE.zip",
    "handoff": "PROTOCOL-14-EVIDENCE.zip",
    "deployment": "DEPLOYMENT-EVIDENCE.zip",
}
DECISIONS: Mapping[str, str] = {"ready": "go", "released": "go", "rolled_back": "rolled_back", "aborted": "aborted"}
VERIFIERS = ("README-VERIFY.txt", "verify.py", "verify.sh")
LIBRARY = "gonogo.library"
ENVIRONMENTS = ("production", "staging")
MOST = 1 << 30


def seal_package(bench: Bench) -> None:
    """Build the package of this task from the ledger as it is now, sign it, store it, record it.

    Where it cannot be built the cause is recorded and the run halts: evidence that is missing, bytes that are not those
    that were sealed, or anything else that is wrong with the manifest. The next attempt builds it anew (PKG-04).
    """
    assert isinstance(bench.task.act, Seal)
    kind = bench.task.act.package
    entries = bench.world.journal.entries(bench.run)
    try:
        blobs = _blobs(bench, entries)
        built = _built(bench, kind, entries, blobs)
    except (BadInput, Tampered) as error:
        cause = CHECKSUM if isinstance(error, Tampered) else MISSING if isinstance(error, NotAtHand) else MANIFEST
        _record_failure(bench, kind, cause, error)
        return
    bench.world.crash(PACKAGE_BUILT)
    digest = bench.world.vault.put(built.data)
    name = NAMES[kind]
    events: list[Event] = [
        CheckpointMade(len(entries), built.root, bench.world.vault.put(built.note)),
        PackageSealed(kind, name, digest, len(built.data), built.members),
        TaskFinished(bench.task.id, bench.attempt, 0, "ok", {"sha256": digest}, None),
    ]
    append(bench, events)
    show(bench, (Produced(name, built.data),))


class NotAtHand(BadInput):
    """A file that the log names is not in the vault."""


MISSING = "missing_evidence"
CHECKSUM = "checksum"
MANIFEST = "manifest_error"
REMEDIES: Mapping[str, str] = {
    MISSING: "run the step again that writes it, or put the vault back from its backup",
    CHECKSUM: "the vault was damaged or edited: compare it with its backup, and find out by whom",
    MANIFEST: "correct what is named, then build it again",
}


def _record_failure(bench: Bench, kind: str, cause: str, error: GonogoError) -> None:
    text = f"{NAMES[kind]} cannot be built ({cause.replace('_', ' ')}): {error}\n  next: {REMEDIES[cause]}"
    facts: Mapping[str, Json] = {"cause": "task_failed", "package": kind, "package_cause": cause}
    append(bench, [TaskFinished(bench.task.id, bench.attempt, 0, "failed", facts, blob(bench, text))])


def _blobs(bench: Bench, entries: tuple[Entry, ...]) -> dict[Digest, bytes]:
    """Every file that the log names. NotAtHand where one is gone, Tampered where one is not what was sealed."""
    found = {}
    for path, digest in expected_files(entries).items():
        if not bench.world.vault.path(digest).exists():
            raise NotAtHand(f"{path} ({digest[:12]}…) is not in the vault", where=bench.run)
        found[digest] = bench.world.vault.read(digest, limit=MOST)
    return found


@dataclass(frozen=True, slots=True)
class _Built:
    """A package ready to be stored, with the checkpoint that it was sealed with."""

    data: bytes
    members: int
    note: bytes
    root: str


def _built(bench: Bench, kind: str, entries: tuple[Entry, ...], blobs: Mapping[Digest, bytes]) -> _Built:
    ring = engine_ring(bench)
    note = signed_checkpoint(bench.world, ring.site, f"{ring.site}/{bench.run}", entries)
    key = public_key(bench.world.key.public_line())
    facts = attested(_facts(bench, kind, entries, note, blobs), key, bench.world.key.sign)
    members = package_files(facts)
    payload = seal_payload(facts, members)
    environment = bench.plan.environment
    signatures = SealSignatures(
        key,
        bench.world.key.sign(seal_signing_bytes(payload, environment)),
        bench.world.key.sign(envelope_signing_bytes(payload)),
    )
    out = io.BytesIO()
    compact = bench.plan.project.compact_packages
    write_package(with_seal(members, payload, environment, signatures), out, compact=compact)
    root = checkpoint_of(ring.site, bench.run, entries).root.hex()
    return _Built(out.getvalue(), len(members) + 3, note, root)


def engine_ring(bench: Bench) -> Ring:
    """The pinned people, with this engine's own key where the approvers file does not list it."""
    return with_engine(bench.plan.ring, public_key(bench.world.key.public_line()), _engine_name(bench))


def _engine_name(bench: Bench) -> str:
    return str(bench.actor).partition(":")[2] if str(bench.actor).startswith("engine:") else "local"


def _facts(
    bench: Bench, kind: str, entries: tuple[Entry, ...], note: bytes, blobs: Mapping[Digest, bytes]
) -> PackageFacts:
    plan, vault, ring = bench.plan, bench.world.vault, engine_ring(bench)
    bound = next(event for entry in entries if isinstance(event := recorded(entry).event, PlanBound))
    before = handover(bench) if plan.environment == "production" else None
    place = place_of(bench.world, ring.site, bench.run, before.run if before else None)
    signers, revoked = allowed_signers(ring, ENVIRONMENTS), revoked_keys(ring)
    trust = {
        "policy.json": policy_bytes(ring, signers, revoked),
        "allowed_signers": signers,
        "revoked_keys": revoked,
        **_signed_policy(bench, bound),
    }
    return PackageFacts(
        package=kind,
        site=ring.site,
        run_id=bench.run,
        environment=plan.environment,
        slug=plan.slug,
        version=plan.release.version,
        decision="pending" if kind == "readiness" else DECISIONS[outcome_of(plan, bench.state)],
        entries=entries,
        blobs=blobs,
        document=vault.read(bound.inputs["document"]),
        lock=plan_bytes(plan),
        release_manifest=vault.read(bound.inputs["manifest"]),
        inputs={
            path: vault.read(bound.inputs[name])
            for name, path in input_paths(plan.slug).items()
            if name in bound.inputs
        },
        checkpoint=note,
        tool=_tool(),
        lineage=lineage(bench),
        sequence=place.sequence,
        codec=codec() if plan.project.compact_packages else "stored",
        previous_package=place.previous,
        proofs=place.proofs,
        trust=trust,
        packages=_packages(bench, kind),
        reports=_reports(kind),
        anchoring=place.anchoring,
        separation=lowest(bench.world.journal.site(), bench.run),
        rules_in_force=rules_in_force(plan, bench.state.trust),
        verifiers=_verifiers(),
    )


def _signed_policy(bench: Bench, bound: PlanBound) -> dict[str, bytes]:
    """The policy that admins signed, and their signatures, as they lay there when the run was opened (CFG-02)."""
    return {
        f"signed/{bound.names[name].rpartition('/')[2]}": bench.world.vault.read(digest)
        for name, digest in bound.inputs.items()
        if name == "policy" or (name.startswith("policy.") and "policy" in bound.inputs)
    }


def _packages(bench: Bench, kind: str) -> dict[str, bytes]:
    sealed = bench.state.packages.get("readiness")
    if kind != "handoff" or sealed is None:
        return {}
    return {sealed.name: bench.world.vault.read(sealed.sha256, limit=MOST)}


def _reports(kind: str) -> dict[str, bytes]:
    """What is told to the people who get the handoff package: how all this is kept, and for how long (ARC-08)."""
    if kind != "handoff":
        return {}
    return {"archival-strategy.md": resources.files(LIBRARY).joinpath("ARCHIVAL-STRATEGY.txt").read_bytes()}


def _verifiers() -> dict[str, bytes]:
    folder = resources.files(LIBRARY)
    return {name: path.read_bytes() for name in VERIFIERS if (path := folder.joinpath(name)).is_file()}


def _tool() -> Tool:
    version = metadata.version("gonogo")
    return Tool("gonogo", version, digest_of(f"gonogo {version} python {platform.python_version()}".encode()))
