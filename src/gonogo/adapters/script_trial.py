"""A fake target: a copy of the project, a recording server, and programs that only write down how they were called.

A script is run there with its dry-run arguments. Whatever it changes in the copy, asks of the server to change, or
calls a program for that reaches machines, is what it would have done in earnest (DRY-02; a real `--dry-run` was seen to
deploy). What it does by absolute paths is not seen: the trial shows harm, and not its absence everywhere.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from gonogo.errors import BadInput
from gonogo.values import dataclass

LIMIT: Final = 30.0
MOST_BYTES: Final = 256 << 20
LEFT_OUT: Final = frozenset({".git", ".gonogo", ".artifacts", ".venv", "node_modules", "__pycache__", ".mypy_cache"})
REACHING: Final = (
    "ssh", "scp", "sftp", "rsync", "kubectl", "helm", "docker", "podman", "nerdctl", "aws", "gcloud", "az", "terraform",
    "tofu", "ansible", "ansible-playbook", "systemctl", "service", "launchctl", "crontab", "at", "psql", "mysql",
    "redis-cli", "gh", "glab", "heroku", "flyctl", "nomad", "vault", "consul", "sudo", "doas", "su", "reboot",
    "shutdown", "mail", "sendmail", "cap", "fab",
)  # fmt: skip
"""Programs that reach machines, clusters, databases or people; here each only notes that it was called."""

_NOTING: Final = '#!/bin/sh\nprintf "%s %s\\n" "${0##*/}" "$*" >> "$GONOGO_TRIAL_CALLS"\nexit 0\n'
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Trial:
    """What a script did at the fake target: its exit status (None: it did not end), its words, what it would change."""

    code: int | None
    said: str
    changes: tuple[str, ...]


class _Recorder(ThreadingHTTPServer):
    """Answers everything with 200 and writes down what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    def _note(self) -> None:
        assert isinstance(self.server, _Recorder)
        self.server.asked.append((self.command, self.path))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_CONNECT = _note  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Nothing is printed."""


@contextmanager
def fake_target(project: Path) -> Iterator[FakeTarget]:
    """A fresh fake target for one script; everything of it is gone afterwards."""
    server = _Recorder()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        with tempfile.TemporaryDirectory(prefix="gonogo-trial-") as folder:
            yield FakeTarget(Path(folder), project, server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class FakeTarget:
    """Where scripts are tried."""

    def __init__(self, folder: Path, project: Path, server: _Recorder) -> None:
        self._server = server
        self._copy = folder / "project"
        self._programs = folder / "programs"
        self._home = folder / "home"
        self._calls = folder / "calls.txt"
        _copied(project, self._copy)
        for path in (self._programs, self._home, folder / "tmp"):
            path.mkdir()
        for name in REACHING:
            program = self._programs / name
            program.write_text(_NOTING)
            program.chmod(0o755)
        self._tmp = folder / "tmp"

    @property
    def url(self) -> str:
        """The address that stands for every address of the environment."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def run(self, argv: Sequence[str], env: Mapping[str, str]) -> Trial:
        """Run a command here and say what it would have changed."""
        before = _tree(self._copy), _tree(self._home)
        self._server.asked.clear()
        self._calls.write_text("")
        code, said = self._ended(argv, env)
        after = _tree(self._copy), _tree(self._home)
        changes = [f"file {path}" for was, now in zip(before, after, strict=True) for path in _differing(was, now)]
        changes += [f"call of {line}" for line in self._calls.read_text(errors="replace").splitlines()]
        asked = [each for each in self._server.asked if each[0] not in _SAFE_METHODS]
        changes += [f"request {method} {path.removeprefix(self.url)}" for method, path in asked]
        return Trial(code, said, tuple(changes))

    def _ended(self, argv: Sequence[str], env: Mapping[str, str]) -> tuple[int | None, str]:
        with tempfile.TemporaryFile() as out:
            try:
                process = subprocess.Popen(  # noqa: S603 - the bound argument list of the project, no shell
                    [*argv],
                    cwd=self._copy,
                    env=self._environment(env),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise BadInput(f"cannot be started: {error.strerror or error}", where=argv[0]) from error
            try:
                code: int | None = process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                code = None
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            out.seek(0)
            return code, out.read(4000).decode("utf-8", "replace")

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        proxies = {f"{kind}_proxy": self.url for kind in ("http", "https", "all", "HTTP", "HTTPS", "ALL")}
        places = {"HOME": str(self._home), "TMPDIR": str(self._tmp), "GONOGO_TRIAL_CALLS": str(self._calls)}
        path = f"{self._programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {**proxies, **env, **places, "PATH": path, "LANG": "C.UTF-8", "TERM": "dumb"}


def _copied(project: Path, copy: Path) -> None:
    size = 0
    for folder, names, files in os.walk(project):
        names[:] = [name for name in names if name not in LEFT_OUT]
        size += sum((Path(folder) / name).lstat().st_size for name in files)
        if size > MOST_BYTES:
            raise BadInput(
                f"the project is larger than {MOST_BYTES >> 20} MB",
                where=str(project),
                next_step="keep large artifacts outside of the project's folder",
            )
    shutil.copytree(project, copy, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))


def _tree(root: Path) -> dict[str, str]:
    """Every path below `root` with what it is: a digest and mode, a link's target, or a folder."""
    found = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"link {path.readlink()}"
        elif path.is_file():
            found[name] = f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mode:o}"
        elif "__pycache__" not in name:
            found[name] = "folder"
    return found


def _differing(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    names = sorted(name for name in {*was, *now} if was.get(name) != now.get(name))
    return [name for name in names if "__pycache__" not in name]
