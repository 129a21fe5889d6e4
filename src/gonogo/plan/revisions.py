"""Which revisions of the repository a release was made from, where its manifest names them (F24, REV-08; rule A16).

`release.revision` is the commit that was built, `release.previous_revision` the one that runs now; between the two lie
the changes of the release, and who made them cannot approve them. Only whole commit ids count: a branch or a tag is
another commit tomorrow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_json
from gonogo.values import dataclass

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Revisions:
    """The commit of a release, and the one before it; empty where there was no release before."""

    revision: str
    previous: str


def read_revisions(manifest: bytes, file: str) -> Revisions | None:
    """The revisions that a release manifest names, None where it names none. BadInput for anything but whole ids."""
    body = read_json(manifest, name=file)
    release = body.get("release") if isinstance(body, Mapping) else None
    if not isinstance(release, Mapping):
        return None
    revision, previous = (_commit(release, name, file) for name in ("revision", "previous_revision"))
    if previous and not revision:
        raise BadInput(
            "`release.previous_revision` is named without `release.revision`",
            where=file,
            next_step="name the commit that was built, too: git rev-parse HEAD",
        )
    return Revisions(revision, previous) if revision else None


def _commit(release: Mapping[str, Tree], name: str, file: str) -> str:
    value = release.get(name, "")
    if value == "" or (isinstance(value, str) and _COMMIT.fullmatch(value)):
        return str(value)
    raise BadInput(
        f"`release.{name}` is no whole commit id",
        where=file,
        next_step="write all 40 (or 64) hex digits: git rev-parse HEAD",
    )
