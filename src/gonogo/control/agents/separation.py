"""The separation check of a project: what the agents' user could reach here, with the level that follows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import gonogo
from gonogo.adapters.reach import approvers_keys, credentials, user_named, writable
from gonogo.control.door import Door
from gonogo.control.policy_files import FOLDER, signed_policy
from gonogo.control.stores.project_root import PROJECT_FILE, STATE_FOLDER
from gonogo.evidence.signers import Assurance
from gonogo.reports.separation import Reach, Separation, Statement, level, statements
from gonogo.run.site import ANCHORED
from gonogo.values import dataclass

FRESH = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Separated:
    """The statements, and their level."""

    statements: tuple[Statement, ...]
    level: Separation


def separated(door: Door, agent_user: str, environ: Mapping[str, str]) -> Separated:
    """Look at what agents could reach. `agent_user` is whom they run as; empty: as this very process.

    Of another user only files can be looked at, not what stands in their environment; the documentation says so.
    """
    user, root = user_named(agent_user), door.workspace.root
    own = user.uid == os.getuid()
    ring = door.world.ring()
    wanted = {key.key.fingerprint: person.handle for person in ring.people for key in person.keys}
    weak = [
        f"{person.handle} ({key.key.fingerprint[:14]}…)"
        for person in ring.people
        for key in person.keys
        if key.assurance is Assurance.H0
    ]
    seen = environ if own else {}
    reach = Reach(
        same_user=own,
        writable=writable(user, _protected(door, root)),
        keys=approvers_keys(user, wanted, seen),
        credentials=credentials(user, seen),
        weak_keys=tuple(weak),
        policy_signed=signed_policy(door.workspace) is not None,
        anchored=_anchored(door),
    )
    found = statements(reach)
    return Separated(found, level(found))


def separation_lines(found: Separated) -> tuple[str, ...]:
    """The statements for people, and the level."""
    signs = {True: "✓", False: "✗", None: "?"}
    lines = []
    for item in found.statements:
        lines.append(f"{signs[item.holds]} {item.number} {item.says}{f': {item.detail}' if item.detail else ''}")
        if not item.holds:
            lines.append(f"    {item.remedy}")
    return (*lines, f"towards agents this site is {found.level.word}")


def _protected(door: Door, root: Path) -> list[Path]:
    """What decides, and what remembers."""
    project = door.workspace.project
    names = (
        STATE_FOLDER,
        f"{STATE_FOLDER}/journal.db",
        f"{STATE_FOLDER}/vault",
        PROJECT_FILE,
        project.approvers,
        FOLDER,
    )
    scripts = {
        argument for command in project.commands.values() for argument in command.run if (root / argument).is_file()
    }
    program = Path(gonogo.__file__ or "").parent
    return [*(root / name for name in names), *(root / name for name in sorted(scripts)), program]


def _anchored(door: Door) -> bool:
    since = door.world.clock.now() - FRESH
    return any(entry.type == ANCHORED and entry.ts >= since for entry in door.world.journal.site())
