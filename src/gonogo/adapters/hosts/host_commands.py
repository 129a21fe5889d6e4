"""Argument lists that are run on a host: exact, without a shell of ours, each word quoted for the one that sshd starts.

systemd      systemctl restart -- UNIT               systemctl show --property=... -- UNIT
supervisor   supervisorctl restart PROGRAM           supervisorctl status PROGRAM
process      start-stop-daemon --stop, then --start --background: Debian's own, it closes what the process inherits
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from gonogo.plan.ssh_binding import SshBinding

PID_FILE = "gonogo.pid"
PROPERTIES = "ActiveState,SubState,MainPID,NRestarts"
_LIFE = ("MainPID=", "NRestarts=")
_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")


def quoted(argv: tuple[str, ...]) -> str:
    """One line that a POSIX shell splits into exactly `argv`: what sshd hands to the login shell of the user."""
    return " ".join(shlex.quote(part) for part in argv)


def filled(argv: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """`argv` with its placeholders; a value never becomes a second word."""
    return tuple(_PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), part) for part in argv)


def restarts(binding: SshBinding, values: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """What is run, one after the other, so that the release in `current` is the one that runs."""
    control = filled(binding.control, values)
    match binding.manager:
        case "systemd":
            return ((*control, "restart", "--", binding.unit),)
        case "supervisor":
            return ((*control, "restart", binding.unit),)
        case _:
            pid = f"{values['folder']}/{PID_FILE}"
            start = filled(binding.start, values)
            stopping = ("--stop", "--oknodo", "--retry", "TERM/5/KILL/5", "--remove-pidfile", "--pidfile", pid)
            begun = ("--start", "--background", "--make-pidfile", "--pidfile", pid, "--chdir", values["current"])
            return ((*control, *stopping), (*control, *begun, "--startas", start[0], "--", *start[1:]))


def asks(binding: SshBinding, values: Mapping[str, str]) -> tuple[str, ...]:
    """What is run to hear whether the release runs."""
    control = filled(binding.control, values)
    match binding.manager:
        case "systemd":
            return (*control, "show", f"--property={PROPERTIES}", "--", binding.unit)
        case "supervisor":
            return (*control, "status", binding.unit)
        case _:
            return (*control, "--status", "--pidfile", f"{values['folder']}/{PID_FILE}")


def runs(binding: SshBinding, code: int, said: str) -> bool:
    """Whether the manager's answer says that it runs; an empty or other answer never does."""
    match binding.manager:
        case "systemd":
            shown = dict(line.partition("=")[::2] for line in said.splitlines())
            return code == 0 and shown.get("ActiveState") == "active" and shown.get("SubState") in {"running", "exited"}
        case "supervisor":
            words = said.split()
            return code == 0 and len(words) > 1 and words[0] == binding.unit and words[1] == "RUNNING"
        case _:
            return code == 0


def stayed(binding: SshBinding, first: str, second: str) -> bool:
    """Whether the same start runs in two answers of the manager, a while apart.

    systemd calls a program running as soon as it is begun, and one that ends at once each time that it is begun again.
    supervisor waits for `startsecs` by itself; the number of a plain process is in its file.
    """
    lives = [[line for line in said.splitlines() if line.startswith(_LIFE)] for said in (first, second)]
    return binding.manager != "systemd" or lives[0] == lives[1]
