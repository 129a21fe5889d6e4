"""A whole release through the Model Context Protocol alone: an agent drives, and stops wherever people have to sign."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from agents_world import Agency, Driven, agency, caller, client_of, drive, stdio_server

from gonogo.ports import SITE_LOG
from tests.projects import Project, small_project
from tests.worlds_http import place

PRE, PRODUCTION, SMALL = "pre-deployment", "production-deployment", "deployment-automation"


def driven(there: Agency, log: Path, *slugs: str) -> list[Driven]:
    """Drive protocols one after the other through a server of their own."""
    found: list[Driven] = []

    async def whole() -> None:
        async with client_of(stdio_server(there.project, there.secret), "auto", log) as client:
            for slug in slugs:
                found.append(await drive(caller(client), there.project, slug))

    anyio.run(whole)
    assert there.secret not in log.read_text()
    return found


def shows_who_did_it(project: Project, run: Driven) -> None:
    """The log of the site names the agent and the tool for each act, and no signature is an agent's."""
    acts = [entry for entry in project.door().world.journal.entries(SITE_LOG) if entry.type == "agent.acted" and entry.data["run"] == run.run]
    assert {str(entry.actor) for entry in acts} == {"agent:bot"}
    assert [str(entry.data["state"]) for entry in acts if entry.data["tool"] == "step_start"] == run.started
    answers = [answer for asked in project.state(run.run).rounds.values() for answer in asked.answers]
    assert answers
    assert "bot" not in {answer.person for answer in answers}
    assert project.chain_problems(run.run) == ()


def test_an_agent_drives_a_whole_release_over_stdio_and_people_sign_outside(tmp_path: Path) -> None:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        there = agency(small_project(tmp_path / "project", staging, production))
        (run,) = driven(there, tmp_path / "server.log", SMALL)
        assert run.last["data"]["standing"] == "released"
        assert production.version(production.front()) == "v2"
        shows_who_did_it(there.project, run)


@pytest.mark.slow
def test_an_agent_drives_both_protocols_to_their_ends_and_stops_at_every_signature(tmp_path: Path) -> None:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        there = agency(small_project(tmp_path / "project", staging, production))
        before, run = driven(there, tmp_path / "server.log", PRE, PRODUCTION)
        assert before.last["data"]["standing"] == "ready"
        assert before.signed_at == ["audit_recommendation", "readiness"]
        assert run.last["data"]["standing"] == "released"
        assert run.signed_at == ["authorisation", "scope_confirmation", "freeze", "production"]
        assert production.version(production.front()) == "v2"
        assert len(there.project.executions("deploy")) == 3
        shows_who_did_it(there.project, before)
        shows_who_did_it(there.project, run)
