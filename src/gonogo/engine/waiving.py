"""Asking for a waiver, using it once, and putting every waiver of a run on file (WVR-01 to WVR-06, F31)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from gonogo.engine.asking import open_round
from gonogo.engine.bench import Bench, World
from gonogo.engine.using import check_again
from gonogo.engine.writing import append, sealed, show
from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.closed import moment_text
from gonogo.evidence.ledger import time_of
from gonogo.evidence.signers import Kind
from gonogo.plan.model import Plan
from gonogo.run.asking import standing
from gonogo.run.events import DecisionConsumed, DecisionVoided, Event, TaskFinished, recorded
from gonogo.run.gate import GateJudgement, judgement_body
from gonogo.run.state import Round, RunState, fold
from gonogo.run.waiving import (
    CONTROLS,
    RISK,
    WAIVED,
    FailedGate,
    failed_gate,
    needs,
    open_waiver,
    waiver_point,
    why_not,
)
from gonogo.terms import Actor, Digest, Json, RunId, Verdict
from gonogo.values import dataclass

FILE = "gate-waivers.json"
FINDINGS = "security-compliance-report.json"
ASKED = ("justification", "risk_assessment", "compensating_controls", "risk_owner", "follow_up", "judgement_sha256")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody gives as reason for a waiver; `due` is when the follow-up has to be done."""

    justification: str
    risk_assessment: str
    controls: tuple[str, ...]
    risk_owner: str
    follow_up: str
    due: datetime


def ask_waiver(world: World, plan: Plan, run: RunId, gate: str, wish: Wish, actor: Actor) -> str:
    """Open the round of a waiver for the gate at which the run stands; gives its name. Refused where none can be."""
    state = fold(plan, (recorded(entry) for entry in world.journal.entries(run)))
    failed = demand_failed(plan, state, run, gate)
    reason = why_not(failed.rule, plan.ring)
    if reason:
        raise Refused(f"gate `{failed.rule.name}` cannot be waived: {reason}", next_step=failed.rule.on_fail)
    pending = open_waiver(state, failed)
    if pending is not None:
        raise Refused(f"{pending.name} is open already", next_step=f"gonogo waive {run} {gate} --key YOUR-KEY")
    number = 1 + sum(1 for item in state.rounds.values() if item.point == waiver_point(gate))
    name = f"{waiver_point(gate)}-{number}"
    bench = Bench(world, plan, state, run, actor, failed.task, failed.judgement.attempt, world.clock.now())
    rule = plan.ring.decisions[waiver_point(gate)]
    entries = world.journal.entries(run)
    open_round(bench, entries, Kind.WAIVER, waiver_point(gate), name, rule.valid_for, _asked(bench, failed, name, wish))
    return name


def demand_failed(plan: Plan, state: RunState, run: RunId, gate: str) -> FailedGate:
    """The gate at which the run stands, which has to be `gate`."""
    failed = failed_gate(plan, state)
    if failed is None or failed.rule.id != gate:
        known = ", ".join(plan.gates)
        where = f"{run} stands at gate `{failed.rule.id}`" if failed else f"{run} does not stand at a failed gate"
        raise Refused(f"{where}; only that could be waived", next_step=f"gonogo status {run}; gates: {known}")
    return failed


def _asked(bench: Bench, failed: FailedGate, name: str, wish: Wish) -> dict[str, Tree]:
    if needs(failed.rule, RISK) and not wish.risk_assessment.strip():
        raise BadInput("the document asks for a risk assessment", next_step="write it: --risk-assessment TEXT")
    if needs(failed.rule, CONTROLS) and not wish.controls:
        raise BadInput("the document asks for compensating controls", next_step="name each: --control TEXT")
    body = read_object(bench.world.vault.read(failed.judgement.digest), name="judgement", limit=16 << 20)
    asked: dict[str, Tree] = {
        "waiver_id": name,
        "gate": failed.rule.id,
        "clauses": _clauses(body),
        "judgement_sha256": failed.judgement.digest,
        "justification": wish.justification,
        "risk_owner": wish.risk_owner,
        "follow_up": {"id": wish.follow_up, "due": moment_text(wish.due)},
        "max_uses": 1,
    }
    if wish.risk_assessment.strip():
        asked["risk_assessment"] = wish.risk_assessment
    if wish.controls:
        asked["compensating_controls"] = list(wish.controls)
    return asked


def _clauses(body: Mapping[str, Tree]) -> list[Tree]:
    """The clauses that did not hold, each with its limit and the value that is accepted; and what was lacking."""
    found: list[Tree] = [
        {"id": str(row.get("text")), "limit": str(row.get("limit")), "measured": str(row.get("measured"))}
        for row in _rows(body, "clauses")
        if row.get("result") != "pass"
    ]
    held = {str(row.get("file")) for row in _rows(body, "clauses") if row.get("result") != "pass"}
    found += [
        {"id": str(row.get("name")), "limit": "usable evidence", "measured": str(row.get("why"))}
        for row in _rows(body, "lacking")
        if row.get("name") not in held
    ]
    return found


def _rows(body: Mapping[str, Tree], name: str) -> list[Mapping[str, Tree]]:
    rows = body.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, Sequence) else []


def use_waiver(bench: Bench, asked: Round) -> None:
    """Use a complete waiver up: verified again, in the transaction that lets the gate's task end (rule A18)."""
    failed = demand_failed(bench.plan, bench.state, bench.run, asked.point.removeprefix("waiver_"))
    now = bench.world.clock.now()
    try:
        check_again(bench, asked, now)
        _same_judgement(bench, asked, failed)
    except Refused as error:
        append(bench, [DecisionVoided(asked.name, "refused_at_use", error.what[:200])])
        return
    facts: dict[str, Json] = {WAIVED: asked.name, "judgement_sha256": failed.judgement.digest}
    done = TaskFinished(bench.task.id, bench.attempt, 0, "ok", facts, None)
    used: list[Event] = [DecisionConsumed(asked.name, bench.task.id, bench.attempt), done]
    listed = bench.json(FILE, waivers_body(bench.world, bench.plan, bench.state, asked.name))
    append(bench, [*used, *sealed(bench, (listed,))])
    show(bench, (listed,))


def _same_judgement(bench: Bench, asked: Round, failed: FailedGate) -> None:
    said = _request(bench.world, asked).get("judgement_sha256")
    if said != failed.judgement.digest:
        what = f"{asked.name} is about another judgement of `{failed.rule.name}`"
        raise Refused(what, next_step=f"ask again: gonogo waive {bench.run} {failed.rule.id} --justification TEXT")


def _request(world: World, asked: Round) -> Mapping[str, Tree]:
    predicate = read_object(world.vault.read(asked.request), name="request.json").get("predicate")
    return predicate if isinstance(predicate, Mapping) else {}


def waived_findings(world: World, state: RunState) -> dict[str, str]:
    """Findings that a used waiver of this run accepted, by fingerprint, with its name; an expired one does not count.

    A finding is accepted with the judgement that the waiver was about: one that came later is not.
    """
    found: dict[str, str] = {}
    for asked in state.rounds.values():
        lives = world.clock.now() < time_of(asked.expires_at)
        if asked.kind == Kind.WAIVER.value and asked.status == "used" and lives:
            found |= {str(row["fingerprint"]): asked.name for row in _accepted(world, asked)}
    return found


def _accepted(world: World, asked: Round) -> list[Mapping[str, Tree]]:
    """The blocking findings in the security report that the judgement of a waiver saw; none where it saw none."""
    judgement = _stored(world, str(_request(world, asked).get("judgement_sha256")), "judgement")
    digest = next((row.get("sha256") for row in _rows(judgement, "evidence") if row.get("name") == FINDINGS), None)
    report = _stored(world, str(digest), FINDINGS) if digest else {}
    return [row for row in _rows(report, "findings") if row.get("blocking") is True and "fingerprint" in row]


def _stored(world: World, digest: str, name: str) -> Mapping[str, Tree]:
    return read_object(world.vault.read(Digest(digest), limit=16 << 20), name=name, limit=16 << 20)


def waivers_body(world: World, plan: Plan, state: RunState, used: str = "") -> dict[str, Tree]:
    """`gate-waivers.json` (F31): every waiver that was ever asked for in this run, refused ones included."""
    rounds = [item for item in state.rounds.values() if item.kind == Kind.WAIVER.value]
    return {"waivers": [_waiver_row(world, plan, item, used) for item in rounds]}


def _waiver_row(world: World, plan: Plan, asked: Round, used: str) -> dict[str, Tree]:
    said = _request(world, asked)
    scope = said.get("scope")
    release = scope.get("release") if isinstance(scope, Mapping) else None
    row: dict[str, Tree] = {
        "id": asked.name,
        "gate": str(said.get("gate")),
        "clauses": said.get("clauses"),
        "findings": [
            {name: row.get(name) for name in ("id", "severity", "component", "fingerprint")}
            for row in _accepted(world, asked)
        ],
        "state": _state(plan, asked, used, world.clock.now()),
        "requested_by": said.get("requested_by"),
        "requested_at": said.get("requested_at"),
        "release_digest": release.get("digest") if isinstance(release, Mapping) else None,
        "expires_at": said.get("expires_at"),
        "signatures": [
            {
                "role": answer.role,
                "person": answer.person,
                "decision": answer.decision,
                "at": moment_text(answer.at),
                "key_id": answer.fingerprint,
                "statement_sha256": answer.statement,
                "signature": world.vault.read(answer.signature).decode("ascii", "replace"),
            }
            for answer in asked.answers
        ],
    }
    return row | {name: said[name] for name in ASKED if name in said}


def _state(plan: Plan, asked: Round, used: str, now: datetime) -> str:
    if asked.name == used or asked.status == "used":
        return "granted"
    if standing(plan, asked).no_go:
        return "refused"
    if asked.status != "open":
        return "expired"
    return "expired" if now >= time_of(asked.expires_at) else "requested"


def covering(world: World, state: RunState, judged: GateJudgement, now: datetime) -> str:
    """The waiver that was used for a gate of another run and still carries what is wrong with it now; empty if none.

    It dies with its time, and covers nothing but the clauses and the values that were accepted (WVR-04, WVR-05).
    """
    if judged.verdict is Verdict.PASS:
        return ""
    for asked in state.rounds.values():
        about = asked.kind == Kind.WAIVER.value and asked.point == waiver_point(judged.rule.id)
        if about and asked.status == "used" and now < time_of(asked.expires_at):
            known = read_object(write_json(judgement_body(judged)), name="judgement", limit=16 << 20)
            accepted = _rows(_request(world, asked), "clauses")
            if all(clause in accepted for clause in _clauses(known)):
                return asked.name
    return ""
