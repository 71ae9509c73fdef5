"""The original as one TensorFlow function, with the preprocessing inside that a candidate's contract leaves to it."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from harness.backends.arrays import not_pixels
from harness.backends.registry import backends, facts_of, load_target
from harness.config import Candidate, Config
from harness.conversion.settings import inside, key_of
from harness.errors import ModelError
from harness.feeding.contract import holds, limits_of, pixel_table

_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_./>-]*")


def original_function(tf: Any, config: Config, candidate: Candidate) -> Any:
    """Return the original as a ``tf.function``.

    It takes f32 (n, height, width, 3) NHWC in the candidate's colour order under the candidate's input name, and
    returns a dict of the candidate's output name and what the reference's output gives. Raises ModelError if the
    reference is of no backend that can be frozen, or a name is none that TensorFlow takes.
    """
    reference = config.original
    facts = facts_of(reference.backend)
    if facts.freezer is None:
        able = ", ".join(name for name, other in backends().items() if other.freezer)
        raise ModelError(
            f"{config.where('reference.backend')}: only a TensorFlow model can be converted to "
            f"{config.conversion_for(candidate).to} (backends {able}; to onnx also torch), but the reference's "
            f"backend is {reference.backend}"
        )
    for key, name in (("input.name", candidate.input.tensor), ("output", candidate.named_output)):
        if not _NAME.fullmatch(name.removesuffix(":0")):
            raise ModelError(
                f"{key_of(config, candidate, key)}: TensorFlow does not accept the name '{name}'; rename it"
            )
    frozen = load_target(facts.freezer)(reference)
    graph_def = with_own_functions(frozen.graph_def)
    wanted = _input_type(tf, frozen, config)
    steps = inside(config, candidate)
    height, width = config.preprocess_for(candidate).output_size
    source, output = candidate.input.tensor.removesuffix(":0"), candidate.named_output.removesuffix(":0")

    def run(pixels: Any) -> dict[str, Any]:
        ordered = tf.reverse(pixels, [3]) if steps.reverse else pixels
        centred = ordered - tf.constant(steps.mean, tf.float32) if any(steps.mean) else ordered
        scaled = centred / tf.constant(steps.scale, tf.float32) if steps.scale != (1.0, 1.0, 1.0) else centred
        if wanted.is_integer:  # rounded half to even and saturated; a cast cuts off, and wraps around
            scaled = tf.clip_by_value(tf.round(scaled), *limits_of(wanted.as_numpy_dtype))
        scaled = scaled if wanted == tf.float32 else tf.cast(scaled, wanted)
        (answer,) = tf.graph_util.import_graph_def(
            graph_def, input_map={frozen.input: scaled}, return_elements=[frozen.output], name="original"
        )
        return {output: tf.identity(answer, name=output.rpartition("/")[2])}

    return tf.function(run, input_signature=[tf.TensorSpec([None, height, width, 3], tf.float32, name=source)])


def with_own_functions(graph_def: Any) -> Any:
    """Return a copy of a graph whose functions have names that no other function of this process has.

    TensorFlow knows functions by name, and calls those that it makes `__inference_run_12`: one of the model may have
    the name of another, and then the converter to LiteRT leaves the signature out without a word.
    """
    own = type(graph_def)()
    own.CopyFrom(graph_def)
    digest = hashlib.sha256(graph_def.library.SerializeToString(deterministic=True)).hexdigest()[:16]
    names = {each.signature.name: f"{each.signature.name}_{digest}" for each in own.library.function}
    nodes = [*own.node, *(node for each in own.library.function for node in each.node_def)]
    for each in own.library.function:
        each.signature.name = names[each.signature.name]
    for gradient in own.library.gradient:
        gradient.function_name = names.get(gradient.function_name, gradient.function_name)
        gradient.gradient_func = names.get(gradient.gradient_func, gradient.gradient_func)
    for node in nodes:
        node.op = names.get(node.op, node.op)
        for key in [key for key, value in node.attr.items() if value.WhichOneof("value") is None]:
            del node.attr[key]  # TensorFlow leaves such ones where it freezes, and refuses them where it saves
        for value in node.attr.values():
            for called in (*([value.func] if value.HasField("func") else []), *value.list.func):
                called.name = names.get(called.name, called.name)
    return own


def _input_type(tf: Any, frozen: Any, config: Config) -> Any:
    """Return the type of a frozen graph's input. Raises ModelError if it cannot hold what it is fed."""
    contract, model = config.original.input, config.original.model
    name = frozen.input.partition(":")[0]
    node = next(node for node in frozen.graph_def.node if node.name == name)
    wanted = tf.dtypes.as_dtype(node.attr["dtype"].type)
    if wanted.is_bool or wanted == tf.string:
        raise not_pixels(model, contract.tensor, wanted.name)
    if wanted.is_integer and not holds(wanted.as_numpy_dtype, pixel_table(contract)):
        raise ModelError(
            f"{model}: the input '{contract.tensor}' takes {wanted.name}, which cannot hold pixels after mean and "
            "scale; if the graph has mean and scale inside, write `mean: 0` and `scale: 1` in `input`"
        )
    return wanted
