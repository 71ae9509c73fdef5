"""INT8 that `harness validate` makes by itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.config import load_config
from harness.engine.run import Options
from harness.engine.session import validate
from harness.errors import ConfigError
from harness.record.schema import RunRecord
from tests.conftest import Tiny, require, write_config, write_images


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> Path:
    """A project whose second candidate is INT8, made when it is missing or stale, of 12 images where 20 are asked."""
    require("nncf")
    write_images(tmp_path / "images", 20, seed=1)
    write_images(tmp_path / "apart", 12, seed=2)

    def change(data: dict[str, Any]) -> None:
        (first,) = data["candidates"]
        own = {"id": "int8", "model": "int8.xml", "conversion": {"weights": "int8", "automatic": True}}
        data["candidates"].append({**first, **own})
        data["conversion"] = {"calibration": {"path": "apart", "images": 20}}
        data["gates"] = {"parity": None, "drop": {"top1_max_pp": 100, "top5_max_pp": 100}}

    return write_config(tmp_path, tiny, change)


def run(config: Path, out: str) -> RunRecord:
    return validate(load_config(config), Options(out=config.parent / out, quiet=True, use_cache=False))


def test_it_is_made_once_and_its_images_are_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = run(config, "one")
    assert first.exit_code == 0
    assert any("int8: converted at the start of this run" in warning for warning in first.warnings)
    assert any("int8: calibrated on only 12 of the 20 images" in warning for warning in first.warnings)
    contract = next(model.details["contract"] for model in first.models if model.id == "int8")
    assert contract["calibrated on"].startswith("12 images")
    made = (config.parent / "int8.xml").read_bytes()
    second = run(config, "two")
    assert not any("converted" in warning for warning in second.warnings)
    assert (config.parent / "int8.xml").read_bytes() == made
    assert capsys.readouterr().out == ""


def test_an_image_that_is_evaluated_from_now_on_makes_it_anew(config: Path) -> None:
    """Without the conversion by itself the candidate would fail, and with it, it is mended before anything is run."""
    run(config, "one")
    copied = config.parent / "images" / "one more.jpg"
    copied.write_bytes((config.parent / "apart" / "image 00001.jpg").read_bytes())
    with (config.parent / "images.txt").open("a") as listing:
        listing.write("one more.jpg 1\n")
    config.write_text(re.sub(r"  images: \d+\n", "  images: 21\n", config.read_text(), count=1))
    record = run(config, "two")
    assert record.exit_code == 0
    assert any(
        "calibrated on different images: 11 of its 12 are among the 11" in warning for warning in record.warnings
    )


def test_missing_calibration_images_are_named_where_they_are_needed(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "apart").rename(config.parent / "away")
    with pytest.raises(ConfigError, match=r"conversion\.calibration\.path: .*apart does not exist"):
        run(config, "one")
    assert not (config.parent / "one").exists()
    text = config.read_text().replace("conversion:\n  calibration:", "conversion:\n  automatic: true\n  calibration:")
    config.write_text(text)
    assert main(["config", "check", str(config)]) == 2
    assert "apart does not exist" in capsys.readouterr().err
    (config.parent / "away").rename(config.parent / "apart")
    assert run(config, "one").exit_code == 0
    (config.parent / "apart").rename(config.parent / "away")
    assert run(config, "two").exit_code == 0  # the IR is there, so nobody needs them
    assert main(["config", "check", str(config)]) == 0
