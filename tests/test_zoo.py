"""The catalogue: each configuration is valid, and is what `make zoo` writes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.config import load_config
from harness.config.fed import load_fed

PROJECT = Path(__file__).resolve().parents[1]
ZOO = sorted((PROJECT / "configs" / "zoo").glob("*.yml"))


def test_there_are_the_26_imagenet_classifiers() -> None:
    assert len(ZOO) == 26
    rows = re.findall(r"^\| \[([^\]]+)\]", (PROJECT / "docs" / "zoo.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [file.stem for file in ZOO]


@pytest.mark.parametrize("file", ZOO, ids=lambda file: file.stem)
def test_numbers_are_plausible(file: Path) -> None:
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    published = config["published"]
    assert 40 < published["top1_percent"] < published["top5_percent"] < 100
    assert published["images"] == config["dataset"]["images"] == 50_000
    assert str(PROJECT.parent) not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ZOO, ids=lambda file: file.stem)
def test_each_says_what_its_models_are_fed(file: Path) -> None:
    assert load_fed(file).models[-1].id == "openvino"


@pytest.mark.parametrize("file", ZOO, ids=lambda file: file.stem)
def test_each_is_valid(file: Path) -> None:
    config = load_config(file, environment={"IMAGENET_VAL": "/data/val"})
    assert config.candidates[0].id == "openvino"


@pytest.mark.shared
def test_make_zoo_changes_nothing(shared: Path) -> None:
    text = (
        "import sys; sys.path.insert(0, 'configs/zoo'); import make\n"
        "from pathlib import Path\n"
        f"checks = make.classifiers(Path({str(shared / 'accuracy-check')!r}))\n"
        "for name, check in checks.items():\n"
        "    assert Path('configs/zoo', f'{name}.yml').read_text() == make.configuration(name, check), name\n"
        "assert Path('docs/zoo.md').read_text() == make.table(checks)\n"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=PROJECT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
