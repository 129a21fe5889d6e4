"""Act 4: version 2 goes to production, and the engine is killed in the middle of it."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable

from gonogo.demo.story_command import GO
from gonogo.demo.story_people import SIGNERS
from gonogo.demo.story_rehearsal import evidence
from gonogo.demo.story_signing import Scene
from gonogo.demo.story_stage import Stage
from gonogo.demo.telling import Telling

KILLED_AT = "25"
INTO_STEP_SECONDS = 0.8
_MOVED = re.compile(r"new version gets (\d+) %")


def release(stage: Stage, telling: Telling, run: str, carries_all: Callable[[], None]) -> None:
    """Signed approval, canary with kill -9 at 25 %, resume, checks, window, report.

    `carries_all` is called once all of the traffic is on version 2.
    """
    quorum = " and ".join(SIGNERS["production"])
    telling.says(f"the production decision: {quorum} sign; the statement names run, plan and release by digest")
    Scene(stage, telling).sign(run, ("production",))
    _kill_in_canary(stage, telling, run)
    scene = Scene(stage, telling, run=run)

    def follow(_pid: int, line: str) -> None:
        moved = _MOVED.search(line)
        if moved and moved[1] == "100":
            carries_all()

    scene.hears = follow
    ended = scene.play("resume", run, "--wait")
    telling.claims(ended.code == GO, "v2 is released (exit 0)", f"exit {ended.code}: {ended.out} {ended.words}")
    _prove_once(stage, telling)
    report = evidence(stage, "deployment/production-deployment-report.json", "deployment")
    health = evidence(stage, "deployment/deployment-health-log.json", "health")
    telling.claims(
        health.get("status") == "pass" and health.get("samples_missing") == 0,
        f"health window: {health.get('samples')} samples, {health.get('breaches')} breaches; "
        f"downtime {report.get('downtime')}",
        str(health),
    )


def _kill_in_canary(stage: Stage, telling: Telling, run: str) -> None:
    scene = Scene(stage, telling, run=run)

    def kill_at_step(pid: int, line: str) -> None:
        moved = _MOVED.search(line)
        if moved and moved[1] == KILLED_AT:
            time.sleep(INTO_STEP_SECONDS)
            os.kill(pid, signal.SIGKILL)
            telling.says(f"kill -9 {pid}: the engine is dead in mid-canary, {KILLED_AT} % of the traffic on v2")

    scene.hears = kill_at_step
    answer = scene.play("resume", run, "--wait")
    telling.claims(
        answer.code == -signal.SIGKILL,
        "it died without a word; the proxy goes on serving both versions",
        f"exit {answer.code}: {answer.out} {answer.words}",
    )


def _prove_once(stage: Stage, telling: Telling) -> None:
    deployed = [one for one in stage.executions() if one == ("deploy", "production", "v2")]
    telling.claims(
        len(deployed) == 1,
        f"the deploy script's own record has {len(deployed)} execution for v2 in production: nothing ran twice",
        str(stage.executions()),
    )
