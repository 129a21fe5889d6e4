"""What comes after a protocol: the run that hands over, and the release that the next one is about (CMD-52, HND-12)."""

from __future__ import annotations

from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.errors import Refused

GOOD = frozenset({"ready", "released"})


def handing_over(door: Door, protocol: str) -> Opened | None:
    """The newest run that ended well and hands over to `protocol`; None where there is none."""
    for run in reversed(door.runs()):
        opened = door.load(run)
        if opened.plan.next_protocol == protocol and opened.state.outcome in GOOD:
            return opened
    return None


def next_release(door: Door, protocol: str) -> str:
    """The version that was handed over to `protocol`; Refused where no protocol has."""
    opened = handing_over(door, protocol)
    if opened is None:
        raise Refused(
            f"no run has handed over to {protocol} yet",
            next_step="finish the protocol before it, or name the version: --release VERSION",
        )
    return opened.plan.release.version
