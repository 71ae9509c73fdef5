"""Candidates that are as they should be, and what cannot be asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.config import load_config
from harness.diagnosis.diagnose import diagnose
from harness.errors import ConfigError, DatasetError
from tests.conftest import Tiny, write_config, write_images, write_list
from tests.diagnosis.conftest import Asked

Rows = NDArray[np.float32]


def test_a_faithful_candidate_is_clean(asked: Asked) -> None:
    found = asked()
    assert (found.verdict, found.cause, found.exit_code) == ("clean", None, 0)
    assert float(str(found.evidence["max_abs_diff_before"])) < 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_it_is_clean_on_other_images(tiny: Tiny, tmp_path: Path, seed: int) -> None:
    write_images(tmp_path / "images", 24, seed=100 + seed)
    (found,) = diagnose(load_config(write_config(tmp_path, tiny)))
    assert found.verdict == "clean"


def test_a_set_without_images_and_an_unknown_candidate_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 2)
    config = load_config(write_config(tmp_path, tiny))
    with pytest.raises(ConfigError, match="no candidate 'irr'; did you mean 'ir'"):
        diagnose(config, "irr")
    write_list(tmp_path / "images", [])
    with pytest.raises(DatasetError, match="lists no image"):
        diagnose(config)
