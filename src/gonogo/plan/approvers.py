"""Reads `config/release-approvers.yaml`: people, roles, keys, and who decides what (CFG-04, F41; trust section 3.2).

Light by default: a person may be a handle with roles and plain SSH public keys, a decision a list of roles. Stricter
settings are further keys of the same file.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gonogo.document.yaml_nodes import Items, Pairs, Scalar, read_yaml
from gonogo.errors import GonogoError
from gonogo.evidence.handles import HANDLE
from gonogo.evidence.signers import (
    DEFAULT,
    LEARNED,
    ROLE,
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
from gonogo.findings import Finding
from gonogo.plan.approvers_anchors import anchor_rules
from gonogo.plan.reading import WRONG_KIND, WRONG_VALUE, Findings, Section
from gonogo.terms import digest_of
from gonogo.values import dataclass

SCHEMA = "gonogo/approvers/1"
UNUSABLE_KEY = "TL09"
_NAME = HANDLE.pattern
_ROLE = ROLE.pattern
_LEVELS = ("H0", "H1", "H2")
_SHA256 = r"[0-9a-f]{64}"
_WHEN = re.compile(r"([a-z_]+)\s+in\s+\[([a-z_, ]+)\]\Z")


@dataclass(frozen=True, slots=True)
class ApproversReading:
    """What came of reading the approvers file: usable only where no finding is an error."""

    ring: Ring
    findings: tuple[Finding, ...]


def read_approvers(data: bytes, file: str, notes: Findings | None = None) -> ApproversReading:
    """Read the approvers file; BadInput only where it is no YAML at all."""
    notes = notes or Findings()
    top = Section(read_yaml(data, file), "", notes)
    top.choice("schema", (SCHEMA,))
    people = tuple(_person(item) for item in top.sections("people", required=True))
    decisions = {name: _decision(child) for name, child in top.section("decisions").children()}
    admins = top.section("admins", required=False)
    ring = Ring(
        people=people,
        decisions=decisions,
        freeze_stakeholders=top.texts("freeze_stakeholders", ()),
        admins=admins.texts("people", ()),
        admin_threshold=admins.integer("threshold", 1, least=1),
        engines=tuple(engine for item in top.sections("engines") if (engine := _engine(item))),
        revoked=tuple(_revocation(item) for item in top.sections("revoked")),
        web=_web(top.section("web", required=False)),
        site=top.text("site", "local", pattern=r"[a-z0-9][a-z0-9./-]{0,63}"),
        anchors=anchor_rules(top.section("anchors", required=False)),
        version=top.integer("version", 1, least=1),
        expires=_moment(top, "expires"),
        digest=digest_of(data),
        strict=top.flag("strict", default=False),
        governed=tuple(Governed(path) for path in top.texts("governed", ())),
        fido=_fido(top.section("fido", required=False)),
        cert_authorities=tuple(found for item in top.sections("cert_authorities") if (found := _authority(item))),
        readers=_readers(top.section("readers", required=False)),
    )
    admins.finish()
    for known in ("notify", "escalation"):
        top.node(known, required=False)
    top.finish()
    _cross_check(ring, top, notes)
    return ApproversReading(ring, tuple(notes.found))


def _person(section: Section) -> ListedPerson:
    found = ListedPerson(
        handle=section.text("id", pattern=_NAME, kind="a handle of lower-case letters, digits, . _ -"),
        name=section.text("name", ""),
        roles=frozenset(section.texts("roles")),
        keys=tuple(_keys(section)),
        identities=tuple(sorted({digest_of(text.lower().encode()) for text in section.texts("identities", ())})),
    )
    section.node("contact", required=False)
    section.finish()
    return found


def _keys(section: Section) -> list[ListedKey]:
    node = section.node("keys")
    found: list[ListedKey] = []
    if node is None:
        return found
    if not isinstance(node, Items):
        section.notes.error(WRONG_KIND, f"`{section.path}.keys` must be a list of public keys", node.origin)
        return found
    for index, item in enumerate(node.items):
        if isinstance(item, Scalar):
            plain = Section(Pairs({}, {}, item.origin), "", section.notes, (*section.place, "keys", "[]"))
            listed = _listed_key(item.text, plain)
        else:
            child = Section(item, f"{section.path}.keys[{index}]", section.notes, (*section.place, "keys", "[]"))
            listed = _listed_key(child.text("key"), child)
            child.finish()
        if listed is not None:
            found.append(listed)
    return found


def _listed_key(line: str, options: Section) -> ListedKey | None:
    try:
        key = public_key(line)
    except GonogoError as error:
        options.notes.error(UNUSABLE_KEY, f"not a usable SSH public key: {error.what}", options.origin)
        return None
    environments = options.texts("environments", ())
    return ListedKey(
        key,
        Assurance[options.choice("assurance", _LEVELS, "H0")],
        frozenset(environments) or None,
        _moment(options, "from"),
        _moment(options, "until"),
        options.text("attestation", "", pattern=_SHA256, kind="the SHA-256 that `gonogo keys enrol` wrote"),
    )


def _decision(section: Section) -> DecisionRule:
    found = DecisionRule(
        all_of=tuple(_required(section)),
        any_of=section.texts("any_of", ()),
        quorum=section.integer("quorum", 1, least=1),
        valid_for=timedelta(seconds=float(section.seconds("valid_for", Decimal(72 * 3600)))),
        min_age=timedelta(seconds=float(section.seconds("min_age", Decimal(0)))),
        not_author=section.flag("not_author", default=True),
        not_requester=section.flag("not_requester", default=True),
        distinct_people=section.flag("distinct_people", default=True),
        unmapped_authors_block=section.choice("unmapped_authors", ("block", "allow"), "block") == "block",
        allow_owner=section.flag("allow_owner", default=False),
        cli_at_least=section.integer("cli_at_least", 0),
        min_assurance=_assurance(section.section("min_assurance", required=False)),
        accept_low_assurance=section.text("accept_low_assurance", ""),
        fast_path=_fast_path(section.optional("fast_path")),
    )
    section.finish()
    if not found.all_of and not found.any_of:
        section.notes.error(WRONG_VALUE, f"`{section.path}` names no role; nobody could decide", section.origin)
    return found


def _required(section: Section) -> list[RequiredRole]:
    node = section.node("all_of", required=False)
    if node is None:
        return []
    if isinstance(node, Scalar):
        return [RequiredRole(node.text)]
    items = node.items if isinstance(node, Items) else ()
    found: list[RequiredRole] = []
    for index, item in enumerate(items):
        if isinstance(item, Scalar):
            found.append(RequiredRole(item.text))
            continue
        child = Section(item, f"{section.path}.all_of[{index}]", section.notes, (*section.place, "all_of", "[]"))
        found.append(RequiredRole(child.text("role", pattern=_ROLE), _when(child)))
        child.finish()
    return found


def _when(section: Section) -> When | None:
    text = section.text("when", "")
    if not text:
        return None
    match = _WHEN.match(text)
    if not match:
        section.notes.error(WRONG_VALUE, f"`{text}` is no condition", section.origin, "write `fact in [value, value]`")
        return None
    return When(match[1], frozenset(part.strip() for part in match[2].split(",") if part.strip()))


def _fast_path(section: Section | None) -> FastPath | None:
    if section is None:
        return None
    when, quorum = _when(section), section.integer("quorum", least=1)
    section.finish()
    if when is None:
        section.notes.error(WRONG_VALUE, f"`{section.path}` does not say `when`", section.origin, _LOW_RISK)
        return None
    return FastPath(when, quorum)


_LOW_RISK = 'write for example when: "security_impact in [no]"'


def _assurance(section: Section) -> dict[str, Assurance]:
    found = {name: Assurance[section.choice(name, _LEVELS, "H0")] for name in section.names()}
    section.finish()
    return found


def _engine(section: Section) -> EngineKey | None:
    line = section.text("key")
    name = section.text("name", pattern=r"[a-z0-9][a-z0-9._-]{0,31}")
    for known in ("from", "until"):
        section.node(known, required=False)
    section.finish()
    try:
        return EngineKey(name, public_key(line))
    except GonogoError as error:
        section.notes.error(UNUSABLE_KEY, f"not a usable SSH public key: {error.what}", section.origin)
        return None


def _revocation(section: Section) -> Revocation:
    reasons = tuple(reason.value for reason in RevocationReason)
    since = _moment(section, "effective_from")
    found = Revocation(
        section.text("key", pattern=r"SHA256:[A-Za-z0-9+/]{43}", kind="a fingerprint such as SHA256:..."),
        since or datetime.min.replace(tzinfo=UTC),
        RevocationReason(section.choice("reason", reasons)),
    )
    section.node("at", required=False)
    section.finish()
    return found


def _web(section: Section) -> Web:
    found = Web(
        frozenset(section.texts("rp_ids", ())),
        frozenset(section.texts("origins", ())),
        Assurance[section.choice("synced_passkeys", _LEVELS, "H0")],
    )
    section.finish()
    return found


def _fido(section: Section) -> Fido:
    roots, models = section.texts("roots", ()), section.texts("aaguids", ())
    found = Fido(frozenset(roots), frozenset(model.replace("-", "").lower() for model in models))
    section.finish()
    for name, texts, pattern in (("roots", roots, _SHA256), ("aaguids", sorted(found.aaguids), r"[0-9a-f]{32}")):
        for text in texts:
            if not re.fullmatch(pattern, text):
                what = f"`fido.{name}` holds `{text}`, which has another form"
                section.notes.error(WRONG_VALUE, what, section.origin_of(name))
    return found


def _authority(section: Section) -> CertAuthority | None:
    line = section.text("key")
    environments = section.texts("environments", ())
    people, lifetime = section.texts("people"), section.seconds("max_lifetime", Decimal(0))
    section.finish()
    try:
        key = public_key(line)
    except GonogoError as error:
        section.notes.error(UNUSABLE_KEY, f"not a usable SSH public key: {error.what}", section.origin)
        return None
    return CertAuthority(key, people, timedelta(seconds=float(lifetime)), frozenset(environments) or None)


def _moment(section: Section, key: str) -> datetime | None:
    text = section.text(key, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        kind = "a time with zone such as 2027-01-01T00:00:00Z"
        section.notes.error(WRONG_VALUE, f"`{key}` is `{text}`; it must be {kind}", section.origin_of(key))
        return None
    return moment


def _readers(section: Section) -> dict[str, tuple[str, ...]]:
    """Who may read what was learned, by kind. A kind with an empty list can be read by nobody, and is refused."""
    found = {kind: roles for kind in LEARNED if (roles := section.texts(kind, ())) or section.has(kind)}
    section.finish()
    for kind, roles in found.items():
        if not roles:
            section.notes.error(
                WRONG_VALUE, f"`readers.{kind}` names no role; nobody could read it", section.origin_of(kind)
            )
    return found


def _cross_check(ring: Ring, top: Section, notes: Findings) -> None:
    handles = [person.handle for person in ring.people]
    for handle in {handle for handle in handles if handles.count(handle) > 1}:
        notes.error(WRONG_VALUE, f"the person `{handle}` is listed twice", top.origin_of("people"))
    blobs: dict[bytes, str] = {}
    for person in ring.people:
        for listed in person.keys:
            other = blobs.setdefault(listed.key.blob, person.handle)
            if other != person.handle:
                what = f"`{other}` and `{person.handle}` have the same key {listed.key.fingerprint}"
                notes.error(WRONG_VALUE, what, top.origin_of("people"), "a key belongs to one person")
    for name in ring.freeze_stakeholders:
        if ring.person(name) is None:
            notes.error(
                WRONG_VALUE, f"freeze stakeholder `{name}` is not in `people`", top.origin_of("freeze_stakeholders")
            )
    for kind, roles in ring.readers.items():
        for role in roles:
            if not ring.holding(role):
                what = f"`readers.{kind}` names the role {role}, and nobody has it"
                notes.error(WRONG_VALUE, what, top.section("readers").origin_of(kind))
    for point, rule in ring.decisions.items():
        _check_rule(point, rule, ring, top, notes)


def _check_rule(point: str, rule: DecisionRule, ring: Ring, top: Section, notes: Findings) -> None:
    origin = top.section("decisions").origin_of(point)
    if rule.fast_path is not None and rule.fast_path.quorum > rule.quorum:
        notes.error(WRONG_VALUE, f"`decisions.{point}.fast_path` asks more people than the decision itself", origin)
    for role in sorted(required.role for required in rule.all_of if required.when is None):
        if not ring.holding(role):
            notes.error(WRONG_VALUE, f"`decisions.{point}` needs a {role}, and nobody has that role", origin)
    if rule.any_of and not any(ring.holding(role) for role in rule.any_of):
        notes.error(WRONG_VALUE, f"`decisions.{point}` needs one of {', '.join(rule.any_of)}; nobody has one", origin)
    if point == DEFAULT and rule.accept_low_assurance:
        notes.error(WRONG_VALUE, "`accept_low_assurance` belongs to `decisions.production`", origin)
    able = {person.handle for role in rule.roles for person in ring.holding(role)}
    if len(able) < rule.quorum:
        notes.error(WRONG_VALUE, f"`decisions.{point}` needs {rule.quorum} people; only {len(able)} could sign", origin)
