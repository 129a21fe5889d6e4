"""The part of verifying that is about people: statements, rounds, used decisions (REV-03, APR-02, APR-03)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.acceptance import FREEZE_RULE, Accepted, Asked, Declined, Occasion, accept
from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.filing import round_files, statement_paths, text_in
from gonogo.evidence.ledger import Entry
from gonogo.evidence.manifest import EVIDENCE_SUMS, read_sums
from gonogo.evidence.packing import RELEASE_MANIFEST
from gonogo.evidence.quorum import Quorum, freeze_quorum, quorum
from gonogo.evidence.signers import DecisionRule, Kind, Ring
from gonogo.evidence.statements import Request, read_request
from gonogo.evidence.verifying_case import Case
from gonogo.terms import digest_of


def statement_problems(case: Case) -> list[str]:
    """Every recorded statement by rules A1 to A16, as of the moment of its record."""
    problems = []
    asked = _rounds(case)
    for entry in case.of_type("approval.recorded"):
        found = _judged(case, asked, entry, _instant(case, entry, entry))
        match found:
            case Declined(rule=rule, reason=reason):
                problems.append(
                    f"entry {entry.seq}: the statement of {entry.data.get('person')} fails {rule}: {reason}"
                )
            case Accepted():
                problems.extend(_record_problems(entry, found))
    return problems


def _record_problems(entry: Entry, found: Accepted) -> list[str]:
    touch = found.signed.touch
    said: dict[str, Tree] = {
        "person": found.person,
        "role": found.role,
        "decision": found.decision,
        "fingerprint": found.signed.key.fingerprint,
        "level": found.level.name,
        "flags": touch.flags if touch else 0,
        "counter": touch.counter if touch else 0,
        "kind": found.statement.request.kind.value,
        "round": found.statement.request.scope.round,
    }
    wrong = sorted(name for name, value in said.items() if entry.data.get(name) != value)
    return [f"entry {entry.seq} records another {', '.join(wrong)} than was signed"] if wrong else []


def round_problems(case: Case) -> list[str]:
    """Each request is the one that was asked with, about this run, and its evidence list is part of the package's."""
    listed = {path: digest for digest, path in read_sums(_read(case, EVIDENCE_SUMS), name=EVIDENCE_SUMS)}
    problems = []
    for entry in case.of_type("approval.requested"):
        name = text_in(entry, "round")
        try:
            request, sums = _asked_of(case, entry)
        except GonogoError as error:
            problems.append(f"the round {name} cannot be read: {error.what}")
            continue
        shown = case.digests.get(next(path for path in round_files(entry) if path.endswith("shown.txt")))
        if request.shown_sha256 != shown:
            problems.append(f"the round {name} showed another text than was signed")
        problems += [f"the round {name}: {what}" for what in _scope_problems(case, request)]
        for digest, path in read_sums(sums, name=f"{name}/{EVIDENCE_SUMS}") if sums else ():
            if listed.get(path) != digest:
                problems.append(f"the round {name} was about {path} with other bytes")
    return problems


def _scope_problems(case: Case, request: Request) -> list[str]:
    wanted = {
        "run": (request.scope.run_id, case.said("/run_id")),
        "release": (request.scope.release.digest, case.said("/release/digest")),
        "environment": (request.scope.environment, case.said("/environment")),
        "protocol text": (request.protocol.source_sha256, case.said("/protocol/source_sha256")),
        "protocol lock": (request.protocol.lock_sha256, case.said("/protocol/lock_sha256")),
        "approvers file": (request.policy.sha256, case.ring.digest),
    }
    return [f"about another {what}" for what, (found, needed) in wanted.items() if found != needed]


def decision_problems(case: Case) -> list[str]:
    """Each approval that was used carried its act, by the people and bytes of that instant; and none was bypassed."""
    asked = _rounds(case)
    facts = release_facts(_read(case, RELEASE_MANIFEST))
    problems = []
    for used in case.of_type("approval.consumed"):
        name = text_in(used, "round")
        standing = [
            voice
            for entry in case.entries[: used.seq]
            if entry.type == "approval.recorded" and entry.data.get("round") == name
            if isinstance(voice := _judged(case, asked, entry, _instant(case, used, entry)), Accepted)
        ]
        counted = _counted(case.ring, asked.get(name), standing, facts)
        if not counted.met:
            problems.append(f"entry {used.seq} used the round {name}, which was not complete: {counted}")
    return problems + _bypasses(case) + gate_course_problems(case.entries) + _outcome_problems(case)


def _instant(case: Case, used: Entry, recorded: Entry) -> Occasion:
    return Occasion(case.entries[: used.seq], used.ts, recorded, case.roots, case.sealed)


def _counted(ring: Ring, asked: Asked | None, standing: Sequence[Accepted], facts: Mapping[str, str]) -> Quorum:
    request = read_request(asked.request) if asked is not None else None
    rule = _rule(ring, request) if request is not None else None
    if request is None or rule is None:
        return Quorum(met=False, missing=("a rule for this decision",), no_go=(), withheld=(), people=())
    return freeze_quorum(ring, standing) if request.kind is Kind.FREEZE_ACK else quorum(rule, standing, facts, ring)


def _bypasses(case: Case) -> list[str]:
    environment = case.said("/environment")
    if environment != "production":
        return []
    intended = {
        text_in(entry, "task"): entry.seq
        for entry in case.of_type("task.intended")
        if "production" in {entry.data.get("effect"), entry.data.get("environment")}
    }
    kinds = {entry.data.get("round"): entry.data.get("kind") for entry in case.of_type("approval.requested")}
    approving = Kind.APPROVAL.value
    uses = [entry.seq for entry in case.of_type("approval.consumed") if kinds.get(entry.data.get("round")) == approving]
    return [
        f"entry {entry.seq} moved traffic of {environment} before any approval was used"
        for entry in case.of_type("traffic.moved")
        if text_in(entry, "task") in intended and not any(seq < entry.seq for seq in uses)
    ]


def gate_course_problems(entries: Sequence[Entry]) -> list[str]:
    """Each gate that a run went on from was judged `pass`, or a used waiver carries it (WVR-04, C20)."""
    problems = []
    judged: dict[tuple[object, object], object] = {}
    used: set[tuple[object, object]] = set()
    for entry in entries:
        match entry.type:
            case "gate.judged":
                judged[f"gate/{entry.data.get('gate')}#judge", entry.data.get("attempt")] = entry.data.get("verdict")
            case "approval.consumed":
                used.add((entry.data.get("task"), entry.data.get("round")))
            case "task.finished" if entry.data.get("outcome") == "ok":
                task, facts = entry.data.get("task"), entry.data.get("facts")
                verdict = judged.get((task, entry.data.get("attempt")))
                waiver = facts.get("waived") if isinstance(facts, Mapping) else None
                gate = isinstance(task, str) and task.startswith("gate/") and task.endswith("#judge")
                if gate and verdict != "pass" and (task, waiver) not in used:
                    problems.append(f"entry {entry.seq}: the run went on although {task} was {verdict or 'not judged'}")
            case _:
                pass
    return problems


_OUTCOMES: Mapping[str, frozenset[str]] = {
    "released": frozenset({"go"}),
    "ready": frozenset({"go", "pending"}),
    "rolled_back": frozenset({"rolled_back"}),
    "aborted": frozenset({"aborted", "no_go"}),
}


def _outcome_problems(case: Case) -> list[str]:
    decision = case.said("/decision")
    return [
        f"the seal says {decision}, but the run was closed as {entry.data.get('outcome')}"
        for entry in case.of_type("run.closed")
        if decision not in _OUTCOMES.get(str(entry.data.get("outcome")), frozenset())
    ]


def release_facts(manifest: bytes) -> Mapping[str, str]:
    """The facts that conditional roles depend on (PRE-20). What is not stated is `not_stated`, never `no`."""
    changes = read_object(manifest, name=RELEASE_MANIFEST, limit=16 << 20).get("changes")
    said = {
        change.get("security_impact", "not_stated") if isinstance(change, Mapping) else "not_stated"
        for change in (changes if isinstance(changes, list) else ())
    }
    if "yes" in said:
        return {"security_impact": "yes"}
    return {"security_impact": "no" if said == {"no"} else "not_stated"}


def _rounds(case: Case) -> Mapping[str, Asked]:
    found: dict[str, Asked] = {}
    for entry in case.of_type("approval.requested"):
        try:
            request, sums = _asked_of(case, entry)
        except GonogoError:
            # Said by round_problems; here it leaves the round without a request, and nothing in it counts.
            continue
        found[request.scope.round] = Asked(request.data, sums)
    return found


def _asked_of(case: Case, entry: Entry) -> tuple[Request, bytes]:
    paths = {path.rpartition("/")[2]: path for path in round_files(entry)}
    data = _read(case, paths["request.json"])
    if digest_of(data) != entry.data.get("request_sha256"):
        raise BadInput("the request is not the one that was asked with", where=paths["request.json"])
    return read_request(data, name=paths["request.json"]), _read(case, paths[EVIDENCE_SUMS])


def _judged(case: Case, asked: Mapping[str, Asked], entry: Entry, occasion: Occasion) -> Accepted | Declined:
    round_asked = asked.get(str(entry.data.get("round")))
    path = statement_paths(case.entries)[entry.seq]
    if round_asked is None:
        return Declined("A12", "its request is not in the package", "get the whole package")
    rule = _rule(case.ring, read_request(round_asked.request))
    if rule is None:
        return Declined("A17", "no rule permits this decision", "see the approvers file")
    try:
        statement, signature = _read(case, path), _read(case, f"{path}.sig")
    except GonogoError as error:
        return Declined("A1", error.what, "get the whole package")
    return accept(statement, signature, round_asked, case.ring, rule, occasion)


def _rule(ring: Ring, request: Request) -> DecisionRule | None:
    return FREEZE_RULE if request.kind is Kind.FREEZE_ACK else ring.rule(request.decision_point)


def _read(case: Case, path: str) -> bytes:
    return case.package.read(path)
