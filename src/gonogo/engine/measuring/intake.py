"""Prerequisites and intake: artifacts, approvals and system states, before anything runs (PRE-01, INT-01..INT-09)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from gonogo.engine.bench import Bench, Looked
from gonogo.engine.handover import handover
from gonogo.engine.measuring.states import system_states
from gonogo.engine.measuring.upstream import upstream_artifacts
from gonogo.engine.release_files import foreign_artifacts
from gonogo.engine.rights import needs, withheld
from gonogo.evidence.canonical import Tree
from gonogo.measure.figures import Body, read_time
from gonogo.measure.intake import (
    ApprovalSeen,
    GapRow,
    IntakeSeen,
    RenewalRequest,
    gap_rows,
    intake_body,
)
from gonogo.run.events import TaskFinished, recorded
from gonogo.terms import Json

PRODUCTION_DEPLOYMENT = "production-deployment"
RENEWAL = timedelta(hours=24)
"""So long after a request its answer is late, and the item is marked (INT-06)."""


def prerequisites(bench: Bench) -> Looked:
    """All artifacts and system states at once, before anything runs; what is missing is listed whole (PRE-01).

    The status of every prerequisite is on file whether it holds or not, and its owners are asked (PRE-26).
    """
    body = _looked_at(bench, ())
    gaps = [gap for gap in gap_rows(body) if gap.state != "open" or not _proven_later(body, gap)]
    lacking = [_sentence(gap) for gap in gaps]
    commands = bench.plan.project.commands.values()
    unrunnable = [command.name for command in commands if not _runs_something(bench, command.run)]
    lacking += [f"command `{name}` names no file that is there" for name in unrunnable]
    lacking += foreign_artifacts(bench)
    report = bench.json(
        "prerequisites-validation.json",
        {
            "status": "missing" if lacking else "success",
            "strict": True,
            "artifacts": body["artifacts"],
            "system_states": body["system_states"],
            "renewal_requests": body["renewal_requests"],
            "scripts": _scripts(bench),
            "permissions": _permissions(bench),
            "authorises_production": False,
        },
    )
    detail = _missing(bench, lacking) if lacking else ""
    return Looked(
        ok=not lacking, files=(report,), facts=_requested(bench, body), detail=detail, warnings=_optional(body)
    )


def _permissions(bench: Bench) -> list[Tree]:
    """The rights that the automation of this protocol needs, each with whether it is there (CFG-09, F38)."""
    root, number = bench.world.files.root(), bench.plan.number or bench.plan.name
    return [
        {"path": need.pattern, "need": need.right, "ok": not tuple(withheld(root, need))}
        for need in needs(number, bench.plan.project.directories.protocols)
    ]


def _looked_at(bench: Bench, approvals: tuple[ApprovalSeen, ...]) -> Body:
    """The body of the intake report: everything as it is now, and every request that was ever made in this run."""
    artifacts, states = upstream_artifacts(bench), system_states(bench)
    first = intake_body(IntakeSeen(artifacts, approvals, states), bench.now)
    requests = tuple(_requests(bench, gap_rows(first)))
    late = {request.item for request in requests if request.answered_at is None and request.due < bench.now}
    marked = tuple(replace(artifact, late=artifact.name in late) for artifact in artifacts)
    given = tuple(replace(approval, late=approval.kind in late) for approval in approvals)
    return intake_body(IntakeSeen(marked, given, states, requests), bench.now)


def _requests(bench: Bench, gaps: tuple[GapRow, ...]) -> Iterator[RenewalRequest]:
    """One request for each gap that somebody upstream can close, made once; an answer is what closed it (INT-05)."""
    made = dict(_made(bench))
    open_items = {gap.item: gap.owner or gap.source for gap in gaps if gap.kind != "state"}
    for item, owner in open_items.items():
        owner_asked, at = made.get(item, (owner, bench.now))
        yield RenewalRequest(item, owner_asked or "nobody is named", at, at + RENEWAL)
    for item, (owner, at) in made.items():
        if item not in open_items:
            yield RenewalRequest(item, owner, at, at + RENEWAL, bench.now)


def _made(bench: Bench) -> Iterator[tuple[str, tuple[str, datetime]]]:
    """The first request for each item in this run, from its ledger."""
    known: set[str] = set()
    for entry in bench.world.journal.entries(bench.run) if bench.state.opened else ():
        event = recorded(entry).event
        rows = event.facts.get("requests") if isinstance(event, TaskFinished) else None
        for row in rows if isinstance(rows, list | tuple) else ():
            if isinstance(row, Mapping) and str(row.get("item")) not in known:
                known.add(str(row.get("item")))
                yield str(row.get("item")), (str(row.get("owner")), entry.ts)


def _requested(bench: Bench, body: Mapping[str, Tree]) -> dict[str, Json]:
    """The requests that are new now, for the ledger and for the message to each owner."""
    made, rows = dict(_made(bench)), body.get("renewal_requests")
    fresh: list[Json] = [
        {name: str(row.get(name)) for name in ("item", "owner", "due")}
        for row in (rows if isinstance(rows, list | tuple) else ())
        if isinstance(row, Mapping) and row.get("item") not in made
    ]
    return {"requests": fresh} if fresh else {}


def _optional(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Optional inputs that are not there: reported, never hidden, and no reason to stop (C46, C47)."""
    return tuple(_sentence(gap) for gap in gap_rows(body) if gap.kind == "artifact" and not gap.required)


def _scripts(bench: Bench) -> list[Tree]:
    """Every script that a command runs, with its digest and the commit that last changed it (PRE-06, DOC-21)."""
    return [
        {"path": path, "sha256": digest, "revision": bench.world.history.last_change(path) or None}
        for path, digest in bench.plan.scripts.items()
    ]


def _proven_later(body: Mapping[str, Tree], gap: GapRow) -> bool:
    rows = body.get("system_states")
    found = rows if isinstance(rows, list | tuple) else ()
    return any(isinstance(row, Mapping) and row.get("name") == gap.item and row.get("judged_by") for row in found)


def _missing(bench: Bench, lacking: list[str]) -> str:
    lines = ["prerequisites are missing:", *(f"  - {line}" for line in lacking)]
    if bench.plan.name == PRODUCTION_DEPLOYMENT and handover(bench) is None:
        lines.append(f"  next: gonogo run pre-deployment --release {bench.plan.release.version}")
    else:
        lines.append(f"  next: provide what is listed, then lift the halt: gonogo resume {bench.run}")
    return "\n".join(lines)


def _sentence(gap: GapRow) -> str:
    """What is missing, why, and who can supply it (INT-04)."""
    why = gap.detail or gap.cause.replace("_", " ")
    supplier = f"; {gap.owner or gap.source} can supply it" if gap.owner or gap.source else ""
    optional = "" if gap.required else " (optional, but what is there has to hold)"
    return f"{gap.item}: {gap.state}{f', {why}' if why else ''}{supplier}{optional}"


def _runs_something(bench: Bench, argv: tuple[str, ...]) -> bool:
    """Whether every file and folder that a command names is there; addresses and options are none."""
    paths = [part for part in argv if "/" in part and not {"{", ":"} & set(part) and not part.startswith(("-", "/"))]
    files = bench.world.files
    return all(files.see(part).digest or (files.root() / part).is_dir() for part in paths)


def intake(bench: Bench) -> Looked:
    """Artifacts again, approvals as they were signed in this run, states (INT-01..INT-09)."""
    body = _looked_at(bench, _approvals(bench))
    status = body["intake_validation"]
    ok = isinstance(status, Mapping) and status.get("status") == "pass"
    gaps = [gap for gap in gap_rows(body) if gap.required and gap.state != "open"]
    lacking = "\n".join(("intake is not complete:", *(f"  - {_sentence(gap)}" for gap in gaps)))
    return Looked(
        ok=ok,
        files=(bench.json("intake-validation-report.json", body),),
        facts=_requested(bench, body),
        detail="" if ok else lacking,
        warnings=_optional(body),
    )


def _approvals(bench: Bench) -> tuple[ApprovalSeen, ...]:
    found = []
    for item in bench.state.rounds.values():
        if item.kind != "approval" or item.status not in {"open", "used"}:
            continue
        for answer in item.answers:
            granted = answer.decision == "go"
            expires = read_time(item.expires_at.replace(".000Z", "Z"))
            found.append(
                ApprovalSeen(
                    item.point, answer.role, answer.person, answer.at, expires, signature_verified=True, granted=granted
                )
            )
    return tuple(found)
