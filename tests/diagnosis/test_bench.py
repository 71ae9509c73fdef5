from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.config import Config, load_config
from harness.dataset.image_set import open_image_set
from harness.diagnosis.bench import Bench
from harness.engine.identity import plan_models
from harness.errors import DatasetError
from tests.conftest import Tiny, write_config, write_images


def opened(config: Config, count: int = 64) -> Bench:
    planned = {item.model.id: item for item in plan_models(config)}
    return Bench(config, config.candidates[0], planned, open_image_set(config.dataset), count=count, use_cache=False)


def test_pixels_are_made_once_and_unsound_images_left_out(tiny: Tiny, tmp_path: Path) -> None:
    names = [name for name, _ in write_images(tmp_path / "images", 6)]
    (tmp_path / "images" / names[1]).write_bytes(b"no image")
    config = load_config(write_config(tmp_path, tiny))
    with opened(config, 4) as bench:
        assert (bench.count, len(bench.digests), len(bench.labels)) == (3, 3, 3)
        own = config.preprocess_for(config.original)
        assert bench.pixels(own) is bench.pixels(own)
        assert bench.pixels(own).shape == (3, 16, 16, 3)


def test_without_a_sound_image_nothing_is_told(tiny: Tiny, tmp_path: Path) -> None:
    for name, _ in write_images(tmp_path / "images", 3):
        (tmp_path / "images" / name).write_bytes(b"no image")
    with pytest.raises(DatasetError, match="none of its first 3 images can be read"):
        opened(load_config(write_config(tmp_path, tiny)))


def test_the_reference_fed_as_configured_answers_as_it_did(tiny: Tiny, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 6)
    with opened(load_config(write_config(tmp_path, tiny))) as bench:
        bench.run_reference({})
        bench.settle(bench.run_candidate(), bench.spec)
        assert np.abs(bench.reference_if(bench.wanted) - bench.reference_rows).max() < 1e-5
        assert np.abs(bench.reference_if(bench.own) - bench.reference_rows).max() > 1e-2


def test_outputs_are_held_against_other_rows_where_they_are_given(tiny: Tiny, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 6)
    with opened(load_config(write_config(tmp_path, tiny))) as bench:
        bench.run_reference({})
        raw = bench.run_candidate()
        bench.settle(raw, bench.spec)
        turned = np.ascontiguousarray(bench.reference_rows[::-1])
        (read, *_) = bench.read(raw, bench.spec, reference=turned)
        assert np.allclose(read.off, np.abs(raw.astype(np.float64) - turned).max(axis=1))
        assert read.agreeing == int((raw.argmax(axis=1) == turned.argmax(axis=1)).sum())
