"""Commands of the project: arguments filled in, scripts checked against their pins, results read (DOC-21, DRY-02)."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from gonogo.engine.bench import Bench
from gonogo.engine.capturing import captured
from gonogo.engine.handover import PRE_DEPLOYMENT, handover
from gonogo.engine.release_files import demand_own_artifact
from gonogo.engine.saved_states import rehearsal_faults, saved_state
from gonogo.errors import BadInput, Refused, Tampered
from gonogo.evidence.canonical import read_json
from gonogo.evidence.ledger import time_text
from gonogo.measure.data_refresh import require_staging
from gonogo.plan.drafting import STATE_PROBE
from gonogo.plan.hooking import HOOK, place_of
from gonogo.plan.model import Effect, Execute
from gonogo.plan.project import CommandBinding, Environment
from gonogo.ports import CommandSpec, EffectKey, Ended, Sealed
from gonogo.run.hosts_before import version_on
from gonogo.run.site import is_proved, proved_fields
from gonogo.terms import Json, Secret
from gonogo.values import dataclass

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
DRY_RUN = "dry_run"
INSTALLING = frozenset({"deploy", "redeploy"})
"""What brings the files of the release to a place. With an approval their bytes are looked at when it is used."""
READINESS_PACKAGE = "PRE-DEPLOYMENT-PACKAGE.zip"
_OURS = frozenset({"python", "out"})
_SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_:/@-]{0,255}\Z")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished command amounts to; `facts` go into the ledger, `files` lie in the vault."""

    ok: bool
    facts: Mapping[str, Json]
    detail: str
    files: tuple[Sealed, ...]


def command_spec(bench: Bench, act: Execute, key: EffectKey, fence: int) -> CommandSpec:
    """The command ready to start; Tampered where a script is not the pinned one, BadInput where a secret is not set."""
    binding = bench.plan.project.commands[act.command]
    if act.purpose == "refresh":
        require_staging(bench.plan.project.environments[act.environment].kind)
    check_scripts(bench, binding)
    if act.purpose in INSTALLING and not bench.task.consumes:
        demand_own_artifact(bench, act.service)
    if act.purpose == DRY_RUN:
        _proved_harmless(bench, binding)
    values = {**_values(bench, act), "out": str(bench.world.commands.folder(key))}
    argv = tuple(_filled(argument, values) for argument in (*binding.run, *act.extra))
    return CommandSpec(
        argv=argv,
        cwd=bench.world.files.root(),
        env=_environment(bench, act, values),
        secrets=_secrets(bench.world.environ, binding),
        timeout=float(binding.timeout),
        fence=fence,
    )


def _proved_harmless(bench: Bench, binding: CommandBinding) -> None:
    """Refused where nobody has shown that the dry run of these very scripts changes nothing (DRY-02)."""
    pinned = {argument: bench.plan.scripts[argument] for argument in binding.run if argument in bench.plan.scripts}
    if not is_proved(
        bench.world.journal.site(), proved_fields(binding.name, (*binding.run, *(binding.dry_run or ())), pinned)
    ):
        raise Refused(
            f"the dry run of `{binding.name}` has not been tried with these scripts: it might deploy",
            where=str(binding.origin),
            next_step="gonogo check-scripts tries it at a fake target",
        )


def question_spec(bench: Bench, binding: CommandBinding, environment: Environment) -> CommandSpec:
    """A bound command that is only asked what it knows of an environment; it gets no folder to write into."""
    check_scripts(bench, binding)
    act = Execute(binding.name, environment.name, Effect.NONE, "settings", repeatable=True)
    values = _values(bench, act)
    return CommandSpec(
        argv=tuple(_filled(argument, values) for argument in binding.run),
        cwd=bench.world.files.root(),
        env=_environment(bench, act, values),
        secrets=_secrets(bench.world.environ, binding),
        timeout=float(binding.timeout),
    )


def _values(bench: Bench, act: Execute) -> dict[str, str]:
    environment = bench.plan.project.environments[act.environment]
    seen = bench.seen(environment.kind)
    candidate = act.host or str(seen.get("candidate") or "")
    return {
        "environment": environment.name,
        "release": bench.plan.release.version,
        "version": bench.plan.release.version,
        "slot": candidate,
        "host": act.host,
        "service": act.service,
        "previous": version_on(seen, act.host) if act.host else str(seen.get("stable_version") or ""),
        "url": environment.slots.get(candidate, environment.url),
        "project": bench.plan.project.name,
        "python": sys.executable,
    }


def _filled(argument: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        found = values.get(match[1], "")
        if match[1] not in _OURS and not _SAFE.match(found):
            raise Refused(
                f"the value `{found}` of {{{match[1]}}} may not stand in a command",
                next_step="values begin with a letter or digit and hold only letters, digits and . + _ : / @ -",
            )
        return found

    return _PLACEHOLDER.sub(value, argument)


def _environment(bench: Bench, act: Execute, values: Mapping[str, str]) -> dict[str, str]:
    return {
        "GONOGO_ENVIRONMENT": values["environment"],
        "GONOGO_RELEASE": values["release"],
        "GONOGO_RELEASE_DIGEST": bench.plan.release.digest,
        "GONOGO_SLOT": values["slot"],
        "GONOGO_HOST": values["host"],
        **_artifact(bench, act),
        "GONOGO_URL": values["url"],
        "GONOGO_FRONT_URL": bench.plan.project.environments[act.environment].url,
        "GONOGO_PREVIOUS_RELEASE": values["previous"],
        "GONOGO_RUN": bench.run,
        "GONOGO_TASK": bench.task.id,
        "GONOGO_ATTEMPT": str(bench.attempt),
        "GONOGO_PURPOSE": act.purpose,
        **(_context(bench) if act.purpose == HOOK else {}),
        **({"GONOGO_SNAPSHOT": saved_state(bench, act.environment)} if act.purpose == "restore" else {}),
    }


def _context(bench: Bench) -> dict[str, str]:
    """The run that handed over, and the digest of its sealed package; nothing where no protocol did (CMD-59)."""
    before = handover(bench) if bench.plan.name != PRE_DEPLOYMENT else None
    package = before.file(READINESS_PACKAGE) if before else None
    if before is None or package is None:
        return {}
    return {"GONOGO_CONTEXT_RUN": before.run, "GONOGO_CONTEXT_SHA256": package.digest}


def _artifact(bench: Bench, act: Execute) -> dict[str, str]:
    """What a script of one service has to install: the file of this service, and its digest."""
    found = next((each for each in bench.plan.release.services if each.name == act.service), None)
    if found is None:
        return {}
    return {
        "GONOGO_SERVICE": found.name,
        "GONOGO_ARTIFACT": found.artifact,
        "GONOGO_ARTIFACT_DIGEST": found.digest,
    }


def asked_outside(
    binding: CommandBinding, values: Mapping[str, str], root: Path, environ: Mapping[str, str]
) -> CommandSpec:
    """A bound command that somebody asks outside of a run, for what it knows; `values` fill its placeholders."""
    env = {"GONOGO_ENVIRONMENT": values["environment"], "GONOGO_URL": values["url"], "GONOGO_PURPOSE": "settings"}
    return CommandSpec(
        argv=tuple(_filled(argument, values) for argument in binding.run),
        cwd=root,
        env=env,
        secrets=_secrets(environ, binding),
        timeout=float(binding.timeout),
    )


def _secrets(environ: Mapping[str, str], binding: CommandBinding) -> dict[str, Secret]:
    found: dict[str, Secret] = {}
    for name in binding.secrets:
        value = environ.get(name)
        if not value:
            raise BadInput(
                f"the secret {name} for command `{binding.name}` is not set",
                where=str(binding.origin),
                next_step=f"export {name} in the environment of gonogo",
            )
        found[name] = Secret(value)
    return found


def check_scripts(bench: Bench, binding: CommandBinding) -> None:
    """Refuse to run a command whose files are not those that were pinned when the run was opened."""
    for argument in binding.run:
        pinned = bench.plan.scripts.get(argument)
        if pinned is None:
            continue
        seen = bench.world.files.see(argument)
        if seen.digest is None:
            raise Tampered(
                f"{argument} is gone since the run was opened", next_step=f"restore {argument}, or open a new run"
            )
        if seen.digest != pinned:
            raise Tampered(
                f"{argument} was changed since the run was opened",
                next_step="a changed script is another release: rehearse it in a new run",
            )


def outcome_of(bench: Bench, key: EffectKey, ended: Ended) -> Outcome:
    """Seal what the command left and say what it amounts to. An exit status of 0 is a condition, never a verdict."""
    left = captured(bench, key, ended)
    broken = (*_broken_files(bench, left.files), *rehearsal_faults(bench, left.stderr, left.files))
    broken = (*broken, *_unwritten(bench, left.files))
    faults = [text for text in (_ending(bench, ended), ended.note, *left.faults, *broken) if text]
    facts: dict[str, Json] = {
        "exit_code": ended.exit_code,
        "ended_by": ended.ended_by,
        "started_at": time_text(ended.started_at),
        "ended_at": time_text(ended.ended_at),
        "stdout": left.stdout,
        "stderr": left.stderr,
        "stdout_size": ended.stdout.size,
        "stderr_size": ended.stderr.size,
        "out": {file.path: file.digest for file in left.files},
    }
    if isinstance(bench.task.act, Execute) and bench.task.act.purpose == HOOK:
        facts["hook"] = place_of(bench.stage.id)
    if ended.stdout.cut or ended.stderr.cut:
        facts["output_cut"] = True
    detail = ""
    if faults:
        detail = f"{bench.task.title}: {'; '.join(faults)}{left.last_lines}{_next_step(bench)}"
    # That a probe fails is its answer: it is told with all other prerequisites, and never alone.
    answers = isinstance(bench.task.act, Execute) and bench.task.act.purpose == STATE_PROBE
    if faults and not answers:
        facts["cause"] = "task_failed"
    return Outcome(answers or not faults, facts, detail, left.files)


def _next_step(bench: Bench) -> str:
    act = bench.task.act
    assert isinstance(act, Execute)
    origin = bench.plan.project.commands[act.command].origin
    return f"\n  where: the command `{act.command}` ({origin})\n  next: repair it, then gonogo resume {bench.run}"


REPORTING = frozenset({"tests", "scan"})
"""Purposes of commands whose report is the answer: 0, 1, 2, 14 and 99 mean other things to each tool (SC-04, TR-05)."""


def _ending(bench: Bench, ended: Ended) -> str:
    if ended.ended_by == "limit":
        return "it ran into its time limit and its process group was killed"
    if ended.ended_by == "stop":
        return "it was stopped on request"
    if ended.exit_code < 0:
        return f"it was killed by signal {-ended.exit_code}"
    assert isinstance(bench.task.act, Execute)
    if bench.task.act.purpose in REPORTING:
        return ""
    return f"it ended with exit status {ended.exit_code}" if ended.exit_code else ""


def _unwritten(bench: Bench, files: tuple[Sealed, ...]) -> list[str]:
    """Files that an act has to leave and did not: an exit status of 0 stands for none of them (CMD-60)."""
    assert isinstance(bench.task.act, Execute)
    written = {file.path for file in files if file.size}
    lacking = [name for name in bench.task.act.owes if name not in written]
    return [f"it did not write {name} into the folder GONOGO_OUT, or wrote nothing into it" for name in lacking]


def _broken_files(bench: Bench, files: tuple[Sealed, ...]) -> list[str]:
    faults = []
    for file in files:
        if file.path.endswith(".json"):
            try:
                read_json(bench.world.vault.read(file.digest), name=file.path, limit=16 << 20)
            except BadInput as error:
                faults.append(f"{file.path}, which it wrote, is not usable JSON: {error.what}")
    return faults
