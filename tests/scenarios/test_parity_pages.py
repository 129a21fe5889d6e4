"""The pages about parity and providers: every block runs as printed; the example package is installed and used for real."""

from __future__ import annotations

import configparser
import io
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gonogo.adapters.plugins import PluginProviders
from gonogo.document.yaml_nodes import read_yaml
from gonogo.measure.parity_forms import SETTINGS_READERS
from gonogo.adapters.plugins import BUILT_IN
from gonogo.plan.bindings import read_project
from gonogo.plan.parity_binding import read_remediation
from gonogo.terms import Severity
from tests.command_line import importing
from tests.foreign_package import importable, install

DOCS = Path(__file__).parents[2] / "docs"
BASH = re.compile(r"^```bash(?: exit=(\d+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
YAML = re.compile(r"^ *```yaml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@pytest.mark.req("PAR-01", "PAR-12", "NB-04")
def test_every_block_of_the_page_about_parity_ends_as_printed(tmp_path: Path) -> None:
    page = (DOCS / "parity.md").read_text()
    blocks = BASH.findall(page)
    assert len(blocks) == 4
    program = tmp_path / "bin" / "gonogo"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gonogo.cli.main "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "shop").mkdir()
    settings = importing(LOGNAME="ada", USER="ada")
    settings["PATH"] = f"{program.parent}:{settings['PATH']}"
    said = []
    for code, body in blocks:
        done = subprocess.run(["bash", "-c", body], cwd=tmp_path / "shop", env=settings, capture_output=True, text=True, check=False)
        assert done.returncode == int(code or 0), f"{body}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)
    assert "/configuration/WORKERS" in said[1]
    assert "accepted" in said[2]
    assert "/secrets/*: rule critical, weight 5, must differ → low, weight 5, must differ  weaker" in said[3]


def test_the_page_names_every_form_and_its_yaml_is_read() -> None:
    page = (DOCS / "parity.md").read_text()
    assert [form for form in SETTINGS_READERS if f"`{form}`" not in page] == []
    sources, plan = YAML.findall(page)
    text = "environments:\n  staging:\n    url: http://x\n" + "".join(f"    {line}\n" for line in sources.splitlines())
    said = [str(finding.message) for finding in read_project(text.encode(), "gonogo.yaml").findings]
    assert [line for line in said if "settings" in line and "does not bind" not in line] == []
    assert read_remediation(re.sub(r"^   ", "", plan, flags=re.MULTILINE).encode(), "page").plans[0].owner == "sre1"


def test_the_example_package_passes_its_contract_tests_and_serves(tmp_path: Path) -> None:
    files = dict(FILES.findall((DOCS / "providers.md").read_text()))
    points = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]
    assert set(points) == set(BUILT_IN)
    functions = {group: {name: value.partition(":")[2] for name, value in names.items()} for group, names in points.items()}
    site = tmp_path / "site"
    install(site, "acme_gonogo", files["acme_gonogo.py"], functions)
    written = configparser.ConfigParser()
    written.read_file(io.StringIO((site / "acme_gonogo-1.0.dist-info/entry_points.txt").read_text()))
    assert {group: dict(written[group]) for group in written.sections()} == points
    (tmp_path / "test_contract.py").write_text(files["test_contract.py"])
    environ = importing()
    environ["PYTHONPATH"] = f"{site}:{environ['PYTHONPATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, "-c", "/dev/null", tmp_path / "test_contract.py"],
        env=environ, cwd=tmp_path, capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
    with importable(site):
        data = b'{"tool": "acme", "version": "3", "files": 2, "problems": [{"rule": "A2", "kind": "new", "file": "b.py"}]}'
        assert PluginProviders(tmp_path).scan("plugin:acme", data, "acme.json").findings[0].severity is Severity.UNKNOWN
    assert "acme_gonogo" not in sys.modules
    for block in YAML.findall((DOCS / "providers.md").read_text()):
        read_yaml(block.encode(), "page")
