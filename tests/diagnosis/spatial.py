"""A network that sees where a pixel is: softmax(relu6(((x - 120) / 60) @ first) @ second), as graph and IR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from harness.config import load_config
from harness.diagnosis.answer import Diagnosis
from harness.diagnosis.bench import Tamper
from harness.diagnosis.diagnose import diagnose

SIZE, CLASSES, HIDDEN, IMAGES = 16, 5, 16, 8


@dataclass(frozen=True)
class Spatial:
    """The graph wants mean and scale, the IR has them inside; both want RGB."""

    graph: Path
    ir: Path

    def asked(
        self, folder: Path, candidate: dict[str, Any], dataset: dict[str, Any] | None, kind: str, tamper: Tamper
    ) -> Diagnosis:
        """Diagnose it with keys of candidate and data set changed. ``kind``: of the images' files."""
        _write_images(folder / "images", kind)
        given = {"name": "input", "color": "RGB"}
        data = {
            "version": 1,
            "name": "spatial",
            "dataset": {"path": "images", "classes": CLASSES - 1, "preprocess": {"size": SIZE}, **(dataset or {})},
            "reference": {"id": "tf", "model": str(self.graph), "input": {**given, "mean": 120, "scale": 60}},
            "candidates": [{"id": "ir", "model": str(self.ir), "input": given, **candidate}],
            "cache": {"folder": "cache"},
        }
        path = folder / "config.yml"
        path.write_text(yaml.safe_dump(data), encoding="utf-8")
        (found,) = diagnose(load_config(path), tamper=tamper)
        return found


def write_spatial(tf: Any, openvino: Any, folder: Path) -> Spatial:
    """Write the network with either framework."""
    from openvino import opset13 as ops

    random = np.random.default_rng(2)
    first = (random.normal(size=(SIZE * SIZE * 3, HIDDEN)) / 6).astype(np.float32)
    second = (random.normal(size=(HIDDEN, CLASSES)) / 6).astype(np.float32)
    with tf.Graph().as_default() as graph:
        pixels = tf.compat.v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")
        hidden = tf.nn.relu6(tf.matmul(tf.reshape(pixels, [-1, SIZE * SIZE * 3]), first))
        tf.nn.softmax(tf.matmul(hidden, second), name="probabilities")
        (folder / "spatial.pb").write_bytes(graph.as_graph_def().SerializeToString())
    given = ops.parameter([1, SIZE, SIZE, 3], np.float32, name="input")
    given.output(0).get_tensor().set_names({"input"})
    x = ops.divide(ops.subtract(given, np.float32(120)), np.float32(60))
    flat = ops.reshape(x, np.array([1, -1]), False)
    inner = ops.clamp(ops.matmul(flat, first, False, False), 0.0, 6.0)
    last = ops.softmax(ops.matmul(inner, second, False, False), 1)
    last.output(0).get_tensor().set_names({"probabilities"})
    model = openvino.Model([ops.result(last)], [given], "spatial")
    openvino.save_model(model, str(folder / "spatial.xml"), compress_to_fp16=False)
    return Spatial(folder / "spatial.pb", folder / "spatial.xml")


def _write_images(folder: Path, kind: str) -> None:
    """Write small images of blocks, which no filter leaves as they are, and a list with arbitrary classes."""
    from PIL import Image

    folder.mkdir()
    generator = np.random.default_rng(4)
    names = []
    for number in range(IMAGES):
        height, width = (int(side) for side in generator.integers(27, 44, 2))
        blocks = generator.integers(0, 256, (height // 3 + 1, width // 3 + 1, 3)).repeat(3, axis=0).repeat(3, axis=1)
        image = Image.fromarray(blocks[:height, :width].astype(np.uint8))
        options: dict[str, Any] = {}
        if kind == "turned":
            options["exif"] = image.getexif()
            options["exif"][0x0112] = 6
        if kind == "CMYK":
            image = image.convert("CMYK")
        names.append(f"{number}.{'jpg' if kind == 'CMYK' else 'png'}")
        image.save(folder / names[-1], **options)
    (folder.parent / f"{folder.name}.txt").write_text("".join(f"{name} {n % 4}\n" for n, name in enumerate(names)))
