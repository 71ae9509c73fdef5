from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.cli import main
from harness.config import load_config
from harness.config.unstated import unstated


def config(folder: Path, contract: dict[str, object]) -> Path:
    (folder / "images").mkdir()
    for name in ("m.pb", "m.xml", "m.bin"):
        (folder / name).touch()
    data = {
        "version": 1,
        "name": "n",
        "dataset": {"path": "images"},
        "reference": {"id": "tf", "model": "m.pb", "input": {"color": "RGB", **contract}, "output": "o"},
        "candidates": [{"id": "ir", "model": "m.xml", "input": {"color": "BGR"}, "output": "o"}],
    }
    path = folder / "c.yml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.mark.parametrize(
    ("contract", "missing"),
    [
        ({}, "does not state mean and scale, so `mean` is taken as 0 and `scale` is taken as 1"),
        ({"mean": 127.5}, "does not state scale, so `scale` is taken as 1"),
        ({"scale": 127.5}, "does not state mean, so `mean` is taken as 0"),
        ({"mean": 0, "scale": 1}, None),
        ({"mean": [1, 2, 3], "scale": 4}, None),
    ],
)
def test_a_reference_says_what_mean_and_scale_it_gets(
    tmp_path: Path, contract: dict[str, object], missing: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, contract)
    found = unstated(load_config(path))
    assert len(found) == (missing is not None)
    assert main(["config", "check", str(path)]) == 0
    shown = capsys.readouterr().out
    assert ("warning: tf: " in shown) == (missing is not None)
    if missing:
        assert missing in found[0]
        assert "0 and 1 where the model has them inside" in found[0]
        assert "[123.68, 116.779, 103.939] and 1 for Caffe" in found[0]
        assert "[123.675, 116.28, 103.53] and [58.395, 57.12, 57.375]" in found[0]
        assert "127.5 and 127.5" in found[0]
        assert "c.yml:" in found[0]


@pytest.mark.parametrize(("step", "warns"), [({"normalize": {"mean": 127.5, "scale": 127.5}}, False), (None, True)])
def test_steps_that_normalise_state_mean_and_scale(tmp_path: Path, step: dict[str, object] | None, warns: bool) -> None:
    path = config(tmp_path, {})
    data = yaml.safe_load(path.read_text())
    data["dataset"]["preprocess"] = {"steps": [{"resize": {"size": [224, 224]}}, *([step] if step else [])]}
    path.write_text(yaml.safe_dump(data))
    assert bool(unstated(load_config(path))) == warns
