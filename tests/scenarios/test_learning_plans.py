"""What follows from what runs taught: search by those who may read, roadmap, proposals, due reviews, effect of patterns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
from command_line import Said, gonogo

from gonogo.control.agents.door import AgentDoor
from gonogo.control.agents.tokens import create_token
from gonogo.control.learning.notes import IMPROVEMENT, LESSON, note_down
from gonogo.control.audit.searching import demand_reader, found_for
from gonogo.errors import Refused
from gonogo.plan.cadence import DAILY
from gonogo.protocol.threshold import Op
from gonogo.reports.patterns import Seen, effects, worse
from gonogo.reports.proposals import Direction, Measured, Past, Worked, proposals
from gonogo.reports.reviews import Completed, Held, ProtocolUse, ReviewKind, reviews
from gonogo.reports.roadmap import Improvement, Planning, Team, roadmap
from gonogo.reports.searching import Learned, search
from gonogo.run.agents import Scope, TokenWish
from gonogo.terms import Agent, Person, RunId
from tests.crashes.crash_harness import wait_until
from tests.one_step import look, one_check
from tests.projects import Project, small_project
from tests.unit.test_cli_errors import Nowhere

LESSON_SAID = {
    "context": "a slow disk",
    "insight": "the smoke suite is flaky at night",
    "action": "pinned the runner",
    "outcome": "no flake since",
    "applies_to": "every service",
}


@dataclass(frozen=True)
class Taught:
    """A project with one finished run about which a lesson and improvements are on file."""

    project: Project
    run: RunId

    def say(self, *arguments: str, code: int = 0) -> Said:
        said = gonogo(*arguments, "-C", self.project.root)
        assert said.code == code, said.err or said.out
        return said


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taught]:
    root = tmp_path_factory.mktemp("taught")
    project = one_check(small_project(root / "shop", Nowhere(root / "world/staging"), Nowhere(root / "world/production")), "operations")
    project.edit("config/release-approvers.yaml", "freeze_stakeholders:", "readers: {lessons: [release_manager, sre_lead]}\nfreeze_stakeholders:")
    run = look(project).run
    door = project.door()
    opened = door.load(run)
    note_down(door, LESSON, opened, LESSON_SAID, Person("rm1"))
    for what in ("a second runner", "one more probe", "none"):
        note_down(door, IMPROVEMENT, opened, {"what": what, "reason": "nights", "evidence": "the log", "expected": "calm"}, Person("rm1"))
    yield Taught(project, run)


@pytest.mark.req("LRN-13")
def test_the_words_of_a_lesson_find_it_and_the_rarest_word_decides_the_order() -> None:
    records = [
        Learned("lessons", "run-1", "2026-01-01", "ada", {"insight": "the gate was slow"}),
        Learned("lessons", "run-2", "2026-01-02", "ada", {"insight": "the Walrus sat on the gate"}),
        Learned("lessons", "run-3", "2026-01-03", "ada", {"insight": "the gate was fast"}),
        Learned("improvements", "run-4", "2026-01-04", "ada", {"what": "feed the walrus"}),
    ]
    assert [hit.found.run for hit in search(records, ["walrus", "gate"])] == ["run-2", "run-4", "run-3", "run-1"]
    assert [hit.found.run for hit in search(records, ["walrus sat"])] == ["run-2"]
    assert search(records, ["penguin"]) == ()
    assert search(records, ["walrus"])[-1].where == ("insight",)


@pytest.mark.req("LRN-13")
def test_only_those_whose_role_may_read_a_kind_find_it_or_list_it(taught: Taught) -> None:
    found = taught.say("search", "flaky", "suite", "--as", "rm1", "--json").json()
    assert [(hit["kind"], hit["run"], hit["by"]) for hit in found["found"]] == [("lessons", taught.run, "rm1")]
    assert found["withheld"] == []
    for who in ("po1", "stranger", "agent:helper", "pipeline:ci"):
        hidden = taught.say("search", "flaky", "--as", who, "--json").json()
        assert (hidden["found"], hidden["withheld"]) == ([], ["lessons"])
        assert "flaky" not in taught.say("search", "flaky", "--as", who).out.replace("`flaky`", "")
        for arguments in (("lessons",), ("lessons", "--search", "flaky"), ("search", "x", "--kind", "lessons")):
            refused = taught.say(*arguments, "--as", who, code=2)
            assert "lessons are for release_manager and sre_lead" in refused.err
            assert "flaky" not in refused.out + refused.err
    assert len(taught.say("lessons", "--as", "sre1", "--json").json()["records"]) == 1
    assert taught.say("search", "runner", "--as", "po1", "--json").json()["found"][0]["kind"] == "improvements"


@pytest.mark.req("LRN-13")
def test_a_kind_that_is_kept_to_a_role_that_nobody_has_is_an_error_of_the_approvers_file(tmp_path: Path) -> None:
    project = small_project(tmp_path / "shop", Nowhere(tmp_path / "staging"), Nowhere(tmp_path / "production"))
    project.edit("config/release-approvers.yaml", "freeze_stakeholders:", "readers: {lessons: [walrus], knowledge: []}\nfreeze_stakeholders:")
    said = gonogo("trust", "check", "-C", project.root)
    assert said.code == 2
    assert "names the role walrus, and nobody has it" in said.out + said.err
    assert "`readers.knowledge` names no role; nobody could read it" in said.out + said.err


@pytest.mark.req("LRN-13")
def test_an_agent_reads_what_was_taught_only_with_a_token_of_that_scope(taught: Taught) -> None:
    door = taught.project.door()
    agents = AgentDoor.of(door)
    try:
        texts = {}
        for name, scopes in {"reader": {Scope.READ}, "learner": {Scope.KNOWLEDGE}}.items():
            wish = TokenWish(name, "rm1", frozenset(scopes), ("*",), ("*",), timedelta(hours=1))
            texts[name] = create_token(door, wish, Person("rm1"))[1].reveal()
        assert "flaky at night" in resource(agents, texts["learner"], "gonogo://knowledge/flaky%20suite")
        for text, address in (
            (texts["reader"], "gonogo://knowledge/flaky"),
            ("", "gonogo://knowledge/flaky"),
            (texts["learner"], f"gonogo://runs/{taught.run}/report"),
            (texts["learner"], "gonogo://knowledge/../runs"),
        ):
            assert "flaky" not in resource(agents, text, address)
    finally:
        agents.close()


def resource(agents: AgentDoor, text: str, address: str) -> str:
    found = agents.read(agents.admit(text), address)
    return getattr(found, "text", str(found))


def improvement(number: int, **planning: object) -> Improvement:
    return Improvement(number, "run-1", "ada", f"thing {number}", "why", "calm", Planning(**planning))  # type: ignore[arg-type]


TEAM = Team(capacity=Decimal(2), buffer=Decimal("0.5"))
MONDAY = date(2026, 11, 23)


@pytest.mark.req("LRN-14")
def test_improvements_are_ranked_by_benefit_for_each_day_after_what_they_depend_on_with_a_buffer() -> None:
    found = roadmap(
        [
            improvement(1, benefit=5, effort=Decimal(10), owner="a", milestone="spring", due=date(2027, 1, 31)),
            improvement(2, benefit=4, effort=Decimal(2), owner="a", after=(3,), milestone="spring"),
            improvement(3, benefit=1, effort=Decimal(2), owner="a", waits_for=(("a host", date(2026, 12, 7)),)),
            improvement(4, benefit=3, effort=Decimal(1), owner="a", done=True),
            improvement(5),
        ],
        TEAM,
        MONDAY,
    )
    # 3 and 1 are worth the same for each day; 2 is worth most, and has to wait for 3.
    assert [item.improvement.number for item in found.items] == [1, 3, 2, 5]
    first, second, third, last = found.items
    assert (first.begin, first.end, first.buffered) == (MONDAY, date(2026, 12, 28), date(2027, 1, 15))
    assert (second.begin, second.end) == (date(2026, 12, 28), date(2027, 1, 4))
    assert (third.begin, third.end, third.buffered) == (date(2027, 1, 4), date(2027, 1, 11), date(2027, 1, 15))
    assert (last.begin, last.problems) == (None, ("nobody said its benefit", "nobody said its effort", "nobody said its owner"))
    assert found.milestones == (("spring", date(2027, 1, 15)),)
    assert (found.days, found.weeks) == (Decimal(14), Decimal(7))


@pytest.mark.req("LRN-14")
def test_what_stands_in_the_way_is_said_late_circles_and_unknown_numbers() -> None:
    found = roadmap(
        [
            improvement(1, benefit=5, effort=Decimal(2), owner="a", due=date(2026, 11, 30)),
            improvement(2, benefit=4, effort=Decimal(2), owner="a", after=(3,)),
            improvement(3, benefit=4, effort=Decimal(2), owner="a", after=(2,)),
            improvement(4, benefit=1, effort=Decimal(2), owner="a", after=(9,)),
        ],
        TEAM,
        MONDAY,
    )
    problems = {item.improvement.number: item.problems for item in found.items}
    assert problems[1] == ("is due on 2026-11-30, and done on 2026-12-04 with its buffer",)
    assert problems[2] == ("goes round: it comes after number 3, which comes after it",)
    assert problems[4] == ("comes after number 9, which is not on file",)


@pytest.mark.req("LRN-14")
def test_the_roadmap_shows_what_people_planned_and_leaves_out_what_changes_nothing(taught: Taught) -> None:
    taught.say("improvements", "--item", "1", "--benefit", "2", "--effort", "4", "--owner", "ada", "--as", "rm1")
    taught.say(
        "improvements", "--item", "2", "--kind", "automation", "--benefit", "5", "--effort", "2.5", "--owner", "grace", "--due", "2026-01-01",
        "--needs", "a staging host", "--links", "production-deployment", "--waits-for", "new proxy=2086-01-01", "--milestone", "calm", "--as", "rm1",
    )  # fmt: skip
    taught.say("improvements", "--item", "1", "--after", "2", "--as", "rm1")
    found = taught.say("improvements", "--roadmap", "--json", "--as", "rm1").json()
    assert [(item["number"], item["rank"], item["owner"]) for item in found["items"]] == [(2, 1, "grace"), (1, 2, "ada")]
    first, second = found["items"]
    assert (first["effort_days"], first["needs"], first["links"]) == ("2.5", ["a staging host"], ["production-deployment"])
    assert first["begin"] == "2086-01-01"
    assert first["problems"] == ["is due on 2026-01-01, and done on 2086-01-12 with its buffer"]
    assert second["begin"] == first["end"] == "2086-01-10"
    assert found["milestones"] == [{"name": "calm", "day": "2086-01-12"}]
    shown = taught.say("improvements", "--roadmap", "--as", "rm1").out
    assert "waits for: new proxy (2086-01-01)" in shown
    assert "6.5 person-days: 3.2 weeks at 2 days a week, buffer 20 %" in shown


@pytest.mark.req("LRN-14")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--benefit", "3"), 64, "these say something about one improvement"),
        (("--item", "1"), 64, "nothing was said about it"),
        (("--item", "99", "--benefit", "3"), 2, "there is no improvement 99"),
        (("--item", "3", "--benefit", "3"), 2, "there is no improvement 3"),
        (("--item", "1", "--after", "1"), 2, "improvement 1 cannot come after itself"),
        (("--item", "1", "--waits-for", "proxy"), 64, "`proxy` names no work and day"),
        (("--item", "1", "--effort", "0"), 64, "invalid value"),
        (("--item", "1", "--due", "soon"), 64, "invalid value"),
    ],
)
def test_a_plan_that_says_nothing_or_means_nothing_is_refused(taught: Taught, arguments: tuple[str, ...], code: int, words: str) -> None:
    assert words in taught.say("improvements", *arguments, "--as", "rm1", code=code).err


def measured(value: str, *, passed: bool = True, op: Op = Op.GE, limit: str = "0.9", unit: str = "ratio") -> Measured:
    return Measured("pre", "gate", "coverage", op, Decimal(limit), Decimal(value), unit, "config/protocol_gates/14.yaml", passed, waived=False)


def past(*found: Measured, rolled_back: int = 0, worked: tuple[Worked, ...] = (), by_hand: dict[str, int] | None = None) -> Past:
    return Past(len(found), rolled_back, found, worked, by_hand or {}, ())


@pytest.mark.req("LRN-18")
def test_limits_are_proposed_from_history_stricter_by_default_and_a_weaker_one_is_called_weaker() -> None:
    (strict,) = proposals(past(*[measured("0.98")] * 4, measured("0.97"), rolled_back=1), ())
    assert (strict.direction, strict.what, strict.write) == (Direction.STRICTER, "bound it by 0.963", "limits: {coverage: 0.963}")
    assert "1 of 5 runs were rolled back" in strict.why
    (weak,) = proposals(past(*[measured("0.8", passed=False)] * 4, measured("0.95")), ())
    assert (weak.direction, weak.direction.value) == (Direction.WEAKER, "WEAKER")
    assert "signature of the admins" in weak.takes
    assert proposals(past(*[measured("0.8", passed=False)] * 5, rolled_back=1), ()) == (), "a release that goes wrong weakens nothing"
    assert proposals(past(*[measured("0.98")] * 4), ()) == (), "four runs are chance"
    assert proposals(past(*[measured("0.9")] * 5), ()) == (), "there is no room"
    (timed,) = proposals(past(*[measured("100", op=Op.LE, limit="600", unit="duration")] * 5), ())
    assert timed.write == "limits: {coverage: 150s}"


@pytest.mark.req("LRN-18")
def test_steps_and_statements_by_hand_are_proposed_for_change_and_never_left_out() -> None:
    slow = Worked("pre", "tests", timedelta(minutes=12), 2)
    found = proposals(past(worked=(slow,) * 5, by_hand={"attest-sre": 5, "attest-qa": 4}), ())
    assert [(item.kind, item.about) for item in found] == [("step", "pre: tests"), ("step", "pre: tests"), ("automation", "attest-sre")]
    assert "5 of 5 runs needed more than one attempt" in found[0].why
    assert "it is not left out" in found[1].what


def folder_digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".gonogo" not in path.parts
    }


@pytest.mark.req("LRN-18")
def test_a_proposal_never_alters_a_lock_a_file_or_a_plan_and_holds_only_in_a_later_run_that_was_changed_by_review(tmp_path: Path) -> None:
    project = small_project(tmp_path / "shop", Nowhere(tmp_path / "staging"), Nowhere(tmp_path / "production"))
    one_check(project, "tests")
    document = project.root / "protocols/one-check.md"
    stated = "- **Threshold:** coverage ≥ 0.5.\n- **Boolean Check:**"
    project.edit("protocols/one-check.md", "- **Boolean Check:**", stated)
    project.edit("protocols/one-check.gonogo.yaml", "metrics:\n", "metrics:\n  coverage: {file: staging-test-results.json, pointer: /test_execution/coverage, unit: ratio}\n")
    assert gonogo("compile", document, "-C", project.root).code == 0
    runs = [look(project).run for _ in range(5)]
    before = folder_digests(project.root)
    plans = [project.door().load(run).plan.digest for run in runs]
    site = len(project.door().world.journal.site())
    found = gonogo("proposals", "--json", "-C", project.root).json()["proposals"]
    wanted = next(item for item in found if item["kind"] == "limit")
    assert (wanted["direction"], wanted["in_force"]) == ("stricter", False)
    assert folder_digests(project.root) == before, "the lock, the documents and the limits are what they were"
    assert [project.door().load(run).plan.digest for run in runs] == plans
    assert len(project.door().world.journal.site()) == site, "nothing was recorded, either"
    # A person takes it up in the file that it names; open runs keep their plan, a later run has the new one.
    waiting = project.begin("one-check")
    project.write(wanted["file"], f"schema: gonogo/gate-limits/1\nprotocol: one-check\n{wanted['write']}\n")
    limits = [clause.limit.value for clause in project.door().load(waiting).plan.gates["check-gate"].clauses]
    assert Decimal("0.5") in limits
    refused = gonogo("check", "-C", project.root)
    assert "GN0701" in refused.out + refused.err, "the lock holds until somebody compiles it anew, which is the review"
    assert gonogo("compile", document, "-C", project.root).code == 0
    project.go_on(waiting)
    assert project.state(waiting).outcome == "ready", "the open run went on by the plan that it began with"
    later = project.door().load(project.begin("one-check")).plan
    assert Decimal("0.5") not in [clause.limit.value for clause in later.gates["check-gate"].clauses]


BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def use(**fields: object) -> ProtocolUse:
    known: dict[str, object] = {"protocol": "pre", "first_used": BEGUN, "changed": None, "verdicts": {}, "by_hand": 0}
    return ProtocolUse(**{**known, **fields})  # type: ignore[arg-type]


@pytest.mark.req("LRN-19")
def test_reviews_are_due_after_completion_by_the_calendar_and_at_once_where_a_gate_stops_most_of_what_comes() -> None:
    run = Completed("run-1", "halted", BEGUN + timedelta(days=1), BEGUN + timedelta(days=2), None)
    found = {review.kind: review for review in reviews([run], [use(by_hand=3)], [], DAILY)}
    assert set(found) == set(ReviewKind)
    assert [found[kind].due - BEGUN for kind in ReviewKind] == [timedelta(days=days) for days in (1, 180, 90, 90, 90)]
    assert "3 statements by hand" in found[ReviewKind.AUTOMATION].why
    late = found[ReviewKind.COMPLETION]
    assert [late.standing(BEGUN + timedelta(days=days)) for days in (0, 1, 3)] == ["later", "due", "overdue"]
    strict = use(verdicts={"gate": ["fail", "waived", "fail", "pass", "fail"]})
    (gates,) = [review for review in reviews([], [strict], [], DAILY) if review.kind is ReviewKind.GATES]
    assert (gates.due, gates.why) == (BEGUN, "gate passed 1 of its last 5 judgements, 1 waived")


@pytest.mark.req("LRN-19")
def test_what_was_held_or_changed_is_due_again_only_after_its_time() -> None:
    later = BEGUN + timedelta(days=30)
    held = [Held(kind, "pre", later) for kind in (ReviewKind.GATES, ReviewKind.AUTOMATION, ReviewKind.PATTERNS)]
    found = {review.kind: review.due - later for review in reviews([], [use(changed=later)], held, DAILY)}
    assert found == {ReviewKind.TEMPLATE: timedelta(days=180), **dict.fromkeys((each.kind for each in held), timedelta(days=90))}
    run = Completed("run-1", "ready", BEGUN + timedelta(days=1), BEGUN + timedelta(days=2), BEGUN + timedelta(hours=30))
    assert reviews([run], [], [], DAILY) == ()


@pytest.mark.req("LRN-19")
def test_due_reviews_are_listed_and_one_that_was_held_is_on_file(taught: Taught) -> None:
    everything = taught.say("reviews", "--all", "--json").json()
    assert everything["due"] == 0
    assert {row["kind"] for row in everything["reviews"]} == {"completion", "template", "gates", "automation", "patterns"}
    project = taught.project
    if "template_review" not in (project.root / "gonogo.yaml").read_text():
        project.edit("gonogo.yaml", "project: shop\n", "project: shop\ncadence: {template_review: 1s}\n")
    wait_until(lambda: gonogo("reviews", "-C", project.root).code == 3)
    listed = taught.say("reviews", code=3)
    assert "template   one-check" in listed.out
    assert "1 reviews are due" in listed.out
    assert "say --with NAME" in taught.say("reviews", "--held", "gates", "--about", "one-check", "--finding", "fits", code=2).err
    assert "there is no review of gates about `walrus`" in taught.say("reviews", "--held", "gates", "--about", "walrus", code=2).err
    assert "name it with --about" in taught.say("reviews", "--held", "gates", code=64).err
    assert "say which: --held KIND" in taught.say("reviews", "--about", "x", code=64).err
    before = due_of(taught, "gates")
    taught.say("reviews", "--held", "gates", "--about", "one-check", "--with", "ada", "--finding", "the limits fit", code=3)
    assert due_of(taught, "gates") > before


def due_of(taught: Taught, kind: str) -> str:
    rows = gonogo("reviews", "--all", "--json", "-C", taught.project.root).json()["reviews"]
    return str(next(row["due"] for row in rows if row["kind"] == kind))


@pytest.mark.req("RSN-07")
def test_the_effect_of_a_pattern_is_counted_by_quarter_and_a_fall_is_named() -> None:
    seen = [
        *[Seen("pre", "rehearse", "2026-Q3", judged=1, passed=1, onward=2)] * 4,
        *[Seen("pre", "rehearse", "2026-Q4", judged=1, passed=n % 2, onward=1, back=1) for n in range(4)],
        Seen("pre", "rehearse", "2026-Q4", ratings=(4, 2), rework=1),
        Seen("pre", "prove", "2026-Q4", judged=1, passed=0),
    ]
    before, now, other = effects(seen)
    assert (before.quarter, before.pass_rate, before.straight) == ("2026-Q3", Decimal(1), Decimal(1))
    assert (now.pass_rate, now.straight, now.satisfaction, now.rework) == (Decimal("0.5"), Decimal("0.5"), Decimal(3), 1)
    assert [*worse((before, now, other))] == ["pre: `rehearse` passes less often: from 100 % in 2026-Q3 to 50 % in 2026-Q4"]
    assert [*worse((before, effects(seen[:5])[1]))] == [], "one bad run is no trend"


def test_the_json_of_search_is_one_object_also_where_nothing_is_found(taught: Taught) -> None:
    assert json.loads(taught.say("search", "penguin", "--as", "rm1", "--json").out)["found"] == []
    assert "missing argument" in taught.say("search", code=64).err
    with pytest.raises(Refused, match="lessons are for"):
        demand_reader(taught.project.door(), Agent("helper"), "lessons")
    assert found_for(taught.project.door(), Agent("helper"), ["flaky"]) == ()
