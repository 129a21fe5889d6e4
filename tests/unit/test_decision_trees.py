"""Decision trees of the four phases: read, bound to steps, followed branch by branch, and checked against halts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from gonogo.control.compiled import compile_for
from gonogo.control.sources import open_workspace
from gonogo.document.reading import read_document
from gonogo.findings import Finding
from gonogo.plan.compiling import Compilation
from gonogo.plan.model import Judge, Plan, Seal, Stage
from gonogo.protocol.model import BranchWay, Phase, Protocol
from gonogo.protocol.rules.checking import lint
from gonogo.run.events import Event, EvidenceSealed, GateJudged, PackageSealed, Recorded, RunHalted, RunResumed, TaskFinished
from gonogo.run.events_of_branches import BranchTaken, ExitChecked
from gonogo.run.machine import Over, Record, decide
from gonogo.run.state import RunState, advance, attempt_of
from gonogo.terms import Digest, Engine
from tests.projects import Project, small_project
from tests.unit.test_cli_errors import Nowhere
from worlds import MORNING

SOME = Digest("1f" * 32)
BUILT_IN = Path(__file__).resolve().parents[2] / "src/gonogo/library/pre-deployment.md"
GATES = {1: "intake-confirmation-gate", 2: "deployment-rehearsal-gate", 3: "rollback-security-gate", 4: "readiness-approval-gate"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    place = tmp_path_factory.mktemp("trees")
    return small_project(place / "shop", Nowhere(place / "world/staging"), Nowhere(place / "world/production"))


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    # A project of its own: tests that change the other one's document may come first.
    place = tmp_path_factory.mktemp("plan")
    whole = small_project(place / "shop", Nowhere(place / "world/staging"), Nowhere(place / "world/production"))
    found = compile_for(open_workspace(whole.root), "pre-deployment", "v2")
    assert found.plan is not None, found
    return found.plan


@dataclass
class Walk:
    """A run of nothing but events: every act ends well, but those stages whose next end is told beforehand."""

    plan: Plan
    fails: dict[str, dict[str, str]] = field(default_factory=dict)
    state: RunState = field(default_factory=RunState)
    events: list[Event] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        self.events.append(event)
        entry = Recorded(len(self.events), MORNING + timedelta(seconds=len(self.events)), Engine("local"), event)
        self.state = advance(self.plan, self.state, entry)

    def go(self) -> object:
        """On, until the run halts or is over."""
        for _ in range(2000):
            act = decide(self.plan, self.state, MORNING)
            if isinstance(act, Over):
                return act
            if isinstance(act, Record):
                self.tell(act.event)
                if isinstance(act.event, RunHalted):
                    return act.event
                continue
            self.end(next(stage for stage in (*self.plan.stages, self.plan.closing) if act.task in stage.tasks), act)  # type: ignore[union-attr]
        raise AssertionError("it never ends")

    def end(self, stage: Stage, act: object) -> None:
        task = act.task  # type: ignore[attr-defined]
        attempt = attempt_of(self.state, stage)
        facts = self.fails.pop(stage.id, None)
        if isinstance(task.act, Judge):
            self.tell(GateJudged(task.act.gate, attempt, "fail" if facts is not None else "pass", SOME))
        if isinstance(task.act, Seal):
            self.tell(PackageSealed(task.act.package, "package.zip", SOME, 1, 1))
        if facts is None:
            for name in stage.evidence:
                self.tell(EvidenceSealed(name, SOME, 1, stage.id, attempt, "measured"))
        self.tell(TaskFinished(task.id, attempt, 0, "ok" if facts is None else "failed", facts or {}, None if facts is None else SOME))

    def lift(self) -> None:
        assert self.state.halted is not None
        self.tell(RunResumed(self.state.halted.resume_at, self.state.halted.seq, SOME, "rm1"))

    def branches(self) -> list[BranchTaken]:
        return [event for event in self.events if isinstance(event, BranchTaken)]

    def exits(self) -> list[ExitChecked]:
        return [event for event in self.events if isinstance(event, ExitChecked)]


def questions(plan: Plan, phase: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in plan.transitions:
        if item.phase == phase:
            found.setdefault(item.stage.rpartition("/")[2], []).append(item.way.value)
    return found


@pytest.mark.req("RSN-01", "RSN-18")
def test_every_branch_of_the_four_phases_is_bound_to_the_step_that_decides_it(plan: Plan) -> None:
    assert questions(plan, 1) == {"confirm-upstream-approvals": ["proceed", "halt"], "validate-staging-parity": ["proceed", "again"]}
    assert questions(plan, 2) == {"rehearse-the-deployment": ["proceed", "again"], "run-smoke-and-acceptance-tests": ["proceed", "halt"]}
    assert questions(plan, 3) == {
        "rehearse-the-rollback": ["proceed", "again"],
        "complete-security-and-compliance-checks": ["proceed", "halt"],
        "verify-runbooks-and-support-coverage": ["proceed"],
    }
    assert questions(plan, 4) == {"assemble-the-go-no-go-package": ["proceed", "again"], "conduct-the-readiness-review": ["proceed", "halt"]}
    order = [stage.id for stage in plan.stages]
    for item in plan.transitions:
        behind = order.index(item.to) - order.index(item.stage)
        assert behind == 1 if item.way is BranchWay.PROCEED else behind <= 0, f"{item.id}: no branch leaves a step out"
    assert {check.phase: [part.gate or part.stage.rpartition("/")[2] for part in check.parts] for check in plan.exit_checks} == {
        1: [GATES[1], GATES[1]],
        2: ["rehearse-the-deployment", "run-smoke-and-acceptance-tests"],
        3: ["rehearse-the-rollback", "complete-security-and-compliance-checks", "verify-runbooks-and-support-coverage"],
        4: ["assemble-the-go-no-go-package", "conduct-the-readiness-review"],
    }
    assert [check.at for check in plan.exit_checks] == [f"gate/{GATES[phase]}" for phase in (1, 2, 3, 4)]


@pytest.mark.req("RSN-01", "RSN-15", "RSN-16", "RSN-17", "RSN-18")
def test_where_all_holds_each_branch_onward_is_taken_once_and_each_exit_checked_with_its_facts(plan: Plan) -> None:
    walk = Walk(plan)
    assert walk.go() == Over("ready")
    onward = [item for item in plan.transitions if item.way is BranchWay.PROCEED]
    assert [event.branch for event in walk.branches()] == [item.id for item in onward]
    for event, item in zip(walk.branches(), onward, strict=True):
        owed = next(stage.evidence for stage in plan.stages if stage.id == item.stage)
        assert event == BranchTaken(item.id, item.stage, 1, "proceed", item.to, {"outcome": "ok", "evidence": dict.fromkeys(owed, SOME)})
        after = walk.events[walk.events.index(event) + 1 :]
        following = next(each for each in after if isinstance(each, TaskFinished))
        assert following.task.rpartition("#")[0] == item.to
    assert [(event.check, event.held) for event in walk.exits()] == [(check.id, True) for check in plan.exit_checks]
    assert walk.exits()[0].facts == {"1": f"pass {GATES[1]}", "2": f"pass {GATES[1]}"}
    places = [walk.events.index(each) for each in walk.exits()]
    for phase, place in enumerate(places, start=1):
        inside = {task.id for stage in plan.stages if stage.phase == phase for task in stage.tasks}
        outside = {task.id for stage in plan.stages if stage.phase > phase for task in stage.tasks}
        ended = {each.task for each in walk.events[:place] if isinstance(each, TaskFinished)}
        assert inside <= ended
        assert not outside & ended, "a phase is left behind its check only"


FOUR = "final-readiness-review-and-handoff"
TURNS = {
    "an approval is missing": ("intake-validation-and-staging-alignment/confirm-upstream-approvals", "halt"),
    "drift": ("intake-validation-and-staging-alignment/validate-staging-parity", "again"),
    "the rehearsal fails": ("deployment-rehearsal-and-verification/rehearse-the-deployment", "again"),
    "a critical test fails": ("deployment-rehearsal-and-verification/run-smoke-and-acceptance-tests", "halt"),
    "the rollback fails": ("rollback-security-and-operational-readiness/rehearse-the-rollback", "again"),
    "blocking findings": ("rollback-security-and-operational-readiness/complete-security-and-compliance-checks", "halt"),
    "the package is incomplete": (f"{FOUR}/assemble-the-go-no-go-package", "again"),
    "approval is withheld": (f"{FOUR}/conduct-the-readiness-review", "halt"),
}


@pytest.mark.req("RSN-01", "RSN-15", "RSN-16", "RSN-17", "RSN-18")
@pytest.mark.parametrize("what", TURNS)
def test_what_does_not_hold_takes_its_branch_first_then_halts_and_goes_on_only_when_it_held_again(plan: Plan, what: str) -> None:
    stage, way = TURNS[what]
    walk = Walk(plan, {stage: {"cause": "task_failed"}})
    halt = walk.go()
    assert isinstance(halt, RunHalted)
    assert (halt.cause, halt.stage, halt.resume_at) == ("task_failed", stage, stage)
    taken = walk.branches()[-1]
    assert walk.events[-2] is taken, "the decision is on record before the halt"
    assert (taken.stage, taken.way, taken.to, taken.attempt) == (stage, way, stage, 1)
    assert (taken.facts["outcome"], taken.facts["cause"], taken.facts["detail"]) == ("failed", "task_failed", SOME)
    before = len(walk.branches())
    walk.lift()
    assert walk.go() == Over("ready")
    again = walk.branches()[before]
    assert (again.stage, again.way, again.attempt) == (stage, "proceed", 2)


@pytest.mark.req("RSN-01")
def test_a_gate_that_sends_a_run_back_takes_the_branch_of_the_step_that_fell_short(plan: Plan) -> None:
    scans, later = TURNS["blocking findings"][0], "rollback-security-and-operational-readiness/verify-runbooks-and-support-coverage"
    walk = Walk(plan, {f"gate/{GATES[3]}": {"cause": "gate_failed", "resume_at": scans}})
    assert isinstance(walk.go(), RunHalted)
    assert (walk.branches()[-1].stage, walk.branches()[-1].way) == (scans, "halt")
    assert GATES[3] not in [each.check for each in walk.exits()]
    walk.lift()
    assert walk.go() == Over("ready")
    twice = [each.attempt for each in walk.branches() if each.stage == later]
    assert twice == [1, 2], "what was done again is decided again"
    assert [each.held for each in walk.exits()] == [True] * 4


@pytest.mark.req("RSN-01")
def test_a_branch_begins_again_where_it_says_at_an_earlier_step_and_never_at_a_later_one(plan: Plan) -> None:
    rollback, rehearse = TURNS["the rollback fails"][0], TURNS["the rehearsal fails"][0]
    back = tuple(replace(item, to=rehearse) if (item.stage, item.way) == (rollback, BranchWay.AGAIN) else item for item in plan.transitions)
    walk = Walk(replace(plan, transitions=back), {rollback: {}})
    halt = walk.go()
    assert isinstance(halt, RunHalted)
    assert (halt.stage, halt.resume_at) == (rollback, rehearse)


@pytest.mark.req("RSN-01")
def test_a_phase_is_not_left_while_its_then_lacks_something(plan: Plan) -> None:
    first, *others = plan.exit_checks
    unmet = replace(first, parts=(*first.parts, replace(first.parts[0], text="the moon is full", gate="", stage="moon")))
    last = plan.stages[-1].id
    unmet = replace(unmet, parts=(replace(unmet.parts[-1], stage=last), *unmet.parts[:-1]))
    walk = Walk(replace(plan, exit_checks=(unmet, *others)))
    halt = walk.go()
    assert isinstance(halt, RunHalted)
    assert (halt.cause, halt.stage, halt.resume_at) == ("exit_check", f"gate/{GATES[1]}", last)
    (checked,) = walk.exits()
    assert not checked.held
    assert checked.facts["1"] == f"lacking {last}"


def test_a_run_whose_plan_was_kept_before_there_were_trees_takes_no_branch(plan: Plan) -> None:
    walk = Walk(replace(plan, transitions=(), exit_checks=()))
    assert walk.go() == Over("ready")
    assert (walk.branches(), walk.exits()) == ([], [])


def protocol_with(changes: Mapping[str, str]) -> Protocol:
    text = BUILT_IN.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    found = read_document(text.encode(), "pre-deployment.md").protocol
    assert found is not None
    return found


def found_in(changes: Mapping[str, str]) -> list[Finding]:
    return [each for each in lint(protocol_with(changes)) if each.code in {"GN0407", "GN0311"}]


DRIFT = "Document the drift, ask for a remedy, and repeat the parity comparison"
CONTRADICTIONS = {
    "goes on in spite of drift": {DRIFT: "Proceed to the refresh of test data"},
    "goes on with an approval that is missing": {"**IF** every upstream approval holds": "**IF** an upstream approval is missing"},
    "goes on though the rollback failed": {"**IF** the rehearsed rollback succeeded": "**IF** the rollback check failed"},
    "goes on where the same tree halts": {"**IF** smoke and acceptance tests pass": "**IF** a critical test fails"},
    "goes on without the package": {"**IF** the package is assembled whole": "**IF** a required member is missing"},
    "goes on, and repairs it later": {DRIFT: "Document the drift, go on to the rehearsal, fix it later"},
    "goes on with what is open": {"**IF** the security scans show nothing that blocks": "**IF** blocking findings are open"},
}


@pytest.mark.req("RSN-01")
@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_branch_that_goes_on_where_a_halt_stops_is_an_error_with_both_places(what: str) -> None:
    found = [each for each in found_in(CONTRADICTIONS[what]) if each.code == "GN0407"]
    assert found
    assert found[0].labels, "the halt is shown beside the branch"
    assert found[0].labels[0].origin.line != found[0].primary.line


ALIKE = {
    "nothing is missing": {"**IF** every upstream approval holds": "**IF** no upstream approval is missing or expired"},
    "no drift": {"**IF** staging parity is confirmed": "**IF** no staging drift is found"},
    "resolved": {"**IF** the security scans show nothing that blocks": "**IF** the blocking security findings are resolved"},
    "without errors": {"**IF** the deployment was rehearsed to its end": "**IF** the rehearsed deployment ended without an error"},
}


@pytest.mark.parametrize("what", ALIKE)
def test_a_branch_that_goes_on_because_a_halt_does_not_apply_is_none(what: str) -> None:
    assert found_in(ALIKE[what]) == []


def test_a_branch_that_leads_nowhere_is_named() -> None:
    (found,) = found_in({DRIFT: "Think about it"})
    assert (found.code, found.level.name) == ("GN0311", "WARNING")


def compiled(project: Project, changes: Mapping[str, str], bindings: str = "") -> Compilation:
    text = BUILT_IN.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    project.write("protocols/pre-deployment.md", text)
    project.write("protocols/pre-deployment.gonogo.yaml", BUILT_IN.with_suffix(".gonogo.yaml").read_text(encoding="utf-8") + bindings)
    if "protocols:" not in (project.root / "gonogo.yaml").read_text(encoding="utf-8"):
        project.edit("gonogo.yaml", "project: shop\n", "project: shop\nprotocols: {pre-deployment: protocols/pre-deployment.md}\n")
    return compile_for(open_workspace(project.root), "pre-deployment", "v2")


ODD = "check that the package is assembled and the approval of the review is recorded"


@pytest.mark.req("RSN-01")
def test_a_contradiction_with_a_halt_keeps_a_document_from_becoming_a_plan(project: Project) -> None:
    found = compiled(project, CONTRADICTIONS["goes on in spite of drift"])
    assert found.plan is None
    assert "GN0407" in {each.code for each in found.findings}


@pytest.mark.req("RSN-01")
def test_a_then_that_nothing_shows_is_an_error_until_the_sidecar_names_its_step(project: Project) -> None:
    found = compiled(project, {ODD: "check that the lighthouse shines"})
    assert found.plan is None
    assert [each.message for each in found.findings if each.level.name == "ERROR"] == [
        "`the lighthouse shines` is to be checked at the end of phase 4, and names no step that shows it"
    ]
    bound = compiled(project, {ODD: "check that the lighthouse shines"}, f"\nbranches:\n  the lighthouse shines: {FOUR}/update-the-deployment-checklist\n")
    assert bound.plan is not None
    assert bound.plan.exit_checks[-1].parts[0].stage == f"{FOUR}/update-the-deployment-checklist"
    wrong = compiled(project, {}, f"\nbranches:\n  no tree says this: {FOUR}/update-the-deployment-checklist\n")
    assert [each.code for each in wrong.findings] == ["GN0702"]


@pytest.mark.req("RSN-01")
def test_a_then_that_is_stricter_than_the_gate_is_judged_with_the_gate(project: Project) -> None:
    found = compiled(project, {"completeness score = 100% and drift severity ≤ low": "completeness score = 100% and parity score ≥ 0.99"})
    assert found.plan is not None
    clauses = [clause.text for clause in found.plan.gates[GATES[1]].clauses]
    assert clauses.count("parity score ≥ 0.99") == 1
    assert clauses.count("parity score ≥ 0.95") == 1
    assert [part.gate for part in found.plan.exit_checks[0].parts] == [GATES[1], GATES[1]]


@pytest.mark.req("RSN-01")
def test_a_branch_that_no_step_decides_is_said_and_moves_nothing(project: Project) -> None:
    found = compiled(project, {"**IF** runbooks and support coverage are confirmed → Proceed to the final readiness review": "**IF** the moon is full → Proceed to the sea"})
    assert found.plan is not None
    said = [each.message for each in found.findings if "moon" in each.message]
    assert said == ["branch `the moon is full → Proceed to the sea` is bound to no step; it moves nothing"]


def phase_of(tree: str) -> Phase:
    steps = "1. **`[MUST]` Check the Rope:**\n   * **Action:** Pull it.\n   * **Halt condition:** Stop if it tears.\n   * **Evidence:** `rope.json`\n"
    text = f"# PROTOCOL 42: LAMP\n\n## WORKFLOW\n\n### PHASE 1: Lowering\n\n{tree}\n\n{steps}"
    found = read_document(text.encode(), "lamp.md").protocol
    assert found is not None
    return found.phases[0]


@pytest.mark.req("RSN-01")
def test_trees_are_read_however_their_lines_are_written() -> None:
    (tree,) = phase_of(
        "**Decision Tree:**\n- **IF** the rope holds -> Proceed to the lamp\n- **ELSE IF** it frays\n- **THEN** Halt and fetch another\n"
        "- **ELIF** it is wet then dry it and repeat the check\n- **OTHERWISE** → Stop\n- **THEN** Verify knots = 2."
    ).trees
    assert [(each.keyword, each.condition, each.way) for each in tree.branches] == [
        ("if", "the rope holds", BranchWay.PROCEED),
        ("else if", "it frays", BranchWay.HALT),
        ("else if", "it is wet", BranchWay.AGAIN),
        ("else", "", BranchWay.HALT),
    ]
    assert [each.text for each in tree.exit_checks] == ["knots = 2"]
    assert phase_of("**Decision Tree:** think first").trees == ()
    (ways,) = phase_of(
        "**Decision Tree:**\n- **IF** a → Start over\n- **IF** b → Begin with the repeated check\n- **IF** c → Complete it before you proceed"
    ).trees
    assert [each.way for each in ways.branches] == [BranchWay.AGAIN, BranchWay.PROCEED, BranchWay.AGAIN]
