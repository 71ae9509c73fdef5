"""Real faults, in files and in configurations, of a network that is small enough to be diagnosed in a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.config import load_config
from harness.diagnosis.answer import Diagnosis
from harness.diagnosis.bench import Tamper
from harness.diagnosis.diagnose import diagnose
from harness.errors import ConfigError, DatasetError
from tests.conftest import MEAN, SCALE, IrMaker, Network, Tiny, write_config, write_images, write_list

Rows = NDArray[np.float32]
Asked = Callable[..., Diagnosis]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("diagnose")
    write_images(place / "images", 40, seed=3)
    return place


@pytest.fixture
def asked(tiny: Tiny, folder: Path, tmp_path: Path) -> Asked:
    """Return a function that diagnoses the tiny network with keys of candidate and reference changed."""

    def ask(
        *,
        candidate: dict[str, Any] | None = None,
        reference: dict[str, Any] | None = None,
        dataset: dict[str, Any] | None = None,
        tamper: Tamper | None = None,
    ) -> Diagnosis:
        def change(data: dict[str, Any]) -> None:
            data["dataset"]["path"] = str(folder / "images")
            data["dataset"] |= dataset or {}
            data["candidates"][0] |= candidate or {}
            data["reference"] |= reference or {}

        (found,) = diagnose(load_config(write_config(tmp_path, tiny, change)), tamper=tamper)
        return found

    return ask


def wanted(color: str = "BGR", **more: Any) -> dict[str, Any]:
    return {"input": {"name": "input", "color": color, **more}}


MEAN_BGR, SCALE_BGR = list(MEAN[::-1]), list(SCALE[::-1])


def test_a_faithful_candidate_is_clean(asked: Asked) -> None:
    found = asked()
    assert (found.verdict, found.cause, found.exit_code) == ("clean", None, 0)
    assert float(str(found.evidence["max_abs_diff_before"])) < 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_it_is_clean_on_other_images(tiny: Tiny, tmp_path: Path, seed: int) -> None:
    write_images(tmp_path / "images", 24, seed=100 + seed)
    (found,) = diagnose(load_config(write_config(tmp_path, tiny)))
    assert found.verdict == "clean"


def test_the_colour_order_is_named_with_its_mend(asked: Asked) -> None:
    found = asked(candidate=wanted("RGB"))
    assert (found.verdict, found.cause) == ("found", "color-order")
    assert "expects BGR: fed BGR instead of RGB" in found.sentence
    assert "`candidates.ir.input.color: BGR`" in str(found.mend)
    before, after = (float(str(found.evidence[f"max_abs_diff_{when}"])) for when in ("before", "after"))
    assert after < 1e-5 < 1e-3 < before


def test_mean_and_scale_before_and_inside_are_doubled(asked: Asked) -> None:
    found = asked(candidate=wanted("BGR", mean=MEAN_BGR, scale=SCALE_BGR))
    assert found.cause == "mean-and-scale-doubled"
    assert "`candidates.ir.input.mean: 0` and `candidates.ir.input.scale: 1`" in str(found.mend)


def test_mean_and_scale_that_are_nowhere_are_missing(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    found = asked(candidate={"model": str(make_ir(tmp_path / "bare.xml", inside=False))})
    assert found.cause == "mean-and-scale-missing"
    assert "fed (x - [100, 110, 120]) / [40, 50, 60] instead of x" in found.sentence


def test_only_the_mean_is_missing(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    bare = str(make_ir(tmp_path / "bare.xml", inside=False))
    assert asked(candidate={"model": bare, **wanted("BGR", scale=SCALE_BGR)}).cause == "mean-missing"
    assert asked(candidate={"model": bare, **wanted("BGR", mean=MEAN_BGR)}).cause == "scale-missing"


def test_two_changes_are_found_together(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    bare = str(make_ir(tmp_path / "bare.xml", inside=False, color="RGB"))
    found = asked(candidate={"model": bare})
    assert found.cause == "color-order + mean-and-scale-missing"
    assert "`candidates.ir.input.color: RGB`" in str(found.mend)


def test_a_file_that_takes_whole_numbers_is_fed_others_in_a_copy(
    asked: Asked, make_ir: IrMaker, tmp_path: Path
) -> None:
    bare = str(make_ir(tmp_path / "u8.xml", inside=False, element="u8"))
    assert asked(candidate={"model": bare}).cause == "mean-and-scale-missing"


def test_a_layout_read_wrongly(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    """The file reads the bytes of its NHWC input as three planes."""
    found = asked(
        tamper=Tamper(values=lambda x: np.ascontiguousarray(x.reshape(len(x), 3, 16, 16).transpose(0, 2, 3, 1)))
    )
    assert found.cause == "layout"


@pytest.mark.parametrize(
    ("preprocess", "cause"),
    [
        ({"size": 16, "crop_fraction": 1.0}, "crop"),
        ({"size": 16, "interpolation": "nearest"}, "resize-filter"),
        ({"steps": [{"crop": {"fraction": 0.875}}, {"resize": {"size": 16, "library": "pillow"}}]}, "resize-library"),
        ({"decoder": "pillow", "steps": [{"resize": {"short_side": 16}}, {"crop": {"size": 16}}]}, "preprocess"),
    ],
)
def test_other_pixels_than_the_reference_has(asked: Asked, preprocess: dict[str, Any], cause: str) -> None:
    found = asked(candidate={"preprocess": preprocess, "gates": {"parity": {"max_abs_diff": 1e-6}}})
    assert found.cause == cause
    assert "leave out `candidates.ir.preprocess`" in str(found.mend).casefold()


@pytest.mark.parametrize(
    ("outputs", "cause"),
    [
        (lambda rows: np.roll(rows, 1, axis=1), "classes-shifted"),
        (lambda rows: np.ascontiguousarray(rows[:, ::-1]), "classes-permuted"),
        (np.log, "log-probabilities"),
        (lambda rows: np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True), "softmax-twice"),
    ],
)
def test_outputs_that_are_read_wrongly(asked: Asked, outputs: Callable[[Rows], Rows], cause: str) -> None:
    assert asked(tamper=Tamper(outputs=outputs)).cause == cause


def test_feeding_and_reading_are_found_together(asked: Asked) -> None:
    found = asked(candidate=wanted("RGB"), tamper=Tamper(outputs=lambda rows: np.roll(rows, 1, axis=1)))
    assert found.cause == "color-order + classes-shifted"


def test_answers_that_depend_on_the_batch(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    def neighbours(rows: Rows) -> Rows:
        order = np.arange(len(rows)) ^ 1
        return np.asarray(rows[np.minimum(order, len(rows) - 1)], np.float32)

    model = str(make_ir(tmp_path / "four.xml", batch=4))
    found = asked(candidate={"model": model}, tamper=Tamper(outputs=neighbours))
    assert found.cause == "batch"
    assert "batches of 4" in found.sentence


def test_another_output_of_the_file_is_the_right_one(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    from harness.backends.openvino.description import describe

    path = make_ir(tmp_path / "two.xml", second_output=True)
    (other,) = (port.name for port in describe(path).outputs if not port.is_called("Net/Probabilities"))
    found = asked(candidate={"model": str(path), "output": {"name": other, "activation": "none"}})
    assert found.cause == "wrong-output"
    assert "`candidates.ir.output: Net/Probabilities`" in str(found.mend)


def test_the_labels_are_shifted(asked: Asked) -> None:
    found = asked(tamper=Tamper(labels=lambda labels: (labels - 1 + 1) % 4 + 1))
    assert (found.verdict, found.cause) == ("found", "labels")


def test_the_labels_and_the_candidate_are_both_wrong(asked: Asked) -> None:
    found = asked(candidate=wanted("RGB"), tamper=Tamper(labels=lambda labels: labels % 4 + 1))
    assert found.cause == "labels + color-order"
    assert "`candidates.ir.input.color: BGR`" in str(found.mend)


def test_other_colours_and_another_filter_are_no_layer(asked: Asked) -> None:
    preprocess = {"size": 16, "interpolation": "nearest"}
    found = asked(candidate={**wanted("RGB"), "preprocess": preprocess, "gates": {"parity": {"max_abs_diff": 1e-6}}})
    assert found.cause == "color-order + resize-filter", found.sentence


def test_the_reference_is_the_wrong_one(asked: Asked) -> None:
    """Its colours are swapped; the candidate is right on more images, and says how the reference is to be fed."""
    found = asked(reference={"input": {"name": "input", "color": "BGR", "mean": list(MEAN), "scale": list(SCALE)}})
    assert found.cause == "reference-input"
    assert "`reference.input.color: RGB`" in str(found.mend)


def test_both_fed_wrongly_are_told_by_their_accuracy(asked: Asked) -> None:
    found = asked(
        reference={"input": {"name": "input", "color": "BGR", "mean": list(MEAN), "scale": list(SCALE)}},
        candidate=wanted("RGB"),
    )
    assert found.cause == "reference-input"
    assert "and so does the candidate" in found.sentence


def test_what_no_change_explains_is_called_unknown(asked: Asked) -> None:
    generator = np.random.default_rng(0)

    def noise(rows: Rows) -> Rows:
        noisy = rows + generator.uniform(0, 0.2, rows.shape)
        return np.asarray(noisy / noisy.sum(axis=1, keepdims=True), np.float32)

    found = asked(tamper=Tamper(outputs=noise))
    assert (found.verdict, found.cause, found.mend, found.exit_code) == ("unknown", None, None, 5)
    assert "explains it" in found.sentence
    assert found.alternatives
    assert not any(other.equal for other in found.alternatives)


def one_class_less(path: Path, network: Network, openvino: Any) -> Path:
    """Write the network without its background class: the softmax is over the other four."""
    from openvino import opset13 as ops

    given = ops.parameter([1, 16, 16, 3], np.float32, name="input")
    given.output(0).get_tensor().set_names({"input"})
    x = ops.divide(ops.subtract(given, np.array(MEAN_BGR, np.float32)), np.array(SCALE_BGR, np.float32))
    hidden = ops.reduce_mean(ops.relu(ops.matmul(x, network.first[::-1], False, False)), np.array([1, 2], np.int32))
    last = ops.softmax(ops.matmul(hidden, network.second[:, 1:], False, False), 1)
    last.output(0).get_tensor().set_names({"Net/Probabilities"})
    openvino.save_model(openvino.Model([ops.result(last)], [given], "four"), str(path), compress_to_fp16=False)
    return path


def test_a_missing_background_class(asked: Asked, network: Network, openvino: Any, tmp_path: Path) -> None:
    path = one_class_less(tmp_path / "four.xml", network, openvino)
    found = asked(candidate={"model": str(path)})
    assert found.cause == "background-class"
    assert "`candidates.ir.background_class: false`" in str(found.mend)
    both = asked(candidate={"model": str(path), **wanted("RGB")})
    assert both.cause == "background-class + color-order"


def test_a_set_without_images_and_an_unknown_candidate_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 2)
    config = load_config(write_config(tmp_path, tiny))
    with pytest.raises(ConfigError, match="no candidate 'irr'; did you mean 'ir'"):
        diagnose(config, "irr")
    write_list(tmp_path / "images", [])
    with pytest.raises(DatasetError, match="lists no image"):
        diagnose(config)
