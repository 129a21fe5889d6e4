"""A rolling release on a disk that takes nothing any more: traffic and hosts are given back, and the run is taken back later."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.scenarios.small_disk import told_by

HOSTS = ("web1", "web2", "web3")
OLD = dict.fromkeys(HOSTS, "v1")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
@pytest.mark.req("ARB-01", "FI-01", "FI-03", "ROL-06")
@pytest.mark.parametrize(("story", "words"), [("full", "No space left on device"), ("read-only", "Read-only file system")])
def test_hosts_and_traffic_return_to_the_old_version_when_nothing_of_a_rolling_release_can_be_recorded(
    tmp_path: Path, story: str, words: str
) -> None:
    told = told_by("disk_rollouts.py", tmp_path, story)
    assert words in str(told["error"])
    assert "web1, web2 of production were taken back to the old version, which is not on record yet" in str(told["error"])
    assert "next:" in str(told["error"])
    assert told["versions"] == OLD
    assert told["weights"] == {"web1": 0, "web2": 0, "web3": 100}
    assert told["recorded"] is False
    assert told["afterwards"] == "rolled_back"
    assert told["again"] == OLD
    assert told["shared"] == {"web1": 34, "web2": 33, "web3": 33}
    assert told["problems"] == []
    assert sorted(told["scripts"]) == [
        "deploy production v2 web1",
        "deploy production v2 web2",
        "rollback production v2 web1",
        "rollback production v2 web2",
    ]
