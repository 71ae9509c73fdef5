"""The rooms of the house: imports run downwards only, no two files import each other in a circle, docs name each room.

The order of the rooms is read from ``docs/architecture.md``, so that text and code cannot differ.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
HARNESS = PROJECT / "harness"
ARCHITECTURE = PROJECT / "docs" / "architecture.md"
FROM_EVERYWHERE = "harness.backends.registry"  # knows the frameworks' facts without importing one
ABOVE_ALL = {"harness", "harness.__main__"}  # the public names of the package, and `python -m harness`
# Arrows of today that still run upwards, (importing file's module, imported module): they may only become fewer.
_STILL: set[tuple[str, str]] = set()
# Files of today that still import each other in a circle; they may only become fewer.
_STILL_IN_CIRCLES: set[str] = set()


@dataclass(frozen=True)
class Arrow:
    """One import: which module imports which, and where that is written."""

    importer: str
    imported: str
    place: str  # path:line


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a file below ``root``'s parent; a package is named by its folder."""
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows(root: Path) -> list[Arrow]:
    """Return every import between files below ``root``: at the top, inside functions and under TYPE_CHECKING alike.

    ``from package import name`` is an import of ``package.name`` where that is a module, else of ``package``. That a
    package's ``__init__`` runs with each import of one of its modules says nothing of who needs whom and is left out.
    """
    files = {module_name(path, root): path for path in sorted(root.rglob("*.py"))}
    found = []
    for module, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for line, target in sorted(set(_imports(tree, files, module, root.name))):
            if target != module:
                place = f"{path.relative_to(root.parent).as_posix()}:{line}"
                found.append(Arrow(module, target, place))
    return found


def _imports(tree: ast.AST, files: Mapping[str, Path], module: str, top: str) -> Iterator[tuple[int, str]]:
    package = module if files[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == top and alias.name != top:  # `harness.__file__` needs no room
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            if base.split(".")[0] == top:
                for alias in node.names:
                    if base == top and alias.name == "__version__":
                        continue  # a constant, set before the package imports anything
                    whole = f"{base}.{alias.name}"
                    yield node.lineno, whole if whole in files else base


def room(module: str) -> str:
    """Return the room of a module: the part of its name below the package; the package itself is room ''."""
    return [*module.split("."), ""][1]


def documented_order(text: str) -> list[list[str]]:
    """Return the rooms in the order of the block ``rooms`` of docs/architecture.md, lowest first, one line a level."""
    block = re.search(r"^```rooms\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert block, "docs/architecture.md has no block ```rooms"
    return [line.split("#")[0].split() for line in block[1].splitlines() if line.split("#")[0].strip()]


def upward(found: list[Arrow], order: list[list[str]]) -> list[Arrow]:
    """Return the arrows that run from a room to a later one, to a neighbour on its level or to the package itself."""
    level = {name: number for number, names in enumerate(order) for name in names} | {"": len(order)}
    return [
        arrow
        for arrow in found
        if arrow.importer not in ABOVE_ALL
        and room(arrow.importer) != room(arrow.imported)
        and not (arrow.imported == FROM_EVERYWHERE and level[room(arrow.importer)] > level["errors"])
        and level[room(arrow.importer)] <= level[room(arrow.imported)]
    ]


def circles(found: list[Arrow]) -> list[list[str]]:
    """Return each set of modules that reach each other by imports, sorted, biggest first."""
    targets: dict[str, set[str]] = {}
    for arrow in found:
        if arrow.importer in ABOVE_ALL:
            continue  # the package loads its public names only when they are asked for
        targets.setdefault(arrow.importer, set()).add(arrow.imported)
    reach = {name: _reachable(name, targets) for name in targets}
    groups = {frozenset(b for b in reach[a] if a in reach.get(b, set())) for a in reach if a in reach[a]}
    return sorted((sorted(group) for group in groups), key=lambda group: (-len(group), group))


def _reachable(start: str, targets: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in targets.get(waiting.pop(), set()) - seen:
            seen.add(target)
            waiting.append(target)
    return seen


@pytest.fixture(scope="module")
def found() -> list[Arrow]:
    return arrows(HARNESS)


@pytest.fixture(scope="module")
def order() -> list[list[str]]:
    return documented_order(ARCHITECTURE.read_text(encoding="utf-8"))


def test_imports_run_downwards(found: list[Arrow], order: list[list[str]]) -> None:
    offenders = upward(found, order)
    new = [arrow for arrow in offenders if (arrow.importer, arrow.imported) not in _STILL]
    listing = "\n".join(f"{arrow.place}: {arrow.importer} imports {arrow.imported}" for arrow in new)
    assert not new, f"these imports run to a later room, see docs/architecture.md:\n{listing}"
    solved = _STILL - {(arrow.importer, arrow.imported) for arrow in offenders}
    assert not solved, f"no longer needed, remove from _STILL: {sorted(solved)}"


def test_no_circle_between_files(found: list[Arrow]) -> None:
    groups = circles(found)
    new = [group for group in groups if not set(group) <= _STILL_IN_CIRCLES]
    listing = "\n".join(
        f"{arrow.place}: {arrow.importer} imports {arrow.imported}"
        for group in new
        for arrow in found
        if arrow.importer in group and arrow.imported in group
    )
    assert not new, f"these files import each other in a circle:\n{listing}"
    solved = _STILL_IN_CIRCLES - {name for group in groups for name in group}
    assert not solved, f"no longer needed, remove from _STILL_IN_CIRCLES: {sorted(solved)}"


def test_every_room_is_documented_and_every_documented_room_exists(order: list[list[str]]) -> None:
    rooms = {path.stem for path in HARNESS.iterdir() if path.suffix == ".py"}
    rooms |= {path.parent.name for path in HARNESS.glob("*/__init__.py")}
    named = [name for names in order for name in names]
    assert len(named) == len(set(named)), "a room is named twice"
    assert set(named) == rooms - {"__init__", "__main__"}


def test_every_path_that_contributing_names_exists() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = [
        name for name in re.findall(r"`([\w./]+)`", text) if "/" in name and "NAME" not in name and "..." not in name
    ]
    named = [name for name in named if not name.startswith((".", "../")) and name != "harness/"]
    assert len(named) > 20
    missing = [name for name in named if not (PROJECT / name).exists() and not (HARNESS / name).exists()]
    assert not missing


class TestTheReaderOfImports:
    """The reader itself, on a small house of files: an import that it overlooks would pass unnoticed."""

    @pytest.fixture
    def house(self, tmp_path: Path) -> Path:
        root = tmp_path / "small"
        for name, text in {
            "__init__.py": "",
            "low/__init__.py": "",
            "low/plain.py": "import os\n",
            "low/lazy.py": "def f():\n    from small.high import top\n    return top\n",
            "low/typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import small.high.top\n",
            "low/relative.py": "from ..high.top import name\n",
            "high/__init__.py": "",
            "high/top.py": "from small.low.plain import os\nname = 1\n",
            "high/a.py": "from small.high import b\n",
            "high/b.py": "from small.high.c import x\n",
            "high/c.py": "def f():\n    import small.high.a\nx = 1\n",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return root

    def test_every_spelling_of_an_upward_import_is_found(self, house: Path) -> None:
        places = {arrow.place for arrow in upward(arrows(house), [["errors"], ["low"], ["high"]])}
        assert places == {"small/low/lazy.py:2", "small/low/typed.py:3", "small/low/relative.py:1"}

    def test_neighbours_on_one_level_may_not_import_each_other(self, house: Path) -> None:
        places = {arrow.place for arrow in upward(arrows(house), [["errors"], ["low", "high"]])}
        assert "small/high/top.py:1" in places

    def test_a_circle_is_found_whatever_its_length(self, house: Path) -> None:
        assert circles(arrows(house)) == [["small.high.a", "small.high.b", "small.high.c"]]
