"""The agent door on a shared database: an agent opens and follows a run through MCP, workers drive it, people sign outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from agents_world import Agency, agency, caller, client_of, key, opening, stdio_server, wish

from gonogo.control.agents.tokens import create_token
from gonogo.terms import Person, RunId
from shared_workers import Site, close, site_of
from tests.projects import REQUESTER, small_project
from tests.worlds_http import place

SMALL = "deployment-automation"
LONGEST = 240


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        with site_of(small_project(tmp_path / "project", staging, production)) as made:
            yield made


def followed(there: Agency, log: Path) -> dict[str, object]:
    """Open a run, and start whatever is due until the run is over; gives the last status, with what was started."""
    started: set[str] = set()

    async def whole() -> dict[str, object]:
        async with client_of(stdio_server(there.project, there.secret), "auto", log) as client:
            call = caller(client)
            opened = await call("run_start", {**opening(await call("protocol_list", {}), SMALL), "key": key()})
            assert opened["ok"], opened
            run = RunId(opened["run_id"])
            with anyio.fail_after(LONGEST):
                while True:
                    seen = await call("run_status", {"run_id": run})
                    due = seen["data"]["due"]
                    if due is None:
                        return {"run": run, "last": seen, "started": started}
                    if seen["code"] == "OK" and any(reason["code"] == "SIGNATURES" for reason in seen["blocked_by"]):
                        asked = await call("approval_request", {"run_id": run, "state_id": due, "summary": "it is due", "key": key()})
                        assert asked["code"] in {"OK", "NOT_READY"}, asked
                        await anyio.to_thread.run_sync(there.project.sign_all, run)
                        continue
                    begun = await call("step_start", {"run_id": run, "state_id": due, "revision": seen["revision"], "key": key()})
                    if not begun["ok"]:
                        # The worker was faster: look again.
                        assert begun["code"] in {"REVISION_CONFLICT", "NOT_READY", "BUSY", "NEEDS_HUMAN"}, begun
                        await anyio.sleep(0.2)
                        continue
                    started.add(due)
                    for _ in range(20):
                        looked = await call("operation_get", {"operation_id": begun["data"]["operation_id"], "wait_ms": 5_000})
                        if looked["data"]["status"] != "working":
                            break
                    assert looked["data"]["status"] in {"done", "needs_human", "stopped", "waiting"}, looked

    return anyio.run(whole)


@pytest.mark.slow
def test_an_agent_follows_a_run_through_mcp_that_workers_drive_on_a_shared_database(site: Site, tmp_path: Path) -> None:
    project = site.project
    there = agency(project)
    careful, _ = create_token(there.door.site.door, wish("careful", separation="enforced"), Person(REQUESTER))
    try:
        refused = there.call("run_start", token=careful, **opening(there.call("protocol_list"), SMALL), key=key())
        assert (refused["code"], project.door().runs()) == ("SEPARATION_REQUIRED", ()), "opening it would start it: workers drive"
        site.start()
        site.alive(1)
        found = followed(there, tmp_path / "server.log")
        run = RunId(str(found["run"]))
        assert project.state(run).outcome == "released"
        assert found["started"], "at least one state was started by the agent"
        assert project.chain_problems(run) == ()
        assert len(site.drivers(run)) == 1, "the worker alone drove it"
        acts = [entry for entry in project.door().world.journal.site() if entry.type == "agent.acted" and entry.data["run"] == run]
        assert {str(entry.actor) for entry in acts} == {"agent:bot"}
        assert there.call("run_status", run_id=run)["data"]["standing"] == "released"
    finally:
        there.door.close()
        close(there.door.site.door)
