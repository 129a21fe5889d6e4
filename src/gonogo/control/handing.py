"""Handing a protocol over: computed checklist, brief, two people's signatures, receipt (HND-01 to HND-11, F32, F45).

The owner signs that the package is ready, somebody else of the next protocol that it arrived and verifies. Both sign
the digest of the sealed package; their statements and signatures are stored and noted in the site's log.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Final

from gonogo.control.door import Door
from gonogo.control.learning.feedback import entries_of
from gonogo.control.learning.notes import IMPROVEMENT, KNOWLEDGE, LESSON, noted
from gonogo.control.numbering import installed, numbers_of
from gonogo.control.opening import Opened
from gonogo.control.scripted.workplace import FINISHED
from gonogo.control.viewing import view
from gonogo.control.workflow_files import has_metrics
from gonogo.engine.people import people_now
from gonogo.engine.writing import view_paths
from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.ledger import Entry, time_text
from gonogo.evidence.signers import Kind, namespace
from gonogo.evidence.sshsig import verify
from gonogo.ports import Draft
from gonogo.reports.handoff import Handing, Item, Learned, checklist, ready_text
from gonogo.run.events import PackageSealed, recorded
from gonogo.run.site import HANDOFF_SIGNED
from gonogo.terms import Actor, Digest, Json, digest_of
from gonogo.values import dataclass

OWNER, RECEIVER = "owner", "receiver"
CARRIED: Final[Mapping[str, str]] = {"pre-deployment": "handoff", "production-deployment": "deployment"}
NAMED: Final[Mapping[str, tuple[str, ...]]] = {
    "pre-deployment": ("PRE-DEPLOYMENT-PACKAGE.zip", "readiness-approval.json"),
    "production-deployment": ("DEPLOYMENT-REPORT.md", "post-deployment-validation.json"),
}
"""Evidence that the handoff names (HND-06)."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """How far the handoff of a run is."""

    opened: Opened
    items: tuple[Item, ...]
    statement: str
    next_command: str
    signed: Mapping[str, Mapping[str, Tree]]

    @property
    def complete(self) -> bool:
        """Whether every item holds and the statement of readiness can be made."""
        return bool(self.statement)


def handoff_of(door: Door, opened: Opened) -> Handoff:
    """Compute the handoff of a run; nothing is written."""
    signed = _signatures(door, opened)
    events = tuple(recorded(entry) for entry in opened.entries)
    given = Handing(
        opened.plan,
        opened.state,
        events,
        view(door.world, opened).edited,
        _aggregated(door, opened),
        signed.get(RECEIVER, {}).get("ready") is True,
        _learned(door, opened),
    )
    following = opened.plan.next_protocol
    numbers = (opened.plan.number, _number(door, following))
    items = (*checklist(given), *_named_evidence(door, opened))
    statement = ready_text(given, numbers) if all(item.held for item in items) else ""
    folder = door.workspace.project.directories.protocols
    return Handoff(opened, items, statement, f"@apply {folder}/{numbers[1]}-{following}.md", signed)


def _learned(door: Door, opened: Opened) -> Learned:
    return Learned(
        len(entries_of(door, opened)),
        len(noted(door, LESSON, opened.run)),
        len(noted(door, IMPROVEMENT, opened.run)),
        len(noted(door, KNOWLEDGE, opened.run)),
        has_metrics(door.world, opened),
    )


def _number(door: Door, protocol: str) -> str:
    if protocol not in installed(door.workspace):
        return protocol
    return max(numbers_of(door.workspace, protocol), key=lambda number: (len(number), number))


def _aggregated(door: Door, opened: Opened) -> bool:
    """Whether the newest aggregation of this run wrote a manifest; without one the handoff stays closed (C23)."""
    found = False
    for entry in door.world.journal.site():
        script = str(entry.data.get("script", ""))
        if entry.type == FINISHED and entry.data.get("run") == opened.run and script.startswith("aggregate_evidence"):
            found = entry.data.get("exit") == 0 and bool(entry.data.get("files"))
    return found


def _named_evidence(door: Door, opened: Opened) -> tuple[Item, ...]:
    found = []
    for name in NAMED.get(opened.plan.name, ()):
        digests = {item.name: item.digest for item in opened.state.evidence.values()}
        digests |= {item.name: item.sha256 for item in opened.state.packages.values()}
        shown = view_paths(opened.plan.name, name)[-1]
        held = name in digests and not door.world.views.differences({shown: digests[name]})
        found.append(Item(f"{name} verifies", held, "" if held else "it is missing or not the sealed one"))
    return tuple(found)


def bundle_of(opened: Opened) -> PackageSealed:
    """The sealed package that is handed over; Refused where the run has not sealed it yet."""
    sealed = opened.state.packages.get(CARRIED.get(opened.plan.name, "deployment"))
    if sealed is None:
        raise Refused(f"{opened.run} has sealed no package to hand over yet", next_step=f"gonogo resume {opened.run}")
    return sealed


def brief(door: Door, opened: Opened, part: str, *, open_items: tuple[str, ...] = ()) -> bytes:
    """What a person signs: the digest of the package, for which next protocol, what is open, in which part (F45)."""
    sealed = bundle_of(opened)
    body: dict[str, Tree] = {
        "schema": "gonogo/handoff-receipt/1",
        "part": part,
        "run_id": opened.run,
        "bundle": sealed.name,
        "bundle_sha256": sealed.sha256,
        "checksum_verified": True,
        "next_protocol": opened.plan.next_protocol,
        "summary": f"{opened.plan.title} ended {opened.state.outcome or 'open'} for {opened.plan.release.version}",
        "open_items": [*open_items],
        "ready": not open_items,
        "questions": [{"text": text, "state": "open"} for text in open_items],
        "signed_at": time_text(door.world.clock.now()),
    }
    return write_json(body)


def received_run(door: Door, data: bytes) -> Opened:
    """The run whose sealed package these bytes are; Refused where no run here sealed them, or they do not open."""
    digest = digest_of(data)
    for run in reversed(door.runs()):
        opened = door.load(run)
        if any(sealed.sha256 == digest for sealed in opened.state.packages.values()):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                broken = archive.testzip()
            if broken is None and bundle_of(opened).sha256 == digest:
                return opened
    raise Refused(
        f"no run here handed over a package with the digest {digest[:16]}…",
        next_step="compare it with the one in the sender's folder; `gonogo verify PACKAGE` looks inside",
    )


def record_signature(door: Door, opened: Opened, statement: bytes, signature: bytes, actor: Actor) -> str:
    """File a signature of owner or receiver; gives the person. Refused for a key that is not listed, or the other's."""
    said = read_object(statement, name="handoff")
    part = str(said.get("part"))
    ring = people_now(door.world, opened.plan)
    key = verify(signature, statement, namespace(Kind.SIGNOFF, opened.plan.environment))
    person = ring.owner_of(key)
    if person is None or ring.revocation(key) is not None:
        raise Refused(f"{key.fingerprint} is the key of nobody who is listed", next_step="gonogo keys list")
    other = _signatures(door, opened).get(RECEIVER if part == OWNER else OWNER, {})
    if other.get("person") == person.handle:
        raise Refused(
            f"{person.handle} has signed for the other side already",
            next_step="owner and receiver are two people: let the other one sign",
        )
    if part == OWNER and opened.state.outcome not in {"ready", "released"}:
        raise Refused(f"{opened.run} has not ended well", next_step=f"gonogo status {opened.run}")
    data: dict[str, Json] = {
        "run": opened.run,
        "part": part,
        "person": person.handle,
        "ready": said.get("ready") is True,
        "bundle_sha256": bundle_of(opened).sha256,
        "statement_sha256": door.world.vault.put(statement),
        "signature_sha256": door.world.vault.put(signature),
    }
    door.world.journal.note([Draft(HANDOFF_SIGNED, data)], actor=actor, now=door.world.clock.now())
    _write_signoff(door, opened)
    return person.handle


def _signatures(door: Door, opened: Opened) -> dict[str, Mapping[str, Tree]]:
    """The newest signature of each part for the present package, by part."""
    sealed = opened.state.packages.get(CARRIED.get(opened.plan.name, "deployment"))
    entries: tuple[Entry, ...] = door.world.journal.site()
    return {
        str(entry.data["part"]): {**entry.data, "at": time_text(entry.ts)}
        for entry in entries
        if entry.type == HANDOFF_SIGNED
        and entry.data.get("run") == opened.run
        and sealed is not None
        and entry.data.get("bundle_sha256") == sealed.sha256
    }


def _write_signoff(door: Door, opened: Opened) -> None:
    """`reviewer-signoff.json` and `handoff-receipt.json`, from what was signed (F32, F45)."""
    signed = _signatures(door, opened)
    reviews = [
        {
            "reviewer": answer.person,
            "role": answer.role,
            "decision": "approved" if answer.decision == "go" else "rejected",
            "subject_sha256": answer.statement,
            "at": time_text(answer.at),
            "key_id": answer.fingerprint,
        }
        for asked in opened.state.rounds.values()
        for answer in asked.answers
        if asked.point in {"readiness", "production"}
    ]
    body: dict[str, Tree] = {
        "schema": "gonogo/reviewer-signoff/1",
        "run_id": opened.run,
        "reviews": reviews,
        "confirmation": {"complete": set(signed) == {OWNER, RECEIVER}},
        **{
            name: {key: signed[part][key] for key in ("person", "at", "signature_sha256")}
            for part, name in ((OWNER, "owner_signoff"), (RECEIVER, "downstream_signoff"))
            if part in signed
        },
    }
    _show(door, opened, "reviewer-signoff.json", write_json(body))
    if RECEIVER in signed:
        receipt = door.world.vault.read(_digest(signed[RECEIVER], "statement_sha256"))
        _show(door, opened, "handoff-receipt.json", receipt)


def _digest(fields: Mapping[str, Tree], name: str) -> Digest:
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadInput(f"the note of a signature has no {name}", next_step="gonogo verify looks at the log")
    return Digest(value)


def _show(door: Door, opened: Opened, name: str, data: bytes) -> None:
    digest = door.world.vault.put(data)
    door.world.views.write(dict.fromkeys(view_paths(opened.plan.name, name), digest))
