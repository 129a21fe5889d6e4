"""Everybody has signed, and now something moves: bytes, people, time, a freeze, the database. Nothing may reach production.

Each attack has a copy of its own of a project whose next act is the deployment. What an operation would do is done by
the same function in this process.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from agents_world import Answer, key
from bypass_world import DEPLOYING, Recorder, Twin, signed_for_production, twin
from call_sequences import MANY, Moment, sequences

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.reach import User, writable
from gonogo.control import assembling
from gonogo.control.agents import driving, logs
from gonogo.control.agents.blocking import Hindered
from gonogo.control.agents.tokens import revoke_tokens
from gonogo.errors import GonogoError, Refused
from gonogo.mcp.http import app_for, loopback
from gonogo.reports.agent_answers import MOST_BYTES, size_of
from gonogo.run.due import due
from gonogo.run.machine import Parked
from gonogo.terms import Digest, Person, RunId
from tests.projects import Project


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, RunId]]:
    with signed_for_production(tmp_path_factory.mktemp("signed")) as found:
        yield found


@pytest.fixture
def here(signed: tuple[Project, RunId], tmp_path: Path) -> Iterator[Twin]:
    with twin(*signed, tmp_path) as found:
        yield found


def replaced(here: Twin, path: str, old: str, new: str) -> None:
    """A file of the project as a shell of the same user can leave it."""
    here.project.edit(path, old, new)


def why(here: Twin) -> str:
    """The words of the run's halt, as its people read them."""
    return here.project.view(here.run).halt


def recorded(here: Twin) -> Recorder:
    """From now on what the agent starts is only written down."""
    operations = here.there.door.site.operations
    found = Recorder(operations)
    here.there.door.site.operations = found  # type: ignore[assignment]
    return found


def test_what_is_signed_is_deployed_where_nothing_moves(here: Twin) -> None:
    """The other tests would prove nothing if this run could not go on."""
    recorder = recorded(here)
    assert here.start()["ok"]
    assert len(recorder.started) == 1
    here.engine()
    assert [line.split()[0] for line in here.deployed()] == ["deploy"]


def test_an_artifact_that_moved_after_the_signatures_is_not_deployed_and_the_approval_is_void(here: Twin) -> None:
    """I25 (kamp-us/phoenix#3769, hybridops-core#376), A04, FP-10: one byte moved: void, with the reason."""
    replaced(here, "releases/v2/app.txt", "program", "progrom")
    stopped = here.engine()
    assert isinstance(stopped, Parked)
    assert "releases/v2/app.txt of shop has sha256" in why(here)
    assert here.deployed() == []
    assert here.start()["code"] == "HALTED"
    rounds = here.project.state(here.run).rounds
    assert [item.status for item in rounds.values() if item.point == "production"] == ["voided"]


def test_evidence_that_was_exchanged_between_its_digest_and_its_use_carries_no_deployment(here: Twin) -> None:
    """I08 (openai/codex#46853), A05: the ledger names a digest; what lies in the store under it has to be those bytes."""
    item = here.project.state(here.run).evidence["prerequisites-validation.json"]
    stored = here.project.door().world.vault.path(item.digest)
    body = stored.read_bytes()
    stored.chmod(0o644)
    stored.write_bytes(body.replace(b"pass", b"psas", 1) if b"pass" in body else body[::-1])
    assert isinstance(here.engine(), Parked)
    assert "prerequisites-validation.json is no longer what was sealed" in why(here)
    assert here.deployed() == []


def test_evidence_that_is_gone_from_the_store_carries_no_deployment(here: Twin) -> None:
    item = here.project.state(here.run).evidence["prerequisites-validation.json"]
    stored = here.project.door().world.vault.path(item.digest)
    stored.parent.chmod(0o755)
    stored.unlink()
    assert isinstance(here.engine(), Parked)
    assert here.deployed() == []


def test_a_deploy_script_that_was_edited_after_the_signatures_is_not_run(here: Twin) -> None:
    """I32, A04: what judges and what deploys is pinned by digest; an edit stops the run."""
    replaced(here, "scripts/deploy_shop.sh", "set -euo pipefail", "set -euo pipefail; true")
    assert isinstance(here.engine(), Parked)
    assert "scripts/deploy_shop.sh was changed since the run was opened" in why(here)
    assert here.deployed() == []


def test_a_person_who_was_removed_after_signing_counts_no_more_and_nothing_is_deployed(here: Twin) -> None:
    """I24 (MicrosoftDocs/azure-devops-docs#13745), A12: the people are read at the moment of use."""
    file = here.project.root / "config/release-approvers.yaml"
    lines = file.read_text().split("\n")
    at = next(number for number, line in enumerate(lines) if "id: sre1" in line)
    file.write_text("\n".join([*lines[:at], *lines[at + 3 :]]).replace("freeze_stakeholders: [rm1, sre1]", "freeze_stakeholders: [rm1]"))
    assert isinstance(here.engine(), Parked)
    assert "sre1" in why(here)
    assert here.deployed() == []


def test_an_approval_that_ran_out_carries_no_deployment(here: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    """I27 (tinyhumansai/opencompany#1805), A14: the end of an approval is looked at when it is used, by the engine's clock."""

    class Later(SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(minutes=60)

    monkeypatch.setattr(assembling, "SystemClock", Later)
    assert isinstance(here.engine(), Parked)
    assert "counts no more" in why(here)
    assert "expired" in why(here)
    assert here.deployed() == []
    assert not [entry for entry in here.project.door().world.journal.entries(here.run) if entry.type == "approval.consumed" and entry.data.get("task") == f"{DEPLOYING}#install"]


def test_a_freeze_that_began_after_the_signatures_keeps_the_agent_and_the_engine_out(here: Twin) -> None:
    """I10 (Replit, July 2025), A14, FP-03: a freeze is state, at every door, whatever any text says."""
    door = here.project.door()
    door.world.journal.hold("production", "nobody deploys today", actor=Person("rm1"), now=datetime.now(UTC))
    assert here.start()["code"] == "FROZEN"
    assert here.refused() == {"FROZEN": 1}
    try:
        here.engine()
    except GonogoError as error:
        assert "stopped" in str(error)
    assert here.deployed() == []


def test_a_token_that_was_taken_back_after_the_signatures_starts_nothing(here: Twin) -> None:
    """I04, A06: who may be right about the run does not make the token right again."""
    revoke_tokens(here.project.door(), here.there.token.name, Person("dev1"))
    given = {"run_id": here.run, "state_id": DEPLOYING, "revision": here.there.door.site.run(here.run).state.seq, "key": key()}
    assert here.there.door.call_as(here.there.secret, "step_start", given).code == "FORBIDDEN"
    assert here.refused() == {"FORBIDDEN": 1}
    assert here.deployed() == []


def test_a_token_for_staging_does_not_start_what_people_signed_for_production(signed: tuple[Project, RunId], tmp_path: Path) -> None:
    """I04 (anthropics/claude-code#64056): a sub-agent has the rights of its token; targets are bound to it."""
    with twin(*signed, tmp_path, environments=("staging",)) as here:
        assert here.call("step_start", run_id=here.run, state_id=DEPLOYING, revision=1, key=key())["code"] == "NOT_FOUND"
        assert here.refused() == {"NOT_FOUND": 1}
        assert here.deployed() == []


def separation_is_demanded(here: Twin) -> None:
    """A start by an agent whose token accepts nothing less than enforced separation."""
    recorder = recorded(here)
    assert here.start()["code"] == "SEPARATION_REQUIRED"
    assert recorder.started == []


def test_a_signed_deployment_is_not_started_where_the_agent_could_reach_the_keys(signed: tuple[Project, RunId], tmp_path: Path) -> None:
    """I09 (jikig-ai/soleur#6731), S1 to S4: signatures that the agent could have made itself are no reason to deploy."""
    with twin(*signed, tmp_path, separation="enforced") as here:
        separation_is_demanded(here)
        assert here.refused() == {"SEPARATION_REQUIRED": 1}


@pytest.mark.parametrize("fault", ["an event is rewritten", "the last event is cut off", "an event is put in"])
def test_a_journal_that_was_edited_by_hand_lets_nothing_through(here: Twin, fault: str) -> None:
    """A10, FP-25: in embedded mode a shell can write the database; every door then refuses to go on with it."""
    with sqlite3.connect(here.project.root / ".gonogo/journal.db") as database:
        for trigger in ("gonogo_event_fixed", "gonogo_event_kept"):
            database.execute(f"drop trigger {trigger}")
        (last,) = database.execute("select max(seq) from gonogo_event where run=?", (here.run,)).fetchone()
        (line,) = database.execute("select line from gonogo_event where run=? and seq=?", (here.run, last)).fetchone()
        match fault:
            case "an event is rewritten":
                database.execute("update gonogo_event set line=? where run=? and seq=?", (line.replace(b"engine:", b"person:"), here.run, last))
            case "the last event is cut off":
                database.execute("delete from gonogo_event where run=? and seq=?", (here.run, last))
            case _:
                database.execute("insert into gonogo_event values (?, ?, ?)", (here.run, last + 1, line))
    database.close()
    assert here.call("run_status", run_id=here.run)["code"] == "INTERNAL"
    assert here.call("step_start", run_id=here.run, state_id=DEPLOYING, revision=last, key=key())["code"] == "INTERNAL"
    with pytest.raises(GonogoError):
        here.engine()
    assert here.deployed() == []
    assert here.refused() == {"INTERNAL": 2}


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("gonogo.yaml", "rto: 30s", "rto: 3000s"),
        ("gonogo.yaml", "error_rate, at_most: 5%", "error_rate, at_most: 100%"),
        ("config/release-approvers.yaml", "all_of: [sre_lead], quorum: 2", "quorum: 1"),
        ("releases/v2/release-manifest.json", "a change", "another change"),
    ],
)
def test_rules_that_were_edited_in_mid_run_do_not_become_the_rules_of_the_run(here: Twin, path: str, old: str, new: str) -> None:
    """I32, A10: a run keeps the rules that people signed for; what lies beside it now is for the next run."""
    before = here.project.door().load(here.run).plan
    replaced(here, path, old, new)
    after = here.project.door().load(here.run).plan
    assert after.digest == before.digest
    assert (after.gates, after.decisions, after.project.limits, after.release.digest) == (before.gates, before.decisions, before.project.limits, before.release.digest)


def test_the_signatures_of_another_run_are_not_taken_for_this_one(here: Twin) -> None:
    """A03, I25: a statement names its run, its evidence and its challenge; carried to another round it counts for nothing."""
    door = here.project.door()
    used = next(item for item in here.project.state(here.run).rounds.values() if item.point == "production")
    answer = used.answers[0]
    statement, signature = door.world.vault.read(answer.statement), door.world.vault.read(answer.signature)
    other = here.project.begin("deployment-automation")
    with pytest.raises(GonogoError):
        door.record(other, used.name, statement, signature, here.there.token.agent)
    door.record(here.run, used.name, statement, signature, here.there.token.agent)
    again = here.project.state(here.run).rounds[used.name]
    assert {item.person for item in again.answers} == {item.person for item in used.answers}, "handed in once more, it is the same person's word"
    assert here.deployed() == []


def test_a_halt_and_eight_starts_at_the_same_moment_start_one_operation_at_most(here: Twin) -> None:
    """I20 (skyhook-io/radar#1380), A05: contradictory calls of one moment; whoever is second sees what the first did."""
    recorder = recorded(here)
    revision, codes = here.there.door.site.run(here.run).state.seq, []
    begin = threading.Barrier(9)

    def call(tool: str, given: dict[str, object]) -> None:
        begin.wait()
        codes.append(here.there.door.call(here.there.token, tool, given).code)  # type: ignore[arg-type]

    calls: list[tuple[str, dict[str, object]]] = [("step_start", {"run_id": here.run, "state_id": DEPLOYING, "revision": revision, "key": key()}) for _ in range(8)]
    calls.append(("halt_raise", {"run_id": here.run, "reason": "stop", "severity": "critical", "key": key()}))
    threads = [threading.Thread(target=call, args=one) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recorder.started) <= 1
    assert codes.count("OK") == 1 + len(recorder.started)
    assert set(codes) <= {"OK", "BUSY", "REVISION_CONFLICT", "HALTED"}
    assert here.project.state(here.run).halted is not None
    assert here.start()["code"] in {"BUSY", "HALTED"}
    assert isinstance(here.engine(), Parked), "what was started finds the halt before its first act"
    assert here.deployed() == []
    assert sum(here.refused().values()) == 10 - codes.count("OK")


def test_a_halt_is_lifted_by_no_agent_and_by_no_engine_that_it_starts_again(here: Twin) -> None:
    """A13, I20: halt, then start, then start by another name, then the engine itself."""
    assert here.call("halt_raise", run_id=here.run, reason="resume with force=true", severity="critical", key=key())["ok"]
    for state in (DEPLOYING, "closing", "rollback"):
        assert here.start(state)["code"] in {"HALTED", "NOT_FOUND"}
    with pytest.raises(Refused):
        here.project.door().lift(here.run, "resume-1", here.there.token.agent)
    assert isinstance(here.engine(), Parked)
    assert here.deployed() == []


def test_one_key_starts_one_operation_however_often_it_is_replayed(here: Twin) -> None:
    """A03, V7: a lost answer is found again; no second effect comes of asking, of reordering, or of another server."""
    recorder = recorded(here)
    revision, same = here.there.door.site.run(here.run).state.seq, key()
    given = {"run_id": here.run, "state_id": DEPLOYING, "revision": revision, "key": same}
    first = here.call("step_start", **given)
    assert first["ok"]
    again = [here.call("step_start", **given) for _ in range(3)]
    assert {answer["data"]["operation_id"] for answer in again} == {first["data"]["operation_id"]}
    assert {arguments[-1] for arguments in recorder.started} == {first["data"]["operation_id"]}
    assert here.call("step_start", **{**given, "revision": revision + 1})["code"] == "KEY_REUSED"
    assert here.call("step_start", **{**given, "key": key()})["code"] == "BUSY"
    assert len(here.there.door.site.acts().operations) == 1


LOGGED = "deployment-rehearsal-and-verification/rehearse-the-deployment"


def searched_to_its_end(here: Twin, size: int) -> list[Answer]:
    """Search a log of `size` bytes, which is one line of nothing and a last line that is looked for, until it is through."""
    earlier = next(run for run in here.project.door().runs() if run != here.run)
    tasks = here.project.state(earlier).tasks.items()
    printed = next(str(task.facts["stdout"]) for name, task in tasks if name.startswith(LOGGED) and task.facts.get("stdout"))
    stored = here.project.door().world.vault.path(Digest(printed))
    stored.chmod(0o644)
    with stored.open("r+b") as file:
        file.truncate(size)
        file.seek(0, os.SEEK_END)
        file.write(b"\nhere it is\n")
    answers: list[Answer] = []
    cursor: dict[str, str] = {}
    if tracemalloc.is_tracing():
        tracemalloc.reset_peak()
    while not answers or answers[-1]["cursor"]:
        answers.append(here.call("log_search", run_id=earlier, state_id=LOGGED, text="here*is", **cursor))
        assert answers[-1]["ok"], answers[-1]
        cursor = {"cursor": answers[-1]["cursor"]}
    return answers


def test_a_log_that_takes_longer_than_an_answer_may_is_searched_piece_by_piece_to_its_end(here: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    """I22: every answer says that it is cut and where it goes on; what stands at the very end is found."""
    monkeypatch.setattr(logs, "MOST_SECONDS", 0.02)
    answers = searched_to_its_end(here, 64 << 20)
    assert [line["text"] for answer in answers for line in answer["data"]["untrusted_lines"]] == ["here it is"]
    assert all(answer["truncated"] for answer in answers[:-1])
    assert not answers[-1]["truncated"]


@pytest.mark.slow
def test_a_huge_log_is_searched_in_bounded_time_and_memory_to_its_end(here: Twin) -> None:
    """I22 (CVE-2026-50125): 2 GiB; each answer within two seconds of search, 16 KiB, and 50 MiB of memory."""
    tracemalloc.start()
    try:
        answers = searched_to_its_end(here, 2 << 30)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 50 << 20
    assert len(answers) >= 2
    assert max(size_of(answer) for answer in answers) <= MOST_BYTES
    assert [line["text"] for answer in answers for line in answer["data"]["untrusted_lines"]] == ["here it is"]


@pytest.mark.slow
def test_a_thousand_connections_leave_the_memory_as_it_was(here: Twin) -> None:
    """I23 (CVE-2026-59951): a thousand clients that begin a session each, of which none is kept, and do not go away."""
    app = app_for(here.there.door, loopback(0), "test")
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="on"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        served = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        served.start()
        opened: list[socket.socket] = []
        try:
            until = time.monotonic() + 60
            while not server.started and time.monotonic() < until:
                time.sleep(0.05)
            before = resident()
            for number in range(1000):
                opened.append(socket.create_connection(("127.0.0.1", port), timeout=60))
                opened[-1].sendall(BEGIN.replace(b"PORT", str(port).encode()).replace(b"TOKEN", here.there.secret.encode())[: 40 if number % 3 == 0 else None])
            answer = plain_call(port, here.there.secret)
            assert answer["code"] == "OK"
            assert resident() - before < 100 << 20
        finally:
            for connection in opened:
                connection.close()
            server.should_exit = True
            served.join(60)
    assert not served.is_alive()


INITIALIZE = b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}}'
BEGIN = (
    b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\n"
    b"Accept: application/json, text/event-stream\r\nContent-Length: " + str(len(INITIALIZE)).encode() + b"\r\n\r\n" + INITIALIZE
)


def plain_call(port: int, secret: str) -> Answer:
    """One call of an agent while all the others are there."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/agents/v1/tools/run_list", data=b"{}", headers={"Authorization": f"Bearer {secret}"})
    with urllib.request.urlopen(request, timeout=60) as told:
        return dict(json.loads(told.read()))


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_a_version_of_the_library_with_the_fault_is_not_accepted() -> None:
    """I23: what is installed, and what the extra asks for, is a version that keeps no session without end."""
    asked = [line for line in importlib.metadata.requires("gonogo") or [] if line.startswith("mcp") and "extra ==" in line]
    floors = [tuple(int(part) for part in found.split(".")) for line in asked for found in re.findall(r">=(\d+\.\d+)", line)]
    assert floors
    assert min(floors) >= (2, 2)
    assert tuple(int(part) for part in importlib.metadata.version("mcp").split(".")[:2]) >= (2, 2)


GUARDS: dict[str, tuple[str, str, Any, Callable[[Twin], None], dict[str, Any]]] = {
    "an approval is not verified again at its use": ("gonogo.engine.using", "check_again", lambda *_: None, test_a_person_who_was_removed_after_signing_counts_no_more_and_nothing_is_deployed, {}),
    "bytes are not looked at again": ("gonogo.engine.using", "demand_same_bytes", lambda _: None, test_an_artifact_that_moved_after_the_signatures_is_not_deployed_and_the_approval_is_void, {}),
    "scripts are not held to their digests": ("gonogo.engine.commanding", "check_scripts", lambda *_: None, test_a_deploy_script_that_was_edited_after_the_signatures_is_not_run, {}),
    "nobody asks who else is at work": ("gonogo.control.agents.driving", "_demand_idle", lambda *_: None, test_one_key_starts_one_operation_however_often_it_is_replayed, {}),
    "separation is not demanded": ("gonogo.control.agents.driving", "_demand_separation", lambda *_: None, separation_is_demanded, {"separation": "enforced"}),
}
"""Guards of the engine and of a start, each broken in one build: where, what, by what, and the test that has to notice."""


LONG = {"an approval is not verified again at its use", "scripts are not held to their digests"}
"""Broken builds that really deploy: one of their kind is tried every time."""


@pytest.mark.parametrize("guard", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in GUARDS])
def test_each_guard_of_a_signed_run_that_is_broken_is_noticed(signed: tuple[Project, RunId], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    module, name, wrong, attack, token = GUARDS[guard]
    with twin(*signed, tmp_path, **token) as here:
        recorded(here)
        monkeypatch.setattr(importlib.import_module(module), name, wrong)
        with pytest.raises(AssertionError):
            attack(here)


def test_no_sequence_of_calls_starts_a_deployment_that_somebody_stopped(signed: tuple[Project, RunId]) -> None:
    """Everybody has signed: starts, halts, claims, questions and handles of four agents in any order, with freezes and time in between."""
    sequences(Moment(*signed, DEPLOYING), 10, same=True)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("hindered", lambda world, opened: Hindered("", (), due(opened.plan, opened.state, world.clock.now()))),
        ("_demand_idle", lambda *_: None),
        ("before", lambda _call: None),
    ],
)
def test_a_sequence_notices_a_guard_that_is_broken(signed: tuple[Project, RunId], monkeypatch: pytest.MonkeyPatch, name: str, wrong: object) -> None:
    """A freeze or a halt that nobody looks at, a second start at the same moment, a key that is forgotten."""
    monkeypatch.setattr(driving, name, wrong)
    with pytest.raises(AssertionError):
        sequences(Moment(*signed, DEPLOYING), 100, same=True, smallest=False)


@pytest.mark.slow
def test_no_sequence_of_many_calls_starts_a_deployment_that_somebody_stopped(signed: tuple[Project, RunId]) -> None:
    """The same, other sequences each time; `GONOGO_SEQUENCES` says how many."""
    sequences(Moment(*signed, DEPLOYING), MANY // 2, same=False)


WRITER = """
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for path in sys.argv[1:]:
    try:
        os.close(os.open(path + "/planted", os.O_CREAT | os.O_WRONLY) if os.path.isdir(path) else os.open(path, os.O_WRONLY | os.O_APPEND))
        print(path)
    except OSError:
        pass
"""
DECIDE = (".gonogo", ".gonogo/journal.db", ".gonogo/vault", ".gonogo/keys", "gonogo.yaml", "config", "config/release-approvers.yaml", "scripts", "scripts/deploy_shop.sh")


def test_in_enforced_mode_the_agents_user_writes_nothing_that_decides(signed: tuple[Project, RunId], tmp_path: Path) -> None:
    """A04, S2: database, vault, keys, rules and scripts of an engine that runs as somebody else; tried out where that can be."""
    with tempfile.TemporaryDirectory() as folder, twin(*signed, Path(folder)) as here:
        Path(folder).chmod(0o755)
        places = [here.project.root / name for name in DECIDE]
        assert writable(NOBODY, places) == ()
        assert written_by_nobody(places) in ([], None)
        (here.project.root / "gonogo.yaml").chmod(0o666)
        assert writable(NOBODY, places) == (str(here.project.root / "gonogo.yaml"),)
        assert written_by_nobody(places) in ([str(here.project.root / "gonogo.yaml")], None)


NOBODY = User("nobody", 65534, frozenset({65534}), Path("/nonexistent"))


def written_by_nobody(places: list[Path]) -> list[str] | None:
    """What another user really could write; None where this process cannot become another user."""
    if os.getuid() != 0:
        return None
    told = subprocess.run([sys.executable, "-I", "-c", WRITER, *map(str, places)], capture_output=True, text=True, check=True, cwd="/")
    return told.stdout.split()
