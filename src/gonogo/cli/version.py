"""The version of gonogo, without what reading package metadata would cost."""

from __future__ import annotations

import importlib
import re

import gonogo


def version() -> str:
    """The version as the package itself says it; from the installed metadata where docstrings were stripped."""
    found = re.search(r"Version: ([0-9.]+)", gonogo.__doc__ or "")
    if found:
        return found[1]
    return str(importlib.import_module("importlib.metadata").version("gonogo"))
