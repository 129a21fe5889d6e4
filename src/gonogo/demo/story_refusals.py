"""Act 3: what is refused on the way to production, each time with the message that a user gets."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from gonogo.demo.story_command import NO_GO, WAITING, Answer, Pending
from gonogo.demo.story_people import REQUESTER
from gonogo.demo.story_signing import Scene, signing_line
from gonogo.demo.story_stage import Stage
from gonogo.demo.telling import Telling

RUN = ("run", "production-deployment", "--release", "v2", "--as", REQUESTER)
EDITED = Path(".artifacts/deployment/staging-validation-results.json")


def refuse_before_readiness(stage: Stage, telling: Telling, asked: Pending) -> Pending:
    """Production for a release that nobody found ready; gives the command that ends the run which asked for it."""
    telling.asks(RUN)
    answer = asked.wait()
    _refused(telling, answer, "PRE-DEPLOYMENT-PACKAGE.zip", "production before readiness is refused; the message:")
    run = answer.out.split()[1]
    line = ("abort", run, "--reason", "nobody found v2 ready yet", "--as", REQUESTER)
    telling.asks(line)
    return stage.gonogo.begin(*line)


def approach_production(stage: Stage, telling: Telling) -> str:
    """Version 2 up to the production decision; gives the run. The engine is stopped there, people have not decided."""
    scene = Scene(stage, telling)

    def stop_at_decision(pid: int, line: str) -> None:
        if "(production-1)" in line:
            os.kill(pid, signal.SIGINT)

    scene.unsigned = frozenset({"production"})
    scene.hears = stop_at_decision
    scene.play(*RUN, "--wait")
    return scene.run


def refuse_at_decision(stage: Stage, telling: Telling, run: str) -> None:
    """No approval, the requester's own approval, and evidence that somebody edited."""
    unapproved = ("resume", run)
    requester = signing_line(stage, run, "production", REQUESTER)
    both = tuple(stage.gonogo.begin(*line) for line in (unapproved, requester))
    with telling.doing("two attempts at the same time"):
        _without_approval(telling, unapproved, both[0].wait())
        telling.asks(requester)
        says = f"{REQUESTER} asked for this release, so {REQUESTER}'s key cannot approve it; the message:"
        _refused(telling, both[1].wait(), "rule A16", says)
    _over_edited_evidence(stage, telling, run)
    production = [one for one in stage.executions() if one[1] == "production"]
    telling.claims(
        not production, "after all that, the scripts' own record shows no execution in production", str(production)
    )


def _without_approval(telling: Telling, line: tuple[str, ...], answer: Answer) -> None:
    telling.asks(line)
    telling.claims(
        answer.code == WAITING and "waiting at `production`" in answer.out,
        f"without approval nothing is deployed (exit {WAITING}); the message:",
        f"exit {answer.code}: {answer.out} {answer.words}",
    )
    telling.quotes(answer.out)


def _over_edited_evidence(stage: Stage, telling: Telling, run: str) -> None:
    file = stage.root / EDITED
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'"low"', b'"none"') + b"\n")
    telling.says(f"somebody edits {EDITED}")
    try:
        line = signing_line(stage, run, "production", "olu")
        telling.asks(line)
        answer = stage.gonogo.ask(*line)
        _refused(telling, answer, EDITED.name, "nobody can sign over evidence that was edited; the message:")
    finally:
        file.write_bytes(whole)
    telling.says(f"{EDITED.name} has its recorded bytes again")


def _refused(telling: Telling, answer: Answer, names: str, text: str) -> None:
    message = answer.out or _last_words(answer.words)
    telling.claims(answer.code == NO_GO and names in message, text, f"exit {answer.code}: {message}")
    telling.quotes(message)


def _last_words(words: str) -> str:
    """The error at the end of what a command said; before it stands what was shown for signing."""
    return "gonogo: " + words.rpartition("gonogo: ")[2]
