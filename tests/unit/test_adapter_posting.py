"""Notices for people elsewhere: carried by a command, tried again, told what became of them, and never waited for."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from gonogo.adapters.posting import Channel, CommandPost
from gonogo.ports import Delivery, Notice
from gonogo.terms import RunId, Secret
from tests.worlds import MORNING, SimulatedClock

RUN = RunId("pre-deployment-v2-1")
LONG = 20.0


def notice(number: int = 7, to: tuple[str, ...] = ("Release Manager",)) -> Notice:
    return Notice(RUN, number, MORNING, "engine:local", "shop", "v2", 1, "CRITICAL", to, "[A]", "ready ✓\x1b[31m")


def channel(folder: Path, text: str, *, roles: tuple[str, ...] = (), secrets: Mapping[str, Secret] | None = None) -> Channel:
    script = folder / "tell.sh"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return Channel("chat", (str(script), "--to", "team; rm -rf x"), roles, 5.0, secrets or {})


def post(folder: Path, *channels: Channel) -> CommandPost:
    return CommandPost(channels, folder, os.environ, SimulatedClock())


@pytest.mark.req("COM-23", "COM-01")
def test_a_notice_reaches_the_command_as_json_and_its_arguments_are_untouched(tmp_path: Path) -> None:
    carrier = post(tmp_path, channel(tmp_path, 'cat > got; printf "%s|" "$@" > arguments'))
    carrier.hand("chat", notice())
    assert carrier.finished(LONG) == (Delivery(RUN, 7, "chat", 1, ""),)
    got = json.loads((tmp_path / "got").read_text())
    assert (got["id"], got["to"], got["text"]) == (f"{RUN}/7", ["Release Manager"], "ready ✓?[31m")
    assert (tmp_path / "arguments").read_text() == "--to|team; rm -rf x|"


@pytest.mark.req("COM-24")
def test_a_failing_command_is_tried_three_times_and_the_reason_is_told_without_secrets(tmp_path: Path) -> None:
    text = "echo x >> count; printf 'no \\033[31mroute with %s' \"$TOKEN\" >&2; exit 7"
    carrier = post(tmp_path, channel(tmp_path, text, secrets={"TOKEN": Secret("hunter2")}))
    carrier.hand("chat", notice())
    (outcome,) = carrier.finished(LONG)
    assert (tmp_path / "count").read_text() == "x\n" * 3
    assert (outcome.attempts, outcome.reason) == (3, "exit code 7: no ?[31mroute with ‹secret›")


@pytest.mark.req("COM-24")
@pytest.mark.parametrize("argv", [(), ("/nonexistent/notify",), ("a\0b",)])
def test_a_command_that_cannot_run_is_an_outcome_and_no_error(tmp_path: Path, argv: tuple[str, ...]) -> None:
    carrier = post(tmp_path, Channel("chat", argv, (), 5.0, {}))
    carrier.hand("chat", notice())
    (outcome,) = carrier.finished(LONG)
    assert outcome.reason


@pytest.mark.req("COM-24")
def test_a_secret_that_is_not_set_is_named_and_the_command_is_not_run(tmp_path: Path) -> None:
    carrier = post(tmp_path, Channel("chat", ("touch", "ran"), (), 5.0, {}, ("CHAT_TOKEN",)))
    carrier.hand("chat", notice())
    assert "CHAT_TOKEN" in carrier.finished(LONG)[0].reason
    assert not (tmp_path / "ran").exists()


@pytest.mark.req("COM-24")
def test_a_command_that_hangs_makes_nobody_wait_and_is_ended_with_what_it_started(tmp_path: Path) -> None:
    slow = Channel("chat", ("sh", "-c", "sleep 60 & echo $! > child; wait"), (), 0.2, {})
    carrier = CommandPost((slow,), tmp_path, os.environ, SimulatedClock())
    began = time.monotonic()
    carrier.hand("chat", notice())
    assert carrier.finished() == ()
    assert time.monotonic() - began < 0.15
    (outcome,) = carrier.finished(LONG)
    assert outcome.reason == "it took more than 0.2 s"
    child = int((tmp_path / "child").read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.req("PG1-07", "COM-23")
def test_a_channel_for_roles_carries_only_what_is_for_them_however_they_are_written(tmp_path: Path) -> None:
    both = (Channel("all", ("true",), (), 5.0, {}), Channel("release", ("true",), ("release_manager",), 5.0, {}))
    carrier = post(tmp_path, *both)
    assert carrier.channels(("Release Manager", "infrastructure team")) == ("all", "release")
    assert carrier.channels(("QA lead",)) == ("all",)
    assert carrier.finished() == ()
