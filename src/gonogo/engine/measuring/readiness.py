"""Is the release ready for production? What pre-deployment handed over, judged again today (RDY-01..RDY-05, RBK-08)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from gonogo.engine.bench import Bench, Looked, Produced
from gonogo.engine.handover import Handover, handover
from gonogo.engine.measuring.rehearsal import proven_scripts
from gonogo.engine.measuring.upstream import paths_of
from gonogo.engine.runs_seen import command_run
from gonogo.engine.waiving import covering
from gonogo.errors import GonogoError
from gonogo.evidence.canonical import read_object
from gonogo.measure.figures import read_duration
from gonogo.measure.header import RawFile
from gonogo.measure.readiness import ApprovalRecord, ReadinessItem, ReadinessSeen, readiness_body
from gonogo.measure.rollback import PROOF_AGE
from gonogo.measure.rollback_plan import (
    PlanSeen,
    RollbackExecuted,
    RollbackTrigger,
    rollback_plan_body,
    rollback_plan_markdown,
)
from gonogo.measure.stored_fields import Fields
from gonogo.plan.limits import recovery_limit
from gonogo.run.asking import standing
from gonogo.run.gate import GateJudgement, SealedFile, Subject, judge
from gonogo.terms import Digest, Json, Severity, Verdict, digest_of, worst

PROOF = "rollback-verification-report.json"
TRIGGERS = (
    RollbackTrigger("the judge finds the new version worse than the old one", Severity.CRITICAL),
    RollbackTrigger("the launch gate does not pass", Severity.CRITICAL),
    RollbackTrigger("a deployment command or a traffic move fails", Severity.CRITICAL),
    RollbackTrigger("a person aborts the run", Severity.CRITICAL),
)


def readiness(bench: Bench) -> Looked:
    """The readiness package again: digests, age, gates judged anew, rollback proof for exactly these bytes (RDY-01)."""
    handed = handover(bench)
    if handed is None:
        return Looked(ok=False, detail=locked(bench))
    package = handed.file("PRE-DEPLOYMENT-PACKAGE.zip")
    issues = _proof_issues(bench, handed)
    waived: dict[str, str] = {}
    verdicts = _rejudged(bench, handed, waived)
    names = dict.fromkeys((*_handed_names(bench), *verdicts))
    items = [_with_verdict(_item(bench, handed, name), verdicts.get(name), waived.get(name)) for name in names]
    plan_file = _rollback_plan(bench, handed)
    seen = ReadinessSeen(tuple(items), _authorisations(bench), _raw(plan_file), tuple(issues))
    body = readiness_body(seen)
    found = body["readiness"]
    completion = found.get("completion") if isinstance(found, Mapping) else None
    ok = completion == 1 and not issues
    lacking = [f"{item.name}: {item.issue}" for item in items if item.issue]
    detail = "" if ok else "production stays locked:\n" + "\n".join(f"  - {line}" for line in (*issues, *lacking))
    facts: dict[str, Json] = {"package_sha256": package.digest if package else None, "handed_run": handed.run}
    files = (bench.json("deployment-readiness-checklist.json", body), *plan_file)
    return Looked(ok=ok, files=files, facts=facts, detail=detail)


def locked(bench: Bench) -> str:
    """Why production stays locked, and which run would open it."""
    release = bench.plan.release
    return (
        "production stays locked: no finished pre-deployment run deployed and rolled back exactly these bytes"
        " in staging\n"
        f"  release {release.version}, manifest sha256 {release.digest[:12]}…\n"
        f"  next: gonogo run pre-deployment --release {release.version}"
    )


def _handed_names(bench: Bench) -> list[str]:
    wanted = [name for name, _, optional in bench.plan.artifacts if not optional and "*" not in name]
    return [*wanted, PROOF, "rehearsal-report.json"]


def _item(bench: Bench, handed: Handover, name: str) -> ReadinessItem:
    found = handed.file(name.rpartition("/")[2])
    if found is not None:
        try:
            bench.world.vault.read(found.digest, limit=1 << 30)
        except GonogoError as error:
            return _ready_item(name, handed.plan.name, found.digest, verified=False, issue=error.what)
        current = bench.now - found.at <= timedelta(days=30)
        issue = None if current else "it is older than 30 days"
        return _ready_item(name, handed.plan.name, found.digest, current=current, issue=issue)
    binding = bench.plan.project.artifacts.get(name)
    for path in paths_of(bench, name):
        seen = bench.world.files.see(path)
        if seen.digest is not None and seen.modified is not None:
            age = timedelta(seconds=float(binding.max_age)) if binding else timedelta(days=30)
            current = bench.now - seen.modified <= age
            return _ready_item(name, "upstream", seen.digest, current=current, issue=None if current else "expired")
    return _ready_item(name, "upstream", None, current=False, verified=False, issue="it is missing")


def _ready_item(
    name: str,
    source: str,
    digest: Digest | None,
    *,
    current: bool = True,
    verified: bool = True,
    issue: str | None = None,
) -> ReadinessItem:
    return ReadinessItem(name, source, required=True, sha256=digest, current=current, verified=verified, issue=issue)


def _rejudged(bench: Bench, handed: Handover, waived: dict[str, str]) -> dict[str, Verdict]:
    """Every evidence file of the pre-deployment gates with the worst verdict of its gates, judged now.

    Under a waiver that still holds, each file stands for itself; those that do not pass are put into `waived`.
    """
    found: dict[str, Verdict] = {}
    for rule in handed.plan.gates.values():
        names = rule.judged_files
        files = {
            name: SealedFile(name, item.digest, bench.world.vault.read(item.digest), item.stage, item.status)
            for name in names
            if (item := handed.state.evidence.get(name))
        }
        judged = judge(rule, files, Subject(handed.run, bench.plan.release.digest), bench.now)
        waiver = covering(bench.world, handed.state, judged, bench.now)
        for name in names:
            verdict = _alone(judged, name) if waiver else judged.verdict
            if waiver and verdict is not Verdict.PASS:
                waived[name] = waiver
            found[name] = worst((verdict, found.get(name, Verdict.PASS)))
    return found


def _alone(judged: GateJudgement, name: str) -> Verdict:
    """The verdict on one file of a gate, by its own clauses."""
    own = [result.verdict for result in judged.clauses if result.clause.file == name]
    return worst([Verdict.PASS, *own, *(verdict for lacking, verdict, _ in judged.lacking if lacking == name)])


def _with_verdict(item: ReadinessItem, verdict: Verdict | None, waiver: str | None) -> ReadinessItem:
    if verdict is None or verdict is Verdict.PASS or waiver is not None:
        return replace(item, rejudged=verdict, waived=waiver)
    return replace(item, rejudged=verdict, issue=item.issue or f"its gate, judged again, is {verdict.word}")


def _proof_issues(bench: Bench, handed: Handover) -> list[str]:
    """What keeps the rollback proof from being one for exactly these bytes, these scripts and today."""
    found = handed.file(PROOF)
    if found is None:
        return ["there is no rollback proof"]
    body = Fields(read_object(bench.world.vault.read(found.digest), name=PROOF), PROOF)
    proof = body.maybe_part("rollback_verification")
    issues = []
    if proof is None or proof.maybe_text("status") != "pass":
        issues.append("the rollback rehearsal did not pass")
    expires = body.maybe_moment("expires_at") or found.at + PROOF_AGE
    if bench.now > min(expires, found.at + PROOF_AGE):
        issues.append(f"the rollback proof is older than {PROOF_AGE.days} days")
    proven = {row.text("path"): row.text("sha256") for row in body.rows("scripts")} if body.has("scripts") else {}
    wanted = proven_scripts(bench.plan)
    issues += [f"{path} is not the script that was rehearsed" for path in wanted if proven.get(path) != wanted[path]]
    return issues + _other_commands(bench, handed)


def _other_commands(bench: Bench, handed: Handover) -> list[str]:
    before, now = handed.plan.project, bench.plan.project
    issues = [
        f"the command `{name}` is not the one that was rehearsed"
        for name in ("deploy", "rollback")
        if before.commands[name].run != now.commands[name].run
    ]
    if now.snapshot is not None:
        for name in (now.snapshot.take, now.snapshot.restore):
            known = before.commands.get(name) if before.snapshot == now.snapshot else None
            if known is None or known.run != now.commands[name].run:
                issues.append(f"the snapshot command `{name}` was not rehearsed")
    return issues


def _authorisations(bench: Bench) -> tuple[ApprovalRecord, ...]:
    found = []
    for item in bench.state.rounds.values():
        if item.kind != "approval" or item.status not in {"open", "used"} or item.point == "production":
            continue
        complete = standing(bench.plan, item).met
        found += [
            ApprovalRecord(answer.role, answer.person, "ok" if complete else "missing") for answer in item.answers
        ]
    return tuple(found)


def _rollback_plan(bench: Bench, handed: Handover) -> tuple[Produced, ...]:
    proof = handed.file(PROOF)
    before = replace(bench, plan=handed.plan, state=handed.state)
    runs = [command_run(before, task, known) for task, known in before.commands_run("rollback")]
    rto = recovery_limit(bench.plan.project)
    if proof is None or not runs or rto is None:
        return ()
    body = read_object(bench.world.vault.read(proof.digest), name=PROOF)
    about = body.get("rollback_verification")
    took = about.get("recovery_time") if isinstance(about, Mapping) else None
    if not isinstance(took, str):
        return ()
    seen = PlanSeen(TRIGGERS, tuple(runs), proof.digest, read_duration(took), rto, _executed(bench))
    plan = rollback_plan_body(seen)
    return (bench.json("rollback-plan.json", plan), bench.text("rollback-plan.md", rollback_plan_markdown(plan)))


def _executed(bench: Bench) -> RollbackExecuted | None:
    taken = bench.state.rollback
    if taken is None or taken.finished is None:
        return None
    return RollbackExecuted(taken.began, timedelta(milliseconds=taken.recovery_ms), taken.verified)


def _raw(files: tuple[Produced, ...]) -> RawFile | None:
    return next((RawFile(file.name, digest_of(file.data)) for file in files if file.name.endswith(".md")), None)
