from __future__ import annotations

import numpy as np
import pytest

from harness.config import Input, Preprocess
from harness.diagnosis.affine import Affine
from harness.diagnosis.feedings import Feeding, feeding_of
from harness.diagnosis.trials import Trial, mixed, pairs, sees, singles

PREPROCESS = Preprocess(size=4)
PLAIN = Input(color="BGR")
REFERENCE = Input(color="RGB", mean=(120.0, 110.0, 100.0), scale=(60.0, 50.0, 40.0))


def feeding(contract: Input) -> Feeding:
    return feeding_of(contract, PREPROCESS)


@pytest.mark.parametrize("own", [PLAIN, Input(color="BGR", mean=(7.0, 8.0, 9.0), scale=(2.0, 3.0, 4.0)), REFERENCE])
def test_what_the_network_sees_is_taken_back(own: Input) -> None:
    """The file does `seen` behind its contract; what is fed in the end has to give the reference's values."""
    seen = Affine((5.0, 6.0, 7.0), (0.5, 2.0, 3.0))  # RGB
    candidate, reference = feeding(own), feeding(REFERENCE)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 2, 2, 3)).astype(np.uint8)
    fed = sees(candidate, reference, seen).values(pixels).astype(np.float64)
    order = slice(None) if own.color == "RGB" else slice(None, None, -1)
    entered = fed * np.array(candidate.scale) + np.array(candidate.mean)  # the pixels that the file believes in
    inside = (entered - np.array(seen.mean)[order]) / np.array(seen.scale)[order]
    wanted = reference.values(pixels)[..., :: 1 if own.color == "RGB" else -1]
    assert np.allclose(inside, wanted, atol=1e-4)


def test_no_way_of_feeding_is_tried_twice_and_never_the_configured_one() -> None:
    own = feeding(PLAIN)
    single = singles(own, feeding(REFERENCE), [])
    keys = [trial.feeding.key for kind in single.values() for trial in kind]
    assert len(set(keys)) == len(keys)
    assert own.key not in keys
    assert [len(trial.changes) for kind in single.values() for trial in kind] == [1] * len(keys)


def test_pairs_have_both_changes_of_different_kinds_and_none_is_there_twice() -> None:
    own, reference = feeding(PLAIN), feeding(REFERENCE)
    found = list(pairs(singles(own, reference, []), reference))
    assert len({item.feeding.key for item in found}) == len(found)
    assert all(len({change.cause for change in item.changes}) == 2 for item in found)
    wanted = ["color-order", "mean-and-scale-missing"]
    missing = [item.feeding.key for item in found if [change.cause for change in item.changes] == wanted]
    # A bare RGB file that was taken for a BGR one: it has to be fed just as the reference is.
    assert reference.key in missing


def test_a_mean_of_one_family_with_the_scale_of_another_is_taken_back() -> None:
    """A file with (x - 104) / 58.8 and so on inside, fed so that it sees what the reference does."""
    own, reference = feeding(PLAIN), feeding(REFERENCE)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 2, 2, 3)).astype(np.uint8)
    bgr = np.array((104.0, 117.0, 123.0)), 1 / 0.017
    wanted = reference.values(pixels)[..., ::-1]

    def distance(trial: Trial) -> float:
        return float(np.abs((trial.feeding.values(pixels) - bgr[0]) / bgr[1] - wanted).max())

    found = list(mixed(own, reference))
    near = [trial for trial in found if distance(trial) < 1e-4]
    assert [change.cause for trial in near for change in trial.changes] == ["other-mean-and-scale"]
    assert len({trial.feeding.key for trial in found}) == len(found)
    assert own.key not in {trial.feeding.key for trial in found}
