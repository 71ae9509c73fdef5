from __future__ import annotations

from pathlib import Path

from harness.config import Config, Preprocess, load_config
from harness.diagnosis import wording
from harness.diagnosis.changes import CAST_CHANGES, COLOR_ORDER, NORMALISATION_CHANGES
from harness.diagnosis.feedings import Feeding
from harness.diagnosis.preprocessing import PixelChange
from harness.diagnosis.readings import AS_CONFIGURED, Reading
from harness.diagnosis.trials import Trial
from tests.conftest import Tiny, write_config

OWN = Feeding(Preprocess(), "BGR", (0.0,) * 3, (1.0,) * 3)
RGB = Feeding(Preprocess(), "RGB", (0.0,) * 3, (255.0,) * 3)


def config(tiny: Tiny, folder: Path) -> Config:
    return load_config(write_config(folder, tiny))


def test_what_a_candidate_does_and_what_was_done() -> None:
    trial = Trial((COLOR_ORDER, NORMALISATION_CHANGES[0]), RGB)
    assert [wording.claim(change, trial) for change in trial.changes] == [
        "expects RGB",
        "sees pixels without mean and scale",
    ]
    assert [wording.done(change, OWN, trial) for change in trial.changes] == [
        "fed RGB instead of BGR",
        "fed x / 255 instead of x",
    ]
    cast = Trial((NORMALISATION_CHANGES[0], CAST_CHANGES[0]), OWN)
    assert [wording.done(change, OWN, cast) for change in cast.changes] == ["", "with the reference fed the same"]
    pixels = PixelChange("crop", "fraction 1.0", "fraction 0.875", Preprocess())
    assert wording.done(pixels, OWN, trial) == "fed with fraction 0.875"
    assert (
        wording.claim(pixels, trial)
        == "gets different pixels than the reference (fraction 1.0 instead of fraction 0.875)"
    )


def test_the_mend_names_the_keys_that_differ(tiny: Tiny, tmp_path: Path) -> None:
    whole = config(tiny, tmp_path)
    trial = Trial((COLOR_ORDER, NORMALISATION_CHANGES[0]), RGB)
    mend = wording.mend(whole, whole.candidates[0], OWN, RGB, trial, AS_CONFIGURED)
    assert "set `candidates.ir.input.color: RGB` and `candidates.ir.input.scale: 255`" in mend
    assert "input.mean" not in mend
    logits = Reading("logits", "logits", "softmax")
    mend = wording.mend(whole, whole.candidates[0], OWN, OWN, Trial((), OWN), logits)
    assert "activation: softmax}`" in mend
    assert wording.mend(whole, whole.candidates[0], OWN, OWN, Trial((), OWN), AS_CONFIGURED) == ""
