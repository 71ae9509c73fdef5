"""Only a framework's own folder, the conversions and the import of configurations know a framework by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HARNESS = Path(__file__).resolve().parents[1] / "harness"
_NAMES = re.compile(
    r"openvino|tensorflow|keras|onnx|tflite|litert|torch|^\.(xml|bin|pb|h5|tflite|onnx|pt2?)$", re.IGNORECASE
)
_FOLDERS = (path.parent.name for path in (HARNESS / "backends").glob("*/facts.py"))
_MAY = (*(f"backends/{name}/" for name in _FOLDERS), "conversion/")
# Data sets bear names and suffixes of frameworks, too: TFRecord, TensorFlow Datasets, Kaggle's annotation files.
_OF_DATA_SETS = ("dataset/",)
# Configurations of other tools name frameworks in their keys, and protocols of preprocessing bear their names.
_OF_CONFIGURATIONS = ("importing/", "config/preprocess.py")


def _docstrings(tree: ast.AST) -> set[int]:
    """Return the ids of the nodes that are docstrings."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found


def _words(source: str) -> Iterator[tuple[int, str]]:
    """Yield every identifier, imported module and string that is no docstring, with its line."""
    tree = ast.parse(source)
    docstrings = _docstrings(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield line, text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
                yield line, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield line, name
            case ast.ImportFrom(module=str(module)):
                yield line, module


def known_by_name(source: str) -> list[tuple[int, str]]:
    return [(line, word) for line, word in _words(source) if _NAMES.search(word)]


def test_no_file_outside_knows_a_framework_by_name() -> None:
    offenders = []
    for path in sorted(HARNESS.rglob("*.py")):
        place = path.relative_to(HARNESS).as_posix()
        if not place.startswith((*_MAY, *_OF_DATA_SETS, *_OF_CONFIGURATIONS)):
            offenders += [f"{place}:{line}: {word!r}" for line, word in known_by_name(path.read_text(encoding="utf-8"))]
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize(
    "source",
    [
        "import openvino",
        "from tensorflow.compat import v1",
        "name = 'openvino'",
        "def import_tensorflow(): ...",
        "path.suffix == '.xml'",
        "x = f'run on OpenVINO {version}'",
    ],
)
def test_a_name_is_found(source: str) -> None:
    assert known_by_name(source)


def test_a_docstring_may_give_an_example() -> None:
    assert not known_by_name('"""Such as OpenVINO."""\nx = 1')
