"""What scenarios share within a test process, so that it is carried out once there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prepared import Rehearsed, rehearsed


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    """The small project as it is, ready for production: whoever needs more than that makes one with `rehearsed`."""
    with rehearsed(tmp_path_factory.mktemp("rehearsal")) as found:
        yield found
