"""Phrases that would let a run go on past a halt, a check or a gate (GN0401; DOC-26, C20 to C23; T6).

They are looked for in every line of a protocol, whatever the line is: nothing that stands in the document may say so.
The halt or gate beside such a phrase stands; the phrase is never executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gonogo.values import dataclass

_MOTION = (
    "proceed proceeding continue continuing go going carry carrying move moving advance deploy release ship launch"
    " promote"
    " merge relight"
)
_GO = (
    r"(?:proceed(?:ing)?|continu(?:e|ing)|go(?:ing)? (?:on|ahead)|carry(?:ing)? on|mov(?:e|ing) (?:on"
    r"|forward|ahead)|advance"
    r"|deploy|release|ship|launch|promote|merge|relight)"
)
_GATE = (
    r"(?:gates?|checks?|checklist|tests?|validations?|approvals?|halts?|halt conditions?|reviews?|scans?|verifications?"
    r"|steps?|sign-?offs?|controls?|guardrails?|thresholds?|prerequisites?|quality)"
)
_FAIL = (
    r"(?:fail(?:s|ed|ing|ures?)?|drift|errors?|gaps?|issues?|missing|incomplete|unresolved|findings?|violations?|red"
    r"|warnings?|without (?:approval|sign-?off|evidence))"
)
_ANY = r"(?:\s+(?:the|this|any|all|these|that|its|an?))?"
_THING = rf"(?:{_GATE}|conditions?|failures?|errors?|findings?|drift|alerts?|evidence|signatures?|rollback|limits?)"
_KIND = (
    r"(?:\s+(?:failed|failing|quality|remaining|flaky|security|pending|mandatory|required|production|halt|gate|approval"
    r"|missing|signature|evidence))*"
)

_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        _MOTION,
        (
            rf"\b{_GO}\s+(?:tentatively|provisionally|conditionally|anyway|regardless|at (?:your|our|own) (?:own )?risk"
            r"|optimistically|for now|unconditionally|nonetheless|nevertheless|manually without)\b"
        ),
    ),
    (
        _MOTION,
        (
            rf"\b{_GO}\s+(?:with|despite|notwithstanding|in spite of"
            rf"|under){_ANY}\s+(?:some\s+)?(?:(?:known|open|unresolved"
            rf"|existing|remaining|outstanding|accepted|minor|partial)\s+)*(?:{_FAIL}|risks?)\b"
        ),
    ),
    (
        _MOTION,
        rf"\b{_GO}\b[^.;]{{0,40}}\b(?:even (?:if|when|though)|although|regardless of|irrespective of|whether or not)\b",
    ),
    (
        _MOTION,
        (
            rf"\b{_GO}\b[^.;]{{0,30}}\bwithout\s+(?:waiting|(?:the\s+|an?\s+|any\s+|formal\s+|recorded\s+|explicit\s+)*"
            r"(?:approvals?|sign-?offs?|evidence|review|validation|tests?|checks?|confirmation|gates?"
            r"|manifest|signature))\b"
        ),
    ),
    (
        (
            "skip skipping bypass bypassing ignore ignoring disregard circumvent omit disable disabling suppress"
            " override overriding"
            " turn switch silence relax relaxing loosen waive work"
        ),
        (
            r"\b(?:skip|skipping|bypass(?:ing)?|ignore|ignoring|disregard|circumvent|omit|disable"
            r"|disabling|suppress|override"
            r"|overriding|work around|turn off|switch off|silence|relax|relaxing|loosen|waive)"
            rf"{_ANY}{_KIND}\s+{_THING}\b"
        ),
    ),
    ("--", r"--(?:strict|verify|checks?|gates?|validate|fail-fast|require-[a-z-]+)[= ](?:false|no|off|0)\b"),
    (
        "--",
        (
            r"--(?:no-(?:strict|verify|check|checks|gates?|validate|validation|approval|wait)"
            r"|skip-[a-z-]+|ignore-[a-z-]+|force"
            r"|bypass[a-z-]*|allow-failures?|continue-on-error|soft-fail|yolo)\b"
        ),
    ),
    (
        "--",
        (
            r"--(?:quality-gates|gates|mode|strictness)[= ](?:relaxed|lenient|advisory|off|none"
            r"|warn(?:ing)?|permissive|soft)\b"
        ),
    ),
    ("--", r"\b(?:run|re-?run|execute|retry|invoke)(?:ning)?\s+(?:it\s+|the (?:command|script)\s+)?without\s+`?--"),
    (
        "continue true set exit fail false",
        (
            r"\bcontinue[_-]on[_-]error\s*[:=]\s*true\b|\|\|\s*true\b|\bset \+e\b|\bexit 0\s+(?:anyway|regardless)"
            r"|\bfail[_-]open\b|\bfail[_-]fast\s*[:=]\s*false\b"
        ),
    ),
    (
        "mark treat count consider record report regard set",
        (
            r"\b(?:mark|treat|count|consider|record|report|regard|set)\s+(?:it\s+|them\s+|this\s+"
            r"|the\s+)?(?:[\w`-]+\s+){0,4}?"
            r"(?:as\s+|to\s+)(?:`?(?:pass|passed|passing|green|ok|success(?:ful)?|completed?|approved"
            r"|done|satisfied|met)`?)\s+"
            r"(?:anyway|regardless|even|despite|without|manually|if|when|until|for now|by default)\b"
        ),
    ),
    (
        "assume presume",
        (
            r"\b(?:assume|presume)\s+(?:it\s+|the\s+|that\s+|all\s+)?(?:[\w-]+\s+){0,5}?"
            r"(?:pass(?:es|ed)?|success|approv(?:al|ed)|granted|ok|green)\b"
        ),
    ),
    (
        "ignored skipped bypassed waived overridden disregarded tolerated omitted",
        (
            rf"\b(?:failures?|errors?|findings?|drift|{_GATE})\s+(?:can|may|could|should|are to|will)"
            r"\s+be\s+(?:\w+\s+)?"
            r"(?:ignored|skipped|bypassed|waived|overridden|disregarded|tolerated|omitted)\b"
        ),
    ),
    (
        "ok okay fine acceptable allowed permitted safe possible",
        (
            r"\b(?:ok(?:ay)?|fine|acceptable|allowed|permitted|safe|possible)\s+to\s+"
            r"(?:skip|ignore|bypass|proceed|continue|omit|override|go on)\b"
        ),
    ),
    (
        "emergency emergencies urgent time pressed delayed needed hurry",
        (
            r"\b(?:in (?:an )?emergenc(?:y|ies)|if (?:urgent|time is short|time runs out|pressed|delayed|needed)"
            rf"|when (?:urgent|in a hurry)|under time pressure)[^.;]{{0,60}}\b(?:{_GO}|skip|bypass|ignore|without)\b"
        ),
    ),
    (
        "auto automatically autoapprove",
        r"\bauto(?:matically)?[- ]?(?:approve|approved|approval|accept|pass|sign|waive|grant)\b",
    ),
    (
        "self yourself behalf",
        r"\b(?:self-?approv\w*|approve (?:it )?yourself|(?:approve|sign)[^.;]{0,20} on (?:their |its |your )?behalf)\b",
    ),
    (
        "optional required needed necessary unnecessary",
        (
            rf"\b(?:evidence|review|signature|{_GATE})\s+(?:is|are)\s+"
            r"(?:optional|not (?:strictly )?(?:required|needed|necessary)|unnecessary)\b(?=\s*(?:if|when"
            r"|for|in|under|here|\.|$))"
        ),
    ),
    (
        "later afterward afterwards retroactively after",
        (
            r"\b(?:approvals?|sign-?offs?|evidence|signatures?|reviews?|documentation|validations?"
            r"|tests?)\s+(?:can|may|will|could)\s+"
            r"(?:follow|come|be (?:obtained|collected|added|provided|recorded|supplied|done|given|completed))\s+"
            r"(?:later|afterwards?|retroactively|after (?:the )?(?:fact|deployment|release))\b"
        ),
    ),
    (
        "lower reduce relax weaken loosen raise",
        (
            r"\b(?:lower|reduce|relax|weaken|loosen|raise)\s+(?:the\s+)?(?:thresholds?|limits?|bar"
            r"|tolerances?|criteria)\b[^.;]{0,30}"
            r"\b(?:until|so that|to (?:pass|let)|if|when|as needed|temporarily|to get)\b"
        ),
    ),
    (
        "downgrade demote convert turn",
        (
            r"\b(?:downgrade|demote|convert|turn)\s+(?:the\s+|all\s+|any\s+)?(?:\w+\s+){0,3}?(?:failures?"
            r"|errors?|findings?|halts?"
            r"|blockers?)\s+(?:in)?to\s+(?:an?\s+)?(?:warnings?|info|notes?|non-?blocking)\b"
        ),
    ),
    (
        "treat consider",
        (
            r"\b(?:treat|consider)\s+(?:the\s+|all\s+|any\s+)?(?:\w+\s+){0,3}?(?:failures?|errors?"
            r"|findings?|halts?|blockers?|drift)"
            r"\s+as\s+(?:an?\s+)?(?:warnings?|info(?:rmational)?|notes?|non-?blocking|advisory|acceptable"
            r"|success|passed|expected)\b"
        ),
    ),
    (
        "stop halt block",
        (
            rf"\b(?:does|do|need|should) not (?:need to )?(?:stop|halt|block)\b[^.;]{{0,40}}\b(?:on|if"
            rf"|when|for)\b[^.;]{{0,30}}\b{_FAIL}\b"
        ),
    ),
    (
        "warn log note document notify",
        (
            r"\b(?:warn|log|note|document|notify)[^.;]{0,40}\b(?:and|then|but)\s+"
            r"(?:proceed|continue|go on|carry on|move on|go ahead)\b"
        ),
    ),
    (
        "if when should",
        (
            rf"\b(?:if|when|should)\b[^.;→]{{0,60}}\b{_FAIL}\b[^.;→]{{0,40}}(?:→|,|then|:)\s*(?:just\s+|simply\s+)?"
            r"(?:proceed|continue|go on|carry on|move on|go ahead|deploy|release|ship)\b"
        ),
    ),
)
_BYPASS = tuple((frozenset(triggers.split()), re.compile(pattern, re.IGNORECASE)) for triggers, pattern in _PATTERNS)
_BY_WORD: Mapping[str, tuple[int, ...]] = {
    word: tuple(at for at, (triggers, _) in enumerate(_BYPASS) if word in triggers)
    for word in frozenset[str]().union(*(triggers for triggers, _ in _BYPASS))
}
_TRIGGERS = frozenset(_BY_WORD)
_WORDS = re.compile(r"[a-z]+|--")
_DENIED = re.compile(
    r"\b(?:do not|don't|never|must not|may not|cannot|can't|should not|shall not|will not|no one may|nobody may|not"
    r"|instead of|rather than|prevents?|forbids?|prohibits?|refuses? to)(?:\s+(?:ever|just|simply|then|to|be|it))*\s*$",
    re.IGNORECASE,
)
_WAIVER = re.compile(
    r"\b(?:request|seek|obtain|ask for|apply for|grant|use|raise)\s+(?:an?\s+|the\s+)?(?:\w+\s+){0,2}?waivers?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase found at `start` to `end` of the text that was given."""

    text: str
    start: int
    end: int


def bypass_phrases(text: str) -> Iterator[Phrase]:
    """Every bypass phrase of `text`, leftmost first, overlapping ones once. A prohibition of one is none."""
    words = _TRIGGERS.intersection(_WORDS.findall(text.lower()))
    if not words:
        return
    candidates = {at for word in words for at in _BY_WORD[word]}
    found = sorted(
        (match.start(), match.end())
        for at in candidates
        for match in _BYPASS[at][1].finditer(text)
        if not _denied(text, match.start())
    )
    reached = -1
    for start, end in found:
        if start >= reached:
            yield Phrase(text[start:end], start, end)
            reached = end


def _denied(text: str, start: int) -> bool:
    return _DENIED.search(text[max(0, start - 60) : start]) is not None


def waiver_offers(text: str) -> Iterator[Phrase]:
    """Every offer of a waiver in `text`: GN0403 where the gate forbids one."""
    if "aiver" in text:
        for match in _WAIVER.finditer(text):
            yield Phrase(match.group(), match.start(), match.end())
