"""How fast documents are read: beside the Markdown parser's own time, as they grow, and when they are hostile.

    python benchmarks/bench_compiler.py            all figures, about 40 seconds
    python benchmarks/bench_compiler.py --quick    fewer rounds, hostile inputs of 128 KiB

Prints one line a figure with its bar and ends with 1 when a bar is missed. Ratios are of the best of interleaved rounds on
the same machine, because absolute times say little on a shared machine; the absolute bars hold on an idle one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

from markdown_it import MarkdownIt

from gonogo.document.reading import read_document
from gonogo.plan.linting import document_findings

LIBRARY = resources.files("gonogo.library")
KIB = 1 << 10
MIB = 1 << 20


@dataclass(frozen=True)
class Figure:
    """A measured figure with its bar; `bar` None only reports."""

    name: str
    value: float
    unit: str
    bar: float | None

    @property
    def ok(self) -> bool:
        """Whether the bar is kept."""
        return self.bar is None or self.value <= self.bar

    def __str__(self) -> str:
        bar = "" if self.bar is None else f"   bar {self.bar:g} {self.unit}   {'ok' if self.ok else 'MISSED'}"
        return f"{self.name:<58} {self.value:9.2f} {self.unit}{bar}"


def document(size: int) -> str:
    """A whole protocol of about `size` bytes: the built-in one with further phases like its own."""
    text = LIBRARY.joinpath("pre-deployment.md").read_text(encoding="utf-8")
    start, end = text.index("### STEP 1:"), text.index("## QUALITY GATES")
    head, phases, tail = text[:start], text[start:end], text[end:]
    copies = []
    number = 0
    while len(head) + sum(map(len, copies)) + len(tail) < size:
        number += 1
        copy = phases.replace("### STEP ", f"### STEP {number}").replace(":**\n", f" {number}:**\n")
        copies.append(copy.replace(".json`", f"-{number}.json`").replace(".md`", f"-{number}.md`"))
    return head + "".join(copies) + tail


def compiled(text: str) -> int:
    """Read and lint, as every command does; the number of findings."""
    data = text.encode()
    return len(document_findings(read_document(data, "bench.md")))


def parsed(text: str) -> int:
    """The parser's own whole parse, with tables, as a renderer needs it."""
    return len(MarkdownIt("commonmark").enable("table").parse(text))


def best(rounds: int, *jobs: Callable[[], object]) -> list[float]:
    """The best time in milliseconds of each job, the jobs taking turns."""
    found = [float("inf")] * len(jobs)
    for _ in range(rounds):
        for number, job in enumerate(jobs):
            before = time.process_time()
            job()
            found[number] = min(found[number], (time.process_time() - before) * 1000)
    return found


HEAD = "# PROTOCOL 1: X\n\n## WORKFLOW\n\n### STEP 1: T\n\n1. **`[MUST]` X:**\n   * **Halt condition:** Stop if it fails.\n\n"
"""What makes a document one that is read: without it most of the inputs below are refused at once."""
HOSTILE: dict[str, Callable[[int], str]] = {
    "nested quotes": lambda size: ">" * (size // 2) + " x\n",
    "quotes line by line": lambda size: "".join(f"{'> ' * (n % 200)}x\n" for n in range(size // 200)),
    "nested lists": lambda size: "".join(f"{'  ' * n}- x\n" for n in range(min(2000, int(size**0.5)))),
    "brackets": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "open brackets with links": lambda size: "[a](" * (size // 4),
    "stars": lambda size: "*a **a " * (size // 7),
    "underscores": lambda size: "_" * size,
    "backticks of growing length": lambda size: "".join("`" * n + "x" for n in range(1, int((2 * size) ** 0.5))),
    "a wide table": lambda size: "|" + "a|" * 2000 + "\n|" + "-|" * 2000 + "\n" + ("|" + "b|" * 2000 + "\n") * (size // 4001),
    "one long line": lambda size: "x" * size,
    "blank lines": lambda size: "\n" * size,
    "an open fence": lambda size: "```\n" + "1. **`[MUST]` X:**\n" * (size // 19),
    "an open comment": lambda size: "<!--\n" + "* **Halt condition:** Stop.\n" * (size // 28),
    "headings": lambda size: "# x\n" * (size // 4),
    "protocol headings": lambda size: "# PROTOCOL 1: X\n" * (size // 16),
    "steps": lambda size: "1. **`[MUST]` X:**\n" * (size // 19),
    "fields": lambda size: "1. **`[MUST]` Y:**\n" + "   * **Halt condition:** Stop if it fails.\n" * (size // 42),
    "one threshold": lambda size: "## QUALITY GATES\n\n### Gate 1: G\n- **Pass Threshold**: "
    + "a ≥ 1; " * (min(size, 60_000) // 9) + "\n",
    "reference definitions": lambda size: "[a]: b\n" * (size // 7),
    "entities": lambda size: "&amp;" * (size // 5),
    "carriage returns": lambda size: "\r" * size,
    "zeros": lambda size: "\0" * size,
    "tabs": lambda size: "\t" * (size // 2) + "- x\n" * (size // 8),
    "html": lambda size: "<a>" * (size // 3),
    "escapes": lambda size: "\\*" * (size // 2),
    "wide letters": lambda size: "\u6f22" * (size // 3),
    "marks over letters": lambda size: "a" + "\u0301" * (size // 2),
}


def hostile(size: int) -> list[Figure]:
    """The time of each hostile input, cut at `size` bytes; nothing may raise."""
    found = []
    for name, make in HOSTILE.items():
        text = (HEAD + make(size)).encode()[:size].decode("utf-8", "ignore")
        (spent,) = best(1, lambda text=text: compiled(text))
        found.append(Figure(f"hostile: {name}, {len(text.encode()) // KIB} KiB", spent / 1000, "s", 2.0))
    return found


def main() -> int:
    """Measure, print, and give 1 where a bar is missed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true")
    quick = options.parse_args().quick
    rounds = 5 if quick else 15
    usual = document(60 * KIB)
    ours, theirs = best(rounds, lambda: compiled(usual), lambda: parsed(usual))
    size = len(usual.encode()) / KIB
    figures = [
        Figure(f"read and lint of {size:.0f} KiB beside markdown-it-py's own parse", ours / theirs, "times", 4.0),
        Figure(f"read and lint of {size:.0f} KiB", ours, "ms", 100.0),
        Figure(f"markdown-it-py's parse of {size:.0f} KiB", theirs, "ms", None),
    ]
    quarter, whole = document(240 * KIB), document(960 * KIB)
    small, large = best(1 if quick else 3, lambda: compiled(quarter), lambda: compiled(whole))
    growth = (large / len(whole)) / (small / len(quarter))
    figures.append(Figure("cost of a byte at 960 KiB beside one at 240 KiB", growth, "times", 1.5))
    figures.append(Figure("read and lint of 960 KiB", large / 1000, "s", 2.0))
    figures += hostile(128 * KIB if quick else MIB)
    for figure in figures:
        print(figure)
    return 0 if all(figure.ok for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
