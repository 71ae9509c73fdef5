"""The 650 validation images of the test bed give 509 and 610 correct from every form (README.md of the test bed)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from harness import load_config, validate
from harness.backends.opening import open_backend
from harness.config import Config
from harness.engine.identity import plan_models
from harness.engine.run import Options
from harness.feeding.pipeline import prepare
from harness.metrics.outcome import score
from tests.dataset.sources.forms import FORMS, Facts, Picture
from tests.dataset.sources.test_every_form import made

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for all runs: by image, so that the reference is asked once whatever form, labels or subset a run has."""
    return tmp_path_factory.mktemp("cache")


def configuration(folder: Path, shared: Path, dataset: dict[str, Any], cache: Path | str = "cache") -> Config:
    data = {
        "version": 1,
        "name": "forms",
        "dataset": dataset,
        "reference": {
            "id": "tf",
            "model": str(shared / "models" / "mobilenet_v2_1.0_224_frozen.pb"),
            "input": {"color": "RGB", "mean": 127.5, "scale": 127.5},
            "output": "MobilenetV2/Predictions/Reshape_1",
        },
        "candidates": [
            {
                "id": "ir",
                "model": str(shared / "models" / "mo_2024.6" / "mobilenet-v2-1.0-224.xml"),
                "input": {"color": "BGR"},
                "output": "MobilenetV2/Predictions/Reshape_1",
            }
        ],
        "cache": {"folder": str(cache)},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(data))
    return load_config(folder / "config.yml")


@pytest.fixture(scope="module")
def answers(
    shared: Path,
    tensorflow: Any,
    validation_images: Sequence[Picture],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[bytes, NDArray[np.float32]]:
    """The reference's probabilities by the digest of an image's bytes; TensorFlow runs once for all forms."""
    config = configuration(tmp_path_factory.mktemp("answers"), shared, {"path": "nowhere"})
    spec = plan_models(config, use_cache=False)[0].spec
    pixels = np.stack([prepare(item.data, config.dataset.preprocess) for item in validation_images])
    with open_backend("tensorflow", spec) as backend:
        probabilities = backend.infer(pixels)
    digests = [hashlib.sha256(item.data).digest() for item in validation_images]
    return dict(zip(digests, probabilities, strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_509_and_610_from_every_form(
    form: str,
    tmp_path: Path,
    validation_images: Sequence[Picture],
    built_in: Facts,
    answers: dict[bytes, NDArray[np.float32]],
) -> None:
    images = made(form, tmp_path / form, validation_images, built_in)
    rows = range(len(images.manifest))
    probabilities = np.stack([answers[hashlib.sha256(images.read(row)).digest()] for row in rows])
    ranks = score(probabilities, images.manifest.labels).rank_of_label
    assert (len(rows), int((ranks == 1).sum()), int(((ranks >= 1) & (ranks <= 5)).sum())) == (650, 509, 610)


def test_509_and_610_through_the_whole_engine(
    tmp_path: Path, shared: Path, validation_images: Sequence[Picture], built_in: Facts, openvino: Any, cache: Path
) -> None:
    """What the reference gave for the images of one form is found for those of another."""
    cached = []
    for form in ("tar_with_devkit", "parquet"):
        path, labels = FORMS[form][0](tmp_path / form, validation_images, built_in)
        config = configuration(tmp_path, shared, {"path": str(path), "labels": labels, "images": 50_000}, cache)
        record = validate(config, Options(out=tmp_path / "runs" / form, quiet=True))
        assert (record.dataset.form, record.dataset.evaluated, record.dataset.images) == (FORMS[form][1], 650, 50_000)
        for model in record.models:
            assert model.top1 is not None
            assert model.top5 is not None
            assert (model.top1.correct, model.top5.correct, model.top1.total) == (509, 610, 650)
        cached.append(record.models[0].cached)
    assert cached[1]


@pytest.mark.parametrize(
    ("shift", "words"),
    [(1, "every class is one too high"), (-1, "every class is one too low"), (0, None)],
)
def test_shifted_labels_are_found_out_by_the_reference(
    shift: int, words: str | None, tmp_path: Path, shared: Path, validation_images: Sequence[Picture], cache: Path
) -> None:
    """Under names that say nothing, so that only the reference's answers can tell."""
    (tmp_path / "images").mkdir()
    lines = []
    for number, item in enumerate(validation_images[:64]):
        (tmp_path / "images" / f"{number:03d}.jpg").write_bytes(item.data)
        lines.append(f"{number:03d}.jpg {max(0, min(999, item.label + shift))}\n")
    (tmp_path / "images.txt").write_text("".join(lines))
    config = configuration(tmp_path, shared, {"path": "images"}, cache)
    if words is None:
        assert validate(config, Options(out=tmp_path / "run", quiet=True)).status == "complete"
        return
    from harness.errors import DatasetError

    with pytest.raises(DatasetError, match=words) as caught:
        validate(config, Options(out=tmp_path / "run", quiet=True))
    assert caught.value.exit_code == 3
    labels = {"source": "images.txt", "trust": True}
    trusting = configuration(tmp_path, shared, {"path": "images", "labels": labels}, cache)
    assert validate(trusting, Options(out=tmp_path / "trusting", quiet=True)).status == "complete"
