"""Faults of the self-test, planted around the tiny network and asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.backends.base import CannotEditError
from harness.config import Config, load_config
from harness.diagnosis.faults import FAULTS, Fault
from harness.diagnosis.planted import plant
from harness.diagnosis.table import rows
from tests.conftest import MEAN, SCALE, Tiny, write_config, write_images

# The network sees mean colours only, so that faults of the crop and of the filter stay below parity; with four classes,
# labels that went below the first one and came back as the last hide that all are one too low.
NAMED = (
    "channels", "scale missing", "twice", "[0, 1]", "128", "another model family", "whole numbers", "NCHW", "(+1)",
    "softmax", "wrong output", "class order", "bf16",
)  # fmt: skip


def named(word: str) -> Fault:
    (fault,) = (fault for fault in FAULTS if word in fault.name)
    return fault


@pytest.fixture(scope="module")
def config(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("planted")
    write_images(folder / "images", 40, seed=3)
    return load_config(write_config(folder, tiny))


def test_each_is_named_by_its_cause(config: Config) -> None:
    plantings = [(named(word),) for word in NAMED]
    found = list(rows(config, config.candidates[0], plantings, fresh=False))
    tried = [row for row in found if row.answer is not None]
    assert [row.faults[0].name for row in tried if not row.is_right] == []
    assert [row.faults[0].name for row in found if row.answer is None] == []


def test_two_are_named_together(config: Config) -> None:
    (row,) = rows(config, config.candidates[0], [(named("channels"), named("class order"))], fresh=False)
    assert row.is_right, row


def test_a_cast_besides_rounded_weights(config: Config) -> None:
    (row,) = rows(config, config.candidates[0], [(named("cast to whole"), named("8 bits"))], fresh=False)
    assert row.is_right, row


def test_the_network_sees_what_the_fault_says(config: Config, tmp_path: Path) -> None:
    """The IR has the true mean and scale inside; after those it has to see the plain pixels."""
    planted = plant(config, config.candidates[0], [named("scale missing")], tmp_path)
    assert planted.tamper.values is not None
    bgr = np.random.default_rng(0).integers(0, 256, (1, 2, 2, 3)).astype(np.float32)
    inside = (planted.tamper.values(bgr) - np.array(MEAN[::-1])) / np.array(SCALE[::-1])
    assert np.allclose(inside, bgr, atol=1e-3)


def test_two_that_change_the_same_are_refused(config: Config, tmp_path: Path) -> None:
    with pytest.raises(CannotEditError, match="change the same: normalisation"):
        plant(config, config.candidates[0], [named("128"), named("[0, 1]")], tmp_path)
