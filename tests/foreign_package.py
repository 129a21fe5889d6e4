"""A package of somebody else, installed for real into a folder of a test: modules, and the dist-info that names them."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import invalidate_caches
from pathlib import Path


def install(site: Path, module: str, code: str, points: Mapping[str, Mapping[str, str]]) -> None:
    """Put one module and its entry points (group to name to function) below `site`, as an installer does."""
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{module}.py").write_text(textwrap.dedent(code), encoding="utf-8")
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    (info / "INSTALLER").write_text("pip\n", encoding="utf-8")
    (info / "RECORD").write_text("", encoding="utf-8")
    groups = (f"[{group}]\n" + "".join(f"{name} = {module}:{function}\n" for name, function in names.items()) for group, names in points.items())
    (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")


@contextmanager
def importable(site: Path) -> Iterator[None]:
    """`site` is on the import path inside the block, as the site folder of an environment is."""
    sys.path.insert(0, str(site))
    invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(site))
        invalidate_caches()
