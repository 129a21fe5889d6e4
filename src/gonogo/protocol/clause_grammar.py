"""One comparison: metric, operator, limit, unit, scope (compiler section 6; DOC-13, DOC-14).

Every shape of the grammar is one function that gives the comparison or None; the first that fits wins. Numbers are
decimals; a percentage keeps that it was written so. A metric name holds a letter and no `and`, comma or semicolon.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from gonogo.findings import Origin
from gonogo.protocol.threshold import Clause, Limit, Number, Op, Period, Ref, Word
from gonogo.values import dataclass

_NOWHERE = Origin("", 0)
_MOST_METRIC_WORDS = 10
_MOST_UNIT_WORDS = 2

_OPS: tuple[tuple[str, Op], ...] = (
    (
        r">=|=>|≥|⩾|\bat least\b|\bno (?:less|fewer) than\b|\bnot (?:less|fewer) than\b|\b(?:a )?minimum(?: of)?\b",
        Op.GE,
    ),
    (
        (
            r"<=|=<|≤|⩽|\bat most\b|\bno (?:more|greater|higher) than\b|\bnot more than\b|\bup to\b"
            r"|\b(?:a )?maximum(?: of)?\b|\bwithin\b"
        ),
        Op.LE,
    ),
    (r"!=|≠|<>|\bnot equal to\b|\bis not\b", Op.NE),
    (r">|\b(?:more|greater|higher) than\b|\babove\b|\bexceeds\b", Op.GT),
    (r"<|\b(?:less|fewer|lower) than\b|\bbelow\b|\bunder\b", Op.LT),
    (r"==?|\bequals?(?: to)?\b|\bexactly\b", Op.EQ),
)
_OP = re.compile("|".join(f"(?P<{op.name}>{pattern})" for pattern, op in _OPS), re.IGNORECASE)

_UNITS = {
    "ms": Decimal("0.001"),
    "millisecond": Decimal("0.001"),
    "milliseconds": Decimal("0.001"),
    "s": Decimal(1),
    "sec": Decimal(1),
    "secs": Decimal(1),
    "second": Decimal(1),
    "seconds": Decimal(1),
    "m": Decimal(60),
    "min": Decimal(60),
    "mins": Decimal(60),
    "minute": Decimal(60),
    "minutes": Decimal(60),
    "h": Decimal(3600),
    "hr": Decimal(3600),
    "hrs": Decimal(3600),
    "hour": Decimal(3600),
    "hours": Decimal(3600),
    "d": Decimal(86400),
    "day": Decimal(86400),
    "days": Decimal(86400),
    "week": Decimal(604800),
    "weeks": Decimal(604800),
}
_NUMBER = re.compile(
    r"(?P<num>[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*(?P<unit>%|percent\b|per cent\b|[A-Za-z]+\b)?", re.IGNORECASE
)
_MULTIPLE = re.compile(r"\s*(?:×|\*)|\s?[xX]\b|[kKMG]\b|\s*(?:times|thousand|million|billion)\b|[.,:/-]?\d")
_FRACTION = re.compile(r"(?P<part>\d+)\s*/\s*(?P<whole>\d+)(?![\d./])")
_WORD = re.compile(r"[\"'“]?(?P<word>[A-Za-z][A-Za-z0-9_-]*)[\"'”]?")
_REF = re.compile(
    r"(?:the |its |our |agreed |defined |documented |approved |target )*(?P<ref>RTO|RPO|SLO|SLA|SLI|MTTR|OLA)(?:s|'s)?"
    r"(?:\.[a-z_]+)?(?P<tail>(?: (?:tolerances?|targets?|limits?|thresholds?|budgets?|bounds?|window|objective))?)\b"
)
_NAMED_LIMIT = re.compile(
    r"(?P<ref>(?:the |agreed |defined |documented )?(?:[a-z]+ )?(?:targets?|limits?|budgets?"
    r"|baselines?|tolerances?|objectives?))\b",
    re.IGNORECASE,
)
_SCOPE = re.compile(
    r"(?:of|across|for|in|from|before|after|prior to|within|on|per|over|during|at|by|throughout|since"
    r"|to|between|against|under)\b"
    r"\s+\S.*$",
    re.IGNORECASE,
)
_STATUS_WORDS = (
    r"pass|passed|passing|fail|failed|success|successful|succeeded|approved|complete|completed|true"
    r"|false|green|red|ready"
    r"|ok|none|low|medium|high|critical|signed|verified|valid|active|enabled|disabled|open|closed|granted|clean|yes|no"
)
_STATUS = re.compile(
    rf"^(?P<metric>\S.*?)\s+(?:is|are|reads|marked(?: as)?|reports?|returns?|set to"
    rf"|shows?)\s+[\"'“]?(?P<word>{_STATUS_WORDS})"
    r"[\"'”]?(?P<rest>\s.*)?$",
    re.IGNORECASE,
)
_COLON = re.compile(rf"^(?P<metric>[A-Za-z][\w .-]*?)\s*:\s*[\"'“]?(?P<word>{_STATUS_WORDS})[\"'”]?$", re.IGNORECASE)
_LOUD = re.compile(r"^(?P<metric>[A-Za-z].*?)\s+(?P<word>PASS|PASSED|GREEN|APPROVED|READY|SUCCESS)$")
_COUNT = re.compile(r"^(?P<zero>0|zero|no)\s+(?P<metric>[A-Za-z].*)$", re.IGNORECASE)
_NOT_COUNT = re.compile(
    r"^(more|less|fewer|later|earlier|greater|higher|longer|action|need|one|other|further)\b", re.IGNORECASE
)
_PERCENT_OF = re.compile(
    r"^(?:(?P<op>at least|minimum|min\.?)\s+)?(?P<num>\d+(?:\.\d+)?)\s*%\s*(?:of\s+)?(?P<metric>[A-Za-z].*)$",
    re.IGNORECASE,
)
_METRIC_PERCENT = re.compile(
    r"^(?P<metric>[A-Za-z].*?)\s+(?:at\s+|is\s+"
    r"|are\s+)?(?P<num>\d+(?:\.\d+)?)\s*%\s*(?P<verb>[A-Za-z]+)?(?P<rest>\s.*)?$"
)
_N_OF_M = re.compile(r"^(?P<part>\d+)\s*/\s*(?P<whole>\d+)\s+(?P<metric>[A-Za-z].*)$")
_RANGE = re.compile(
    r"^(?P<metric>[A-Za-z].*?)\s*(?:∈\s*\[|\bbetween\b\s+|\bin\s+\["
    r"|=\s*(?=[\d.]+\s*%?\s*[–—]))\s*(?P<low>[\d.]+\s*[%A-Za-z]*)\s*"
    r"(?:,|–|—|\band\b|\bto\b)\s*(?P<high>[\d.]+\s*[%A-Za-z]*)\]?(?P<rest>\s.*)?$",
    re.IGNORECASE,
)
_PATH = re.compile(
    r"^(?:(?P<file>[\w{}$./-]+\.(?:json|ya?ml|md|log|txt|csv|xml|html))\s*(?:[:→]|->)?\s+(?:field\s+)?)?"
    r"(?P<path>[A-Za-z_][\w-]*(?:\[\w*\])?(?:\.[A-Za-z_][\w-]*(?:\[\w*\])?)*)\s*(?P<op>==|=|!=|≠|>="
    r"|<=|≥|≤|>|<|:|\bis\b|\bequals\b)\s*(?P<literal>\S.*)$",
    re.IGNORECASE,
)
_PATH_OPS = {
    "=": Op.EQ,
    "==": Op.EQ,
    ":": Op.EQ,
    "is": Op.EQ,
    "equals": Op.EQ,
    "!=": Op.NE,
    "≠": Op.NE,
    ">=": Op.GE,
    "≥": Op.GE,
    "<=": Op.LE,
    "≤": Op.LE,
    ">": Op.GT,
    "<": Op.LT,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One or two clauses (a range makes two), and the text beside them that is none."""

    clauses: tuple[Clause, ...]
    rest: str = ""


@dataclass(frozen=True, slots=True)
class _Value:
    limit: Limit
    unit: str
    end: int


def comparisons(text: str, *, loose: bool) -> Comparison | None:
    """Read `text` as one comparison, or None. Criteria are read strictly: a bare status word is prose there."""
    shapes: tuple[Callable[[str], Comparison | None], ...] = (_n_of_m, _range, _signed, _count, _percent)
    if loose:
        shapes = (*shapes, _status)
    text = text.strip().rstrip(".")
    return next((found for shape in shapes if (found := shape(text)) is not None), None)


def path_comparison(text: str) -> Comparison | None:
    """Read `path op literal`, perhaps after a file name (which becomes the scope)."""
    match = _PATH.match(text.strip().rstrip("."))
    if match is None:
        return None
    op = _PATH_OPS[match["op"].lower()]
    value = _value(match["literal"], op)
    if value is None:
        return None
    rest = match["literal"][value.end :].strip()
    scope = f"in {match['file']}" if match["file"] else ""
    unit, more, left = _tail(rest, value.unit)
    return Comparison((_clause(match["path"], op, value.limit, unit, more or scope, text),), left)


def _clause(metric: str, op: Op, limit: Limit, unit: str, scope: str, written: str) -> Clause:
    return Clause(metric, op, limit, unit, scope, written.strip(), _NOWHERE)


def _metric(text: str) -> str | None:
    """A usable metric name, or None: it has to say one thing, and say it."""
    name = " ".join(text.split()).strip(" :-–").strip()
    if not name or not any(char.isalpha() for char in name) or len(name.split()) > _MOST_METRIC_WORDS:
        return None
    if re.search(r"[,;]|\band\b", name, re.IGNORECASE) or _OP.search(name):
        return None
    return name


def _signed(text: str) -> Comparison | None:
    """`metric op value scope?` and `op value metric`."""
    match = next((found for found in _OP.finditer(text) if _fits(found, text)), None)
    if match is None:
        return None
    op = Op[match.lastgroup or "EQ"]
    right = text[match.end() :].strip()
    value = _value(right, op, spelled=match.group().lower() == "within")
    if value is None:
        return None
    rest = right[value.end :].strip()
    rest = re.sub(r"^of\s+", "", rest, flags=re.IGNORECASE) if match.start() == 0 else rest
    left = re.sub(
        r"\s+(?:is|are|of|must be|should be|be|has|remains?|stays?)$",
        "",
        text[: match.start()].strip(),
        flags=re.IGNORECASE,
    )
    if left:
        metric = _metric(left)
        if metric is None:
            return None
        unit, scope, over = _tail(rest, value.unit)
        return Comparison((_clause(metric, op, value.limit, unit, scope, text),), over)
    metric, scope = _metric_and_scope(rest)
    return None if metric is None else Comparison((_clause(metric, op, value.limit, value.unit, scope, text),))


def _fits(match: re.Match[str], text: str) -> bool:
    """`within`, `above`, `under` only count where a limit follows; signs always."""
    if not match.group()[0].isalpha():
        return True
    return _value(text[match.end() :].strip(), Op.LE, spelled=True) is not None


def _tail(rest: str, unit: str) -> tuple[str, str, str]:
    """Unit, scope and left-over of what stands after a value."""
    if not rest:
        return unit, "", ""
    if _SCOPE.match(rest):
        return unit, rest, ""
    words = rest.split()
    noun = re.match(r"[A-Za-z][\w-]*$", words[0]) is not None and words[0].lower() not in {
        "with",
        "or",
        "and",
        "unless",
    }
    if noun and not unit and len(words) <= _MOST_UNIT_WORDS:
        return rest, "", ""
    after = " ".join(words[1:])
    if noun and not unit and _SCOPE.match(after):
        return words[0], after, ""
    return unit, "", rest.strip(" ,")


def _value(text: str, op: Op, *, spelled: bool = False) -> _Value | None:
    """The limit at the start of `text`. After a spelled-out `within` only numbers and known bounds count."""
    fraction = _FRACTION.match(text)
    if fraction is not None:
        return _Value(Number(Decimal(fraction["part"])), f"of {fraction['whole']}", fraction.end())
    number = _NUMBER.match(text)
    if number is not None:
        return None if _MULTIPLE.match(text[number.end("num") :]) else _number(number)
    ref = _REF.match(text)
    if ref is not None:
        return _Value(Ref(ref["ref"]), "", ref.end())
    if op in {Op.EQ, Op.NE}:
        word = _WORD.match(text)
        return None if word is None else _Value(Word(word["word"].lower()), "", word.end())
    named = _NAMED_LIMIT.match(text)
    if named is not None and not spelled:
        return _Value(Ref(named["ref"].lower().removeprefix("the ").strip()), "", named.end())
    word = _WORD.match(text)
    if word is None or spelled:
        return None
    return _Value(Word(word["word"].lower()), "", word.end())


def _number(match: re.Match[str]) -> _Value:
    amount = Decimal(match["num"].replace(",", ""))
    unit = (match["unit"] or "").lower()
    if unit in {"%", "percent", "per cent"}:
        return _Value(Number(amount / 100, percent=True), "%", match.end())
    if unit in _UNITS:
        return _Value(Period(amount * _UNITS[unit]), unit, match.end())
    return _Value(Number(amount), "", match.end("num"))


def _count(text: str) -> Comparison | None:
    """`0 open findings`, `zero open findings`, `no open findings`."""
    match = _COUNT.match(text)
    if match is None or _NOT_COUNT.match(match["metric"]):
        return None
    metric, scope = _metric_and_scope(match["metric"])
    if metric is None:
        return None
    return Comparison((_clause(metric, Op.EQ, Number(Decimal(0)), "", scope, text),))


def _metric_and_scope(text: str) -> tuple[str | None, str]:
    scope = re.search(
        r"\s+((?:of|across|for|in|from|before|after|prior to|within|on|per|during|at|throughout)\s+\S.*)$",
        text,
        re.IGNORECASE,
    )
    if scope is None:
        return _metric(text), ""
    return _metric(text[: scope.start()]), scope[1]


def _percent(text: str) -> Comparison | None:
    """`100% of required artifacts`, `approvals 100% recorded`. Less than everything can only mean a lower bound."""
    match = _PERCENT_OF.match(text)
    if match is not None:
        metric, scope = _metric_and_scope(match["metric"])
        return None if metric is None else Comparison((_share(match["num"], metric, scope, text, match["op"]),))
    match = _METRIC_PERCENT.match(text)
    if match is None:
        return None
    metric = _metric(f"{match['metric']} {match['verb'] or ''}")
    if metric is None:
        return None
    unit, scope, over = _tail((match["rest"] or "").strip(), "%")
    del unit
    return Comparison((_share(match["num"], metric, scope, text, None),), over)


def _share(amount: str, metric: str, scope: str, text: str, bound: str | None) -> Clause:
    ratio = Decimal(amount) / 100
    op = Op.EQ if ratio == 1 and bound is None else Op.GE
    return _clause(metric, op, Number(ratio, percent=True), "%", scope, text)


def _n_of_m(text: str) -> Comparison | None:
    """`9/9 sections`: the count, and what it is counted out of."""
    match = _N_OF_M.match(text)
    if match is None:
        return None
    metric, scope = _metric_and_scope(match["metric"])
    if metric is None:
        return None
    clause = _clause(metric, Op.EQ, Number(Decimal(match["part"])), f"of {match['whole']}", scope, text)
    return Comparison((clause,))


def _range(text: str) -> Comparison | None:
    """`x between 1 and 3`, `x ∈ [1, 3]`: two clauses."""
    match = _RANGE.match(text)
    if match is None:
        return None
    metric = _metric(re.sub(r"\s+(?:is|are|must be|be)$", "", match["metric"]))
    low, high = _value(match["low"], Op.GE), _value(match["high"], Op.LE)
    if metric is None or low is None or high is None:
        return None
    unit = low.unit or high.unit
    _, scope, over = _tail((match["rest"] or "").strip(), "-")
    limit = low.limit
    if isinstance(high.limit, Number) and high.limit.percent and isinstance(limit, Number) and not limit.percent:
        limit = Number(limit.value / 100, percent=True)
    if isinstance(high.limit, Period) and isinstance(limit, Number):
        limit = Period(limit.value * _UNITS[high.unit])
    return Comparison(
        (
            _clause(metric, Op.GE, limit, unit, scope, text),
            _clause(metric, Op.LE, high.limit, high.unit, scope, text),
        ),
        over,
    )


def _status(text: str) -> Comparison | None:
    """`rope check is green`, `status: pass`, `validation report PASS`."""
    for pattern in (_STATUS, _COLON, _LOUD):
        match = pattern.match(text)
        if match is None:
            continue
        metric = _metric(match["metric"])
        if metric is None:
            return None
        groups = match.groupdict()
        _, scope, over = _tail((groups.get("rest") or "").strip(), "-")
        return Comparison((_clause(metric, Op.EQ, Word(match["word"].lower()), "", scope, text),), over)
    return None
