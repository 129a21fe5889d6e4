"""What a CI job asks of gonogo: the gates of the newest run, judged now; nothing is recorded and nothing is signed."""

from __future__ import annotations

from typing import Final

from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.scripted.gates import every_gate
from gonogo.control.scripted.workplace import Asked, newest_run
from gonogo.plan.documented_scripts import SCRIPTS
from gonogo.plan.script_defaults import script_defaults
from gonogo.run.gate import GateJudgement
from gonogo.terms import Pipeline, Verdict
from gonogo.values import dataclass

_ANY: Final = SCRIPTS["run_protocol_10_gates"]


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """The gates of a run as they are judged now; no run and no gates where there is none."""

    opened: Opened | None
    gates: tuple[GateJudgement, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict; nothing judged is INCONCLUSIVE."""
        return max((each.verdict for each in self.gates), default=Verdict.INCONCLUSIVE)


def judged_now(door: Door, protocol: str) -> JudgedRun:
    """Judge every gate of the newest run of a protocol."""
    asked = Asked(_ANY, {}, script_defaults({}, {}), door, Pipeline("ci"), lambda _line: None, protocol)
    opened = newest_run(asked)
    if opened is None:
        return JudgedRun(None, ())
    door.refuse_edited(opened)
    return JudgedRun(opened, tuple(each.judgement for each in every_gate(asked, opened)))
