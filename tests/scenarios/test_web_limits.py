"""How long and how often: sessions end, streams end with them, whoever asks too often waits; and `gonogo serve` itself."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import pytest

from gonogo.terms import RunId
from gonogo.web.serving import first_link
from gonogo.web.sessions import COOKIE, FRESH_S, IDLE_S, LINK, LINK_FRESH_S, LONGEST_S, Rate, Sessions
from gonogo.web.site import Site
from gonogo.web.watching import MOST_OF_ONE
from tests.command_line import spawned
from tests.projects import Project, add_release, small_project
from tests.worlds_http import place
from web_world import Client, Served, shop_served, signed_in


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with shop_served(tmp_path_factory.mktemp("limits")) as site:
        yield site


@pytest.fixture(scope="module")
def run(here: Served) -> RunId:
    return here.project.begin("pre-deployment")


def test_a_session_ends_after_half_an_hour_without_use_and_after_eight_hours_of_it() -> None:
    sessions = Sessions()
    value, session = sessions.begin("rm1", "ssh", "SHA256:x", 0.0)
    assert sessions.find(value, IDLE_S) is not None
    assert sessions.find(value, 2 * IDLE_S + 1) is None, "nobody used it for more than half an hour"
    assert sessions.find(value, IDLE_S) is None, "what is over does not come back"
    value, session = sessions.begin("rm1", "ssh", "SHA256:x", 0.0)
    used = [at * 60.0 for at in range(int(LONGEST_S / 60) + 1)]
    assert all(sessions.find(value, at) is not None for at in used)
    assert sessions.find(value, LONGEST_S + 1) is None, "however often it is used"
    assert sessions.is_alive(session, 0.0) is False
    assert (IDLE_S, LONGEST_S) == (30 * 60, 8 * 3600)
    assert [replace(session, how=how).is_fresh(LINK_FRESH_S) for how in ("ssh", "passkey", "oidc", LINK)] == [False, False, False, True]
    assert session.is_fresh(FRESH_S) and not session.is_fresh(FRESH_S + 1)


def test_a_cookie_is_for_this_site_alone_and_no_script_reads_it(here: Served) -> None:
    said = Client(here).sign_in("rm1").headers["set-cookie"].lower()
    assert {"httponly", "samesite=lax", "path=/", f"max-age={int(LONGEST_S)}"} <= {part.strip() for part in said.split(";")}
    assert Client(here).sign_in("rm1").headers["set-cookie"].partition(";")[0].lower() != said.partition(";")[0]


def test_whoever_acts_or_calls_too_often_waits_and_the_log_says_so(here: Served, run: RunId) -> None:
    client, site = signed_in(here, "qe1"), here.site
    page = client.get(f"/runs/{run}")
    before = here.project.state(run).seq
    usual = site.writes, site.pace
    site.writes = Rate(0, 60.0)
    try:
        assert client.send(f"/runs/{run}/halt", page, reason="one too many").status == 429
        assert here.refusals()[-1] == "too_many"
        site.pace = Rate(1, 60.0)
        assert client.get("/api/v1/runs", accept="application/json").status == 200
        late = client.get("/api/v1/runs", accept="application/json")
        assert (late.status, late.headers["retry-after"]) == (429, "10")
        assert here.refusals()[-1] == "too_many_calls"
    finally:
        site.writes, site.pace = usual
    assert here.project.state(run).seq == before


@dataclass(frozen=True)
class Elsewhere:
    """A project that is served by another process: as much of `Served` as a client needs."""

    project: Project
    port: int

    @property
    def base(self) -> str:
        """The origin under which browsers open it."""
        return f"http://localhost:{self.port}"


class Stream:
    """A stream that was asked for, read message by message."""

    def __init__(self, here: Served, client: Client, path: str = "/stream") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", here.port, timeout=60)
        head = {"host": f"localhost:{here.port}", "cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        self.connection.request("GET", path, headers=head)

    @cached_property
    def answer(self) -> http.client.HTTPResponse:
        """What the server says; waits for it."""
        return self.connection.getresponse()

    def close(self) -> None:
        """Stop watching."""
        self.answer.close()
        self.connection.close()

    def next(self) -> str:
        """The name of the next event; empty where the stream ended."""
        assert self.answer.status == 200
        while line := self.answer.readline():
            if line.startswith(b"event: "):
                return line[7:].decode().strip()
        return ""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


def test_one_person_holds_so_many_live_streams_however_many_are_asked_for_at_once(here: Served) -> None:
    client, other = signed_in(here, "qe1"), signed_in(here, "rm1")
    before = here.watch.streams
    streams = [Stream(here, client) for _ in range(2 * MOST_OF_ONE)]
    try:
        statuses = sorted(stream.answer.status for stream in streams)
        assert statuses == [200] * MOST_OF_ONE + [429] * MOST_OF_ONE
        assert here.refusals()[-1] == "too_many_streams"
        another = Stream(here, other)
        assert another.next() == "part", "the streams of one are no limit for others"
        another.close()
    finally:
        for stream in streams:
            stream.close()
    until(lambda: here.watch.streams == before)
    again = Stream(here, client)
    assert again.next() == "part", "a page that was closed makes room for another"
    again.close()


@dataclass
class Reader:
    """Somebody who reads one page after another while things move, and what they saw."""

    here: Served
    client: Client
    run: RunId
    statuses: set[int] = field(default_factory=set)
    seen: list[int] = field(default_factory=list)

    def read(self, over: threading.Event) -> None:
        """Read until it is over, and once more."""
        last = False
        while not last:
            last = over.wait(0.02)
            for path in (f"/runs/{self.run}", f"/runs/{self.run}/live", f"/runs/{self.run}/trail", f"/runs/{self.run}/evidence", "/", "/approvals", "/audit"):
                page = self.client.get(path)
                self.statuses.add(page.status)
                self.seen += [int(found) for found in re.findall(r'data-seq="(\d+)"', page.text)]


def test_whoever_reads_and_watches_while_a_release_moves_sees_it_move_forward_and_come_to_rest(here: Served) -> None:
    add_release(here.project.root, "v7")
    run = here.project.begin("pre-deployment", "v7")
    readers = [Reader(here, signed_in(here, who), run) for who in ("rm1", "sre1")]
    stream, over = Stream(here, readers[0].client, f"/runs/{run}/stream"), threading.Event()
    with ThreadPoolExecutor(len(readers)) as threads:
        done = [threads.submit(reader.read, over) for reader in readers]
        try:
            assert stream.next() == "part"
            until(lambda: all(reader.seen for reader in readers))
            here.project.go_until(run, "audit_recommendation")
            rests_at = here.project.state(run).seq
            until(lambda: here.site.memory.head(run) == rests_at)
            seen = told(stream, rests_at)
        finally:
            over.set()
            stream.close()
        for item in done:
            item.result(60)
    # A run that begins to be driven is told anew at the same entry.
    assert seen == sorted(seen), "a stream tells nothing of before"
    for reader in readers:
        assert reader.statuses == {200}
        assert reader.seen == sorted(reader.seen), "no page falls behind the one that was read before it"
        assert reader.seen[0] < rests_at == reader.seen[-1]


def told(stream: Stream, last: int) -> list[int]:
    """What a stream tells of a run up to an entry of its ledger, as the numbers of entries."""
    found: list[int] = []
    while not found or found[-1] < last:
        line = stream.answer.readline()
        assert line, f"the stream ended at {found}"
        found += [int(number) for number in re.findall(rb'data-seq=\\"(\d+)\\"', line)]
    return found


@pytest.mark.parametrize("how", [pytest.param("signed out", marks=pytest.mark.slow), "removed"])
def test_an_open_stream_ends_with_its_session(here: Served, how: str) -> None:
    client = signed_in(here, "sec1")
    file = here.project.root / "config/release-approvers.yaml"
    before = file.read_text()
    stream = Stream(here, client)
    try:
        assert stream.next() == "part"
        if how == "signed out":
            assert client.send("/sign-out", client.get("/")).status == 303
        else:
            here.project.edit("config/release-approvers.yaml", "  - id: sec1\n", "  - id: sec9\n")
        add_release(here.project.root, f"v-{how[:3]}")
        moved = here.project.begin("pre-deployment", f"v-{how[:3]}")
        seen = stream.answer.read().decode()
        assert seen.endswith("event: over\ndata: signed out\n\n"), "and nothing after it"
        assert how == "signed out" or here.refusals()[-1] == "session_of_removed_person"
        assert moved not in seen, "what came after the session is told to nobody who has none"
    finally:
        stream.close()
        file.write_text(before)


def test_the_first_view_is_small_with_all_that_it_loads(here: Served, run: RunId) -> None:
    client = signed_in(here, "rm1")
    for path in ("/", f"/runs/{run}"):
        text = client.get(path).text
        loaded = re.findall(r'(?:href|src)="(/static/[^"]+)"', text)
        assert len(loaded) == 3
        whole = len(text.encode()) + sum(len(client.get(address).text.encode()) for address in loaded)
        assert whole < 150_000, (path, whole)


@contextmanager
def process(project: Project) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A `gonogo serve` of its own, ended by a signal at the latest; with what it said until it served."""
    found = spawned("serve", "--port", "0", "--project", project.root)
    assert found.stderr is not None
    said = ""
    try:
        while "passkeys: add to" not in said:
            line = found.stderr.readline()
            assert line, f"it ended: {said}"
            said += line
        yield said, found
    finally:
        found.terminate()
        found.communicate(timeout=60)


@pytest.mark.req("COM-25")
def test_a_first_start_prints_a_link_that_works_once_reminds_people_by_itself_and_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    with place(tmp_path / "staging") as staging, place(tmp_path / "production") as production:
        project = small_project(tmp_path / "shop", staging, production)
    project.write("gonogo.yaml", f"{(project.root / 'gonogo.yaml').read_text()}cadence: {{status: 1s}}\n")
    project.begin("pre-deployment")
    with process(project) as (said, server):
        port, link = re.findall(r"http://localhost:(\d+)(/welcome/\S+)", said)[0]
        here = cast("Served", Elsewhere(project, int(port)))
        browser = Client(here)
        page = browser.get(link)
        assert "rm1" in page.text
        assert browser.get("/").location == "/sign-in", "the link has to be used, not only opened"
        assert browser.send(link, page, person="rm1").status == 303
        assert browser.get("/").status == 200
        again = Client(here)
        assert again.send(link, page, person="rm1").status != 303, "it works once"
        assert again.sign_in("rm1").status == 303
        stream = Stream(here, browser)
        assert stream.next() == "part"
        messages = project.root / ".gonogo/announcements.jsonl"
        until(lambda: messages.exists() and "DAILY STATUS" in messages.read_text())
        server.send_signal(signal.SIGTERM)
        assert set(iter(stream.next, "")) <= {"part", "cards"}, "open streams do not keep a server from ending"
        server.wait(60)
        stream.close()
    site = Site.of(project.door(), frozenset())
    try:
        assert first_link(site, here.base) == "", "somebody came in by a key of their own"
    finally:
        site.work.close()
