"""What scenarios share within a test process, so that it is carried out once there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prepared import Rehearsed, rehearsed
from tests.worlds_http import Place, place


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    """The small project as it is, ready for production: whoever needs more than that makes one with `rehearsed`."""
    with rehearsed(tmp_path_factory.mktemp("rehearsal")) as found:
        yield found


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Place]]:
    """Staging and production of the small shop, for all tests of a file."""
    root = tmp_path_factory.mktemp("places")
    with place(root / "staging") as staging, place(root / "production") as production:
        yield staging, production
