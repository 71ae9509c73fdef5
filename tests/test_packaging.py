"""The wheel holds one importable name and what belongs to it; every module imports with no optional package there."""

from __future__ import annotations

import ast
import email
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OPTIONAL = ("tensorflow", "openvino", "keras", "ray", "onnx", "torch", "jax")


def files_of_the_package() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "harness").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel in a copy, so that nothing is left in the checkout; with the installed setuptools, offline."""
    copy = tmp_path_factory.mktemp("copy")
    skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "harness", copy / "harness", ignore=skipped)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    # Neighbours of the package that must stay out, above all a `datasets` that would shadow a well-known library.
    for name in ("datasets/demo", "tests", "configs", "docs", "reports", "build", "benchmarks"):
        (copy / name).mkdir(parents=True)
        (copy / name / "__init__.py").touch()
        (copy / name.partition("/")[0] / "__init__.py").touch()
    code = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    (copy / "dist").mkdir()
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=copy,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert process.returncode == 0, process.stderr
    (built,) = (copy / "dist").glob("*.whl")
    return built


def test_one_importable_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"harness"}
    assert len(tops) == 2


def test_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("harness/")}
    assert "harness/py.typed" in packed
    assert packed == files_of_the_package()


def test_metadata(wheel: Path) -> None:
    import harness

    with zipfile.ZipFile(wheel) as archive:
        info = next(name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name)
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        assert archive.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Version"] == harness.__version__
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert entry_points.split() == [
        *("[console_scripts]", "harness", "=", "harness.cli:main"),
        *("[pytest11]", "harness.pytest_plugin", "=", "harness.pytest_plugin"),
    ]
    required = [str(line).partition(">")[0] for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert not {"tensorflow", "tensorflow-cpu", "openvino"} & set(required)
    assert {"tensorflow", "openvino", "all"} <= set(metadata.get_all("Provides-Extra", []))


def test_the_wheel_works_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    # Its own copy comes first on the path; an editable installation would be found later.
    code = "import harness; from harness.cli import main; print(harness.__file__); main(['config', 'schema'])"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    )
    assert process.returncode == 0, process.stderr
    file, _, schema = process.stdout.partition("\n")
    assert Path(file) == tmp_path / "site/harness/__init__.py"
    assert json.loads(schema)["title"] == "Config"


def test_every_module_imports_without_optional_packages() -> None:
    modules = sorted(
        path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for path in files_of_the_package()
        if path.endswith(".py") and not path.endswith("__main__.py")
    )
    assert "harness.backends.tensorflow.runner" in modules
    assert "harness.backends.openvino.runner" in modules
    script = """
import importlib, json, sys
blocked = set(sys.argv[1].split(","))
class Block:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block)
failed = {}
for name in json.loads(sys.argv[2]):
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = repr(error)
print(json.dumps(failed))
"""
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, ",".join(OPTIONAL), json.dumps(modules)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert json.loads(process.stdout) == {}


def test_every_folder_of_the_package_is_one() -> None:
    for path in files_of_the_package():
        if path.endswith(".py"):
            assert (ROOT / path).parent.joinpath("__init__.py").exists(), path


def test_no_dependency_is_imported_that_is_not_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[<>=;\[ ]", line)[0] for line in project["dependencies"]}
    declared |= {
        re.split(r"[<>=;\[ ]", line)[0] for lines in project["optional-dependencies"].values() for line in lines
    }
    packages = {
        "ai_edge_litert": "ai-edge-litert",
        "yaml": "pyyaml",
        "vl_convert": "vl-convert-python",
        "cv2": "opencv-python-headless",
        "PIL": "pillow",
        "google": "tensorflow",
        "pkg_resources": "setuptools",
    }
    for path in sorted(files_of_the_package()):
        if not path.endswith(".py") or path == "harness/pytest_plugin.py":  # only pytest itself imports that one
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"harness"}:
                assert packages.get(name, name) in declared, f"{path}: {name}"
