"""How runs go: what is late or unusual, from a log and an injected clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from command_line import gonogo

from gonogo.control.compiled import compile_for
from gonogo.control.sources import open_workspace
from gonogo.evidence.ledger import NOTHING_BEFORE, Entry
from gonogo.plan.model import Execute, Plan, Watch
from gonogo.reports.anomalies import Anomaly, Usual, anomalies, clock_anomalies
from gonogo.run.events import Event, EvidenceSealed, PlanBound, Recorded, RunHalted, RunOpened, RunResumed, TaskFinished, TaskIntended
from gonogo.terms import Digest, Engine, Person
from tests.projects import Project, small_project
from tests.unit.test_cli_errors import Nowhere
from worlds import MORNING

SOME = Digest("1f" * 32)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    place = tmp_path_factory.mktemp("vitals")
    return small_project(place / "shop", Nowhere(place / "world/staging"), Nowhere(place / "world/production"))


@pytest.fixture(scope="module")
def plan(shop: Project) -> Plan:
    found = compile_for(open_workspace(shop.root), "production-deployment", "v2").plan
    assert found is not None
    return found


class Log:
    """A log that is written by hand."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.at = MORNING
        self.entries: list[Recorded] = []
        self.add(RunOpened(plan.name, "shop", "v2", SOME, plan.environment, "dev1", "build-7"))
        self.add(PlanBound(plan.digest, {}, {}, {}))

    def add(self, event: Event, after: timedelta = timedelta(0)) -> Log:
        self.at += after
        self.entries.append(Recorded(len(self.entries), self.at, Engine("local"), event))
        return self

    def does(self, task: str, seconds: float = 1.0, start: int = 1) -> Log:
        self.add(TaskIntended(task, 1, start, "", 0, "build-7", SOME))
        return self.add(TaskFinished(task, 1, start, "ok", {}, None), timedelta(seconds=seconds))

    def up_to(self, wanted: Callable[[object], bool]) -> str:
        """Do every task before the first whose act is wanted; its name."""
        for stage in self.plan.stages:
            for task in stage.tasks:
                if wanted(task.act):
                    return task.id
                self.does(task.id)
            for name in stage.evidence:
                self.add(EvidenceSealed(name, SOME, 1000, stage.id, 1, "measured"))
        raise AssertionError("no such task")

    def odd(self, usual: Usual | None = None, later: timedelta = timedelta(0)) -> list[tuple[str, str]]:
        found = anomalies(self.plan, self.entries, usual or Usual(), self.at + later)
        return [(each.kind, each.where) for each in found]


@pytest.mark.req("RSN-11")
def test_a_delay_beyond_the_expected_duration_is_flagged_as_time_goes_by(plan: Plan) -> None:
    log = Log(plan)
    command = log.up_to(lambda act: isinstance(act, Execute))
    log.add(TaskIntended(command, 1, 1, "", 0, "build-7", SOME))
    assert ("delay", "main") not in log.odd(later=timedelta(minutes=44))
    late = anomalies(plan, log.entries, Usual(), log.at + timedelta(minutes=46))
    assert Anomaly("delay", "main", "46 minutes of work, 45 minutes were expected at most") in late
    assert ("delay", "in all") in log.odd(later=timedelta(minutes=91))


@pytest.mark.req("RSN-11")
def test_waiting_for_people_is_no_delay(plan: Plan) -> None:
    log, stage = Log(plan), plan.stages[0].id
    log.add(RunHalted("person", "stop", stage, stage, None), timedelta(minutes=1))
    assert log.odd(later=timedelta(days=3)) == []
    log.add(RunResumed(stage, 2, SOME, "rm1"), timedelta(days=3))
    assert log.odd() == []


@pytest.mark.req("RSN-13")
def test_a_straight_log_has_no_anomaly(plan: Plan) -> None:
    log = Log(plan)
    log.up_to(lambda act: isinstance(act, Watch))
    assert log.odd() == []


@pytest.mark.req("RSN-13")
def test_an_act_out_of_order_is_an_anomaly(plan: Plan) -> None:
    log = Log(plan)
    deploy = next(task.id for stage in plan.stages for task in stage.tasks if isinstance(task.act, Execute))
    log.does(deploy)
    first = next(task.id for stage in plan.stages for task in stage.tasks)
    assert log.odd() == [("order", deploy), ("order", deploy)]
    assert first in anomalies(plan, log.entries, Usual(), log.at)[0].words


@pytest.mark.req("RSN-13")
@pytest.mark.parametrize(("seconds", "usual", "odd"), [(100, (20, 25, 30), True), (60, (20, 25, 30), False), (8, (0.1, 0.1, 0.1), False), (100, (20, 25), False)])
def test_an_act_that_takes_far_longer_than_in_earlier_runs_is_an_anomaly(plan: Plan, seconds: float, usual: tuple[float, ...], odd: bool) -> None:
    log = Log(plan)
    task = plan.stages[0].tasks[0].id
    log.does(task, seconds)
    assert log.odd(Usual(seconds={task: usual})) == ([("duration", task)] if odd else [])


@pytest.mark.req("RSN-13")
@pytest.mark.parametrize(("size", "odd"), [(0, True), (99, True), (101, False), (9_900, False), (10_100, True)])
def test_a_file_that_is_empty_or_far_from_its_usual_size_is_an_anomaly(plan: Plan, size: int, odd: bool) -> None:
    log = Log(plan)
    log.add(EvidenceSealed("report.json", SOME, size, plan.stages[0].id, 1, "measured"))
    found = log.odd(Usual(sizes={"report.json": (1_000, 1_010, 990)}))
    assert found == ([("size", "report.json")] if odd else [])


@pytest.mark.req("RSN-13")
def test_repeated_starts_and_attempts_are_told_with_their_number(plan: Plan) -> None:
    log = Log(plan)
    task = plan.stages[0].tasks[0].id
    for start in (1, 2, 3):
        log.add(TaskIntended(task, 1, start, "", 0, "build-7", SOME))
    assert ("attempts", task) in log.odd()
    again, stage = Log(plan), plan.stages[0].id
    for _ in range(2):
        again.add(RunHalted("task_failed", "stop", stage, stage, None))
        again.add(RunResumed(stage, again.entries[-1].seq, SOME, "rm1"))
    found = anomalies(plan, again.entries, Usual(), again.at)
    assert Anomaly("attempts", stage, "this is attempt 3 of the step") in found


@pytest.mark.req("RSN-13")
def test_a_run_with_something_to_do_in_which_nothing_happens_is_stalled(plan: Plan) -> None:
    log = Log(plan)
    assert log.odd(later=timedelta(minutes=14)) == []
    assert ("stalled", "event 1") in log.odd(later=timedelta(minutes=16))
    stage = plan.stages[0].id
    log.add(RunHalted("person", "stop", stage, stage, None))
    assert log.odd(later=timedelta(days=30)) == [], "a halted run may stand for any time (ERR-10)"


@pytest.mark.req("RSN-13")
def test_a_clock_that_went_back_is_an_anomaly() -> None:
    def entry(seq: int, ts: datetime, kind: str = "task.finished") -> Entry:
        return Entry(seq, ts, kind, Person("dev1"), {}, NOTHING_BEFORE, b"", SOME)

    later = MORNING + timedelta(seconds=1)
    assert clock_anomalies([entry(0, MORNING), entry(1, later)]) == ()
    found = clock_anomalies([entry(0, later), entry(1, MORNING), entry(2, later, "clock.anomaly")])
    assert [each.where for each in found] == ["event 1", "event 2"]


@pytest.mark.req("RSN-12")
def test_runs_are_shown_with_gates_and_completeness(shop: Project) -> None:
    run = next(iter(shop.door().runs()), None) or shop.begin("pre-deployment")
    shop.door().drive(run, patient=False, listener=lambda state, entry: None)
    (row,) = gonogo("metrics", "vitals", "--json", "--project", shop.root).json()["runs"]
    assert (row["run"], row["gates_passed"], row["gates_judged"], row["artifact_completeness"]) == (run, 0, 0, "0")
    said = gonogo("metrics", "vitals", "--project", shop.root)
    assert (said.code, "gates 0 of 0 passed" in said.out) == (0, True)


def doctor(shop: Project) -> dict[str, list[dict[str, object]]]:
    rows: dict[str, list[dict[str, object]]] = {}
    for row in gonogo("doctor", "--json", "--project", shop.root).json()["examined"]:
        rows.setdefault(row["what"], []).append(row)
    return rows


def test_the_doctor_names_stops_leases_of_the_dead_orphans_and_plans_with_a_remedy_each(shop: Project) -> None:
    if not shop.door().runs():
        shop.begin("pre-deployment")
    (shop.root / ".gonogo/effects").mkdir(parents=True, exist_ok=True)
    (shop.root / ".gonogo/effects/.place").write_text("ab12cd34")  # Where workers share a database it tells this place from others.
    rows = doctor(shop)
    assert all(rows[what][0]["ok"] for what in ("clock", "database", "plans", "orphans", "anchors")), rows
    door = shop.door()
    (run, *_) = door.runs()
    door.world.journal.hold("staging", "the power is cut", actor=Person("rm1"), now=door.world.clock.now())
    with door.world.journal.write(run, door.load(run).state.seq, actor=Person("rm1"), now=door.world.clock.now()) as change:
        change.take_lease("production", "a test")
    (shop.root / ".gonogo/effects/nobody-0001").mkdir(parents=True)
    rows = doctor(shop)
    assert rows["stop"][0]["remedy"] == "when its reason is gone: gonogo lock lift staging"
    assert f"{run} holds production, and no engine drives it" in str(rows["lease"][0]["detail"])
    assert f"gonogo resume {run}" in str(rows["lease"][0]["remedy"])
    assert "nobody-0001 belongs to no run" in str(rows["orphans"][0]["detail"])
    assert not any(row["needed"] for what in ("stop", "lease", "orphans") for row in rows[what])
