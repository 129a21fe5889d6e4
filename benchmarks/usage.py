"""How the scripts of this folder are asked what they measure: each answers `--help` with its own words and measures nothing."""

from __future__ import annotations

import argparse


def usage(about: str | None) -> argparse.ArgumentParser:
    """A parser that shows the docstring of a script as it is written."""
    return argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)


def count(text: str) -> int:
    """How many; at least one."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)
