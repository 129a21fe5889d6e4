"""Bytes of a document as text with places: strict UTF-8, limits, line ends, repair of damage (sections 2, 9, 13).

Every place that is reported later is a place in the *original* bytes, although the text that is read may be a repaired
one. Lines end at LF, CRLF and CR only: other characters that some tools treat as line ends would let two readers
disagree about where a line starts.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right

from gonogo.document.mojibake import RUN, Doubtful, Mended, mend
from gonogo.findings import Finding, Origin, Span
from gonogo.protocol.codes import finding
from gonogo.terms import Digest, digest_of
from gonogo.values import dataclass

MOST_BYTES = 1 << 20
MOST_LINE = 64 * 1024
MOST_LINES = 32 * 1024

_LINE_END = re.compile(r"\r\n|\n|\r")
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ODD_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_NORMAL = {ord(char): " " for char in "\u00a0\u1680\u202f\u205f\u3000"} | dict.fromkeys(range(8192, 8203), " ")
_JOINER = "\u200d"
_EMOJI_START = 0x2190


@dataclass(frozen=True, slots=True)
class Source:
    """A document that can be read: its text, its lines as they are matched, and the way back to the bytes.

    `lines` are matched: hidden characters gone, references resolved, Unicode spaces replaced, so that what looks alike
    reads alike. `starts`
    are the offsets of the lines in `text`.
    """

    file: str
    digest: Digest
    encoding: str
    text: str
    lines: tuple[str, ...]
    starts: tuple[int, ...]
    raw: tuple[str, ...]
    original: tuple[str, ...]
    byte_starts: tuple[int, ...]

    def origin(self, line: int, col: int = 0, end: int | None = None) -> Origin:
        """The place of columns `col` to `end` (0-based, code points) of `line` (0-based) in the original bytes."""
        written = self.original[line]
        stop = len(self.raw[line]) if end is None else end
        first, last = col, stop
        if self.original is not self.raw and not written.isascii():
            first, last = _column(self.raw[line], written, col), _column(self.raw[line], written, stop)
        start = self.byte_starts[line]
        if written.isascii():
            return Origin(self.file, line + 1, first + 1, start + first, start + min(last, len(written)))
        return Origin(
            self.file,
            line + 1,
            first + 1,
            start + len(written[:first].encode()),
            start + len(written[:last].encode()),
        )

    def span(self, line: int, col: int = 0, end: int | None = None) -> Span:
        """The same place as a range of the repaired text, for edits."""
        stop = len(self.raw[line]) if end is None else end
        return Span(self.starts[line] + col, self.starts[line] + stop)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column (both 0-based) of an offset in `text`."""
        line = bisect_right(self.starts, offset) - 1
        return line, offset - self.starts[line]


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening the bytes gave; `source` is None where they are refused, and the last finding says why."""

    source: Source | None
    findings: tuple[Finding, ...]
    encoding: str = "utf-8"


def open_source(data: bytes, file: str) -> Opened:
    """Decode `data`, check the limits, repair damage, split lines. GN0001 to GN0003, GN0005, GN0006."""
    if len(data) > MOST_BYTES:
        message = f"{len(data) / MOST_BYTES:.1f} MiB; the limit is 1 MiB"
        return Opened(None, (finding("GN0005", message, Origin(file, 1), notes=("split the document",)),))
    try:
        written = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return Opened(None, (_not_utf8(data, error.start, file),))
    skipped = 0
    if written.startswith("\ufeff"):
        written, skipped = written[1:], 3
    return _mended(written, skipped, file, digest_of(data))


def _not_utf8(data: bytes, at: int, file: str) -> Finding:
    before = data[:at].decode("utf-8")
    line = len(_LINE_END.findall(before)) + 1
    col = len(_LINE_END.split(before)[-1]) + 1
    place = Origin(file, line, col, at, at + 1)
    return finding(
        "GN0006", f"byte 0x{data[at]:02X} at {line}:{col} is not UTF-8", place, notes=("save the file as UTF-8",)
    )


def _mended(written: str, skipped: int, file: str, digest: Digest) -> Opened:
    outcome = mend(written)
    text, encoding = written, "utf-8"
    if isinstance(outcome, Mended):
        text, encoding = outcome.text, f"utf-8 read as {outcome.page}"
    lost_mark = 1 if text.startswith("\ufeff") else 0
    text = text[lost_mark:]
    starts, raw = _split(text)
    if len(raw) > MOST_LINES:
        message = f"{len(raw)} lines; the limit is {MOST_LINES}"
        return Opened(None, (finding("GN0005", message, Origin(file, 1)),), encoding)
    written_starts, original = (starts, raw) if text == written else _split(written)
    byte_starts = _byte_starts(written, written_starts, original, skipped)
    lines = tuple(_matched(line) for line in raw) if _odd(text) else raw
    source = Source(file, digest, encoding, text, lines, starts, raw, original, byte_starts)
    findings = list(_damage(source, outcome, written))
    if isinstance(outcome, Doubtful):
        return Opened(None, tuple(findings), encoding)
    too_long = next((index for index, line in enumerate(raw) if len(line) > MOST_LINE), None)
    if too_long is not None:
        message = f"line of {len(raw[too_long])} characters; the limit is {MOST_LINE}"
        return Opened(None, (*findings, finding("GN0005", message, source.origin(too_long, 0, 1))), encoding)
    return Opened(source, (*findings, *_hidden(source)), encoding)


def _damage(source: Source, outcome: object, written: str) -> tuple[Finding, ...]:
    match outcome:
        case Mended(places=places, page=page, first=first):
            message = f"text is UTF-8 read as {page} ({places} places); repaired for reading"
            note = "digests and signatures cover the original bytes"
            return (finding("GN0001", message, _place_of(source, written, first), notes=(note,)),)
        case Doubtful(reason=reason, first=first):
            note = "save the text again from its source, as UTF-8"
            return (finding("GN0002", reason, _place_of(source, written, first), notes=(note,)),)
        case _:
            return ()


def _place_of(source: Source, written: str, offset: int) -> Origin:
    line = len(_LINE_END.findall(written, 0, offset))
    begin = max(written.rfind("\n", 0, offset), written.rfind("\r", 0, offset)) + 1
    at = source.byte_starts[line] + len(written[begin:offset].encode())
    return Origin(source.file, line + 1, offset - begin + 1, at, at + len(written[offset].encode()))


def _split(text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    starts, lines, at = [0], [], 0
    for match in _LINE_END.finditer(text):
        lines.append(text[at : match.start()])
        at = match.end()
        starts.append(at)
    lines.append(text[at:])
    if lines[-1] == "" and len(lines) > 1:
        return tuple(starts[:-1]), tuple(lines[:-1])
    return tuple(starts), tuple(lines)


def _byte_starts(written: str, starts: tuple[int, ...], lines: tuple[str, ...], skipped: int) -> tuple[int, ...]:
    if written.isascii():
        return starts if not skipped else tuple(start + skipped for start in starts)
    result, at = [], skipped
    for index, line in enumerate(lines):
        result.append(at)
        after = starts[index + 1] if index + 1 < len(starts) else len(written)
        ends = after - starts[index] - len(line)
        at += (len(line) if line.isascii() else len(line.encode())) + ends
    return tuple(result)


def _column(repaired: str, written: str, col: int) -> int:
    """The column of `written` that column `col` of its repaired form came from; inside a run, the start of the run."""
    for new, old in zip(RUN.finditer(repaired), RUN.finditer(written), strict=False):
        if col < new.start():
            return col - new.start() + old.start()
        if col < new.end():
            return old.start()
        shift = old.end() - new.end()
        following = RUN.search(repaired, new.end())
        if following is None or col < following.start():
            return col + shift
    return col


def _odd(text: str) -> bool:
    """Whether a line may look otherwise than it is written: hidden characters, odd spaces, character references."""
    return any(pattern.search(text) is not None for pattern in (_HIDDEN, _ODD_SPACE, _REFERENCE))


def _matched(line: str) -> str:
    """The line as a person sees it: references resolved, hidden characters gone, every space a plain one (law 5)."""
    if "&" in line:
        line = _REFERENCE.sub(lambda match: html.unescape(match.group()), line)
    return _HIDDEN.sub("", line).translate(_NORMAL)


def _hidden(source: Source) -> tuple[Finding, ...]:
    """GN0003 for every line that holds a character nobody can see; one finding a line (law 5)."""
    if source.lines is source.raw:
        return ()
    found = []
    for index, line in enumerate(source.raw):
        match = next((hit for hit in _HIDDEN.finditer(line) if not _joins_emoji(line, hit.start())), None)
        if match is not None:
            message = f"invisible character U+{ord(match.group()):04X}"
            found.append(finding("GN0003", message, source.origin(index, match.start(), match.end())))
    return tuple(found)


def _joins_emoji(line: str, at: int) -> bool:
    return line[at] == _JOINER and at > 0 and ord(line[at - 1]) >= _EMOJI_START


def odd_space(raw: str, end: int) -> int | None:
    """Column of the first look-alike space before column `end` of a raw line, or None (GN0003)."""
    match = _ODD_SPACE.search(raw, 0, end)
    return None if match is None else match.start()
