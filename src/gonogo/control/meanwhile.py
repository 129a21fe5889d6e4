"""What a person does to a run while an engine, a worker or somebody else writes to its ledger in the same moment.

Of two writers one is told that the other was faster, and nothing of what it did is recorded. A person is not asked to
type it again: it is done anew, and judged anew, on the run as it is then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from gonogo.engine.bench import World
from gonogo.ports import Moved

MOST_MOVES: Final = 20
"""So often somebody else may write to the ledger in the same moment."""
PAUSE: Final = 0.01

Done = TypeVar("Done")


def anew(world: World, act: Callable[[], Done]) -> Done:
    """What `act` gives, which loads the run and records at most once. Raises Moved where it never comes to that."""
    for _ in range(MOST_MOVES):
        try:
            return act()
        except Moved:
            world.clock.sleep(PAUSE)
    return act()
