"""Commands that survive the engine: started under a supervisor, found again after any crash, never started twice.

State, 0700: `<run>/<task>/lock` (one for all attempts) and `<run>/<task>/<attempt>.<start>/` with `intent.json`,
`stop`, `stdout`, `stderr`, `running.json`, `result.json`, `out/`. The lock is inherited by the supervisor and by the
command, so a held lock means that one of them lives. The rules of `look`, in order:

1. a valid result that fits the intent: Ended, also while a process left behind still holds the lock;
2. the lock is held by this start: Running;
3. no intent, and the run was prepared here: NeverStarted, since the intent is durable before anything is started;
4. everything else: Lost. What happened outside has to be found out; nothing is repeated on a guess (WFS-10, ERR-09).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gonogo.adapters import supervisor
from gonogo.adapters.command_checks import check_spec, environment
from gonogo.adapters.durable import (
    clean_line,
    disk_error,
    make_folder,
    read_small,
    sync_folder,
    write_file,
    write_file_once,
)
from gonogo.adapters.mounts import refuse_remote
from gonogo.errors import BadInput, Broken, Busy, GonogoError, OutcomeUnknown, Refused
from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.ledger import time_of
from gonogo.ports import (
    CommandSpec,
    EffectKey,
    Ended,
    Lost,
    NeverStarted,
    Output,
    Running,
    Whereabouts,
)
from gonogo.terms import Digest, RunId, argv_digest
from gonogo.values import dataclass

_IDENTITY: Final = ("run", "task", "attempt", "start", "argv_sha256")
_DOT: Final = ord(".")
_SAFE: Final = re.compile(rb"[a-z0-9._-]")
_ENDINGS: Final = frozenset({"itself", "limit", "stop"})
MOST_NAME: Final = 200
HAND_OVER: Final = 30.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Times in seconds and the most output in bytes.

    `grace` lies between TERM and KILL, `linger` is given to processes that the command leaves behind, `lock` is how
    long a start waits for one before Busy, `keep` is what is kept of each stream.
    """

    grace: float = 5.0
    linger: float = 1.0
    lock: float = 10.0
    keep: int = 256 << 20


_USUAL: Final = Patience()


def folder_name(text: str) -> str:
    """`text` as the name of a folder: everything but `a-z 0-9 . _ -` as `=` and two hex digits a byte; no two alike.

    Raises BadInput for text that is empty or too long for a name.
    """
    safe = "".join(
        chr(byte) if _SAFE.fullmatch(bytes((byte,))) and (position or byte != _DOT) else f"={byte:02x}"
        for position, byte in enumerate(text.encode("utf-8", "surrogatepass"))
    )
    if not safe or len(safe) > MOST_NAME:
        raise BadInput(
            f"{text[:60]!r} cannot name a folder ({len(safe)} characters)", next_step=f"use 1 to {MOST_NAME} characters"
        )
    return safe


class SupervisedCommands:
    """The `Commands` port on this machine; `inherited` is the environment of the engine, for the allow-list."""

    def __init__(self, root: Path, inherited: Mapping[str, str], *, patience: Patience = _USUAL) -> None:
        self._root = root.absolute()
        self._inherited = dict(inherited)
        self._patience = patience

    def prepare(self, run: RunId) -> None:
        """Mark that `run` keeps its state here; to be called when it is opened. Raises Broken, Refused (network disk).

        Without the mark a missing intent proves nothing: somebody may have removed the whole folder.
        """
        folder = self._root / folder_name(run)
        make_folder(folder)
        refuse_remote(folder)
        write_file(folder / ".prepared", b"")

    def folder(self, key: EffectKey) -> Path:
        """The fresh folder that the command gets as `GONOGO_OUT`."""
        return self._start_folder(key) / "out"

    def start(self, key: EffectKey, spec: CommandSpec) -> None:
        """Begin the command under its supervisor; on return the intent is on disk and the supervisor has taken over.

        Raises BadInput where the command cannot begin, Busy where an earlier start of the same act still lives, Refused
        where this start was used already, Broken for disk and processes: in these cases nothing was started.
        OutcomeUnknown where the supervisor was lost in the moment of taking over.
        """
        plain = {**environment(spec, self._inherited), **self._own_variables(key, spec)}
        check_spec(spec, plain["PATH"])
        self.prepare(key.run)
        folder = self._start_folder(key)
        make_folder(folder)
        with self._locked(key) as lock:
            self._demand_fresh(folder, key)
            make_folder(folder / "out")
            intent = folder / "intent.json"
            write_file(intent, self._intent(key, spec, plain))
            try:
                self._hand_over(intent, lock, {name: secret.reveal() for name, secret in spec.secrets.items()})
            except Broken:
                # Certain that nothing was started: the intent goes, so that nobody has to ask what happened.
                intent.unlink()
                sync_folder(folder)
                raise

    def look(self, key: EffectKey) -> Whereabouts:
        """What became of the start `key`, by the rules of this module. Raises Broken where the disk cannot be read."""
        folder = self._start_folder(key)
        ended = self._ended(key, folder)
        if isinstance(ended, Ended):
            return ended
        if self._is_held(key):
            return Running(_pid(folder))
        # Once more: the command may have ended between the two looks.
        ended = self._ended(key, folder)
        if isinstance(ended, Ended):
            return ended
        if (folder / "intent.json").exists():
            return ended
        if (self._root / folder_name(key.run) / ".prepared").exists():
            return NeverStarted()
        return Lost(f"run {key.run} keeps no state under {self._root}: it was removed, or lies on another machine")

    def bar(self, key: EffectKey) -> bool:
        """Let the start `key` never begin any more, whoever still means to; False where it has begun. Durable.

        An engine that was stopped between its intent and its start would go on with that start when it is let go.
        """
        folder = self._start_folder(key)
        make_folder(folder)
        with self._locked(key):
            if (folder / "intent.json").exists():
                return False
            write_file(folder / "barred", b"")
        return True

    def place(self) -> str:
        """This host and this folder, by a name that a copy of the host's name or of the path does not share."""
        mark = self._root / ".place"
        if not mark.exists():
            make_folder(self._root)
            refuse_remote(self._root)
            write_file_once(mark, secrets.token_hex(4).encode(), 0o600)
        return f"{os.uname().nodename}:{(read_small(mark) or b'').decode('ascii', 'replace')}"

    def remarks(self, key: EffectKey) -> tuple[str, ...]:
        """What people may want to know about an ended command: processes left behind, secrets replaced; else empty."""
        folder = self._start_folder(key)
        if not isinstance(self._ended(key, folder), Ended):
            return ()
        said = read_object(read_small(folder / "result.json") or b"", name="result.json").get("remarks")
        return tuple(clean_line(str(remark)) for remark in said) if isinstance(said, list) else ()

    def printed(self, key: EffectKey, most: int) -> bytes:
        """The first `most` bytes that a running command has printed so far; none where nothing of it can be read."""
        try:
            with (self._start_folder(key) / "stdout.raw").open("rb") as file:
                return file.read(most)
        except OSError:
            return b""

    def discard(self, key: EffectKey) -> None:
        """Remove what an ended command printed and left behind: a scanner's report quotes the secrets that it found.

        Its intent and result stay; does nothing where there is no result yet. Raises Broken for the disk.
        """
        folder = self._start_folder(key)
        if not (folder / "result.json").exists():
            return
        try:
            for name in ("stdout", "stderr", "stdout.raw", "stderr.raw"):
                (folder / name).unlink(missing_ok=True)
            if (folder / "out").exists():
                shutil.rmtree(folder / "out")
            sync_folder(folder)
        except OSError as error:
            raise disk_error(error, "cannot remove what a scan left", folder) from error

    def stop(self, key: EffectKey) -> None:
        """Ask the supervisor to end the command's process group; no effect where the command has ended."""
        folder = self._start_folder(key)
        if (folder / "intent.json").exists() and not (folder / "result.json").exists():
            write_file(folder / "stop", b"")

    def _start_folder(self, key: EffectKey) -> Path:
        return self._root / folder_name(key.run) / folder_name(key.task) / f"{key.attempt}.{key.start}"

    def _own_variables(self, key: EffectKey, spec: CommandSpec) -> dict[str, str]:
        out = str(self.folder(key))
        return {"GONOGO_OUT": out, "GONOGO_EFFECT": str(key), "GONOGO_FENCE": str(spec.fence)}

    def _intent(self, key: EffectKey, spec: CommandSpec, plain: Mapping[str, str]) -> bytes:
        fields = {
            "v": 1,
            "run": key.run,
            "task": key.task,
            "attempt": key.attempt,
            "start": key.start,
            "host": os.uname().nodename,
            "fence": spec.fence,
            "argv": spec.argv,
            "argv_sha256": argv_digest(spec.argv),
            "cwd": str(spec.cwd.absolute()),
            "env": plain,
            "secret_names": sorted(spec.secrets),
            "limit_ms": round(spec.timeout * 1000),
            "grace_ms": round(self._patience.grace * 1000),
            "linger_ms": round(self._patience.linger * 1000),
            "keep_bytes": self._patience.keep,
        }
        return json.dumps(fields, sort_keys=True, indent=1).encode() + b"\n"

    def _demand_fresh(self, folder: Path, key: EffectKey) -> None:
        if (folder / "intent.json").exists() or (folder / "barred").exists():
            raise Refused(
                f"start {key.start} of {key} was used already",
                where=str(folder),
                next_step="find out what became of it; a new start gets a new number",
            )
        if (folder / "out").exists() and any((folder / "out").iterdir()):
            raise Refused(
                "the output folder of a start that never began is not empty",
                where=str(folder / "out"),
                next_step="look who wrote there; empty it to go on",
            )

    def _hand_over(self, intent: Path, lock: int, secrets: Mapping[str, str]) -> None:
        log = intent.with_name("supervisor.log")
        folder = str(Path(supervisor.__file__).absolute().parent)
        program = [sys.executable, "-I", "-S", "-c", supervisor.LAUNCH, folder, str(intent), str(lock)]
        try:
            with log.open("wb") as words:
                ended = subprocess.run(  # noqa: S603 - our own program, by its path, without a shell
                    program,
                    input=json.dumps(secrets).encode(),
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    cwd="/",
                    env={"LC_ALL": "C.UTF-8"},
                    pass_fds=(lock,),
                    start_new_session=True,
                    timeout=HAND_OVER,
                    check=False,
                )
        except OSError as error:
            raise disk_error(error, "the supervisor cannot be started", intent) from error
        except subprocess.TimeoutExpired as error:
            raise _uncertain(f"did not take over within {HAND_OVER:g} s", intent) from error
        if ended.returncode < 0:
            raise _uncertain(f"was killed by signal {-ended.returncode} while it took over", intent)
        if ended.returncode:
            said = clean_line((read_small(log) or b"").decode(errors="replace")[-400:])
            raise Broken(
                f"the supervisor ended with {ended.returncode}: {said}",
                where=str(intent),
                next_step="nothing was started; look at the message and at the disk",
            )

    @contextmanager
    def _locked(self, key: EffectKey) -> Iterator[int]:
        path = self._start_folder(key).parent / "lock"
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise disk_error(error, "cannot open the lock", path) from error
        try:
            self._acquire(lock, path, key)
            yield lock
        finally:
            os.close(lock)

    def _acquire(self, lock: int, path: Path, key: EffectKey) -> None:
        deadline = time.monotonic() + self._patience.lock
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                pids = ", ".join(str(pid) for pid in holders(path) if pid != os.getpid()) or "unknown"
                raise Busy(
                    f"an earlier start of {key} is still alive (processes: {pids})",
                    where=str(path),
                    next_step="wait until they have ended, or end them; nothing has to be removed",
                ) from error
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{key.attempt}.{key.start}\n".encode(), 0)
            return

    def _is_held(self, key: EffectKey) -> bool:
        """Whether the lock is held, and by the start `key`: the holder writes its number into the file."""
        path = self._start_folder(key).parent / "lock"
        try:
            lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise disk_error(error, "cannot open the lock", path) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.pread(lock, 64, 0) == f"{key.attempt}.{key.start}\n".encode()
        finally:
            os.close(lock)
        return False

    def _ended(self, key: EffectKey, folder: Path) -> Ended | Lost:
        intent = read_small(folder / "intent.json", 16 << 20)
        result = read_small(folder / "result.json")
        if intent is None or result is None:
            return Lost("the command was started, nothing of it runs any more, and there is no result")
        try:
            asked = read_object(intent, name=str(folder / "intent.json"), limit=16 << 20)
            said = read_object(result, name=str(folder / "result.json"))
            wrong = _disagreement(key, asked, said)
            return Lost(wrong) if wrong else _read_result(said, folder)
        except (BadInput, KeyError, OSError, TypeError, ValueError) as error:
            return Lost(f"the result of the command cannot be read: {error}")


def _uncertain(what: str, intent: Path) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"the supervisor {what}; the command may have begun",
        where=str(intent),
        next_step="find out what happened before anything is repeated; look at the load of this machine",
    )


def holders(lock: Path) -> tuple[int, ...]:
    """Processes that have the file `lock` open, as far as this user can see (Linux; empty elsewhere)."""
    wanted = lock.stat()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(_is_same(descriptor, wanted) for descriptor in (process / "fd").iterdir()):
                found.append(int(process.name))
    return tuple(sorted(found))


def _is_same(descriptor: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(descriptor.stat(), wanted)
    except OSError:
        return False


def _pid(folder: Path) -> int:
    try:
        pid = read_object(read_small(folder / "running.json") or b"", name="running.json")["pid"]
    except (GonogoError, KeyError):
        return 0
    return pid if isinstance(pid, int) else 0


def _disagreement(key: EffectKey, asked: Mapping[str, Tree], said: Mapping[str, Tree]) -> str:
    expected = {"run": key.run, "task": key.task, "attempt": key.attempt, "start": key.start}
    for name in _IDENTITY:
        if said[name] != asked[name] or asked[name] != expected.get(name, asked[name]):
            return f"the result belongs to another start: its {name} is {said[name]!r}, asked was {asked[name]!r}"
    return "" if said["ended_by"] in _ENDINGS else f"the result says that it was ended by {said['ended_by']!r}"


def _read_result(said: Mapping[str, Tree], folder: Path) -> Ended:
    code = said["exit_code"]
    if not isinstance(code, int) or isinstance(code, bool):
        raise TypeError("its exit code is not a number")
    return Ended(
        code,
        str(said["ended_by"]),
        time_of(str(said["started_at"])),
        time_of(str(said["ended_at"])),
        _read_output(said["stdout"], folder / "stdout"),
        _read_output(said["stderr"], folder / "stderr"),
        folder / "out",
        clean_line(str(said["note"]), 2000),
    )


def _read_output(said: Tree, path: Path) -> Output:
    match said:
        case {"size": int(size), "sha256": str(digest), "cut": bool(cut)} if path.stat().st_size == size:
            return Output(path, size, Digest(digest), cut)
        case _:
            raise ValueError(f"it does not fit the output in {path}")
