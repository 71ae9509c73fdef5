"""Labels that the reference's answers speak against stop a run; a tar resumes; missing images count; subsets."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

import harness.dataset.manifest
from harness import load_config, validate
from harness.engine.run import Options
from harness.errors import ConfigError, DatasetError
from harness.record import RunRecord
from tests.engine.conftest import SIDE, Fakes

RIGHT = [row % 3 for row in range(40)]  # 0-based classes of 40 images


def picture(row: int) -> bytes:
    """Return an image for which the fake models answer its class."""
    encoded = cv2.imencode(".png", np.full((SIDE, SIDE, 3), 5 * (row % 45) + RIGHT[row] + 1, np.uint8))[1]
    return bytes(encoded)


def write(folder: Path, labels: Sequence[int], *, missing: Sequence[int] = (), archive: bool = False) -> Path:
    """Write 40 images as files, or into `images.tar`, and their list; return what dataset.path is."""
    names = [f"{row:03d}.png" for row in range(40)]
    (folder / "list.txt").write_text("".join(f"{name} {label}\n" for name, label in zip(names, labels, strict=True)))
    if archive:
        with tarfile.open(folder / "images.tar", "w") as tar:
            for row, name in enumerate(names):
                member = tarfile.TarInfo(name)
                member.size = len(picture(row))
                tar.addfile(member, io.BytesIO(picture(row)))
        return folder / "images.tar"
    (folder / "images").mkdir(exist_ok=True)
    for row, name in enumerate(names):
        if row not in missing:
            (folder / "images" / name).write_bytes(picture(row))
    return folder / "images"


def run(folder: Path, path: Path, *, dataset: dict[str, Any] | None = None, **options: Any) -> RunRecord:
    (folder / "one.fake").write_bytes(b"one")
    model = {"backend": "fake", "model": "one.fake", "input": {"color": "RGB"}, "output": "o"}
    data = {
        "version": 1,
        "name": "net",
        "dataset": {
            "path": str(path),
            "labels": "list.txt",
            "classes": 4,
            "preprocess": {"size": SIDE, "crop_fraction": 1.0},
            **(dataset or {}),
        },
        "reference": {"id": "reference", **model},
        "candidates": [{"id": "ir", **model}],
        "gates": {"parity": {"max_abs_diff": 0.5}},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(data))
    chosen = Options(quiet=True, use_cache=False, out=folder / options.pop("out", "run"), **options)
    return validate(load_config(folder / "config.yml"), chosen)


def test_right_labels_run(tmp_path: Path, fakes: Fakes) -> None:
    record = run(tmp_path, write(tmp_path, RIGHT))
    assert record.models[0].top1 is not None
    assert (record.models[0].top1.correct, record.status) == (40, "complete")


def test_labels_one_too_high_stop_the_run_with_the_reason(tmp_path: Path, fakes: Fakes) -> None:
    path = write(tmp_path, [label + 1 for label in RIGHT])
    with pytest.raises(
        DatasetError, match=r"list\.txt: the labels look wrong: .* every class is one too high"
    ) as caught:
        run(tmp_path, path)
    assert caught.value.exit_code == 3
    trusted = run(tmp_path, path, dataset={"labels": {"source": "list.txt", "trust": True}}, out="trusting")
    assert trusted.models[0].top1 is not None
    assert trusted.models[0].top1.correct == 0


def test_missing_images_are_bad_images(tmp_path: Path, fakes: Fakes) -> None:
    path = write(tmp_path, RIGHT, missing=[3, 30])
    with pytest.raises(DatasetError, match=r"names 2 images that .* does not have: 003\.png, 030\.png"):
        run(tmp_path, path)
    for policy, total in (("wrong", 40), ("skip", 38)):
        record = run(tmp_path, path, dataset={"bad_images": {"policy": policy, "max": 2, "max_percent": 5}}, out=policy)
        assert record.models[0].top1 is not None
        assert (record.models[0].top1.correct, record.models[0].top1.total) == (38, total)
        assert [(item.id, item.reason) for item in record.dataset.bad_images] == [
            ("003.png", "missing"),
            ("030.png", "missing"),
        ]


def test_a_tar_resumes_and_a_changed_one_does_not(
    tmp_path: Path, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 8)
    path = write(tmp_path, RIGHT, archive=True)
    whole = run(tmp_path, path)
    assert whole.dataset.form == "tar"
    assert fakes.images["reference"] == 40
    shards = sorted((tmp_path / "run" / "shards").iterdir())
    for shard in shards[2:4]:
        shard.unlink()
    again = run(tmp_path, path, resume=True)
    assert fakes.images["reference"] == 56
    assert again.dataset.content_fingerprint == whole.dataset.content_fingerprint
    assert again.models[0].top1 == whole.models[0].top1
    data = bytearray(path.read_bytes())
    data[512 + 60] ^= 1  # inside the first picture
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"the image 000\.png was replaced"):
        run(tmp_path, path, resume=True)


def test_a_subset_is_evaluated_and_recorded(tmp_path: Path, fakes: Fakes) -> None:
    wanted = {"images": 9, "seed": 4, "stratified": True}
    record = run(tmp_path, write(tmp_path, RIGHT), dataset={"subset": wanted})
    assert (record.dataset.images, record.dataset.listed, record.dataset.evaluated) == (40, 40, 9)
    assert record.config["dataset"]["subset"] == wanted
    assert sorted(record.to_pandas()["label"].tolist()) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
