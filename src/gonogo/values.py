"""Values: frozen dataclasses whose methods are made when one of them is first needed.

`dataclasses.dataclass` writes and compiles six methods for each class when its module is imported. gonogo has a
thousand classes, a command uses a few dozen of them, and half of what importing the engine cost was that compiling.
What is made here later is made by `dataclasses` itself, from the class as it was written, so that nothing else differs
(docs/decisions/0019-values-made-when-needed.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError
from typing import Any, Final, TypeVar, dataclass_transform

Class = TypeVar("Class")

_LATER: Final = ("__init__", "__repr__", "__eq__", "__hash__")
_ITS_OWN: Final = ("__dict__", "__weakref__")
"""What every class has by itself: a copy of a class gets new ones."""


@dataclass_transform(field_specifiers=(dataclasses.field, dataclasses.Field))
def dataclass(
    *, frozen: bool = False, slots: bool = False, kw_only: bool = False
) -> Callable[[type[Class]], type[Class]]:
    """As `dataclasses.dataclass`; a class that is frozen and has slots gets its methods with its first instance.

    Such a class inherits from no other dataclass: TypeError.
    """

    def made(written: type[Any]) -> type[Any]:
        if frozen and slots:
            return _with_methods_later(written, kw_only=kw_only)
        return dataclasses.dataclass(frozen=frozen, slots=slots, kw_only=kw_only)(written)

    return made


def _with_methods_later(written: type[Any], *, kw_only: bool) -> type[Any]:
    if any(dataclasses.is_dataclass(each) for each in written.__bases__):
        raise TypeError(f"{written.__name__} inherits from a dataclass: take dataclasses.dataclass for both")
    before = {name: item for name, item in vars(written).items() if name not in _ITS_OWN}
    if written.__doc__ is None:
        # Without a docstring `dataclasses` makes one from the signature, which would need the methods now.
        written.__doc__ = written.__name__
    value = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(written)
    methods = {name: _first(value, before, name, kw_only=kw_only) for name in _LATER} | _frozen(value)
    for name, method in methods.items():
        if not _is_own(before, name):
            setattr(value, name, method)
    return value


def _is_own(before: Mapping[str, Any], name: str) -> bool:
    """Whether the class as written defines a method; a class with `__eq__` has a `__hash__` of None without one."""
    return name in before and not (name == "__hash__" and before[name] is None)


def _first(value: type[Any], before: Mapping[str, Any], name: str, *, kw_only: bool) -> Callable[..., Any]:
    """The method `name` until it is called: it puts the real ones in the place of all of them."""

    def first(self: object, *given: object, **named: object) -> object:
        whole = dataclasses.dataclass(frozen=True, kw_only=kw_only)(_again(value, before))
        for each in _LATER:
            if not _is_own(before, each):
                setattr(value, each, vars(whole)[each])
        return vars(value)[name](self, *given, **named)

    return first


def _again(value: type[Any], before: Mapping[str, Any]) -> type[Any]:
    """The class as it was written, once more: only its methods are taken, of it there is never an instance."""
    kind: Any = type(value)
    written: type[Any] = kind(value.__name__, value.__bases__, {**before, "__qualname__": value.__qualname__})
    return written


def _frozen(value: type[Any]) -> dict[str, Callable[..., Any]]:
    """What keeps an instance as it is, and lets it be copied, as `dataclasses` does it for frozen ones with slots."""
    names = tuple(each.name for each in dataclasses.fields(value))

    def set_attribute(self: object, name: str, new: object) -> None:
        if type(self) is value or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, new)

    def delete_attribute(self: object, name: str) -> None:
        if type(self) is value or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    def state(self: object) -> list[object]:
        return [getattr(self, name) for name in names]

    def with_state(self: object, kept: list[object]) -> None:
        for name, each in zip(names, kept, strict=True):
            object.__setattr__(self, name, each)

    return {
        "__setattr__": set_attribute,
        "__delattr__": delete_attribute,
        "__getstate__": state,
        "__setstate__": with_state,
    }
