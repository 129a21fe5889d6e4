"""The command line on a real project: from `run` to `verify`, with real scripts, traffic and signatures by ssh-keygen."""

from __future__ import annotations

import json
import os
import pty
import shutil
import sqlite3
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from command_line import Said, files_below, gonogo, importing, spawned
from cryptography.hazmat.primitives import serialization

from gonogo.adapters.run_lock import RunLocks
from gonogo.control.run_reports import page_of
from gonogo.terms import RunId
from tests.projects import REQUESTER, SIGNERS, Project, copied, small_project
from tests.worlds_http import place

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="install openssh-client (ssh-keygen)")


@dataclass(frozen=True)
class Typed:
    """A project, as somebody at a terminal sees it."""

    project: Project
    keys: Path

    def say(self, *arguments: str) -> Said:
        """Type one command line in the project's folder."""
        return gonogo(arguments[0], "-C", self.project.root, *arguments[1:], RECORD=str(self.project.record))

    def sign(self, run: str) -> list[Said]:
        """Let everybody who is needed answer every open request, each with a key of their own."""
        verbs = {"approval": "approve", "attestation": "attest"}
        answers = []
        for asked in self.say("status", run, "--json").json()["waiting"]:
            for handle in SIGNERS[asked["point"]]:
                key = ("--key", str(self.keys / handle), "--yes")
                if asked["kind"] == "freeze-ack":
                    answers.append(self.say("acknowledge", run, *key))
                else:
                    answers.append(self.say(verbs[asked["kind"]], run, asked["point"], *key))
        return answers

    def release(self, protocol: str) -> str:
        """Drive a protocol to its end, signing whenever people are awaited."""
        said = self.say("run", protocol, "--release", "v2", "--as", REQUESTER, "--json")
        for _ in range(12):
            found = said.json()
            if said.code != 3:
                return str(found["run"])
            assert all(answer.code == 0 for answer in self.sign(str(found["run"])))
            said = self.say("resume", str(found["run"]), "--json")
        raise AssertionError(said)


def private_keys(project: Project, folder: Path) -> Path:
    folder.mkdir()
    for handle, key in project.keys.items():
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        (folder / handle).write_bytes(private)
        (folder / handle).chmod(0o600)
        (folder / f"{handle}.pub").write_bytes(public)
    return folder


def list_engine(project: Project) -> None:
    """Let the approvers file name the key of the engine that seals here, as `gonogo init` does."""
    path = project.root / "config/release-approvers.yaml"
    text, line = path.read_text(), project.door().world.key.public_line()
    if "engines:" not in text:
        path.write_text(f'{text}engines:\n  - {{name: local, key: "{line}"}}\n')


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("typed")


@pytest.fixture(scope="module")
def typed(folder: Path) -> Iterator[Typed]:
    with place(folder / "world/staging") as staging, place(folder / "world/production") as production:
        project = small_project(folder / "shop", staging, production)
        list_engine(project)
        yield Typed(project, private_keys(project, folder / "keys"))


@pytest.fixture(scope="module")
def waiting(typed: Typed) -> str:
    """A run of another protocol that waits for its first signatures."""
    found = typed.say("run", "production-deployment", "--release", "v2", "--as", REQUESTER, "--json")
    assert found.code in {2, 3}
    return str(found.json()["run"])


@pytest.fixture(scope="module")
def ready(typed: Typed) -> str:
    """A run of pre-deployment that is over."""
    return typed.release("pre-deployment")


def test_a_run_typed_at_a_terminal_ends_ready(typed: Typed, ready: str) -> None:
    found = typed.say("status", ready, "--json").json()
    assert found["outcome"] == "ready"
    assert {gate["verdict"] for gate in found["gates"]} == {"pass"}
    assert typed.say("status", ready, "--exit-code").code == 0


@pytest.mark.req("RGD-01", "RGD-06")
def test_status_shows_role_mission_and_guardrails(typed: Typed, ready: str) -> None:
    text = typed.say("status", ready, "--verbose").out
    assert "role Release Engineer" in text
    assert "mission: " in text
    assert "guardrail: DO NOT" in text
    assert "pass         Intake Confirmation Gate" in text


def test_status_without_a_name_lists_every_run(typed: Typed, ready: str, waiting: str) -> None:
    rows = typed.say("status", "--json").json()["runs"]
    assert {row["run"] for row in rows} == {ready, waiting}


def test_a_run_is_named_by_a_unique_beginning(typed: Typed, ready: str, waiting: str) -> None:
    assert typed.say("status", "pre", "--json").json()["run"] == ready
    assert typed.say("status", "x").code == 2
    assert waiting in typed.say("status", "x").err


@pytest.mark.req("GAT-03")
def test_a_judged_gate_is_explained_clause_by_clause(typed: Typed, ready: str) -> None:
    text = typed.say("explain", ready, "intake").out
    body = typed.say("explain", ready, "intake", "--json").json()["gates"][0]
    assert text.startswith("Intake Confirmation Gate (intake-confirmation-gate): PASS")
    for clause in body["clauses"]:
        assert f"{clause['text']}   ({clause['origin']})" in text
        assert f"measured {clause['measured']}, limit {clause['operator']} {clause['limit']}" in text
        assert clause["sha256"] in text


def test_a_gate_that_nobody_judged_is_explained_by_what_it_will_ask_for(typed: Typed, waiting: str) -> None:
    said = typed.say("explain", waiting, "production-launch-gate")
    assert said.code == 0
    assert "has not been judged" in said.out
    assert "validation success rate ≥ 95%" in said.out
    assert typed.say("explain", waiting, "nix").code == 2


@pytest.mark.req("REP-01")
def test_the_report_of_a_finished_run_is_the_sealed_one(typed: Typed, ready: str) -> None:
    found = typed.say("report", ready, "--json").json()["report"]
    view = typed.project.root / ".artifacts/pre-deployment/RUN-REPORT.md"
    assert found["markdown"] == view.read_text()
    assert found["sealed_sha256"] in typed.say("report", ready).err


class Page(HTMLParser):
    """What stands in a page: names of elements, all that could load or run something, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.outward: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.outward += [name for name, _ in attrs if name in {"src", "href", "action", "style"} or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.req("REP-01")
def test_the_report_as_a_page_stands_alone_and_names_every_gate_and_the_sealed_report(typed: Typed, ready: str) -> None:
    target = typed.project.root / "report.html"
    assert typed.say("report", ready, "--format", "html", "--output", target).code == 0
    text = target.read_text()
    page, opened = Page(text), typed.project.door().load(RunId(ready))
    words = "".join(page.words)
    assert page.elements["script"] + page.elements["link"] + page.elements["img"] == 0
    assert page.outward == []
    assert "default-src 'none'" in text
    assert page.elements["svg"] == 1, "the timeline; this run moved no traffic"
    assert [rule.name for rule in opened.plan.gates.values() if rule.name not in words] == []
    assert typed.say("report", ready, "--json").json()["report"]["sealed_sha256"] in words
    assert "No traffic was moved." in words


@pytest.mark.req("REP-01")
@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "[a](javascript:alert(1))", "![a](http://evil.example/x)", "</style><b>"])
def test_no_text_of_others_becomes_markup_in_the_page(typed: Typed, ready: str, evil: str) -> None:
    door = typed.project.door()
    opened = door.load(RunId(ready))
    stages = tuple(replace(stage, title=evil) for stage in opened.plan.stages)
    evidence = {name: replace(item, name=evil, stage=evil) for name, item in opened.state.evidence.items()}
    gates = {name: replace(rule, name=evil, purpose=evil) for name, rule in opened.plan.gates.items()}
    plan = replace(opened.plan, title=evil, role=evil, stages=stages, gates=gates, project=replace(opened.plan.project, name=evil))
    page = Page(page_of(door, replace(opened, plan=plan, state=replace(opened.state, evidence=evidence))))
    assert page.elements["script"] + page.elements["img"] + page.elements["a"] + page.elements["b"] == 0
    assert page.outward == []


def test_the_report_of_an_open_run_says_that_it_is_on_no_record(typed: Typed, waiting: str) -> None:
    said = typed.say("report", waiting)
    assert "no report is sealed yet" in said.err
    assert said.out.startswith("# PRODUCTION DEPLOYMENT")


@pytest.mark.req("EVS-16", "ARC-07")
def test_a_package_verifies_by_the_approvers_of_ones_own_checkout(typed: Typed, ready: str, folder: Path) -> None:
    package = str(typed.project.root / ".artifacts/pre-deployment/PROTOCOL-14-EVIDENCE.zip")
    trust = folder / "trust"
    trust.mkdir()
    shutil.copy(typed.project.root / "config/release-approvers.yaml", trust)
    assert gonogo("verify", package).code == 3
    assert gonogo("verify", package, "--trust", trust).code == 3
    good = gonogo("verify", package, "--trust", trust, "--no-anchor-needed", "--json")
    assert (good.code, good.json()["exit_code"]) == (0, 0)
    damaged = folder / "damaged.zip"
    data = bytearray(Path(package).read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    refused = gonogo("verify", damaged, "--trust", trust, "--no-anchor-needed")
    assert refused.code == 2
    assert refused.out.startswith("REFUSED: ")


def test_a_package_sealed_by_an_unlisted_engine_is_refused_with_advice(typed: Typed, ready: str, folder: Path) -> None:
    package = str(typed.project.root / ".artifacts/pre-deployment/PROTOCOL-14-EVIDENCE.zip")
    stranger = folder / "stranger.yaml"
    stranger.write_text((typed.project.root / "config/release-approvers.yaml").read_text().partition("engines:")[0])
    said = gonogo("verify", package, "--trust", stranger)
    assert said.code == 2
    assert "`engines`" in said.err


def test_a_run_of_the_project_is_verified_from_its_own_ledger(typed: Typed, ready: str) -> None:
    said = typed.say("verify", ready, "--json")
    assert said.code == 0
    assert [check["name"] for check in said.json()["checks"]][:5] == ["log", "files", "plan", "checkpoints", "views"]


def test_a_stored_file_that_was_changed_refuses_the_run(typed: Typed, ready: str, tmp_path: Path) -> None:
    copy = tmp_path / "shop"
    copied(typed.project.root, copy)
    digest = typed.say("status", ready, "--json").json()["evidence"][-1]["sha256"]
    stored = next(path for path in (copy / ".gonogo/vault").rglob("*") if path.is_file() and digest[2:] in str(path).replace("/", ""))
    stored.chmod(0o600)
    stored.write_bytes(b"something else")
    said = gonogo("verify", ready, "-C", copy)
    assert said.code == 2
    assert said.out.startswith("REFUSED: ")


def test_a_view_that_was_edited_by_hand_is_shown(typed: Typed, ready: str, tmp_path: Path) -> None:
    copy = tmp_path / "shop"
    copied(typed.project.root, copy)
    view = copy / ".artifacts/pre-deployment/staging-test-results.json"
    view.chmod(0o600)
    view.write_text("{}")
    said = gonogo("status", ready, "-C", copy)
    assert "edited by hand: " in said.out
    assert "staging-test-results.json" in said.out


def test_a_run_that_cannot_be_read_does_not_hide_the_others(typed: Typed, ready: str, waiting: str, tmp_path: Path) -> None:
    copy = tmp_path / "shop"
    copied(typed.project.root, copy)
    shutil.rmtree(copy / ".gonogo/vault")
    with closing(sqlite3.connect(copy / ".gonogo/journal.db")) as journal:
        # What lists remember may be lost at any time: then each run is loaded.
        journal.execute("delete from gonogo_standing")
        journal.commit()
    said = gonogo("status", "-C", copy)
    assert said.code == 0
    assert said.out.count("unusable: ") == 2


def test_looking_changes_nothing_on_disk(typed: Typed, ready: str, waiting: str) -> None:
    before = files_below(typed.project.root / ".artifacts") | files_below(typed.project.root / ".gonogo/vault")
    for line in (("status",), ("status", ready, "-v"), ("report", ready), ("explain", ready), ("verify", ready)):
        assert typed.say(*line).code == 0
    after = files_below(typed.project.root / ".artifacts") | files_below(typed.project.root / ".gonogo/vault")
    assert before == after


def test_a_run_waiting_for_people_ends_with_three_and_says_who(typed: Typed, waiting: str) -> None:
    said = typed.say("resume", waiting)
    found = typed.say("status", waiting, "--json").json()
    assert said.code in {2, 3}
    assert typed.say("status", waiting, "--exit-code").code == said.code
    assert found["next"]


@pytest.mark.req("APR-02")
def test_whoever_opened_the_run_cannot_approve_it(typed: Typed, folder: Path) -> None:
    with place(folder / "alone/staging") as staging, place(folder / "alone/production") as production:
        project = small_project(folder / "alone/shop", staging, production)
        alone = Typed(project, private_keys(project, folder / "alone/keys"))
        run = str(alone.say("run", "pre-deployment", "--release", "v2", "--as", "qe1", "--json").json()["run"])
        said = alone.say("approve", run, "audit_recommendation", "--key", str(alone.keys / "qe1"), "--yes")
        stranger = alone.say("approve", run, "audit_recommendation", "--key", str(folder / "keys/qe1"), "--yes", "--json")
        halted = alone.say("halt", run, "--reason", "a doubt", "--as", "rm1", "--json")
        resumed = alone.say("resume", run)
        aborted = aborted_beside_an_engine(alone, run)
    assert said.code == 2
    assert "requester" in said.err or "asked for" in said.err or "opened" in said.err
    assert stranger.code == 2
    assert "is no listed key" in str(stranger.json()["error"])
    assert halted.json()["halted"] is True
    assert resumed.code == 2
    assert "only a signature lifts that" in resumed.err
    assert (aborted.code, aborted.json()["outcome"]) == (2, "aborted")
    assert "by the engine that drives it" in aborted.err, "two engines would be one too many"


def aborted_beside_an_engine(typed: Typed, run: str) -> Said:
    """`gonogo abort` while another process drives the run, which lets go of it once the abort is told."""
    door = typed.project.door()
    with RunLocks(typed.project.root / ".gonogo/runs", door.world.clock).driving(RunId(run)):
        once = spawned("abort", run, "-C", typed.project.root, "--reason", "enough", "--as", "rm1", "--json")
        assert once.stderr is not None
        told = once.stderr.readline()
        assert any(entry.type == "abort.requested" for entry in door.load(RunId(run)).entries)
    out, err = once.communicate(timeout=60)
    return Said(once.returncode, out, told + err)


def test_watching_ends_with_the_run_and_with_control_c(typed: Typed, ready: str, waiting: str) -> None:
    over = typed.say("status", ready, "--watch")
    assert over.code == 0
    assert "Report and evidence" in over.out
    with spawned("status", waiting, "--watch", "--every", "0.1", "-C", typed.project.root) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline(), "it draws: before that the interpreter itself may still be starting"
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=60)
    assert watching.returncode in {0, 1}
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "line",
    [("status",), ("status", "pre"), ("report", "pre"), ("explain", "pre"), ("explain", "pre", "intake"), ("verify", "pre"), ("check",), ("plan", "pre-deployment", "--release", "v2"), ("approve", "pre", "--key", "nix"), ("halt", "pre", "--reason", "x"), ("abort", "pre", "--reason", "x"), ("resume", "pre")],
    ids=" ".join,
)
def test_json_is_one_document_for_every_command(typed: Typed, ready: str, line: tuple[str, ...]) -> None:
    said = typed.say(*line, "--json")
    assert isinstance(json.loads(said.out), dict)


def test_a_terminal_gets_no_colours_where_they_are_unwanted(typed: Typed, ready: str) -> None:
    line = ("status", ready, "-C", str(typed.project.root))
    assert "\x1b[32m" in on_terminal(*line)
    assert "\x1b[" not in on_terminal(*line, "--no-color")
    assert "\x1b[" not in on_terminal(*line, NO_COLOR="1")


def on_terminal(*arguments: str, **environ: str) -> str:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    settings = {key: value for key, value in importing(**environ).items() if key != "NO_COLOR" or key in environ}
    line = [sys.executable, "-m", "gonogo.cli.main", *arguments]
    with subprocess.Popen(line, stdout=theirs, stderr=subprocess.DEVNULL, env=settings) as process:
        os.close(theirs)
        found = b""
        # A terminal whose last user is gone answers with an error instead of an end of file.
        with suppress(OSError):
            while piece := os.read(ours, 65536):
                found += piece
    os.close(ours)
    assert process.returncode == 0
    return found.decode()
