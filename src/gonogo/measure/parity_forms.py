"""Every form of parity source that gonogo reads itself, by the word of a project file (PAR-01)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.measure.parity_diff import Leaf
from gonogo.measure.parity_leaves import SourceOptions, flattened
from gonogo.measure.parity_sources import read_env, read_json_settings, read_toml_settings, read_yaml_settings
from gonogo.measure.providers import SettingsReader

SETTINGS_READERS: Mapping[str, SettingsReader] = {
    "env": read_env,
    "json": read_json_settings,
    "yaml": read_yaml_settings,
    "toml": read_toml_settings,
}
"""The built-in forms; each is registered in group `gonogo.parity`, too."""


def read_source(data: bytes, form: str, name: str, options: SourceOptions) -> Mapping[str, Leaf]:
    """The leaves of one source by path (`/below/key/key`); BadInput, with file and line, where it is not readable."""
    return flattened(SETTINGS_READERS[form](data, name), name, options)
