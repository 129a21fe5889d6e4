"""Deploy and rollback scripts against their contract, at a fake target (CMD-13, CMD-73, CMD-75, DRY-02).

A dry run is only ever used after it was shown here, for exactly these script bytes, that it changes nothing. A script
whose bytes change has to be shown again.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from gonogo.adapters.script_trial import FakeTarget, Trial, fake_target
from gonogo.control.door import Door
from gonogo.control.sources import releases_of
from gonogo.plan.project import CommandBinding
from gonogo.ports import Draft
from gonogo.run.site import DRY_RUN_PROVED, proved_fields
from gonogo.terms import Actor, Digest
from gonogo.values import dataclass

COMMANDS: Final = ("deploy", "rollback")
RELEASE: Final = "0.0.0-trial"
_PLACEHOLDER: Final = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Tried:
    """One trial of one script: what was tried, whether it held, what it did instead."""

    command: str
    what: str
    held: bool
    detail: tuple[str, ...] = ()


def try_scripts(door: Door, actor: Actor, release: str = "") -> tuple[Tried, ...]:
    """Try the deploy and rollback commands of a project; a dry run that holds is noted in the site's log."""
    version = release or next(reversed(releases_of(door.workspace)), RELEASE)
    found: list[Tried] = []
    for name in COMMANDS:
        binding = door.workspace.project.commands.get(name)
        if binding is None:
            found.append(Tried(name, "is bound in gonogo.yaml", held=False, detail=(f"`commands.{name}` is missing",)))
            continue
        tried = tuple(_tried(door, binding, version))
        found += tried
        if binding.dry_run is not None and all(each.held for each in tried):
            fields = proved_fields(
                binding.name, (*binding.run, *(binding.dry_run or ())), script_digests(door, binding)
            )
            door.world.journal.note([Draft(DRY_RUN_PROVED, fields)], actor=actor, now=door.world.clock.now())
    return tuple(found)


def script_digests(door: Door, binding: CommandBinding) -> dict[str, Digest]:
    """The files of the project that a command names, by digest."""
    seen = {argument: door.world.files.see(argument).digest for argument in binding.run if "{" not in argument}
    return {path: digest for path, digest in seen.items() if digest is not None}


def _tried(door: Door, binding: CommandBinding, version: str) -> Iterator[Tried]:
    if binding.dry_run is None:
        yield Tried(binding.name, "declares no dry run, so none is ever tried", held=True)
        return
    root = door.workspace.root
    with fake_target(root) as target:
        trial = _run(target, binding, (*binding.run, *binding.dry_run), version)
        yield _dry(binding, trial)
    if not _has_contract(binding):
        return
    with fake_target(root) as target:
        trial = _run(target, binding, (*binding.run, *binding.dry_run, "--no-such-flag"), version)
        yield _refusing(binding, "refuses a flag that it does not know", trial)
    with fake_target(root) as target:
        at = binding.run.index("--release")
        trial = _run(target, binding, (*binding.run[:at], *binding.run[at + 2 :], *binding.dry_run), version)
        yield _refusing(binding, "refuses to work without --release", trial)


def _has_contract(binding: CommandBinding) -> bool:
    """Whether a command is bound by the documented arguments; another one is bound through gonogo.yaml alone."""
    return {"--env", "--release"} <= set(binding.run) and binding.dry_run == ("--dry-run",)


def _dry(binding: CommandBinding, trial: Trial) -> Tried:
    faults = [f"would change: {change}" for change in trial.changes]
    if trial.code != 0:
        ended = "it did not end in time" if trial.code is None else f"it ended with exit status {trial.code}"
        faults.append(f"{ended}: {_last(trial)}")
    return Tried(binding.name, "changes nothing in a dry run", held=not faults, detail=tuple(faults))


def _refusing(binding: CommandBinding, what: str, trial: Trial) -> Tried:
    faults = [f"would change: {change}" for change in trial.changes]
    faults += ["it ended with exit status 0"] if trial.code == 0 else []
    faults += ["it did not end in time"] if trial.code is None else []
    return Tried(binding.name, what, held=not faults, detail=tuple(faults))


def _last(trial: Trial) -> str:
    lines = trial.said.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _run(target: FakeTarget, binding: CommandBinding, argv: tuple[str, ...], version: str) -> Trial:
    values = {
        "environment": "production",
        "release": version,
        "version": version,
        "slot": "trial",
        "host": "trial",
        "service": "trial",
        "previous": version,
        "url": target.url,
        "project": "trial",
        "python": sys.executable,
        "out": "trial-out",
    }
    filled = tuple(_PLACEHOLDER.sub(lambda found: values.get(found[1], ""), argument) for argument in argv)
    return target.run(filled, _environment(target, binding, version))


def _environment(target: FakeTarget, binding: CommandBinding, version: str) -> Mapping[str, str]:
    secrets = dict.fromkeys(binding.secrets, "trial")
    return secrets | {
        "GONOGO_ENVIRONMENT": "production",
        "GONOGO_RELEASE": version,
        "GONOGO_RELEASE_DIGEST": "0" * 64,
        "GONOGO_SLOT": "trial",
        "GONOGO_URL": target.url,
        "GONOGO_FRONT_URL": target.url,
        "GONOGO_PREVIOUS_RELEASE": version,
        "GONOGO_OUT": "trial-out",
        "GONOGO_FENCE": "0",
    }
