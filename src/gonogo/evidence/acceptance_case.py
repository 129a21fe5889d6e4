"""What the rules of acceptance look at, and what they answer (REV-08, APR-02)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import Entry
from gonogo.evidence.merkle import root_over
from gonogo.evidence.sayings import ApprovalSaying
from gonogo.evidence.signers import Assurance, DecisionRule, ListedKey, ListedPerson, Ring, is_security_key
from gonogo.evidence.sshsig import WEBAUTHN, Signed
from gonogo.evidence.statements import Request, Statement
from gonogo.terms import Decision
from gonogo.values import dataclass

CLOCK_SKEW: Final = timedelta(minutes=10)
FREEZE_RULE: Final = DecisionRule(not_author=False, not_requester=False)
"""The rule of an acknowledgement of the change freeze: every listed stakeholder, whoever they are (FRZ-04)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: the bytes of `request.json` and of the evidence list of its round."""

    request: bytes
    evidence_list: bytes


SealedFile: TypeAlias = tuple[int, Tree, Tree, Tree]
"""The number of an `evidence.sealed` entry with the name, digest and attempt that it says; a claim is none."""


def sealed_files(log: Iterable[Entry]) -> Sequence[SealedFile]:
    """What `log` sealed as evidence, in order."""
    return [
        (entry.seq, entry.data.get("name"), entry.data.get("sha256"), entry.data.get("attempt"))
        for entry in log
        if entry.type == "evidence.sealed" and entry.data.get("status") != "claimed"
    ]


def _seq_of(file: SealedFile) -> int:
    return file[0]


@dataclass(frozen=True, slots=True)
class Occasion:
    """When a statement is judged: the log, the wall clock, and the entry of its record where it has one already.

    `roots` are Merkle roots over the first so many entries of the log, and `sealed` what a longer log sealed, as far as
    somebody has them at hand: they follow from the log, and are the same for each of many statements.
    """

    log: Sequence[Entry]
    now: datetime
    recorded: Entry | None = None
    roots: Mapping[int, bytes] = field(default_factory=dict)
    sealed: Sequence[SealedFile] | None = None

    def files(self) -> Sequence[SealedFile]:
        """What the log sealed as evidence, in order."""
        if self.sealed is None:
            return sealed_files(self.log)
        return self.sealed[: bisect_left(self.sealed, len(self.log), key=_seq_of)]

    def root(self, size: int) -> bytes:
        """The Merkle root over the first `size` entries."""
        return self.roots.get(size) or root_over(entry.line for entry in self.log[:size])

    @property
    def moment(self) -> datetime:
        """The later of the wall clock and the last entry: setting a clock back revives nothing."""
        return max(self.now, self.log[-1].ts) if self.log else self.now

    @property
    def recorded_at(self) -> datetime:
        """The time that counts for key and clock: that of the record, or now."""
        return self.recorded.ts if self.recorded is not None else self.moment


@dataclass(frozen=True, slots=True)
class Accepted:
    """A statement that counts. It cannot be made but by `accept`'s checks."""

    statement: Statement
    signed: Signed
    level: Assurance
    signature: bytes

    @property
    def person(self) -> str:
        """Who signed."""
        return self.statement.signer.person

    @property
    def role(self) -> str:
        """As what they signed."""
        return self.statement.signer.role

    @property
    def in_browser(self) -> bool:
        """Whether it was signed with a passkey on a page."""
        return self.signed.algorithm == WEBAUTHN

    @property
    def decision(self) -> str:
        """`go`, `no_go`, `withheld` (a go with open conditions) or `stated` (nothing is decided)."""
        match self.statement.saying:
            case ApprovalSaying(decision=Decision.GO, conditions=conditions) if conditions:
                return "withheld"
            case _:
                said = self.statement.decision
                return said.value if said is not None else "stated"


@dataclass(frozen=True, slots=True)
class Declined:
    """A statement that does not count: the rule it failed, why, and what to do."""

    rule: str
    reason: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.rule})\n  next: {self.next_step}"


@dataclass(frozen=True, slots=True)
class Case:
    """All that the rules look at."""

    statement: Statement
    request: Request
    signed: Signed
    signature: bytes
    person: ListedPerson
    listed: ListedKey
    evidence_list: bytes
    ring: Ring
    rule: DecisionRule
    occasion: Occasion


def level_of(listed: ListedKey, signed: Signed, ring: Ring) -> Assurance:
    """What a signature proves: the lower of what the key is listed for and what its flags show."""
    touch = signed.touch
    if touch is None or not touch.present or not is_security_key(signed.key):
        return Assurance.H0
    if touch.backup_eligible:
        return min(listed.assurance, ring.web.synced_passkeys, Assurance.H1)
    return min(listed.assurance, Assurance.H2 if touch.verified else Assurance.H1)
