"""Environment variables that set the defaults of the automation commands, read in one place (CFG-08).

A flag wins over a variable; `PROTOCOL_ID` and `--protocol` that contradict each other are an error, because a script
would otherwise judge one protocol by the files of another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gonogo.errors import WrongUsage
from gonogo.values import dataclass

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
DEFAULTS: Mapping[str, str] = {
    "PROTOCOL_ID": "14",
    "WORKSPACE_ROOT": ".",
    "ARTIFACTS_DIR": "",
    "LOG_LEVEL": "INFO",
}
"""The variables with their defaults; `ARTIFACTS_DIR` follows from the protocol: `.artifacts/protocol-ID/`."""
_PROTOCOL = re.compile(r"[0-9]{1,3}[A-Za-z]?|[a-z][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class ScriptDefaults:
    """What an automation command works with. `unset` names the variables whose default was taken."""

    protocol: str
    workspace: str
    artifacts: str
    log_level: str
    unset: tuple[str, ...]


def script_defaults(environ: Mapping[str, str], flags: Mapping[str, str]) -> ScriptDefaults:
    """The defaults from `environ`, overruled by `flags` (`protocol`, `workspace`, `artifacts`, `log-level`).

    WrongUsage where a value cannot be used, or where variable and flag name different protocols.
    """
    given = {name: environ[name].strip() for name in DEFAULTS if environ.get(name, "").strip()}
    asked = flags.get("protocol", "")
    named = given.get("PROTOCOL_ID", "")
    if asked and named and asked.lstrip("0") != named.lstrip("0"):
        raise WrongUsage(
            f"PROTOCOL_ID is `{named}`, --protocol is `{asked}`",
            where="environment",
            next_step="unset PROTOCOL_ID, or leave out --protocol",
        )
    protocol = _matching("PROTOCOL_ID", asked or named or DEFAULTS["PROTOCOL_ID"])
    workspace = flags.get("workspace") or given.get("WORKSPACE_ROOT") or DEFAULTS["WORKSPACE_ROOT"]
    artifacts = flags.get("artifacts") or given.get("ARTIFACTS_DIR") or f".artifacts/protocol-{protocol}/"
    level = (flags.get("log-level") or given.get("LOG_LEVEL") or DEFAULTS["LOG_LEVEL"]).upper()
    if level not in LOG_LEVELS:
        raise WrongUsage(
            f"LOG_LEVEL is `{level}`", where="environment", next_step=f"use one of {', '.join(LOG_LEVELS)}"
        )
    unset = tuple(name for name in DEFAULTS if name not in given)
    return ScriptDefaults(protocol, _contained("WORKSPACE_ROOT", workspace), _inside(artifacts), level, unset)


def _matching(name: str, value: str) -> str:
    if not _PROTOCOL.fullmatch(value):
        raise WrongUsage(
            f"{name} is `{value}`", where="environment", next_step="use a protocol's number, such as 14, or its name"
        )
    return value


def _contained(name: str, path: str) -> str:
    if "\0" in path or "\n" in path:
        raise WrongUsage(f"{name} is no path", where="environment", next_step="name a folder")
    return path


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise WrongUsage(
            f"ARTIFACTS_DIR is `{path}`, which leads out of the workspace",
            where="environment",
            next_step="name a folder below WORKSPACE_ROOT",
        )
    return _contained("ARTIFACTS_DIR", path if path.endswith("/") else f"{path}/")
