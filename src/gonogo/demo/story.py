"""The demonstration: a good release, every refusal, a killed engine and a bad build, all on real parts (DE-01).

Nothing in it is acted: real processes answer, a real proxy distributes, the counters are read from the services, the
signatures are SSH signatures. Each claim on the screen is checked; one that does not hold ends the story with exit 1.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gonogo.demo.processes import wait_until
from gonogo.demo.story_bad_build import BAD, Damage, roll_out_bad_build
from gonogo.demo.story_people import PEOPLE
from gonogo.demo.story_refusals import approach_production, refuse_at_decision
from gonogo.demo.story_rehearsal import rehearse, rehearse_with_drift
from gonogo.demo.story_release import release
from gonogo.demo.story_stage import Pace, Stage, end_traffic, playing, set_stage
from gonogo.demo.story_verification import DEPLOYMENT, PACKAGES, READINESS, RELEASE_REPORT, keep, verify_packages
from gonogo.demo.tally import Tally
from gonogo.demo.telling import Telling


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
    with ThreadPoolExecutor(1) as beside, playing(stage):
        _introduce(stage, telling)
        telling.act(2, "v2 on staging", "Pre-deployment: can it go to production, and can it come back?")
        rehearse_with_drift(stage, telling)
        keep(stage, "v2", READINESS)
        run = _before_production(stage, telling)
        aside = telling.aside()
        meanwhile = beside.submit(rehearse, stage, aside, BAD)
        _good_release(stage, telling, run)
        damage = _bad_release(stage, telling, aside, meanwhile)
        end_traffic(stage)
        telling.from_here()
        _proofs(stage, telling, damage)
    _farewell(stage, telling)
    if wishes.picture:
        telling.picture(wishes.picture)


def _introduce(stage: Stage, telling: Telling) -> None:
    telling.says(f"proxy: {stage.front.kind} ({stage.front.why}); one before staging, one before production")
    telling.says(f"traffic: about {stage.pace.rate:g} requests a second on production, over loopback, until the end")
    telling.says(f"people: {', '.join(PEOPLE)}, with throw-away SSH keys made now in {stage.root / 'keys'}")
    telling.says(f"folder: {stage.root}; every `gonogo` line below is run there as it stands, in a process of its own")
    served = wait_until(lambda: stage.tally().ok > 0, 5.0)
    telling.claims(served, "v1 answers in staging and production; customers are being served", str(stage.tally()))


def _before_production(stage: Stage, telling: Telling) -> str:
    telling.act(
        3, "v2 before production", "Prerequisites, scope and freeze are signed; then what must not work is tried."
    )
    return approach_production(stage, telling)


def _good_release(stage: Stage, telling: Telling, run: str) -> None:
    refuse_at_decision(stage, telling, run)
    telling.act(
        4, "v2 to production", "Traffic moves 5, 25, 50, 100 %, judged by measured counters; the engine is killed."
    )
    release(stage, telling, run)
    keep(stage, "v2", *DEPLOYMENT, RELEASE_REPORT)


def _bad_release(stage: Stage, telling: Telling, aside: Telling, meanwhile: Future[None]) -> Damage:
    why = "It fails 15 % of the customers, none of whom its tests know. Its staging went on while v2 was rolled out:"
    telling.act(5, "v3, a bad build", why)
    try:
        with telling.doing("waiting for v3 on staging"):
            meanwhile.result()
    finally:
        telling.recounts(aside)
    keep(stage, BAD, READINESS)
    found = roll_out_bad_build(stage, telling)
    keep(stage, BAD, *DEPLOYMENT)
    return found


def _proofs(stage: Stage, telling: Telling, damage: Damage) -> None:
    telling.act(6, "The proofs", "Packages are verified offline, by public keys alone; then one byte is changed.")
    sealed = ("v2/PRE-DEPLOYMENT-PACKAGE.zip", "v2/DEPLOYMENT-EVIDENCE.zip", f"{BAD}/DEPLOYMENT-EVIDENCE.zip")
    verify_packages(stage, telling, tuple(Path(PACKAGES) / name for name in sealed))
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
    place = stage.root
    telling.table(
        "Where things lie",
        [
            ("packages and reports", f"{place / 'packages'}/v2 and /{BAD}"),
            ("evidence of the last runs", str(place / ".artifacts")),
            ("what the scripts did, what clients saw", str(place / ".demo")),
            ("the project file to copy from", str(place / "gonogo.yaml")),
        ],
    )
    telling.says(f"{telling.held} claims held in {telling.seconds:.0f} s; every process that was started is ended")
    telling.says(f"next: cd {place}, then gonogo status, gonogo report, gonogo plan production-deployment --release v2")
    telling.says("your own project: gonogo init, edit gonogo.yaml, gonogo check, gonogo run")
