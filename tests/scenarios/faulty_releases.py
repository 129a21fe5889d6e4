"""The faults of pre-deployment, one at a time: what is done to a release that was good so far, and what has to stop it.

A release is driven once; before the steps that faults are about, its folder is copied and the world noted. Each fault
begins from the copy that lies just before it, so that it costs the steps from there on only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextlib import AbstractContextManager as Block
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from observed_world import SLOTS, Shop, settings_of, write_project

from gonogo.adapters.http_calls import call
from gonogo.demo.processes import wait_until
from gonogo.errors import GonogoError
from gonogo.evidence.sshsig import sign
from gonogo.run.events import Recorded, TaskFinished
from gonogo.run.machine import AwaitPeople
from gonogo.run.state import RunState
from gonogo.terms import Person, RunId
from tests.projects import Project, copied, upstream_bytes

PRE = "pre-deployment"


class Reached(GonogoError):
    """The run has come to where a copy is taken."""


@dataclass(frozen=True)
class Point:
    """A release on its way: its folder, its run (none before it began), and what the world was."""

    folder: Path
    run: RunId | None
    slots: dict[str, str]
    serving: str


@dataclass(frozen=True)
class Trial:
    """A copy of a release in which one thing is made wrong."""

    shop: Shop
    project: Project
    run: RunId | None

    def rewrite(self, path: str, change: Callable[[str], str]) -> None:
        """Change a file of the project; the change has to change something."""
        file = self.project.root / path
        text = file.read_text()
        assert change(text) != text, f"{path} is as it was"
        file.write_text(change(text))

    def configure(self, old: str, new: str) -> None:
        """Change the project file, before the run is opened."""
        assert self.run is None
        self.project.edit("gonogo.yaml", old, new)

    def script(self, name: str, body: str) -> None:
        """Put another script in place of one; its pin is taken when the run is opened, so only before that."""
        assert self.run is None
        (self.project.root / f"scripts/{name}").write_text(f"#!/usr/bin/env bash\n{body}")

    def age(self, path: str, days: int) -> None:
        """Make a file as old as that."""
        moment = time.time() - days * 86400
        os.utime(self.project.root / path, (moment, moment))


Doing = Callable[[Trial], "Block[object] | None"]


@dataclass(frozen=True)
class Fault:
    """One fault: where it begins, what is done, and which step or gate has to stop it with which words.

    `words` stand in the message; without `how` the run is driven, everybody signs, and what halts it is asked. `reqs` are
    requirements that the fault shows; `quick` ones are in the fast suite.
    """

    name: str
    start: str
    do: Doing
    stopped_by: str
    words: str
    quick: bool = False
    how: Callable[[Trial], str] | None = None
    reqs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stopped:
    """What stopped a fault: the step or gate by its title, and the message."""

    stage: str
    title: str
    message: str


def drive_until(project: Project, run: RunId, wanted: str) -> None:
    """Drive a run and sign, until the last act before the stage that ends with `wanted` has ended."""
    door = project.door()
    plan = door.load(run).plan
    stages = [stage.id for stage in plan.stages]
    at = next(index for index, name in enumerate(stages) if name.endswith(wanted))
    last = plan.stages[at - 1].tasks[-1].id

    def listen(_state: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TaskFinished) and entry.event.task == last:
            raise Reached(f"{wanted} comes next")

    for _ in range(12):
        try:
            found = project.door().drive(run, patient=False, listener=listen)
        except Reached:
            return
        assert isinstance(found, AwaitPeople), f"{run} never came to {wanted}: {project.view(run).halt}"
        project.sign_all(run)
    raise AssertionError(f"{run} never came to {wanted}")


STARTS = (
    "confirm-upstream-approvals",
    "rehearse-the-deployment",
    "run-smoke-and-acceptance-tests",
    "capture-the-observability-baseline",
    "rehearse-the-rollback",
    "complete-security-and-compliance-checks",
    "verify-runbooks-and-support-coverage",
    "assemble-the-go-no-go-package",
    "conduct-the-readiness-review",
    "update-the-deployment-checklist",
)


@dataclass
class Course:
    """A good release with a copy before each step that faults begin at; copies are made when they are first needed."""

    shop: Shop
    folder: Path
    points: dict[str, Point] = field(default_factory=dict)
    trials: int = 0

    def trial(self, start: str) -> Trial:
        """A fresh copy of the release just before `start`; `fresh` is before the run is opened."""
        point = self._point(start)
        self.trials += 1
        root = self.folder / f"trial-{self.trials}"
        copied(point.folder, root)
        self.shop.set("staging", point.slots, point.serving)
        assert self.shop.counted("staging", point.serving), "Prometheus has not counted the serving slot"
        return Trial(self.shop, replace(self.good, root=root), point.run)

    def _point(self, start: str) -> Point:
        if not self.points:
            self.good = write_project(self.folder / "good", self.shop)
            self.shop.set("staging", {"blue": "v1"}, "blue")
            self._note("fresh", None)
        if start in self.points:
            return self.points[start]
        before = next((name for name in reversed(STARTS[: STARTS.index(start)]) if name in self.points), "fresh")
        trial = self.trial(before)
        run = trial.run or trial.project.begin(PRE)
        drive_until(trial.project, run, start)
        self._note(start, run, trial.project.root)
        return self.points[start]

    def _note(self, start: str, run: RunId | None, folder: Path | None = None) -> None:
        kept = self.folder / f"before-{start}"
        copied(folder or self.good.root, kept)
        slots = {slot: version for slot in SLOTS if (version := self.shop.version("staging", slot))}
        weights = {line.split()[3]: int(line.split()[7]) for line in self._servers()}
        self.points[start] = Point(kept, run, slots, max(weights, key=weights.__getitem__))

    def _servers(self) -> list[str]:
        lines = self.shop.say("show servers state staging").splitlines()
        return [line for line in lines if line.split()[3:4] and line.split()[3] in SLOTS]

    def told(self, fault: Fault) -> Stopped:
        """Do a fault and go on until it is stopped; says by what."""
        trial = self.trial(fault.start)
        with fault.do(trial) or nullcontext():
            if fault.how is not None:
                return Stopped("", fault.stopped_by, cleaned(fault.how(trial), trial))
            run = trial.run or trial.project.begin(PRE)
            trial.project.go_on(run)
            state = trial.project.state(run)
            assert state.halted is not None, f"nothing stopped `{fault.name}`: {state.outcome or 'it waits'}"
            plan = trial.project.door().load(run).plan
            found = next(stage for stage in plan.stages if stage.id == state.halted.stage)
            message = trial.project.view(run).halt.partition(": ")[2]
            return Stopped(found.id, found.title, cleaned(message, trial))


CHANGING = (
    (re.compile(r"\b[0-9a-f]{12}…"), "DIGEST…"),
    (re.compile(r"(sha256/)[0-9a-f]{2}/[0-9a-f]{64}\b"), r"\1DIGEST"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "DIGEST"),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "MOMENT"),
    (re.compile(r"fingerprint [0-9a-f]{16}"), "fingerprint PRINT"),
    (re.compile(r"SHA256:[A-Za-z0-9+/]{43}"), "SHA256:KEY"),
    (re.compile(r"\b\d requests within"), "N requests within"),
    (re.compile(r"last updated 20\d\d-\d\d-\d\d\b"), "last updated DAY"),
    (re.compile(r"\b(pre-deployment\.md|gonogo\.yaml):\d+"), r"\1:LINE"),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|\+00:00)"), "MOMENT"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\brun-[0-9a-z-]+|\bpre-deployment-[0-9a-zA-Z-]{6,}"), "RUN"),
    (re.compile(r"\b\d+\.\d+ s\b"), "N s"),
    (re.compile(r"newest sample of (.*) is \d+ s old"), r"newest sample of \1 is N s old"),
    (re.compile(r"sha256 [0-9a-f]{12}"), "sha256 DIGEST"),
)


def cleaned(message: str, trial: Trial) -> str:
    """A message without what is another in each run: digests, times, ports, folders."""
    text = message.replace(str(trial.project.root), "PROJECT").replace(str(trial.shop.place), "WORLD")
    if trial.run is not None:
        text = text.replace(str(trial.run), "RUN")
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return text.strip()


AUDIT = "upstream/QUALITY-AUDIT-PACKAGE.zip"


def truncated(path: str) -> Doing:
    """A file ends in the middle."""

    def do(trial: Trial) -> None:
        file = trial.project.root / path
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    return do


def foreign_member(trial: Trial) -> None:
    """A member of the audit package is not the one that its checksums are about."""
    file = trial.project.root / AUDIT
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data + b"!" if name == "note.txt" else data)


def of_another_release(trial: Trial) -> None:
    """The audit package says that it is about other bytes."""
    about = json.dumps({"release_digest": "0" * 64, "release": {"digest": "0" * 64}})
    (trial.project.root / AUDIT).write_bytes(upstream_bytes("QUALITY-AUDIT-PACKAGE.zip", **{"manifest.json": about}))


def verdict(word: str) -> Doing:
    """The audit ended otherwise than the project asks for."""

    def do(trial: Trial) -> None:
        body = json.dumps({"recommendation": word})
        data = upstream_bytes("QUALITY-AUDIT-PACKAGE.zip", **{"audit-report.json": body})
        (trial.project.root / AUDIT).write_bytes(data)
        bound = "verdict: audit-report.json#/recommendation, verdict_is: ready"
        trial.configure(f"{{path: {AUDIT}}}", f"{{path: {AUDIT}, {bound}}}")

    return do


def signed_upstream(handle: str) -> Doing:
    """The audit package has to be signed by a quality engineer; `handle` signed it, nobody where it is empty."""

    def do(trial: Trial) -> None:
        bound = f"signature: {AUDIT}.sig, signed_by: quality_engineer"
        trial.configure(f"{{path: {AUDIT}}}", f"{{path: {AUDIT}, {bound}}}")
        if handle:
            data = (trial.project.root / AUDIT).read_bytes()
            made = sign(trial.project.keys[handle], data, "file")
            (trial.project.root / f"{AUDIT}.sig").write_bytes(made if isinstance(made, bytes) else made.encode())

    return do


def no(path: str) -> Doing:
    """A file is gone."""
    return lambda trial: (trial.project.root / path).unlink()


def text(path: str, content: str) -> Doing:
    """A file holds something else."""
    return lambda trial: trial.project.write(path, content)


def swapped(path: str, old: str, new: str) -> Doing:
    """One text in a file is another one."""
    return lambda trial: trial.rewrite(path, lambda before: before.replace(old, new))


def configured(old: str, new: str) -> Doing:
    """The project file says something else."""
    return lambda trial: trial.configure(old, new)


def scripted(name: str, body: str, old: str = "", new: str = "") -> Doing:
    """A script is another one, and the project file may say something else, too."""

    def do(trial: Trial) -> None:
        trial.script(name, body)
        if old:
            trial.configure(old, new)

    return do


def old(path: str, days: int) -> Doing:
    """A file was last written long ago."""
    return lambda trial: trial.age(path, days)


def prometheus(mode: str) -> Doing:
    """Prometheus is `down` or `silent`."""
    return lambda trial: trial.shop.prometheus.being(mode)


def alertmanager(mode: str) -> Doing:
    """Alertmanager is `down` or `silent`."""
    return lambda trial: trial.shop.alertmanager.being(mode)


def ordered(slot: str, settle: float = 0.0, **orders: float) -> Doing:
    """The process in a slot of staging does something wrong, for `settle` seconds before the run goes on."""

    @contextmanager
    def block(trial: Trial) -> Iterator[None]:
        trial.shop.order("staging", slot, **orders)
        time.sleep(settle)
        try:
            yield
        finally:
            trial.shop.order("staging", slot)
            if "delay" in orders:
                time.sleep(3.5)  # the window of the figures still holds the slow requests
            if "poison" in orders:
                calm = f"{trial.shop.alertmanager.url}/api/v2/alerts?active=true"
                wait_until(lambda: _body(calm) == b"[]\n", 60.0)

    return block


def _body(url: str) -> bytes:
    return call("GET", url).body


@contextmanager
def poisoned(trial: Trial) -> Iterator[None]:
    """A critical alert about staging fires, seen by Alertmanager before the run goes on."""
    with ordered("green", poison=1)(trial):
        firing = f"{trial.shop.alertmanager.url}/api/v2/alerts?active=true"
        assert wait_until(lambda: b"ShopPoisoned" in _body(firing), 30.0)
        yield


@contextmanager
def nobody_asks(trial: Trial) -> Iterator[None]:
    """The customers are away for longer than the window of the figures."""
    with trial.shop.customers.away():
        time.sleep(3.5)
        yield


def other_prometheus(name: str, settings: str, settle: float = 0.0) -> Doing:
    """The project's address leads to another Prometheus: one that was set up differently."""

    @contextmanager
    def block(trial: Trial) -> Iterator[None]:
        port = trial.shop.another_prometheus(name, settings_of(trial.shop, settings))
        time.sleep(settle)
        with trial.shop.prometheus.being("pass", port):
            yield

    return block


@contextmanager
def stale_prometheus(trial: Trial) -> Iterator[None]:
    """A Prometheus that has the data of the good one and scrapes no more: its samples grow old."""
    data = trial.shop.place / "stale-data"
    shutil.copytree(trial.shop.place / "data", data, ignore=shutil.ignore_patterns("lock", "queries.active"))
    silent = "global: {scrape_interval: 1s}\nrule_files: []\nscrape_configs: []\n"
    port = trial.shop.another_prometheus("stale", silent, data)
    time.sleep(4)
    with trial.shop.prometheus.being("pass", port):
        yield


@contextmanager
def shared_traffic(trial: Trial) -> Iterator[None]:
    """Another rollout has left half of the traffic on a second version."""
    trial.shop.put("staging", "green", "v1")
    assert wait_until(lambda: " green 127.0.0.1 2 " in trial.shop.say("show servers state staging"), 30.0)
    trial.shop.say("set server staging/green weight 50")
    trial.shop.say("set server staging/blue weight 50")
    yield


@contextmanager
def staging_is_down(trial: Trial) -> Iterator[None]:
    """Nothing runs in staging."""
    trial.shop.put("staging", "blue", "")
    yield


@contextmanager
def token_is_gone(trial: Trial) -> Iterator[None]:
    """The deployment credentials are not there."""
    kept = dict(trial.project.environ)
    trial.project.environ.clear()
    try:
        yield
    finally:
        trial.project.environ.update(kept)


def junit(rows: str, failures: int = 0) -> Doing:
    """The tests leave this instead of what they saw."""
    body = f'<testsuites><testsuite name="shop" tests="9" failures="{failures}" errors="0" skipped="0">{rows}</testsuite></testsuites>'
    return left("junit.xml", body, "scripts/tests.py")


def left(report: str, body: str, script: str) -> Doing:
    """A script leaves this report and nothing else."""
    program = (
        "import os\nimport time\nfrom pathlib import Path\nnow = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())\n"
        f"(Path(os.environ['GONOGO_OUT']) / {report!r}).write_text({body!r}.replace('@NOW@', now))\n"
    )
    return text(script, program if body else "print('nothing to report')\n")


def case(name: str, inner: str = "") -> str:
    """A test case in JUnit XML."""
    return f'<testcase classname="shop" name="{name}" time="0.01">{inner}</testcase>'


def bandit(files: dict[str, int], made: str = "@NOW@") -> str:
    """A report of bandit about these files and their lines, made just now."""
    metrics = {path: {"loc": lines} for path, lines in files.items()} | {"_totals": {"loc": sum(files.values())}}
    return json.dumps({"errors": [], "generated_at": made, "results": [], "metrics": metrics})


def sbom(*licences: str) -> Doing:
    """The parts list names these licences."""
    parts = [
        {"type": "library", "name": f"part-{at}", "version": "1", "licenses": [{"license": {"id": name}}]}
        for at, name in enumerate(licences)
    ]
    body = json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": parts})
    return text("releases/v2/sbom.cdx.json", body)


DEPLOY = (
    'set -euo pipefail\n"$1" -S service/slot.py start "$2" "$GONOGO_SLOT" "${GONOGO_URL##*:}" "releases/$3/app.json"\n'
)
ROLL_BACK = 'set -euo pipefail\n"$1" -S service/slot.py stop "$2" "$GONOGO_SLOT"\n'
TWICE = "if [ -e again ]; then\n  {then}\nfi\ntouch again\n"


def refused(act: Callable[[], object]) -> str:
    """What was said to somebody who was refused."""
    try:
        act()
    except GonogoError as error:
        return str(error)
    raise AssertionError("it was not refused")


def waits(trial: Trial) -> str:
    """Nobody signs: what the run waits for."""
    run = trial.run or trial.project.begin(PRE)
    found = trial.project.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert isinstance(found, AwaitPeople), found
    waiting = trial.project.view(run).waiting
    assert not trial.project.state(run).outcome
    return "; ".join(f"waiting at `{one.point}` for {', '.join(one.missing)}" for one in waiting)


def unsigned(trial: Trial) -> str:
    """A person's name without the person's key."""
    run = trial.run or trial.project.begin(PRE)
    trial.project.door().drive(run, patient=False, listener=lambda state, entry: None)
    asked = next(one for one in trial.project.door().requests(run) if one.point == "scope")
    trial.project.keys["po1"], kept = trial.project.keys["rm1"], trial.project.keys["po1"]
    try:
        return refused(lambda: trial.project.sign(run, asked, "po1"))
    finally:
        trial.project.keys["po1"] = kept


def backdated(trial: Trial) -> str:
    """Somebody hands in what was signed four days before anybody asked."""
    run = trial.run or trial.project.begin(PRE)
    trial.project.door().drive(run, patient=False, listener=lambda state, entry: None)
    asked = next(one for one in trial.project.door().requests(run) if one.point == "scope")
    statement, signature = trial.project.signed(run, asked, "po1", {}, datetime.now(UTC) - timedelta(days=4))
    return refused(lambda: trial.project.door().record(run, asked.name, statement, signature, Person("po1")))


def replayed(trial: Trial) -> str:
    """Somebody hands in what was signed for another run of the same release."""
    first, second = (trial.project.door().open(PRE, release, Person("dev1")).run for release in ("v2", "v3"))
    for run in (first, second):
        trial.project.door().drive(run, patient=False, listener=lambda state, entry: None)
    door = trial.project.door()
    theirs, ours = (next(one for one in door.requests(run) if one.point == "scope") for run in (first, second))
    statement, signature = trial.project.signed(first, theirs, "po1", {}, datetime.now(UTC))
    return refused(lambda: door.record(second, ours.name, statement, signature, Person("po1")))


def another_release(trial: Trial) -> None:
    """A release v3 with the same bytes and a manifest of its own."""
    shutil.copytree(trial.project.root / "releases/v2", trial.project.root / "releases/v3")
    trial.rewrite(
        "releases/v3/release-manifest.json", lambda text: text.replace('"v2"', '"v3"').replace("shop-v2", "shop-v3")
    )


def own_release(trial: Trial) -> str:
    """Whoever asks for a release approves it, too."""
    run = trial.project.door().open(PRE, "v2", Person("po1")).run
    trial.project.door().drive(run, patient=False, listener=lambda state, entry: None)
    asked = next(one for one in trial.project.door().requests(run) if one.point == "scope")
    return refused(lambda: trial.project.sign(run, asked, "po1"))


def withheld(point: str, person: str) -> Callable[[Trial], str]:
    """Somebody says no."""

    def how(trial: Trial) -> str:
        run = trial.run or trial.project.begin(PRE)
        trial.project.door().drive(run, patient=False, listener=lambda state, entry: None)
        asked = next(one for one in trial.project.door().requests(run) if one.point == point)
        trial.project.sign(run, asked, person, decision="no_go", reason="the risk is too high")
        trial.project.go_on(run)
        assert trial.project.state(run).halted is not None
        return trial.project.view(run).halt

    return how


def short_quorum(trial: Trial) -> str:
    """One signs where two have to."""
    assert trial.run is not None
    asked = trial.project.go_until(trial.run, "readiness").round
    trial.project.sign(trial.run, asked, "rm1")
    assert trial.project.view(trial.run).waiting[0].signed == ("rm1",)
    return waits(trial)


def edited_view(trial: Trial) -> str:
    """Somebody edits the report that people read before they sign."""
    assert trial.run is not None
    asked = trial.project.go_until(trial.run, "readiness").round
    trial.rewrite(".artifacts/pre-deployment/rehearsal-report.json", lambda body: body.replace("success", "SUCCESS"))
    return refused(lambda: trial.project.sign(trial.run, asked, "rm1"))


def stored_evidence_changed(trial: Trial) -> None:
    """Somebody changes stored evidence on disk."""
    assert trial.run is not None
    door = trial.project.door()
    path = door.world.vault.path(door.load(trial.run).state.evidence["rehearsal-report.json"].digest)
    path.chmod(0o644)
    assert b"success" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"success", b"SUCCESS"))
