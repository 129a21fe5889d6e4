"""A whole release through the Model Context Protocol alone: an agent drives, and stops wherever people have to sign."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import anyio
import pytest
from agents_world import SUMMARY, Agency, Driven, agency, caller, client_of, drive, stdio_server
from command_line import Said, gonogo

from gonogo.ports import SITE_LOG
from gonogo.reports.agent_words import HEADING
from gonogo.reports.untrusted import cleaned
from gonogo.terms import RunId
from tests.projects import SIGNERS, Project, small_project
from tests.scenarios.test_cli_runs import private_keys
from tests.worlds_http import place

PRE, PRODUCTION, SMALL = "pre-deployment", "production-deployment", "deployment-automation"


def driven(there: Agency, log: Path, *slugs: str, signs: Callable[[RunId], bool] | None = None) -> list[Driven]:
    """Drive protocols one after the other through a server of their own."""
    found: list[Driven] = []

    async def whole() -> None:
        async with client_of(stdio_server(there.project, there.secret), "auto", log) as client:
            for slug in slugs:
                found.append(await drive(caller(client), there.project, slug, signs))

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


def package_of(project: Project, run: RunId, folder: Path) -> Path:
    """The newest sealed package of a run, as a file."""
    sealed = list(project.state(run).packages.values())[-1]
    path = folder / sealed.name
    path.write_bytes(project.door().world.vault.read(sealed.sha256, limit=1 << 26))
    return path


def test_an_agent_drives_a_whole_release_over_stdio_and_people_sign_outside(tmp_path: Path) -> None:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        there = agency(small_project(tmp_path / "project", staging, production))
        keys, said = private_keys(there.project, tmp_path / "keys"), list[Said]()

        def signs(run: RunId) -> bool:
            """Everybody who is asked signs on the command line, in a process that the agent has no part in."""
            for asked in there.project.door().requests(run):
                for handle in SIGNERS[asked.point]:
                    line = ({"attestation": "attest"}.get(asked.kind, "approve"), run, asked.point, "--key", keys / handle, "--yes", "-C", there.project.root, "--json")
                    said.append(gonogo(*map(str, line)))
            return all(answer.code == 0 for answer in said)

        (run,) = driven(there, tmp_path / "server.log", SMALL, signs=signs)
        words = said[0].json()["untrusted_agents"]
        assert (words["separation"], words["claims"], words["summaries"][0]["source"]) == ("advisory", [], "agent:bot")
        assert words["summaries"][0]["untrusted_summary"] == cleaned(SUMMARY)
        assert HEADING in said[0].err and "  | All green \\x1b" in said[0].err and "\x1b" not in said[0].err
        assert "All green" not in there.project.door().world.vault.read(there.project.state(run.run).rounds[f"{run.signed_at[0]}-1"].shown).decode()
        assert (run.last["data"]["separation"], there.call("state_explain", run_id=run.run, state_id=run.started[0])["data"]["separation"]) == ("advisory", "advisory")
        package = package_of(there.project, run.run, tmp_path)
        assert json.loads(ZipFile(package).read("seal.json"))["predicate"]["separation"] == "advisory"
        assert "AI agents drove it, kept apart: advisory" in gonogo("verify", str(package), "--no-anchor-needed").out
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
