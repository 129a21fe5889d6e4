"""Recorded decisions as the evidence files list them: read from the signed statements, never from a summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from gonogo.engine.bench import Bench, Looked, Produced
from gonogo.engine.review_items import action_items, risks
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import time_of
from gonogo.evidence.sayings import ApprovalSaying
from gonogo.evidence.statements import read_statement
from gonogo.measure.approvals_record import (
    LaunchSeen,
    ReviewSeen,
    SignedDecision,
    Subject,
    launch_body,
    review_body,
)
from gonogo.run.asking import release_facts, standing
from gonogo.run.state import Round
from gonogo.terms import Digest

MOST_HOURS = 48


def signed_file(bench: Bench, name: str, body: Mapping[str, Tree]) -> Produced:
    """A JSON evidence file that tells what people signed: it is filed as `signed`, never as measured."""
    return replace(bench.json(name, body), status="signed")


def round_at(bench: Bench, point: str) -> Round | None:
    """The newest round of a decision point that was not voided."""
    found = None
    for item in bench.state.rounds.values():
        if item.point == point and item.status in {"open", "used"}:
            found = item
    return found


def signed_decisions(bench: Bench, asked: Round) -> tuple[SignedDecision, ...]:
    """Every answer of a round, from its statement."""
    found = []
    for answer in asked.answers:
        statement = read_statement(bench.world.vault.read(answer.statement))
        saying = statement.saying
        found.append(
            SignedDecision(
                role=answer.role,
                person=answer.person,
                decision="go" if answer.decision == "go" else "no_go",
                reason=saying.reason if isinstance(saying, ApprovalSaying) else "",
                decided_at=answer.at,
                expires_at=time_of(asked.expires_at),
                key_id=answer.fingerprint,
                signature=bench.world.vault.read(answer.signature).decode("ascii", "replace"),
                conditions=saying.conditions if isinstance(saying, ApprovalSaying) else (),
            )
        )
    return tuple(found)


def required_roles(bench: Bench, point: str) -> tuple[frozenset[str], ...]:
    """Who has to sign: one set of roles a place."""
    rule = bench.plan.decisions[point]
    facts = release_facts(bench.plan)
    needed = [frozenset({item.role}) for item in rule.all_of if item.when is None or item.when.holds(facts)]
    return (*needed, *((frozenset(rule.any_of),) if rule.any_of else ()))


def subject(bench: Bench, asked: Round, *, launch: bool) -> Subject:
    """What was approved, by digest."""
    package = bench.state.packages.get("readiness")
    return Subject(
        package_sha256=package.sha256 if package else handed_package(bench),
        release_digest=bench.plan.release.digest,
        lock_sha256=bench.plan.digest,
        evidence_manifest_sha256=asked.evidence,
        deployment_plan_sha256=bench.plan.digest if launch else None,
    )


def handed_package(bench: Bench) -> Digest:
    """The digest of the readiness package that production was given; the release digest where it was given none."""
    task = next((known for name, known in bench.state.tasks.items() if known.facts.get("package_sha256")), None)
    value = task.facts.get("package_sha256") if task else None
    return Digest(value) if isinstance(value, str) else bench.plan.release.digest


def readiness_approval(bench: Bench) -> Looked:
    """`readiness-approval.json` from the signed statements of the review (F8, REV-02, REV-03)."""
    asked = round_at(bench, "readiness")
    if asked is None:
        return Looked(ok=False, detail="nobody was asked for the readiness decision")
    seen = ReviewSeen(
        subject(bench, asked, launch=False),
        required_roles(bench, "readiness"),
        asked.at,
        signed_decisions(bench, asked),
        risks(bench, asked),
        action_items(bench, asked),
    )
    body = review_body(seen, bench.now)
    ok = standing(bench.plan, asked).met
    return Looked(
        ok=ok,
        files=(signed_file(bench, "readiness-approval.json", body),),
        detail="" if ok else "readiness is not approved",
        warnings=_late(body),
    )


def _late(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """The target for the latency of the review; missing it is told and stops nothing (REV-05, C56)."""
    about = body.get("readiness_approval")
    hours = about.get("latency_hours") if isinstance(about, Mapping) else None
    over = isinstance(hours, int | Decimal) and hours > MOST_HOURS
    return (f"the review took {hours:.1f} h, the target is {MOST_HOURS} h",) if over else ()


def production_approval(bench: Bench) -> Looked:
    """`production-approval.json` from the signed statements (F14, APR-02)."""
    asked = round_at(bench, "production")
    if asked is None:
        return Looked(ok=False, detail="nobody was asked for the production decision")
    valid = asked.at + bench.plan.decisions["production"].valid_for
    seen = LaunchSeen(
        subject(bench, asked, launch=True),
        required_roles(bench, "production"),
        asked.at,
        valid,
        signed_decisions(bench, asked),
    )
    body = launch_body(seen, bench.now)
    ok = standing(bench.plan, asked).met
    return Looked(
        ok=ok,
        files=(signed_file(bench, "production-approval.json", body),),
        detail="" if ok else "production is not approved",
    )
