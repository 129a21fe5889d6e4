"""From click's keyword arguments to one frozen value a command: what it takes is a type, not a long signature."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Options = TypeVar("Options")


def taking(build: Callable[..., Options]) -> Callable[[Callable[[Options], int]], Callable[..., int]]:
    """Let a command's body take one value of `build`, whose fields are named as the command's options are."""

    def wrap(body: Callable[[Options], int]) -> Callable[..., int]:
        @wraps(body)
        def called(**values: object) -> int:
            return body(build(**values))

        return called

    return wrap
