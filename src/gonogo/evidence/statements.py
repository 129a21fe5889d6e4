"""Human statements: the request that the engine writes, the statement that a person signs, and how both are read.

A statement is an in-toto Statement v1 with a closed predicate. The request is the statement without the signer's part;
what it says a signer cannot change (REV-03, APR-02, FRZ-04, WVR-01). Reading gives values; nothing is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.closed import Fields, closed, moment_text, names
from gonogo.evidence.envelope import PREDICATE, STATEMENT, Subject, subjects_json
from gonogo.evidence.handles import HANDLE
from gonogo.evidence.sayings import ANSWERED, ASKED, Saying, check_asked, decision_of, read_saying
from gonogo.evidence.signers import ENVIRONMENT, ROLE, Kind, namespace
from gonogo.terms import Decision, Digest, digest_of
from gonogo.values import dataclass

CLIENTS: Final = re.compile(r"cli|browser|ssh-keygen")
MOST_STATEMENT: Final = 1 << 20
ENTROPY_BYTES: Final = 10

_CHALLENGE: Final = re.compile(r"[0-9a-f]{32}")
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_ROUND: Final = re.compile(r"[a-z0-9][A-Za-z0-9._-]{0,100}")
_ROOT: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
_UUID7: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

_COMMON: Final = names(
    "challenge scope decision_point protocol policy params_sha256 checkpoint requested_by change_authors meaning "
    "shown_sha256 requested_at not_before expires_at"
)
_COMMON_OPTIONAL: Final = names("requester_owner")
_SIGNED: Final = names("statement_id request_sha256 signer comment client signed_at")


@dataclass(frozen=True, slots=True)
class ReleaseRef:
    """A release by id, version and the digest of its manifest."""

    id: str
    version: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Scope:
    """What exactly is decided: release, environment, run, state (stage), attempt, round."""

    site: str
    release: ReleaseRef
    environment: str
    run_id: str
    state: str
    attempt: int
    round: str


@dataclass(frozen=True, slots=True)
class ProtocolRef:
    """The document and its lock."""

    slug: str
    source_sha256: Digest
    lock_sha256: Digest


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """The approvers file that holds for the run."""

    version: int
    sha256: Digest


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """The log as it was at the request: `root` in base64, `head` the digest of line number `size`."""

    origin: str
    size: int
    root: str
    head: Digest


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """Everything that the engine knows when it asks. `asked` holds the asked fields of the kind (`sayings.ASKED`)."""

    kind: Kind
    subjects: tuple[Subject, ...]
    scope: Scope
    decision_point: str
    challenge: str
    protocol: ProtocolRef
    policy: PolicyRef
    params_sha256: Digest
    checkpoint: CheckpointRef
    requested_by: str
    meaning: str
    shown_sha256: Digest
    requested_at: datetime
    expires_at: datetime
    not_before: datetime | None = None
    requester_owner: str | None = None
    change_authors: tuple[str, ...] = ()
    asked: Mapping[str, Tree] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signer:
    """The person who signs, in one role, with one key."""

    person: str
    name: str
    role: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the signer adds. `says` holds the answered fields of the kind (`sayings.ANSWERED`)."""

    statement_id: str
    signed_at: datetime
    client: str
    says: Mapping[str, Tree]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was read. `data` are its bytes, `tree` what they hold."""

    kind: Kind
    subjects: tuple[Subject, ...]
    scope: Scope
    decision_point: str
    challenge: str
    protocol: ProtocolRef
    policy: PolicyRef
    params_sha256: Digest
    checkpoint: CheckpointRef
    requested_by: str
    requester_owner: str | None
    change_authors: tuple[str, ...]
    meaning: str
    shown_sha256: Digest
    requested_at: datetime
    not_before: datetime
    expires_at: datetime
    data: bytes
    tree: Mapping[str, Tree]

    @property
    def namespace(self) -> str:
        """The SSHSIG namespace that an answer has to be signed for."""
        return namespace(self.kind, self.scope.environment)

    @property
    def digest(self) -> Digest:
        """SHA-256 of the bytes."""
        return digest_of(self.data)

    def subject(self, name: str) -> Digest | None:
        """The digest of the subject called `name`."""
        return next((subject.digest for subject in self.subjects if subject.name == name), None)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that was read: the request inside it, who signed, and what they say. Not yet verified."""

    request: Request
    statement_id: str
    request_sha256: Digest
    signer: Signer
    comment: str
    client: str
    signed_at: datetime
    saying: Saying

    @property
    def digest(self) -> Digest:
        """SHA-256 of the statement's bytes."""
        return self.request.digest

    @property
    def decision(self) -> Decision | None:
        """What it decides, if anything."""
        return decision_of(self.saying)


def statement_id(moment: datetime, entropy: bytes) -> str:
    """A UUID of version 7 (RFC 9562) from a time and ten random bytes."""
    if len(entropy) != ENTROPY_BYTES:
        raise BadInput(f"a statement id needs {ENTROPY_BYTES} random bytes", next_step="draw them from the system")
    milliseconds = int(moment.astimezone(UTC).timestamp() * 1000)
    value = (milliseconds & ((1 << 48) - 1)) << 80 | int.from_bytes(entropy, "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def request_bytes(facts: RequestFacts) -> bytes:
    """The bytes of `request.json`. Raises BadInput where the facts do not make a sound request."""
    scope = facts.scope
    predicate: dict[str, Tree] = {
        "challenge": facts.challenge,
        "scope": {
            "site": scope.site,
            "release": {"id": scope.release.id, "version": scope.release.version, "digest": scope.release.digest},
            "environment": scope.environment,
            "run_id": scope.run_id,
            "state": scope.state,
            "attempt": scope.attempt,
            "round": scope.round,
        },
        "decision_point": facts.decision_point,
        "protocol": {
            "slug": facts.protocol.slug,
            "source_sha256": facts.protocol.source_sha256,
            "lock_sha256": facts.protocol.lock_sha256,
        },
        "policy": {"version": facts.policy.version, "sha256": facts.policy.sha256},
        "params_sha256": facts.params_sha256,
        "checkpoint": {
            "origin": facts.checkpoint.origin,
            "size": facts.checkpoint.size,
            "root": facts.checkpoint.root,
            "head": facts.checkpoint.head,
        },
        "requested_by": facts.requested_by,
        "change_authors": list(facts.change_authors),
        "meaning": facts.meaning,
        "shown_sha256": facts.shown_sha256,
        "requested_at": moment_text(facts.requested_at),
        "not_before": moment_text(facts.not_before or facts.requested_at),
        "expires_at": moment_text(facts.expires_at),
        **facts.asked,
    }
    if facts.requester_owner is not None:
        predicate["requester_owner"] = facts.requester_owner
    data = write_json(
        {
            "_type": STATEMENT,
            "subject": subjects_json(facts.subjects),
            "predicateType": f"{PREDICATE}{facts.kind.value}:v1",
            "predicate": predicate,
        }
    )
    read_request(data)
    return data


def statement_bytes(request: bytes, signer: Signer, answer: Answer) -> bytes:
    """The bytes that `signer` signs: the request, who signs, and the answer. Raises BadInput where they do not fit."""
    asked = read_request(request)
    predicate = asked.tree["predicate"]
    if not isinstance(predicate, Mapping):
        raise BadInput("is not a request", where="request.json", next_step="fetch the request again")
    said: dict[str, Tree] = {
        **answer.says,
        "statement_id": answer.statement_id,
        "request_sha256": asked.digest,
        "signer": {
            "person": signer.person,
            "name": signer.name,
            "role": signer.role,
            "fingerprint": signer.fingerprint,
        },
        "comment": answer.comment,
        "client": answer.client,
        "signed_at": moment_text(answer.signed_at),
    }
    twice = sorted(said.keys() & predicate.keys())
    if twice:
        raise BadInput(f"{twice[0]!r} is asked and cannot be answered", next_step="leave the field out of the answer")
    data = write_json({**asked.tree, "predicate": {**predicate, **said}})
    read_statement(data)
    return data


def read_request(data: bytes, *, name: str = "request.json") -> Request:
    """The request in `data`. Raises BadInput for anything but a sound one."""
    return _read(data, name, signed=False)[0]


def read_statement(data: bytes, *, name: str = "statement.json") -> Statement:
    """The statement in `data`, unverified. Raises BadInput for anything but a sound one."""
    request, predicate = _read(data, name, signed=True)
    signer = predicate.part("signer", names("person name role fingerprint"))
    return Statement(
        request=request,
        statement_id=predicate.text("statement_id", _UUID7),
        request_sha256=predicate.digest("request_sha256"),
        signer=Signer(
            signer.text("person", HANDLE),
            signer.text("name"),
            signer.text("role", ROLE),
            signer.text("fingerprint", _FINGERPRINT),
        ),
        comment=predicate.text("comment"),
        client=predicate.text("client", CLIENTS),
        signed_at=predicate.moment("signed_at"),
        saying=read_saying(request.kind, predicate),
    )


def _read(data: bytes, name: str, *, signed: bool) -> tuple[Request, Fields]:
    tree = read_object(data, name=name, limit=MOST_STATEMENT)
    outer = closed(tree, name, names("_type subject predicateType predicate"))
    if outer.text("_type") != STATEMENT:
        outer.refuse("_type", f"is not {STATEMENT}")
    kind = _kind(outer)
    needed, allowed = _COMMON | ASKED[kind][0], _COMMON_OPTIONAL | ASKED[kind][1]
    if signed:
        needed, allowed = needed | _SIGNED | ANSWERED[kind][0], allowed | ANSWERED[kind][1]
    predicate = outer.part("predicate", needed, allowed)
    check_asked(kind, predicate)
    return _request(kind, _subjects(outer), predicate, data, tree), predicate


def _kind(outer: Fields) -> Kind:
    said = outer.text("predicateType")
    found = next((kind for kind in Kind if said == f"{PREDICATE}{kind.value}:v1"), None)
    if found is None:
        outer.refuse("predicateType", "is not a kind of statement that gonogo knows")
    return found


def _subjects(outer: Fields) -> tuple[Subject, ...]:
    found = tuple(
        Subject(item.text("name"), item.part("digest", names("sha256")).digest("sha256"))
        for item in outer.parts("subject", names("name digest"))
    )
    if not found or len({subject.name for subject in found}) != len(found):
        outer.refuse("subject", "names no file, or one twice")
    return found


def _request(
    kind: Kind, subjects: tuple[Subject, ...], fields: Fields, data: bytes, tree: Mapping[str, Tree]
) -> Request:
    protocol = fields.part("protocol", names("slug source_sha256 lock_sha256"))
    policy = fields.part("policy", names("version sha256"))
    checkpoint = fields.part("checkpoint", names("origin size root head"))
    return Request(
        kind=kind,
        subjects=subjects,
        scope=_scope(fields.part("scope", names("site release environment run_id state attempt round"))),
        decision_point=fields.text("decision_point"),
        challenge=fields.text("challenge", _CHALLENGE),
        protocol=ProtocolRef(protocol.text("slug"), protocol.digest("source_sha256"), protocol.digest("lock_sha256")),
        policy=PolicyRef(policy.integer("version"), policy.digest("sha256")),
        params_sha256=fields.digest("params_sha256"),
        checkpoint=CheckpointRef(
            checkpoint.text("origin"),
            checkpoint.integer("size"),
            checkpoint.text("root", _ROOT),
            checkpoint.digest("head"),
        ),
        requested_by=fields.text("requested_by"),
        requester_owner=fields.optional_text("requester_owner"),
        change_authors=fields.texts("change_authors"),
        meaning=fields.text("meaning"),
        shown_sha256=fields.digest("shown_sha256"),
        requested_at=fields.moment("requested_at"),
        not_before=fields.moment("not_before"),
        expires_at=fields.moment("expires_at"),
        data=data,
        tree=tree,
    )


def _scope(fields: Fields) -> Scope:
    release = fields.part("release", names("id version digest"))
    return Scope(
        site=fields.text("site"),
        release=ReleaseRef(release.text("id"), release.text("version"), release.digest("digest")),
        environment=fields.text("environment", ENVIRONMENT),
        run_id=fields.text("run_id"),
        state=fields.text("state"),
        attempt=fields.integer("attempt"),
        round=fields.text("round", _ROUND),
    )
