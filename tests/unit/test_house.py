"""The house rules: what the tree, the doors and the imports of every module keep to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bench", "methods", "segmentation")
PARAMETERS, LINES = 7, 60

# Functions and modules that do not keep to a rule yet. The lists only ever get shorter: what
# keeps to the rule has to leave its list.
TOO_MANY_PARAMETERS = set[str]()
TOO_LONG = set[str]()
IMPORTS_FOR_TYPES = set[str]()

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> dict[str, ast.Module]:
    """The syntax of every module, by its path from the root."""
    paths = (path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py")))
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in paths
    }


def functions(node: ast.AST, outer: str = "") -> Iterator[tuple[str, Function, bool]]:
    """Every function below a node: its name with those around it, itself, whether a method."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield outer + child.name, child, isinstance(node, ast.ClassDef)
            yield from functions(child, f"{outer}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{outer}{child.name}.")
        else:
            yield from functions(child, outer)


def parameters(function: Function, *, of_a_class: bool) -> int:
    """The parameters that a caller gives; ``self`` and ``cls`` are none."""
    given = function.args
    named = [*given.posonlyargs, *given.args]
    if of_a_class and not any(
        isinstance(word, ast.Name) and word.id == "staticmethod" for word in function.decorator_list
    ):
        del named[0]
    rest = [part for part in (given.vararg, given.kwarg) if part is not None]
    return len(named) + len(given.kwonlyargs) + len(rest)


def lines(function: Function) -> int:
    """The lines of a function, from ``def`` to its end."""
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def imports_for_types(tree: ast.Module) -> Iterator[str]:
    """Modules of ``bench`` that are imported for the type checker only."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            continue
        for line in (part for body in node.body for part in ast.walk(body)):
            if isinstance(line, ast.ImportFrom):
                names = [line.module or ""] if line.level == 0 else ["bench"]
            elif isinstance(line, ast.Import):
                names = [name.name for name in line.names]
            else:
                continue
            yield from (name for name in names if name.partition(".")[0] == "bench")


@pytest.fixture(scope="module")
def house() -> dict[str, ast.Module]:
    return modules()


def test_nothing_loose_lies_in_the_house() -> None:
    loose = {path.name for path in (ROOT / "bench").iterdir() if path.is_file()}
    assert loose == {"__init__.py", "__main__.py", "py.typed"}


def test_every_room_says_what_it_is(house: dict[str, ast.Module]) -> None:
    rooms = [path for path in house if path.endswith("/__init__.py")]
    holding = {path.rpartition("/")[0] for path in house}
    assert holding == {room.rpartition("/")[0] for room in rooms}
    assert [room for room in rooms if not ast.get_docstring(house[room])] == []


def test_doors_are_small(house: dict[str, ast.Module]) -> None:
    """A command's options are the fields of one object, so that commands are no exception."""
    wide = {
        f"{path}:{name}"
        for path, tree in house.items()
        for name, function, of_a_class in functions(tree)
        if parameters(function, of_a_class=of_a_class) > PARAMETERS
    }
    assert wide == TOO_MANY_PARAMETERS


def test_functions_are_short(house: dict[str, ast.Module]) -> None:
    long = {
        f"{path}:{name}"
        for path, tree in house.items()
        for name, function, _ in functions(tree)
        if lines(function) > LINES
    }
    assert long == TOO_LONG


def test_modules_are_imported_to_be_used(house: dict[str, ast.Module]) -> None:
    """An import for the type checker alone hides a cycle."""
    hidden = {f"{path}:{name}" for path, tree in house.items() for name in imports_for_types(tree)}
    assert hidden == IMPORTS_FOR_TYPES


def test_pages_that_the_code_names_are_there() -> None:
    """A page that has moved is named by its old place in no docstring; a decision by its number."""
    named = {
        (path.relative_to(ROOT).as_posix(), page)
        for folder in (*PACKAGES, "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for page in re.findall(r"\bdocs/[\w/-]+(?:\.md)?", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    assert not [(path, page) for path, page in sorted(named) if not list(ROOT.glob(f"{page}*"))]


def test_the_rules_see_what_breaks_them() -> None:
    tree = ast.parse(
        "if typing.TYPE_CHECKING:\n    import bench.run\n    from rich import table\n"
        "class A:\n"
        "    def wide(self, a, b, /, c, *d, e, f, g, **h): pass\n"
        "    def right(self, a, b, c, d, *, e, f, g): pass\n"
        "    @staticmethod\n    def bare(a, b, c, d, e, f, g, h): pass\n"
        "    def deep(self):\n        def inner(a, b, c, d, e, f, g, h): pass\n"
        + "        1\n"
        * 59
    )
    found = {
        name: (parameters(f, of_a_class=of_a_class), lines(f))
        for name, f, of_a_class in functions(tree)
    }
    assert found == {
        "A.wide": (8, 1),
        "A.right": (7, 1),
        "A.bare": (8, 1),
        "A.deep": (0, 61),
        "A.deep.inner": (8, 1),
    }
    assert list(imports_for_types(tree)) == ["bench.run"]
