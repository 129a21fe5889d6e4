"""Engines killed by SIGKILL at random moments of whole releases: the long run of `make test-crash N=...`.

Kills come as they would by chance: after a time that is drawn anew for each engine (exponential, so that no moment of a
run's life is likelier than another). How long a life is, is measured first, on this machine as it is now; about
`KILLS_A_LIFE` kills fall into each. The time is counted from when the engine has opened the project, for one engine in
four, and for the others from when it has passed its first durable boundary: who dies before has done nothing. The kills
are spread over `SHARDS` tests that know nothing of each other, each with its own project, targets and server of engines;
the truth of one in four of them (the second first) is in PostgreSQL, of the others in SQLite.

One kill in twenty is of a whole worker (`gonogo worker`, as users start it): two of them have one database, either is killed
again and again, its successor is started at once, and whoever is left takes over.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gonogo.terms import RunId
from shared_workers import KILLED, Site, eventually
from tests.crashes.crash_harness import BEGUN, TRACE, Stage, Straight, effects, stage_at
from tests.crashes.database_stage import database_stage_at
from tests.crashes.launches import Launch, answer_halts, ends_alike, launch_at

RANDOM_KILLS = int(os.environ.get("GONOGO_RANDOM_KILLS", "40"))
SHARDS = int(os.environ.get("GONOGO_KILLS_SHARDS", "2"))
SEED = int(os.environ.get("GONOGO_RANDOM_SEED", str(time.time_ns() % 1_000_000)))
TALLY = os.environ.get("GONOGO_KILLS_TALLY", "")
"""Where each played scene leaves its line for the table (tools/kills_table.py); what went wrong is kept beside it."""
KILLS_A_LIFE = 20
MOST_WRONG = 5
FROM = (BEGUN, TRACE, TRACE, TRACE)
WORKER_KILLS = max(RANDOM_KILLS // 20, 4)
WORKERS = "PostgreSQL, whole workers"
WORKER_KILLS_A_LIFE = 4
MOST_A_RUN = 10
"""So many kills of workers a run has to bear at most: then it is left to those that live."""
LONGEST_RUN = 240.0


STAGED = {"SQLite": stage_at, "PostgreSQL": database_stage_at}
SHARED_OUT = [(shard, "PostgreSQL" if shard % 4 == 1 else "SQLite") for shard in range(SHARDS)]


@pytest.fixture
def launch(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    with launch_at(tmp_path_factory.mktemp("launch"), STAGED[database]) as launch:
        yield launch


@dataclass(frozen=True)
class Scene:
    """A saved scene, what a run that nobody killed comes to from there, and how long its engine lived, in seconds."""

    name: str
    known: Straight
    life: float


def scenes(launch: Launch) -> tuple[Scene, ...]:
    """The three scenes, each played once without a kill."""
    return tuple(
        Scene(name, known, _life(launch.stage, name, known))
        for name, known in (("good/0", launch.good), ("bad/0", launch.bad), ("spoiled", launch.bad))
    )


def _life(stage: Stage, name: str, known: Straight) -> float:
    stage.restore(name)
    engine = stage.begin("drive", known.run)
    engine.has_begun()
    begun = time.monotonic()
    assert not engine.ended()
    return time.monotonic() - begun


def killed_through(stage: Stage, scene: Scene, chance: random.Random, most: int) -> Iterator[float]:
    """Go through a scene with engines that are killed at random moments, until one lives to its end; each one's age."""
    for _ in range(most):
        engine = stage.begin("drive", scene.known.run, trace=True)
        engine.has_begun(chance.choice(FROM))
        age = chance.expovariate(KILLS_A_LIFE / scene.life)
        time.sleep(age)
        engine.kill()
        if not engine.ended():
            return
        yield age


@pytest.mark.slow
@pytest.mark.req("WFS-10", "ROL-06")
@pytest.mark.parametrize(("shard", "database"), SHARED_OUT)
def test_engines_killed_at_random_moments_change_nothing(launch: Launch, shard: int, database: str) -> None:
    stage, chance = launch.stage, random.Random(f"{SEED}/{shard}")
    left = RANDOM_KILLS // SHARDS + (shard < RANDOM_KILLS % SHARDS)
    played = scenes(launch)
    wrong: list[str] = []
    while left > 0:
        scene = chance.choice(played)
        kills = 0
        stage.restore(scene.name)
        try:
            for _ in killed_through(stage, scene, chance, left):
                kills, left = kills + 1, left - 1
            stage.go_on(scene.known.run)
            asked = answer_halts(stage, scene.known.run)
            ends_alike(stage, scene.known, f"seed {SEED}")
        except AssertionError:
            # One finding does not end a run of hours: it is kept as it lies there, and the rest is tried all the same.
            wrong.append(traceback.format_exc())
            _keep(stage, f"{shard}-{len(wrong)}", wrong[-1])
        else:
            told = {"database": database, "scene": scene.name, "shard": shard, "kills": kills, "asked": asked}
            _tell(stage, scene.known, told | {"life": round(scene.life, 2)})
        assert len(wrong) < MOST_WRONG, wrong
    assert wrong == []


@contextmanager
def pair_of_workers(stage: Stage) -> Iterator[tuple[Site, list[subprocess.Popen[bytes]]]]:
    """Two workers on the stage's database; who is in the list is killed when the block ends, if it lives still."""
    site = Site(stage.project, stage.project.environ["GONOGO_DATABASE"])
    try:
        yield site, [site.start(), site.start()]
    finally:
        site.stop()


def ready(site: Site, worker: subprocess.Popen[bytes]) -> None:
    """Wait until a worker is on the list and serves."""
    eventually(lambda: "at most" in site.said(worker) or worker.poll() is not None, "a worker begins", LONGEST_RUN)
    assert worker.poll() is None, site.said(worker)


def rests(stage: Stage, run: RunId) -> bool:
    """Whether a run has ended, or asks for people."""
    state = stage.project.state(run)
    return bool(state.outcome) or state.halted is not None


def workers_life(stage: Stage, name: str, run: RunId) -> float:
    """How many seconds two workers that nobody kills need for a scene."""
    stage.restore(name)
    with pair_of_workers(stage) as (site, pair):
        for worker in pair:
            ready(site, worker)
        return max(eventually(lambda: rests(stage, run), "a run that nobody disturbs ends", LONGEST_RUN), 0.5)


def kill_workers_through(stage: Stage, scene: Scene, chance: random.Random, most: int) -> int:
    """Go through a scene with two workers of which either is killed at random, until the run rests; how many kills."""
    kills = 0
    with pair_of_workers(stage) as (site, pair):
        ready(site, pair[0])
        while kills < most and not rests(stage, scene.known.run):
            time.sleep(chance.expovariate(WORKER_KILLS_A_LIFE / scene.life))
            place = chance.randrange(2)
            pair[place].kill()
            assert pair[place].wait() == KILLED, site.said(pair[place])
            kills += 1
            pair[place] = site.start()
            # At least one of them works at any time: of runs that nobody drives nothing is learned.
            ready(site, pair[1 - place])
        eventually(lambda: rests(stage, scene.known.run), f"{scene.known.run} rests after {kills} kills", LONGEST_RUN)
    return kills


@pytest.mark.slow
@pytest.mark.req("WFS-10", "ROL-06")
def test_whole_workers_killed_at_random_moments_change_nothing(tmp_path: Path) -> None:
    chance, left, wrong = random.Random(f"{SEED}/workers"), WORKER_KILLS, list[str]()
    with launch_at(tmp_path / "launch", database_stage_at) as launch:
        stage = launch.stage
        known = (("good/0", launch.good), ("bad/0", launch.bad), ("spoiled", launch.bad))
        played = tuple(Scene(name, each, workers_life(stage, name, each.run)) for name, each in known)
        while left > 0:
            scene = chance.choice(played)
            stage.restore(scene.name)
            try:
                kills = kill_workers_through(stage, scene, chance, min(left, MOST_A_RUN))
                left -= max(kills, 1)
                stage.go_on(scene.known.run)
                asked = answer_halts(stage, scene.known.run)
                ends_alike(stage, scene.known, f"seed {SEED}")
            except AssertionError:
                left -= 1
                wrong.append(traceback.format_exc())
                _keep(stage, f"workers-{len(wrong)}", wrong[-1])
            else:
                told = {"database": WORKERS, "scene": scene.name, "shard": "workers", "kills": kills, "asked": asked}
                _tell(stage, scene.known, told | {"life": round(scene.life, 2)})
            assert len(wrong) < MOST_WRONG, wrong
    assert wrong == []


def _tell(stage: Stage, known: Straight, told: dict[str, object]) -> None:
    """One line about a played scene, with what the targets' own records say, for the table of a long run."""
    if TALLY:
        counted = effects(stage)
        events = len(stage.project.door().load(known.run).entries)
        found = {"effects": counted.total(), "doubled": counted.total() - len(counted), "events": events}
        _append(told | found | {"outcome": known.ending.outcome})


def _append(told: dict[str, object]) -> None:
    # One write to a file that is opened for appending: lines of shards never mix.
    with Path(TALLY).open("ab", buffering=0) as file:
        file.write(json.dumps(told).encode() + b"\n")


def _keep(stage: Stage, name: str, words: str) -> None:
    if TALLY:
        folder = Path(f"{TALLY}-wrong") / name
        shutil.copytree(stage.root, folder, ignore=shutil.ignore_patterns("scenes"))
        (folder / "words.txt").write_text(words, encoding="utf-8")
