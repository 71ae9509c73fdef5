"""The reference as OpenVINO reads it, from any format: one f32 NHWC input, one f32 output, real values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.layouts import Layout, layout_of
from harness.backends.names import find_by_name, with_aliases
from harness.backends.openvino.framework import reason, without_telemetry
from harness.backends.openvino.operations import refuse_operations as refuse_in_openvino
from harness.backends.openvino.ports import input_names, output_names, real_answers, require_alone, require_numbers
from harness.backends.openvino.quantized import input_quantization, real, stored, whole
from harness.backends.openvino.refusal import refusal
from harness.backends.registry import BackendFacts, facts_of, load_target
from harness.backends.tensorflow.graph_def import Graph, read_graph, tensor_name, with_placeholder
from harness.backends.tensorflow.operations import refuse_operations, refuse_training
from harness.config import Candidate, Config
from harness.conversion.dependence import refuse_batch_dependence
from harness.conversion.settings import LAYOUT, key_of, source_files
from harness.disk.leftovers import temporary_folder
from harness.errors import ModelError
from harness.feeding.contract import holds, pixel_table
from harness.machine.digests import digested

_TRIALS = 4


@dataclass(frozen=True)
class Source:
    """The reference, read.

    ``sha256``: over its files; ``original``: ov.Model with the input f32 (1, height, width, 3) NHWC after mean and
    scale, in the reference's colour order, and the output f32 (1, N); ``whole``, ``graph``: of a frozen graph alone,
    all of it and its nodes; ``step``: the distance of two values of a quantised output, 0 where it is none.
    """

    sha256: str
    original: Any
    whole: Any = None
    graph: Graph | None = None
    step: float = 0.0


def require_source(config: Config) -> Graph | None:
    """Check the reference before any framework loads; return the nodes of a frozen graph, None for other formats.

    Raises ModelError if the file is missing, cut off or harmful, or where a name is wrong.
    """
    reference = config.original
    facts = facts_of(reference.backend)
    if not _is_frozen_graph(facts):
        facts.require_harmless(reference.model)
        return None
    graph = read_graph(reference.model)
    graph.find_input(reference.input.tensor, config.where("reference.input.name"))
    output = graph.find_output(reference.named_output, config.where("reference.output"))
    needed = graph.operations_for(output.rpartition(":")[0])
    refuse_operations(needed, reference.model, frozenset(reference.allow_ops))
    refuse_training(needed, reference.model)
    return graph


def read_source(ov: Any, config: Config, candidate: Candidate, graph: Graph | None) -> Source:
    """Read the reference for a candidate. ``graph``: what ``require_source`` gave. Raises ModelError."""
    if graph is not None:
        source, output = tensor_name(config.original.input.tensor), tensor_name(config.original.named_output)
        with _with_placeholder(config, graph, source) as model:
            graph_read = _converted(ov, config, model, _shape(config, candidate), source)
        original = _cut(ov, config, graph_read, output, config.where("reference.output"))
        refuse_in_openvino(original, config.original.model)
        refuse_batch_dependence(ov, config, candidate, original, "NHWC")
        return Source(graph.sha256, original, graph_read, graph)
    sha256 = digested(*source_files(config))[0].sha256
    with _exported(config) as model:
        original = _converted(ov, config, model, None, None)
    refuse_in_openvino(original, config.original.model)
    original, step = _real_valued(ov, config, original, candidate)
    return Source(sha256, original, step=step)


def _is_frozen_graph(facts: BackendFacts) -> bool:
    return facts.name == "tensorflow"


@contextlib.contextmanager
def _exported(config: Config) -> Iterator[Any]:
    """Yield the input of OpenVINO's converter: the reference's own file, or the export of its backend."""
    reference = config.original
    exporter = facts_of(reference.backend).exporter
    if exporter is None:
        yield reference.model
        return
    with temporary_folder("convert") as folder:
        yield load_target(exporter)(reference, folder)


@contextlib.contextmanager
def _with_placeholder(config: Config, graph: Graph, source: str) -> Iterator[Path]:
    """Yield the graph's file, or a copy whose input has no default, which OpenVINO would use instead of the input."""
    name = source.rpartition(":")[0]
    model = config.original.model
    if graph.nodes[name].op != "PlaceholderWithDefault":
        yield model
        return
    with temporary_folder("convert") as folder:
        changed = folder / model.name
        changed.write_bytes(with_placeholder(model.read_bytes(), name))
        yield changed


def _shape(config: Config, candidate: Candidate) -> list[int]:
    height, width = config.preprocess_for(candidate).output_size
    return [1, height, width, 3]


def _converted(ov: Any, config: Config, model: Any, shape: list[int] | None, source: str | None) -> Any:
    """Return a model as OpenVINO's converter reads it; ``shape`` fixes the input ``source`` on the way."""
    if isinstance(model, ov.Model):
        return model
    inputs = {"input": [(source, shape)]} if shape else {}
    sized = f" with the input {source} of {'x'.join(map(str, shape))}" if shape else ""
    try:
        with without_telemetry(), _without_comma(model) as read:
            return ov.convert_model(read, **inputs)
    except Exception as error:
        if isinstance(model, Path) and model.suffix == ".onnx":
            raise ModelError(f"{config.where('reference.model')}: {model}: {refusal(model, error)}") from error
        raise ModelError(
            f"{config.where('reference.model')}: OpenVINO cannot convert {config.original.model}{sized}: "
            f"{reason(error, line=0)}"
        ) from error


@contextlib.contextmanager
def _without_comma(model: Any) -> Iterator[Any]:
    """Yield the path of a model as text, or one that leads to it: OpenVINO splits a path at its commas."""
    if not isinstance(model, Path) or "," not in str(model):
        yield str(model) if isinstance(model, Path) else model
        return
    with temporary_folder("convert") as folder:
        link = folder / "linked"
        if model.is_dir():
            link.symlink_to(model.absolute(), target_is_directory=True)
        elif "," in model.name:
            link = link.with_suffix(model.suffix)
            link.symlink_to(model.absolute())
        else:  # its folder, for the files next to it
            link.symlink_to(model.absolute().parent, target_is_directory=True)
            link /= model.name
        yield str(link)


def _real_valued(ov: Any, config: Config, model: Any, candidate: Candidate) -> tuple[Any, float]:
    """Return the model with one f32 NHWC input of one image and one f32 (1, N) output, both of real values.

    With it, the distance of two values of a quantised output, 0 where it is none.
    """
    from openvino import opset13
    from openvino.preprocess import PrePostProcessor

    reference = config.original
    name = str(reference.model)
    aliases = facts_of(reference.backend).aliases_of(reference.model)
    sources, outputs = (with_aliases(found, aliases) for found in (input_names(model), output_names(model)))
    source = find_by_name(reference.input.name, sources, what="input", model=name)
    require_alone(name, model, source)
    output = find_by_name(reference.output_name, outputs, what="output", model=name)
    names = {*output.get_names(), reference.output_name or "output"}
    model = ov.Model([opset13.result(output.get_node().input_value(0))], model.get_parameters(), "original")
    source = model.input(0)
    if not input_quantization(source):
        _require_whole(config, model)
    layout = _fix_shape(config, model, source, _shape(config, candidate))
    if not input_quantization(source):
        refuse_batch_dependence(ov, config, candidate, model, layout)
    processor = PrePostProcessor(model)
    port = processor.input()
    port.tensor().set_element_type(ov.Type.f32).set_layout(ov.Layout(LAYOUT))
    port.model().set_layout(ov.Layout(layout))
    _store(port, source)
    answer = processor.output()
    if answers := real_answers(model.output(0), name, reference.output_name):
        answer.postprocess().custom(lambda values: real(values, answers).output(0))
    answer.tensor().set_element_type(ov.Type.f32)
    model = processor.build()
    result = model.get_results()[0]
    flat = opset13.reshape(result.input_value(0), [1, -1], special_zero=False)
    flat.output(0).get_tensor().set_names(names)
    return ov.Model([opset13.result(flat)], model.get_parameters(), "original"), answers.scale if answers else 0.0


def _fix_shape(config: Config, model: Any, source: Any, shape: list[int]) -> Layout:
    """Fix the input to one image of the configured size; return its layout."""
    free = source.get_partial_shape()
    sides = [-1 if side.is_dynamic else side.get_length() for side in free] if free.rank.is_static else []
    layout = config.original.input.layout or layout_of(sides) or "NHWC"
    expected = shape if layout == "NHWC" else [1, 3, *shape[1:3]]
    if len(sides) != 4 or any(have not in (-1, want) for have, want in zip(sides[1:], expected[1:], strict=True)):
        raise ModelError(
            f"{config.where('reference.input.name')}: the input '{config.original.input.tensor}' has the shape "
            f"{free}, but {expected} is configured; correct `dataset.preprocess.size`"
        )
    try:
        model.reshape({source: expected})
    except RuntimeError as error:
        raise ModelError(
            f"{config.where('reference.model')}: cannot be fixed to one image: {reason(error)}; export it with a free "
            "batch size"
        ) from None
    return layout


def _store(port: Any, source: Any) -> None:
    """Put in front of an input of integers how it holds real values; nothing in front of another."""
    element, pixels = source.get_element_type(), input_quantization(source)
    if pixels:
        port.preprocess().custom(lambda values: stored(values, pixels).output(0))
    elif not element.is_real():
        port.preprocess().custom(lambda values: whole(values, element).output(0))


def _cut(ov: Any, config: Config, graph: Any, output: str, where: str) -> Any:
    """Return a copy of a frozen graph from the reference's input, made f32, to one tensor."""
    from openvino.preprocess import PrePostProcessor

    model = cut(ov, graph, tensor_name(config.original.input.tensor), output, where)
    source = model.input(0)
    if source.get_element_type().is_real():
        return model
    _require_whole(config, model)
    processor = PrePostProcessor(model)
    port = processor.input()
    port.tensor().set_element_type(ov.Type.f32)
    _store(port, source)
    return processor.build()


def cut(ov: Any, graph: Any, source: str, output: str, where: str) -> Any:
    """Return a copy of the graph from one input to one tensor; ``where`` is the key that names the tensor."""
    from openvino import opset13

    model = graph.clone()
    ports = [port for node in model.get_ordered_ops() if node.get_type_name() != "Result" for port in node.outputs()]
    ends = [port for port in ports if output in port.get_names()]
    starts = [node for node in model.get_parameters() if source in node.output(0).get_names()]
    if not ends or not starts:
        raise ModelError(
            f"{where}: OpenVINO merged {output if starts else source} into its neighbours, so it no longer "
            "exists; use the graph's last node"
        )
    try:
        return ov.Model([opset13.result(ends[0])], [starts[0]], "graph")
    except RuntimeError as error:
        raise ModelError(
            f"{where}: {output} needs more inputs than {source}: {reason(error, line=0)}; freeze the graph for "
            "inference"
        ) from error


def _require_whole(config: Config, model: Any) -> None:
    """Refuse an input of an integer type where the reference's pixels are normalised before it. Raises ModelError."""
    element = model.input(0).get_element_type()
    require_numbers(config.original.model, config.original.input.tensor, element)
    if element.is_real() or holds(element.to_dtype(), pixel_table(config.original.input)):
        return
    raise ModelError(
        f"{config.where('reference.input.name')}: the input '{config.original.input.tensor}' takes "
        f"{element.to_string()}, which cannot hold pixels after mean and scale; if the model has mean and scale "
        "inside, write `mean: 0` and `scale: 1` in `input`"
    )


def rounding(ov: Any, model: Any, fed: Any) -> float:
    """Return how far a network's own rounding moves its answer: what a change of its input below one rounding does.

    ``fed``: float32 (1, height, width, 3). A network that computes in f32 moves by less than 1e-5; one with fake
    quantisation may round to another step, and one in f16 has 11 bits.
    """
    half = any(port.get_element_type() == ov.Type.f16 for node in model.get_ops() for port in node.outputs())
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    first = np.array(compiled(fed)[0], np.float32)
    generator = np.random.default_rng(0)
    moved = 0.0
    for _ in range(_TRIALS):
        change = (2.0**-11 if half else 2.0**-22) * generator.uniform(-1, 1, fed.shape)
        again = np.array(compiled((fed * (1 + change)).astype(np.float32))[0], np.float32)
        moved = max(moved, float(np.abs(again - first).max()))
    return moved


def with_output(ov: Any, config: Config, candidate: Candidate, source: Source) -> Any:
    """Return a copy of the original whose output carries the candidate's output name.

    Where that name is another node of a frozen graph (a softmax before a reshape), that node becomes the output, and
    the check by numbers decides whether it is the same; where it is not a node, it is given to the reference's output.
    """
    name = tensor_name(candidate.named_output)
    nodes = source.graph.nodes if source.graph else {}
    if name.rpartition(":")[0] not in nodes or name in source.original.output(0).get_names():
        model = source.original.clone()
    else:
        model = _cut(ov, config, source.whole, name, key_of(config, candidate, "output"))
    tensor = model.output(0).get_tensor()
    tensor.set_names({*tensor.get_names(), candidate.named_output})
    return model
