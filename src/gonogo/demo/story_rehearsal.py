"""Act 2: a release on staging. A difference of the environments halts it; corrected, it is rehearsed to the end."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.demo.story_command import GO, NO_GO, Pending
from gonogo.demo.story_people import RELEASE_MANAGER, REQUESTER
from gonogo.demo.story_refusals import RUN as EARLY
from gonogo.demo.story_refusals import refuse_before_readiness
from gonogo.demo.story_signing import Scene
from gonogo.demo.story_stage import Stage
from gonogo.demo.telling import Telling
from gonogo.evidence.canonical import Tree, read_object
from gonogo.plan.reading import duration_of

REASON = "staging has the production value again"


def rehearse_with_drift(stage: Stage, telling: Telling) -> None:
    """Version 2 on staging, with one setting that differs at first; meanwhile somebody asks for production already."""
    settings = stage.root / "config" / "staging.env"
    scene = Scene(stage, telling)
    tried = stage.gonogo.ask("check-scripts", "--release", "v2", "--as", REQUESTER)
    telling.claims(
        tried.code == GO,
        "deploy and rollback scripts were tried at a fake target: their dry runs change nothing",
        f"exit {tried.code}: {tried.out} {tried.words}",
    )
    halted = scene.play("run", "pre-deployment", "--release", "v2", "--as", REQUESTER, "--wait")
    telling.claims(
        halted.code == NO_GO and "PRICE_LIST_CACHE" in halted.out,
        f"staging differs from production in one setting, so nothing is rehearsed (exit {NO_GO}); the message:",
        f"exit {halted.code}: {halted.out} {halted.words}",
    )
    telling.quotes(halted.out)
    settings.write_text(settings.read_text("utf-8").replace("PRICE_LIST_CACHE=off", "PRICE_LIST_CACHE=on"), "utf-8")
    telling.says("config/staging.env corrected; only a signature of the release manager lifts the halt")
    _rehearse_to_the_end(stage, telling, scene)
    _tell_figures(stage, telling)


def _rehearse_to_the_end(stage: Stage, telling: Telling, scene: Scene) -> None:
    early = stage.gonogo.begin(*EARLY)
    ending: list[Pending] = []

    def before(point: str) -> None:
        if point == "readiness":
            ending.append(refuse_before_readiness(stage, telling, early))

    scene.before = before
    key = stage.key(RELEASE_MANAGER)
    ended = scene.play("resume", scene.run, "--wait", "--key", key, "--reason", REASON)
    codes = [one.wait().code for one in ending]
    telling.claims(codes == [NO_GO], "the run that asked too early is ended; it deployed nothing", str(codes))
    telling.claims(ended.code == GO, "v2 is ready for production: four gates passed, two people decided", ended.words)


def rehearse(stage: Stage, telling: Telling, release: str) -> None:
    """A release on staging, told in short."""
    scene = Scene(stage, telling, short=True, moves=False)
    ended = scene.play("run", "pre-deployment", "--release", release, "--as", REQUESTER, "--wait")
    telling.claims(
        ended.code == GO,
        f"{release} passed every gate on staging; {scene.signatures} signatures of the same people as before",
        ended.words,
    )


def _tell_figures(stage: Stage, telling: Telling) -> None:
    proof = evidence(stage, "pre-deployment/rollback-verification-report.json", "rollback_verification")
    took, limit = (duration_of(str(proof.get(name))) for name in ("recovery_time", "rto"))
    telling.claims(
        took is not None and limit is not None and took <= limit,
        f"the way back was tried on staging: {took} s of the {limit} s that the RTO allows",
        str(proof),
    )
    tests = evidence(stage, "pre-deployment/staging-test-results.json", "test_execution")
    executed, failed = tests.get("executed"), tests.get("failed")
    telling.claims(
        isinstance(executed, int) and executed > 0 and failed == 0,
        f"{executed} smoke tests ran on staging under pytest, {failed} failed (read from its JUnit file)",
        str(tests),
    )
    scan = evidence(stage, "pre-deployment/security-compliance-report.json", "security_scan")
    open_ones, blocking = scan.get("open"), scan.get("blocking_findings")
    telling.claims(blocking == 0, f"bandit read the service's source: {open_ones} open, {blocking} blocking", str(scan))


def evidence(stage: Stage, name: str, part: str) -> Mapping[str, Tree]:
    """One part of an evidence file below `.artifacts`."""
    found = read_object((stage.root / ".artifacts" / name).read_bytes(), name=name).get(part)
    return found if isinstance(found, Mapping) else {}
