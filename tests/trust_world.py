"""A run in memory, signed by real keys: it seals evidence, asks people, records what they sign, and is packed.

Nothing here is a mock. The story that `whole_run` tells gives a package which verifies; attacks change one thing in it.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ed25519

from gonogo.evidence.acceptance import FREEZE_RULE, Accepted, Asked, Declined, Occasion, accept
from gonogo.evidence.artifacts import ArtifactNote, Lineage
from gonogo.evidence.attesting import attested
from gonogo.evidence.canonical import Tree, write_json
from gonogo.evidence.envelope import Subject
from gonogo.evidence.filing import evidence_list
from gonogo.evidence.ledger import Entry, next_entry
from gonogo.evidence.manifest import EVIDENCE_SUMS
from gonogo.evidence.merkle import leaf_digest, root_of
from gonogo.evidence.note import Checkpoint, NoteKey, with_signature
from gonogo.evidence.package import Content, write_package
from gonogo.evidence.packing import (
    Member,
    PackageFacts,
    SealSignatures,
    Tool,
    checkpoint_of,
    envelope_signing_bytes,
    package_files,
    seal_payload,
    seal_signing_bytes,
    wanted,
    with_seal,
)
from gonogo.evidence.policy import policy_bytes
from gonogo.evidence.signers import (
    DecisionRule,
    EngineKey,
    Kind,
    ListedKey,
    ListedPerson,
    RequiredRole,
    Ring,
    When,
    allowed_signers,
    revoked_keys,
)
from gonogo.evidence.sshkeys import PublicKey, public_key
from gonogo.evidence.sshsig import sign
from gonogo.evidence.statements import (
    Answer,
    CheckpointRef,
    PolicyRef,
    ProtocolRef,
    ReleaseRef,
    RequestFacts,
    Scope,
    Signer,
    request_bytes,
    statement_bytes,
    statement_id,
)
from gonogo.evidence.verifying import TrustFiles
from gonogo.evidence.tlog_proof import write_proof
from gonogo.evidence.wire import string
from gonogo.terms import Actor, Digest, Engine, Person, digest_of
from tests.packages import sign_checkpoint

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SITE = "acme/eu1"
RUN = "production-deployment-v2-1f3a"
DOCUMENT = b"# Release\n\nWords of the protocol.\n"
LOCK = b'{\n "lock": 1\n}\n'
RELEASE = write_json(
    {
        "release": {"id": "rel-2", "version": "v2"},
        "services": [{"name": "web", "artifact": "web.tar", "digest": "b" * 64, "version": "v2"}],
        "changes": [{"id": "c1", "title": "a change", "security_impact": "no"}],
    }
)
APPROVERS = digest_of(b"the approvers file")
PARAMETERS = digest_of(b"parameters")
GO: dict[str, Tree] = {"decision": "go", "reason": "measured and read"}
NO_GO: dict[str, Tree] = {"decision": "no_go", "reason": "the error budget is spent"}


def private_key(name: str) -> ed25519.Ed25519PrivateKey:
    """The key of somebody in this world, always the same.

    The salt gives the engine a key whose base64 holds `+`, the sign that also parts the fields of a vkey.
    """
    return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"129 {name}".encode()).digest())


def ssh_key(key: ed25519.Ed25519PrivateKey) -> PublicKey:
    blob = string(b"ssh-ed25519") + string(key.public_key().public_bytes_raw())
    return public_key("ssh-ed25519 " + base64.b64encode(blob).decode())


def person(handle: str, *roles: str, name: str = "") -> ListedPerson:
    listed = ListedKey(ssh_key(private_key(handle)))
    return ListedPerson(handle, name or f"Name of {handle}", frozenset(roles), (listed,))


def people() -> Ring:
    """Five people, the rules of the production launch, and an engine."""
    return Ring(
        people=(
            person("rm1", "release_manager"),
            person("sre1", "sre_lead"),
            person("sre2", "sre_lead", "release_manager"),
            person("po1", "product_owner"),
            person("sec1", "security_lead"),
        ),
        decisions={
            "production": DecisionRule(
                all_of=(
                    RequiredRole("sre_lead"),
                    RequiredRole("security_lead", When("security_impact", frozenset({"yes", "not_stated"}))),
                ),
                any_of=("sponsor", "product_owner"),
                quorum=2,
            ),
            "readiness": DecisionRule(all_of=(RequiredRole("release_manager"),)),
            "waiver_intake": DecisionRule(all_of=(RequiredRole("release_manager"),), quorum=1),
        },
        freeze_stakeholders=("rm1", "po1"),
        admins=("rm1",),
        engines=(EngineKey("eu1", ssh_key(private_key("engine"))),),
        site=SITE,
        version=7,
        digest=APPROVERS,
    )


@dataclass
class Run:
    """A run that somebody drives. `entries` is its log, `blobs` its vault, `now` its clock."""

    ring: Ring = field(default_factory=people)
    entries: list[Entry] = field(default_factory=list)
    blobs: dict[Digest, Content] = field(default_factory=dict)
    now: datetime = START
    environment: str = "production"
    release: bytes = RELEASE
    requested_by: str = "agent:claude"
    owner: str | None = None
    authors: tuple[str, ...] = ("dev1",)
    round: str = ""

    @property
    def log(self) -> tuple[Entry, ...]:
        return tuple(self.entries)

    def put(self, data: bytes) -> Digest:
        self.blobs[digest_of(data)] = data
        return digest_of(data)

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def append(self, kind: str, data: Mapping[str, object], actor: Actor | None = None) -> Entry:
        self.now += timedelta(milliseconds=10)
        previous = self.entries[-1] if self.entries else None
        entry = next_entry(previous, ts=self.now, type=kind, actor=actor or Engine("eu1"), data=data)  # type: ignore[arg-type]  # tests write what they like
        self.entries.append(entry)
        return entry

    def open(self) -> Run:
        opened = {
            "protocol": "production-deployment",
            "release": "rel-2",
            "version": "v2",
            "release_digest": digest_of(self.release),
            "environment": self.environment,
            "requested_by": self.requested_by,
            "host": "h1",
        }
        self.append("run.opened", opened)
        self.append("trust.pinned", {"approvers_sha256": self.ring.digest})
        return self

    def seal(self, name: str, data: bytes, stage: str = "checks", status: str = "measured", attempt: int = 1) -> Entry:
        facts = {"name": name, "sha256": self.put(data), "size": len(data), "stage": stage, "attempt": attempt}
        return self.append("evidence.sealed", facts | {"status": status})

    def judge_by_hand(self, gate: str, *answers: str) -> Entry:
        """A gate that nothing but the answers of people decides."""
        judgement = write_json({"gate": gate, "verdict": "pass", "clauses": [], "evidence": [], "lacking": [], "manual": [*answers]})
        facts = {"gate": gate, "attempt": 1, "verdict": "pass", "judgement_sha256": self.put(judgement)}
        return self.append("gate.judged", facts)

    def judge(self, gate: str, *names: str, verdict: str = "pass", result: str = "pass") -> Entry:
        sealed = {str(entry.data["name"]): entry.data["sha256"] for entry in self.entries if "name" in entry.data}
        judgement = write_json(
            {
                "gate": gate,
                "verdict": verdict,
                "clauses": [{"text": "x = 1", "result": result}],
                "evidence": [{"name": name, "sha256": sealed[name]} for name in names],
                "lacking": [],
            }
        )
        facts = {"gate": gate, "attempt": 1, "verdict": verdict, "judgement_sha256": self.put(judgement)}
        return self.append("gate.judged", facts)

    def facts(self, point: str, kind: Kind, asked: Mapping[str, Tree] | None = None) -> RequestFacts:
        number = sum(entry.type == "approval.requested" for entry in self.entries) + 1
        self.round = f"{point}-{number}"
        sums = evidence_list(self.log)
        self.put(sums)
        checkpoint = checkpoint_of(SITE, RUN, self.log)
        root = base64.b64encode(checkpoint.root).decode()
        return RequestFacts(
            kind=kind,
            subjects=(
                Subject("release-manifest.json", digest_of(self.release)),
                Subject("web.tar", Digest("b" * 64)),
                Subject(EVIDENCE_SUMS, digest_of(sums)),
            ),
            scope=Scope(
                SITE,
                ReleaseRef("rel-2", "v2", digest_of(self.release)),
                self.environment,
                RUN,
                "approval",
                1,
                self.round,
            ),
            decision_point=point,
            challenge=hashlib.sha256(f"{self.round}{len(self.entries)}".encode()).hexdigest()[:32],
            protocol=ProtocolRef("production-deployment", digest_of(DOCUMENT), digest_of(LOCK)),
            policy=PolicyRef(self.ring.version, self.ring.digest),
            params_sha256=PARAMETERS,
            checkpoint=CheckpointRef(checkpoint.origin, checkpoint.size, root, self.entries[-1].digest),
            requested_by=self.requested_by,
            requester_owner=self.owner,
            change_authors=self.authors,
            meaning="I approve the deployment of v2 to production.",
            shown_sha256=self.put(f"shown for {self.round}".encode()),
            requested_at=self.now.replace(microsecond=0),
            expires_at=self.now.replace(microsecond=0) + timedelta(hours=72),
            asked=asked or {},
        )

    def ask(
        self, point: str = "production", kind: Kind = Kind.APPROVAL, asked: Mapping[str, Tree] | None = None
    ) -> Asked:
        return self.ask_with(self.facts(point, kind, asked))

    def ask_with(self, facts: RequestFacts) -> Asked:
        request = request_bytes(facts)
        sums = facts.subjects[-1].digest
        requested = {
            "round": facts.scope.round,
            "task": "approve",
            "attempt": 1,
            "point": facts.decision_point,
            "kind": facts.kind.value,
            "request_sha256": self.put(request),
            "shown_sha256": facts.shown_sha256,
            "evidence_sha256": sums,
            "challenge": facts.challenge,
            "expires_at": "2026-03-05T10:00:00.000Z",
        }
        self.append("approval.requested", requested)
        held = self.blobs[sums]
        assert isinstance(held, bytes)
        return Asked(request, held)

    def statement(self, asked: Asked, handle: str, role: str, says: Mapping[str, Tree] | None = None) -> bytes:
        key = ssh_key(private_key(handle))
        answer = Answer(
            statement_id(self.now, hashlib.sha256(f"{handle}{role}{self.now}".encode()).digest()[:10]),
            self.now.replace(microsecond=0),
            "cli",
            GO if says is None else says,
        )
        return statement_bytes(asked.request, Signer(handle, f"Name of {handle}", role, key.fingerprint), answer)

    def sign(self, statement: bytes, handle: str, kind: Kind = Kind.APPROVAL) -> bytes:
        return sign(private_key(handle), statement, f"gonogo/{kind.value}/v1/{self.environment}")

    def rule(self, asked_point: str, kind: Kind) -> DecisionRule:
        rule = FREEZE_RULE if kind is Kind.FREEZE_ACK else self.ring.rule(asked_point)
        assert rule is not None
        return rule

    def judged(
        self, asked: Asked, statement: bytes, signature: bytes, point: str = "production", kind: Kind = Kind.APPROVAL
    ) -> Accepted | Declined:
        return accept(statement, signature, asked, self.ring, self.rule(point, kind), Occasion(self.log, self.now))

    def record(self, accepted: Accepted, statement: bytes) -> Entry:
        touch = accepted.signed.touch
        recorded = {
            "kind": accepted.statement.request.kind.value,
            "round": accepted.statement.request.scope.round,
            "statement_sha256": self.put(statement),
            "signature_sha256": self.put(accepted.signature),
            "person": accepted.person,
            "role": accepted.role,
            "fingerprint": accepted.signed.key.fingerprint,
            "decision": accepted.decision,
            "level": accepted.level.name,
            "flags": touch.flags if touch else 0,
            "counter": touch.counter if touch else 0,
        }
        return self.append("approval.recorded", recorded, Person(accepted.person))

    def approve(
        self,
        asked: Asked,
        handle: str,
        role: str,
        says: Mapping[str, Tree] | None = None,
        point: str = "production",
        kind: Kind = Kind.APPROVAL,
    ) -> Entry:
        """Sign and record; the statement has to count."""
        statement = self.statement(asked, handle, role, says)
        found = self.judged(asked, statement, self.sign(statement, handle, kind), point, kind)
        assert isinstance(found, Accepted), found
        return self.record(found, statement)

    def use(self, task: str = "rollout") -> None:
        intent = {"task": task, "attempt": 1, "start": 1, "environment": self.environment, "fence": 1, "host": "h1"}
        self.append("approval.consumed", {"round": self.round, "task": task, "attempt": 1})
        self.append("task.intended", intent | {"argv_sha256": "c" * 64, "step": 0})

    def close(self, outcome: str = "released") -> None:
        self.append("run.closed", {"outcome": outcome})

    def package_facts(self, decision: str = "go", package: str = "deployment") -> PackageFacts:
        checkpoint = checkpoint_of(SITE, RUN, self.log)
        engine = private_key("engine")
        note_key = NoteKey(SITE, engine.public_key().public_bytes_raw())
        signers = allowed_signers(self.ring, ["production", "staging"])
        revoked = revoked_keys(self.ring)
        facts = PackageFacts(
            package=package,
            site=SITE,
            run_id=RUN,
            environment=self.environment,
            slug="production-deployment",
            version="v2",
            decision=decision,
            entries=self.log,
            blobs={digest: self.blobs[digest] for digest in wanted(self.log)},
            document=DOCUMENT,
            lock=LOCK,
            release_manifest=self.release,
            checkpoint=with_signature(checkpoint, note_key, engine.sign(checkpoint.body)),
            tool=Tool("gonogo", "1.0.0", digest_of(b"code")),
            lineage=Lineage({"prerequisites-validation.json": ArtifactNote(required=True)}),
            sequence=4,
            trust={
                "policy.json": policy_bytes(self.ring, signers, revoked),
                "allowed_signers": signers,
                "revoked_keys": revoked,
            },
            reports={"summary.md": b"# Summary\n"},
            proofs={"opened.tlog-proof": self.place_in_the_log_of_the_site()},
        )
        return attested(facts, ssh_key(engine), engine.sign)

    def place_in_the_log_of_the_site(self) -> bytes:
        """The proof that this run is entry 4 of six."""
        log: list[Entry] = []
        for number in range(6):
            said = {"run": RUN if number == 4 else f"other-{number}"}
            said |= {name: str(self.entries[0].data[name]) for name in ("release_digest", "environment", "protocol")}
            last = log[-1] if log else None
            log.append(next_entry(last, ts=START, type="run.opened", actor=Engine("eu1"), data=said))
        checkpoint = Checkpoint(SITE, len(log), root_of([leaf_digest(entry.line) for entry in log]))
        return write_proof(log, 4, sign_checkpoint(checkpoint, private_key("engine"), SITE))

    def anchor(self) -> bytes:
        """A checkpoint of the log as it is now, kept elsewhere."""
        checkpoint = checkpoint_of(SITE, RUN, self.log)
        engine = private_key("engine")
        return with_signature(
            checkpoint, NoteKey(SITE, engine.public_key().public_bytes_raw()), engine.sign(checkpoint.body)
        )

    def trust(self, *anchors: bytes) -> TrustFiles:
        return TrustFiles(self.ring, anchors)


def sealed(facts: PackageFacts, key: ed25519.Ed25519PrivateKey | None = None) -> dict[str, Content]:
    """The files of a package with the engine's seal."""
    return resealed(package_files(facts), facts, key)


def resealed(
    members: Mapping[str, Member], facts: PackageFacts, key: ed25519.Ed25519PrivateKey | None = None
) -> dict[str, Content]:
    engine = key or private_key("engine")
    payload = seal_payload(facts, members)
    signatures = SealSignatures(
        ssh_key(engine),
        engine.sign(seal_signing_bytes(payload, facts.environment)),
        engine.sign(envelope_signing_bytes(payload)),
    )
    return dict(with_seal(members, payload, facts.environment, signatures))


def zipped(files: Mapping[str, Content]) -> bytes:
    out = io.BytesIO()
    write_package(files, out)
    return out.getvalue()


def packed(run: Run, decision: str = "go") -> bytes:
    return zipped(sealed(run.package_facts(decision)))


def measured_run() -> Run:
    """A run up to the point where people are asked."""
    run = Run().open()
    run.seal("prerequisites-validation.json", b'{"status": "success"}\n', "prerequisites")
    run.seal("staging-test-results.json", b'{"test_execution": {"status": "pass"}}\n')
    run.seal("notes.txt", b"an agent says that all is well\n", status="claimed")
    run.judge("readiness", "staging-test-results.json")
    return run


def approved_run() -> Run:
    """A run whose production launch was approved by two people."""
    run = measured_run()
    asked = run.ask()
    run.wait(minutes=5)
    run.approve(asked, "sre1", "sre_lead")
    run.approve(asked, "po1", "product_owner")
    return run


def whole_run() -> Run:
    """A release from its opening to its close; packed, it verifies."""
    run = approved_run()
    run.wait(minutes=1)
    run.use()
    run.append("traffic.moved", {"task": "rollout", "attempt": 1, "step": 0, "percent": 100, "weights": {"green": 100}})
    run.seal("production-deployment-report.json", b'{"deployment": {"status": "success"}}\n', "rollout")
    run.close()
    return run
