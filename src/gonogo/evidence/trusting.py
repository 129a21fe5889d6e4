"""Trust files: made from the approvers file, compared with it, linted, and carried from version to version.

`config/release-approvers.yaml` is what people edit; everything in `.gonogo/trust/` is generated and checked byte for
byte (CFG-02, CFG-04, F41). A new version counts when enough admins of the version before signed it; an older one never.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from gonogo.evidence.canonical import read_object
from gonogo.evidence.handles import HANDLE
from gonogo.evidence.note import NoteKey
from gonogo.evidence.policy import POLICY_NAMESPACE, policy_bytes, read_policy
from gonogo.evidence.quorum import quorum
from gonogo.evidence.showing import confusable
from gonogo.evidence.signers import (
    DEFAULT,
    LONGEST_CERTIFICATE,
    PRODUCTION,
    Assurance,
    DecisionRule,
    ListedKey,
    ListedPerson,
    Ring,
    allowed_signers,
    is_security_key,
    revoked_keys,
)
from gonogo.evidence.sshsig import BadSignature, verify
from gonogo.evidence.wire import strings
from gonogo.findings import Finding, Level, Origin
from gonogo.terms import Digest, digest_of
from gonogo.values import dataclass

APPROVERS: Final = "config/release-approvers.yaml"
POLICY: Final = "policy.json"
SIGNERS: Final = "allowed_signers"
REVOKED: Final = "revoked_keys"
WARNED_BEFORE: Final = timedelta(days=30)
MACHINES: Final = re.compile(r"(?:agent|engine|pipeline|bot|ci|service|svc)(?:[._-].*)?")

_SIGNER_LINE: Final = re.compile(r'(\S+) (?:([^"\s]*(?:"[^"]*"[^"\s]*)*) )?(\S+) (\S+)')


def trust_files(ring: Ring, environments: Iterable[str], previous_sha256: Digest | None = None) -> Mapping[str, bytes]:
    """The generated files by name: policy.json, allowed_signers, revoked_keys."""
    signers, revoked = allowed_signers(ring, environments), revoked_keys(ring)
    return {
        POLICY: policy_bytes(ring, signers, revoked, previous_sha256),
        SIGNERS: signers,
        REVOKED: revoked,
    }


def differing(generated: Mapping[str, bytes], stored: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """TL01, TL02, TL03, TL10: what is stored is exactly what is generated, and every line is narrow."""
    found = [
        _error("TL01", f"{name} is not what the approvers file gives; write it again with: gonogo trust build", name)
        for name, data in generated.items()
        if stored.get(name) != data
    ]
    lines = stored.get(SIGNERS, b"").decode("utf-8", "replace").splitlines()
    bounded = frozenset(generated.get(SIGNERS, b"").decode("utf-8", "replace").splitlines())
    for number, line in enumerate(lines, start=1):
        match = _SIGNER_LINE.match(line)
        principals, options = (match[1], match[2] or "") if match else (line, "")
        if any(mark in principals + options for mark in "*?!"):
            found.append(_error("TL02", "a line admits more than it names (`*`, `?` or `!`)", SIGNERS, number))
        if "namespaces=" not in options:
            found.append(_error("TL03", "a line without namespaces signs for everything", SIGNERS, number))
        if "cert-authority" in options and line not in bounded:
            what = "nothing bounds how long the certificates of this authority live"
            found.append(_error("TL10", what, SIGNERS, number))
    return tuple(found)


NOTHING_ATTESTED: Final[Mapping[str, Assurance]] = MappingProxyType({})


def lint(ring: Ring, now: datetime, attested: Mapping[str, Assurance] = NOTHING_ATTESTED) -> tuple[Finding, ...]:
    """The rules TL04 to TL15 over a ring. `attested` says by fingerprint what a verified attestation proves."""
    return (
        *_keys(ring, attested),
        *_handles(ring),
        *_authorities(ring),
        *(finding for point, rule in ring.decisions.items() for finding in _decision(point, rule, ring)),
        *_admins(ring, now),
    )


def _error(code: str, message: str, file: str = APPROVERS, line: int = 1) -> Finding:
    return Finding(code, Level.ERROR, message, Origin(file, line))


def _warning(code: str, message: str) -> Finding:
    return Finding(code, Level.WARNING, message, Origin(APPROVERS, 1))


def _keys(ring: Ring, attested: Mapping[str, Assurance]) -> list[Finding]:
    found = []
    owners: dict[bytes, str] = {engine.key.blob: f"engine:{engine.name}" for engine in ring.engines}
    for person in ring.people:
        for listed in person.keys:
            owner = owners.setdefault(listed.key.blob, person.handle)
            if owner != person.handle:
                code = "TL05" if owner.startswith("engine:") else "TL04"
                found.append(_error(code, f"{owner} and {person.handle} have one key, {listed.key.fingerprint}"))
            proved = attested.get(listed.key.fingerprint, Assurance.H0)
            hardware = is_security_key(listed.key) and listed.assurance <= proved
            if listed.assurance > Assurance.H0 and not hardware and not _synced(listed, ring):
                what = f"a key of {person.handle} claims {listed.assurance.name} without a verified attestation"
                found.append(_error("TL06", what))
            application = listed.key.application
            if application and not application.startswith("ssh:") and application not in ring.web.rp_ids:
                found.append(_error("TL07", f"a key of {person.handle} is bound to {application}"))
    return found


def _synced(listed: ListedKey, ring: Ring) -> bool:
    """Whether a key is one of the passkeys that a site takes for H1 although they may be copied (section 9)."""
    passkey = listed.key.application in ring.web.rp_ids
    return passkey and listed.assurance <= min(ring.web.synced_passkeys, Assurance.H1)


def _authorities(ring: Ring) -> list[Finding]:
    found = []
    for authority in ring.cert_authorities:
        name = authority.key.fingerprint
        if not timedelta(0) < authority.max_lifetime <= LONGEST_CERTIFICATE:
            found.append(_error("TL10", f"the authority {name} does not say a `max_lifetime` of at most 1h"))
        found += [
            _error("TL12", f"the authority {name} vouches for {handle}, who is not listed")
            for handle in authority.people
            if ring.person(handle) is None
        ]
        if ring.owner_of(authority.key) is not None:
            found.append(_error("TL04", f"the authority {name} is also the key of a person"))
    return found


def _handles(ring: Ring) -> list[Finding]:
    found = []
    handles = frozenset(person.handle for person in ring.people)
    for person in ring.people:
        twin = confusable(person.handle, handles)
        if not HANDLE.fullmatch(person.handle):
            found.append(_error("TL08", f"{person.handle!r} is not a handle of small ASCII letters and digits"))
        elif twin > person.handle:
            found.append(_error("TL08", f"{person.handle} and {twin} can be taken for each other"))
        if MACHINES.fullmatch(person.handle):
            found.append(_error("TL05", f"{person.handle} is named like a machine; only people decide"))
    unknown = sorted({*ring.freeze_stakeholders, *ring.admins} - handles)
    return found + [_error("TL12", f"{handle} is named as stakeholder or admin and not listed") for handle in unknown]


@dataclass(frozen=True, slots=True)
class _Willing:
    """Somebody who would sign in a role, for trying whether a rule can be met."""

    person: str
    role: str
    decision: str = "go"
    in_browser: bool = False


def _can_be_met(rule: DecisionRule, ring: Ring, people: Iterable[ListedPerson]) -> bool:
    voices = [_Willing(person.handle, role) for person in people for role in person.roles]
    return quorum(rule, voices, {}, ring).met


def _decision(point: str, rule: DecisionRule, ring: Ring) -> list[Finding]:
    empty = sorted(role for role in rule.roles if not ring.holding(role))
    found = [_warning("TL12", f"decision {point}: nobody is a {role}") for role in empty]
    if not _can_be_met(rule, ring, ring.people):
        return [*found, _error("TL11", f"decision {point} cannot be met by the people listed")]
    alone = [
        one.handle
        for one in ring.people
        if not _can_be_met(rule, ring, [other for other in ring.people if other is not one])
    ]
    if rule.not_author and alone:
        who = ", ".join(alone)
        found.append(_warning("TL11", f"decision {point} cannot be met when {who} made a change or is away"))
    return [*found, *_production(point, ring), *_unlevelled(point, ring)] if point in {PRODUCTION, DEFAULT} else found


def _production(point: str, ring: Ring) -> list[Finding]:
    """TL13: a strict site takes less than a touch for production only for a reason that admins signed."""
    rule = ring.rule(PRODUCTION)
    if rule is None or (point == DEFAULT and PRODUCTION in ring.decisions) or rule.asks_for(PRODUCTION) >= Assurance.H1:
        return []
    what = "decision production takes plain keys: they prove possession, not that a person was there"
    if not ring.strict:
        return [_warning("TL13", what)]
    if rule.accept_low_assurance:
        return [_warning("TL13", f"{what}; accepted: {rule.accept_low_assurance}")]
    advice = "write `min_assurance: {production: H1}`, or `accept_low_assurance: REASON` and have admins sign it"
    return [_error("TL13", f"{what}; {advice}")]


def _unlevelled(point: str, ring: Ring) -> list[Finding]:
    """TL11: the people who could decide have to have keys of the level that production asks for."""
    rule = ring.rule(PRODUCTION)
    if rule is None or point != (PRODUCTION if PRODUCTION in ring.decisions else DEFAULT):
        return []
    level = rule.asks_for(PRODUCTION)
    able = [person for person in ring.people if any(key.assurance >= level for key in person.keys)]
    if _can_be_met(rule, ring, able):
        return []
    what = f"decision production asks for {level.name}, and too few of those who decide have a key of that level"
    return [_error("TL11", f"{what}; gonogo keys enrol PERSON --key FILE.pub --attestation FILE --challenge FILE")]


def _admins(ring: Ring, now: datetime) -> list[Finding]:
    found = []
    if ring.strict and not ring.admins:
        found.append(_error("TL14", "a strict site needs people under `admins`: they sign each version of the policy"))
    if ring.admins and not 1 <= ring.admin_threshold <= len(ring.admins):
        found.append(_error("TL14", f"{ring.admin_threshold} of {len(ring.admins)} admins can never sign"))
    elif len(ring.admins) > 1 and ring.admin_threshold == 1:
        found.append(_warning("TL14", "one admin alone can change who may sign"))
    if ring.expires is not None and ring.expires <= now:
        found.append(_error("TL15", f"the approvers file expired at {ring.expires:%Y-%m-%d}"))
    elif ring.expires is not None and ring.expires <= now + WARNED_BEFORE:
        found.append(_warning("TL15", f"the approvers file expires at {ring.expires:%Y-%m-%d}; sign the next version"))
    return found


@dataclass(frozen=True, slots=True)
class NextPolicy:
    """A new version of the policy with the signatures of admins, by handle."""

    data: bytes
    signatures: Mapping[str, bytes]


def version_problems(current: bytes, coming: NextPolicy, now: datetime) -> tuple[Finding, ...]:
    """TL15: why `coming` does not follow `current`; empty when it does. Admins of the version before decide."""
    before, after = read_policy(current), read_policy(coming.data)
    found = []
    if after.version != before.version + 1:
        found.append(_error("TL15", f"version {after.version} does not follow version {before.version}", POLICY))
    said = read_object(coming.data, name=POLICY).get("previous_sha256")
    if said != digest_of(current):
        found.append(_error("TL15", "previous_sha256 is not the digest of the version before", POLICY))
    if after.expires is not None and after.expires <= now:
        found.append(_error("TL15", "the new version has expired already", POLICY))
    if before.strict and not after.strict:
        found.append(_error("TL15", f"version {after.version} is not strict any more; {_STRICT}", POLICY))
    signed = signers_of(before, coming)
    if len(signed) < threshold(before):
        what = f"signed by {len(signed)} of {threshold(before)} admins ({', '.join(before.admins)})"
        found.append(_error("TL15", what, POLICY))
    return tuple(found)


_STRICT: Final = "keep `strict: true`, and write `accept_low_assurance: REASON` for what you take instead"


def deciding_on(before: bytes | None, coming: bytes) -> Ring:
    """Whose admins sign a version: those of the version before; the first ones that a site names sign their own."""
    after = read_policy(coming)
    earlier = read_policy(before) if before is not None else after
    return earlier if earlier.admins else after


def threshold(deciding: Ring) -> int:
    """How many admins have to sign what follows this version."""
    return max(1, deciding.admin_threshold)


def signers_of(deciding: Ring, coming: NextPolicy) -> Mapping[str, bytes]:
    """The signatures that hold, by admin: each person once, with a key that this version lists and nobody withdrew."""
    return {
        handle: signature
        for handle, signature in coming.signatures.items()
        if _signed(deciding, handle, signature, coming)
    }


def _signed(before: Ring, handle: str, signature: bytes, coming: NextPolicy) -> bool:
    person = before.person(handle)
    if person is None or handle not in before.admins:
        return False
    try:
        key = verify(signature, coming.data, POLICY_NAMESPACE)
    except BadSignature:
        return False
    return any(listed.key.blob == key.blob and before.revocation(key) is None for listed in person.keys)


def narrowed(pinned: Ring, latest: Ring) -> Ring:
    """The ring of a run in which later removals and revocations act at once, and nothing else changes (III.6).

    A person, a role of a person or a key that is not listed any more is gone; what was added is not there.
    """
    people = []
    for person in pinned.people:
        still = latest.person(person.handle)
        if still is not None:
            blobs = {listed.key.blob for listed in still.keys}
            keys = tuple(listed for listed in person.keys if listed.key.blob in blobs)
            people.append(replace(person, keys=keys, roles=person.roles & still.roles))
    authorities = {item.key.blob for item in latest.cert_authorities}
    kept = tuple(item for item in pinned.cert_authorities if item.key.blob in authorities)
    known = {item.fingerprint for item in pinned.revoked}
    revoked = (*pinned.revoked, *(item for item in latest.revoked if item.fingerprint not in known))
    return replace(pinned, people=tuple(people), revoked=revoked, cert_authorities=kept)


def log_keys(ring: Ring) -> bytes:
    """The vkey line of each engine, by which an auditor checks checkpoints without gonogo."""
    found = [
        NoteKey(ring.site, strings(engine.key.blob, 2, "the engine key")[1]).vkey
        for engine in ring.engines
        if engine.key.type == "ssh-ed25519"
    ]
    return "".join(f"{line}\n" for line in found).encode("ascii")


def succession(versions: Sequence[NextPolicy], now: datetime) -> tuple[Finding, ...]:
    """TL15 over a whole history, oldest first: each version follows the one before it.

    A version that names no admins is followed by whoever can change the files: a site of one or two people begins so.
    """
    found: list[Finding] = []
    for before, after in pairwise(versions):
        problems = version_problems(before.data, after, now)
        if not read_policy(before.data).admins:
            problems = tuple(item for item in problems if not item.message.startswith("signed by"))
        found.extend(problems)
    return tuple(found)
