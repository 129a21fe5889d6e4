"""The part of verifying that is about what machines said: signed statements, the place in the site's log (P9, EVS-16).

Absent means refused: each judgement of the log and each report of a deployment has to have its statement, and the
package its proof that the run was opened under the number that the seal names.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Final

from gonogo.evidence.attesting import MOST, RELEASE, REPORTS
from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.envelope import PREDICATE, STATEMENT, open_envelope
from gonogo.evidence.ledger import Entry
from gonogo.evidence.packing import ATTESTATIONS
from gonogo.evidence.tlog_proof import Proven, read_proof
from gonogo.evidence.verifying_case import Case, raw_keys

JUDGEMENT: Final = f"{PREDICATE}gate-judgement:v1"
DEPLOYMENT: Final = f"{PREDICATE}deployment:v1"
OPENED: Final = "proofs/opened.tlog-proof"
CLOSED: Final = "proofs/closed.tlog-proof"
BEFORE_OPENED: Final = "proofs/readiness-opened.tlog-proof"
BEFORE_CLOSED: Final = "proofs/readiness-closed.tlog-proof"


def attestation_problems(case: Case) -> list[str]:
    """Every envelope is signed by a listed engine; judgements and deployments are those of the log, all of them."""
    found: dict[str, list[Mapping[str, Tree]]] = {}
    for number, line in enumerate(case.package.read(ATTESTATIONS, limit=MOST).splitlines(keepends=True), start=1):
        statement = _statement(case, line, f"{ATTESTATIONS}:{number}")
        predicate = statement.get("predicate")
        if statement.get("_type") != STATEMENT or not isinstance(predicate, Mapping):
            return [f"{ATTESTATIONS}:{number} is no statement"]
        kind = str(statement.get("predicateType"))
        if kind in {JUDGEMENT, DEPLOYMENT}:
            found.setdefault(kind, []).append(predicate)
            if _release_of(statement) != case.said("/release/digest"):
                return [f"{ATTESTATIONS}:{number} is about another release"]
    return [*_judgements(case, found.get(JUDGEMENT, [])), *_deployments(case, found.get(DEPLOYMENT, []))]


def _statement(case: Case, line: bytes, name: str) -> Mapping[str, Tree]:
    return read_object(open_envelope(line, raw_keys(case.ring).values(), name=name), name=name, limit=MOST)


def _release_of(statement: Mapping[str, Tree]) -> str:
    subjects = statement.get("subject")
    first = subjects[0] if isinstance(subjects, list) and subjects else None
    digest = first.get("digest") if isinstance(first, Mapping) and first.get("name") == RELEASE else None
    return str(digest.get("sha256")) if isinstance(digest, Mapping) else ""


def _judgements(case: Case, said: list[Mapping[str, Tree]]) -> list[str]:
    judged = case.of_type("gate.judged")
    origin = case.said("/log/origin")
    wanted = []
    for entry in judged:
        root = base64.b64encode(case.roots[entry.seq]).decode()
        log: Tree = {"origin": origin, "size": entry.seq, "root": root, "head": entry.prev}
        fields = [entry.data.get(name) for name in ("gate", "attempt", "verdict", "judgement_sha256")]
        wanted.append([*fields, case.said("/run_id"), log])
    names = ("gate", "attempt", "verdict", "judgement_sha256", "run_id", "checkpoint")
    if [[row.get(name) for name in names] for row in said] != wanted:
        return [f"{ATTESTATIONS} does not state the judgements of the log"]
    return []


def _deployments(case: Case, said: list[Mapping[str, Tree]]) -> list[str]:
    wanted = [item.digest for item in case.filed if item.name in REPORTS and item.counts]
    found = [row.get("report_sha256") for row in said if row.get("run_id") == case.said("/run_id")]
    return [] if found == wanted else [f"{ATTESTATIONS} does not state the deployments of the log"]


def proof_problems(case: Case) -> list[str]:
    """The run stands in the site's log under the number of the seal; so does the run that it relies on, if any."""
    opened = _proven(case, OPENED)
    problems = list(_opening_problems(case, opened))
    if CLOSED in case.digests and not _is_end_of(_proven(case, CLOSED).entry, case.said("/run_id")):
        problems.append(f"{CLOSED} is about another run")
    if BEFORE_OPENED in case.digests or BEFORE_CLOSED in case.digests:
        first, last = _proven(case, BEFORE_OPENED).entry, _proven(case, BEFORE_CLOSED).entry
        same = first.data.get("release_digest") == opened.entry.data.get("release_digest")
        if not same or not _is_end_of(last, str(first.data.get("run"))) or last.data.get("outcome") != "ready":
            problems.append("the run before is not one that found this release ready")
    return problems


def _proven(case: Case, path: str) -> Proven:
    return read_proof(case.package.read(path), case.log_keys, name=path)


def _opening_problems(case: Case, opened: Proven) -> Iterator[str]:
    first = case.entries[0].data
    place = {"origin": case.ring.site, "index": opened.entry.seq}
    if opened.checkpoint.origin != case.ring.site or case.seal.get("site_log") != place:
        yield f"{OPENED} is about another place in the log of the site"
    if opened.entry.seq != case.number("/sequence"):
        yield f"{OPENED} is about another number than the seal"
    if opened.entry.type != "run.opened" or opened.entry.data.get("run") != case.said("/run_id"):
        yield f"{OPENED} is about another run"
    if any(opened.entry.data.get(name) != first.get(name) for name in ("release_digest", "environment", "protocol")):
        yield f"{OPENED} says another release, environment or protocol than the log of the run"


def _is_end_of(entry: Entry, run: str) -> bool:
    return entry.type == "run.closed" and entry.data.get("run") == run
