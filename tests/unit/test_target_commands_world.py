"""Traffic and counters by the project's own commands: real processes, none of which is believed without proof."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from gonogo.adapters.json_command import JsonCommand
from gonogo.adapters.metrics.command import CommandSource
from gonogo.adapters.targets.commands import CommandsTarget
from gonogo.errors import BadInput, Broken
from gonogo.ports import CounterSample

SLOTS = {"blue": "127.0.0.1:1", "green": "127.0.0.1:2"}
OBSERVE = "import pathlib; print(pathlib.Path('weights.json').read_text())"
MOVE = "import os, pathlib, json; w = json.loads(os.environ['GONOGO_WEIGHTS']); \
pathlib.Path('weights.json').write_text(json.dumps({'weights': w, 'fence': os.environ['GONOGO_FENCE']})); print('{}')"


def python(place: Path, code: str, *arguments: str, seconds: float = 60.0) -> JsonCommand:
    return JsonCommand((sys.executable, "-c", code, *arguments), place, seconds)


def target(place: Path, move: str = MOVE, *arguments: str) -> CommandsTarget:
    (place / "weights.json").write_text('{"weights": {"blue": 100, "green": 0}}', encoding="ascii")
    return CommandsTarget(python(place, OBSERVE), python(place, move, *arguments), SLOTS)


def test_a_move_by_command_is_read_back_by_the_other_command(tmp_path: Path) -> None:
    commands = target(tmp_path)
    assert commands.traffic().weights == {"blue": 100, "green": 0}
    seen = commands.move({"blue": 95, "green": 5}, 12)
    assert (seen.readable, dict(seen.weights)) == (True, {"blue": 95, "green": 5})
    assert json.loads((tmp_path / "weights.json").read_text("ascii"))["fence"] == "12"


def test_weights_also_come_as_arguments_and_never_through_a_shell(tmp_path: Path) -> None:
    code = "import sys, pathlib; pathlib.Path('said').write_text(repr(sys.argv[1:])); print('{}')"
    with pytest.raises(Broken, match="asked for"):
        target(tmp_path, code, "--green={green}", "{weights}", "{fence}", "$(touch hacked)").move(
            {"blue": 95, "green": 5}, 3
        )
    assert (tmp_path / "said").read_text("ascii") == repr(
        ["--green=5", '{"blue": 95, "green": 5}', "3", "$(touch hacked)"]
    )
    assert not (tmp_path / "hacked").exists()


def test_a_command_that_says_that_it_moved_and_did_not_is_not_believed(tmp_path: Path) -> None:
    liar = 'print(\'{"weights": {"blue": 95, "green": 5}}\')'
    with pytest.raises(Broken, match="the target now does blue 100 %, green 0 %"):
        target(tmp_path, liar).move({"blue": 95, "green": 5}, 1)


def test_a_failing_command_is_quoted_and_what_is_true_afterwards_is_said(tmp_path: Path) -> None:
    with pytest.raises(Broken, match=r"ended with 7; it said: no permission.*the target now does"):
        target(tmp_path, "import sys; print('no permission', file=sys.stderr); sys.exit(7)").move(
            {"blue": 95, "green": 5}, 1
        )


def test_a_command_that_hangs_is_ended_with_all_its_children(tmp_path: Path) -> None:
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', \
'import time, pathlib; time.sleep(0.8); pathlib.Path(\"late\").write_text(\"x\")']); time.sleep(600)"
    begun = time.monotonic()
    with pytest.raises(Broken, match=r"did not end within 0\.4 s and was killed"):
        python(tmp_path, code, seconds=0.4).ask()
    assert time.monotonic() - begun < 60
    time.sleep(0.6)  # long enough for the grandchild to have written, if it still lived
    assert not (tmp_path / "late").exists()


def test_a_grandchild_that_holds_the_pipes_does_not_hang_the_reader(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); print('{}')"
    )
    begun = time.monotonic()
    assert python(tmp_path, code).ask() == {}
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("print('[]')", "JSON object"),
        ("print('{')", "not JSON"),
        ("print()", "not JSON"),
        ("print('{\"a\": NaN}')", "one JSON object"),
        ("print('x' * 2_000_000)", "at most 1048576"),
    ],
)
def test_output_that_is_not_one_json_object_is_broken(tmp_path: Path, code: str, why: str) -> None:
    with pytest.raises(Broken, match=why):
        python(tmp_path, code).ask()


def test_a_command_that_does_not_exist_is_broken(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="cannot be started"):
        JsonCommand(("/nonexistent/tool",), tmp_path).ask()


@pytest.mark.parametrize(
    "said", ['{"blue": 100}', '{"blue": 50, "green": 49}', '{"blue": true, "green": 99}', "[]", "null"]
)
def test_an_observation_that_is_no_distribution_is_unreadable(tmp_path: Path, said: str) -> None:
    commands = target(tmp_path)
    (tmp_path / "weights.json").write_text(f'{{"weights": {said}}}', encoding="ascii")
    assert not commands.traffic().readable


def test_an_unknown_placeholder_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"unknown placeholder \{purple\}"):
        target(tmp_path, MOVE, "{purple}")


def counters(place: Path, said: str) -> CommandSource:
    return CommandSource(python(place, f"print({said!r})"), ("blue", "green"))


def test_counters_by_command_are_read_per_slot_in_order_of_their_bounds(tmp_path: Path) -> None:
    said = '{"slots": {"blue": {"requests": 9, "errors": 1, "buckets": {"+Inf": 9, "0.5": 8, "0.05": 2}}}, \
"missing": {"green": "no traffic yet"}}'
    found = counters(tmp_path, said).sample()
    assert found.slots == (CounterSample("blue", 9, 1, (("0.05", 2), ("0.5", 8), ("+Inf", 9))),)
    assert found.missing == (("green", "no traffic yet"),)


@pytest.mark.req("PM-01", "PM-05")
@pytest.mark.parametrize(
    ("slot", "why"),
    [
        ('{"requests": 1, "errors": 2, "buckets": {"+Inf": 1}}', "2 errors in 1 requests"),
        ('{"requests": -1, "errors": 0, "buckets": {"+Inf": 1}}', "no count"),
        ('{"requests": 1.5, "errors": 0, "buckets": {"+Inf": 1}}', "no count"),
        ('{"errors": 0, "buckets": {"+Inf": 1}}', "`requests` is no count"),
        ('{"requests": 1, "errors": 0, "buckets": {"1": 1}}', "+Inf"),
        ('{"requests": 1, "errors": 0, "buckets": {"1": 2, "+Inf": 1}}', "not cumulative"),
        ('{"requests": 1, "errors": 0, "buckets": {"fast": 2, "+Inf": 2}}', "no number"),
        ("[]", "nothing usable"),
    ],
)
def test_unusable_numbers_are_missing_with_the_reason_and_never_a_zero(tmp_path: Path, slot: str, why: str) -> None:
    found = counters(tmp_path, f'{{"slots": {{"blue": {slot}}}}}').sample()
    assert found.slots == ()
    assert why in dict(found.missing)["blue"]
    assert "nothing usable" in dict(found.missing)["green"]


def test_a_failing_command_leaves_every_slot_missing(tmp_path: Path) -> None:
    found = CommandSource(python(tmp_path, "raise SystemExit(3)"), ("blue", "green")).sample()
    assert found.slots == ()
    assert [slot for slot, _ in found.missing] == ["blue", "green"]
    assert all("ended with 3" in reason for _, reason in found.missing)
