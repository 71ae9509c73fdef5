"""The wheel of this checkout, built offline, and the names of what it should hold."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def files_of_the_package() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "harness").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


def files_of_the_demo() -> set[str]:
    """Return what `git` would have to track for the demo: images by folder, the graph, lists, its configuration."""
    demo = ROOT / "datasets/demo"
    files = [*demo.glob("val/*"), *demo.glob("calibration/*"), *demo.glob("*.pb"), *demo.glob("*.sha256")]
    files += [demo / "val.txt", demo / "synsets.txt", demo / "MODEL_CARD.md"]
    files += [ROOT / "configs/demo.yml", ROOT / "configs/schema.json"]
    return {path.relative_to(ROOT).as_posix() for path in files}


def build_wheel(copy: Path) -> Path:
    """Build the wheel in an empty folder, so that nothing is left in the checkout; with the installed setuptools."""
    skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "harness", copy / "harness", ignore=skipped)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", *files_of_the_demo()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    # Neighbours of the package that must stay out, above all a `datasets` that would shadow a well-known library.
    for name in ("datasets/demo", "tests", "configs", "docs", "reports", "build", "benchmarks"):
        (copy / name).mkdir(parents=True, exist_ok=True)
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
