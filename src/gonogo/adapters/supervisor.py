"""Starts one command, outlives the engine that asked for it, and writes down what became of it (WFS-10, ERR-09).

Runs as a program of its own, `python -I -S -c LAUNCH FOLDER INTENT LOCK`, and imports nothing but the standard library:
as a module, because what it is compiled to is kept then, and little of it, because each command pays for it again.
INTENT is the file that says what to start; its folder takes the output and the result. LOCK is the number of an
inherited descriptor with a lock on it, which the command inherits too: while the lock is held, something lives.
Secrets come as JSON on standard input; they go into the command's environment and nowhere else.

Order, each point durable before the next: read intent and secrets, leave the engine's session, start the command,
wait for its end or end it (time limit, file `stop`), take secrets out of the output, write `result.json`: there `note`
says what makes the output doubtful, `remarks` what people may want to know.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import hashlib
import json
import os
import re
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from urllib.parse import quote

CHUNK = 1 << 20
FLOOD_SLACK = 16 << 20
TICK = 0.2
RESULT_TRIES = 30
LEAST_ENCODED = 6
LEAST_LINE = 16
COULD_NOT_START = 126
LAUNCH = "import sys; sys.path.append(sys.argv.pop(1)); import supervisor; sys.exit(supervisor.main(sys.argv))"
"""The program that starts this module; its first argument is the module's folder, in which is looked for it last."""


class Redactor:
    """Replaces secret values in a stream of bytes by `[redacted:NAME]`, also across the borders of chunks.

    Looks for each value as it is, in base64, percent, hex and JSON form, and for the long lines of one with several.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        forms = {form: name for name, value in values.items() for form in _forms(value)}
        ordered = sorted(forms, key=len, reverse=True)
        self._names = forms
        self._pattern = re.compile(b"|".join(map(re.escape, ordered))) if ordered else None
        self._kept = len(ordered[0]) - 1 if ordered else 0
        self._rest = b""
        self.count = 0

    def feed(self, chunk: bytes) -> bytes:
        """What can be said for certain after `chunk`; the end of it may be held back."""
        if self._pattern is None:
            return chunk
        data = self._rest + chunk
        return self._cleaned(data, max(0, len(data) - self._kept))

    def finish(self) -> bytes:
        """What was held back."""
        return self._cleaned(self._rest, len(self._rest)) if self._pattern else b""

    def _cleaned(self, data: bytes, safe: int) -> bytes:
        pieces: list[bytes] = []
        position = 0
        for found in self._pattern.finditer(data) if self._pattern else ():
            if found.start() >= safe:
                break
            pieces += (data[position : found.start()], f"[redacted:{self._names[found.group()]}]".encode())
            position = found.end()
            self.count += 1
        pieces.append(data[position : max(position, safe)])
        self._rest = data[max(position, safe) :]
        return b"".join(pieces)


def _forms(value: str) -> Iterator[bytes]:
    data = os.fsencode(value)
    if not data:
        return
    yield data
    if len(data) >= LEAST_ENCODED:
        yield json.dumps(value)[1:-1].encode()
        yield quote(data, safe="").encode()
        yield data.hex().encode()
        yield data.hex().upper().encode()
        yield from _base64_forms(data)
    if b"\n" in data:
        yield from (line for line in data.splitlines() if len(line) >= LEAST_LINE)


def _base64_forms(data: bytes) -> Iterator[bytes]:
    # A value in the middle of encoded text begins at one of three offsets; only what it alone decides is searched.
    for before in range(3):
        bits = 8 * (before + len(data))
        start, end = -(-8 * before // 6), bits // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * before + data)[start:end]


class Order:
    """What an intent asks for; times in seconds, `keep` is the most bytes of output that are kept per stream.

    ValueError, KeyError or TypeError where the intent is not one.
    """

    __slots__ = ("argv", "cwd", "env", "folder", "grace", "identity", "keep", "limit", "linger", "secrets")

    def __init__(self, folder: Path, intent: bytes, secrets: Mapping[str, str]) -> None:
        fields = json.loads(intent)
        if sorted(secrets) != sorted(fields["secret_names"]):
            raise ValueError("the secrets that arrived are not those that the intent names")
        self.folder = folder
        self.argv = tuple(map(str, fields["argv"]))
        self.cwd = str(fields["cwd"])
        self.env = {str(name): str(value) for name, value in fields["env"].items()}
        self.secrets = secrets
        self.limit = int(fields["limit_ms"]) / 1000
        self.grace = int(fields["grace_ms"]) / 1000
        self.linger = int(fields["linger_ms"]) / 1000
        self.keep = int(fields["keep_bytes"])
        self.identity = {name: fields[name] for name in ("run", "task", "attempt", "start", "argv_sha256")}


def left_behind(out: str) -> tuple[int, ...]:
    """Processes that were started with `out` as their GONOGO_OUT, as far as this user can see (Linux; else empty)."""
    mark = f"GONOGO_OUT={out}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return tuple(sorted(found))


class _Capture:
    """One stream of output: written by the command straight into a file, kept in the end as a copy without secrets."""

    def __init__(self, folder: Path, name: str, keep: int, redactor: Redactor) -> None:
        self._redactor = redactor
        self._raw = folder / f"{name}.raw"
        self._final = folder / name
        self._keep = keep
        self._seen = 0
        self._cut = False
        self.faults: list[str] = []
        # O_APPEND: a flood can be cut to the limit while it is being written, and the next write goes to the new end.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self.descriptor = os.open(self._raw, flags, 0o600)

    def watch(self) -> None:
        size = os.fstat(self.descriptor).st_size
        if size < self._seen and not self._cut:
            self._cut = True
            self.faults.append(f"the command emptied its own {self._final.name} while it ran")
        if size > self._keep + FLOOD_SLACK:
            os.ftruncate(self.descriptor, self._keep)
            self._cut, size = True, self._keep
        self._seen = size

    def close(self) -> dict[str, object]:
        """Copy what was written, then forget the raw file, to which survivors may still write."""
        digest, size = hashlib.sha256(), 0
        part = self._final.with_name(f".{self._final.name}.new")
        out = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            for piece in self._pieces():
                _write_all(out, piece)
                digest.update(piece)
                size += len(piece)
            os.fsync(out)
        except OSError as error:
            self._cut = True
            self.faults.append(f"{self._final.name} could not be kept whole: {error.strerror}")
            os.ftruncate(out, size)
        finally:
            os.close(out)
        part.rename(self._final)
        self._raw.unlink()
        os.close(self.descriptor)
        if self._cut:
            self.faults.append(f"{self._final.name} is not whole: at most {self._keep} bytes are kept")
        return {"size": size, "sha256": digest.hexdigest(), "cut": self._cut}

    def remarks(self) -> list[str]:
        """How many secrets were replaced; empty where none was."""
        return _replaced(self._redactor.count, self._final.name)

    def _pieces(self) -> Iterator[bytes]:
        position = 0
        while chunk := os.pread(self.descriptor, min(CHUNK, self._keep - position), position):
            position += len(chunk)
            yield self._redactor.feed(chunk)
        if os.fstat(self.descriptor).st_size > position:
            self._cut = True
        if not self._cut:
            # At a cut the held-back end may be the first half of a secret: it is dropped, not shown.
            yield self._redactor.finish()


def _replaced(count: int, name: str) -> list[str]:
    return [f"{count} secret values replaced in {name}"] if count else []


def clean_folder(out: Path, secrets: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Replace secrets in every regular file below `out`; answers remarks and faults. Links are not followed.

    Done here, because only the supervisor knows the secrets for certain: an engine that comes later may not have them.
    """
    remarks: list[str] = []
    faults: list[str] = []
    for folder, _, names in os.walk(out) if secrets else ():
        for path in (Path(folder, name) for name in sorted(names)):
            shown = os.fsencode(path.relative_to(out)).decode("utf-8", "backslashreplace")
            try:
                remarks += _replaced(_clean_file(path, secrets), shown)
            except OSError as error:
                faults.append(f"{shown} could not be searched for secrets: {error.strerror}")
    return remarks, faults


def _clean_file(path: Path, secrets: Mapping[str, str]) -> int:
    seen = path.lstat()
    if not stat.S_ISREG(seen.st_mode):
        return 0
    redactor = Redactor(secrets)
    part = path.with_name(f".{os.getpid()}.gonogo")
    with open(path, "rb", opener=_private) as file, open(part, "xb", opener=_private) as clean:
        while chunk := file.read(CHUNK):
            clean.write(redactor.feed(chunk))
        clean.write(redactor.finish())
        os.fchmod(clean.fileno(), stat.S_IMODE(seen.st_mode))
    if redactor.count:
        part.rename(path)
    else:
        part.unlink()
    return redactor.count


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class _Supervision:
    """One command from start to end."""

    def __init__(self, order: Order, lock: int) -> None:
        self._order = order
        self._lock = lock
        self._stopped = False
        self._awake, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(self._awake, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _ignore)
        # Handlers, not SIG_IGN: an ignored signal would stay ignored in the command.
        signal.signal(signal.SIGHUP, _ignore)
        signal.signal(signal.SIGINT, _ignore)
        signal.signal(signal.SIGTERM, self._stop)

    def run(self) -> None:
        """Start, watch, end, record."""
        folder, keep, secrets = self._order.folder, self._order.keep, self._order.secrets
        streams = {name: _Capture(folder, name, keep, Redactor(secrets)) for name in ("stdout", "stderr")}
        started = _now()
        _note_running(folder, 0)
        try:
            command = self._spawn(streams)
        except (OSError, ValueError) as error:
            exit_code, ended_by, remarks = COULD_NOT_START, "itself", []
            faults = [f"the command could not be started: {error}"]
        else:
            _note_running(folder, command.pid)
            ended_by = self._watch(command, streams)
            exit_code = command.wait()
            remarks, faults = self._survivors(command.pid), []
        ended = _now()
        outputs = {name: stream.close() for name, stream in streams.items()}
        cleaned, unclean = clean_folder(folder / "out", secrets)
        for stream in streams.values():
            remarks, faults = remarks + stream.remarks(), faults + stream.faults
        result = {"v": 1, **self._order.identity, "exit_code": exit_code, "ended_by": ended_by, **outputs}
        words = {"note": "; ".join(faults + unclean), "remarks": remarks + cleaned}
        _record(folder, result | {"started_at": started, "ended_at": ended, **words})

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopped = True

    def _spawn(self, streams: Mapping[str, _Capture]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - an argument list that a person bound, without a shell
            self._order.argv,
            cwd=self._order.cwd,
            env={**self._order.env, **self._order.secrets},
            stdin=subprocess.DEVNULL,
            stdout=streams["stdout"].descriptor,
            stderr=streams["stderr"].descriptor,
            pass_fds=(self._lock,) if self._lock >= 0 else (),
            process_group=0,
        )

    def _watch(self, command: subprocess.Popen[bytes], streams: Mapping[str, _Capture]) -> str:
        deadline = time.monotonic() + self._order.limit
        while command.poll() is None:
            if self._stopped or (self._order.folder / "stop").exists():
                return self._end(command, "stop")
            if time.monotonic() >= deadline:
                return self._end(command, "limit")
            self._nap(min(TICK, max(0.0, deadline - time.monotonic())))
            for stream in streams.values():
                stream.watch()
        return "itself"

    def _end(self, command: subprocess.Popen[bytes], why: str) -> str:
        """TERM to the group, KILL after the grace; what is left of the group is killed when the command is gone."""
        _signal_group(command.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._order.grace
        while time.monotonic() < deadline and (command.poll() is None or _group_lives(command.pid)):
            self._nap(min(0.05, self._order.grace))
        if command.poll() is None or _group_lives(command.pid):
            _signal_group(command.pid, signal.SIGKILL)
        command.wait()
        return why

    def _survivors(self, group: int) -> list[str]:
        """A remark on processes that the command left behind; those of its group get a moment to end."""
        deadline = time.monotonic() + self._order.linger
        while _group_lives(group) and time.monotonic() < deadline:
            self._nap(0.05)
        alive = left_behind(self._order.env.get("GONOGO_OUT", ""))
        if not alive and not _group_lives(group):
            return []
        names = ", ".join(map(str, alive)) or f"group {group}"
        return [f"the command left processes behind that still run: {names}"]

    def _nap(self, seconds: float) -> None:
        select.select([self._awake], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._awake, 4096)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """A signal that only wakes the supervisor up."""


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # Where process 1 collects the dead late or never, they still count for killpg; they do nothing any more.
    states = [_state(entry, group) for entry in Path("/proc").glob("[0-9]*")]
    return not states or any(state not in ("", "Z", "X") for state in states)


def _state(process: Path, group: int) -> str:
    """The state letter of `process` where it belongs to `group`; else empty."""
    try:
        # The name stands in brackets and may hold anything: what counts begins behind the last one.
        fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return fields[0].decode() if int(fields[2]) == group else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _note_running(folder: Path, pid: int) -> None:
    _write(folder / "running.json", {"supervisor": os.getpid(), "pid": pid, "since": _now()})


def _record(folder: Path, result: Mapping[str, object]) -> None:
    """Write the result; a full disk gets half a minute to be emptied, since the result is what everything hangs on."""
    for attempt in range(RESULT_TRIES):
        try:
            _write(folder / "result.json", result)
        except OSError:
            if attempt == RESULT_TRIES - 1:
                raise
            time.sleep(1)
        else:
            return


def _write(path: Path, fields: Mapping[str, object]) -> None:
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write_all(descriptor, json.dumps(fields, sort_keys=True, indent=1).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def main(arguments: list[str]) -> int:
    """Read intent and secrets; return 0 as soon as a process of its own has taken over, 64 or 65 where none can."""
    if len(arguments) not in (2, 3):
        sys.stderr.write("usage: supervisor.py INTENT [LOCK]\n")
        return 64
    lock = int(arguments[2]) if len(arguments) == 3 else -1
    try:
        intent, secrets = Path(arguments[1]), json.loads(sys.stdin.buffer.read() or b"{}")
        order = Order(intent.parent, intent.read_bytes(), secrets)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        sys.stderr.write(f"{arguments[1]}: the intent cannot be used: {error}\n")
        return 65
    if os.fork():
        # Nothing of this process is left to be written or given back, and the engine waits for its end.
        os._exit(0)
    os.setsid()
    _Supervision(order, lock).run()
    # A command costs two ends of an interpreter: what it holds is not looked through for cycles first.
    gc.freeze()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
