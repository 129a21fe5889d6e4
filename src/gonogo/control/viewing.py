"""Looking at runs: what a surface shows. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gonogo.control.assembling import VIEWS_FOLDER
from gonogo.control.opening import Opened
from gonogo.control.parity_open import OpenParity, open_parity
from gonogo.control.workflow_files import Judged, edited_files
from gonogo.engine.bench import World
from gonogo.engine.by_hand import records
from gonogo.engine.people import as_now
from gonogo.engine.settling import OUTCOME_UNKNOWN
from gonogo.engine.writing import views_of
from gonogo.errors import GonogoError, Tampered
from gonogo.evidence.copies import Difference
from gonogo.evidence.quorum import Quorum
from gonogo.measure.live_counts import MOST_BYTES, counted_so_far
from gonogo.plan.model import Execute, Task, task_of
from gonogo.ports import EffectKey, Running
from gonogo.reports.live import Look, live_words
from gonogo.reports.standing import rules_in_force
from gonogo.run.asking import standing
from gonogo.run.awaiting import ASIDE, Awaited, awaited, waited_in_all
from gonogo.run.machine import PROMOTION, AwaitPeople, Over, Parked, WaitUntil, decide
from gonogo.run.overtaken import BREAK_GLASS
from gonogo.run.state import Round, RunState
from gonogo.terms import Digest, Json, RunId
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """A round that people have yet to complete."""

    round: str
    point: str
    kind: str
    missing: tuple[str, ...]
    signed: tuple[str, ...]
    expires_at: str
    waited_s: int


@dataclass(frozen=True, slots=True)
class StageView:
    """A step or gate as far as it is."""

    id: str
    title: str
    kind: str
    phase: int
    state: str
    attempt: int


@dataclass(frozen=True, slots=True)
class GateView:
    """A gate with its last verdict, or `not judged`."""

    id: str
    name: str
    verdict: str


@dataclass(frozen=True, slots=True)
class FileView:
    """Evidence on file."""

    name: str
    sha256: str
    status: str
    stage: str


@dataclass(frozen=True, slots=True)
class Busy:
    """A command that runs now: since when, in seconds, and for a suite how many cases it has finished (TST-06)."""

    title: str
    seconds: int
    counted: str


@dataclass(frozen=True, slots=True)
class RunView:
    """Where a run is: its steps, whom it waits for, why it halted, what it measured (RGD-01, RGD-06)."""

    run: RunId
    protocol: str
    title: str
    release: str
    environment: str
    status: str
    stages: tuple[StageView, ...]
    waiting: tuple[Waiting, ...]
    halt: str
    next_step: str
    traffic: int | None
    opened_at: datetime | None
    outcome: str
    edited: tuple[str, ...]
    parity: tuple[OpenParity, ...]
    role: str
    mission: str
    guardrails: tuple[str, ...]
    gates: tuple[GateView, ...]
    evidence: tuple[FileView, ...]
    manual: tuple[str, ...]
    running: tuple[Busy, ...]
    waited_s: int
    rules: tuple[str, ...]
    rollout: tuple[str, ...]
    """The rollout or health window under way, in words; empty without one."""
    taken_back: str
    """Who or what took production back, and why; empty where nothing did."""


@dataclass(frozen=True, slots=True)
class RunHead:
    """What stands at the head of everything that is shown of a run."""

    run: RunId
    title: str
    release: str
    environment: str
    status: str
    next_step: str
    traffic: int | None
    opened_at: datetime | None
    outcome: str
    running: tuple[Busy, ...]


def head_of(world: World, opened: Opened, *, driven: bool = False) -> RunHead:
    """Where a run is, in a few words; `driven` says that an engine is at work on it now."""
    plan, state = opened.plan, opened.state
    act = decide(plan, state, world.clock.now())
    status, following = status_of(opened.run, act)
    running = tuple(_running(world, opened))
    stands = in_line(world, opened) if status in {"open", "running"} else ""
    if stands:
        status = stands
    elif driven and status == "open":
        status, following = "running", ""
        running = running or tuple(_at_work(world, opened, act))
    return RunHead(
        run=opened.run,
        title=plan.title,
        release=plan.release.version,
        environment=plan.environment,
        status=status,
        next_step=following,
        traffic=state.traffic,
        opened_at=state.opened_at,
        outcome=state.outcome,
        running=running,
    )


def view(world: World, opened: Opened, *, driven: bool = False) -> RunView:
    """The present view of a run; `driven` says that an engine is at work on it now."""
    plan, state = opened.plan, opened.state
    now = world.clock.now()
    head = head_of(world, opened, driven=driven)
    people = {item.round: item for item in awaited(plan, state)}
    taken_back = why_taken_back(world, opened)
    return RunView(
        run=opened.run,
        protocol=plan.name,
        title=plan.title,
        release=plan.release.version,
        environment=plan.environment,
        status=head.status,
        stages=stages_of(opened),
        waiting=tuple(
            _waiting(standing(*as_now(world, plan, item)), item, people.get(item.name), now)
            for item in state.rounds.values()
            if _is_waiting(opened, item)
        ),
        halt=halt_text(world, opened),
        next_step=head.next_step,
        traffic=head.traffic,
        opened_at=state.opened_at,
        outcome=state.outcome,
        edited=edited_by_hand(world, opened),
        parity=tuple(open_parity(world, opened, world.clock.now())),
        role=plan.role,
        mission=plan.mission,
        guardrails=plan.guardrails,
        gates=tuple(_gates(opened)),
        manual=tuple(f"{asked.task.rpartition('#')[0]} by {answer.person}" for asked, answer in records(state)),
        evidence=tuple(FileView(item.name, item.digest, item.status, item.stage) for item in state.evidence.values()),
        running=head.running,
        waited_s=int(waited_in_all(people.values(), now).total_seconds()),
        rules=rules_in_force(plan, state.trust),
        rollout=live_words(plan, state, Look(now, taken_back)),
        taken_back=taken_back,
    )


def in_line(world: World, opened: Opened) -> str:
    """For which environment a run stands in line, and who holds that; empty where it does not."""
    for name in opened.plan.project.environments:
        if any(waiter.run == opened.run for waiter in world.journal.waiting(name)):
            holder = world.journal.lease(name).run
            return f"waiting for {name}" + (f", which {holder} holds" if holder else "")
    return ""


def _at_work(world: World, opened: Opened, act: object) -> Iterator[Busy]:
    """What an engine does that writes nothing until it is done, such as a measurement."""
    task = getattr(act, "task", None)
    if isinstance(task, Task) and opened.state.at is not None:
        yield Busy(task.title, max(int((world.clock.now() - opened.state.at).total_seconds()), 0), "")


def _running(world: World, opened: Opened) -> Iterator[Busy]:
    for name, known in opened.state.tasks.items():
        act = task_of(opened.plan, name).act if known.open else None
        if not isinstance(act, Execute):
            continue
        key = EffectKey(opened.run, name, known.attempt, known.start)
        if isinstance(world.commands.look(key), Running):
            printed = world.commands.printed(key, MOST_BYTES) if act.purpose == "tests" else b""
            seconds = max(int((world.clock.now() - known.began).total_seconds()), 0)
            yield Busy(task_of(opened.plan, name).title, seconds, str(counted_so_far(printed) or ""))


def _gates(opened: Opened) -> Iterator[GateView]:
    for rule in opened.plan.gates.values():
        judged = opened.state.judgements.get(rule.id)
        yield GateView(rule.id, rule.name, judged.verdict if judged else "not judged")


def status_of(run: RunId, act: object) -> tuple[str, str]:
    """The state of a run in words, and the command line that goes on; `act` is what `decide` gave."""
    match act:
        case Over(outcome):
            return outcome, ""
        case Parked(halted) if halted.cause == OUTCOME_UNKNOWN:
            return "halted", f"gonogo resume {run} --key YOUR-KEY --reason TEXT --outcome applied|not-applied"
        case Parked():
            return "halted", f"gonogo resume {run} --key YOUR-KEY --reason TEXT, or gonogo abort {run}"
        case AwaitPeople(round=asked):
            return "waiting for people", signing_command(run, asked.kind, asked.point)
        case WaitUntil(moment, why, far=True):
            return f"waiting until {moment:%Y-%m-%d %H:%M} UTC: {why}", f"gonogo resume {run} --wait"
        case WaitUntil():
            return "running", ""
        case _:
            return "open", f"gonogo resume {run}"


def signing_command(run: RunId, kind: str, point: str) -> str:
    """The command line with which a person answers a round."""
    match kind:
        case "freeze-ack":
            return f"gonogo acknowledge {run} --key YOUR-KEY"
        case "attestation":
            return f"gonogo attest {run} {point} --key YOUR-KEY"
        case "waiver":
            return f"gonogo waive {run} {point.removeprefix('waiver_')} --key YOUR-KEY"
        case "signoff":
            return f"gonogo sign-off {run} {point.removeprefix('signoff_')} --key YOUR-KEY --reason TEXT"
        case "acceptance":
            return f"gonogo prepare {run} {point} --key YOUR-KEY.pub --say decision=go --output FILE"
        case _:
            return f"gonogo approve {run} {point} --key YOUR-KEY"


def stages_of(opened: Opened) -> tuple[StageView, ...]:
    """Every step and gate of a run in order, each as far as it is."""
    plan, state = opened.plan, opened.state
    rolled = (plan.rollback,) if plan.rollback and state.rollback else ()
    found = []
    for stage in (*plan.stages, *rolled, plan.closing):
        outcomes = [state.tasks[task.id].outcome if task.id in state.tasks else "" for task in stage.tasks]
        if not stage.tasks:
            word = "left out"
        elif "failed" in outcomes:
            word = "failed"
        elif all(outcome == "ok" for outcome in outcomes):
            word = "done"
        else:
            word = "running" if any(outcomes) or any(task.id in state.tasks for task in stage.tasks) else "open"
        found.append(StageView(stage.id, stage.title, stage.kind, stage.phase, word, state.attempts.get(stage.id, 1)))
    return tuple(found)


def _is_waiting(opened: Opened, asked: Round) -> bool:
    return (
        asked.status == "open"
        and asked.point not in {"resume", "dissent", *ASIDE}
        and not standing(opened.plan, asked).met
        and not _is_beside_the_point(opened.state, asked)
    )


def _is_beside_the_point(state: RunState, asked: Round) -> bool:
    """Whether what people were asked to let on is over without them: a rollout taken back promotes no step."""
    known = state.tasks.get(asked.task)
    return asked.point in {PROMOTION, BREAK_GLASS} and known is not None and known.outcome != "" and not known.open


def _waiting(found: Quorum, asked: Round, awaiting: Awaited | None, now: datetime) -> Waiting:
    waited = int(awaiting.length(now).total_seconds()) if awaiting is not None else 0
    return Waiting(asked.name, asked.point, asked.kind, found.missing, found.people, asked.expires_at, waited)


def halt_text(world: World, opened: Opened) -> str:
    """Why a run halted, and where; empty where it did not."""
    halted = opened.state.halted
    if halted is None:
        return ""
    return f"{halted.cause} at {halted.stage}: {text_of(world, halted.detail)}".rstrip(": ")


def halted_by(opened: Opened) -> str:
    """Who wrote the halt down: a person, or the engine; empty where a run did not halt."""
    halted = opened.state.halted
    found = (entry for entry in reversed(opened.entries) if halted is not None and entry.seq == halted.seq)
    return next((str(entry.actor) for entry in found), "")


def why_taken_back(world: World, opened: Opened) -> str:
    """Who or what took production back, and why, on one line; empty where nothing did."""
    state = opened.state
    if state.abort is not None and (state.rollback is None or state.rollback.trigger == "abort"):
        return f"aborted by {state.abort.by}: {_one_line(text_of(world, state.abort.reason)) or 'no reason was given'}"
    if state.rollback is None:
        return ""
    said = text_of(world, state.rollback.detail).strip().partition("\n")[0]
    return _one_line(said) or f"{state.rollback.trigger}: {state.rollback.cause}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def text_of(world: World, digest: Digest | None) -> str:
    """A text that an event names by digest; where it cannot be read, that is said."""
    if digest is None:
        return ""
    try:
        return world.vault.read(digest).decode("utf-8", "replace")
    except GonogoError as error:
        return f"({error.what})"


def expected_views(opened: Opened) -> dict[str, Digest]:
    """Every view of this run's current evidence, by path."""
    return views_of(opened.plan, opened.state)


def edited_by_hand(world: World, opened: Opened, known: Judged | None = None) -> tuple[str, ...]:
    """The views and workflow files of a run that somebody changed, one sentence each; `known` as in `edited_files`."""
    return (*(str(item) for item in _edited(world, opened)), *edited_files(world, opened, known))


def _edited(world: World, opened: Opened) -> tuple[Difference, ...]:
    differences = world.views.differences(expected_views(opened))
    return tuple(item for item in differences if item.kind != "missing" and not _of_another_run(world, item))


def _of_another_run(world: World, item: Difference) -> bool:
    """The newest run of a protocol writes its views over those of the one before; stored bytes are no edit (C70)."""
    if item.kind != "changed":
        return False
    seen = world.views.look(item.path).digest
    return seen is not None and world.vault.path(seen).exists()


def refuse_edited_views(world: World, opened: Opened) -> None:
    """Tampered where somebody edited a view: what people read would not be what is judged and signed."""
    found = _edited(world, opened)
    if found:
        raise Tampered(
            f"{found[0]}; the stored evidence is another",
            where=VIEWS_FOLDER,
            next_step=f"delete the edited file; `gonogo resume {opened.run}` writes it anew from the store",
        )


def as_json(seen: RunView) -> dict[str, Json]:
    """A view for `--json`."""
    return {
        "run": seen.run,
        "protocol": seen.protocol,
        "title": seen.title,
        "release": seen.release,
        "environment": seen.environment,
        "status": seen.status,
        "outcome": seen.outcome or None,
        "halt": seen.halt or None,
        "taken_back": seen.taken_back or None,
        "next": seen.next_step or None,
        "traffic_percent": seen.traffic,
        "role": seen.role,
        "mission": seen.mission,
        "guardrails": list(seen.guardrails),
        "edited": list(seen.edited),
        "manual": list(seen.manual),
        "parity": [item.as_json() for item in seen.parity],
        "waited_for_people_s": seen.waited_s,
        "rules": list(seen.rules),
        "rollout": list(seen.rollout),
        "waiting": [_waiting_json(seen.run, item) for item in seen.waiting],
        "gates": [{"id": item.id, "name": item.name, "verdict": item.verdict} for item in seen.gates],
        "evidence": [
            {"name": item.name, "sha256": item.sha256, "status": item.status, "stage": item.stage}
            for item in seen.evidence
        ],
        "running": [
            {"title": item.title, "seconds": item.seconds, "counted": item.counted or None} for item in seen.running
        ],
        "stages": [
            {
                "id": item.id,
                "title": item.title,
                "kind": item.kind,
                "phase": item.phase,
                "state": item.state,
                "attempt": item.attempt,
            }
            for item in seen.stages
        ],
    }


def _waiting_json(run: RunId, item: Waiting) -> dict[str, Json]:
    return {
        "round": item.round,
        "point": item.point,
        "kind": item.kind,
        "missing": list(item.missing),
        "signed": list(item.signed),
        "expires_at": item.expires_at,
        "waited_s": item.waited_s,
        "next": signing_command(run, item.kind, item.point),
    }
