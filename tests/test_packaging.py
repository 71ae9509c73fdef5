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

from tests.built_wheel import ROOT, build_wheel, files_of_the_demo, files_of_the_package

OPTIONAL = ("tensorflow", "openvino", "keras", "ray", "onnx", "torch", "jax")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("copy"))


def test_one_importable_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"harness"}
    assert len(tops) == 2


def test_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("harness/")}
    assert "harness/py.typed" in packed
    demo = {f"harness/demo_data/{name}" for name in files_of_the_demo()}
    assert len(demo) > 720
    assert packed == files_of_the_package() | demo


def test_the_demo_is_packed_byte_by_byte_and_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in files_of_the_demo():
            assert archive.read(f"harness/demo_data/{name}") == (ROOT / name).read_bytes(), name
    assert wheel.stat().st_size < 16_000_000


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


def readme(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        info = next(name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name)
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
    assert metadata["Description-Content-Type"].startswith("text/markdown")
    return str(metadata.get_payload())


def test_the_readme_of_the_package_links_to_no_file_of_the_repository(wheel: Path) -> None:
    text = readme(wheel)
    assert "# Conversion accuracy harness" in text
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert [target for target in targets if "://" not in target and not target.startswith("#")] == []


def test_links_of_the_readme_are_absolute_once_the_repository_is_known(tmp_path: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project += '\n[project.urls]\nRepository = "https://example.org/us/harness"\n'
    (tmp_path / "pyproject.toml").write_text(project, encoding="utf-8")
    (tmp_path / "README.md").write_text("[a](docs/a.md) ![b](docs/b.png) [c](https://c.org) [d](#d)", encoding="utf-8")
    shutil.copy(ROOT / "setup.py", tmp_path / "setup.py")
    code = "import setuptools; setuptools.setup = lambda **k: print(k['long_description']); import setup"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True)
    version = tomllib.loads(project)["project"]["version"]
    home = "https://example.org/us/harness"
    assert done.stdout.split() == [
        f"[a]({home}/blob/v{version}/docs/a.md)",
        f"![b]({home}/raw/v{version}/docs/b.png)",
        "[c](https://c.org)",
        "[d](#d)",
    ]


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
