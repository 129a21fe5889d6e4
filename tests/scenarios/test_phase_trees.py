"""The decision trees of pre-deployment, branch by branch on one run: what holds goes on, what does not halts and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gonogo.run.machine import Over
from gonogo.terms import RunId
from tests.projects import Project, small_project
from tests.worlds_http import place

pytestmark = pytest.mark.slow

PRE = "pre-deployment"
ONE, TWO, THREE, FOUR = (
    "intake-validation-and-staging-alignment",
    "deployment-rehearsal-and-verification",
    "rollback-security-and-operational-readiness",
    "final-readiness-review-and-handoff",
)
UAT = "upstream/UAT-CLOSURE-PACKAGE.zip"
FAULTS = {
    "deploy_shop.sh": ("fail-deploy", 'echo "deploy $1', "exit 9"),
    "rollback_shop.sh": ("fail-rollback", 'echo "rollback $1', "exit 9"),
}


@dataclass
class Walk:
    """One run, with where it stopped and which step came next after each repair."""

    project: Project
    run: RunId

    def stop(self) -> str:
        """Go on; the stage at which the run halted."""
        self.project.go_on(self.run)
        halted = self.project.state(self.run).halted
        assert halted is not None, "it did not stop"
        return halted.stage

    def lift(self) -> None:
        self.project.lift(self.run)

    def attempts(self, stage: str) -> int:
        return self.project.state(self.run).attempts.get(stage, 1)

    def ended(self, task: str) -> list[str]:
        """The outcomes of a task, in order, from the log: each decision is there with its facts."""
        entries = self.project.door().load(self.run).entries
        return [str(entry.data["outcome"]) for entry in entries if entry.type == "task.finished" and entry.data["task"] == task]

    def order(self) -> list[str]:
        """Stages in the order in which they began."""
        entries = self.project.door().load(self.run).entries
        tasks = [str(entry.data["task"]).rpartition("#")[0] for entry in entries if entry.type == "task.finished"]
        return list(dict.fromkeys(tasks))

    def branches(self, phase: str) -> list[tuple[str, str, int]]:
        """The branches of a phase that were taken, from the log: step, way, attempt."""
        entries = self.project.door().load(self.run).entries
        taken = [entry.data for entry in entries if entry.type == "branch.taken" and str(entry.data["stage"]).startswith(phase)]
        assert all(data["facts"]["evidence"] or data["way"] != "proceed" for data in taken), "each with its facts"
        return [(str(data["stage"]).removeprefix(f"{phase}/"), str(data["way"]), int(str(data["attempt"]))) for data in taken]

    def said(self, word: str) -> bool:
        entries = self.project.door().load(self.run).entries
        return any(entry.type == "message.announced" and word in str(entry.data["prefix"]) for entry in entries)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    root = tmp_path_factory.mktemp("trees")
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        project = small_project(root / "project", staging, production)
        for script, (flag, before, act) in FAULTS.items():
            project.edit(f"scripts/{script}", before, f'[ ! -e "{root}/{flag}" ] || {act}\n{before}')
        project.edit("scripts/tests.sh", "set -euo pipefail\n", f'set -euo pipefail\n[ ! -e "{root}/fail-tests" ] || exit 0\n')
        project.edit("scripts/scan.sh", '"results": []', f'"results": [$(cat "{root}/finding" 2>/dev/null || true)]')
        yield Walk(project, project.begin(PRE))


def flag(walk: Walk, name: str, *, on: bool, text: str = "") -> None:
    path = walk.project.root.parent / name
    path.write_text(text) if on else path.unlink()


FINDING = (
    '{"test_id": "B602", "test_name": "subprocess_popen", "issue_severity": "HIGH", "issue_confidence": "HIGH", "issue_text": "shell", '
    '"filename": "app.py", "line_number": 3, "more_info": "https://example.org/b602"}'
)


@pytest.mark.req("RSN-01", "RSN-15", "RSN-16", "RSN-17", "RSN-18")
def test_each_branch_of_the_trees_of_four_phases_is_taken_and_logged(walk: Walk) -> None:
    project, run = walk.project, walk.run
    intake, parity, refresh = (f"{ONE}/{name}" for name in ("confirm-upstream-approvals", "validate-staging-parity", "refresh-test-data-and-feature-flags"))
    rehearse, tests, baseline = (f"{TWO}/{name}" for name in ("rehearse-the-deployment", "run-smoke-and-acceptance-tests", "capture-the-observability-baseline"))
    back, scans, ready = (f"{THREE}/{name}" for name in ("rehearse-the-rollback", "complete-security-and-compliance-checks", "verify-runbooks-and-support-coverage"))

    # Phase 1. Something is missing or expired: halt, ask for renewal, write it down.
    project.go_until(run, "audit_recommendation")
    (project.root / UAT).rename(project.root / "kept.zip")
    project.edit("config/production.env", "WORKERS=4", "WORKERS=8")
    assert walk.stop() == intake
    assert walk.said("RENEWAL REQUEST")
    report = project.evidence(run, "intake-validation-report.json")
    assert report["intake_validation"]["status"] != "pass"
    assert "UAT-CLOSURE-PACKAGE.zip" in str([row["name"] for row in report["artifacts"] if row["state"] != "ok"])
    # All approvals valid: parity. Drift: document it, ask for a remedy, compare again.
    (project.root / "kept.zip").rename(project.root / UAT)
    walk.lift()
    assert walk.stop() == parity
    assert walk.ended(f"{intake}#measure") == ["failed", "ok"]
    assert walk.said("DRIFT")
    assert [row["path"] for row in project.evidence(run, "staging-parity-report.json")["differences"]] == ["/configuration/WORKERS"]
    project.edit("config/production.env", "WORKERS=8", "WORKERS=4")
    flag(walk, "fail-deploy", on=True)
    walk.lift()
    # Parity confirmed: refresh; exit check: gate 1. Phase 2. The rehearsal fails: investigate, run it again.
    assert walk.stop() == rehearse
    assert walk.ended(f"{parity}#measure") == ["failed", "ok"]
    assert walk.order().index(parity) < walk.order().index(refresh) < walk.order().index("gate/intake-confirmation-gate")
    assert project.state(run).judgements["intake-confirmation-gate"].verdict == "pass"
    flag(walk, "fail-deploy", on=False)
    flag(walk, "fail-tests", on=True)
    walk.lift()
    # It succeeds: tests. They fail: halt and ask for mitigation.
    assert walk.stop() == tests
    assert walk.ended(f"{rehearse}#install") == ["failed", "ok"]
    assert "tests did not pass" in project.view(run).halt
    flag(walk, "fail-tests", on=False)
    flag(walk, "fail-rollback", on=True)
    walk.lift()
    # They pass: baseline; exit check: gate 2. Phase 3. The rollback fails: repair the automation, rehearse again.
    assert walk.stop() == back
    assert walk.order().index(tests) < walk.order().index(baseline) < walk.order().index(back)
    assert project.state(run).judgements["deployment-rehearsal-gate"].verdict == "pass"
    flag(walk, "fail-rollback", on=False)
    flag(walk, "finding", on=True, text=FINDING)
    walk.lift()
    # It succeeds: scans. Blocking findings: halt and ask for a remedy.
    assert walk.stop() == "gate/rollback-security-gate"
    assert project.state(run).halted.resume_at == scans
    assert walk.ended(f"{back}#roll-back") == ["failed", "ok"]
    assert "blocking" in project.view(run).halt
    flag(walk, "finding", on=False)
    walk.lift()
    # Scans pass: operational readiness; confirmed: the final review, after the exit check of gate 3.
    asked = project.go_until(run, "readiness").round
    # Phase 4. The package is there: review. Approval withheld: halt, resolve the risk, ask again.
    project.sign(run, asked, "po1", decision="no_go", reason="a risk is open")
    assert walk.stop() == f"{FOUR}/conduct-the-readiness-review"
    walk.lift()
    assert project.go_on(run) == Over("ready"), project.view(run).halt
    assert walk.branches(FOUR) == [
        ("assemble-the-go-no-go-package", "proceed", 1), ("conduct-the-readiness-review", "halt", 1), ("conduct-the-readiness-review", "proceed", 2),
    ]  # fmt: skip
    exits = [entry.data for entry in project.door().load(run).entries if entry.type == "exit.checked"]
    assert {str(data["check"]).partition("#")[0] for data in exits if data["held"]} == {ONE, TWO, THREE, FOUR}
    assert walk.branches(ONE) == [
        ("confirm-upstream-approvals", "halt", 1), ("confirm-upstream-approvals", "proceed", 2),
        ("validate-staging-parity", "again", 1), ("validate-staging-parity", "proceed", 2),
    ]  # fmt: skip
    assert ("complete-security-and-compliance-checks", "halt", 1) in walk.branches(THREE)
    order = walk.order()
    assert order.index(scans) < order.index(ready) < order.index("gate/rollback-security-gate")
    assert walk.attempts(scans) == walk.attempts(ready) == 2
    assert walk.attempts(tests) >= 2
    halts = [entry for entry in project.door().load(run).entries if entry.type in {"run.halted", "run.resumed"}]
    assert [entry.type for entry in halts] == ["run.halted", "run.resumed"] * 7
    assert all(entry.data.get("detail") or entry.data.get("statement_sha256") for entry in halts), "each with its facts"
