"""The house: floors, cycles and budgets, measured on the code as it stands (docs/decisions/0001-the-house.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median, quantiles

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "gonogo"

FLOORS = (
    ("values",),
    ("errors", "findings", "terms"),
    ("protocol",),
    ("document", "evidence"),
    ("measure",),
    ("plan",),
    ("run",),
    ("reports",),
    ("ports",),
    ("adapters", "engine"),
    ("control", "contracts"),
    ("mcp",),
    ("demo",),
    ("cli", "web"),
    ("__main__",),
)
PURE = ("values", "terms", "errors", "findings", "protocol", "document", "evidence", "measure", "plan", "run", "reports")
FORBIDDEN_WORDS = {"utils", "util", "helpers", "helper", "common", "base", "core", "manager", "service", "services", "types", "constants"}
FIELD_TERMS = {"ServiceInScope", "ServiceDeployed", "ServicesSeen", "ServiceProbe", "Service"}
"""A *service* is what is released (F24): these classes are about one, none of them is one."""
CARRIED = {"library/verify.py"}
"""Files that are shipped inside packages and stand alone; their own tests hold them."""
MOST_BROAD_EXCEPTS = 4
FOR_OTHERS = {"contracts.py": "contract tests that makers of providers inherit"}
"""Files whose names are there for other projects (docs/providers.md)."""
DECIDED = {"BY_HAND", "NONE", "POINTS"}
"""Tables of what was decided, with reasons: read by people, and held by tests."""


@dataclass(frozen=True, eq=False)
class Module:
    """A source file with its tree."""

    path: Path
    name: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]
    """Every node of the tree, walked once for all tests."""
    lines: int

    @property
    def room(self) -> str:
        return self.name.split("/")[0].removesuffix(".py")


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(SRC.rglob("*.py")):
        name = str(path.relative_to(SRC))
        if name in CARRIED:
            continue
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        found.append(Module(path, name, tree, tuple(ast.walk(tree)), text.count("\n")))
    return tuple(found)


def floor_of(room: str) -> int:
    return next(index for index, rooms in enumerate(FLOORS) if room in rooms)


@cache
def imports(module: Module) -> tuple[tuple[ast.stmt, str], ...]:
    return tuple(_imports(module))


def _imports(module: Module) -> Iterator[tuple[ast.stmt, str]]:
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "gonogo":
            parts = node.module.split(".")
            for alias in node.names:
                yield node, ".".join((*parts[1:], alias.name) if len(parts) == 1 else parts[1:])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "gonogo":
                    yield node, alias.name.removeprefix("gonogo").strip(".")


@cache
def functions(module: Module) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    return tuple(node for node in module.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body
    first = body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    body = body[1:] if documented else body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def complexity(node: ast.AST) -> int:
    """McCabe's number: one, and one for each decision; an arm of a `match` over a union is a row of a table."""
    count = 1
    for child in ast.walk(node):
        if isinstance(child, ast.If | ast.For | ast.AsyncFor | ast.While | ast.ExceptHandler):
            count += 1
        elif isinstance(child, ast.match_case) and child.guard is not None:
            count += 1
    return count


def nesting(node: ast.AST) -> int:
    inner = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)

    def depth(statement: ast.AST, level: int) -> int:
        deepest = level
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            elif_branch = isinstance(statement, ast.If) and isinstance(child, ast.If) and child in statement.orelse and len(statement.orelse) == 1
            deeper = level + (1 if isinstance(child, inner) and not elif_branch else 0)
            deepest = max(deepest, depth(child, deeper))
        return deepest

    return depth(node, 0)


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    found = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([item for item in found if item.arg not in {"self", "cls"}])


def decorated(node: ast.ClassDef, name: str) -> ast.expr | None:
    for item in node.decorator_list:
        target = item.func if isinstance(item, ast.Call) else item
        if (isinstance(target, ast.Name) and target.id == name) or (isinstance(target, ast.Attribute) and target.attr == name):
            return item
    return None


def test_every_room_has_its_floor() -> None:
    rooms = {module.room for module in modules()} - {"__init__", "library"}
    assert rooms <= {room for floor in FLOORS for room in floor}


def test_an_import_goes_only_to_a_floor_above() -> None:
    wrong = []
    for module in modules():
        if module.room in {"__init__", "library"}:
            continue
        for node, target in imports(module):
            room = target.split(".")[0]
            if room and room != module.room and floor_of(room) >= floor_of(module.room):
                wrong.append(f"{module.name}:{node.lineno} imports {target}")
    assert wrong == []


def test_no_module_imports_itself_through_others() -> None:
    known = {module.name.removesuffix(".py").replace("/", ".") for module in modules()}
    graph: dict[str, set[str]] = {}
    for module in modules():
        name = module.name.removesuffix(".py").replace("/", ".")
        for _, target in imports(module):
            parts = target.split(".")
            full = next((".".join(parts[:size]) for size in range(len(parts), 0, -1) if ".".join(parts[:size]) in known), "")
            if full and full != name:
                graph.setdefault(name, set()).add(full)
    cycles = []
    for start in graph:
        seen, todo = set(), list(graph[start])
        while todo:
            following = todo.pop()
            if following == start:
                cycles.append(start)
                break
            if following not in seen:
                seen.add(following)
                todo.extend(graph.get(following, ()))
    assert cycles == []


def test_imports_stand_at_the_top_and_none_is_for_type_checking_only() -> None:
    wrong = []
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                wrong.append(f"{module.name}:{node.lineno} TYPE_CHECKING")
        for function in functions(module):
            wrong += [
                f"{module.name}:{node.lineno} imports inside {function.name}"
                for node in ast.walk(function)
                if isinstance(node, ast.Import | ast.ImportFrom)
            ]
    assert wrong == []


def test_a_room_begins_with_a_docstring_and_nothing_else() -> None:
    wrong = []
    for module in modules():
        if module.path.name == "__init__.py":
            only = len(module.tree.body) == 1 and ast.get_docstring(module.tree)
            wrong += [] if only else [module.name]
    assert wrong == []


def test_names_say_what_things_hold() -> None:
    wrong = []
    for module in modules():
        words = set(re.split(r"[_/.]", module.name.removesuffix(".py")))
        wrong += [module.name] if words & FORBIDDEN_WORDS else []
        for node in module.nodes:
            if isinstance(node, ast.ClassDef) and node.name not in FIELD_TERMS:
                parts = {part.lower() for part in re.findall(r"[A-Z][a-z]*", node.name)}
                wrong += [f"{module.name}: {node.name}"] if parts & FORBIDDEN_WORDS else []
    assert wrong == []


def test_functions_are_short() -> None:
    sizes = [(code_lines(node), f"{module.name}:{node.lineno} {node.name}") for module in modules() for node in functions(module)]
    assert [place for size, place in sizes if size > 50] == []
    assert quantiles([size for size, _ in sizes], n=100)[94] <= 30


def test_functions_are_simple() -> None:
    wrong = [
        f"{module.name}:{node.lineno} {node.name}: {found}"
        for module in modules()
        for node in functions(module)
        if (found := complexity(node)) > 12
    ]
    assert wrong == []


def test_functions_are_not_deeply_nested() -> None:
    wrong = [
        f"{module.name}:{node.lineno} {node.name}: {found}"
        for module in modules()
        for node in functions(module)
        if (found := nesting(node)) > 4
    ]
    assert wrong == []


def test_functions_take_few_parameters() -> None:
    counts = [(parameters(node), f"{module.name}:{node.lineno} {node.name}") for module in modules() for node in functions(module)]
    assert [place for count, place in counts if count > 7] == []
    assert quantiles([count for count, _ in counts], n=100)[94] <= 4


def test_files_are_short() -> None:
    sizes = [(module.lines, module.name) for module in modules() if module.path.name != "__init__.py"]
    assert [f"{name}: {lines}" for lines, name in sizes if lines > 500] == []
    assert median(lines for lines, _ in sizes) <= 150


def test_everything_public_is_documented() -> None:
    wrong = []
    for module in modules():
        wrong += [] if ast.get_docstring(module.tree) else [module.name]
        for node in module.tree.body:
            public = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                wrong.append(f"{module.name}: {node.name}")
            for child in node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else ():
                named = isinstance(child, ast.FunctionDef) and not child.name.startswith("_")
                if named and not ast.get_docstring(child):
                    wrong.append(f"{module.name}: {node.name}.{child.name}")
    assert wrong == []


def top_names(module: Module) -> Iterator[str]:
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name) and not target.id.startswith("__"))


def test_nothing_is_there_that_only_tests_use_or_nobody() -> None:
    """A name is used in its own file, imported by another, or named by an attribute or a text (commands, entry points)."""
    taken: set[tuple[str, str]] = set()
    named: set[str] = set()
    texts: list[str] = []
    left = []
    for module in modules():
        own = set()
        for node in module.nodes:
            kind = type(node)
            if kind is ast.Name and isinstance(node.ctx, ast.Load):
                own.add(node.id)
            elif kind is ast.Attribute:
                named.add(node.attr)
            elif kind is ast.Constant and isinstance(node.value, str) and len(node.value) < 80:
                texts.append(node.value)
            elif kind is ast.ImportFrom:
                taken |= {(str(node.module), alias.name) for alias in node.names}
        left += [(module, name) for name in top_names(module) if name not in own and name not in DECIDED]
    named |= set(re.findall(r"\w+", "\n".join(texts).replace("-", "_")))
    wrong = [
        f"{module.name}: {name}"
        for module, name in left
        if name not in named and module.name not in FOR_OTHERS
        and (f"gonogo.{module.name.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__"), name) not in taken
    ]
    assert wrong == []


def test_everything_is_annotated() -> None:
    wrong = []
    for module in modules():
        for node in functions(module):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            bare = [item.arg for item in arguments if item.annotation is None and item.arg not in {"self", "cls"}]
            if bare or node.returns is None:
                wrong.append(f"{module.name}:{node.lineno} {node.name}")
    assert wrong == []


def test_values_of_the_pure_floors_are_frozen() -> None:
    wrong = []
    for module in modules():
        if module.room not in PURE:
            continue
        for node in module.nodes:
            found = decorated(node, "dataclass") if isinstance(node, ast.ClassDef) else None
            if found is not None and "frozen=True" not in ast.unparse(found) and node.name not in COLLECTORS:
                wrong.append(f"{module.name}: {node.name}")
    assert wrong == []


COLLECTORS = {"Findings", "Builder", "Notes"}
"""Accumulators that live inside one pure function call and never leave it."""


def test_values_get_their_methods_when_the_first_one_is_made() -> None:
    wrong = []
    for module in modules():
        for node in module.nodes:
            names = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) and node.module == "dataclasses" else set()
            wrong += [f"{module.name}:{node.lineno} takes dataclasses.dataclass"] if "dataclass" in names and module.name not in INHERITING else []
            found = decorated(node, "dataclass") if isinstance(node, ast.ClassDef) else None
            text = ast.unparse(found) if found is not None else ""
            wrong += [f"{module.name}: {node.name} is frozen and has no slots"] if "frozen=True" in text and "slots=True" not in text else []
    assert wrong == []


INHERITING = {f"cli/{name}.py" for name in ("deciding", "stating", "waiving", "by_hand")}
"""Options of commands that sign inherit from one another, which values made later cannot (docs/decisions/0019)."""


def test_broad_excepts_are_few() -> None:
    found = [
        f"{module.name}:{node.lineno}"
        for module in modules()
        for node in module.nodes
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    ]
    assert len(found) <= MOST_BROAD_EXCEPTS, found


def test_every_exception_of_ours_has_one_root() -> None:
    known = {"GonogoError"}
    classes = [node for module in modules() for node in module.nodes if isinstance(node, ast.ClassDef)]
    grown = True
    while grown:
        more = {node.name for node in classes if any(isinstance(item, ast.Name) and item.id in known for item in node.bases)}
        grown = not more <= known
        known |= more
    wrong = [
        node.name
        for node in classes
        if node.name not in known and not node.name.startswith("_")
        for item in node.bases
        if isinstance(item, ast.Name) and item.id.endswith(("Exception", "Error"))
    ]
    assert wrong == []


def test_nothing_pure_touches_the_world() -> None:
    outside = {"os", "subprocess", "socket", "sqlite3", "time", "random", "secrets", "shutil", "tempfile", "urllib3", "pathlib", "io"}
    wrong = []
    for module in modules():
        if module.room not in PURE:
            continue
        for node in module.nodes:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            wrong += [f"{module.name}:{node.lineno} imports {name}" for name in names if name.split(".")[0] in outside and module.name not in ALLOWED_IO]
    assert wrong == []


ALLOWED_IO = {"evidence/package.py", "evidence/package_reading.py", "evidence/verifying.py", "measure/load_reports.py"}
"""They write to and read from a file object that they are given; they open nothing. `load_reports` reads CSV from text in memory."""


@pytest.mark.parametrize("word", ["mock", "monkeypatch"])
def test_tests_bring_in_memory_worlds_instead_of_mocks(word: str) -> None:
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_house.py"]
    uses = sum(len(re.findall(rf"\b{word}\b", path.read_text(encoding="utf-8"), re.IGNORECASE)) for path in files)
    tests = sum(path.read_text(encoding="utf-8").count("\ndef test_") for path in files)
    assert uses * 20 < tests


def test_nothing_names_the_folder_it_was_made_in_and_no_link_leads_out_of_the_project() -> None:
    wrong = []
    for path in (ROOT / "README.md", *(file for name in ("src", "tests", "docs", "tools", "benchmarks") for file in (ROOT / name).rglob("*"))):
        if path.suffix in {".py", ".md", ".yaml", ".sh", ".svg", ".txt"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            links = re.findall(r"\]\(([^)#:\s]+)", text) if path.suffix == ".md" and path.is_relative_to(ROOT / "docs") else []
            outside = [link for link in links if not (path.parent / link).resolve().is_relative_to(ROOT)]
            wrong += [str(path)] if f"{ROOT}/" in text or outside else []
    assert wrong == []
