"""Files, messages and commands out of the text under a label (compiler section 4; DOC-06, DOC-10, DOC-21)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from gonogo.document.lines import Layer, Line
from gonogo.document.nodes import Held
from gonogo.document.text import Source
from gonogo.protocol.model import CommandRef, EvidenceRef, Message

_EXTENSIONS = (
    "json|jsonl|md|markdown|log|txt|csv|tsv|ya?ml|zip|tar|gz|tgz|pdf|html?|xml|png|jpe?g|svg|gif|sh|py|sql|xlsx?"
    r"|docx?"
    r"|pptx?|diff|patch|sarif|toml|ini|cfg|conf|env|lock|sig|asc|pem|sha256|ndjson|ipynb|mmd|puml"
    r"|drawio|feature|har|pcap"
)
_TICKS = re.compile(r"`([^`]+)`")
_TICKED_PATH = re.compile(r"^[\w.{}$*@~/:+<>\[\]-]+$")
_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}$|\.\{[\w-]+\}$")
_BARE = re.compile(
    rf"(?<![\w`/.])((?:[\w.{{}}$*~-]+/)*[\w{{}}$*-][\w.{{}}$*-]*\.(?:{_EXTENSIONS}))(?![\w/])", re.IGNORECASE
)
_DIRECTORY = re.compile(r"(?<![\w`/.])(\.?[\w.-]+(?:/[\w.{}$*-]+)*/)(?![\w{*])")
_ARROW = re.compile(r"\s*(?:→|->|=>|⟶)\s*")
_SCRIPT = re.compile(r"\{SCRIPT:\s*([^{}]+?)\s*\}")
_COMMAND_WORD = re.compile(
    r"^(?:\$\s+)?(?:sudo\s+)?(?:[A-Z_]+=\S+\s+)*(?:(?:python3?|bash|sh|node|npm|npx|make|pytest"
    r"|docker|kubectl|helm|terraform|git|curl"
    r"|ansible(?:-playbook)?|go|cargo|java|mvn|gradle)\b|(?:\./|scripts?/|@apply))",
    re.IGNORECASE,
)


def files_of(held: Held, source: Source) -> tuple[EvidenceRef, ...]:
    """Every file that the value and the list under a label name, once each, in order."""
    found: dict[str, EvidenceRef] = {}
    for text, line in _pieces(held):
        for ref in files_in(text, line, source):
            found.setdefault(ref.path, ref)
    return _without_twins(found.values())


def _pieces(held: Held) -> Iterator[tuple[str, Line]]:
    yield held.text(), held.line
    yield from held.entries()


def files_in(text: str, line: Line, source: Source) -> tuple[EvidenceRef, ...]:
    """The files of one text. `name → path` is one file: the name on the left, where it lies on the right."""
    origin = source.origin(line.index, line.col)
    sides = _ARROW.split(text, maxsplit=1)
    if len(sides) == 2:
        names, places = paths_in(sides[0]), paths_in(sides[1])
        if len(places) == 1:
            path = places[0]
            if path.endswith("/") and names:
                return tuple(EvidenceRef(base_name(name), path + base_name(name), origin) for name in names)
            return (EvidenceRef(base_name(path), path, origin),)
        if places:
            return tuple(EvidenceRef(base_name(path), path, origin) for path in places)
    return tuple(EvidenceRef(base_name(path), path, origin) for path in paths_in(text))


def _without_twins(refs: Iterable[EvidenceRef]) -> tuple[EvidenceRef, ...]:
    """A bare file name beside a path that ends in it is the same file, said twice."""
    kept = list(refs)
    placed = {ref.name for ref in kept if "/" in ref.path}
    return tuple(ref for ref in kept if "/" in ref.path or ref.name not in placed)


def base_name(path: str) -> str:
    """The last part of a path; a directory keeps its final slash."""
    trimmed = path.rstrip("/")
    name = trimmed.rsplit("/", 1)[-1]
    return f"{name}/" if path.endswith("/") else name


def paths_in(text: str) -> tuple[str, ...]:
    """Paths and file names in `text`, in ticks or bare, in order."""
    found: dict[str, int] = {}
    for match in _TICKS.finditer(text):
        inside = match[1].strip()
        if is_path(inside):
            found.setdefault(inside, match.start())
        elif " " in inside and not _COMMAND_WORD.match(inside):
            for bare in _BARE.finditer(inside):
                found.setdefault(bare[1], match.start() + bare.start())
    outside = _TICKS.sub(lambda match: " " * len(match.group()), text)
    if "/" in outside or "." in outside:
        for pattern in (_BARE, _DIRECTORY):
            for match in pattern.finditer(outside):
                if "//" not in match[1] and not outside[: match.start()].endswith(":/"):
                    found.setdefault(match[1], match.start())
    return tuple(sorted(found, key=lambda path: found[path]))


def is_path(text: str) -> bool:
    """Whether a ticked text is a path, a file name, a directory or a pattern of them."""
    if not _TICKED_PATH.match(text) or text.startswith(("--", "@", "http:", "https:")):
        return False
    return "/" in text.strip("/") or text.endswith("/") or _ENDING.search(text) is not None


def messages_of(held: Held, source: Source) -> tuple[Message, ...]:
    """Message templates under a label, verbatim: inline text, block quotes, fenced blocks."""
    found: list[Message] = []
    if held.value:
        text = held.text()
        if text:
            found.append(Message(_unquoted(text), source.origin(held.line.index, held.value_col)))
    for run in runs(held.body):
        kind = _run_kind(run[0])
        if kind == "text" and held.value:
            continue
        text = fence_text(run) if kind == "fence" else "\n".join(_quote_text(line) for line in run)
        if text.strip():
            found.append(Message(_unquoted(text.strip()), source.origin(run[0].index, run[0].col)))
    return tuple(found)


def _run_kind(line: Line) -> str:
    if line.layer is Layer.FENCE:
        return "fence"
    return "quote" if line.quote else "text"


def _quote_text(line: Line) -> str:
    return line.body


def _unquoted(text: str) -> str:
    stripped = text.strip()
    if len(stripped) > 1 and stripped[0] in '"“' and stripped[-1] in '"”' and '"' not in stripped[1:-1]:
        return stripped[1:-1]
    return stripped


def runs(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Lines in runs of one kind: each fence by itself, each block quote, each list item or paragraph."""
    run: list[Line] = []
    for line in lines:
        if run and not _same_run(run[-1], line):
            yield run
            run = []
        run.append(line)
    if run:
        yield run


def _same_run(before: Line, line: Line) -> bool:
    if before.layer is Layer.FENCE or line.layer is Layer.FENCE:
        return before.fence == line.fence
    if before.quote and line.quote:
        return not line.gap
    return before.quote == line.quote and not line.item and not line.gap


def fence_text(run: Sequence[Line]) -> str:
    """The content of a fence, without its marks."""
    return "\n".join(line.text.strip() for line in fence_content(run))


def fence_content(run: Sequence[Line]) -> tuple[Line, ...]:
    """The content lines of a fence."""
    return tuple(
        line for line in run[1:] if not (line is run[-1] and line.body.strip("`~> ") == "" and line.body[:1] in "`~>")
    )


def commands_in_fence(
    run: Sequence[Line], source: Source, *, expected: str = "", example: bool = False
) -> tuple[CommandRef, ...]:
    """The command lines of a fenced block: comments left out, backslash continuations joined."""
    found: list[CommandRef] = []
    parts: list[str] = []
    first: Line | None = None
    for line in fence_content(run):
        text = line.text.strip()
        if not parts and (not text or text.startswith("#")):
            continue
        first = first or line
        if text.endswith("\\"):
            parts.append(text[:-1].strip())
            continue
        parts.append(text)
        found.append(CommandRef(" ".join(parts), source.origin(first.index), False, expected, example))
        parts, first = [], None
    if parts and first is not None:
        found.append(CommandRef(" ".join(parts), source.origin(first.index), False, expected, example))
    return tuple(found)


def is_shell_fence(info: str, content: str) -> bool:
    """Whether a fence holds commands: by its info string, or, without one, by its first word."""
    language = info.split(maxsplit=1)[0] if info else ""
    if language in {"bash", "sh", "shell", "console", "zsh", "powershell", "cmd"}:
        return True
    return not language and _COMMAND_WORD.match(content.strip()) is not None


def commands_in_text(text: str, line: Line, source: Source) -> tuple[CommandRef, ...]:
    """Commands in ticks, and `{SCRIPT: ...}` directives."""
    origin = source.origin(line.index, line.col)
    ticked = [inside for inside in _TICKS.findall(text) if is_command(inside)]
    return tuple(CommandRef(command, origin) for command in (*ticked, *scripts_in(text)))


def is_command(text: str) -> bool:
    """Whether a ticked text is a command line: a known program or a script with arguments."""
    text = text.strip()
    if _COMMAND_WORD.match(text) and (" " in text or text.endswith((".sh", ".py"))):
        return True
    return " --" in text


def scripts_in(text: str) -> tuple[str, ...]:
    """The `{SCRIPT: cmd --flag}` directives of a text."""
    return tuple(_SCRIPT.findall(text)) if "{SCRIPT" in text else ()
