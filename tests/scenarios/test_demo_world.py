"""The demo's world with real processes: releases, scripts that deploy and roll back, metrics, the bad build."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from os import kill as send_signal
from pathlib import Path
from signal import SIGKILL

import pytest
from live_world import RELEASES, end_services, folder, site, slots, traffic

from gonogo.adapters.http_calls import call
from gonogo.adapters.metrics.scrape import MetricNames, ScrapeSource
from gonogo.adapters.targets.probe_http import HttpProber
from gonogo.demo.addresses import free_ports
from gonogo.demo.processes import Live, birth_of, launch, read_pid, stop, wait_until, write_pid
from gonogo.demo.story_stage import copy_project
from gonogo.demo.web import read_faults, read_release
from gonogo.demo.world import DIGEST_HEADER, PROJECT, World, ask, start_release, write_world
from gonogo.errors import BadInput, Broken


@dataclass(frozen=True, slots=True)
class Demo:
    """A copy of the demo project with its world."""

    project: Path
    world: World

    def script(self, name: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one of the project's scripts as the engine would."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "PYTHONPATH") if key in os.environ}
        argv = ["bash", str(self.project / "scripts" / name), *arguments]
        env = {**kept, "DEMO_PYTHON": sys.executable, **more}
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603

    def record(self) -> list[list[str]]:
        """The record of real executions: action, environment, release, slot, effect, fence."""
        file = self.project / ".demo" / "record.tsv"
        return [line.split("\t")[1:7] for line in file.read_text("utf-8").splitlines()] if file.exists() else []


@pytest.fixture
def demo() -> Iterator[Demo]:
    with folder() as place:
        project = place / "web"
        shutil.copytree(PROJECT, project)
        (project / ".demo").mkdir()
        one, blue, green = free_ports(3)
        ports = {"staging": {"one": one}, "production": {"blue": blue, "green": green}}
        world = World(project / ".demo", project / "releases", ports)
        write_world(world, project / ".demo" / "world.json")
        try:
            yield Demo(project, world)
        finally:
            end_services(world)


STAGING = ("--env", "staging", "--release", "v2")


def test_the_deploy_script_brings_up_exactly_the_artifact_and_records_its_execution(demo: Demo) -> None:
    out = demo.project / "out"
    out.mkdir()
    done = demo.script("deploy_web.sh", *STAGING, GONOGO_EFFECT="run/deploy/1", GONOGO_FENCE="3", GONOGO_OUT=str(out))
    assert done.returncode == 0, done.stderr
    artifact = (demo.project / "releases/v2/app.json").read_bytes()
    seen = ask(demo.world, "staging", "one")
    assert (seen.version, seen.digest, seen.healthy) == ("v2", sha256(artifact).hexdigest(), True)
    assert json.loads((out / "deployment.json").read_text("utf-8"))["artifact_sha256"] == seen.digest
    assert demo.record() == [["deploy", "staging", "v2", "-", "run/deploy/1", "3"]]


def test_a_dry_run_starts_nothing_and_is_not_in_the_record(demo: Demo) -> None:
    for name in ("deploy_web.sh", "rollback_web.sh"):
        done = demo.script(name, *STAGING, "--dry-run", GONOGO_PREVIOUS_RELEASE="v1")
        assert (done.returncode, "nothing was changed" in done.stdout) == (0, True)
    assert demo.record() == []
    assert ask(demo.world, "staging", "one").version is None


def test_deploying_twice_is_harmless_and_the_record_shows_both(demo: Demo) -> None:
    results = [json.loads(demo.script("deploy_web.sh", *STAGING).stdout) for _ in range(2)]
    assert results[0] == results[1], "the same process serves on"
    assert len(demo.record()) == 2


def test_the_rollback_script_puts_the_previous_release_back_and_never_guesses_it(demo: Demo) -> None:
    demo.script("deploy_web.sh", *STAGING)
    refused = demo.script("rollback_web.sh", *STAGING)
    assert (refused.returncode, "GONOGO_PREVIOUS_RELEASE" in refused.stderr) == (64, True)
    done = demo.script("rollback_web.sh", *STAGING, GONOGO_PREVIOUS_RELEASE="v1")
    assert done.returncode == 0, done.stderr
    assert ask(demo.world, "staging", "one").version == "v1"
    assert [row[:3] for row in demo.record()] == [["deploy", "staging", "v2"], ["rollback", "staging", "v1"]]


def test_a_script_with_a_fence_that_is_out_of_date_is_recorded_and_changes_nothing(demo: Demo) -> None:
    demo.script("deploy_web.sh", *STAGING, GONOGO_FENCE="7")
    late = demo.script("deploy_web.sh", "--env", "staging", "--release", "v1", GONOGO_FENCE="6")
    assert (late.returncode, "fence 6 is older than 7" in late.stderr) == (2, True)
    assert ask(demo.world, "staging", "one").version == "v2"
    assert len(demo.record()) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--env", "staging"),
        ("--release",),
        ("--env", "staging", "--release", "v9"),
        ("--env", "staging", "--release", "../releases/v2"),
        ("--env", "staging", "--release", "v2", "--force"),
    ],
)
def test_arguments_that_are_not_understood_start_nothing(demo: Demo, arguments: tuple[str, ...]) -> None:
    assert demo.script("deploy_web.sh", *arguments).returncode == 64
    assert demo.record() == []


def test_where_an_environment_has_two_slots_the_script_needs_one_named(demo: Demo) -> None:
    done = demo.script("deploy_web.sh", "--env", "production", "--release", "v2")
    assert (done.returncode, "name one" in done.stderr) == (2, True)
    done = demo.script("deploy_web.sh", "--env", "production", "--release", "v2", GONOGO_SLOT="green")
    assert done.returncode == 0, done.stderr
    assert ask(demo.world, "production", "green").version == "v2"


def test_a_service_whose_starter_was_killed_before_it_could_note_it_is_found_again(demo: Demo) -> None:
    first = start_release(demo.world, "staging", "one", "v2")
    demo.world.pid_file("staging", "one").unlink()
    assert start_release(demo.world, "staging", "one", "v2") == first
    demo.world.pid_file("staging", "one").unlink()
    assert start_release(demo.world, "staging", "one", "v1") != first
    assert not first.lives()


def test_a_stranger_on_the_port_is_neither_taken_for_the_service_nor_killed(demo: Demo) -> None:
    with folder() as place:
        other = World(place, RELEASES, {"staging": {"one": demo.world.port("staging", "one")}})
        script = (
            "import http.server as h\nclass A(h.BaseHTTPRequestHandler):\n def do_GET(s):\n  s.send_response(200)\n  \
s.send_header('x-version','v2')\n  s.end_headers()\nh.HTTPServer(('127.0.0.1',%d),A).serve_forever()"
        )
        stranger = launch((sys.executable, "-c", script % other.port("staging", "one")), log=place / "log", env={})
        try:
            assert wait_until(lambda: ask(other, "staging", "one").version == "v2", 30.0)
            with pytest.raises(Broken, match="not started here answers as v2"):
                start_release(demo.world, "staging", "one", "v2")
            assert stranger.lives()
        finally:
            stop(stranger)


def test_a_pid_file_that_outlived_its_process_never_kills_who_has_the_number_now(tmp_path: Path) -> None:
    write_pid(tmp_path / "pid", Live(os.getpid(), "another birth"))
    noted = read_pid(tmp_path / "pid")
    assert noted is not None
    assert not noted.lives()
    stop(noted)
    assert birth_of(os.getpid()) is not None


def test_an_artifact_that_is_not_what_was_asked_for_does_not_come_up(demo: Demo) -> None:
    (demo.project / "releases/v2/app.json").write_text('{"version": "v1"}', encoding="ascii")
    done = demo.script("deploy_web.sh", *STAGING)
    assert (done.returncode, "says that it is v1" in done.stderr) == (2, True)
    assert ask(demo.world, "staging", "one").version is None


def test_the_bad_build_passes_smoke_tests_and_fails_fifteen_percent_of_production(demo: Demo) -> None:
    start_release(demo.world, "staging", "one", "v3")
    url = demo.world.url("staging", "one")
    statuses = [call("GET", f"{url}/?customer={customer}").status for customer in range(100)]
    assert statuses[1:21] == [200] * 20
    assert statuses.count(500) == 15
    assert set(statuses[85:]) == {500}
    assert ask(demo.world, "staging", "one").healthy


def test_the_project_of_a_demonstration_is_as_young_as_the_run_and_not_as_the_installation(tmp_path: Path) -> None:
    installed = shutil.copytree(PROJECT, tmp_path / "installed", ignore=shutil.ignore_patterns("__pycache__"))
    for path in installed.rglob("*"):
        os.utime(path, (0, 0))
    mark = tmp_path / "now"
    mark.touch()
    copy_project(installed, tmp_path / "told")
    files = [path for path in (tmp_path / "told").rglob("*") if path.is_file()]
    assert tmp_path / "told/docs/runbook.md" in files
    assert [str(path) for path in files if path.stat().st_mtime_ns < mark.stat().st_mtime_ns] == []


@pytest.mark.req("PX-07", "PM-01")
def test_counters_of_each_slot_say_what_it_really_served() -> None:
    with site("proxy", green="v3") as running:
        source = ScrapeSource({slot: running.world.url("production", slot) for slot in ("blue", "green")})
        before = {one.slot: one for one in source.sample().slots}
        assert (before["green"].requests, before["green"].errors) == (0, 0), "known and 0, not missing"
        running.target.move({"blue": 50, "green": 50}, 1)
        for customer in range(100):
            running.get(f"/?customer={customer}")
        after = {one.slot: one for one in source.sample().slots}
        assert (after["blue"].requests, after["green"].requests) == (50, 50)
        assert after["blue"].errors == 0
        assert after["green"].errors in range(7, 9)
        assert after["green"].buckets[-1] == ("+Inf", 50)
        assert [bound for bound, _ in after["green"].buckets] == [bound for bound, _ in after["blue"].buckets]
        missing = replace(source, names=MetricNames(requests="absent_total")).sample().missing
        assert [slot for slot, _ in missing] == ["blue", "green"]


def test_killing_a_slot_is_seen_as_failures_without_a_version_and_by_the_probe() -> None:
    with site("proxy") as running, traffic(running) as load:
        noted = read_pid(running.world.pid_file("production", "blue"))
        assert noted is not None
        send_signal(noted.pid, SIGKILL)
        assert wait_until(lambda: load.now().failed > 0, 30.0)
        running.target.move({"blue": 0, "green": 100}, 1)
        assert running.prober.ask("blue").version is None
        seen = load.end()
        assert set(seen.by_version()["-"]) <= {"http_502", "http_503", "malformed"}, "at most cut off in the middle"
        assert seen.failures_without("-") == 0


def test_faults_change_a_running_service_and_an_unreadable_file_makes_it_unhealthy(tmp_path: Path) -> None:
    with slots(tmp_path, {"blue": "v1", "green": ""}) as world:
        url, file = world.url("production", "blue"), world.faults("production", "blue")
        file.write_text('{"error_rate": 0.5}', encoding="ascii")
        assert [call("GET", url).status for _ in range(6)].count(500) == 3
        file.write_text('{"unhealthy": true}', encoding="ascii")
        seen = ask(world, "production", "blue")
        assert (seen.version, seen.healthy) == ("v1", False)
        file.write_text("{", encoding="ascii")
        assert not ask(world, "production", "blue").healthy
        assert read_faults(tmp_path / "none").unhealthy == ""


@pytest.mark.parametrize(
    "artifact", ["", "{}", '{"version": 1}', '{"version": "v1", "latency": 3}', '{"version": "v1", "latency_ms": -1}']
)
def test_an_artifact_with_anything_unknown_in_it_is_refused(tmp_path: Path, artifact: str) -> None:
    (tmp_path / "app.json").write_text(artifact, encoding="ascii")
    with pytest.raises(BadInput):
        read_release(tmp_path / "app.json")


def answering(headers: Mapping[str, str], status: int = 200) -> str:
    """A one-file server that answers every request with these headers."""
    return (
        "import http.server as h, sys\nclass A(h.BaseHTTPRequestHandler):\n def do_GET(s):\n"
        f"  s.send_response({status})\n"
        f"  [s.send_header(k, v) for k, v in {dict(headers)!r}.items()]\n  s.end_headers()\n"
        "h.HTTPServer(('127.0.0.1', int(sys.argv[1])), A).serve_forever()"
    )


@pytest.mark.req("PX-06", "PX-13")
@pytest.mark.parametrize(
    ("headers", "status", "seen"),
    [
        ({"x-version": "v2", "x-artifact-digest": "ab" * 32}, 200, ("v2", "ab" * 32, True)),
        ({"x-version": "v2", "x-artifact-digest": "sha256:" + "ab" * 32}, 200, ("v2", "ab" * 32, True)),
        ({"x-version": "v2", "x-artifact-digest": "AB" * 32}, 200, ("v2", None, True)),
        ({"x-version": "v2"}, 503, ("v2", None, False)),
        ({"x-version": "v2; drop"}, 200, (None, None, False)),
        ({}, 200, (None, None, False)),
        ({"location": "http://127.0.0.1:1/"}, 302, (None, None, False)),
    ],
)
def test_a_slot_is_what_its_answer_proves_and_nothing_else(
    tmp_path: Path, headers: Mapping[str, str], status: int, seen: tuple[object, ...]
) -> None:
    (port,) = free_ports(1)
    process = launch((sys.executable, "-c", answering(headers, status), str(port)), log=tmp_path / "log", env={})
    try:
        prober = HttpProber({"blue": f"http://127.0.0.1:{port}"}, "", digest_header=DIGEST_HEADER)
        assert wait_until(lambda: "refused" not in prober.ask("blue").detail, 30.0)
        found = prober.ask("blue")
        assert (found.version, found.digest, found.healthy) == seen
        assert not prober.ask("purple").healthy
    finally:
        stop(process)


def test_a_release_name_cannot_lead_out_of_its_folder(demo: Demo) -> None:
    for name in ("../v1", ".", "", "a/b", "-"):
        with pytest.raises(BadInput, match="no name of a release"):
            demo.world.artifact(name)
