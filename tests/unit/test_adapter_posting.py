"""Notices for people elsewhere: carried by a command, tried again, told what became of them, and never waited for."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gonogo.adapters.posting.carrying import Channel, ChannelPost
from gonogo.adapters.posting.command import CommandCarrier
from gonogo.ports import Delivery, Notice
from gonogo.terms import Occasion, RunId, Secret
from tests.worlds import MORNING, SimulatedClock

RUN = RunId("pre-deployment-v2-1")
LONG = 60.0


def notice(number: int = 7, to: tuple[str, ...] = ("Release Manager",)) -> Notice:
    return Notice(RUN, number, MORNING, "engine:local", "shop", "v2", 1, "CRITICAL", to, "[A]", "ready ✓\x1b[31m")


def channel(
    folder: Path, text: str, *, roles: tuple[str, ...] = (), secrets: Mapping[str, Secret] | None = None
) -> Channel:
    script = folder / "tell.sh"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    argv = (str(script), "--to", "team; rm -rf x")
    return Channel("chat", CommandCarrier(argv, LONG, secrets or {}, folder, os.environ), roles)


def is_gone(child: int) -> bool:
    """Whether a process has ended; nobody may have asked for its status yet."""
    try:
        return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it holds before that time is over: a killed process needs a moment of the machine's to end."""
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)
    return holds()


def by(folder: Path, *argv: str, name: str = "chat", limit: float = LONG, **more: tuple[str, ...]) -> Channel:
    """A channel that runs this command."""
    return Channel(name, CommandCarrier(argv, limit, {}, folder, os.environ), **more)


def post(*channels: Channel) -> ChannelPost:
    return ChannelPost(channels, SimulatedClock())


@pytest.mark.req("COM-23", "COM-01")
def test_a_notice_reaches_the_command_as_json_and_its_arguments_are_untouched(tmp_path: Path) -> None:
    carrier = post(channel(tmp_path, 'cat > got; printf "%s|" "$@" > arguments'))
    carrier.hand("chat", notice())
    assert carrier.finished(RUN, LONG) == (Delivery(RUN, 7, "chat", 1, ""),)
    got = json.loads((tmp_path / "got").read_text())
    assert (got["id"], got["to"], got["text"]) == (f"{RUN}/7", ["Release Manager"], "ready ✓?[31m")
    assert (tmp_path / "arguments").read_text() == "--to|team; rm -rf x|"


@pytest.mark.req("COM-24")
def test_a_failing_command_is_tried_three_times_and_the_reason_is_told_without_secrets(tmp_path: Path) -> None:
    text = "echo x >> count; printf 'no \\033[31mroute with %s' \"$TOKEN\" >&2; exit 7"
    carrier = post(channel(tmp_path, text, secrets={"TOKEN": Secret("hunter2")}))
    carrier.hand("chat", notice())
    (outcome,) = carrier.finished(RUN, LONG)
    assert (tmp_path / "count").read_text() == "x\n" * 3
    assert (outcome.attempts, outcome.reason) == (3, "exit code 7: no ?[31mroute with ‹secret›")


@pytest.mark.req("COM-24")
@pytest.mark.parametrize("argv", [(), ("/nonexistent/notify",), ("a\0b",)])
def test_a_command_that_cannot_run_is_an_outcome_and_no_error(tmp_path: Path, argv: tuple[str, ...]) -> None:
    carrier = post(by(tmp_path, *argv))
    carrier.hand("chat", notice())
    (outcome,) = carrier.finished(RUN, LONG)
    assert outcome.reason


@pytest.mark.req("COM-24")
def test_a_secret_that_is_not_set_is_named_and_the_command_is_not_run(tmp_path: Path) -> None:
    carrier = post(by(tmp_path, "touch", "ran", lacking=("CHAT_TOKEN",)))
    carrier.hand("chat", notice())
    assert "CHAT_TOKEN" in carrier.finished(RUN, LONG)[0].reason
    assert not (tmp_path / "ran").exists()


@pytest.mark.req("COM-24")
def test_a_command_that_takes_long_makes_nobody_wait(tmp_path: Path) -> None:
    carrier = post(by(tmp_path, "sh", "-c", "until [ -e end ]; do sleep 0.01; done", limit=LONG))
    carrier.hand("chat", notice())
    assert carrier.finished(RUN) == ()
    (tmp_path / "end").touch()
    assert carrier.finished(RUN, LONG) == (Delivery(RUN, 7, "chat", 1, ""),)


@pytest.mark.req("COM-24")
def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    for limit in (0.2, 2.0, 20.0):  # where the machine was too busy for its first word, it gets longer
        carrier = post(by(tmp_path, "sh", "-c", "sleep 600 & echo $! > new; mv new child; wait", limit=limit))
        carrier.hand("chat", notice())
        (outcome,) = carrier.finished(RUN, LONG)
        assert outcome.reason == f"it took more than {limit:g} s"
        if (tmp_path / "child").exists():
            break
    child = int((tmp_path / "child").read_text())
    assert within(60.0, lambda: is_gone(child))


@pytest.mark.req("PG1-07", "COM-23")
def test_a_channel_for_roles_carries_only_what_is_for_them_however_they_are_written(tmp_path: Path) -> None:
    carrier = post(by(tmp_path, "true", name="all"), by(tmp_path, "true", name="release", roles=("release_manager",)))
    assert carrier.channels(("Release Manager", "infrastructure team"), Occasion.PROGRESS) == ("all", "release")
    assert carrier.channels(("QA lead",), Occasion.PROGRESS) == ("all",)
    assert carrier.finished(RUN) == ()


@pytest.mark.req("PRG-01", "COM-23")
def test_a_channel_for_occasions_carries_nothing_on_others() -> None:
    loud = Channel("loud", CommandCarrier(("true",), 5.0, {}, Path(), os.environ), (), (Occasion.ROLLBACK,))
    carrier = post(loud)
    assert carrier.channels((), Occasion.ROLLBACK) == ("loud",)
    assert carrier.channels((), Occasion.HALF) == ()


@pytest.mark.req("COM-24")
def test_what_became_of_a_notice_is_told_to_its_own_run_alone(tmp_path: Path) -> None:
    carrier, other = post(by(tmp_path, "true")), RunId("pre-deployment-v3-1")
    carrier.hand("chat", replace(notice(), run=other))
    carrier.hand("chat", notice())
    assert carrier.finished(RUN, LONG) == (Delivery(RUN, 7, "chat", 1, ""),)
    assert carrier.finished(other, LONG) == (Delivery(other, 7, "chat", 1, ""),)
