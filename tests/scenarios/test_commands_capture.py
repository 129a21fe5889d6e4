"""What commands write and how they end, on real processes: whole or marked, in time, without secrets."""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.adapters.commands import Patience, SupervisedCommands, folder_name
from gonogo.errors import BadInput
from gonogo.ports import CommandSpec, EffectKey, Ended, Lost, Running
from gonogo.terms import RunId, Secret, digest_of, argv_digest

RUN = RunId("production-v2-77aa")
KEY = EffectKey(RUN, "deploy/execute#run", 1, 1)

Values = Mapping[str, str]
Secrets = Mapping[str, Secret]
NONE: Values = MappingProxyType({})
NO_SECRETS: Secrets = MappingProxyType({})


class Bench:
    """Commands in a temporary folder, with short times."""

    def __init__(self, root: Path, **patience: float) -> None:
        kept = {"grace": 0.3, "linger": 0.3, "lock": 0.5, **patience}
        keep = int(kept.pop("keep", 256 << 20))
        self.root = root
        self.commands = SupervisedCommands(
            root / "effects",
            {**os.environ, "PYTHONPATH": "/evil", "GIT_DIR": "/evil", "LD_LIBRARY_PATH": "/evil", "BASH_ENV": "/evil"},
            patience=Patience(keep=keep, **kept),
        )

    def begin(self, *argv: str, timeout: float = 60.0, env: Values = NONE, secrets: Secrets = NO_SECRETS) -> None:
        self.commands.start(KEY, CommandSpec(argv, self.root, env, secrets, timeout, fence=7))

    def end(self, key: EffectKey = KEY) -> Ended:
        until = time.monotonic() + 60
        while isinstance(seen := self.commands.look(key), Running):
            assert time.monotonic() < until, "it does not end"
            time.sleep(0.01)
        assert isinstance(seen, Ended), seen
        return seen

    def run(self, *argv: str, timeout: float = 60.0, env: Values = NONE, secrets: Secrets = NO_SECRETS) -> Ended:
        self.begin(*argv, timeout=timeout, env=env, secrets=secrets)
        return self.end()

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end, "it does not happen"
            time.sleep(0.01)

    def run_to_its_limit(self, text: str) -> Ended:
        """Run a shell until its time limit: a longer one where the machine was too busy for its first word."""
        for start, timeout in enumerate((0.4, 4.0, 40.0), start=1):
            key = EffectKey(KEY.run, KEY.task, 1, start)
            self.commands.start(key, CommandSpec(("bash", "-c", text), self.root, NONE, NO_SECRETS, timeout))
            ended = self.end(key)
            if ended.stdout.size:
                break
        return ended

    def state(self) -> Path:
        return self.commands.folder(KEY).parent


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def python(text: str) -> tuple[str, ...]:
    return sys.executable, "-I", "-c", text


@pytest.mark.req("WFS-07")
def test_four_megabytes_written_just_before_the_exit_are_whole(bench: Bench) -> None:
    ended = bench.run(*python("import os; os.write(1, b'x' * (4 << 20)); os._exit(0)"))
    assert (ended.stdout.size, ended.stdout.cut) == (4 << 20, False)
    assert ended.stdout.digest == digest_of(b"x" * (4 << 20))
    assert ended.stdout.path.stat().st_size == 4 << 20


@pytest.mark.req("WFS-07")
def test_a_megabyte_on_stderr_neither_hangs_nor_is_lost(bench: Bench) -> None:
    ended = bench.run(*python("import sys; sys.stderr.write('e' * (1 << 20)); sys.stdout.write('done')"))
    assert (ended.stderr.size, ended.stderr.cut, ended.stdout.path.read_bytes()) == (1 << 20, False, b"done")


def test_a_grandchild_that_keeps_the_output_open_does_not_keep_the_result(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "sleep 600 & echo $!; exit 0")
    assert (ended.exit_code, ended.ended_by) == (0, "itself")
    pid = int(ended.stdout.path.read_text())
    (remark,) = bench.commands.remarks(KEY)
    assert "left processes behind" in remark
    assert str(pid) in remark
    assert ended.note == ""
    os.kill(pid, signal.SIGKILL)


def test_a_daemon_of_its_own_session_is_named_and_the_next_start_waits_and_is_busy(bench: Bench) -> None:
    daemon = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\ntime.sleep(600)"
    ended = bench.run(*python(daemon))
    pid = int(bench.commands.remarks(KEY)[0].rsplit(":", 1)[1])
    second = EffectKey(RUN, KEY.task, 2, 1)
    try:
        with pytest.raises(Exception, match=f"processes: .*{pid}") as busy:
            bench.commands.start(second, CommandSpec(("true",), bench.root, {}, {}, 5.0))
        assert type(busy.value).__name__ == "Busy"
        assert bench.end() == ended
    finally:
        os.kill(pid, signal.SIGKILL)
    patient = Bench(bench.root, lock=60.0)
    patient.commands.start(second, CommandSpec(("true",), bench.root, {}, {}, 60.0))
    assert patient.end(second).exit_code == 0


def test_what_a_survivor_writes_later_does_not_change_the_captured_output(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "(until [ -e kept ]; do sleep 0.01; done; echo late; : > said) & echo early")
    (bench.root / "kept").touch()
    bench.until((bench.root / "said").exists)
    assert ended.stdout.path.read_bytes() == b"early\n"
    assert digest_of(ended.stdout.path.read_bytes()) == ended.stdout.digest


def test_a_command_that_ignores_the_polite_end_is_killed_with_its_children(bench: Bench) -> None:
    text = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; sleep 600' & wait; sleep 600"
    ended = bench.run_to_its_limit(text)
    assert (ended.exit_code, ended.ended_by) == (-signal.SIGKILL, "limit")
    child = Path("/proc") / ended.stdout.path.read_text().strip() / "stat"
    assert not child.exists() or b") Z " in child.read_bytes()


def test_a_command_that_ends_politely_within_the_grace_is_not_killed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, grace=60.0)
    ended = bench.run_to_its_limit("trap 'echo cleaned; exit 5' TERM; echo ready; while :; do sleep 0.02; done")
    assert (ended.exit_code, ended.ended_by, ended.stdout.path.read_bytes()) == (5, "limit", b"ready\ncleaned\n")


def test_death_by_a_signal_is_a_negative_exit_code(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "kill -SEGV $$")
    assert (ended.exit_code, ended.ended_by) == (-signal.SIGSEGV, "itself")


def test_output_above_the_limit_is_cut_and_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep=1000)
    ended = bench.run(*python("print('a' * 999, flush=True); print('b' * 5000)"))
    assert (ended.stdout.size, ended.stdout.cut, ended.stderr.cut) == (1000, True, False)
    assert ended.stdout.path.read_bytes() == b"a" * 999 + b"\n"
    assert "stdout is not whole" in ended.note


def test_a_flood_is_cut_while_it_is_written_so_that_the_disk_does_not_fill(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep=1000)
    goes_on = "while not os.path.exists('seen'): time.sleep(0.01)"
    text = f"import os, time\nfor _ in range(40): os.write(1, b'x' * (1 << 20))\nopen('written', 'x')\n{goes_on}\nos.write(1, b'end')"
    bench.begin(*python(text))
    bench.until((tmp_path / "written").exists)
    bench.until(lambda: (bench.state() / "stdout.raw").stat().st_size < 18 << 20)
    (tmp_path / "seen").touch()
    assert (bench.end().stdout.size, bench.end().stdout.cut) == (1000, True)


def test_a_command_that_empties_its_own_output_is_found_out(bench: Bench) -> None:
    for start, pause in enumerate((0.5, 5.0, 20.0), start=1):  # longer where the machine was too busy to look twice
        key = EffectKey(KEY.run, KEY.task, 1, start)
        argv = ("sh", "-c", f"seq 1000; sleep {pause}; : > /dev/stdout; sleep {pause}; echo end")
        Bench(bench.root, lock=60.0).commands.start(key, CommandSpec(argv, bench.root, NONE, NO_SECRETS, 60.0))
        ended = bench.end(key)
        if ended.stdout.cut:
            break
    assert ended.stdout.cut
    assert "emptied its own stdout" in ended.note


@pytest.mark.req("EVS-16")
def test_secrets_reach_the_environment_and_nothing_else(bench: Bench) -> None:
    secret = Secret("s3cr3t-value-42")
    text = 'printf "%s" "$TOKEN" | sha256sum | head -c 64; echo; echo "using $TOKEN"; echo "$TOKEN" >&2; sleep 0.3'
    bench.begin("sh", "-c", text, secrets={"TOKEN": secret})
    time.sleep(0.15)
    running = {path: path.read_bytes() for path in bench.state().iterdir() if path.is_file() and path.suffix != ".raw"}
    arguments = [process.read_bytes() for process in Path("/proc").glob(f"{os.getpid()}/cmdline")]
    ended = bench.end()
    assert ended.stdout.path.read_text() == digest_of(b"s3cr3t-value-42") + "\nusing [redacted:TOKEN]\n"
    assert ended.stderr.path.read_text() == "[redacted:TOKEN]\n"
    kept = {path: path.read_bytes() for path in bench.root.rglob("*") if path.is_file()}
    for data in (*running.values(), *kept.values(), *arguments, repr(ended).encode()):
        assert b"s3cr3t" not in data
    assert bench.commands.remarks(KEY) == tuple(f"1 secret values replaced in {name}" for name in ("stdout", "stderr"))


@pytest.mark.req("EVS-16")
def test_secrets_are_replaced_in_the_files_of_a_command_before_anybody_can_seal_them(bench: Bench) -> None:
    text = 'cd "$GONOGO_OUT"; mkdir d; echo "key: $TOKEN" > d/config; echo clean > other; ln -s other link; chmod 755 d/config'
    ended = bench.run("sh", "-c", text, secrets={"TOKEN": Secret("s3cr3t-value-42")})
    assert (ended.folder / "d" / "config").read_bytes() == b"key: [redacted:TOKEN]\n"
    assert stat.S_IMODE((ended.folder / "d" / "config").stat().st_mode) == 0o755
    assert sorted(str(path.relative_to(ended.folder)) for path in ended.folder.rglob("*")) == [
        "d",
        "d/config",
        "link",
        "other",
    ]
    assert bench.commands.remarks(KEY) == ("1 secret values replaced in d/config",)
    assert ended.note == ""


def test_the_environment_holds_the_allowed_the_declared_and_gonogo_s_own_names_only(bench: Bench) -> None:
    ended = bench.run("env", env={"APP": "web", "GONOGO_SLOT": "green"}, secrets={"TOKEN": Secret("abcdefgh")})
    seen = dict(line.split("=", 1) for line in ended.stdout.path.read_text().splitlines())
    allowed = {"HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PATH", "TERM"}
    own = {"GONOGO_OUT": str(ended.folder), "GONOGO_EFFECT": f"{RUN}/{KEY.task}/1", "GONOGO_FENCE": "7"}
    assert seen.keys() - allowed == {"APP", "GONOGO_SLOT", "TOKEN", *own}
    assert {name: seen[name] for name in own} == own
    assert (seen["PATH"], seen["TERM"], seen["APP"]) == (os.environ["PATH"], "dumb", "web")


@pytest.mark.parametrize(
    "name",
    ["PATH", "PYTHONPATH", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "BASH_ENV", "GIT_DIR", "GONOGO_OUT", "A B", ""],
)
def test_a_variable_that_would_change_which_programs_run_is_refused(bench: Bench, name: str) -> None:
    for env, secrets in (({name: "x"}, NO_SECRETS), (NONE, {name: Secret("x")})):
        with pytest.raises(BadInput) as refused:
            bench.begin("true", env=env, secrets=secrets)
        assert refused.value.next_step
    assert not bench.state().exists()


def script(folder: Path, text: bytes, mode: int = 0o755) -> str:
    path = folder / "deploy.sh"
    path.write_bytes(text)
    path.chmod(mode)
    return "./deploy.sh"


@pytest.mark.parametrize(
    ("text", "mode", "words", "remedy"),
    [
        (b"#!/bin/sh\n", 0o644, "not executable", "chmod [+]x"),
        (b"", 0o755, "is empty", "write it"),
        (b"echo hello\n", 0o755, "does not say what runs it", "#!/usr/bin/env bash"),
        (b"#!/bin/sh\r\necho\r\n", 0o755, "Windows line ends", "sed -i"),
        (b"#!/opt/none/python9\n", 0o755, "interpreter of this script is not there: /opt/none", "first line"),
    ],
)
def test_a_script_that_cannot_begin_is_refused_by_name_before_anything_is_recorded(
    bench: Bench, text: bytes, mode: int, words: str, remedy: str
) -> None:
    with pytest.raises(BadInput, match=words) as refused:
        bench.begin(script(bench.root, text, mode))
    assert "deploy.sh" in refused.value.where
    assert remedy.replace("[+]", "+") in refused.value.next_step
    assert not (bench.root / "effects").exists()


def test_programs_that_are_not_there_are_refused_by_name(bench: Bench) -> None:
    for program, words in (
        ("./missing.sh", "does not exist"),
        ("no-such-program", "not found in PATH"),
        (".//", "not a program"),
    ):
        with pytest.raises(BadInput, match=words):
            bench.begin(program)
    assert not (bench.root / "effects").exists()


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_no_program_can_be_given_is_refused_before_anything_begins(bench: Bench, text: str) -> None:
    for argv, env, secrets in (
        (("echo", text), NONE, NO_SECRETS),
        (("true",), {"A": text}, NO_SECRETS),
        (("true",), NONE, {"A": Secret(text)}),
    ):
        with pytest.raises(BadInput, match="NUL or half a surrogate"):
            bench.begin(*argv, env=env, secrets=secrets)
    assert not (bench.root / "effects").exists()


def test_a_secret_of_bytes_that_are_no_text_is_handed_over_and_replaced(bench: Bench) -> None:
    ended = bench.run("printenv", "KEY", secrets={"KEY": Secret("caf\udce9-key-0815")})
    assert ended.stdout.path.read_bytes() == b"[redacted:KEY]\n"


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("inf"), float("nan")])
def test_a_command_without_a_usable_time_limit_does_not_begin(bench: Bench, timeout: float) -> None:
    with pytest.raises(BadInput, match="is not a time limit"):
        bench.begin("true", timeout=timeout)


def test_arguments_are_never_read_by_a_shell(bench: Bench) -> None:
    ended = bench.run("printf", "%s|", "2.4.1; touch pwned", "$(id)", "a b", "*", "ü\n")
    assert ended.stdout.path.read_text() == "2.4.1; touch pwned|$(id)|a b|*|ü\n|"
    assert not (bench.root / "pwned").exists()


def test_state_is_for_the_engine_s_user_only_and_the_command_keeps_its_own_umask(bench: Bench) -> None:
    ended = bench.run("sh", "-c", 'umask; : > "$GONOGO_OUT/f"')
    before = os.umask(0)
    os.umask(before)
    assert int(ended.stdout.path.read_text(), 8) == before
    folders = [bench.state(), *bench.state().parents][:4]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    files = [path for path in bench.state().iterdir() if path.is_file() and path.name != "supervisor.log"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_signals_are_as_usual_in_the_command(bench: Bench) -> None:
    ended = bench.run("grep", "^Sig[BI]", "/proc/self/status")
    masks = dict(line.split(":\t") for line in ended.stdout.path.read_text().splitlines())
    assert int(masks["SigBlk"], 16) == 0
    assert int(masks["SigIgn"], 16) & (1 << (signal.SIGINT - 1) | 1 << (signal.SIGTERM - 1)) == 0


@pytest.mark.req("WFS-10")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"start": 1', b'"start": 2')), "another start"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"itself"', b'"magic"')), "ended by 'magic'"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"size": 3', b'"size": 4')), "does not fit"),
        (lambda path: path.unlink(), "there is no result"),
    ],
    ids=["empty", "half", "foreign", "unknown ending", "other output", "gone"],
)
def test_a_result_that_cannot_be_trusted_is_lost_and_never_a_success(bench: Bench, spoil: object, words: str) -> None:
    bench.run("echo", "ok")
    assert callable(spoil)
    for path in bench.state().iterdir():
        path.chmod(0o600 if path.is_file() else 0o700)
    spoil(bench.state() / "result.json")
    # The supervisor may still be on its way out, holding the lock.
    while isinstance(seen := bench.commands.look(KEY), Running):
        time.sleep(0.01)
    assert isinstance(seen, Lost)
    assert words in seen.reason


def test_without_the_mark_of_the_run_a_missing_intent_proves_nothing(bench: Bench) -> None:
    seen = bench.commands.look(KEY)
    assert isinstance(seen, Lost)
    assert "keeps no state" in seen.reason


@given(st.text(min_size=1, max_size=25))
def test_every_name_of_a_task_is_a_safe_folder_name_and_comes_back(text: str) -> None:
    name = folder_name(text)
    back = re.sub(rb"=([0-9a-f]{2})", lambda found: bytes((int(found[1], 16),)), name.encode())
    assert back.decode("utf-8", "surrogatepass") == text
    assert not name.startswith(".")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-=")


def test_names_of_tasks_stay_readable_and_differ_also_without_regard_to_case() -> None:
    assert folder_name("rehearsal/rehearse#install") == "rehearsal=2frehearse=23install"
    assert folder_name("A") == "=41"
    assert (folder_name(".."), folder_name(".a")) == ("=2e.", "=2ea")
    for bad in ("", "x" * 300):
        with pytest.raises(BadInput):
            folder_name(bad)


def test_the_digest_of_arguments_tells_their_borders() -> None:
    assert len({argv_digest(argv) for argv in (("a b",), ("a", "b"), ("ab",), ("a", "b", ""), ())}) == 5
