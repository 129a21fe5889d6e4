"""Which file system a path lies on: state on network file systems is refused.

Locks and write-ahead logs that several machines see differently would let two engines act at once (EXE-05).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from gonogo.errors import Refused

MOUNT_TABLE: Final = Path("/proc/self/mountinfo")
"""Exists on Linux; elsewhere nothing is known, and nothing is refused."""

_REMOTE: Final = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gpfs", "ncpfs", "ocfs2",
    "gfs2", "beegfs", "virtiofs", "fuse", "fuseblk",
})  # fmt: skip
POINT: Final = 4
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def file_system_of(path: Path, table: str) -> str:
    """The file system type of absolute `path` by `table` (the text of /proc/self/mountinfo); empty where unknown."""
    best, found = -1, ""
    for line in table.splitlines():
        left, _, right = line.partition(" - ")
        fields, kinds = left.split(), right.split()
        if len(fields) <= POINT or not kinds:
            continue
        point = Path(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[POINT]))
        # A later mount on the same point hides the earlier one, so equal depth replaces.
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), kinds[0]
    return found


def refuse_remote(path: Path, table: str | None = None) -> None:
    """Raise Refused where `path` lies on a network or user-space file system (`table` stands in for the real one)."""
    if table is None:
        if not MOUNT_TABLE.exists():
            return
        table = MOUNT_TABLE.read_text(encoding="utf-8", errors="surrogateescape")
    kind = file_system_of(path.resolve(), table)
    if kind in _REMOTE or kind.startswith("fuse."):
        raise Refused(
            f"lies on a {kind} file system, where locks are not dependable",
            where=str(path),
            next_step="keep gonogo's state on a local disk (ext4, xfs, btrfs, zfs, apfs), or use PostgreSQL",
        )
