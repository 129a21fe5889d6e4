"""What the server has that engines of the crash tests are forked from: gonogo imported, the methods of its values made.

A value gets its methods when one of them is first needed (docs/decisions/0019-values-made-when-needed.md), and an engine
that was just forked needs a hundred of them before it does anything: made once here, no engine makes them again.
"""

from __future__ import annotations

import dataclasses
import gc
import sys

import tests.crashes.crash_harness  # noqa: F401 - imports what engines need


def make_values() -> int:
    """Let every value of gonogo make its methods now; how many there are."""
    modules = [module for name, module in sys.modules.items() if name.startswith("gonogo.")]
    found = {each for module in modules for each in vars(module).values() if isinstance(each, type)}
    values = [each for each in found if dataclasses.is_dataclass(each) and not getattr(each, "__abstractmethods__", None)]
    for value in values:
        object.__new__(value).__eq__(None)
    return len(values)


make_values()
gc.freeze()
