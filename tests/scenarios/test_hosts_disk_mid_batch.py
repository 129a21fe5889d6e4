"""A disk that is full in the middle of a batch: who is being replaced is awaited, and taken back then."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.scenarios.small_disk import told_by

OLD = dict.fromkeys(("web1", "web2", "web3"), "v1")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
@pytest.mark.req("ARB-01", "FI-01", "FI-03", "ROL-06")
def test_an_installation_that_is_under_way_when_the_disk_is_full_is_awaited_and_then_taken_back(tmp_path: Path) -> None:
    told = told_by("disk_mid_batch.py", tmp_path, seconds=600)
    assert told["seen"] == {"both": True, "back": True}, told
    assert "No space left on device" in str(told["error"])
    assert "web1, web2 of production were taken back to the old version, which is not on record yet" in str(told["error"])
    assert told["versions"] == OLD, told
    assert told["weights"] == {"web1": 0, "web2": 0, "web3": 100}
    assert told["course"][2:] == ["installed web1", "rollback web1", "installed web2", "rollback web2"]
    assert told["afterwards"] == "rolled_back", told
    assert told["again"] == OLD
    assert told["whole"] == told["course"], "nothing is begun again"
    assert told["shared"] == {"web1": 34, "web2": 33, "web3": 33}
    assert told["problems"] == []
