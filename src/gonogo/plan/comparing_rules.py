"""What became stronger or weaker between two versions of a file of parity rules (PAR-12).

As everywhere, what cannot be shown to be as strict is weaker: a rule that comes to stand before others may hide them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from gonogo.findings import Origin
from gonogo.plan.parity_binding import SEVERITIES
from gonogo.plan.parity_project import AcceptedDrift, ParityRule, RuleSet
from gonogo.protocol.change import Change, Direction

_NOWHERE = Origin("", 1, 1)
UNLISTED = ParityRule("", "medium", 1, expected=False, must_differ=False, reason="", origin=_NOWHERE)
"""How a path is rated that no rule names (III.6)."""


def compare_rules(old: RuleSet, new: RuleSet) -> tuple[Change, ...]:
    """Every change from `old` to `new`, rules first, then accepted drift, then the version."""
    changes = [*_rules(old, new), *_order(old, new), *_accepted(old, new)]
    return (*changes, *_version(old, new, changed=bool(changes)))


def _rules(old: RuleSet, new: RuleSet) -> Iterator[Change]:
    before, after = _by_pattern(old.rules), _by_pattern(new.rules)
    for pattern in dict.fromkeys((*before, *after)):
        was, now = before.get(pattern), after.get(pattern)
        if was is not None and now is not None:
            yield from _changed(was, now)
        elif was is not None:
            others = (UNLISTED, *_after(old.rules, was))
            yield _rule_change(_direction(stronger=all(_as_strict(other, was) for other in others)), was, None)
        elif now is not None:
            others = (UNLISTED, *old.rules)
            yield _rule_change(_direction(stronger=all(_as_strict(now, other) for other in others)), None, now)


def _changed(was: ParityRule, now: ParityRule) -> Iterator[Change]:
    if _shown(was) != _shown(now):
        yield _rule_change(_direction(stronger=_as_strict(now, was)), was, now)
    elif was.reason != now.reason:
        yield Change(Direction.OTHER, was.pattern, "reason", was.reason, now.reason, was.origin, now.origin)


def _as_strict(rule: ParityRule, other: ParityRule) -> bool:
    """Whether nothing that `other` counts as drift is less drift under `rule`."""
    if rule.must_differ != other.must_differ:
        return rule.must_differ and other.expected
    if rule.expected and not other.expected:
        return False
    return SEVERITIES.index(rule.severity) >= SEVERITIES.index(other.severity) and rule.weight >= other.weight


def _shown(rule: ParityRule) -> str:
    words = [rule.severity, f"weight {rule.weight}"]
    words += ["must differ"] if rule.must_differ else ["expected"] if rule.expected else []
    return ", ".join(words)


def _by_pattern(rules: Iterable[ParityRule]) -> Mapping[str, ParityRule]:
    found: dict[str, ParityRule] = {}
    for rule in rules:
        found.setdefault(rule.pattern, rule)
    return found


def _after(rules: tuple[ParityRule, ...], rule: ParityRule) -> tuple[ParityRule, ...]:
    return rules[rules.index(rule) + 1 :]


def _order(old: RuleSet, new: RuleSet) -> Iterator[Change]:
    before, after = _by_pattern(old.rules), _by_pattern(new.rules)
    left = [pattern for pattern in before if pattern in after]
    right = [pattern for pattern in after if pattern in before]
    if left != right:
        moved = next(pattern for pattern, other in zip(left, right, strict=True) if pattern != other)
        yield Change(
            Direction.WEAKER, moved, "order", "", "the first match counts", before[moved].origin, after[moved].origin
        )


def _accepted(old: RuleSet, new: RuleSet) -> Iterator[Change]:
    before = {item.path: item for item in old.accepted}
    after = {item.path: item for item in new.accepted}
    for path in dict.fromkeys((*before, *after)):
        was, now = before.get(path), after.get(path)
        if was is None or now is None:
            direction = Direction.STRONGER if now is None else Direction.WEAKER
            texts = (_terms(was) if was else "", _terms(now) if now else "")
            yield Change(
                direction, path, "accepted drift", *texts, was.origin if was else None, now.origin if now else None
            )
        elif _terms(was) != _terms(now):
            yield Change(_later(was, now), path, "accepted drift", _terms(was), _terms(now), was.origin, now.origin)


def _later(was: AcceptedDrift, now: AcceptedDrift) -> Direction:
    ends, ended = datetime.fromisoformat(now.until), datetime.fromisoformat(was.until)
    return Direction.WEAKER if ends > ended else Direction.STRONGER if ends < ended else Direction.OTHER


def _terms(item: AcceptedDrift) -> str:
    return f"until {item.until} by {item.owner}: {item.reason}"


def _version(old: RuleSet, new: RuleSet, *, changed: bool) -> Iterator[Change]:
    if new.version != old.version:
        direction = Direction.OTHER if new.version > old.version else Direction.WEAKER
        yield Change(direction, "file", "version", str(old.version), str(new.version), None, None)
    elif changed:
        yield Change(Direction.WEAKER, "file", "version", f"{old.version}", f"{new.version} (not raised)", None, None)


def _rule_change(direction: Direction, was: ParityRule | None, now: ParityRule | None) -> Change:
    texts = (_shown(was) if was else "", _shown(now) if now else "")
    pattern = (was or now or UNLISTED).pattern
    return Change(direction, pattern, "rule", *texts, was.origin if was else None, now.origin if now else None)


def _direction(*, stronger: bool) -> Direction:
    return Direction.STRONGER if stronger else Direction.WEAKER
