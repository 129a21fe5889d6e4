"""How HAProxy's words are judged, against a runtime API of our own that speaks the same socket protocol."""

from __future__ import annotations

import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gonogo.adapters.targets.haproxy import HaproxyTarget, parse_states
from gonogo.errors import BadInput, Broken

HEAD = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_port\n"
HANGS_UP = "(the connection is closed without a word)"
SLOTS = {"blue": "blue", "green": "green"}


class RuntimeApi(socketserver.ThreadingUnixStreamServer):
    """Holds weights like HAProxy, keeps every line that came, and answers `set` as `reply` decides."""

    daemon_threads = True

    def __init__(self, path: str, reply: Callable[[str], str]) -> None:
        super().__init__(path, Lines)
        self.reply = reply
        self.lines: list[str] = []
        self.weights = {"blue": 100, "green": 0}

    def answer(self, line: str) -> str:
        self.lines.append(line)
        if line.startswith("show servers state"):
            rows = (f"3 app {n} {name} 127.0.0.1 2 0 {w} 100 910{n}" for n, (name, w) in enumerate(self.weights.items()))
            return HEAD + "\n".join(rows) + "\n"
        words = line.split()
        text = self.reply(line)
        if not text:
            self.weights[words[2].partition("/")[2]] = int(words[4])
        return f"{text}\n" if text else ""


class Lines(socketserver.StreamRequestHandler):
    """HAProxy's way: one line and its reply, then it closes; after `prompt` a prompt ends each reply instead."""

    def handle(self) -> None:
        assert isinstance(self.server, RuntimeApi)
        prompted = False
        while line := self.rfile.readline().decode("ascii").strip():
            prompted = prompted or line == "prompt"
            answer = "" if line == "prompt" else self.server.answer(line)
            if HANGS_UP in answer:
                return
            self.wfile.write(f"{answer}\n{'> ' if prompted else ''}".encode("ascii"))
            if not prompted:
                return


@contextmanager
def runtime_api(reply: Callable[[str], str]) -> Iterator[tuple[RuntimeApi, HaproxyTarget]]:
    with tempfile.TemporaryDirectory(prefix="gg") as folder:
        path = str(Path(folder) / "s")
        server = RuntimeApi(path, reply)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server, HaproxyTarget(path, "app", SLOTS, patience=0.1)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def obedient(_line: str) -> str:
    return ""


@pytest.mark.req("PX-01", "PX-03", "PX-04")
def test_a_move_sends_absolute_weights_one_change_a_line_raising_first_and_reads_back_behind_the_last() -> None:
    with runtime_api(obedient) as (api, target):
        seen = target.move({"blue": 95, "green": 5}, 4)
        assert (seen.readable, dict(seen.weights)) == (True, {"blue": 95, "green": 5})
        assert api.lines == [
            "show servers state app",
            "set server app/green weight 5",
            "set server app/blue weight 95",
            "show servers state app",
        ]
        assert target.move({"blue": 95, "green": 5}, 4).readable
        assert api.lines[4:] == ["show servers state app"] * 2, "a move that changes nothing is read back all the same"


@pytest.mark.req("PX-02")
def test_any_text_in_the_reply_of_a_set_is_a_failure_that_quotes_it() -> None:
    with runtime_api(lambda _line: "No such server.") as (api, target):
        with pytest.raises(Broken, match=r"refused weight 5 for green: `No such server\.`; nothing was changed"):
            target.move({"blue": 95, "green": 5}, 1)
        assert api.weights == {"blue": 100, "green": 0}


@pytest.mark.req("PX-03")
def test_a_move_that_stops_half_way_is_reported_as_half_done() -> None:
    with runtime_api(lambda line: "Permission denied" if "blue" in line else "") as (_, target):
        with pytest.raises(Broken, match="done before it: green 5 %") as caught:
            target.move({"blue": 95, "green": 5}, 1)
        assert "half done" in caught.value.next_step


@pytest.mark.req("PX-04")
def test_a_command_that_was_accepted_and_changed_nothing_is_found_by_the_read_back() -> None:
    with runtime_api(obedient) as (api, target):
        api.weights = LeavesAtZero(api.weights)
        with pytest.raises(Broken, match="asked for blue 95 %, green 5 %"):
            target.move({"blue": 95, "green": 5}, 1)


@pytest.mark.req("PX-02")
@pytest.mark.parametrize("server", ["green", "blue"])
def test_a_change_without_a_reply_is_never_taken_for_a_change_that_was_made(server: str) -> None:
    with runtime_api(lambda line: HANGS_UP if server in line else "") as (api, target):
        with pytest.raises(Broken, match=rf"does not answer `set server app/{server} weight .*no end"):
            target.move({"blue": 95, "green": 5}, 1)
        assert api.weights == {"blue": 100, "green": 5 if server == "blue" else 0}


@pytest.mark.req("PX-02")
def test_a_reply_that_holds_more_than_was_asked_is_no_reply() -> None:
    with runtime_api(lambda _line: "\n> 1\n# be_id be_name") as (_, target), pytest.raises(Broken, match="more than was asked"):
        target.move({"blue": 95, "green": 5}, 1)


@pytest.mark.req("PX-03")
def test_no_change_is_sent_before_the_one_before_it_was_accepted() -> None:
    with runtime_api(lambda line: "No such server." if "green" in line else "") as (api, target):
        with pytest.raises(Broken, match="nothing was changed before it"):
            target.move({"blue": 95, "green": 5}, 1)
        assert api.lines == ["show servers state app", "set server app/green weight 5"]


class LeavesAtZero(dict[str, int]):
    """Takes every weight of green for 0, as HAProxy does with 5 % of an initial weight of 0."""

    def __setitem__(self, name: str, weight: int) -> None:
        super().__setitem__(name, 0 if name == "green" else weight)


def test_servers_may_be_bound_by_the_address_that_haproxy_must_have_for_them() -> None:
    with runtime_api(obedient) as (api, target):
        by_address = replace(target, slots={"old": "127.0.0.1:9100", "new": "127.0.0.1:9101"})
        assert by_address.move({"old": 95, "new": 5}, 1).weights == {"old": 95, "new": 5}
        assert api.weights == {"blue": 95, "green": 5}


@pytest.mark.parametrize("bound", ["127.0.0.1:9199", "emerald", "blue", "127.0.0.1:9100"])
def test_a_server_that_leads_elsewhere_belongs_to_no_slot_and_nothing_is_moved(bound: str) -> None:
    with runtime_api(obedient) as (api, target):
        astray = replace(target, slots={"blue": "blue", "green": bound})
        assert not astray.traffic().readable
        with pytest.raises(Broken, match=r"green \(127\.0\.0\.1:9101\), the target is bound to .*; nothing was moved"):
            astray.move({"blue": 95, "green": 5}, 1)
        assert api.weights == {"blue": 100, "green": 0}


def test_a_socket_that_nobody_serves_is_broken_with_advice() -> None:
    with pytest.raises(Broken, match="does not answer") as caught:
        HaproxyTarget("/nonexistent/haproxy.sock", "app", SLOTS).traffic()
    assert "level admin" in caught.value.next_step


@pytest.mark.parametrize("name", ["a b", "a;b", "a\nset server x", "", "a/b"])
def test_a_name_that_could_carry_a_second_command_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is no name"):
        HaproxyTarget("/s", "app", {"blue": name})
    with pytest.raises(BadInput, match="is no name"):
        HaproxyTarget("/s", name, SLOTS)


@pytest.mark.parametrize(
    "text", ["", "No such backend.\n", HEAD.replace("srv_uweight", "other") + "3 app 1 b 1 2 0 5 5"]
)
def test_a_reply_that_is_no_table_of_servers_is_not_read_as_one(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse_states(text)
