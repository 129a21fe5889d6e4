"""The first files of a project: what `gonogo init` writes, and what it leaves alone (CMD-00, CFG-04, CFG-11).

A file that is there and was not written by `init`, or that somebody has edited since, is never overwritten.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import make_folder, read_small, write_file
from gonogo.adapters.keys import FileEngineKey
from gonogo.control.assembling import VIEWS_FOLDER
from gonogo.control.beginning_shapes import Shape, shape_words
from gonogo.control.checking import MARK
from gonogo.control.sources import BUILTIN_PROTOCOLS, open_workspace
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.sshkeys import PublicKey, public_key
from gonogo.plan.drafting import environment_of
from gonogo.reports.ci_workflows import github_workflows, gitlab_files
from gonogo.reports.front_ends import REGISTRY, front_ends, registry
from gonogo.values import dataclass

TEMPLATES: Final = "gonogo.library"
RECORD: Final = f"{STATE_FOLDER}/init.json"
IGNORED: Final = (f"{STATE_FOLDER}/", f"{VIEWS_FOLDER}/", "scripts/logs/")
DEFAULT_RTO: Final = "10m"
DEFAULT_PROTOCOLS: Final = ".cursor/ai-driven-workflow"
NUMBERS: Final = {"pre-deployment": "14", "production-deployment": "11", "deployment-automation": "6"}
"""The number under which each built-in document is written into a project; it has it in its own first line."""
MOST_KEYS: Final = 8
STRICT: Final = """
# A strict site: production asks for H1, the proof that somebody touched a security key or used a passkey; enrol such
# keys with `gonogo keys enrol`. Taking less needs `accept_low_assurance: REASON` under decisions.production, and every
# report says so. Admins sign each version of this file: gonogo trust build, then gonogo trust sign --key KEY.
strict: true
version: 1
admins: {people: [@PERSON@, @BACKUP@], threshold: 2}
fido: {roots: []}  # EDIT-ME: the SHA-256 of the root certificate of each maker of your security keys, as a list
"""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Whom and what the first files are about. `engine` is the public key of the engine here.

    `strict` asks for the proof of a touch in production, and for admins who sign each version of the policy.
    """

    shape: Shape
    person: str
    keys: tuple[PublicKey, ...]
    engine: str
    rto: str = DEFAULT_RTO
    protocols: str = DEFAULT_PROTOCOLS
    strict: bool = False
    second: tuple[str, PublicKey] | None = None


@dataclass(frozen=True, slots=True)
class FirstFile:
    """A file of a new project."""

    path: str
    data: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a file: `written`, `replaced`, `unchanged`, `kept` as it was, or `completed` (.gitignore)."""

    path: str
    word: str


def found_keys(folder: Path) -> tuple[PublicKey, ...]:
    """The usable public keys in `folder` (~/.ssh), by file name; what is no key that can sign is passed over."""
    found: dict[bytes, PublicKey] = {}
    for path in sorted(folder.glob("*.pub"))[:MOST_KEYS]:
        try:
            key = public_key((read_small(path) or b"").decode("utf-8", "replace").strip())
        except GonogoError:
            # Certificates, DSA keys and links: nothing that the person could sign with here.
            continue
        found.setdefault(key.blob, key)
    return tuple(found.values())


def engine_line(root: Path, *, dry_run: bool) -> str:
    """The public key of the engine of this project; it is made now, but not in a dry run."""
    path = root / STATE_FOLDER / "keys" / "engine"
    if dry_run and not path.exists():
        return "(made when this is written)"
    return FileEngineKey(path).public_line()


def first_files(about: Beginning) -> tuple[FirstFile, ...]:
    """Every file of a new project, with names filled in."""
    name = about.shape.service
    keys = "".join(f"\n      - {key.line}" for key in about.keys)
    words = {
        **shape_words(about.shape),
        "SERVICE": name,
        "STRICT": STRICT if about.strict else "",
        "PERSON": about.person,
        "ENGINE": about.engine,
        "RTO": about.rto,
        **_second(about.second),
        "KEYS": keys or f" []  # {MARK}: your public key, the line in ~/.ssh/id_ed25519.pub (ssh-keygen -t ed25519)",
    }
    plain = {
        "gonogo.yaml": "gonogo.yaml",
        "config/release-approvers.yaml": "release-approvers.yaml",
        f"tests/smoke_{name}.py": "smoke.py.template",
        f"docs/runbook-{name}.md": "runbook.md",
        "config/protocol_gates/14.yaml": "gates-14.yaml",
        "config/protocol_gates/11.yaml": "gates-11.yaml",
    }
    verbs = ("deploy", "rollback", *(() if about.shape.hosts else ("traffic",)), "manifest")
    several = {"manifest": "manifest-services.sh"} if about.shape.services else {}
    programs = {f"scripts/{verb}_{name}.sh": several.get(verb, f"{verb}.sh") for verb in verbs}
    settings = tuple(
        FirstFile(f"config/{place}.env", _filled("settings.env", words | {"ENVIRONMENT": place}))
        for place in ("staging", "production")
    )
    return (
        *(FirstFile(path, _filled(template, words)) for path, template in plain.items()),
        *settings,
        *(FirstFile(path, _filled(template, words), 0o755) for path, template in programs.items()),
        *(FirstFile(path, data, 0o755) for path, data in front_ends().items()),
        FirstFile(
            REGISTRY, registry(tuple(path for path in programs if path.startswith(("scripts/de", "scripts/ro"))))
        ),
        *_documents(about.protocols),
        *workflow_files(about.protocols),
    )


def workflow_files(protocols: str) -> tuple[FirstFile, ...]:
    """The CI workflows of a project, for GitHub and GitLab (CIW-01 to CIW-07)."""
    version = metadata.version("gonogo")
    found = github_workflows(version, protocols) | gitlab_files(version, protocols)
    return tuple(FirstFile(path, data) for path, data in found.items())


def _second(given: tuple[str, PublicKey] | None) -> dict[str, str]:
    """The second person as the templates name them: who was said, or marks that ask for them."""
    if given is not None:
        handle, key = given
        return {"SECOND": handle, "BACKUP": handle, "SECONDKEYS": f"\n      - {key.line}"}
    return {
        "SECOND": f"second  # {MARK}: the handle of the second person, here and wherever `second` stands",
        "BACKUP": "second",
        "SECONDKEYS": f" []  # {MARK}: the second person's public key, the line in their ~/.ssh/id_ed25519.pub",
    }


def _documents(folder: str) -> Iterator[FirstFile]:
    """The built-in protocols with their bindings, so that a project has the text that governs it (CFG-07)."""
    library = resources.files(TEMPLATES)
    for name in BUILTIN_PROTOCOLS:
        for ending in ("md", "gonogo.yaml"):
            data = library.joinpath(f"{name}.{ending}").read_bytes()
            yield FirstFile(f"{folder}/{NUMBERS[name]}-{name}.{ending}", data)


def shape_of(root: Path, given: Shape) -> Shape:
    """The shape that was asked for; where none was, that of the project that is there."""
    if given.hosts or given.services:
        return given
    try:
        project = open_workspace(root).project
    except GonogoError:
        return given
    production = environment_of(project, "production")
    if production is None:
        return Shape(given.service, services=project.services)
    return Shape(given.service, production.hosts, project.services, production.hosts_of)


def settings_of(root: Path) -> tuple[str, str]:
    """Recovery time objective and protocols directory of a project that is there; the defaults of a new one."""
    try:
        project = open_workspace(root).project
    except GonogoError:
        # No project file yet, or one that `gonogo check` complains about: init still writes what is missing.
        return DEFAULT_RTO, DEFAULT_PROTOCOLS
    return project.limits.get("rto", DEFAULT_RTO), project.directories.protocols


def differences(root: Path, files: Sequence[FirstFile]) -> Iterator[tuple[str, bool, str]]:
    """What a newer gonogo would write otherwise: path, whether somebody edited the file since, and the difference."""
    known = _known(root)
    for file in files:
        present = read_small(root / file.path)
        if present is None or present == file.data:
            continue
        edited = known.get(file.path) != hashlib.sha256(present).hexdigest()
        old, new = (data.decode("utf-8", "replace").splitlines(keepends=True) for data in (present, file.data))
        yield file.path, edited, "".join(difflib.unified_diff(old, new, file.path, f"{file.path} (new)"))


def _filled(template: str, words: Mapping[str, str]) -> bytes:
    text = resources.files(TEMPLATES).joinpath("templates", template).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text.encode()


def begin(root: Path, files: Sequence[FirstFile], *, force: bool, dry_run: bool) -> tuple[Written, ...]:
    """Write `files` below `root`, and say what became of each; `force` renews those that nobody edited since."""
    known = _known(root)
    found = []
    for file in files:
        word = _word(root / file.path, file, known, force=force)
        found.append(Written(file.path, word))
        if not dry_run and word in {"written", "replaced"}:
            make_folder((root / file.path).parent, 0o755)
            write_file(root / file.path, file.data, file.mode)
            known[file.path] = hashlib.sha256(file.data).hexdigest()
    found.append(Written(".gitignore", _ignore(root, dry_run=dry_run)))
    if not dry_run:
        make_folder(root / STATE_FOLDER)
        record: dict[str, Tree] = {"schema": "gonogo/init/1", "files": dict(known)}
        write_file(root / RECORD, write_json(record))
    return tuple(found)


def _word(path: Path, file: FirstFile, known: Mapping[str, str], *, force: bool) -> str:
    present = read_small(path)
    if present is None:
        return "written"
    if present == file.data:
        return "unchanged"
    ours = known.get(file.path) == hashlib.sha256(present).hexdigest()
    return "replaced" if ours and force else "kept"


def _known(root: Path) -> dict[str, str]:
    data = read_small(root / RECORD)
    if data is None:
        return {}
    files = read_object(data, name=RECORD).get("files")
    if not isinstance(files, Mapping):
        raise BadInput("does not say which files were written", where=RECORD, next_step=f"delete {RECORD}")
    return {path: str(digest) for path, digest in files.items()}


def _ignore(root: Path, *, dry_run: bool) -> str:
    path = root / ".gitignore"
    present = (read_small(path) or b"").decode("utf-8", "replace")
    lines = {line.strip() for line in present.splitlines()}
    missing = [line for line in IGNORED if not lines & {line, line.rstrip("/"), f"/{line}"}]
    if not missing:
        return "unchanged"
    if not dry_run:
        lead = "" if not present or present.endswith("\n") else "\n"
        write_file(path, (present + lead + "".join(f"{line}\n" for line in missing)).encode(), 0o644)
    return "completed" if present else "written"
