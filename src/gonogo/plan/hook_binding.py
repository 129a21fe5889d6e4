"""Reads `hooks` and `recovery` of `gonogo.yaml`: commands at steps of a protocol, and for when nothing answers."""

from __future__ import annotations

from typing import Final

from gonogo.plan.project import HookBinding
from gonogo.plan.reading import Section

TRIED: Final = ("vpn", "credentials")
"""What is tried where an environment does not answer, in this order (ERR-01)."""

_FILE_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"


def read_hook(section: Section) -> HookBinding:
    """Read one entry of `hooks`; all of it has to be there (CMD-60)."""
    found = HookBinding(
        section.text("protocol"),
        section.text("step"),
        section.text("command"),
        section.text("writes", pattern=_FILE_NAME, kind="a file name without folders"),
        section.text("purpose"),
        section.origin,
    )
    section.finish()
    return found


def read_recovery(section: Section) -> dict[str, str]:
    """Read `recovery`: the command for each thing that is tried; what is not bound is left out."""
    found = {name: section.text(name, "") for name in TRIED}
    section.finish()
    return {name: command for name, command in found.items() if command}
