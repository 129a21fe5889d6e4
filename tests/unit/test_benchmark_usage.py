"""Every benchmark says what it measures when it is asked for help, and measures nothing then."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = sorted([*FOLDER.glob("bench_*.py"), FOLDER / "judge_study.py"])
STARTED = ("bench_distributed.py", "bench_engine.py")
"""These are started in the fast suite, too: both take how many of what is measured."""


def about(script: Path) -> str:
    """The first line of what a script says of itself."""
    return (ast.get_docstring(ast.parse(script.read_text())) or "").split("\n", 1)[0]


def test_every_benchmark_says_what_it_measures_and_reads_its_arguments_by_a_parser() -> None:
    assert len(SCRIPTS) > 10
    for script in SCRIPTS:
        tree = ast.parse(script.read_text())
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert about(script), script.name
        assert [call for call in calls if isinstance(call, ast.Attribute) and call.attr == "parse_args"], script.name


@pytest.mark.parametrize("script", [pytest.param(item, id=item.name, marks=() if item.name in STARTED else pytest.mark.slow) for item in SCRIPTS])
def test_a_benchmark_that_is_asked_for_help_says_what_it_measures_and_ends(script: Path) -> None:
    said = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    assert "".join(about(script).split()) in "".join(said.stdout.split())


def test_a_benchmark_says_which_number_it_cannot_use() -> None:
    said = subprocess.run([sys.executable, FOLDER / "bench_engine.py", "none"], capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stdout) == (2, "")
    assert "'none' is no number from 1 on" in said.stderr


def test_the_project_that_is_released_through_proxies_in_the_benchmark_of_rollbacks_can_be_read(tmp_path: Path) -> None:
    code = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(FOLDER)!r}); import bench_rollback as bench;"
        "from gonogo.control.sources import open_workspace;"
        "root = Path(sys.argv[1]);\n"
        "with bench.place(root / 'staging') as staging, bench.place(root / 'production') as production:\n"
        "    project = bench.small_project(root / 'shop', staging, production)\n"
        "    bench.bound(project, '{kind: haproxy, socket: h.sock, backend: app}', 'http://127.0.0.1:1')\n"
        "    print(open_workspace(project.root).project.environments['production'].target)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "haproxy" in done.stdout
