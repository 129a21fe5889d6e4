"""Who may sign what: people, their keys, and the rule of each decision (CFG-04, F41, REV-08, WVR-02).

These are the values that `config/release-approvers.yaml` becomes. `allowed_signers` writes the file with which stock
ssh-keygen (9.1 or later) judges the same signatures.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from gonogo.evidence.anchor_rules import NO_RULES, AnchorRules
from gonogo.evidence.sshkeys import SK_ECDSA, SK_ED25519, PublicKey
from gonogo.terms import Digest
from gonogo.values import dataclass

ROLE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
ENVIRONMENT: Final = re.compile(r"[a-z0-9-]{1,32}")

LEARNED: Final = ("lessons", "improvements", "retrospectives", "knowledge")
"""The kinds of what runs taught, each of which can be kept to some roles (LRN-13)."""

RELEASE_MANAGER: Final = "release_manager"
"""The role that decides where no rule of its own is written: rollback, resume, acceptance, sign-off, retention."""


class Assurance(enum.IntEnum):
    """What a signature proves: H0 somebody had the key, H1 somebody touched a device, H2 a person was verified."""

    H0 = 0
    H1 = 1
    H2 = 2


class Kind(enum.Enum):
    """The kinds of statement that people sign."""

    APPROVAL = "approval"
    WAIVER = "waiver"
    FREEZE_ACK = "freeze-ack"
    ATTESTATION = "attestation"
    SIGNOFF = "signoff"
    ACCEPTANCE = "acceptance"
    RESUME = "resume"
    DISSENT = "dissent"


UNRANKED: Final = frozenset({Kind.FREEZE_ACK, Kind.DISSENT})
"""Kinds for which any listed key will do, whatever the environment asks for."""


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key of a person. `since` and `until` bound when it may sign (until: no longer valid at that second).

    `attestation` is the SHA-256 of the file in which the maker of the device vouches for the key; empty without one.
    """

    key: PublicKey
    assurance: Assurance = Assurance.H0
    environments: frozenset[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    attestation: str = ""

    def signs_for(self, environment: str) -> bool:
        """Whether the key may sign for `environment`; None lists every environment."""
        return self.environments is None or environment in self.environments

    def valid_at(self, moment: datetime) -> bool:
        """Whether `moment` lies in the time of the key."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A person who may sign. `identities` are the SHA-256 of their commit e-mail addresses in lower case, sorted.

    The addresses themselves never leave the approvers file; a commit's author is found by the digest of its address.
    """

    handle: str
    name: str
    roles: frozenset[str]
    keys: tuple[ListedKey, ...]
    identities: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class When:
    """A condition on a fact of the release: it holds when the fact is one of `values`, and also when nobody knows."""

    fact: str
    values: frozenset[str]

    def holds(self, facts: Mapping[str, str]) -> bool:
        """Whether the condition applies; an unknown fact makes it apply, because ignorance is no reason to skip."""
        return self.fact not in facts or facts[self.fact] in self.values

    def __str__(self) -> str:
        return f"{self.fact} in [{', '.join(sorted(self.values))}]"


@dataclass(frozen=True, slots=True)
class RequiredRole:
    """A role that has to sign, always or when a condition holds."""

    role: str
    when: When | None = None


@dataclass(frozen=True, slots=True)
class FastPath:
    """A smaller quorum for releases of low risk. Unlike other conditions it needs the fact to be *known*."""

    when: When
    quorum: int

    def open_for(self, facts: Mapping[str, str]) -> bool:
        """Whether the release is stated to be of low risk; what nobody stated is not low."""
        return facts.get(self.when.fact) in self.when.values


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Who has to sign a decision: one person for each of `all_of`, one of `any_of`, at least `quorum` people in all.

    `valid_for` is how long an answer may be asked for and used, `min_age` how old a request has to be before it can be
    answered. `not_author` and `not_requester` keep people from approving what they made or asked for (C34).
    `cli_at_least` statements have to be made outside a browser. `accept_low_assurance` is the reason for which a strict
    site takes less than H1 for production; every report shows it. `fast_path` asks fewer people where a release is
    stated to be of low risk, and never other roles.
    """

    all_of: tuple[RequiredRole, ...] = ()
    any_of: tuple[str, ...] = ()
    quorum: int = 1
    valid_for: timedelta = timedelta(hours=72)
    min_age: timedelta = timedelta(0)
    not_author: bool = True
    not_requester: bool = True
    distinct_people: bool = True
    unmapped_authors_block: bool = True
    allow_owner: bool = False
    cli_at_least: int = 0
    min_assurance: Mapping[str, Assurance] = field(default_factory=dict)
    accept_low_assurance: str = ""
    fast_path: FastPath | None = None

    def people_needed(self, facts: Mapping[str, str]) -> int:
        """How many different people have to sign at least, for a release with these facts."""
        return self.fast_path.quorum if self.fast_path is not None and self.fast_path.open_for(facts) else self.quorum

    @property
    def roles(self) -> frozenset[str]:
        """Every role whose signature can count."""
        return frozenset(required.role for required in self.all_of) | frozenset(self.any_of)

    def asks_for(self, environment: str) -> Assurance:
        """The least assurance of a signature for `environment`; H0 where nothing is written."""
        return self.min_assurance.get(environment, Assurance.H0)


DEFAULT_RULE: Final = DecisionRule(all_of=(RequiredRole(RELEASE_MANAGER),), not_author=False)
"""One release manager: for sign-off, resume, acceptance and rollback where the file says nothing else."""

WITHOUT_RULE: Final = frozenset({"rollback", "resume", "acceptance", "signoff", "retention", "dissent", "manual"})


ATTEST: Final = "attest-"
"""How decision points begin that ask one person of a role to state a fact."""

WAIVER: Final = "waiver_"
"""How decision points begin that accept a gate which did not pass; none is permitted but by an entry of its own."""


class RevocationReason(enum.Enum):
    """Why a key no longer signs. Only `COMPROMISED` casts doubt on what it signed before."""

    DEPARTED = "departed"
    LOST = "lost"
    COMPROMISED = "compromised"


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that was withdrawn, by fingerprint, from `effective_from` on."""

    fingerprint: str
    effective_from: datetime
    reason: RevocationReason


@dataclass(frozen=True, slots=True)
class EngineKey:
    """A key with which an engine seals and signs the log; `name` as in `engine:eu1`, without the prefix."""

    name: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Web:
    """Where passkeys may come from: relying party ids and exact origins."""

    rp_ids: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    synced_passkeys: Assurance = Assurance.H0


@dataclass(frozen=True, slots=True)
class Fido:
    """Which makers of devices are believed: SHA-256 of root certificates, and models (AAGUID, 32 hex digits)."""

    roots: frozenset[str] = frozenset()
    aaguids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CertAuthority:
    """A key whose short-lived certificates stand for keys of `people`; `max_lifetime` bounds each certificate."""

    key: PublicKey
    people: tuple[str, ...]
    max_lifetime: timedelta
    environments: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Governed:
    """A file whose content the policy names: it may set what the compiler's rules allow, also a weaker limit (CFG-02).

    `sha256` is empty as long as only the path is known, which is what people write.
    """

    path: str
    sha256: str = ""


LONGEST_CERTIFICATE: Final = timedelta(hours=1)
"""No authority may issue for longer: a certificate is not withdrawn, it runs out."""

DEFAULT: Final = "default"
"""The entry of `decisions` that holds for each decision without an entry of its own, waivers excepted."""

PRODUCTION: Final = "production"

NO_FILE: Final = Digest("")
"""The digest of a ring that was made in memory."""


@dataclass(frozen=True, slots=True)
class Ring:
    """Everybody who may sign, with the rules of every decision. `digest` is that of the file it was read from."""

    people: tuple[ListedPerson, ...]
    decisions: Mapping[str, DecisionRule]
    freeze_stakeholders: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()
    admin_threshold: int = 1
    engines: tuple[EngineKey, ...] = ()
    revoked: tuple[Revocation, ...] = ()
    web: Web = Web()
    site: str = "local"
    anchors: AnchorRules = NO_RULES
    version: int = 1
    expires: datetime | None = None
    digest: Digest = NO_FILE
    strict: bool = False
    governed: tuple[Governed, ...] = ()
    fido: Fido = Fido()
    cert_authorities: tuple[CertAuthority, ...] = ()
    readers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Which roles may read what was learned, by kind (`lessons`, `knowledge`, ...); a kind without entry: everybody."""

    def person(self, handle: str) -> ListedPerson | None:
        """The listed person with this handle."""
        return next((person for person in self.people if person.handle == handle), None)

    def holding(self, role: str) -> tuple[ListedPerson, ...]:
        """The people who have `role`, in the order of the file."""
        return tuple(person for person in self.people if role in person.roles)

    def owner_of(self, key: PublicKey) -> ListedPerson | None:
        """The person whose key this is, by key material."""
        for person in self.people:
            if any(listed.key.blob == key.blob for listed in person.keys):
                return person
        return None

    def rule(self, decision: str) -> DecisionRule | None:
        """The rule of `decision` (`production`, `waiver_<gate>`, `resume`, ...); None means that it is not permitted.

        An entry `default` holds for all others but waivers. Without one, kinds that need no entry fall back to one
        release manager (F41); `attest-<role>` asks one person of that role. A strict site asks for H1 in production
        wherever nothing else is written.
        """
        found = self._written(decision)
        if found is None or not self.strict or PRODUCTION in found.min_assurance:
            return found
        return replace(found, min_assurance={**found.min_assurance, PRODUCTION: Assurance.H1})

    def _written(self, decision: str) -> DecisionRule | None:
        if decision in self.decisions:
            return self.decisions[decision]
        usual = None if decision.startswith(WAIVER) else self.decisions.get(DEFAULT)
        if decision.startswith(ATTEST):
            required = RequiredRole(decision.removeprefix(ATTEST))
            return replace(usual or DecisionRule(), all_of=(required,), any_of=(), quorum=1, fast_path=None)
        if usual is not None:
            return usual
        return DEFAULT_RULE if decision.partition("_")[0] in WITHOUT_RULE else None

    def revocation(self, key: PublicKey) -> Revocation | None:
        """The revocation of `key`, if it was revoked."""
        return next((item for item in self.revoked if item.fingerprint == key.fingerprint), None)


def with_engine(ring: Ring, key: PublicKey, name: str = "local") -> Ring:
    """`ring` with an engine's own key, where the approvers file does not list it."""
    if any(engine.key.blob == key.blob for engine in ring.engines):
        return ring
    return replace(ring, engines=(*ring.engines, EngineKey(name, key)))


def namespace(kind: Kind | str, environment: str) -> str:
    """The SSHSIG namespace of statements of `kind` in `environment`, e.g. `gonogo/approval/v1/production`."""
    word = kind.value if isinstance(kind, Kind) else kind
    return f"gonogo/{word}/v1/{environment}"


def allowed_signers(ring: Ring, environments: Iterable[str]) -> bytes:
    """The allowed_signers file of `ring`: one line a key, sorted by bytes, never a wildcard.

    Roles stand as further principals (`role:<name>`), so `ssh-keygen -I role:sre_lead` asks for a role.
    """
    everywhere = sorted(environments)
    lines = [_line(person, listed, ring, everywhere) for person in ring.people for listed in person.keys]
    for engine in ring.engines:
        seals = [namespace("seal", environment) for environment in everywhere]
        spaces = ",".join([*seals, "git"] if ring.anchors.git is not None else seals)
        lines.append(f'engine:{engine.name} namespaces="{spaces}" {engine.key.line}\n')
    lines += [line for authority in ring.cert_authorities for line in _authority_lines(authority, ring, everywhere)]
    return "".join(sorted(lines)).encode("ascii")


def _authority_lines(authority: CertAuthority, ring: Ring, environments: list[str]) -> list[str]:
    """One line a person: a certificate speaks for whom it names, in the roles that they have here."""
    found = []
    for person in ring.people:
        if person.handle in authority.people:
            listed = ListedKey(authority.key, environments=authority.environments)
            found.append(_line(person, listed, ring, environments, "cert-authority,"))
    return found


def revoked_keys(ring: Ring) -> bytes:
    """The keys that `ssh-keygen -r` has to refuse: one line a compromised key, under a comment line."""
    lines = ["# keys revoked as compromised\n"]
    listed = [item.key for person in ring.people for item in person.keys]
    for key in (*listed, *(item.key for item in ring.cert_authorities)):
        revocation = ring.revocation(key)
        if revocation is not None and revocation.reason is RevocationReason.COMPROMISED:
            lines.append(key.line + "\n")
    return "".join(lines).encode("ascii")


def _line(person: ListedPerson, listed: ListedKey, ring: Ring, environments: list[str], kind: str = "") -> str:
    principals = ",".join([person.handle, *(f"role:{role}" for role in sorted(person.roles))])
    names = [namespace(word, env) for word in Kind for env in environments if listed.signs_for(env)]
    if person.handle in ring.admins:
        names.append("gonogo/policy/v1")
    rule = ring.rule("retention")
    if rule is not None and person.roles & rule.roles:
        names.append("gonogo/retention/v1")
    revocation = ring.revocation(listed.key)
    ends = [
        moment for moment in (listed.until, revocation.effective_from if revocation else None) if moment is not None
    ]
    options = [f'namespaces="{",".join(names)}"']
    if listed.since is not None:
        options.append(f'valid-after="{_stamp(listed.since)}"')
    if ends:
        options.append(f'valid-before="{_stamp(min(ends))}"')
    return f"{principals} {kind}{','.join(options)} {listed.key.line}\n"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")


def is_security_key(key: PublicKey) -> bool:
    """Whether the key says that it lives in a FIDO device."""
    return key.type in (SK_ED25519, SK_ECDSA)
