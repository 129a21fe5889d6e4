"""Every format of scanner output that is understood, by the word of the project file (components section 10).

Each reader takes the output alone. No exit code is an input: 0, 1, 14 and 200 mean different things to different tools
(SC-04).
"""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.measure.providers import ScanReader
from gonogo.measure.sarif import read_sarif
from gonogo.measure.scan_findings import ScanRead
from gonogo.measure.scanners_of_code import read_bandit, read_checkov, read_semgrep, read_zizmor
from gonogo.measure.scanners_of_packages import (
    read_grype,
    read_npm_audit,
    read_osv_scanner,
    read_pip_audit,
    read_trivy,
)
from gonogo.measure.scanners_of_secrets import read_detect_secrets, read_gitleaks


def read_secrets_sarif(data: bytes, name: str) -> ScanRead:
    """SARIF of a tool that looks for secrets: a result without a score is critical."""
    return read_sarif(data, name, secrets=True)


SCAN_READERS: Mapping[str, ScanReader] = {
    "sarif": read_sarif,
    "secrets-sarif": read_secrets_sarif,
    "bandit": read_bandit,
    "checkov": read_checkov,
    "detect-secrets": read_detect_secrets,
    "gitleaks": read_gitleaks,
    "grype": read_grype,
    "npm-audit": read_npm_audit,
    "osv-scanner": read_osv_scanner,
    "pip-audit": read_pip_audit,
    "semgrep": read_semgrep,
    "trivy": read_trivy,
    "zizmor": read_zizmor,
}
"""The built-in formats; each stands in `pyproject.toml`, too (`gonogo.measure.providers`)."""
