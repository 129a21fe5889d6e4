"""Message templates: announcements, prompts, error texts (DOC-06, DOC-17; compiler section 4)."""

from __future__ import annotations

from collections.abc import Sequence

from gonogo.document.claims import Claims, LineClass
from gonogo.document.extracts import fence_content, fence_text, runs
from gonogo.document.lines import Layer, Line, label_of
from gonogo.document.text import Source
from gonogo.document.vocabulary import bare_name
from gonogo.protocol.model import Message
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Talk:
    """The messages of one section by what they are for."""

    announcements: tuple[Message, ...] = ()
    prompts: tuple[Message, ...] = ()
    errors: tuple[Message, ...] = ()


def talk_of(lines: Sequence[Line], source: Source, claims: Claims, *, errors: bool = False) -> Talk:
    """The message templates of a communication (or error handling) section.

    Under announcements each line of a fence is a message; prompts and error texts are messages as a whole.
    """
    topic = "error" if errors else ""
    kept: dict[str, list[Message]] = {"": [], "prompt": [], "error": []}
    for run in runs(lines):
        first = run[0]
        if first.layer is Layer.FENCE:
            kept[topic].extend(_fenced(run, source, apart=topic == ""))
            claims.take_all(run, LineClass.OBLIGATION, "message")
        elif first.layer is Layer.COMMENT:
            claims.take_all(run, LineClass.COMMENT)
        elif first.quote:
            text = "\n".join(line.body for line in run)
            kept[topic].append(Message(text, source.origin(first.index, first.col)))
            claims.take_all(run, LineClass.OBLIGATION, "message")
        else:
            topic = _walk(run, topic, claims, errors=errors)
    return Talk(tuple(kept[""]), tuple(kept["prompt"]), tuple(kept["error"]))


def _walk(run: Sequence[Line], topic: str, claims: Claims, *, errors: bool) -> str:
    for line in run:
        name = _head(line)
        if name is not None:
            topic = _topic(name, errors=errors)
        kind = LineClass.DECORATION if line.rule else LineClass.STRUCTURE if name is not None else LineClass.NOTE
        claims.take(line, kind, "heading" if name is not None else "content")
    return topic


def _head(line: Line) -> str | None:
    if line.level:
        return bare_name(line.body).lower()
    label = label_of(line) if not line.item else None
    return label.name if label is not None and label.bold and not label.value else None


def _topic(name: str, *, errors: bool) -> str:
    if "prompt" in name or "confirmation" in name or "question" in name:
        return "prompt"
    return "error" if errors or "error" in name or "failure" in name else ""


def _fenced(run: Sequence[Line], source: Source, *, apart: bool) -> list[Message]:
    content = fence_content(run)
    if not content:
        return []
    if apart:
        return [Message(line.body, source.origin(line.index)) for line in content]
    return [Message(fence_text(run), source.origin(content[0].index))]
