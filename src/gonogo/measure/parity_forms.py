"""Every form of parity source that gonogo reads itself, by the word of a project file (PAR-01)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.errors import BadInput
from gonogo.measure.environment_file import read_environment_file
from gonogo.measure.parity_flags import read_flagd, read_launchdarkly, read_openfeature, read_unleash
from gonogo.measure.parity_kubernetes import read_helm_values, read_kubernetes
from gonogo.measure.parity_packages import (
    read_cyclonedx_parts,
    read_dpkg,
    read_images,
    read_npm,
    read_pip_freeze,
    read_pip_list,
    read_spdx_parts,
)
from gonogo.measure.parity_sources import named, read_env, read_json_settings, read_toml_settings
from gonogo.measure.parity_terraform import read_terraform_plan, read_terraform_state
from gonogo.measure.parity_yaml import read_documents
from gonogo.measure.providers import Settings, SettingsReader


def read_yaml_settings(data: bytes, name: str) -> Settings:
    """One YAML mapping."""
    documents = read_documents(data, name)
    if len(documents) > 1:
        raise BadInput(
            f"{len(documents)} documents stand in one file",
            where=name,
            next_step="give one file for each, or the format kubernetes",
        )
    return named(documents[0], name)


SETTINGS_READERS: Mapping[str, SettingsReader] = {
    "env": read_env,
    "json": read_json_settings,
    "yaml": read_yaml_settings,
    "toml": read_toml_settings,
    "environment": read_environment_file,
    "terraform-state": read_terraform_state,
    "terraform-plan": read_terraform_plan,
    "kubernetes": read_kubernetes,
    "helm-values": read_helm_values,
    "flagd": read_flagd,
    "openfeature": read_openfeature,
    "unleash": read_unleash,
    "launchdarkly": read_launchdarkly,
    "pip-freeze": read_pip_freeze,
    "pip-list": read_pip_list,
    "dpkg": read_dpkg,
    "npm": read_npm,
    "cyclonedx": read_cyclonedx_parts,
    "spdx": read_spdx_parts,
    "images": read_images,
}
"""The built-in forms; each is registered in group `gonogo.parity`, too."""

ENDINGS: Mapping[str, str] = {
    ".env": "env",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".tfstate": "terraform-state",
}
"""What a file without a declared form is read as, by its ending."""
