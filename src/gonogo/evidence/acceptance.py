"""Whether a signed statement counts (REV-08, APR-02, APR-03, WVR-02, WVR-06, FRZ-04).

One pure procedure for the engine, the client and the verifiers. The rules, in the order in which they are applied:

    A1   the signature has the one strict form, a strong hash and a key type that counts
    A2   it was made for this kind of statement and this environment
    A3   it fits the bytes of the statement
    A4   the statement is strict JSON with a closed set of fields
    A10  it repeats the request unchanged, and names its digest
    A6   the signer is a listed person, no agent and no engine
    A5   the key is listed for that person, the role is theirs and asked for, all valid at the time of the record
    A7   the level of assurance suffices, judged by the key's listing and the flags of the device, whichever is lower
    A8   a passkey comes from a configured site, a security key is bound to `ssh:`
    A9   the counter of the device grew
    A11  the evidence list is the one that was shown, holds all that was sealed before, and nothing has moved since
    A12  the challenge was issued in this log, once; the round is neither voided, expired, closed nor used
    A13  now lies between the bounds of the request, and the signer's clock is within ten minutes of the record
    A14  the request is old enough
    A15  the log that the signer saw is a prefix of this log
    A16  the signer neither made the change nor asked for it

A17 (who is still missing) is `quorum`, A18 (use at the instant of the act) is `engine.using`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from gonogo.errors import BadInput
from gonogo.evidence.acceptance_case import (
    FREEZE_RULE,
    Accepted,
    Asked,
    Case,
    Declined,
    Occasion,
    level_of,
)
from gonogo.evidence.acceptance_rules import CHECKS, WHO
from gonogo.evidence.canonical import Tree
from gonogo.evidence.signers import Assurance, DecisionRule, ListedKey, ListedPerson, RevocationReason, Ring
from gonogo.evidence.sshcerts import Certificate
from gonogo.evidence.sshsig import BadSignature, DoesNotFit, Signed, WrongNamespace, examine
from gonogo.evidence.statements import Request, Statement, read_request, read_statement

__all__ = [
    "FREEZE_RULE",
    "Accepted",
    "Asked",
    "Declined",
    "Occasion",
    "accept",
    "level_of",
]


def accept(
    statement: bytes, signature: bytes, asked: Asked, ring: Ring, rule: DecisionRule, occasion: Occasion
) -> Accepted | Declined:
    """Judge one statement by A1 to A16.

    Raises BadInput only where the request itself, gonogo's own file, cannot be read.
    """
    request = read_request(asked.request)
    signed = _examined(statement, signature, request)
    if isinstance(signed, Declined):
        return signed
    said = _understood(statement, request)
    if isinstance(said, Declined):
        return said
    found = _listed(said, signed, ring)
    if isinstance(found, Declined):
        return found
    case = Case(said, request, signed, signature, found[0], found[1], asked.evidence_list, ring, rule, occasion)
    return next((declined for check in CHECKS if (declined := check(case))), None) or _accepted(case)


def _examined(statement: bytes, signature: bytes, request: Request) -> Signed | Declined:
    """A1, A2, A3: before anything is parsed that no key signed."""
    try:
        return examine(signature, statement, request.namespace)
    except WrongNamespace as error:
        return Declined("A2", error.what, error.next_step)
    except DoesNotFit as error:
        return Declined("A3", error.what, error.next_step)
    except BadSignature as error:
        return Declined("A1", error.what, error.next_step)


def _understood(statement: bytes, request: Request) -> Statement | Declined:
    """A4 and A10: a statement with known fields that repeats the request."""
    again = "fetch the statement of this request again and sign it as it is"
    try:
        said = read_statement(statement)
    except BadInput as error:
        return Declined("A4", f"{error.where}: {error.what}", again)
    changed = _changed(said, request)
    return Declined("A10", changed, again) if changed else said


def _accepted(case: Case) -> Accepted:
    return Accepted(case.statement, case.signed, level_of(case.listed, case.signed, case.ring), case.signature)


def _changed(said: Statement, request: Request) -> str:
    """A10: what of the request the statement does not repeat."""
    if said.request_sha256 != request.digest:
        return f"the statement answers the request {said.request_sha256[:12]}…, not {request.digest[:12]}…"
    differing = _difference(request.tree, said.request.tree)
    return f"the statement changes {differing} of the request" if differing else ""


def _difference(asked: Mapping[str, Tree], said: Mapping[str, Tree]) -> str:
    for name, value in asked.items():
        other = said.get(name)
        if name == "predicate" and isinstance(value, Mapping) and isinstance(other, Mapping):
            if inner := _difference(value, other):
                return inner
        elif name not in said or not _same(value, other):
            return repr(name)
    return ""


def _same(one: Tree, other: Tree) -> bool:
    # True == 1 in Python; in a signed text they are two things.
    return one == other and repr(one) == repr(other)


def _listed(said: Statement, signed: Signed, ring: Ring) -> tuple[ListedPerson, ListedKey] | Declined:
    """A6 and the first half of A5: person and key, found by key material."""
    handle = said.signer.person
    if any(engine.key.blob == signed.key.blob for engine in ring.engines):
        return Declined("A6", "this is the key of an engine; only people decide", "let a listed person sign")
    person = ring.person(handle)
    owner = ring.owner_of(signed.key)
    if person is None:
        return Declined("A6", f"{handle} is not a listed person", WHO.format(_handles(ring)))
    if signed.certificate is not None:
        return _certified(person, owner, signed.certificate, ring)
    for listed in person.keys:
        if listed.key.blob == signed.key.blob:
            return person, listed
    whose = f"the key of {owner.handle}" if owner else "no listed key"
    return Declined(
        "A5",
        f"signed with {signed.key.fingerprint}, which is {whose}, in the name of {handle}",
        f"{handle} signs with a key listed for {handle}; new keys are added to the approvers file",
    )


def _certified(
    person: ListedPerson, owner: ListedPerson | None, certificate: Certificate, ring: Ring
) -> tuple[ListedPerson, ListedKey] | Declined:
    """A5 for a certificate: its issuer vouches for this person, for no longer than the rules allow. It proves H0."""
    found = next((item for item in ring.cert_authorities if item.key.blob == certificate.authority.blob), None)
    if found is None:
        what = f"{certificate.authority.fingerprint} is no authority whose certificates count here"
        return Declined("A5", what, f"sign with a key listed for {person.handle}")
    if person.handle not in found.people or person.handle not in certificate.principals:
        return Declined("A5", f"the certificate does not speak for {person.handle}", "have one issued in your name")
    if owner is not None and owner.handle != person.handle:
        return Declined("A5", f"the certificate is about the key of {owner.handle}", "sign with your own key")
    if not timedelta(0) < certificate.lifetime <= found.max_lifetime:
        what = f"the certificate lives for {certificate.lifetime}, longer than {found.max_lifetime}"
        return Declined("A5", what, "have a shorter one issued")
    revoked, until = ring.revocation(found.key), certificate.until
    if revoked is not None and revoked.reason is RevocationReason.COMPROMISED:
        return Declined("A5", "the authority of the certificate was compromised", "sign with a listed key")
    if revoked is not None:
        until = min(until, revoked.effective_from)
    return person, ListedKey(certificate.key, Assurance.H0, found.environments, certificate.since, until)


def _handles(ring: Ring) -> str:
    return ", ".join(sorted(person.handle for person in ring.people)) or "nobody is listed yet"
