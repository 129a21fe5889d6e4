"""States of the world that a protocol asks for: each probed, none believed, no secret read (PRE-10..12, PRE-21..23).

gonogo looks at what it can see itself: scripts by digest, sides that answer, a metric source that gives a sample, names
of secrets that are set. What only the project can try is tried by a command that `probes` binds, and a command says
what holds in a file; an exit status alone shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from gonogo.engine.bench import Bench
from gonogo.engine.measuring.baseline import alerts_of
from gonogo.engine.measuring.world import reach
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import read_object
from gonogo.measure.intake import PARITY_REPORT, StateSeen
from gonogo.measure.providers import CheckQuestion
from gonogo.measure.stored_fields import Fields
from gonogo.plan.drafting import STATE_PROBE
from gonogo.plan.model import Execute, Measure, Plan
from gonogo.run.health_window import longest_watch
from gonogo.terms import Digest

CONNECTIVITY_REPORT = "connectivity-report.json"
PROBE_FILE = "probe.json"


def asks_before_probing(plan: Plan) -> bool:
    """Whether this plan probes production only after a person's confirmation (CON-02)."""
    return any(task.act == Measure("connectivity") for stage in plan.stages for task in stage.tasks)


def system_states(bench: Bench) -> tuple[StateSeen, ...]:
    """Every state that the document asks for; one that a later step proves is open until then (C48)."""
    later = {"parity": PARITY_REPORT}
    if asks_before_probing(bench.plan):
        later |= {"credentials": CONNECTIVITY_REPORT, "metrics": CONNECTIVITY_REPORT}
    found = []
    for probe, stated in bench.plan.states:
        holds, why = _holds(bench, probe)
        found.append(StateSeen(stated, probe, holds, bench.now, later.get(probe), why))
    return tuple(found)


def _holds(bench: Bench, probe: str) -> tuple[bool | None, str]:
    """Whether a state holds, None while nobody can know, and why not. What gonogo and the project see has to agree."""
    own, why = _seen(bench, probe)
    if own is False:
        return own, why
    fault = _checked(bench, probe)
    if fault:
        return False, fault
    bound = bench.plan.project.probes.get(probe)
    if bound is None:
        return own, why
    told, said = _probed(bench, bound)
    return (told if own is not None or told is False else own), said or why


def _seen(bench: Bench, probe: str) -> tuple[bool | None, str]:
    kind = bench.plan.environment
    early = asks_before_probing(bench.plan)
    match probe:
        case "scripts":
            return _scripts(bench)
        case "credentials":
            fault = _unreached(bench, "staging" if early else kind)
            return (False, fault) if fault else (None if early else True, "")
        case "metrics" if not early:
            fault = _no_sample(bench, kind) or _deaf(bench, kind)
            return not fault, fault
        case "parity" | "metrics":
            return None, "a later step proves it"
        case _:
            known = probe in bench.plan.project.probes or probe in bench.plan.project.checks
            return (True, "") if known else (None, "nothing probes it")


def _checked(bench: Bench, probe: str) -> str:
    """Why the check that a provider brings for a state does not pass; empty where it does, or none is named."""
    check = bench.plan.project.checks.get(probe)
    if check is None:
        return ""
    environment = bench.environment(bench.plan.environment)
    release = bench.plan.release
    question = CheckQuestion(
        probe, environment.name, environment.url, environment.slots, release.version, release.digest, check.options
    )
    answer = bench.world.providers.check(check.provider, question)
    detail = answer.detail or "it gives no reason"
    return "" if answer.result == "pass" else f"the check `{check.provider}` says {answer.result}: {detail}"


def _scripts(bench: Bench) -> tuple[bool, str]:
    if not bench.plan.scripts:
        return False, "no command names a script of the project"
    changed = [path for path, digest in bench.plan.scripts.items() if bench.world.files.see(path).digest != digest]
    return not changed, f"{', '.join(changed)} changed since the run was opened, or is gone" if changed else ""


def _unreached(bench: Bench, kind: str) -> str:
    names = sorted({name for command in bench.plan.project.commands.values() for name in command.secrets})
    unset = [name for name in names if not bench.world.environ.get(name)]
    if unset:
        return f"not set: {', '.join(unset)}"
    return "; ".join(f"{kind} {name}: {detail}" for name, ok, detail in reach(bench, kind) if not ok)


def _no_sample(bench: Bench, kind: str) -> str:
    source = bench.world.metrics.get(bench.environment(kind).name)
    if source is None:
        return f"{kind} has no metric source"
    try:
        sample = source.sample()
    except Broken as error:
        return error.what
    missing = "; ".join(f"{slot}: {why}" for slot, why in sample.missing)
    return "" if sample.slots else missing or "the metric source gave no sample"


def _deaf(bench: Bench, kind: str) -> str:
    """Why nobody would hear of an alert: a source of alerts is bound and cannot say which ones fire (PRE-23, PM-03)."""
    known, why = alerts_of(bench, kind)
    return f"nobody can say which alerts of {kind} fire: {why}" if known is None else ""


def _probed(bench: Bench, command: str) -> tuple[bool | None, str]:
    """What the probe of the project says in this run; one that did not run, or left nothing usable, proves nothing."""
    known = next(
        (
            state
            for task, state in bench.commands_run(STATE_PROBE)
            if _runs(task.act, command) and state.outcome == "ok"
        ),
        None,
    )
    if known is None:
        return False, f"its probe `{command}` has not been run"
    if known.facts.get("exit_code") != 0 or known.facts.get("ended_by") != "itself":
        return False, f"its probe `{command}` did not end with 0"
    left = known.facts.get("out")
    digest = left.get(PROBE_FILE) if isinstance(left, Mapping) else None
    if not isinstance(digest, str):
        return False, f"its probe `{command}` left no {PROBE_FILE}"
    try:
        said = Fields(read_object(bench.world.vault.read(Digest(digest)), name=PROBE_FILE), PROBE_FILE)
        until = said.maybe_moment("until")
        detail = said.maybe_text("detail") or ""
        holds = said.flag("holds")
    except BadInput as error:
        return False, f"{PROBE_FILE} of `{command}` cannot be used: {error.what}"
    if holds and until is not None and until < bench.now + _window(bench):
        return False, f"its probe `{command}` answers for it only until {until:%Y-%m-%d %H:%M} UTC"
    return holds, detail if not holds else ""


def _runs(act: object, command: str) -> bool:
    return isinstance(act, Execute) and act.command == command


def _window(bench: Bench) -> timedelta:
    """How long a state has to hold: in production to the end of the longest rollout and health window (PRE-23)."""
    if bench.plan.environment != "production":
        return timedelta(0)
    project = bench.plan.project
    rolling = (project.rollout.hold + project.rollout.patience) * len(project.rollout.steps)
    return timedelta(seconds=float(rolling + longest_watch(project.health)))
