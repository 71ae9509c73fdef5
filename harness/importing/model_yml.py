"""What `model.yml` next to a configuration says: files with checksums, the network's input, how the IR was converted.

Source: the Open Model Zoo's ``tools/model_tools`` (``_configuration.py``) for the keys, Model Optimizer's help for its
arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from harness.importing.documents import Document, Part, numbers_in, shown
from harness.importing.preprocessing import Triple

_ARGUMENT = re.compile(r"--?([A-Za-z][A-Za-z0-9_\-]*)(?:[=\s]\s*(.*))?", re.DOTALL)
_PER_INPUT = re.compile(r"\s*([^\[\]()]*?)\s*[\[(]\s*([^\[\]()]*)[\])]\s*")
_INPUT = re.compile(r"([^\[\]{},]+)(?:\[[^\]]*\])?(?:\{[^}]*\})?")
_SOURCES = ("input_model", "input_meta_graph", "saved_model_dir")
# Arguments that decide where files are and what is printed, or that restate what the model's file says.
_NEUTRAL = frozenset(
    {
        "framework",
        "model_name",
        "output_dir",
        "log_level",
        "silent",
        "progress",
        "stream_output",
        "use_legacy_frontend",
        "use_new_frontend",
        "layout",
        "batch",
        "b",
        "static_shape",
        "legacy_mxnet_model",
        "input_symbol",
        "input_proto",
        "k",
    }
)
_OTHER_KEYS = ("description", "task_type", "license", "framework", "model_info", "quantizable", "launcher_attribute")


@dataclass
class Archive:
    """One downloadable file."""

    url: str
    mirrors: tuple[str, ...]
    bytes: int
    sha384: str
    name: str
    unpacked: bool
    place: str


@dataclass
class ModelYml:
    """The facts of a `model.yml`, each with its place."""

    input_name: str | None = None
    input_place: str = ""
    input_size: tuple[int, int] | None = None
    layout: str | None = None
    is_downloaded: bool = False  # the converted file is a downloaded one, and not made by an earlier conversion
    output: str | None = None
    output_place: str = ""
    mean: Triple = (0.0, 0.0, 0.0)
    scale: Triple = (1.0, 1.0, 1.0)
    reverse: bool = False
    weights: str = "f32"
    arguments: list[tuple[str, str]] = field(default_factory=list)
    onnx_output: str | None = None
    onnx_output_place: str = ""
    files: list[Archive] = field(default_factory=list)

    @property
    def archive(self) -> Archive | None:
        """The file that `harness fetch` can unpack: a tar archive that is unpacked and holds the model's files."""
        unpacked = [file for file in self.files if file.unpacked]
        return unpacked[0] if len(unpacked) == 1 else None


def read_model_yml(document: Document) -> ModelYml:
    """Read a `model.yml`; faults are collected in the document."""
    top, found = document.top, ModelYml()
    for name in _OTHER_KEYS:
        top.raw(name)
    _read_files(top, found)
    _read_input_info(top, found)
    _read_onnx_arguments(top, found)
    for text, place, at in top.texts("model_optimizer_args"):
        _read_argument(top, found, text, place, at)
    top.finish()
    return found


def _read_files(top: Part, found: ModelYml) -> None:
    unpacked = {}
    for step in top.parts("postprocessing"):
        if step.text("$type") == "unpack_archive":
            unpacked[step.text("file")] = step.text("format")
    for file in top.parts("files"):
        name, size, source = file.text("name"), file.whole("size", 0, 10**12), file.raw("source")
        checksum, mirror = file.text("checksum") or file.text("sha384"), file.raw("original_source")
        if isinstance(source, dict):  # such as {$type: google_drive, id: ...}
            source = None
        if checksum is None or not re.fullmatch("[0-9a-f]{96}", checksum) or name is None or not size:
            continue  # an older file with another kind of checksum: nothing to download by
        if not (isinstance(source, str) and re.fullmatch(r"https?://[\x21-\x7e]+", source)):
            continue
        mirrors = (mirror,) if isinstance(mirror, str) and re.fullmatch(r"https?://[\x21-\x7e]+", mirror) else ()
        is_tar = unpacked.get(name) in ("tar", "gztar", "bztar", "xztar")
        found.files.append(Archive(source, mirrors, size, checksum, name, is_tar, file.place()))


def _read_input_info(top: Part, found: ModelYml) -> None:
    inputs = top.parts("input_info")
    for index, part in enumerate(inputs):
        name, layout, shape = part.text("name"), part.text("layout"), numbers_in(part.raw("shape"))
        part.raw("dtype")
        part.finish()
        if index:
            part.refuse(
                None, "the harness cannot feed a second input; only networks with one image input can be imported"
            )
            continue
        found.input_name, found.input_place = name, part.place("name")
        found.layout = layout.upper() if layout else None
        if shape is not None:
            found.input_size = size_of(shape)


def size_of(shape: list[float]) -> tuple[int, int] | None:
    """Return height and width of an image input's shape, with or without the batch, in either layout."""
    sides = [int(side) for side in (shape[1:] if len(shape) == 4 else shape)]
    if len(sides) != 3 or min(sides) < 1 or max(sides) > 4096:
        return None
    if sides[2] in (1, 3, 4):
        return sides[0], sides[1]
    return (sides[1], sides[2]) if sides[0] in (1, 3, 4) else None


def _read_onnx_arguments(top: Part, found: ModelYml) -> None:
    for name in ("conversion_to_onnx_args", "pytorch_to_onnx"):
        for text, place, _ in top.texts(name):
            match = _ARGUMENT.fullmatch(text)
            if match and match[1] == "output-names" and match[2] and "," not in match[2]:
                found.onnx_output, found.onnx_output_place = match[2], place


def _read_argument(top: Part, found: ModelYml, text: str, place: str, at: str) -> None:
    faults = top.faults.found
    found.arguments.append((text, place))
    match = _ARGUMENT.fullmatch(text)
    name, value = (match[1], (match[2] or "").strip()) if match else (text, "")
    if name in ("mean_values", "scale_values", "scale", "s"):
        numbers = _per_channel(value)
        if numbers is None or (name != "mean_values" and 0.0 in numbers):
            faults.append(f"{at}: {shown(value)} is not one number or three for a single input")
        elif name == "mean_values":
            found.mean = numbers
        else:
            found.scale = numbers
    elif name == "reverse_input_channels":
        found.reverse = value.lower() not in ("false", "0")
    elif name in _SOURCES:
        found.is_downloaded = value.startswith("$dl_dir/")
    elif name in ("output", "input"):
        _read_name(top, found, name, value, place, at)
    elif name == "input_shape":
        shape = numbers_in(value)
        found.input_size = found.input_size or (size_of(shape) if shape is not None else None)
    elif name in ("data_type", "compress_to_fp16"):
        half = value.lower() in ("fp16", "half") if name == "data_type" else value.lower() not in ("false", "0")
        found.weights = "f16" if half else "f32"
    elif name not in _NEUTRAL:
        faults.append(
            f"{at}: `--{name}` changes the IR in a way that `harness convert` cannot repeat; convert with the original "
            "tool, and remove the line"
        )


def _read_name(top: Part, found: ModelYml, name: str, value: str, place: str, at: str) -> None:
    inner = _INPUT.fullmatch(value)
    if name == "output" and "," in value:
        top.faults.found.append(f"{at}: {shown(value)} has several outputs, but the harness reads only one")
    elif name == "output":
        found.output, found.output_place = value or None, place
    elif inner is None:
        top.faults.found.append(
            f"{at}: {shown(value)} has several inputs, but the harness can only feed one, of images"
        )
    elif not re.match(r"\d+:", inner[1]):  # `0:node` is a port of a node, whose input gets its own name
        found.input_name, found.input_place = inner[1].strip(), place


def _per_channel(value: str) -> Triple | None:
    match = _PER_INPUT.fullmatch(value)
    numbers = numbers_in(match[2] if match else value)
    if numbers is None or len(numbers) not in (1, 3):
        return None
    one, two, three = numbers * (3 // len(numbers))
    return one, two, three


def file_name(path: str) -> str:
    """Return the last part of a path that a file names."""
    return PurePosixPath(path).name
