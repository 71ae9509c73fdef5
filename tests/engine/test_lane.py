from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.engine.cache import ProbabilityCache
from harness.engine.capsule import _Keeping
from harness.engine.lane import NonFiniteError
from harness.errors import ModelError
from tests.engine.conftest import SIDE, Fakes, lane, probabilities_of

PIXELS = np.arange(6, dtype=np.uint8)[:, None, None, None] + np.zeros((6, SIDE, SIDE, 3), np.uint8)
DIGESTS = tuple(bytes([number]) * 32 for number in range(6))


def test_a_lane_loads_when_it_is_first_needed_and_once(fakes: Fakes) -> None:
    ir = lane("ir")
    assert (fakes.loads["ir"], ir.known, ir.is_loaded) == (0, False, False)
    ir.answer(PIXELS, DIGESTS)
    ir.answer(PIXELS, DIGESTS)
    ir.load()
    assert (fakes.loads["ir"], ir.known, ir.is_loaded) == (1, True, True)
    assert ir.loaded.backend == "fake 1"
    ir.close()
    assert fakes.open["ir"] == 0


def test_what_was_never_loaded_says_nothing(fakes: Fakes) -> None:
    with pytest.raises(ModelError, match="ir: was not loaded"):
        lane("ir").loaded  # noqa: B018


def test_the_cache_answers_without_the_model(fakes: Fakes, tmp_path: Path) -> None:
    first = lane("reference", ProbabilityCache(tmp_path, {"a": 1}))
    made = first.answer(PIXELS, DIGESTS)
    assert (made.cached, made.seconds > 0) == (False, True)
    second = lane("reference", ProbabilityCache(tmp_path, {"a": 1}))
    found = second.answer(PIXELS, DIGESTS)
    assert (found.cached, found.seconds) == (True, 0.0)
    np.testing.assert_array_equal(found.raw, probabilities_of(PIXELS))
    assert fakes.loads["reference"] == 1
    assert (second.is_loaded, second.known) == (False, True)
    assert second.loaded == first.loaded


def test_only_images_that_are_not_in_the_cache_are_inferred(fakes: Fakes, tmp_path: Path) -> None:
    lane("reference", ProbabilityCache(tmp_path, {"a": 1})).answer(PIXELS[:4], DIGESTS[:4])
    reference = lane("reference", ProbabilityCache(tmp_path, {"a": 1}))
    for order in ([3, 1], [1, 0, 2, 3]):
        again = reference.answer(PIXELS[order], tuple(DIGESTS[row] for row in order))
        assert (again.cached, again.inferred) == (True, 0)
    assert (fakes.images["reference"], fakes.loads["reference"]) == (4, 1)
    order = [5, 0, 4, 2]
    mixed = reference.answer(PIXELS[order], tuple(DIGESTS[row] for row in order))
    assert (mixed.cached, mixed.inferred) == (False, 2)
    np.testing.assert_array_equal(mixed.raw, probabilities_of(PIXELS[order]))
    assert fakes.images["reference"] == 6
    assert reference.answer(PIXELS, DIGESTS).cached


def test_a_capsule_keeps_what_was_cached_and_what_was_not(fakes: Fakes, tmp_path: Path) -> None:
    lane("reference", ProbabilityCache(tmp_path, {"a": 1})).answer(PIXELS[1:4], DIGESTS[1:4])
    for inner in (ProbabilityCache(tmp_path, {"a": 1}), ProbabilityCache(tmp_path, {"a": 1}), None):
        keeping = _Keeping(inner)
        lane("reference", keeping).answer(PIXELS, DIGESTS)
        np.testing.assert_array_equal(keeping.taken, probabilities_of(PIXELS))
    assert fakes.images["reference"] == 3 + 3 + 0 + 6


def test_the_image_with_nan_is_named_among_cached_ones(fakes: Fakes, tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path, {"a": 1})
    lane("reference", cache).answer(PIXELS[:3], DIGESTS[:3])
    fakes.nan = frozenset({4})
    with pytest.raises(NonFiniteError) as caught:
        lane("reference", cache).answer(PIXELS, DIGESTS)
    assert (caught.value.images, caught.value.position) == (1, 4)


def test_a_shard_without_a_good_image(fakes: Fakes, tmp_path: Path) -> None:
    for _ in range(2):
        reference = lane("reference", ProbabilityCache(tmp_path, {"a": 1}))
        assert reference.answer(PIXELS[:0], ()).raw.shape == (0, 5)


def test_numbers_that_are_not_finite_are_an_error_and_never_cached(fakes: Fakes, tmp_path: Path) -> None:
    fakes.nan = frozenset({2, 4})
    cache = ProbabilityCache(tmp_path, {"a": 1})
    with pytest.raises(NonFiniteError) as caught:
        lane("reference", cache).answer(PIXELS, DIGESTS)
    assert (caught.value.images, caught.value.position) == (2, 2)
    assert "first for the image cat.jpg (2 images of that shard)" in str(caught.value.naming("cat.jpg"))
    assert not cache.has_any()
