"""The demonstration: a good release, every refusal, a killed engine and a bad build, all on real parts (DE-01).

Nothing in it is acted: real processes answer, a real proxy distributes, the counters are read from the services, the
signatures are SSH signatures. Each claim on the screen is checked; one that does not hold ends the story with exit 1.
"""

from __future__ import annotations

import time
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from gonogo.demo.fronts import CADDY
from gonogo.demo.processes import wait_until
from gonogo.demo.story_bad_build import BAD, Damage, Turns, bring_bad_build, judge_bad_build
from gonogo.demo.story_people import PEOPLE
from gonogo.demo.story_refusals import approach_production, refuse_at_decision
from gonogo.demo.story_rehearsal import rehearse_with_drift
from gonogo.demo.story_release import release
from gonogo.demo.story_stage import Pace, Stage, end_traffic, playing, set_stage
from gonogo.demo.story_verification import DEPLOYMENT, PACKAGES, READINESS, RELEASE_REPORT, keep, verify_packages
from gonogo.demo.tally import Tally
from gonogo.demo.telling import Telling
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the one who starts it may choose: the folder, the proxy (`caddy`, `proxy` or empty), pace, a picture."""

    folder: Path
    front: str
    pace: Pace
    picture: Path | None = None


def tell_story(wishes: Wishes, telling: Telling) -> None:
    """Tell the whole story; NotHeld where a claim does not hold. All processes are ended on every way out."""
    telling.act(1, "The stage", "Real are every process, request, counter and signature; only the customers are not.")
    stage = set_stage(wishes.folder, wishes.front, wishes.pace)
    turns = Turns()
    with ThreadPoolExecutor(1) as beside, playing(stage):
        try:
            _introduce(stage, telling)
            damage = _releases(stage, telling, turns, beside)
        finally:
            turns.call_off()
        end_traffic(stage)
        _proofs(stage, telling, damage)
    _farewell(stage, telling)
    if wishes.picture:
        telling.picture(wishes.picture)


def _releases(stage: Stage, telling: Telling, turns: Turns, beside: Executor) -> Damage:
    telling.act(2, "v2 on staging", "Pre-deployment: can it go to production, and can it come back?")
    rehearse_with_drift(stage, telling)
    keep(stage, "v2", READINESS)
    telling.act(3, "v2 before production", "Prerequisites, scope, freeze are signed; then what must not work is tried.")
    run = approach_production(stage, telling)
    refuse_at_decision(stage, telling, run)
    aside = telling.aside()
    meanwhile = beside.submit(bring_bad_build, stage, aside, turns)
    telling.act(4, "v2 to production", "Traffic moves 5, 25, 50, 100 %, judged by its counters; the engine is killed.")
    release(stage, telling, run, turns.carried.come)
    keep(stage, "v2", *DEPLOYMENT, RELEASE_REPORT)
    telling.from_here()
    telling.act(5, "v3, a bad build", "It fails 15 % of the customers, none of whom its tests know. Meanwhile:")
    aside.comes_forward()
    begun = time.monotonic()
    turns.released.come()
    found = judge_bad_build(stage, telling, meanwhile.result(), begun)
    keep(stage, BAD, *DEPLOYMENT)
    return found


def _introduce(stage: Stage, telling: Telling) -> None:
    proxy = "Caddy" if stage.front.kind == CADDY else "gonogo's own asyncio proxy"
    telling.says(f"proxy: {proxy} ({stage.front.why}); one before staging, one before production")
    telling.says(f"traffic: about {stage.pace.rate:g} requests a second on production, over loopback, until the end")
    telling.says(f"people: {', '.join(PEOPLE)}, with throw-away SSH keys made now in {shown(stage.root / 'keys')}")
    telling.says(
        f"folder: {shown(stage.root)}; every `gonogo` line below is run there as it stands, in a process of its own"
    )
    signs = "by the demonstration's own code, as ssh-keygen is not installed" if stage.own_hand else "by ssh-keygen"
    telling.says(f"signatures: SSH signatures, made {signs}; a statement names run, plan and digests")
    served = wait_until(lambda: stage.tally().ok > 0, 60.0)
    telling.claims(served, "v1 answers in staging and production; customers are being served", str(stage.tally()))


def shown(path: Path) -> Path:
    """`path` as it is typed from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _proofs(stage: Stage, telling: Telling, damage: Damage) -> None:
    telling.act(6, "The proofs", "Packages are verified offline, by public keys alone; then one byte is changed.")
    sealed = Path(DEPLOYMENT[0]).name
    verify_packages(stage, telling, tuple(Path(PACKAGES) / name / sealed for name in ("v2", BAD)))
    tally = stage.tally()
    others = tally.failures_without(BAD)
    telling.claims(
        others == 0 and tally.skipped == 0,
        f"no request failed because traffic moved: all {tally.failed} failures are answers of {BAD} itself",
        f"{others} failures of others, {tally.skipped} never sent; {tally.by_version()}",
    )
    telling.table("Totals", _totals(tally, damage))


def _totals(tally: Tally, damage: Damage) -> list[tuple[str, str]]:
    served = ", ".join(f"{name} {sum(found.values())}" for name, found in sorted(tally.by_version().items()))
    share = 100 * tally.failed / max(tally.ok + tally.failed, 1)
    return [
        ("requests", f"{tally.ok + tally.failed} ({served})"),
        ("failed", f"{tally.failed} ({share:.2f} %), all of them answers of {BAD}"),
        ("failed because traffic moved", str(tally.failures_without(BAD))),
        ("sent again by the client", f"{tally.reconnects} (connection closed before an answer; no failure)"),
        ("first bad answer to restored traffic", f"{damage.seconds:.1f} s"),
    ]


def _farewell(stage: Stage, telling: Telling) -> None:
    folder = shown(stage.root)
    telling.says(f"{telling.held} claims held in {telling.seconds:.0f} s; every process that was started is ended")
    telling.says(f"packages and reports: {folder / PACKAGES}; evidence of the last runs: {folder / '.artifacts'}")
    telling.says(f"what scripts did and clients saw: {folder / '.demo'}; to copy from: {folder / 'gonogo.yaml'}")
    telling.says(f"next: cd {folder}, then gonogo status, gonogo report, gonogo plan pre-deployment --release v2")
    telling.says("your own project: gonogo init, edit gonogo.yaml, gonogo check, gonogo run")
