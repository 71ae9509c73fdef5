"""Models with preprocessings of their own: one decode a decoder, one pixel tensor a distinct preprocessing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import pytest
from PIL import Image

from harness.config import Preprocess, load_config
from harness.engine.identity import identity, plan_models
from harness.engine.run import Options
from harness.engine.session import validate
from harness.errors import ConfigError
from harness.feeding.decode import Decoder
from harness.record.schema import RunRecord
from tests.conftest import SIZE, Tiny, write_config, write_images
from tests.engine.conftest import Memory
from tests.engine.test_identity import MANIFEST

SMALL = {"resize": {"size": SIZE, "interpolation": "area"}}
PILLOW: dict[str, Any] = {"decoder": "pillow", "steps": [SMALL]}
OPENCV: dict[str, Any] = {"decoder": "opencv", "steps": [SMALL]}
FLOAT: dict[str, Any] = {"steps": [{"normalize": {"mean": 0, "scale": 1}}, SMALL]}


def configured(tiny: Tiny, folder: Path, dataset: Any, *candidates: Any) -> Path:
    """Write a configuration with one candidate for each preprocessing; None: the data set's."""
    write_images(folder / "images", 30)

    def change(data: dict[str, Any]) -> None:
        data["dataset"]["preprocess"] = dataset
        (first,) = data["candidates"]
        data["candidates"] = [
            {**first, "id": f"c{place}", **({"preprocess": own} if own else {})} for place, own in enumerate(candidates)
        ]
        data["gates"] = {"parity": {"images": 30, "max_abs_diff": 1e-4}, "target": None, "drop": None}

    return write_config(folder, tiny, change)


def run(path: Path, **options: Any) -> RunRecord:
    return validate(load_config(path), Options(out=path.parent / "run", quiet=True, **{"use_cache": False, **options}))


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    from harness.feeding.pipeline import decode_with as real

    counted: Counter[str] = Counter()

    def count(library: Any, data: bytes, *, exif: bool) -> Any:
        counted[f"{library} {exif}"] += 1
        return real(library, data, exif=exif)

    monkeypatch.setattr("harness.feeding.pipeline.decode_with", count)
    return counted


def test_two_preprocessings_of_one_decoder_cost_one_decode(tiny: Tiny, tmp_path: Path, decodes: Counter[str]) -> None:
    record = run(configured(tiny, tmp_path, {"size": SIZE}, OPENCV, None))
    assert decodes == {"opencv False": 30}
    first, second = record.comparisons
    assert (first.max_abs_diff or 0) > 1e-3  # other pixels than the reference's
    assert second.max_abs_diff is not None
    assert second.max_abs_diff < 1e-4


def test_each_decoder_decodes_once(tiny: Tiny, tmp_path: Path, decodes: Counter[str]) -> None:
    turned = {**OPENCV, "exif": "apply"}
    run(configured(tiny, tmp_path, {"size": SIZE}, PILLOW, PILLOW, OPENCV, turned))
    assert decodes == {"opencv False": 30, "pillow False": 30, "opencv True": 30}


def test_there_is_one_tensor_a_distinct_preprocessing() -> None:
    images = Memory(range(3)).set()
    whole = Preprocess(size=4, crop_fraction=1.0)
    same = Preprocess.model_validate({"steps": [{"crop": {"fraction": 1.0}}, {"resize": {"size": 4}}]})
    other = Preprocess.model_validate({"decoder": "pillow", "steps": [{"resize": {"size": [2, 3]}}]})
    floating = Preprocess.model_validate({"steps": [{"normalize": {"mean": 1}}, {"resize": {"size": 5}}]})
    with Decoder(images, whole, same, other, floating, whole, threads=2) as decoder:
        (decoded,) = decoder.shards([(0, range(3))])
    assert len(decoded.tensors) == 3
    assert decoded.pixels is decoded.pixels_of(whole) is decoded.pixels_of(same)
    assert [tensor.shape for tensor in decoded.tensors.values()] == [(3, 4, 4, 3), (3, 2, 3, 3), (3, 5, 5, 3)]
    assert [str(tensor.dtype) for tensor in decoded.tensors.values()] == ["uint8", "uint8", "float32"]
    for row in range(3):  # the images of the memory are of one value each
        assert set(decoded.pixels_of(other)[row].ravel().tolist()) == {row}
        assert set(decoded.pixels_of(floating)[row].ravel().tolist()) == {row - 1}


def test_an_image_that_is_unusable_for_one_is_bad_for_all(tiny: Tiny, tmp_path: Path) -> None:
    cropped = {"steps": [{"crop": {"size": SIZE, "rounding": "tf_slim"}}]}
    path = configured(tiny, tmp_path, {"size": SIZE}, cropped)
    first = min((tmp_path / "images").glob("*.*g"))
    Image.new("RGB", (SIZE - 1, SIZE)).save(first)
    config = load_config(path, ["dataset.bad_images={policy: skip, max: 1, max_percent: 100}"])
    record = validate(config, Options(out=tmp_path / "run", quiet=True, use_cache=False))
    (bad,) = record.dataset.bad_images
    assert "smaller than the crop" in bad.reason
    assert record.dataset.evaluated == 29


@pytest.mark.parametrize("isolate", [False, True])
def test_floating_pixels_agree_with_the_original(tiny: Tiny, tmp_path: Path, isolate: bool) -> None:
    path = configured(tiny, tmp_path, FLOAT, None)
    config = load_config(path, [f"candidates.c0.isolate={str(isolate).lower()}"])
    record = validate(config, Options(out=tmp_path / "run", quiet=True, use_cache=False))
    assert record.exit_code == 0
    (compared,) = record.comparisons
    assert compared.max_abs_diff is not None
    assert compared.max_abs_diff < 1e-5


def test_the_record_has_library_version_and_steps(tiny: Tiny, tmp_path: Path) -> None:
    record = run(configured(tiny, tmp_path, {"size": SIZE}, PILLOW))
    reference, candidate = (part.preprocessing for part in record.models)
    assert reference is not None
    assert candidate is not None
    assert reference.libraries == (f"opencv {cv2.__version__}",)
    assert reference.steps == (
        {"step": "crop", "fraction": 0.875, "rounding": "floor", "may_exceed": False},
        {
            "step": "resize",
            "to": "size",
            "height": SIZE,
            "width": SIZE,
            "filter": "bilinear",
            "library": "opencv",
            "rounding": "floor",
            "sampling": "centers",
        },
    )
    assert candidate.libraries[0].startswith("pillow ")
    assert [step["step"] for step in candidate.steps] == ["resize"]
    assert record.config["candidates"][0]["preprocess"] == {
        "decoder": "pillow",
        "exif": "ignore",
        "steps": [{"resize": {"size": SIZE, "interpolation": "area", "rounding": "floor", "sampling": "centers"}}],
    }
    assert "preprocess" not in record.config["reference"]


def test_the_cache_key_and_the_identity_see_a_models_own(tiny: Tiny, tmp_path: Path) -> None:
    base = load_config(configured(tiny, tmp_path, {"size": SIZE}, None))
    for own in (PILLOW, OPENCV, FLOAT, {"size": SIZE, "exif": "apply"}):
        (tmp_path / "other").mkdir(exist_ok=True)
        other = load_config(configured(tiny, tmp_path / "other", {"size": SIZE}, own))
        plans = [plan_models(config, use_cache=False) for config in (base, other)]
        keys = [[item.key(config) for item in plan] for config, plan in zip((base, other), plans, strict=True)]
        assert keys[0][0] == keys[1][0]  # the reference's
        assert keys[0][1] != keys[1][1]
        assert identity(base, plans[0], MANIFEST) != identity(other, plans[1], MANIFEST)


def test_a_run_is_resumed_and_cached(tiny: Tiny, tmp_path: Path, decodes: Counter[str]) -> None:
    path = configured(tiny, tmp_path, {"size": SIZE}, PILLOW)
    first = run(path, use_cache=True)
    again = validate(load_config(path), Options(out=tmp_path / "again", quiet=True))
    assert again.models[0].cached
    assert again.comparisons[0].max_abs_diff == first.comparisons[0].max_abs_diff
    before = decodes.total()
    assert run(path, resume=True).exit_code == first.exit_code
    assert decodes.total() == before


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            {"decoder": "pilow", "steps": [SMALL]},
            "preprocess.decoder: 'pilow' is not one of 'opencv' or 'pillow'; did you",
        ),
        (
            {"steps": [{"rezise": {"size": 8}}]},
            "preprocess.steps[0]: has the unknown step `rezise`; did you mean `resize`?",
        ),
        ({"steps": [{"resize": {"sise": 8}}]}, "preprocess.steps[0].resize.sise: unknown key; did you mean `size`?"),
        ({"step": []}, "preprocess.step: unknown key; did you mean `steps`?"),
        ({"preset": "torchvison"}, "preprocess.preset: 'torchvison' is not a preset; did you mean 'torchvision'?"),
        ({"steps": [{"resize": {"short_side": 256}}]}, "preprocess: does not end at one size"),
    ],
)
def test_faults_name_file_line_and_key(tiny: Tiny, tmp_path: Path, written: Any, message: str) -> None:
    for where, dataset, own in (("dataset.", written, None), ("candidates[0].", {"size": SIZE}, written)):
        path = configured(tiny, tmp_path, dataset, own)
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert f": {where}{message}" in str(caught.value)
