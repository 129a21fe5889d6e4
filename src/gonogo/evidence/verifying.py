"""Verifying a package by itself, without its store and without trusting who made it (ARC-07, EVS-12, EVS-16, REV-03).

The order of the checks:

    zip         there is one way to read the file
    files       exactly the listed files, each with its digest
    seal        the list is sealed by an engine key, as SSHSIG and as DSSE
    log         the chain is whole, and is the one that seal and signed checkpoint name
    evidence    every file that the log names is here with its bytes, and nothing else poses as evidence
    manifest    the evidence manifest says what the log says
    gates       every judgement is here, says what the log says, and follows from its own clauses
    protocol    document, lock, release and people are those that the run was bound to
    statements  every recorded signature holds by the rules of acceptance
    rounds      what was shown and listed is what was signed
    decisions   every approval that was used carried its act, and nothing was done without one
    machines    every judgement and deployment is stated by the engine, over the log as it was
    population  the run stands in the log of the site, under its number
    anchor      the log agrees with checkpoints kept elsewhere

Verdicts: verified (0), refused (2), consistent but incomplete (3: not anchored, or judged by the package's own people).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import BinaryIO, Final

from gonogo.errors import GonogoError, Tampered
from gonogo.evidence.acceptance_case import sealed_files
from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.envelope import open_envelope
from gonogo.evidence.filing import filed
from gonogo.evidence.ledger import Entry, read_log
from gonogo.evidence.manifest import PACKAGE_SUMS, read_sums
from gonogo.evidence.merkle import leaf_digest, prefix_roots, root_over
from gonogo.evidence.note import NoteKey, verify_note
from gonogo.evidence.package_reading import Package, open_package
from gonogo.evidence.packing import CHECKPOINT, LOG, SEAL, SEAL_ENVELOPE, SEAL_FILES, SEAL_SIGNATURE
from gonogo.evidence.policy import read_policy
from gonogo.evidence.signers import Ring, namespace
from gonogo.evidence.sshsig import verify
from gonogo.evidence.verifying_anchors import Anchors, Outside, weighed
from gonogo.evidence.verifying_case import LOOK, Case, raw_keys
from gonogo.evidence.verifying_files import binding_problems, evidence_problems, gate_problems, manifest_problems
from gonogo.evidence.verifying_machines import attestation_problems, proof_problems
from gonogo.evidence.verifying_people import decision_problems, round_problems, statement_problems
from gonogo.terms import Digest
from gonogo.values import dataclass

POLICY: Final = "trust/policy.json"
MOST_LOG: Final = 1 << 30
CLOCK_SKEW: Final = timedelta(minutes=10)
VERIFIED, REFUSED, INCOMPLETE = 0, 2, 3


@dataclass(frozen=True, slots=True)
class TrustFiles:
    """What the verifier knows by another way than the package: the people, and checkpoints kept elsewhere.

    `anchors` are notes that somebody kept; `outside` those of branches and time stamps, already verified.
    """

    ring: Ring
    anchors: tuple[bytes, ...] = ()
    outside: tuple[Outside, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One check with its result; `detail` says what was found, or the first things that are wrong."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict in one sentence, the exit code of the command line (0, 2 or 3), and every check."""

    verdict: str
    exit_code: int
    checks: tuple[Check, ...]

    def __str__(self) -> str:
        lines = [f"  {'ok  ' if check.ok else 'FAIL'}  {check.name:<11} {check.detail}" for check in self.checks]
        return "\n".join([self.verdict, *lines])


def verify_package(
    file: BinaryIO | bytes, trust: TrustFiles | None, now: datetime, *, anchor_needed: bool = True
) -> Verification:
    """Verify a package at time `now`. Without `trust` the people named in the package are used, and 3 is the best."""
    checks: list[Check] = []
    try:
        package = open_package(file)
        checks.append(Check("zip", ok=True, detail=f"{len(package.members)} files, one way to read them"))
        case = _opened(package, trust, now, checks)
    except GonogoError as error:
        checks.append(Check(_next_check(checks), ok=False, detail=_words(error)))
        return _verdict(checks, trust, Anchors((), 0, ""), anchor_needed=anchor_needed)
    for name, check, detail in _CHECKS:
        checks.append(_run(name, check, detail, case))
    anchors = Anchors((), 0, "")
    if trust is not None and (trust.anchors or trust.outside):
        anchors = weighed(case, trust.ring.anchors, trust.anchors, trust.outside)
        agreeing = f"{anchors.agreeing} of {trust.ring.anchors.needed} anchors that are asked for"
        checks.append(_result("anchor", list(anchors.problems), anchors.words or agreeing))
    return _verdict(checks, trust, anchors, anchor_needed=anchor_needed)


APART: Final = ("advisory", "tamper-evident", "enforced")
_ORDER: Final = ("zip", "files", "seal", "log")


def _next_check(checks: list[Check]) -> str:
    return _ORDER[min(len(checks), len(_ORDER) - 1)]


def _words(error: GonogoError) -> str:
    return f"{error.where}: {error.what}" if error.where else error.what


def _result(name: str, problems: list[str], detail: str) -> Check:
    if not problems:
        return Check(name, ok=True, detail=detail)
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return Check(name, ok=False, detail="; ".join(problems[:3]) + more)


def _run(name: str, check: Callable[[Case], list[str]], detail: Callable[[Case], str], case: Case) -> Check:
    try:
        return _result(name, check(case), detail(case))
    except GonogoError as error:
        return Check(name, ok=False, detail=_words(error))


def _verdict(checks: list[Check], trust: TrustFiles | None, anchors: Anchors, *, anchor_needed: bool) -> Verification:
    failed = [check for check in checks if not check.ok]
    if failed:
        return Verification(f"REFUSED: {failed[0].name}: {failed[0].detail}", REFUSED, tuple(checks))
    if trust is None:
        verdict = "CONSISTENT, judged by the people that the package itself names: give trust files to verify"
        return Verification(verdict, INCOMPLETE, tuple(checks))
    if not anchors.words and anchor_needed:
        few = f" ({anchors.agreeing} of {trust.ring.anchors.needed} anchors)" if anchors.agreeing else ""
        verdict = f"CONSISTENT, not anchored{few}: entries after the last signature could have been cut"
        return Verification(verdict, INCOMPLETE, tuple(checks))
    return Verification(f"VERIFIED: {anchors.words or 'consistent; no anchor asked for'}", VERIFIED, tuple(checks))


def _opened(package: Package, trust: TrustFiles | None, now: datetime, checks: list[Check]) -> Case:
    digests = {path: package.digest(path) for path in package.members}
    problems = _file_problems(package, digests)
    if problems:
        raise Tampered("; ".join(problems[:3]), next_step=LOOK)
    listed = len(digests) - len(SEAL_FILES) - 1
    checks.append(Check("files", ok=True, detail=f"{listed} listed, all here, all with their digest"))
    ring = trust.ring if trust is not None else read_policy(package.read(POLICY), name=POLICY)
    seal = _sealed(package, digests, ring)
    checks.append(Check("seal", ok=True, detail=f"list of files sealed by {seal[1]}{_apart(seal[0])}"))
    entries = _logged(package, seal[0], ring)
    named = [entry.seq for entry in entries if entry.type in {"approval.requested", "gate.judged"}]
    roots = prefix_roots((leaf_digest(entry.line) for entry in entries), named)
    case = Case(package, digests, seal[0], entries, filed(entries), ring, now, roots, sealed_files(entries))
    if entries[-1].ts > now + CLOCK_SKEW:
        raise Tampered(f"the log ends at {entries[-1].ts}, which is in the future", where=LOG, next_step=LOOK)
    checks.append(Check("log", ok=True, detail=f"{len(entries)} entries, chain, root and signed checkpoint agree"))
    return case


def _apart(seal: Mapping[str, Tree]) -> str:
    """How far agents were kept apart while they drove the run, as the engine sealed it; nothing where none did."""
    level = seal.get("separation")
    return f"; AI agents drove it, kept apart: {level}" if level in APART else ""


def _file_problems(package: Package, digests: Mapping[str, Digest]) -> list[str]:
    missing = sorted((SEAL_FILES | {PACKAGE_SUMS}) - digests.keys())
    if missing:
        return [f"{missing[0]} is missing"]
    listed = {path: digest for digest, path in read_sums(package.read(PACKAGE_SUMS), name=PACKAGE_SUMS)}
    present = digests.keys() - SEAL_FILES - {PACKAGE_SUMS}
    problems = [f"{path} is listed and missing" for path in sorted(listed.keys() - present)]
    problems += [f"{path} is not listed" for path in sorted(present - listed.keys())]
    return problems + [
        f"{path} was changed" for path in sorted(present & listed.keys()) if listed[path] != digests[path]
    ]


def _sealed(package: Package, digests: Mapping[str, Digest], ring: Ring) -> tuple[Mapping[str, Tree], str]:
    payload = package.read(SEAL)
    if open_envelope(package.read(SEAL_ENVELOPE), raw_keys(ring).values(), name=SEAL_ENVELOPE) != payload:
        raise Tampered("the envelope holds another seal", where=SEAL_ENVELOPE, next_step=LOOK)
    statement = read_object(payload, name=SEAL)
    seal = statement.get("predicate")
    if statement.get("predicateType") != "urn:gonogo:predicate:package:v1" or not isinstance(seal, Mapping):
        raise Tampered("is not the seal of a package", where=SEAL, next_step=LOOK)
    if statement.get("subject") != [{"name": PACKAGE_SUMS, "digest": {"sha256": digests[PACKAGE_SUMS]}}]:
        raise Tampered("seals another list of files", where=SEAL, next_step=LOOK)
    environment = seal.get("environment")
    if not isinstance(environment, str):
        raise Tampered("names no environment", where=SEAL, next_step=LOOK)
    key = verify(package.read(SEAL_SIGNATURE), payload, namespace("seal", environment))
    names = [engine.name for engine in ring.engines if engine.key.blob == key.blob]
    if not names:
        raise Tampered(
            f"is signed by {key.fingerprint}, which is no engine's key", where=SEAL_SIGNATURE, next_step=LOOK
        )
    return seal, f"engine:{names[0]} for {environment}"


def _logged(package: Package, seal: Mapping[str, Tree], ring: Ring) -> tuple[Entry, ...]:
    entries = read_log(package.read(LOG, limit=MOST_LOG))
    if not entries:
        raise Tampered("the log is empty", where=LOG, next_step=LOOK)
    size = len(entries)
    root = base64.b64encode(root_over(entry.line for entry in entries)).decode()
    origin = f"{ring.site}/{seal.get('run_id')}"
    if seal.get("log") != {"origin": origin, "size": size, "root": root, "head": entries[-1].digest}:
        raise Tampered("the log is not the one that the seal names", where=LOG, next_step=LOOK)
    note = package.read(CHECKPOINT)
    keys = [NoteKey(ring.site, raw) for raw in raw_keys(ring).values()]
    checkpoint = next((found for key in keys if (found := _signed_by(note, key))), None)
    if checkpoint is None or checkpoint != (origin, size, root):
        raise Tampered("the checkpoint is not a signed one over this log", where=CHECKPOINT, next_step=LOOK)
    return entries


def _signed_by(note: bytes, key: NoteKey) -> tuple[str, int, str] | None:
    try:
        checkpoint = verify_note(note, key)
    except Tampered:
        return None
    return checkpoint.origin, checkpoint.size, base64.b64encode(checkpoint.root).decode()


def _count(kind: str, words: str) -> Callable[[Case], str]:
    return lambda case: f"{len(case.of_type(kind))} {words}"


_CHECKS: Final[tuple[tuple[str, Callable[[Case], list[str]], Callable[[Case], str]], ...]] = (
    ("evidence", evidence_problems, lambda case: f"{len(case.filed)} sealed files, all here, nothing more"),
    ("manifest", manifest_problems, lambda _: "says what the log says"),
    ("gates", gate_problems, _count("gate.judged", "judgements, each follows from its clauses")),
    ("protocol", binding_problems, lambda _: "document, lock, release and people are those of the run"),
    ("statements", statement_problems, _count("approval.recorded", "signatures hold (rules A1 to A16)")),
    ("rounds", round_problems, _count("approval.requested", "rounds, shown text and evidence lists agree")),
    ("decisions", decision_problems, _count("approval.consumed", "used approvals were complete (A17, A18)")),
    ("machines", attestation_problems, _count("gate.judged", "judgements and every deployment stated by the engine")),
    ("population", proof_problems, lambda case: f"entry {case.number('/sequence')} of the log of {case.ring.site}"),
)
