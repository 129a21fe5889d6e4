"""A stored judgement of a gate for people: each clause with its place, its value, its limit, and who can turn it.

The judgement comes from the vault as it was sealed (F30); nothing is judged again here (GAT-03, GAT-06).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gonogo.evidence.canonical import Tree


def judged_lines(body: Mapping[str, Tree]) -> Iterator[tuple[str, str]]:
    """The judgement as lines, each with the verdict that it is about (`pass`, `fail`, ... or empty)."""
    verdict = _text(body, "verdict")
    yield (
        f"{_text(body, 'name')} ({_text(body, 'gate')}): {verdict.upper()}, judged at {_text(body, 'judged_at')}",
        verdict,
    )
    if _text(body, "purpose"):
        yield f"  {_text(body, 'purpose')}", ""
    acts = {_text(item, "clause"): item for item in _parts(body, "plan")}
    for clause in _parts(body, "clauses"):
        yield from _clause(clause, acts.get(_text(clause, "text")))
    for item in _parts(body, "lacking"):
        word, act = _text(item, "verdict"), acts.get(_text(item, "name"))
        yield f"  {word.upper():<13}{_text(item, 'name')}: {_text(item, 'why')}", word
        if act is not None:
            yield f"               who can turn it: {_text(act, 'who') or 'nobody in this plan'}{_people(act)}", ""
    manual = body.get("manual")
    for text in manual if isinstance(manual, Sequence) and not isinstance(manual, str) else ():
        yield f"  attested by a person: {text}", ""
    for item in _parts(body, "metrics"):
        unit = f" {_text(item, 'unit')}" if _text(item, "unit") in {"hours", "ratio"} else ""
        yield f"  metric       {_text(item, 'name')}: {_text(item, 'measured')}{unit}", ""
    for item in _parts(body, "evidence"):
        yield f"  judged from {_text(item, 'name')}   sha256 {_text(item, 'sha256')}", ""
    if verdict != "pass" and _text(body, "on_failure"):
        yield f"  next: {_text(body, 'on_failure')}", ""


def _clause(clause: Mapping[str, Tree], act: Mapping[str, Tree] | None) -> Iterator[tuple[str, str]]:
    verdict = _text(clause, "result")
    yield f"  {verdict.upper():<13}{_text(clause, 'text')}   ({_text(clause, 'origin')})", verdict
    limit = f"{_text(clause, 'operator')} {_text(clause, 'limit')} {_text(clause, 'unit')}"
    source = f"{_text(clause, 'file')}{_text(clause, 'pointer')}"
    yield (
        f"               measured {_text(clause, 'measured')}, limit {limit}, set by {_text(clause, 'limit_from')}",
        "",
    )
    yield f"               in {source}   sha256 {_text(clause, 'sha256') or 'none: not on file'}", ""
    if _text(clause, "why"):
        yield f"               why: {_text(clause, 'why')}", ""
    if act is not None:
        who = _text(act, "who") or "the step that writes this evidence; it has not been done in this attempt"
        yield f"               who can turn it: {who}{_people(act)}", ""


def _people(act: Mapping[str, Tree]) -> str:
    people = act.get("people")
    names = [str(name) for name in people] if isinstance(people, Sequence) and not isinstance(people, str) else []
    return f"; told: {', '.join(names)}" if names else ""


def _text(body: Mapping[str, Tree], name: str) -> str:
    value = body.get(name)
    return "" if value is None else str(value)


def _parts(body: Mapping[str, Tree], name: str) -> Iterator[Mapping[str, Tree]]:
    value = body.get(name)
    for item in value if isinstance(value, Sequence) and not isinstance(value, str) else ():
        if isinstance(item, Mapping):
            yield item
