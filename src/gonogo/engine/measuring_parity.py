"""Staging against production by their settings files, class by class (PAR-01..PAR-09)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from gonogo.engine.bench import Bench, Looked
from gonogo.errors import BadInput
from gonogo.measure.glob_rules import AcceptedDrift, ExpectedDifference, ParityRules, SeverityRule
from gonogo.measure.header import RawFile
from gonogo.measure.parity import ParitySeen, Side, SideRead, SideUnread, parity_body
from gonogo.measure.parity_diff import Leaf
from gonogo.measure.parity_forms import read_source
from gonogo.measure.parity_leaves import SourceOptions
from gonogo.terms import Secret, Severity, digest_of

FORMS: Mapping[str, str] = {".env": "env", ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}


def _side(bench: Bench, kind: str, salt: Secret) -> Side:
    environment = bench.environment(kind)
    values: dict[str, Leaf] = {}
    files: list[RawFile] = []
    for below, path in ((below, path) for below, paths in environment.settings_by_class.items() for path in paths):
        form = next((form for ending, form in FORMS.items() if path.endswith(ending)), None)
        if form is None:
            return SideUnread(path, f"nobody knows how to read it; known endings: {', '.join(FORMS)}")
        try:
            data = bench.world.files.read(path)
            found = read_source(data, form, path, SourceOptions(below, salt))
        except BadInput as error:
            return SideUnread(path, f"{error.where}: {error.what}" if error.where else error.what)
        twice = next((name for name in found if name in values), None)
        if twice is not None:
            return SideUnread(path, f"{twice} stands in an earlier file of this environment, too; keep one of the two")
        values.update(found)
        files.append(RawFile(path, digest_of(data)))
    if not files:
        return SideUnread(kind, "no settings file is bound")
    listed = "".join(f"{file.sha256}  {file.name}\n" for file in files)
    joined = files[0] if len(files) == 1 else RawFile("+".join(file.name for file in files), digest_of(listed.encode()))
    return SideRead(joined, values)


def parity_rules(bench: Bench) -> ParityRules:
    """The project's rules for rating differences."""
    severities, expected = [], []
    for rule in bench.plan.project.parity:
        severities.append(SeverityRule(rule.pattern, Severity[rule.severity.upper()], Decimal(rule.weight)))
        if rule.expected:
            expected.append(ExpectedDifference(rule.pattern, "declared in the project file"))
    accepted = tuple(
        AcceptedDrift(item.path, item.owner, item.reason, datetime.fromisoformat(item.until))
        for item in bench.plan.project.accepted_drift
    )
    return ParityRules(tuple(severities), tuple(expected), accepted)


def parity(bench: Bench) -> Looked:
    """Staging and production, setting by setting; secrets as fingerprints under a salt that nobody keeps (PAR-02)."""
    salt = Secret(secrets.token_hex(32))
    rules_file = RawFile("gonogo.yaml", bench.plan.sources["project"])
    seen = ParitySeen(_side(bench, "staging", salt), _side(bench, "production", salt), parity_rules(bench), rules_file)
    body = parity_body(seen, bench.now)
    found = body["staging_parity"]
    severity = found.get("drift_severity") if isinstance(found, Mapping) else None
    ok = severity in {"none", "low"}
    return Looked(ok=ok, files=(bench.json("staging-parity-report.json", body),), detail="" if ok else _drift(body))


def _drift(body: Mapping[str, object]) -> str:
    lines = ["staging and production differ:"]
    for key in ("differences", "not_comparable"):
        rows = body.get(key)
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, Mapping):
                what = row.get("reason") or f"staging {row.get('staging')}, production {row.get('production')}"
                lines.append(f"  - {row.get('path')}: {what} ({row.get('severity', 'not comparable')})")
    lines.append("  next: bring the two sides together, or declare the difference under `parity` / `accepted_drift`")
    return "\n".join(lines)
