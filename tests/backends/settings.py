"""What a framework's own settings would gain: each against the harness's own, in pairs of turns in one process.

`python -m tests.backends.settings CONFIG MODEL_ID [--set KEY=VALUE]...` prints the table of docs/performance.md: the
ratio of images/s (above 1: the setting is faster) as median, least and most of the pairs, and how far answers move.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.base import Backend, ModelSpec, Pixels, Probabilities
from harness.backends.opening import open_backend
from harness.config import load_config
from harness.dataset.image_set import open_image_set
from harness.engine.identity import plan_models
from harness.errors import HarnessError
from harness.feeding.decode import pixels_of_first
from tests.backends.turns import Infer, in_turns, of_backend, turns

_BATCHES = (1, 4, 8, 16, 32, 64)


def main() -> int:
    """Measure one model's settings and print their rows."""
    options = _parser().parse_args()
    config = load_config(options.config, options.overrides)
    planned = next(item for item in plan_models(config, use_cache=False) if item.model.id == options.model)
    backend, spec = planned.model.backend, planned.spec
    images = open_image_set(config.dataset)
    pixels = pixels_of_first(images, config.preprocess_for(planned.model), options.images, "this table")
    print("| setting | images/s, own | ratio: median (least, most) | largest difference | other bits in | Top-5 |")
    print("|---|---|---|---|---|---|")
    with open_backend(backend, spec) as base:
        for name, opened in _settings(backend, spec, base):
            if options.only and options.only not in name:
                continue
            with ExitStack() as stack:
                try:
                    row = _row(name, base.infer, opened(stack), pixels, options.pairs)
                except HarnessError as error:
                    row = f"| {name} | | not to be had: {str(error).splitlines()[0][:100]} | | | |"
            print(row, flush=True)
    for name, change, environment in _of_processes(backend):
        if options.only and options.only not in name:
            continue
        other = dataclasses.replace(spec, **change)
        with (
            turns(of_backend, (backend, spec), pixels) as own,
            turns(of_backend, (backend, other), pixels, **environment) as changed,
        ):
            in_turns((own, changed), options.pairs)
        found = (own.predictions, changed.predictions), (own.wall, changed.wall)
        print(_line(name, *found, len(pixels)), flush=True)
    return 0


def _of_processes(backend: str) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """Yield settings of a whole process: the specification's changes and the environment."""
    if backend == "tensorflow":
        yield "one thread", {"threads": 1}, {}
        yield "batch 256, one batch at a time, all threads in each operation", {"batch": 256}, {}
        yield "TF_ENABLE_ONEDNN_OPTS=0", {}, {"TF_ENABLE_ONEDNN_OPTS": "0"}


def _row(name: str, own: Infer, other: Infer, pixels: Pixels, pairs: int) -> str:
    before, after = own(pixels), other(pixels)
    seconds: dict[Infer, list[float]] = {own: [], other: []}
    for turn in range(pairs):
        for infer in (own, other) if turn % 2 else (other, own):
            start = time.perf_counter()
            infer(pixels)
            seconds[infer].append(time.perf_counter() - start)
    return _line(name, (before, after), (seconds[own], seconds[other]), len(pixels))


def _line(
    name: str, answers: tuple[Probabilities, Probabilities], seconds: tuple[list[float], list[float]], images: int
) -> str:
    before, after = answers
    five = [np.argsort(-found, axis=1, kind="stable")[:, :5] for found in answers]
    ratios = [mine / theirs for mine, theirs in zip(*seconds, strict=True)]
    ratio = f"{statistics.median(ratios):.3f} ({min(ratios):.3f}, {max(ratios):.3f})"
    moved = f"{np.abs(before - after).max():.1e} | {int((before != after).any(axis=1).sum())} of {images}"
    same = "equal" if (five[0] == five[1]).all() else f"{int((five[0] != five[1]).any(axis=1).sum())} other"
    return f"| {name} | {images / statistics.median(seconds[0]):.1f} | {ratio} | {moved} | {same} |"


def _settings(backend: str, spec: ModelSpec, base: Backend) -> Iterator[tuple[str, Callable[[ExitStack], Infer]]]:
    """Yield each setting with what opens the model with it; the first one is the harness's own, against itself."""

    def changed(**change: Any) -> Callable[[ExitStack], Infer]:
        def opened(stack: ExitStack) -> Infer:
            return stack.enter_context(open_backend(backend, dataclasses.replace(spec, **change))).infer

        return opened

    yield "the harness's own, loaded twice", changed()
    if backend == "openvino":
        for name, value in (
            ("PERFORMANCE_HINT", "LATENCY"), ("NUM_STREAMS", 1), ("NUM_STREAMS", 2), ("NUM_STREAMS", 4),
            ("INFERENCE_NUM_THREADS", 1), ("INFERENCE_NUM_THREADS", 4), ("PERFORMANCE_HINT_NUM_REQUESTS", 1),
            ("PERFORMANCE_HINT_NUM_REQUESTS", 8), ("ENABLE_CPU_PINNING", False), ("ENABLE_HYPER_THREADING", False),
        ):  # fmt: skip
            yield f"{name}={value}", changed(properties={**spec.properties, name: value})
        for batch in _BATCHES[1:]:
            yield f"batch {batch}", changed(batch=batch, rebatch=True)
        for batch in (8, 32):
            one = {**spec.properties, "NUM_STREAMS": 1}
            yield f"batch {batch}, NUM_STREAMS=1", changed(batch=batch, rebatch=True, properties=one)
    elif backend == "tensorflow":
        for batch in _BATCHES:
            yield f"batch {batch}", changed(batch=batch)
        yield from _sessions(base)


def _sessions(base: Any) -> Iterator[tuple[str, Callable[[ExitStack], Infer]]]:
    """Yield sessions of the same graph with other graph optimisers."""
    import tensorflow as tf
    from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

    on, off, aggressive = RewriterConfig.ON, RewriterConfig.OFF, RewriterConfig.AGGRESSIVE
    graph_def, (source, _, output) = base.whole_graph()

    def session(change: Callable[[Any], None]) -> Callable[[ExitStack], Infer]:
        def opened(stack: ExitStack) -> Infer:
            graph = tf.Graph()
            with graph.as_default():
                tf.compat.v1.import_graph_def(graph_def, name="")
            proto = base.options(tf)
            change(proto)
            run = stack.enter_context(tf.compat.v1.Session(graph=graph, config=proto)).make_callable(output, [source])

            def infer(pixels: Pixels) -> Probabilities:
                parts: dict[int, Any] = {}
                base.in_batches(lambda start, _, part: parts.update({start: run(part)}), pixels)
                return np.concatenate([parts[start] for start in sorted(parts)])

            return infer

        return opened

    def rewriting(**options: Any) -> Callable[[ExitStack], Infer]:
        def change(proto: Any) -> None:
            for name, value in options.items():
                setattr(proto.graph_options.rewrite_options, name, value)

        return session(change)

    yield "no optimiser at all", rewriting(disable_meta_optimizer=True)
    for name in ("constant_folding", "remapping", "layout_optimizer", "arithmetic_optimization"):
        yield f"{name} off", rewriting(**{name: off})
    yield "layout NHWC to NCHW", rewriting(cpu_layout_conversion=RewriterConfig.NHWC_TO_NCHW)
    yield "constant_folding, remapping, layout_optimizer, arithmetic_optimization aggressive", rewriting(
        constant_folding=aggressive, remapping=aggressive, layout_optimizer=aggressive,
        arithmetic_optimization=aggressive,
    )  # fmt: skip
    yield "auto_mixed_precision_onednn_bfloat16", rewriting(auto_mixed_precision_onednn_bfloat16=on)

    def jit(proto: Any) -> None:
        proto.graph_options.optimizer_options.global_jit_level = tf.compat.v1.OptimizerOptions.ON_2
        proto.graph_options.optimizer_options.cpu_global_jit = True

    yield "XLA (global_jit_level ON_2)", session(jit)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.backends.settings", description=__doc__)
    parser.add_argument("config", metavar="CONFIG", type=Path)
    parser.add_argument("model", metavar="MODEL_ID")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="overrides")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", help="settings whose name has this in it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
