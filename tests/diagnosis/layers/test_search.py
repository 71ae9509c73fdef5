from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.registry import BackendFacts, facts_of
from harness.config import Input
from harness.diagnosis.layers.search import compare_weights, find_layer
from tests.diagnosis.layers import edits
from tests.diagnosis.layers.conftest import MEAN, SCALE, SIZE, Small, convert, graph_of

LAYERS = ["first/conv", "deep/conv", "project/conv", "last/conv", "dense"]


def test_a_faithful_model_is_clean(small: Small) -> None:
    """Names are lost but one, batch norms are folded, colour order, mean and scale are inside."""
    found = find_layer(small.reference, small.candidate)
    assert (found.verdict, found.cause, found.reference) == ("clean", None, None)
    assert [row.reference for row in found.rows] == [*LAYERS, "Net/Softmax"]
    assert {row.weights for row in found.rows[:-1]} == {"equal"}
    assert all(row.alone and row.alone.snr_db > 110 and row.inside for row in found.rows)
    assert found.evidence["observing_changes_answers_by"] == 0
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("edit", "cause", "layer", "said"),
    [
        (edits.noise(2, 0.01), "weights-changed", "project/conv", "in all 8 output channels"),
        (edits.one_channel(1, 3), "weights-changed", "deep/conv", "in output channel 3 of 8 alone"),
        (edits.transposed_kernel(0), "kernel-transposed", "first/conv", "height and width exchanged"),
        (edits.lost_bias(4), "bias-lost", "dense", "the bias is lost"),
        (edits.other_clip(1, 5.5), "clip-changed", "deep/conv", "clips to [0, 5.5] instead of [0, 6]"),
        (edits.other_clip(0, None), "clip-changed", "first/conv", "clips to [0, inf] instead of [0, 6]"),
    ],
)
def test_one_changed_layer_is_named(
    small: Small, openvino: Any, tmp_path: Path, edit: edits.Edit, cause: str, layer: str, said: str
) -> None:
    (changed,) = edits.save_edited(openvino, small.ir, [edit], tmp_path / "x.xml")
    found = find_layer(small.reference, small.another(tmp_path / "x.xml"))
    assert (found.verdict, found.cause, found.reference, found.candidate) == ("found", cause, layer, changed)
    assert said in found.sentence
    assert "the other 4 match" in found.sentence
    place = LAYERS.index(layer)
    local = [row.alone.snr_db if row.alone else 0 for row in found.rows]
    assert local[place] < 60 < min(local[:place] + local[place + 1 :])


def test_a_lost_skip_is_found_by_what_flows(small: Small, openvino: Any, tmp_path: Path) -> None:
    edits.save_edited(openvino, small.ir, [edits.lost_skip], tmp_path / "x.xml")
    found = find_layer(small.reference, small.another(tmp_path / "x.xml"))
    assert (found.verdict, found.cause, found.reference) == ("found", "computation-differs", "last/conv")
    assert "what comes behind `project/conv`" in found.sentence


def test_f16_weights_are_rounded_and_noise_in_them_is_not(small: Small, openvino: Any, tmp_path: Path) -> None:
    edits.save_edited(openvino, small.ir, [], tmp_path / "x.xml", f16=True)
    found = find_layer(small.reference, small.another(tmp_path / "x.xml"))
    assert (found.verdict, found.rounding) == ("clean", ("f16",))
    edits.save_edited(openvino, small.ir, [edits.noise(3, 0.01)], tmp_path / "x.xml", f16=True)
    found = find_layer(small.reference, small.another(tmp_path / "x.xml"))
    assert (found.verdict, found.reference) == ("found", "last/conv")
    assert "rounding explains" in found.sentence


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        (Input(color="RGB"), "the channels in the reversed order"),
        (Input(color="BGR", scale=2.0), "another scale (0.5, 0.5, 0.5 times, RGB)"),
    ],
)
def test_a_wrong_input_is_no_wrong_layer(small: Small, contract: Input, said: str) -> None:
    found = find_layer(small.reference, small.another(small.ir, input=contract))
    assert (found.verdict, found.cause) == ("clean", "fed-otherwise")
    assert said in found.sentence


def test_other_weights(small: Small, openvino: Any, tmp_path: Path) -> None:
    edits.save_edited(openvino, small.ir, [edits.noise(n, 0.05, n) for n in range(5)], tmp_path / "x.xml")
    candidate = small.another(tmp_path / "x.xml")
    found = find_layer(small.reference, candidate)
    assert (found.verdict, found.cause, found.reference) == ("found", "other-weights", None)
    assert compare_weights(small.reference, candidate).verdict == "another_model"


def test_at_bf16_the_network_inside_is_another_one_and_only_parts_are_judged(
    small: Small, openvino: Any, tmp_path: Path
) -> None:
    """Marking operations as outputs disturbs their fusion: what is seen inside is not what the model computes."""
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU does not run bf16")
    edits.save_edited(openvino, small.ir, [edits.lost_skip], tmp_path / "x.xml")
    clean = find_layer(small.reference, small.another(small.ir, precision="bf16"))
    assert clean.verdict == "clean"
    assert clean.evidence["observing_changes_answers_by"] > 1e-4
    assert all(row.inside is None and row.alone is not None for row in clean.rows)
    broken = find_layer(small.reference, small.another(tmp_path / "x.xml", precision="bf16"))
    assert (broken.verdict, broken.reference) == ("found", "last/conv")


def test_what_cannot_be_looked_into_is_unknown(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    looping = replace(small.candidate, spec=replace(small.candidate.spec, isolate=True))
    found = find_layer(small.reference, looping)
    assert found.verdict == "unknown"
    assert "separate process" in found.sentence

    def without_observer(name: str) -> BackendFacts:
        return replace(facts_of(name), observer=None)

    monkeypatch.setattr("harness.diagnosis.layers.search.facts_of", without_observer)
    found = find_layer(small.reference, small.candidate)
    assert found.verdict == "unknown"
    assert "cannot be inspected" in found.sentence


def test_without_images_the_constants_alone_are_compared(small: Small) -> None:
    none = np.zeros((0, 16, 16, 3), np.uint8)
    found = find_layer(replace(small.reference, pixels=none), replace(small.candidate, pixels=none))
    assert found.verdict == "clean"
    assert "no image was inspected" in found.sentence


def test_another_epsilon_of_the_batch_norms_is_no_other_training(
    small: Small, tensorflow: Any, openvino: Any, tmp_path: Path
) -> None:
    """All batch norms divide by sqrt(variance + 0.01), and not by sqrt(variance + 0.001): factors below 1."""
    graph, ir = tmp_path / "x.pb", tmp_path / "x.xml"
    graph.write_bytes(graph_of(tensorflow, epsilon=0.01))
    convert(openvino, graph, ir, SIZE, MEAN, SCALE)
    found = find_layer(small.reference, small.another(ir))
    assert (found.verdict, found.cause, found.reference) == ("found", "weights-scaled", None)
    assert "The weights of 4 of the 5 layers" in found.sentence
    assert "as a larger epsilon of the batch normalisations gives" in found.sentence
    low, high = found.evidence["factors"]
    assert (0.501 / 0.51) ** 0.5 <= low < high <= (2.001 / 2.01) ** 0.5  # of 0.5 to 2.0
