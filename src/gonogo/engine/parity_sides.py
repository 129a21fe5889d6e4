"""Both environments as their sources describe them, with the rules and remedies that hold now (PAR-01, PAR-02, PAR-10).

The same for a run and for somebody who only looks (`gonogo parity`). Nothing that a source says is written anywhere:
files are read from the project, declared commands are asked over a pipe, secrets leave this module as fingerprints
under a salt that nobody keeps.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from gonogo.engine.bench import World
from gonogo.errors import BadInput, Broken, GonogoError, Refused
from gonogo.evidence.signers import Ring
from gonogo.evidence.sshsig import verify
from gonogo.measure.glob_rules import AcceptedDrift, ExpectedDifference, ParityRules, SeverityRule
from gonogo.measure.header import RawFile
from gonogo.measure.parity import AskedBefore, ParityReview, ParitySeen, Remedies, Side, SideRead, SideUnread
from gonogo.measure.parity_diff import Fingerprint, Leaf
from gonogo.measure.parity_leaves import SourceOptions, flattened
from gonogo.measure.parity_sources import MOST_BYTES
from gonogo.measure.providers import Settings
from gonogo.plan.parity_binding import (
    CLASSES,
    REVIEW_NAMESPACE,
    WHOLE,
    Remediation,
    environment_rules,
    read_remediation,
    read_reviews,
    read_rule_file,
)
from gonogo.plan.parity_project import BASELINE, RuleSet, SettingsSource
from gonogo.plan.project import CommandBinding, Environment, Project
from gonogo.ports import CommandSpec
from gonogo.terms import Digest, Secret, Severity, digest_of
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class SidesAsked:
    """What is compared: the project with its world, how its commands are started, and who may review."""

    world: World
    project: Project
    project_file: RawFile
    ring: Callable[[], Ring]
    spec: Callable[[CommandBinding, Environment], CommandSpec]


@dataclass(frozen=True, slots=True)
class _Read:
    """One source, read: its name, the digest of its bytes, whether it holds a secret, its leaves."""

    name: str
    digest: Digest
    keyed: bool
    values: Mapping[str, Leaf]


def sides_seen(
    asked: SidesAsked, salt: Secret, now: datetime, earlier: Mapping[str, AskedBefore] | None = None
) -> ParitySeen:
    """Both sides, rules and remedies as of `now`; BadInput where a rule or remedy file cannot be used."""
    rules, rules_file = rules_of(asked)
    remediation = _remediation(asked)
    files = asked.project.parity_files
    remedies = Remedies(
        plans=remediation.plans,
        marks=remediation.marks,
        reviews=_reviews(asked, now),
        earlier=earlier or {},
        owner=files.owner,
        answer_within=timedelta(seconds=float(files.answer_within)),
    )
    return ParitySeen(_side(asked, "staging", salt), _side(asked, "production", salt), rules, rules_file, remedies)


def _environment(asked: SidesAsked, kind: str) -> Environment:
    found = next((one for one in asked.project.environments.values() if one.kind == kind), None)
    if found is None:
        raise BadInput(f"the project has no environment of kind {kind}", next_step="add it under `environments`")
    return found


def sources_of(environment: Environment) -> Iterator[tuple[str, SettingsSource]]:
    """The sources of an environment with their class; without any, staging has its baseline file (PAR-10)."""
    if not environment.settings_by_class and environment.kind == "staging":
        yield WHOLE, SettingsSource(BASELINE, "", WHOLE, "", {}, environment.origin)
    for name in CLASSES:
        yield from ((name, source) for source in environment.settings_by_class.get(name, ()))


def _side(asked: SidesAsked, kind: str, salt: Secret) -> Side:
    environment = _environment(asked, kind)
    values: dict[str, Leaf] = {}
    read: list[_Read] = []
    faults: list[str] = []
    for below, source in sources_of(environment):
        try:
            found = _source(asked, environment, below, source, salt)
        except (BadInput, Broken, Refused) as error:
            faults.append(_fault(source, error))
            continue
        twice = next((path for path in found.values if path in values), None)
        if twice is not None:
            faults.append(
                f"{found.name}: {twice} stands in an earlier source of this environment, too; keep one of the two"
            )
        values.update(found.values)
        read.append(found)
    if faults:
        return SideUnread(kind, "; ".join(faults))
    if not read:
        advice = f"bind `environments.{environment.name}.settings` in gonogo.yaml"
        return SideUnread(kind, f"no source of settings is bound for {kind}; {advice}")
    keyed = any(one.keyed for one in read)
    if len(read) == 1:
        return SideRead(RawFile(read[0].name, read[0].digest), values, keyed)
    listed = "".join(f"{one.digest}  {one.name}\n" for one in read)
    return SideRead(RawFile("+".join(one.name for one in read), digest_of(listed.encode())), values, keyed)


def _fault(source: SettingsSource, error: GonogoError) -> str:
    place = error.where if error.where.startswith(source.name) else f"{source.name}: {error.where}".rstrip(": ")
    what = error.what.removeprefix(f"{place} ")
    return f"{place}: {what}" + (f" ({error.next_step})" if error.next_step else "")


def _source(asked: SidesAsked, environment: Environment, below: str, source: SettingsSource, salt: Secret) -> _Read:
    if not source.form:
        raise BadInput("nobody knows how to read it", where=source.name, next_step="say its `format`")
    data = _bytes(asked, environment, source)
    settings = asked.world.providers.settings(source.form, data, source.name)
    whole = source.form == WHOLE
    for part in reversed([part for part in source.below.split("/") if part]):
        settings = {part: settings}
    options = SourceOptions("" if whole else below, salt)
    values = _renamed(flattened(_known(settings, whole, source), source.name, options), source)
    keyed = any(isinstance(leaf, Fingerprint) for leaf in values.values())
    digest = Digest(hmac.digest(salt.reveal().encode(), data, "sha256").hex()) if keyed else digest_of(data)
    return _Read(source.name, digest, keyed, values)


def _known(settings: Settings, whole: bool, source: SettingsSource) -> Settings:  # noqa: FBT001 - of one private call
    if not settings:
        raise BadInput("it holds no setting at all", where=source.name, next_step="look at what writes it")
    if whole and source.below:
        raise BadInput("a whole description has its own classes", where=source.name, next_step="leave `below` out")
    return settings


def _renamed(values: Mapping[str, Leaf], source: SettingsSource) -> Mapping[str, Leaf]:
    if not source.rename:
        return values
    found: dict[str, Leaf] = {}
    for path, leaf in values.items():
        name = "/".join(source.rename.get(part, part) for part in path.split("/"))
        if name in found:
            raise BadInput(f"{name} stands twice after `rename`", where=source.name, next_step="correct `rename`")
        found[name] = leaf
    return found


def _bytes(asked: SidesAsked, environment: Environment, source: SettingsSource) -> bytes:
    if source.path:
        return asked.world.files.read(source.path, limit=MOST_BYTES)
    binding = asked.project.commands[source.command]
    return asked.world.asker.ask(asked.spec(binding, environment), MOST_BYTES)


def rules_of(asked: SidesAsked) -> tuple[ParityRules, RawFile]:
    """The rules that hold, and what bears them: the project's own, then the rule file's, then the baseline's."""
    found = [RuleSet(asked.project.parity, asked.project.accepted_drift)]
    bearing = asked.project_file
    path = asked.project.parity_files.rules
    if path:
        data = asked.world.files.read(path)
        rules = read_rule_file(data, path)
        found.append(rules)
        bearing = RawFile(f"{asked.project_file.name}+{path} version {rules.version}", _joined(bearing.sha256, data))
    for source in (source for _, source in sources_of(_environment(asked, "staging")) if source.form == WHOLE):
        seen = asked.world.files.see(source.path)
        if seen.digest is not None:
            found.append(environment_rules(asked.world.files.read(source.path), source.path))
    return _parity_rules(found), bearing


def _joined(digest: Digest, data: bytes) -> Digest:
    return digest_of(f"{digest}\n{digest_of(data)}\n".encode())


def _parity_rules(found: list[RuleSet]) -> ParityRules:
    rules = [rule for one in found for rule in one.rules]
    return ParityRules(
        tuple(SeverityRule(rule.pattern, Severity[rule.severity.upper()], Decimal(rule.weight)) for rule in rules),
        tuple(
            ExpectedDifference(rule.pattern, rule.reason, must_differ=rule.must_differ)
            for rule in rules
            if rule.expected
        ),
        tuple(
            AcceptedDrift(item.path, item.owner, item.reason, datetime.fromisoformat(item.until))
            for one in found
            for item in one.accepted
        ),
    )


def _remediation(asked: SidesAsked) -> Remediation:
    path = asked.project.parity_files.remediation
    if asked.world.files.see(path).digest is None:
        return Remediation()
    return read_remediation(asked.world.files.read(path), path)


def _reviews(asked: SidesAsked, now: datetime) -> tuple[ParityReview, ...]:
    """The reviews that a listed person signed; Refused where the file is there and its signature does not count."""
    path = asked.project.parity_files.reviews
    if asked.world.files.see(path).digest is None:
        return ()
    data = asked.world.files.read(path)
    signature = f"{path}.sig"
    advice = f"sign it: ssh-keygen -Y sign -n {REVIEW_NAMESPACE} -f YOUR-KEY {path}"
    if asked.world.files.see(signature).digest is None:
        raise Refused("nobody signed this review", where=path, next_step=advice)
    key = verify(asked.world.files.read(signature), data, REVIEW_NAMESPACE)
    ring = asked.ring()
    person = ring.owner_of(key)
    valid = any(one.key.blob == key.blob and one.valid_at(now) for one in (person.keys if person else ()))
    if person is None or not valid or ring.revocation(key) is not None:
        raise Refused("the review is signed by nobody who is listed", where=signature, next_step=advice)
    return tuple(ParityReview(item.path, person.handle, item.until) for item in read_reviews(data, path))
