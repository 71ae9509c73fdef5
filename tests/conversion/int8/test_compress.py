"""INT8 by NNCF, on a network that numpy follows by hand."""

from __future__ import annotations

import importlib
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import Config
from harness.conversion import (
    calibrated_on,
    contract_contradictions,
    convert,
    describe,
    import_openvino,
    read_contract,
    staleness,
)
from harness.errors import ConfigError, DatasetError, ModelError
from tests.conftest import require, write_images
from tests.conversion.int8.test_calibration import sha256

Make = Callable[..., Config]
ROOT = Path(__file__).resolve().parents[2]
MEAN, SCALE = np.array([120.0, 110.0, 100.0]), np.array([60.0, 50.0, 40.0])  # RGB, of the configuration


@pytest.fixture(autouse=True)
def _nncf() -> None:
    require("nncf")


@pytest.fixture
def int8(configure: Make, tiny: Any, tmp_path: Path) -> Make:
    """Return a function that configures INT8 of the tiny graph, calibrated on 20 images of their own."""
    write_images(tmp_path / "images", 6, seed=1)
    write_images(tmp_path / "apart", 20, seed=2)

    def make(change: Callable[[dict[str, Any]], None] | None = None) -> Config:
        def whole(data: dict[str, Any]) -> None:
            data["conversion"] = {"weights": "int8", "calibration": {"path": "apart", "images": 20}}
            if change:
                change(data)

        return configure(tiny.path, whole)

    return make


def converted(config: Config) -> Any:
    return convert(config, config.candidates[0])


def why(config: Config) -> str | None:
    return staleness(config, config.candidates[0])


def test_an_int8_ir_computes_nearly_what_the_graph_does(int8: Make, tiny: Any, tmp_path: Path) -> None:
    from harness.conversion.int8.calibration import choose_images

    config = int8()
    done = converted(config)
    ov = import_openvino()
    compiled = ov.compile_model(str(done.xml), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    rgb = choose_images(config, config.candidates[0]).pixels[..., ::-1].astype(np.float32)
    expected = tiny.expected((rgb - MEAN) / SCALE)

    def mean_largest_difference(images: Any) -> float:
        found = [np.array(compiled(np.ascontiguousarray(image[None]))[0][0]) for image in images]
        return float(np.abs(found - expected).max(axis=1).mean())

    assert 1e-6 < mean_largest_difference(rgb[..., ::-1]) < 0.05
    assert mean_largest_difference(rgb) > 0.1
    layers = [node.get_type_name() for node in ov.Core().read_model(str(done.xml)).get_ordered_ops()]
    assert "FakeQuantize" in layers
    assert sorted(item.name for item in tmp_path.glob("ir*")) == ["ir.bin", "ir.xml"]


def test_what_is_written_down_says_int8_and_names_every_image(int8: Make, tmp_path: Path) -> None:
    config = int8()
    done = converted(config)
    contract = read_contract(done.xml)
    assert contract.weights == "int8"
    images = {sha256(path) for path in (tmp_path / "apart").iterdir()}
    assert {digest.hex() for digest in calibrated_on(contract)} == images
    assert dict(describe(contract))["calibrated on"].startswith("20 images, named by sha256 (NNCF ")
    assert dict(describe(contract))["weights"] == "int8"
    assert (contract.parameters["calibration_images"], contract.parameters["calibration_seed"]) == ("20", "0")
    assert str(tmp_path) not in done.xml.read_text()
    assert contract_contradictions(config, config.candidates[0]) == []
    names = {item.name: item.found for item in done.checks}
    assert float(names["largest difference from the quantised graph"]) < 1e-3
    assert "of 20)" in names["mean largest difference on calibration images"]


def test_converting_twice_gives_the_same_weights(int8: Make) -> None:
    config = int8()
    first = converted(config).bin.read_bytes()
    assert converted(config).bin.read_bytes() == first


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d["conversion"]["calibration"].update(images=10), "calibration_images was 20 and is 10 now"),
        (lambda d: d["conversion"]["calibration"].update(seed=1), "calibration_seed was 0 and is 1 now"),
        (lambda d: d["conversion"].update(weights="f32"), "weights was int8 and is f32 now"),
        (
            lambda d: d["dataset"]["preprocess"].update(crop_fraction=0.5),
            "calibration_preprocess was 0.875, bilinear, exif ignore and is 0.5, bilinear, exif ignore now",
        ),
        (
            lambda d: d["conversion"]["calibration"].update(path="images2"),
            "0 of its 20 are among the 20 configured now",
        ),
    ],
)
def test_every_setting_that_decides(
    int8: Make, tmp_path: Path, change: Callable[[dict[str, Any]], None], expected: str
) -> None:
    write_images(tmp_path / "images2", 20, seed=5)
    config = int8()
    converted(config)
    assert why(config) is None
    assert expected in str(why(int8(change)))


def test_from_f32_to_int8_it_is_stale(int8: Make) -> None:
    converted(int8(lambda data: data["conversion"].update(weights="f32")))
    assert "weights was f32 and is int8 now" in str(why(int8()))


def test_another_nncf_makes_it_stale_and_none_at_all_does_not(int8: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    config = int8()
    converted(config)
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99.0" if name == "nncf" else real(name))
    assert "this is NNCF 99.0" in str(why(config))

    def absent(name: str) -> str:
        if name == "nncf":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert why(config) is None


def test_images_that_are_gone_do_not_make_it_stale(int8: Make, tmp_path: Path) -> None:
    config = int8()
    converted(config)
    (tmp_path / "apart").rename(tmp_path / "away")
    assert why(config) is None


def test_two_candidates_share_one_int8_ir_only_where_they_agree(int8: Make) -> None:
    def second(data: dict[str, Any]) -> None:
        data["candidates"].append({**data["candidates"][0], "id": "second", "precision": "bf16"})

    converted(int8(second))

    def differing(data: dict[str, Any]) -> None:
        second(data)
        data["candidates"][1]["conversion"] = {"calibration": {"path": "images"}}

    with pytest.raises(ConfigError, match=r"share .*ir\.xml, .*\(calibration\.path\)"):
        converted(int8(differing))


# What goes wrong.


def nothing_written(folder: Path) -> bool:
    return not [item for item in folder.iterdir() if item.suffix in (".xml", ".bin") or item.name.startswith(".")]


def test_a_missing_nncf_is_answered_with_what_to_install(
    int8: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = int8()
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(ModelError, match=r"pip install 'conversion-accuracy-harness\[int8\]'") as caught:
        converted(config)
    assert caught.value.exit_code == 3
    assert nothing_written(tmp_path)


def test_no_images_to_calibrate_on(int8: Make, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none of the 6 images .*6 evaluated"):
        converted(int8(lambda data: data["conversion"]["calibration"].update(path="images")))
    assert nothing_written(tmp_path)


def test_a_graph_that_nncf_cannot_compress(int8: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nncf = importlib.import_module("nncf")

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such layer\nmore")

    monkeypatch.setattr(nncf, "quantize", refuse)
    with pytest.raises(ModelError, match=r"NNCF .* cannot compress .*tiny\.pb to INT8: no such layer$"):
        converted(int8())
    assert nothing_written(tmp_path)


def test_an_interrupt_leaves_nothing_behind(int8: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nncf = importlib.import_module("nncf")

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(nncf, "quantize", interrupt)
    before = sys.stdout
    with pytest.raises(KeyboardInterrupt):
        converted(int8())
    assert nothing_written(tmp_path)
    assert sys.stdout is before


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes the conversion put other preprocessing inside than it should."""
    from harness.conversion import settings as wanted

    def forget(**other: Any) -> None:
        def inside(config: Config, candidate: Any) -> wanted.PreprocessingInside:
            right = wanted.inside(config, candidate)
            return wanted.PreprocessingInside(
                **{"reverse": right.reverse, "mean": right.mean, "scale": right.scale, **other}
            )

        monkeypatch.setattr(sys.modules["harness.conversion.convert"], "inside", inside)

    return forget


@pytest.mark.parametrize(
    "other",
    [
        {"reverse": False},
        {"mean": (121.0, 111.0, 101.0)},
        {"scale": (60.6, 50.5, 40.4)},
        {"mean": (0.0, 0.0, 0.0)},
        {"mean": (100.0, 110.0, 120.0)},
    ],
)
def test_wrong_preprocessing_is_caught_as_in_f32(
    int8: Make, tmp_path: Path, forgetful: Callable[..., None], other: dict[str, Any]
) -> None:
    forgetful(**other)
    with pytest.raises(ModelError, match=r"check of the written IR failed: agreement with the graph on a .* picture"):
        converted(int8())
    assert nothing_written(tmp_path)


def test_a_calibration_without_mean_and_scale_is_caught(
    int8: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.conversion.int8 import compress as module

    monkeypatch.setattr(module, "feed", lambda rgb, _: np.ascontiguousarray(rgb[None] / np.float32(25500)))
    with pytest.raises(
        ModelError, match=r"ir\.xml was not written: INT8 differs too much .* on 20 of .* at most 0\.2 allowed"
    ):
        converted(int8())
    assert nothing_written(tmp_path)


# What NNCF does besides: nothing may be sent, written to the home folder, or printed to stdout.

WATCH = """
import sys, time
seen = []
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.fork", "os.posix_spawn", "urllib.")):
        seen.append(event)
        raise RuntimeError("not allowed")
{before}
sys.addaudithook(watch)
from harness import config, conversion
c = config.load_config(sys.argv[1])
conversion.convert(c, c.candidates[0])
time.sleep(0.5)
print(seen)
"""


@pytest.mark.parametrize("before", ["", "import nncf, time; time.sleep(0.5)"])
def test_nothing_is_sent_written_or_printed(int8: Make, tmp_path: Path, before: str) -> None:
    """Also where somebody else imported NNCF first, with its telemetry."""
    int8()
    home = tmp_path / "home"
    home.mkdir()
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environment.update(HOME=str(home), PYTHONPATH=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", WATCH.format(before=before), str(tmp_path / "config.yml")],
        env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
    if not before:
        assert list(home.rglob("*")) == []


def test_importing_nncf_changes_no_logger_of_others() -> None:
    from harness.conversion.int8.compress import import_nncf

    before = logging.getLoggerClass()
    import_nncf()
    assert logging.getLoggerClass() is before
