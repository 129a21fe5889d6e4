"""The whole HTTP API, tried with what its description allows and with what it does not: no server error, whatever comes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans, just
from schemathesis.checks import not_a_server_error

from gonogo.control.agent_tokens import create_token
from gonogo.run.agents import Scope, TokenWish
from gonogo.terms import Person, RunId
from gonogo.web.api import CALLS
from gonogo.web.sessions import Rate
from tests.projects import small_project
from tests.worlds_http import place
from web_world import Served, served

WAIT_S = 30
"""So long a call is waited for; what takes longer answers 202, which is no error either."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("fuzzed")
    with place(root / "staging") as staging, place(root / "production") as production:
        with served(small_project(root / "shop", staging, production)) as site:
            yield site


@pytest.fixture(scope="module")
def run(here: Served) -> RunId:
    """A run that is halted: whoever drives it does nothing."""
    found = here.project.begin("pre-deployment")
    here.project.door().halt(found, "nothing of it shall be done", Person("rm1"))
    return found


FILLED = {"gate": "intake-confirmation-gate", "environment": "staging", "figure": "quality", "schema": "project", "code": "GN0801"}
"""Names of paths that lead somewhere, so that calls are tried behind them, too; those of protocols cost most."""
DEEP = {**FILLED, "protocol": "pre-deployment"}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("examples", [1, pytest.param(25, marks=pytest.mark.slow)])
def test_schemathesis_finds_no_server_error(here: Served, run: RunId, examples: int) -> None:
    wish = TokenWish("fuzzer", "rm1", frozenset(Scope), ("*",), ("*",), timedelta(hours=1))
    text = create_token(here.project.door(), wish, Person("rm1"))[1].reveal()
    headers = {"authorization": f"Bearer {text}"}
    schema = schemathesis.openapi.from_url(f"{here.base}/api/v1/openapi.json", headers=headers)
    asked: dict[str, int] = {}
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=examples, deadline=None, database=None, derandomize=examples < 10, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), real=booleans() if examples > 1 else just(value=True))
        def tried(case: schemathesis.Case, real: bool) -> None:
            here.site.pace = Rate(600, 60)
            for name in case.path_parameters if real else ():
                case.path_parameters[name] = {"run": run, **(DEEP if examples > 1 else FILLED)}.get(name, case.path_parameters[name])
            asked[f"{case.method} {case.path}"] = asked.get(f"{case.method} {case.path}", 0) + 1
            case.call_and_validate(headers={**headers, "prefer": f"wait={WAIT_S}"}, checks=[not_a_server_error])

        tried()
    assert len(asked) == len(CALLS) + len(here.site.verbs) + 1, "every call was tried"
