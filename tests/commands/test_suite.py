"""`harness suite` as a whole: each run's results are those of the same run alone, to the last bit."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from harness.backends.registry import register, unregister
from harness.cli import main
from harness.config import load_config
from harness.engine.run import Options
from harness.engine.session import validate
from tests.bisecting.wheels import FACTS, runtime

CLASSES = 4
IMAGES = 300


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An image set and two configurations of a numpy backend, which processes find by their path, too."""
    register(FACTS)
    with zipfile.ZipFile(runtime(tmp_path, "1.0")) as archive:
        archive.extractall(tmp_path / "installed")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"))
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(5)
    weights = np.random.default_rng(7).normal(size=(3, CLASSES + 1))
    (tmp_path / "one").mkdir()
    lines: list[str] = []
    while len(lines) < IMAGES:
        colour = generator.integers(0, 256, 3)
        answer = int((colour / 64 @ weights).argmax())
        if answer > 0:
            file = f"{len(lines):03d}.png"
            cv2.imwrite(str(tmp_path / "one" / file), np.full((8, 8, 3), colour, np.uint8))
            lines.append(f"{file} {answer - 1}\n")
    (tmp_path / "one.txt").write_text("".join(lines))
    (tmp_path / "model.planted").write_text("weights")
    model: dict[str, Any] = {"backend": "planted", "model": "model.planted", "input": {"color": "BGR"}}
    for name, gates in (("a", {}), ("b", {"target": {"top1_tolerance_pp": 0.0}})):
        data = {
            "version": 1,
            "name": name,
            "dataset": {"path": "one", "classes": CLASSES, "images": IMAGES, "preprocess": {"size": 8}},
            "reference": {**model, "id": "original"},
            "candidates": [{**model, "id": "other"}],
            "gates": gates,
        }
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(data))
    yield tmp_path
    unregister(FACTS.name)


@pytest.mark.slow  # three validations, each in a process of its own
def test_a_suite(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that passes, one whose gate fails, one that is refused; the first two decode their images once."""
    suite = {
        "version": 1,
        "name": "nightly",
        "sets": {"one": {"path": "one"}},
        "runs": [
            {"config": "a.yml", "sets": ["one"]},
            {"config": "b.yml", "set": {"published.top1_percent": 100, "published.top5_percent": 100}},
            {"config": "b.yml", "id": "wrong", "set": {"candidates.other.devise": "GPU"}},
        ],
    }
    # 100 % is what the reference reaches; labels that are wrong for one image make the target's gate fail.
    lines = (project / "one.txt").read_text().splitlines()
    name, label = lines[0].split()
    (project / "one.txt").write_text("\n".join([f"{name} {(int(label) + 1) % CLASSES}", *lines[1:]]) + "\n")
    (project / "suite.yml").write_text(yaml.safe_dump(suite))
    assert main(["suite", "suite.yml", "--out", "out"]) == 2
    out, _ = capsys.readouterr()
    assert "REFUSED (exit 2): 3 runs: 1 PASS, 1 FAIL, 1 REFUSED" in out
    assert "suite.yml:" in out
    assert "did you mean `device`?" in out
    record = json.loads(Path("out/suite.json").read_text())
    assert {part["id"]: part["exit_code"] for part in record["runs"]} == {"a-one": 0, "b": 1, "wrong": 2}
    assert {part["id"]: part["images_not_decoded"] for part in record["runs"] if part["images_not_decoded"]} == {
        "b": IMAGES
    }
    for name in ("index.html", "junit.xml"):
        assert "a-one" in (project / "out" / name).read_text()

    for run, config, overrides in (
        ("a-one", "a.yml", []),
        ("b", "b.yml", ["published.top1_percent=100", "published.top5_percent=100"]),
    ):
        options = Options(out=project / "alone" / run, use_cache=False, quiet=True)
        alone = validate(load_config(config, overrides), options)
        own = json.loads((project / "out" / run / "run.json").read_text())
        plain = json.loads((project / "alone" / run / "run.json").read_text())
        for key in ("status", "exit_code", "dataset", "comparisons", "pairwise", "gates"):
            assert own[key] == plain[key], (run, key)
        tables = [
            pq.read_table(folder / run / "predictions.parquet") for folder in (project / "out", project / "alone")
        ]
        assert tables[0].equals(tables[1])
        assert alone.dataset.evaluated > 0

    # A suite is gone on with: what is there is verified.
    suite["runs"] = suite["runs"][1:2]  # type: ignore[index]
    (project / "suite.yml").write_text(yaml.safe_dump(suite))
    assert main(["suite", "suite.yml", "--resume", "--out", "out", "--json"]) == 1
    resumed = json.loads(capsys.readouterr().out)
    assert [(part["id"], part["state"], part["exit_code"]) for part in resumed["runs"]] == [("b", "done", 1)]


def test_usage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suite", "nowhere.yml"]) == 2
    assert main(["suite", "a.yml"]) == 2
    assert "run it with `harness validate`" in capsys.readouterr().err
    (project / "s.yml").write_text("version: 1\nname: s\nruns: [a.yml]\n")
    with pytest.raises(SystemExit) as ended:
        main(["suite", "s.yml", "--engine", "loca"])
    assert ended.value.code == 2
    assert "Did you mean `local`?" in capsys.readouterr().err
    assert main(["suite", "s.yml", "--resume"]) == 2
    assert "no suite to resume" in capsys.readouterr().err
