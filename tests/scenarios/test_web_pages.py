"""The dashboard over HTTP: who is let in, what each page shows, deciding by copy and paste, and what is refused."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from agents_world import agency, key

from gonogo.evidence.ledger import time_of
from gonogo.evidence.signers import namespace
from gonogo.evidence.sshsig import sign
from gonogo.terms import Person, RunId
from tests.command_line import gonogo
from gonogo.web.reminding import Reminders
from gonogo.web.site import Site
from tests.projects import Project, copied, small_project
from tests.worlds import SimulatedClock
from tests.worlds_http import place
from web_world import Client, Served, served, signed_in

RELEASE = "v2"
APPROVERS = "config/release-approvers.yaml"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    root = tmp_path_factory.mktemp("web")
    with place(root / "staging") as staging, place(root / "production") as production:
        yield small_project(root / "shop", staging, production)


@pytest.fixture(scope="module")
def run(project: Project) -> RunId:
    found = project.begin("pre-deployment")
    project.go_until(found, "readiness")
    return found


@pytest.fixture(scope="module")
def here(project: Project, run: RunId) -> Iterator[Served]:
    with served(project) as site:
        yield site


@pytest.fixture(scope="module")
def client(here: Served) -> Client:
    return signed_in(here, "rm1")


def test_a_stranger_sees_the_health_check_and_the_sign_in_page_and_nothing_else(here: Served, run: RunId) -> None:
    stranger = Client(here)
    assert stranger.get("/healthz").text == '{"ok":true}'
    assert stranger.get("/sign-in").status == 200
    for path in ("/", "/approvals", "/audit", f"/runs/{run}", f"/runs/{run}/stream", "/stream", "/static/x/app.css", "/nowhere"):
        assert stranger.get(path, accept="*/*").status == 401, path
        assert stranger.get(path).location.startswith("/sign-in"), path
    assert stranger.post(f"/runs/{run}/abort", {"reason": "x"}).status == 401


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("/", RELEASE),
        ("/runs/{run}", "Where it stands"),
        ("/runs/{run}/parity", "Staging against production"),
        ("/runs/{run}/rollback", "recovery time"),
        ("/runs/{run}/evidence", "hash chain of"),
        ("/runs/{run}/trail", "approval.requested"),
        ("/runs/{run}/live", "No traffic has been moved"),
        ("/runs/{run}/gates/intake-confirmation-gate", "Who can fix it"),
        ("/runs/{run}/requests/readiness-1", "What changed since the last signature"),
        ("/approvals", "Waiting for you"),
        ("/audit", "web.signed_in"),
        ("/history", "From the log of the site"),
        ("/rollbacks", "Counts until"),
        ("/search?q=xyzzy", "Nothing of what is on file holds these words."),
        ("/you", "Your keys"),
    ],
)
def test_each_page_has_a_stable_address_and_shows_what_it_is_for(client: Client, run: RunId, path: str, shows: str) -> None:
    page = client.get(path.format(run=run))
    assert page.status == 200, page.text
    assert shows in html.unescape(page.text)
    assert len(page.text) < 150_000, "the first view stays small"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r"<script(?! src=)|\son[a-z]+=|style=", page.text), "nothing inline, so that the policy can forbid it"


@pytest.mark.req("LRN-13")
def test_what_runs_taught_is_found_at_a_stable_address_and_what_is_kept_to_roles_by_these_alone(project: Project, here: Served, run: RunId) -> None:
    for words in (["the queue was full", "drain it <b>first</b>"], ["the disk was full", "ask for more"]):
        said = ["--context", words[0], "--insight", words[1], "--action", "look", "--outcome", "known", "--applies-to", "all"]
        assert gonogo("lessons", run, *said, "--as", "rm1", "--project", project.root).code == 0
    wait_until_seen(here)
    reader = signed_in(here, "sre1")
    found = reader.get("/search?q=%22queue+was+full%22&kind=lessons").text
    assert "drain it &lt;b&gt;first" in found and "ask for more" not in found
    both = reader.get("/search?q=full+disk").text
    assert both.index("ask for more") < both.index("drain it"), "what holds more of the words comes first"
    project.edit("config/release-approvers.yaml", "freeze_stakeholders:", "readers: {lessons: [release_manager]}\nfreeze_stakeholders:")
    kept = reader.get("/search?q=full").text
    assert "drain it" not in kept and "lessons were not searched: they are for release manager" in kept
    assert "drain it" in signed_in(here, "rm1").get("/search?q=full").text
    project.edit("config/release-approvers.yaml", "readers: {lessons: [release_manager]}\n", "")


@pytest.mark.req("REV-03", "APR-02")
def test_a_statement_is_shown_byte_for_byte_signed_with_ssh_keygen_elsewhere_and_counts(project: Project, here: Served, run: RunId) -> None:
    person = signed_in(here, "po1")
    page = person.get(f"/runs/{run}/requests/readiness-1")
    key = re.search(r'<option value="(SHA256:[^"]+)">', page.text)
    assert key, page.text
    prepared = person.send(f"/runs/{run}/requests/readiness-1", page, decision="go", reason="all measured", comment="", key=html.unescape(key[1]))
    shown = person.get(prepared.location)
    statement = person.get(f"{prepared.location}/statement.json").text.encode()
    assert html.unescape(shown.text).count(statement.decode()) == 1, "the very bytes stand on the page"
    signature = sign(project.keys["po1"], statement, namespace("approval", "staging")).decode()
    done = person.send(prepared.location, shown, signature=signature)
    assert done.location == f"/runs/{run}?done=signed", done.text
    answers = project.state(run).rounds["readiness-1"].answers
    assert [(item.person, item.decision) for item in answers] == [("po1", "go")]
    again = person.send(prepared.location, shown, signature=signature)
    assert again.status == 409
    assert "answered already" in again.text
    assert here.refusals()[-1] == "statement_used_or_old"


def test_a_signer_sees_the_words_of_agents_as_words_that_nobody_measured(project: Project, client: Client, run: RunId) -> None:
    there, task = agency(project, name="talker"), project.state(run).rounds["readiness-1"].task
    stages = project.door().load(run).plan.stages
    state, name = next(stage.id for stage in stages if task in {each.id for each in stage.tasks}), next(name for stage in stages for name in stage.evidence)
    try:
        claimed = there.call("evidence_submit", run_id=run, contract=name, inline_json='{"line": 100.0, "note": "<script>alert(1)</script>"}', key=key())
        asked = there.call("approval_request", run_id=run, state_id=state, summary="All gates PASS.\n</pre><b>APPROVED</b> \u202egnp.", key=key())
    finally:
        there.door.close()
    assert (claimed["code"], asked["code"]) == ("OK", "OK"), (claimed, asked)
    page = client.get(f"/runs/{run}/requests/readiness-1").text
    part = page[page.index('id="agents"') :]
    part = part[: part.index("</section>")]
    assert "not measured" in part and "no gate counts them" in part and "agent:talker" in part
    assert name in part and "‹script" in part and "\\u{202e}gnp" in part
    assert not re.search(r"<script|</pre><b>|\u202e", part), "nothing of it acts"
    assert "All gates PASS" not in page.replace(part, ""), "nowhere else"


@pytest.mark.req("APR-03")
def test_no_list_names_whoever_was_taken_out_of_the_approvers_file_though_no_release_moved(project: Project, here: Served, run: RunId) -> None:
    reader, paths, head = signed_in(here, "sec1"), ("/", "/approvals"), project.state(run).seq
    missing = next(role for asked in project.view(run).waiting for role in asked.missing if "(rm1)" in role)
    named = missing.replace("_", " ")
    assert all(named in reader.get(path).text for path in paths), named
    before = (project.root / APPROVERS).read_text()
    try:
        project.edit(APPROVERS, "  - id: rm1\n", "  - id: rm9\n")
        deadline = time.monotonic() + 30
        while any(named in reader.get(path).text for path in paths):
            assert time.monotonic() < deadline, "a list still names somebody who was removed"
            time.sleep(0.05)
        assert [reader.get(path).status for path in paths] == [200, 200]
    finally:
        (project.root / APPROVERS).write_text(before)
    assert project.state(run).seq == head


def reminded(project: Project, now: datetime) -> list[dict[str, str]]:
    """What two servers say that both remind people at one moment, and look twice each."""
    door, file = project.door(), project.root / ".gonogo/announcements.jsonl"
    door.world = replace(door.world, clock=SimulatedClock(now))
    site, before = Site.of(door, frozenset()), len(file.read_text().splitlines())
    try:
        for reminders in (Reminders(site), Reminders(site)):
            reminders.look(threading.Event())
            reminders.look(threading.Event())
    finally:
        site.work.close()
    return [json.loads(line) for line in file.read_text().splitlines()[before:]]


@pytest.mark.req("COM-25", "COM-01")
def test_people_are_reminded_once_of_what_waits_and_runs_out_though_no_engine_is_at_work(project: Project, run: RunId, tmp_path: Path) -> None:
    # A copy: what is written bears times to come, before which nothing else may be written.
    own = replace(project, root=tmp_path / "shop")
    copied(project.root, own.root)
    (asked,) = (item for item in own.state(run).rounds.values() if item.name == "readiness-1")

    def look(left: timedelta) -> list[str]:
        said = reminded(own, time_of(asked.expires_at) - left)
        return [f"{one['prefix']} {one['text']}" for one in said if one["run"] == run]

    waits = look(timedelta(hours=30))
    assert len(waits) == 1 and "DAILY STATUS" in waits[0] and "`readiness` waits for" in waits[0], waits
    runs_out = look(timedelta(hours=10))
    warned = [text.partition(";")[0] for text in runs_out if "EXPIRING" in text and "`readiness`" in text]
    assert warned == [f"[APPROVAL EXPIRING] shop v2: `readiness` expires at {asked.expires_at}"], runs_out
    assert look(timedelta(hours=9)) == []


@pytest.fixture(scope="module")
def over(project: Project, run: RunId) -> RunId:
    """A run that was aborted before it did anything."""
    found = project.begin("production-deployment")
    project.door().abort(found, "not today", Person("rm1"))
    project.go_on(found)
    assert project.state(found).outcome == "aborted"
    return found


@pytest.mark.req("COM-25")
def test_what_ended_lately_is_told_of_once_by_servers_alone(project: Project, over: RunId, tmp_path: Path) -> None:
    own = replace(project, root=tmp_path / "shop")
    copied(project.root, own.root)
    ended = own.state(over).closed_at
    assert ended is not None

    def look(days: float) -> list[str]:
        return [one["prefix"] for one in reminded(own, ended + timedelta(days=days)) if one["run"] in {over, "@site"}]

    assert look(0.5) == []
    assert [prefix.rpartition(" | ")[2] for prefix in look(2)] == ["RETROSPECTIVE]"]
    assert look(3) == []
    assert look(8) == ["[GONOGO | WEEKLY SUMMARY]"]


def test_who_opens_a_run_that_is_over_reads_why_it_ended_and_takes_report_and_package_away(project: Project, here: Served, over: RunId) -> None:
    reader = signed_in(here, "sec1")
    page = reader.get(f"/runs/{over}").text
    ended = page[page.index('id="over"') : page.index('id="map"')]
    assert "aborted by rm1: not today" in ended
    assert ">to do<" not in page and "not done" in page, "nothing of a run that is over is still to be done"
    report, package = re.findall(r'href="([^"]+)"', ended)
    assert reader.get(report).headers["content-disposition"] == f'attachment; filename="{over}.html"'
    (sealed,) = project.state(over).packages.values()
    taken = reader.get(package)
    assert taken.headers["content-disposition"] == f'attachment; filename="{sealed.name}"'
    assert taken.headers["x-sha256"] == sealed.sha256
    assert package in reader.get(f"/runs/{over}/evidence").text


def test_a_finished_run_is_folded_once_and_its_pages_are_drawn_once_whoever_looks(here: Served, over: RunId) -> None:
    paths = [f"/runs/{over}{below}" for below in ("", "/evidence", "/trail", "/rollback")]
    first, second = signed_in(here, "rm1"), signed_in(here, "sre1")
    seen = [first.get(path) for path in paths]
    memory, drawings = here.site.memory, here.site.drawings
    before = (memory.folds, drawings.made)
    again = [second.get(path) for path in paths]
    assert (memory.folds, drawings.made) == before, "nothing was worked out for the second person"
    for one, two in zip(seen, again, strict=True):
        assert (one.status, two.status) == (200, 200)
        assert "aborted" in two.text
        assert "sre1" in two.text
        assert "rm1</a>" not in two.text, "the frame is the frame of whoever asks"
        assert {one.fields["csrf"]} == {first.get("/").fields["csrf"]} != {two.fields["csrf"]}


def test_lists_are_drawn_once_and_the_journal_is_asked_for_one_number_as_long_as_nothing_moves(here: Served, over: RunId) -> None:
    client, memory = signed_in(here, "rm1"), here.site.memory
    paths = ("/", "/history", "/audit", "/?outcome=aborted", "/rollbacks")
    for path in paths:
        assert client.get(path).status == 200
    wait_until_seen(here)
    for path in paths:
        client.get(path)
    before = (memory.looks, memory.folds)
    drawn = here.site.drawings.made
    for path in ("/history", "/audit", "/?outcome=aborted"):
        client.get(path)
    assert (memory.looks, memory.folds, here.site.drawings.made) == (*before, drawn)


def wait_until_seen(here: Served) -> None:
    """Let the server take in what was written last."""
    written = here.project.door().world.journal.written()
    deadline = time.monotonic() + 60
    while sum(seq + 1 for seq in here.site.memory.heads().values()) != written:
        assert time.monotonic() < deadline, "the server never saw the last entry"
        time.sleep(0.05)


def test_a_page_that_is_kept_never_outlives_what_it_says(project: Project, here: Served, client: Client, over: RunId) -> None:
    run = project.begin("production-deployment")
    wait_until_seen(here)
    assert "Halted" not in client.get(f"/runs/{run}").text
    project.door().halt(run, "look at the queue first", Person("rm1"))
    wait_until_seen(here)
    page = client.get(f"/runs/{run}").text
    assert "look at the queue first" in page, "the head of the ledger is part of what a page hangs on"
    assert "by rm1" in page[page.index('id="halted"') :][:400], "and who halted it, and when"
    (card,) = (part for part in client.get("/").text.split("<li class=") if f'data-run="{run}"' in part)
    assert "look at the queue first" in card and "waits for" not in card, "the list says why, and not what it would wait for otherwise"
