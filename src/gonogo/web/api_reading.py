"""What the API tells: runs, gates, requests, evidence, logs, figures. Nothing here changes anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from gonogo.control.compiled import compile_for
from gonogo.control.run_reports import PARITY, body_of, card_of, page_of
from gonogo.control.trust.key_keeping import listed
from gonogo.control.viewing import as_json, view
from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import Entry, actor_text, check_chain, time_text
from gonogo.reports.gate_cards import GateCard
from gonogo.reports.model_json import model_json
from gonogo.reports.planned import planned
from gonogo.reports.planned_text import planned_json
from gonogo.terms import Digest, Json
from gonogo.web.calls import MOST_ROWS, Answered, Asked, Call, Field, known_of, number
from gonogo.web.memory import Row
from gonogo.web.run_pages import ROLLBACK, asking_of, lives_of

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
LIMIT: Final = Field("limit", f"how many at most, up to {MOST_ROWS}", number=True)
AFTER: Final = Field("after", "only entries with a greater number", number=True)


def _runs(asked: Asked) -> Answered:
    state, most = asked.given.get("state", ""), number(asked.given, "limit", 100, MOST_ROWS)
    rows = asked.site.memory.open_rows() if state == "open" else asked.site.memory.rows()
    rows = tuple(row for row in rows if asked.caller.reaches(row.protocol, row.environment))
    if state == "finished":
        rows = tuple(row for row in rows if row.is_over)
    begin = number(asked.given, "offset", 0, 10**9)
    return {"total": len(rows), "runs": [_row(row) for row in rows[begin : begin + most]]}


def _row(row: Row) -> dict[str, Json]:
    return {
        "run": row.run,
        "protocol": row.protocol,
        "release": row.release,
        "environment": row.environment,
        "requested_by": row.requested_by,
        "status": row.status,
        "outcome": row.outcome or None,
        "opened_at": time_text(row.opened_at),
        "closed_at": time_text(row.closed_at) if row.closed_at else None,
        "waits": list(row.waits),
    }


def _run(asked: Asked) -> Answered:
    known = known_of(asked)
    driven = asked.site.drivers.is_driven(known.opened.run)
    return {**as_json(view(asked.site.door.world, known.opened, driven=driven)), "seq": known.seq}


def _gates(asked: Asked) -> Answered:
    opened = known_of(asked).opened
    return {"gates": [_card(card_of(asked.site.door, opened, name)) for name in opened.plan.gates]}


def _gate(asked: Asked) -> Answered:
    opened = known_of(asked).opened
    if asked.path["gate"] not in opened.plan.gates:
        raise BadInput("there is no gate of this name in the run", next_step="GET .../gates lists them")
    return _card(card_of(asked.site.door, opened, asked.path["gate"]))


def _card(card: GateCard) -> Json:
    return model_json(card)


def _live(asked: Asked) -> Answered:
    found = []
    for live in lives_of(asked.site, known_of(asked)):
        body = model_json(live)
        assert isinstance(body, dict)
        for name in ("began", "ends_at"):
            moment = getattr(live, name)
            body[name] = time_text(moment) if moment else None
        found.append({name: value for name, value in body.items() if name not in {"charts", "samples", "is"}})
    return {"rollouts": [*found]}


def _evidence(asked: Asked) -> Answered:
    state = known_of(asked).opened.state
    rows: list[Json] = [
        {"name": item.name, "sha256": item.digest, "size": item.size, "status": item.status, "stage": item.stage}
        for item in state.evidence.values()
    ]
    packages: list[Json] = [
        {"name": item.name, "sha256": item.sha256, "size": item.size} for item in state.packages.values()
    ]
    return {"evidence": rows, "packages": packages}


def _bytes(asked: Asked) -> Answered:
    text, opened = asked.path["sha256"], known_of(asked).opened
    if not _DIGEST.fullmatch(text):
        asked.site.trail.refused("evidence_path", "", by=str(asked.caller.actor))
        raise Refused("evidence is named by its SHA-256", next_step="GET .../evidence lists it")
    named = {str(value) for entry in opened.entries for value in entry.data.values()}
    if text not in named:
        raise BadInput("there is no such evidence in this run", next_step="GET .../evidence lists it")
    data = asked.site.door.world.vault.read(Digest(text))
    return Response(data, media_type="application/octet-stream", headers={"content-disposition": "attachment"})


def _report(asked: Asked) -> Answered:
    opened = known_of(asked).opened
    headers = {
        "content-disposition": f'attachment; filename="{opened.run}.html"',
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    }
    return Response(page_of(asked.site.door, opened), media_type="text/html; charset=utf-8", headers=headers)


def _trail(asked: Asked) -> Answered:
    entries = known_of(asked).opened.entries
    return _entries(entries, asked, check_chain(entry.line for entry in entries))


def _audit(asked: Asked) -> Answered:
    if asked.caller.token is not None:
        raise Refused("the log of the site is for people", next_step="sign in")
    kind = asked.given.get("type", "")
    entries = tuple(entry for entry in asked.site.memory.site() if not kind or entry.type == kind)
    return _entries(entries, asked, ())


def _entries(entries: tuple[Entry, ...], asked: Asked, problems: tuple[str, ...]) -> Json:
    after = int(asked.given["after"]) if asked.given.get("after") else -1
    found = [entry for entry in entries if entry.seq > after][: number(asked.given, "limit", 200, MOST_ROWS)]
    rows: list[Json] = [
        {
            "seq": entry.seq,
            "at": time_text(entry.ts),
            "type": entry.type,
            "actor": actor_text(entry.actor),
            "data": plain(entry.data),
            "sha256": entry.digest,
        }
        for entry in found
    ]
    return {"entries": rows, "problems": list(problems)}


def plain(value: Tree) -> Json:
    """A value of a ledger line as JSON."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _requests(asked: Asked) -> Answered:
    opened = known_of(asked).opened
    rows: list[Json] = []
    for item in opened.state.rounds.values():
        if item.status == "open":
            found = asking_of(asked.site.door.world, opened, item)
            rows.append(
                {
                    "round": item.name,
                    "point": item.point,
                    "kind": item.kind,
                    "request_sha256": item.request,
                    "shown_sha256": item.shown,
                    "expires_at": item.expires_at,
                    "missing": list(found.missing),
                    "able": list(found.able),
                    "signed": [
                        {"person": person, "role": role, "decision": decision}
                        for person, role, decision in found.signed
                    ],
                }
            )
    return {"requests": rows}


def _stored(asked: Asked, name: str) -> Answered:
    body, digest = body_of(asked.site.door, known_of(asked).opened, name)
    if body is None:
        raise BadInput("there is no such report in this run", next_step="GET .../evidence lists what there is")
    return {"sha256": digest, "report": plain(body)}


def _proofs(asked: Asked) -> Answered:
    return {"proofs": model_json(asked.site.memory.proofs())}


def _plan(asked: Asked) -> Answered:
    compiled = compile_for(asked.site.door.workspace, asked.given["protocol"], asked.given["release"])
    if compiled.plan is None:
        first = next(iter(compiled.findings), None)
        what = first.message if first else "it cannot be compiled"
        raise BadInput(f"there is no plan: {what}", next_step="gonogo check says why")
    return planned_json(planned(compiled.plan))


def _keys(asked: Asked) -> Answered:
    if asked.caller.token is not None:
        raise Refused("keys of people are shown to people", next_step="sign in")
    return {"keys": model_json(listed(asked.site.door))}


READING: Final = (
    Call(
        "GET",
        "/runs",
        "All runs, newest first.",
        _runs,
        (Field("state", "open or finished"), LIMIT, Field("offset", "how many to leave out", number=True)),
    ),
    Call("GET", "/runs/{run}", "Where a run stands.", _run),
    Call("GET", "/runs/{run}/gates", "Every gate with clause, value, limit, evidence, and who can fix it.", _gates),
    Call("GET", "/runs/{run}/gates/{gate}", "One gate.", _gate),
    Call("GET", "/runs/{run}/live", "Rollout and health window: traffic, counts, what the judge says.", _live),
    Call("GET", "/runs/{run}/parity", "Staging against production.", lambda asked: _stored(asked, PARITY)),
    Call("GET", "/runs/{run}/rollback", "The rehearsed rollback.", lambda asked: _stored(asked, ROLLBACK)),
    Call("GET", "/runs/{run}/requests", "What people are asked now.", _requests),
    Call("GET", "/runs/{run}/evidence", "Evidence on file and sealed packages.", _evidence),
    Call("GET", "/runs/{run}/evidence/{sha256}", "The bytes of one file.", _bytes),
    Call("GET", "/runs/{run}/report.html", "The report as one page with pictures, for people.", _report),
    Call("GET", "/runs/{run}/trail", "The log of a run.", _trail, (AFTER, LIMIT)),
    Call("GET", "/audit", "The log of the site.", _audit, (AFTER, LIMIT, Field("type", "only entries of this type"))),
    Call("GET", "/rollbacks", "Rollback proofs and until when they count.", _proofs),
    Call(
        "GET",
        "/plan",
        "Every act that a protocol would do for a release.",
        _plan,
        (
            Field("protocol", "its name", needed=True, longest=100),
            Field("release", "the version", needed=True, longest=100),
        ),
    ),
    Call("GET", "/keys", "Keys of the approvers file.", _keys),
)
"""Every call that reads."""
