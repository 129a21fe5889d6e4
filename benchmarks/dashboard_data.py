"""Makes a project with many runs for `bench_dashboard.py`: real ledgers, written again under other names and times.

    python benchmarks/dashboard_data.py FOLDER [--finished 10000] [--running 200] [--rolling 20]

Three releases are driven in earnest by a project as the tests make it: one that went the whole way, one that waits for
people, one that was aborted. Every further run is the ledger of one of these, entry for entry, with its own name, release
and days: chained anew, so that every digest holds. What it names in the vault is shared. Of the running ones some are in
the middle of a rollout: the whole ledger up to its third sample. What comes next in it (`feed`) is written later.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "src")]

from gonogo.evidence.ledger import Entry, next_entry  # noqa: E402
from gonogo.terms import Person, RunId  # noqa: E402
from tests.projects import Project, small_project  # noqa: E402
from tests.worlds_http import place  # noqa: E402

OUTCOMES = ("ready", "released", "ready", "released", "ready", "released", "aborted")


@contextlib.contextmanager
def driven(folder: Path) -> Iterator[tuple[Project, dict[str, RunId]]]:
    """A project with the runs that all others are made from."""
    with place(folder / "staging") as staging, place(folder / "production") as production:
        project = small_project(folder / "shop", staging, production)
        found = {"ready": project.release("pre-deployment")}
        found["released"] = project.release("production-deployment")
        (staging.root / "slots/green").unlink()
        (staging.root / "slots/blue").write_text("v1")
        (staging.root / "weights.json").write_text('{"weights": {"blue": 100, "green": 0}}')
        aborted = project.begin("pre-deployment")
        project.go_until(aborted, "readiness")
        project.door().abort(aborted, "only for the figures", Person("rm1"))
        project.go_on(aborted)
        found["aborted"] = aborted
        found["waiting"] = aborted
        yield project, found


def rewritten(entries: tuple[Entry, ...], old: str, new: str, shift: timedelta) -> Iterator[Entry]:
    """The same entries as the log of another run, `shift` later."""
    last: Entry | None = None
    for entry in entries:
        data = json.loads(entry.line)["data"]
        if entry.type == "run.opened":
            data["version"] = new.rsplit("-", 2)[1]
        last = next_entry(last, ts=entry.ts + shift, type=entry.type, actor=entry.actor, data=data)
        yield last


FED = ("metrics.sampled", "rollout.judged", "traffic.moved")


def feed(root: Path) -> dict[str, list[tuple[str, dict[str, object]]]]:
    """What is still to be written to each run that is in the middle of a rollout: types and fields, in order."""
    return json.loads((root / "feed.json").read_text(encoding="utf-8"))


def fill(project: Project, models: dict[str, RunId], finished: int, running: int, rolling: int) -> None:
    """Write the runs into the journal, in one transaction, and the log of the site beside them."""
    journal = project.door().world.journal
    ledgers = {name: journal.entries(run) for name, run in models.items()}
    site = list(journal.site())
    until = next(index for index, entry in enumerate(ledgers["waiting"]) if entry.type == "abort.requested")
    ledgers["waiting"] = ledgers["waiting"][:until]
    sampled = [index for index, entry in enumerate(ledgers["released"]) if entry.type == "metrics.sampled"]
    ledgers["rolling"], models = ledgers["released"][: sampled[2] + 1], {**models, "rolling": models["released"]}
    rest = [entry for entry in ledgers["released"][sampled[2] + 1 :] if entry.type in FED]
    closing = {str(entry.data["run"]): entry for entry in site if entry.type == "run.closed"}
    opening = {str(entry.data["run"]): entry for entry in site if entry.type == "run.opened"}
    plan = [(OUTCOMES[number % len(OUTCOMES)], number) for number in range(finished)]
    plan += [("waiting" if number < running - rolling else "rolling", finished + number) for number in range(running)]
    now = datetime.now(UTC)
    first = ledgers["ready"][0].ts
    database = sqlite3.connect(project.root / ".gonogo/journal.db", isolation_level=None)
    database.execute("begin immediate")
    # The journal keeps what is in it; here the log of the site is made anew, with runs of half a year.
    triggers = database.execute("select name, sql from sqlite_master where type = 'trigger'").fetchall()
    for name, _ in triggers:
        database.execute(f"drop trigger {name}")
    database.execute("delete from gonogo_event where run = '@site'")
    last: Entry | None = None
    rows: list[tuple[str, int, bytes]] = []
    to_come: dict[str, object] = {}

    def note(entry: Entry, data: dict[str, object], at: datetime) -> None:
        nonlocal last
        last = next_entry(last, ts=max(at, last.ts if last else at), type=entry.type, actor=entry.actor, data=data)
        rows.append(("@site", last.seq, last.line))

    for kind, number in plan:
        model = models[kind]
        name = f"{model.rsplit('-', 2)[0]}-v{1000 + number}-{number:06x}"
        days = timedelta(days=180) * (number / len(plan))
        shift = now - timedelta(days=181) + days - first
        if kind == "rolling":
            shift = now - ledgers[kind][-1].ts
            to_come[name] = [(entry.type, json.loads(entry.line)["data"]) for entry in rest]
        run = list(rewritten(ledgers[kind], model, name, shift))
        rows += [(name, entry.seq, entry.line) for entry in run]
        database.execute("insert into gonogo_head (run, seq, hash) values (?, ?, ?)", (name, run[-1].seq, run[-1].digest))
        note(opening[model], {**json.loads(opening[model].line)["data"], "run": name, "version": f"v{1000 + number}"}, run[0].ts)
        if kind not in {"waiting", "rolling"}:
            note(closing[model], {**json.loads(closing[model].line)["data"], "run": name, "head": run[-1].digest}, run[-1].ts)
        if len(rows) > 20_000:
            database.executemany("insert into gonogo_event (run, seq, line) values (?, ?, ?)", rows)
            rows.clear()
    database.executemany("insert into gonogo_event (run, seq, line) values (?, ?, ?)", rows)
    assert last is not None
    database.execute("update gonogo_head set seq = ?, hash = ? where run = '@site'", (last.seq, last.digest))
    for model in set(models.values()):
        database.execute("delete from gonogo_event where run = ?", (model,))
        database.execute("delete from gonogo_head where run = ?", (model,))
    for _, text in triggers:
        database.execute(text)
    database.execute("commit")
    database.close()
    (project.root / "feed.json").write_text(json.dumps(to_come), encoding="utf-8")


def make(folder: Path, finished: int, running: int, rolling: int = 20) -> Path:
    """A filled project below `folder`; gives its root."""
    with driven(folder) as (project, models):
        fill(project, models, finished, running, rolling)
        return project.root


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--finished", type=int, default=10_000)
    parser.add_argument("--running", type=int, default=200)
    parser.add_argument("--rolling", type=int, default=20, help="so many of the running ones are in the middle of a rollout")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    print(make(given.folder, given.finished, given.running, given.rolling))
