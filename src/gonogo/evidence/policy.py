"""`trust/policy.json`: people, keys and rules as they go into packages, without contacts (CFG-04, F41).

It is made from the approvers file and says that file's digest; commit addresses stand in it only as digests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.anchor_rules import read_rules, rules_tree
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.closed import Fields, closed, moment_text, names
from gonogo.evidence.handles import HANDLE
from gonogo.evidence.signers import (
    Assurance,
    CertAuthority,
    DecisionRule,
    EngineKey,
    FastPath,
    Fido,
    Governed,
    ListedKey,
    ListedPerson,
    RequiredRole,
    Revocation,
    RevocationReason,
    Ring,
    Web,
    When,
)
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.wire import BadSignature
from gonogo.terms import Digest, digest_of

SCHEMA: Final = "gonogo/policy/1"

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LEVEL: Final = re.compile(r"H[0-2]")
_TOP: Final = names(
    "schema version site source people decisions freeze_stakeholders admins engines revoked web allowed_signers_sha256 "
    "revoked_keys_sha256"
)
_TOP_OPTIONAL: Final = names("expires previous_sha256 anchors strict governed fido cert_authorities readers")
_RULE: Final = names(
    "all_of any_of quorum valid_for_s min_age_s not_author not_requester distinct_people unmapped_authors_block "
    "allow_owner cli_at_least min_assurance"
)
_KEY: Final = names("key fingerprint type assurance")
_KEY_OPTIONAL: Final = names("environments from until application attestation")
_RULE_OPTIONAL: Final = names("accept_low_assurance fast_path")


POLICY_NAMESPACE: Final = "gonogo/policy/v1"
"""What admins sign the next version for."""


def policy_bytes(
    ring: Ring, allowed_signers: bytes, revoked_keys: bytes, previous_sha256: Digest | None = None
) -> bytes:
    """The bytes of `policy.json` for `ring` and the two files that were made from it; the first has no previous one."""
    fields: dict[str, Tree] = {
        "schema": SCHEMA,
        "version": ring.version,
        "site": ring.site,
        "source": {"path": "config/release-approvers.yaml", "sha256": ring.digest},
        "people": [_person(person) for person in ring.people],
        "decisions": {name: _rule(rule) for name, rule in ring.decisions.items()},
        "freeze_stakeholders": list(ring.freeze_stakeholders),
        "admins": {"people": list(ring.admins), "threshold": ring.admin_threshold},
        "engines": [{"name": engine.name, "key": engine.key.line} for engine in ring.engines],
        "revoked": [
            {"key": item.fingerprint, "effective_from": moment_text(item.effective_from), "reason": item.reason.value}
            for item in ring.revoked
        ],
        "web": {
            "rp_ids": sorted(ring.web.rp_ids),
            "origins": sorted(ring.web.origins),
            "synced_passkeys": ring.web.synced_passkeys.name,
        },
        "allowed_signers_sha256": digest_of(allowed_signers),
        "revoked_keys_sha256": digest_of(revoked_keys),
        **rules_tree(ring.anchors),
    }
    if previous_sha256 is not None:
        fields["previous_sha256"] = previous_sha256
    if ring.expires is not None:
        fields["expires"] = moment_text(ring.expires)
    return write_json({**fields, **_strictness(ring)})


def _strictness(ring: Ring) -> dict[str, Tree]:
    """What only some sites have; a site without it writes the file that it always wrote."""
    fields: dict[str, Tree] = {}
    if ring.strict:
        fields["strict"] = True
    if ring.governed:
        fields["governed"] = [{"path": item.path, "sha256": item.sha256} for item in ring.governed]
    if ring.fido != Fido():
        fields["fido"] = {"roots": sorted(ring.fido.roots), "aaguids": sorted(ring.fido.aaguids)}
    if ring.readers:
        fields["readers"] = {kind: list(roles) for kind, roles in ring.readers.items()}
    if ring.cert_authorities:
        fields["cert_authorities"] = [_authority(item) for item in ring.cert_authorities]
    return fields


def _authority(authority: CertAuthority) -> dict[str, Tree]:
    fields: dict[str, Tree] = {
        "key": authority.key.line,
        "people": list(authority.people),
        "max_lifetime_s": int(authority.max_lifetime.total_seconds()),
    }
    if authority.environments is not None:
        fields["environments"] = sorted(authority.environments)
    return fields


def read_policy(data: bytes, *, name: str = "policy.json") -> Ring:
    """The ring in `data`; its `digest` is that of the approvers file. Raises BadInput for anything but a sound one."""
    top = closed(read_object(data, name=name), name, _TOP, _TOP_OPTIONAL)
    if top.text("schema") != SCHEMA:
        top.refuse("schema", f"is not {SCHEMA}")
    admins = top.part("admins", names("people threshold"))
    web = top.part("web", names("rp_ids origins synced_passkeys"))
    try:
        return Ring(
            people=tuple(_read_person(item) for item in top.parts("people", *_PERSON)),
            decisions={point: _read_rule(rule) for point, rule in _rules(top)},
            freeze_stakeholders=top.texts("freeze_stakeholders"),
            admins=admins.texts("people"),
            admin_threshold=admins.integer("threshold"),
            engines=tuple(
                EngineKey(item.text("name"), public_key(item.text("key")))
                for item in top.parts("engines", names("name key"))
            ),
            revoked=tuple(_read_revocation(item) for item in top.parts("revoked", names("key effective_from reason"))),
            web=Web(
                frozenset(web.texts("rp_ids")),
                frozenset(web.texts("origins")),
                _level(web.text("synced_passkeys", _LEVEL)),
            ),
            site=top.text("site"),
            anchors=read_rules(top),
            version=top.integer("version"),
            expires=top.moment("expires") if "expires" in top.values else None,
            digest=top.part("source", names("path sha256")).digest("sha256"),
            strict="strict" in top.values and _flag(top, "strict"),
            governed=tuple(
                Governed(item.text("path"), item.digest("sha256"))
                for item in top.parts("governed", names("path sha256"))
            ),
            fido=_read_fido(top),
            cert_authorities=tuple(
                _read_authority(item)
                for item in top.parts("cert_authorities", names("key people max_lifetime_s"), names("environments"))
            ),
            readers=_read_readers(top),
        )
    except BadSignature as error:
        raise BadInput(
            f"holds a key that does not count: {error.what}", where=name, next_step=error.next_step
        ) from error


def _person(person: ListedPerson) -> dict[str, Tree]:
    return {
        "id": person.handle,
        "name": person.name,
        "roles": sorted(person.roles),
        "keys": [_key(listed) for listed in person.keys],
        "identities_sha256": list(person.identities),
    }


_PERSON: Final = (names("id name roles keys identities_sha256"), frozenset[str]())


def _key(listed: ListedKey) -> dict[str, Tree]:
    fields: dict[str, Tree] = {
        "key": listed.key.line,
        "fingerprint": listed.key.fingerprint,
        "type": listed.key.type,
        "assurance": listed.assurance.name,
    }
    if listed.environments is not None:
        fields["environments"] = sorted(listed.environments)
    if listed.since is not None:
        fields["from"] = moment_text(listed.since)
    if listed.until is not None:
        fields["until"] = moment_text(listed.until)
    if listed.key.application:
        fields["application"] = listed.key.application
    if listed.attestation:
        fields["attestation"] = listed.attestation
    return fields


def _rule(rule: DecisionRule) -> dict[str, Tree]:
    fields: dict[str, Tree] = {
        "all_of": [_required(required) for required in rule.all_of],
        "any_of": list(rule.any_of),
        "quorum": rule.quorum,
        "valid_for_s": int(rule.valid_for.total_seconds()),
        "min_age_s": int(rule.min_age.total_seconds()),
        "not_author": rule.not_author,
        "not_requester": rule.not_requester,
        "distinct_people": rule.distinct_people,
        "unmapped_authors_block": rule.unmapped_authors_block,
        "allow_owner": rule.allow_owner,
        "cli_at_least": rule.cli_at_least,
        "min_assurance": {name: level.name for name, level in rule.min_assurance.items()},
    }
    if rule.accept_low_assurance:
        fields["accept_low_assurance"] = rule.accept_low_assurance
    if rule.fast_path is not None:
        when = rule.fast_path.when
        fields["fast_path"] = {"fact": when.fact, "values": sorted(when.values), "quorum": rule.fast_path.quorum}
    return fields


def _required(required: RequiredRole) -> dict[str, Tree]:
    if required.when is None:
        return {"role": required.role}
    return {"role": required.role, "when": {"fact": required.when.fact, "values": sorted(required.when.values)}}


def _read_person(item: Fields) -> ListedPerson:
    keys = item.parts("keys", _KEY, _KEY_OPTIONAL)
    return ListedPerson(
        handle=item.text("id", HANDLE),
        name=item.text("name"),
        roles=frozenset(item.texts("roles")),
        keys=tuple(_read_key(key) for key in keys),
        identities=tuple(_digest(item, text) for text in item.texts("identities_sha256")),
    )


def _digest(item: Fields, text: str) -> Digest:
    if not _DIGEST.fullmatch(text):
        item.refuse("identities_sha256", "holds something that is no SHA-256")
    return Digest(text)


def _read_key(item: Fields) -> ListedKey:
    key = public_key(item.text("key"))
    if key.fingerprint != item.text("fingerprint"):
        item.refuse("fingerprint", "is not that of the key")
    return ListedKey(
        key,
        _level(item.text("assurance", _LEVEL)),
        frozenset(item.texts("environments")) if "environments" in item.values else None,
        item.moment("from") if "from" in item.values else None,
        item.moment("until") if "until" in item.values else None,
        item.digest("attestation") if "attestation" in item.values else "",
    )


def _rules(top: Fields) -> list[tuple[str, Fields]]:
    value = top.values["decisions"]
    if not isinstance(value, Mapping):
        top.refuse("decisions", "is not an object")
    return [(point, closed(rule, f"decisions.{point}", _RULE, _RULE_OPTIONAL)) for point, rule in value.items()]


def _read_rule(item: Fields) -> DecisionRule:
    levels = item.values["min_assurance"]
    if not isinstance(levels, Mapping):
        item.refuse("min_assurance", "is not an object")
    named = Fields(f"{item.where}.min_assurance", levels)
    return DecisionRule(
        all_of=tuple(_read_required(part) for part in item.parts("all_of", names("role"), names("when"))),
        any_of=item.texts("any_of"),
        quorum=item.integer("quorum"),
        valid_for=timedelta(seconds=item.integer("valid_for_s")),
        min_age=timedelta(seconds=item.integer("min_age_s")),
        not_author=_flag(item, "not_author"),
        not_requester=_flag(item, "not_requester"),
        distinct_people=_flag(item, "distinct_people"),
        unmapped_authors_block=_flag(item, "unmapped_authors_block"),
        allow_owner=_flag(item, "allow_owner"),
        cli_at_least=item.integer("cli_at_least"),
        min_assurance={name: _level(named.text(name, _LEVEL)) for name in levels},
        accept_low_assurance=item.optional_text("accept_low_assurance") or "",
        fast_path=_read_fast_path(item),
    )


def _read_fast_path(item: Fields) -> FastPath | None:
    if "fast_path" not in item.values:
        return None
    part = item.part("fast_path", names("fact values quorum"))
    return FastPath(When(part.text("fact"), frozenset(part.texts("values"))), part.integer("quorum"))


def _read_readers(top: Fields) -> dict[str, tuple[str, ...]]:
    value = top.values.get("readers", {})
    if not isinstance(value, Mapping):
        top.refuse("readers", "is not an object")
    named = Fields(f"{top.where}.readers", value)
    return {kind: named.texts(kind) for kind in value}


def _read_fido(top: Fields) -> Fido:
    if "fido" not in top.values:
        return Fido()
    part = top.part("fido", names("roots aaguids"))
    return Fido(frozenset(part.texts("roots")), frozenset(part.texts("aaguids")))


def _read_authority(item: Fields) -> CertAuthority:
    return CertAuthority(
        public_key(item.text("key")),
        item.texts("people"),
        timedelta(seconds=item.integer("max_lifetime_s")),
        frozenset(item.texts("environments")) if "environments" in item.values else None,
    )


def _read_required(part: Fields) -> RequiredRole:
    if "when" not in part.values:
        return RequiredRole(part.text("role"))
    when = part.part("when", names("fact values"))
    return RequiredRole(part.text("role"), When(when.text("fact"), frozenset(when.texts("values"))))


def _read_revocation(item: Fields) -> Revocation:
    reasons = re.compile("|".join(reason.value for reason in RevocationReason))
    reason = RevocationReason(item.text("reason", reasons))
    return Revocation(item.text("key"), item.moment("effective_from"), reason)


def _flag(item: Fields, name: str) -> bool:
    value = item.values[name]
    if not isinstance(value, bool):
        item.refuse(name, "is not true or false")
    return value


def _level(text: str) -> Assurance:
    return Assurance[text]
