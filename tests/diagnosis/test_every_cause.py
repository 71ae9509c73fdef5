"""Every documented cause, planted once: an identifier that nobody has planted is one that nobody has seen named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.openvino.editing import edited
from harness.diagnosis.answer import CAUSES
from harness.diagnosis.bench import Tamper
from tests.conftest import MEAN, SCALE, IrMaker, Network, Tiny
from tests.diagnosis.conftest import MEAN_BGR, SCALE_BGR, Asked, wanted
from tests.diagnosis.spatial import Spatial, write_spatial
from tests.diagnosis.test_class_count import with_classes
from tests.diagnosis.test_widths import one_class_less

Rows = NDArray[Any]
Keys = dict[str, Any]

# In the order blue, green, red; torchvision's and Caffe's own files have these numbers.
IMAGENET = [103.53, 116.28, 123.675], [57.375, 57.12, 58.395]
CAFFE = [103.939, 116.779, 123.68]
STRICT: Keys = {"gates": {"parity": {"max_abs_diff": 1e-6}}}


@dataclass(frozen=True)
class Made:
    """What a planting may need: makers, the folder of the test, and the tiny network's files."""

    folder: Path
    tiny: Tiny
    network: Network
    ir: IrMaker
    openvino: Any
    spatial: Spatial

    def edited(self, edit: str) -> Keys:
        """Return the keys of a candidate whose graph is changed."""
        model, output = edited(str(self.tiny.ir), "Net/Probabilities", edit, self.folder)
        return {"model": model, "output": output}

    def bf16(self) -> Keys:
        """Return the keys of a candidate whose weights are stored in bf16."""
        ov = self.openvino
        model = ov.Core().read_model(str(self.tiny.ir))
        for node in model.get_ordered_ops():
            if node.get_type_name() == "Constant" and len(node.shape) == 2:
                narrow = ov.op.Constant(ov.Type.bf16, ov.Shape(list(node.shape)), node.data.reshape(-1).tolist())
                back = ov.opset13.convert(narrow, "f32")
                for target in list(node.output(0).get_target_inputs()):
                    target.replace_source_output(back.output(0))
        ov.save_model(model, str(self.folder / "bf16.xml"), compress_to_fp16=False)
        return {"model": str(self.folder / "bf16.xml")}


@dataclass(frozen=True)
class Planting:
    """One mistake. ``candidate``: keys, or what makes them; ``bare``: of a file without mean and scale inside.

    ``spatial``: the network that looks at places, asked with these keys of its candidate, over ``steps`` of both.
    """

    candidate: Keys | Callable[[Made], Keys] = field(default_factory=dict)
    bare: tuple[Any, Any] | None = None
    reference: Keys | None = None
    values: Callable[[Rows], Rows] | None = None
    outputs: Callable[[Rows], Rows] | None = None
    labels: Callable[[Rows], Rows] | None = None
    spatial: Keys | None = None
    dataset: Keys | None = None
    kind: str = "PNG"


def steps(*listed: Keys, **more: Any) -> Keys:
    return {"preprocess": {"steps": list(listed), **more}}


def times(values: list[float], by: float) -> list[float]:
    return [by * value for value in values]


def softmax(rows: Rows) -> Rows:
    return np.asarray(np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True))


def neighbours(rows: Rows) -> Rows:
    return np.asarray(rows[np.minimum(np.arange(len(rows)) ^ 1, len(rows) - 1)])


def at_random(labels: Rows) -> Rows:
    return np.random.default_rng(0).integers(1, 5, len(labels)).astype(np.int32)


SHORT: Keys = {"resize": {"short_side": 24}}
CROP: Keys = {"crop": {"size": 16}}
SQUARED = [value**2 for value in SCALE_BGR]

PLANTINGS: dict[str, Planting] = {
    "color-order": Planting(wanted("RGB")),
    "mean-and-scale-missing": Planting(bare=(0, 1)),
    "mean-missing": Planting(bare=(0, SCALE_BGR)),
    "scale-missing": Planting(bare=(MEAN_BGR, 1)),
    "mean-and-scale-doubled": Planting(wanted("BGR", mean=MEAN_BGR, scale=SCALE_BGR)),
    "mean-doubled": Planting(bare=(times(MEAN_BGR, 2), SCALE_BGR)),
    "scale-doubled": Planting(bare=(MEAN_BGR, SQUARED)),
    "scaled-to-0-1": Planting(bare=(0, 255)),
    "scaled-to-minus-1-1": Planting(bare=(127.5, 127.5)),
    "mean-and-scale-128": Planting(bare=(128, 128)),
    "means-reversed": Planting(bare=(list(MEAN), list(SCALE))),
    "other-family": Planting(bare=IMAGENET),
    "scaled-before": Planting(bare=(times(MEAN_BGR, 255), times(SCALE_BGR, 255))),
    "mean-and-scale-of-0-1": Planting(bare=(times(MEAN_BGR, 1 / 255), times(SCALE_BGR, 1 / 255))),
    "other-mean": Planting(bare=(127.5, SCALE_BGR)),
    "other-scale": Planting(bare=(MEAN_BGR, 255)),
    "other-mean-and-scale": Planting(values=lambda x: (x - CAFFE) / 255 * SCALE_BGR + MEAN_BGR),
    "inverted": Planting(values=lambda x: 255 - x),
    "input-range": Planting(values=lambda x: x * IMAGENET[1] + IMAGENET[0]),
    "input-cast": Planting(lambda made: {"model": str(made.ir(made.folder / "cast.xml", cast="i32"))}),
    "layout": Planting(values=lambda x: x.transpose(0, 3, 1, 2).reshape(x.shape)),
    "flipped": Planting(spatial={}, values=lambda x: x[:, :, ::-1]),
    "crop": Planting(spatial={"preprocess": {"size": 16, "crop_fraction": 1.0}}),
    "resize-filter": Planting(spatial={"preprocess": {"size": 16, "interpolation": "nearest"}}),
    "resize-library": Planting(
        spatial=steps({"resize": {"size": 16, "library": "pillow"}}), dataset=steps({"resize": {"size": 16}})
    ),
    "resize-aspect": Planting(spatial=steps({"resize": {"size": 24}}, CROP), dataset=steps(SHORT, CROP)),
    "resize-size": Planting(spatial=steps({"resize": {"short_side": 20}}, CROP), dataset=steps(SHORT, CROP)),
    "resize-rounding": Planting(
        spatial=steps({"resize": {"short_side": 24, "rounding": "tf_slim"}}, CROP),
        dataset=steps(SHORT, CROP),
    ),
    "resize-sampling": Planting(
        spatial=steps({"resize": {"size": 16, "sampling": "corners"}}), dataset=steps({"resize": {"size": 16}})
    ),
    "decoder": Planting(
        spatial=steps({"resize": {"size": 16, "library": "opencv"}}, decoder="pillow"),
        dataset=steps({"resize": {"size": 16}}),
        kind="CMYK",
    ),
    "exif": Planting(spatial={"preprocess": {"size": 16, "exif": "apply"}}, kind="turned"),
    "preprocess": Planting(spatial=steps({"resize": {"short_side": 20}}, CROP), dataset={"preprocess": {"size": 16}}),
    "logits": Planting(lambda made: made.edited("without_softmax")),
    "softmax-twice": Planting(outputs=softmax),
    "log-probabilities": Planting(outputs=np.log),
    "sigmoid": Planting(outputs=lambda rows: 1 / (1 + np.exp(-np.log(rows)))),
    "scaled-probabilities": Planting(outputs=lambda rows: 100 * rows),
    "wrong-output": Planting(lambda made: made.edited("another_output")),
    "background-class": Planting(
        lambda made: {"model": str(one_class_less(made.folder / "four.xml", made.network, made.openvino))}
    ),
    "class-count": Planting(
        lambda made: with_classes(made.folder / "three.xml", made.tiny, made.openvino, [0, 1, 3, 4])
    ),
    "classes-shifted": Planting(outputs=lambda rows: np.roll(rows, 1, axis=1)),
    "classes-permuted": Planting(outputs=lambda rows: rows[:, ::-1]),
    "labels": Planting(labels=lambda labels: labels % 4 + 1),
    "device-precision": Planting({"precision": "bf16", **STRICT}),
    "fp16-weights": Planting(lambda made: made.edited("weights_f16") | STRICT),
    "bf16-weights": Planting(lambda made: made.bf16() | STRICT),
    "int8-weights": Planting(lambda made: made.edited("rounded_weights")),
    "other-weights": Planting(lambda made: made.edited("other_weights")),
    "layer": Planting(lambda made: {"model": str(made.ir(made.folder / "scaled.xml", scale_weights=1.05))}),
    "batch": Planting(lambda made: {"model": str(made.ir(made.folder / "two.xml", batch=2))}, outputs=neighbours),
    "reference-input": Planting(
        reference={"input": {"name": "input", "color": "BGR", "mean": list(MEAN), "scale": list(SCALE)}}
    ),
    "reference-at-chance": Planting(labels=at_random),
}


@pytest.fixture(scope="module")
def spatial(tensorflow: Any, openvino: Any, tmp_path_factory: pytest.TempPathFactory) -> Spatial:
    return write_spatial(tensorflow, openvino, tmp_path_factory.mktemp("spatial"))


@pytest.fixture
def made(tiny: Tiny, network: Network, make_ir: IrMaker, openvino: Any, spatial: Spatial, tmp_path: Path) -> Made:
    return Made(tmp_path, tiny, network, make_ir, openvino, spatial)


def test_no_documented_cause_is_without_a_planting() -> None:
    assert list(PLANTINGS) == list(CAUSES)


@pytest.mark.parametrize("cause", PLANTINGS)
def test_the_cause_is_named(cause: str, made: Made, asked: Asked) -> None:
    planting = PLANTINGS[cause]
    as_float = {
        name: (lambda rows, change=change: np.ascontiguousarray(change(rows), np.float32))
        for name in ("values", "outputs")
        if (change := getattr(planting, name))
    }
    tamper = Tamper(**as_float, labels=planting.labels)
    if planting.spatial is not None:
        found = made.spatial.asked(made.folder, planting.spatial, planting.dataset, planting.kind, tamper)
    else:
        candidate = planting.candidate(made) if callable(planting.candidate) else planting.candidate
        if planting.bare is not None:
            mean, scale = planting.bare
            file = str(made.ir(made.folder / "bare.xml", inside=False))
            candidate = {"model": file, **wanted("BGR", mean=mean, scale=scale)}
        found = asked(candidate=candidate, reference=planting.reference, tamper=tamper)
    assert found.cause == cause, found.sentence
    assert found.verdict == ("unknown" if cause == "reference-at-chance" else "found")


def multiplied(mean: Any, scale: Any) -> Tamper:
    """Let the network see (x - mean) * scale, of which float32 keeps too little to take it back."""
    return Tamper(values=lambda x: ((x - mean) * np.square(scale) + mean).astype(np.float32))


def test_a_scale_that_is_multiplied_with_is_named_though_nothing_takes_it_back(made: Made) -> None:
    """By feeding it otherwise, the difference falls to 1e-4 only."""
    close = {"gates": {"parity": {"max_abs_diff": 1e-5}}}
    found = made.spatial.asked(made.folder, close, None, "PNG", multiplied(120, 60))
    assert (found.verdict, found.cause) == ("found", "other-scale"), found.sentence
    assert "with the reference fed the same" in found.sentence


def test_a_cast_behind_another_mean_and_scale_is_named(made: Made) -> None:
    """This network tells images apart by where the two values are that the cast leaves."""

    def cast(x: Rows) -> Rows:
        twice = ((np.rint(x).astype(np.float64) - 120) / 60 - 120) / 60
        return np.ascontiguousarray(np.trunc(twice) * 60 + 120, np.float32)

    found = made.spatial.asked(made.folder, {}, None, "PNG", Tamper(values=cast))
    assert found.cause == "mean-and-scale-doubled + input-cast", found.sentence
    assert "fed x instead of x" not in found.sentence


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 0, 1), (1, 0, 2), (0, 2, 1)])
def test_channels_in_any_order_are_told_from_red_and_blue_swapped(asked: Asked, order: tuple[int, ...]) -> None:
    found = asked(tamper=Tamper(values=lambda x: np.ascontiguousarray(x[..., list(order)])))
    assert found.cause == "color-order", found.sentence
    assert "with the channels put back" in found.sentence
    assert "input.color" not in str(found.mend)


def test_a_candidate_of_another_size_gets_no_images_of_the_reference(made: Made) -> None:
    """A file of 20x20 pixels beside a reference of 16x16: neither is fed the other's pixels."""
    from openvino import opset13 as ops

    given = ops.parameter([1, 20, 20, 3], np.float32, name="input")
    given.output(0).get_tensor().set_names({"input"})
    pooled = ops.reduce_mean(given, np.array([1, 2], np.int32))
    weights = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32) / 100
    model = made.openvino.Model([ops.result(ops.softmax(ops.matmul(pooled, weights, False, False), 1))], [given], "x")
    made.openvino.save_model(model, str(made.folder / "other.xml"), compress_to_fp16=False)
    keys = {"model": str(made.folder / "other.xml"), "preprocess": {"size": 20}}
    assert made.spatial.asked(made.folder, keys, None, "PNG", Tamper()).cause in (None, "layer", "other-weights")
