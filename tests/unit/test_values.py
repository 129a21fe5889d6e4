"""Values whose methods are made when needed are what `dataclasses` makes: tried beside the real thing."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from dataclasses import FrozenInstanceError, field, fields, replace

import pytest

from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp."""

    name: str
    lumen: int = 10
    ships: tuple[str, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if self.lumen < 0:
            raise ValueError("a lamp takes no light")


@dataclasses.dataclass(frozen=True, slots=True)
class Usual:
    """The same by `dataclasses`."""

    name: str
    lumen: int = 10
    ships: tuple[str, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Same:
    """Two of them are the same where their names are alike, whatever their case."""

    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.name.lower() == self.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())

    def __repr__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Takes its fields by name."""

    name: str


def test_a_value_is_made_compared_and_shown_as_a_dataclass_is() -> None:
    first, usual = Lamp("east", ships=("a",)), Usual("east", ships=("a",))
    assert repr(first) == repr(usual).replace("Usual", "Lamp")
    assert first == Lamp("east", 10, ("a",)) and first != Lamp("west") and hash(first) == hash(usual)
    assert Lamp.__match_args__ == Usual.__match_args__ and Lamp.__slots__ == Usual.__slots__
    assert [each.name for each in fields(Lamp)] == [each.name for each in fields(Usual)]
    assert replace(first, lumen=3) == Lamp("east", 3, ("a",)) and Named(name="x") == Named(name="x")


def test_a_value_refuses_what_a_dataclass_refuses() -> None:
    lamp: object = Lamp("east")
    for act in (lambda: setattr(lamp, "lumen", 2), lambda: delattr(lamp, "name"), lambda: setattr(lamp, "other", 2)):
        with pytest.raises(FrozenInstanceError):
            act()
    for given in ((), ("east", 1, (), 4)):
        with pytest.raises(TypeError, match=r"^Lamp\.__init__\(\) "):
            Lamp(*given)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Named("x")  # type: ignore[misc]
    with pytest.raises(ValueError, match="takes no light"):
        Lamp("east", -1)


def test_a_value_is_copied_before_any_was_made() -> None:
    assert copy.deepcopy(Lamp("east", 3)) == Lamp("east", 3)
    assert pickle.loads(pickle.dumps(Lamp("east", 3))) == Lamp("east", 3)


def test_methods_of_its_own_stay() -> None:
    assert Same("A") == Same("a") and len({Same("A"), Same("a")}) == 1 and repr(Same("A")) == "<A>"


def test_its_first_instances_may_be_made_by_many_threads_at_once() -> None:
    @dataclass(frozen=True, slots=True)
    class Fresh:
        """Nobody made one yet."""

        number: int

    begin, made = threading.Barrier(8), []

    def make(number: int) -> None:
        begin.wait()
        made.append(Fresh(number))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.number for each in made} == set(range(8)) and len(set(made)) == 8


def test_a_value_inherits_from_no_dataclass() -> None:
    with pytest.raises(TypeError, match=r"take dataclasses\.dataclass"):

        @dataclass(frozen=True, slots=True)
        class _Brighter(Lamp):  # type: ignore[misc]
            """Would not know whose methods to make."""
