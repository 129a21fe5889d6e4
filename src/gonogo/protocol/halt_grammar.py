"""Halt sentences as effects and conditions (compiler section 7; DOC-15).

A sentence is cut into clauses; the verb at the head of each clause gives its effect. All effects are kept. A sentence
without a known verb is a halt all the same: it acts as stop, and the linter says so (GN0308).
"""

from __future__ import annotations

import re

from gonogo.findings import Origin
from gonogo.protocol.model import Halt, HaltEffect, Predicate

_NONE = re.compile(
    r"^(none\b(?! of)|n/?a\b|not applicable\b|no halt\b|nothing\b|-+$)|\b(does|do|will) not block\b", re.IGNORECASE
)
_CUT = re.compile(r"[;.→]\s+|\s*→\s*|,\s+|\s+(?:and|then|&)\s+|\s+[-–—]{1,2}\s+|:\s+", re.IGNORECASE)
_LEAD_IN = re.compile(
    r"^(?:and|then|also|immediately|automatically|always|please|you|we|must|should|shall|will|the run|engine)\s+"
)
_VERBS: tuple[tuple[HaltEffect, re.Pattern[str]], ...] = tuple(
    (effect, re.compile(pattern))
    for effect, pattern in (
        (
            HaltEffect.HOLD,
            (
                r"(await|wait (for|until|on)|hold\b|(pause|stop|halt|suspend|block)( \w+){0,4} (until|pending)\b"
                r"|pause for\b|requires? (\w+[\s/-]){0,5}(approval|confirmation|sign-?off"
                r"|acknowledge?ment|authori[sz]ation)"
                r"|(delay|defer|postpone|withhold)\b|(do not|don't|never|cannot|must not"
                r"|may not) .*\b(without|until|unless|before)\b)"
            ),
        ),
        (
            HaltEffect.ROLLBACK,
            (
                r"((trigger|initiate|execute|perform|start|begin|invoke|run|automatic)( an"
                r"| the)?( immediate| automatic| full)?"
                r"( \w+)? rollback|roll(ing)? ?back\b)"
            ),
        ),
        (HaltEffect.ESCALATE, r"escalate\b"),
        (HaltEffect.PAUSE, r"pause\b"),
        (
            HaltEffect.STOP,
            (
                r"(stop|halt|abort|suspend|block|cancel|terminate)\b|(do not|don't|never|cannot|must not|may not)"
                r" (continue|proceed|start|begin|deploy|release|advance|promote|relight|move"
                r"|go|execute|run|merge|hand)\b"
            ),
        ),
    )
)
_PASSIVE = re.compile(r"\b(halts|stops|aborts|blocks|(is|are|be) (halted|stopped|aborted|blocked|suspended))\b")
_CONDITION = re.compile(r"\b(?:if|when|whenever|in case|should|once|upon)\b\s+(?P<text>.+)$", re.IGNORECASE)
_AWAITS = re.compile(r"^(?:await|wait for|wait on|hold for)\s+(?P<text>.+?)(?:\s+before\s.*)?$", re.IGNORECASE)
_WAITS = re.compile(r"\b(?P<text>(?:until|without|unless|before|for|pending)\b\s+.+)$", re.IGNORECASE)
_LIFTED = re.compile(r"\b(?:without|unless|absent)\b\s+(?P<by>[^;.,]+)", re.IGNORECASE)
_OR = re.compile(r"\s+or\s+|,\s+|\s+and\s+", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"^\s*[\[{<]")

_PREDICATES: tuple[tuple[Predicate, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (Predicate.CHECKSUM_INVALID, r"\b(checksum|hash|digest|signature)s?\b.*\b(invalid|mismatch|differ|wrong|fail)"),
        (
            Predicate.APPROVAL_MISSING,
            (
                r"\b(approval|sign-?off|consent|authori[sz]ation|acknowledge?ment)s?\b.*"
                r"\b(missing|withheld|absent|denied|not|incomplete|expired|declined|lacking|rejected)"
            ),
        ),
        (Predicate.BOUND_EXCEEDED, r"\b(exceed|above|over|below|under|beyond|breach)"),
        (Predicate.CHECK_FAILED, r"\b(tests?|checks?|suites?|validations?|probes?|scans?)\b.*\bfail"),
        (
            Predicate.COMMAND_FAILED,
            r"\b(command|script|automation|deployment|rollback|pipeline|job|build|run)s?\b.*\b(fail|error|crash)",
        ),
        (Predicate.ARTIFACT_MISSING, r"\b(missing|expired|outdated|stale|absent|not found|unavailable|incomplete)\b"),
        (
            Predicate.FINDINGS_PRESENT,
            (
                r"\b(drift|findings?|vulnerabilit(y|ies)|issues?|errors?)\b.*"
                r"\b(exists?|present|identified|detected|found|occurs?|encountered|remain|open)"
            ),
        ),
    )
)


def parse_halt(text: str, origin: Origin, *, lead: str = "", branch: bool = False) -> Halt | None:
    """Read one halt sentence; None where it says that there is no halt.

    `lead` is put before the sentence for reading only: under a label `HALT IF` the sentence is a bare condition.
    """
    words = " ".join(text.replace("**", "").replace("`", "").split()).strip()
    if not words or _NONE.search(words.strip(" .*_()")):
        return None
    sentence = f"{lead} {words}".strip().replace("[HALT]", "halt").lower().lstrip("[( ")
    effects = _effects(sentence)
    known = bool(effects) and not _PLACEHOLDER.match(words.replace("[HALT]", ""))
    condition = _condition(f"{lead} {words}".strip())
    predicates, judged = _predicates(condition.lower())
    return Halt(
        text=words,
        effects=effects or frozenset({HaltEffect.STOP}),
        condition=condition,
        lifted_by=_lifted(words),
        known=known,
        origin=origin,
        predicates=predicates,
        judged_by_person=judged,
        branch=branch,
    )


def effects_of(text: str) -> frozenset[HaltEffect]:
    """The halting effects that `text` names at the heads of its clauses; none for other prose."""
    return _effects(" ".join(text.replace("**", "").replace("`", "").split()).lower())


def _effects(sentence: str) -> frozenset[HaltEffect]:
    found = {effect for effect in map(_effect, _CUT.split(sentence)) if effect is not None}
    if not found and _PASSIVE.search(sentence):
        found = {HaltEffect.STOP}
    return frozenset(found)


def _effect(clause: str) -> HaltEffect | None:
    clause = clause.strip().lstrip("[(*_ ").rstrip("])")
    while (lead := _LEAD_IN.match(clause)) is not None:
        clause = clause[lead.end() :]
    return next((effect for effect, pattern in _VERBS if pattern.match(clause)), None)


def _condition(sentence: str) -> str:
    match = _CONDITION.search(sentence)
    if match is None:
        match = _AWAITS.match(sentence) or _WAITS.search(sentence)
        return "" if match is None else match["text"].strip().rstrip(".")
    condition = match["text"].strip()
    if match.start() == 0:
        condition = re.split(r",\s+|\s*→\s*|:\s+", condition, maxsplit=1)[0]
    return condition.strip().rstrip(".")


def _lifted(words: str) -> str | None:
    condition = _CONDITION.search(words)
    if condition is None:
        match = re.search(r"\bunless\b\s+(?P<by>[^;.]+)", words, re.IGNORECASE)
        return None if match is None or words.lower().startswith(("do not", "don't", "never")) else match["by"].strip()
    match = _LIFTED.search(condition["text"])
    return None if match is None else match["by"].strip().rstrip(".")


def _predicates(condition: str) -> tuple[frozenset[Predicate], bool]:
    """The machine-readable conditions among the parts, and whether a part is left that a person has to judge."""
    if not condition:
        return frozenset(), True
    whole = _predicate(condition)
    parts = [_predicate(part) for part in _OR.split(condition)]
    known = frozenset(part for part in (*parts, whole) if part is not None)
    return known, not all(parts) or not known


def _predicate(part: str) -> Predicate | None:
    return next((kind for kind, pattern in _PREDICATES if pattern.search(part)), None)
