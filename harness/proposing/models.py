"""The models of a proposal: recognised, described, with the input and output that are meant, the reference first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.backends.description import DERIVATIONS, ModelDescription, Tensor, shape_words
from harness.backends.registry import BackendFacts, backends, default_backend, facts_of, recognise
from harness.dataset.imagenet import CLASSES
from harness.errors import ConfigError, ModelError

USUAL_SIZE = 224  # pixels, where a file leaves it open
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class FoundModel:
    """A model to write down: ``id``, the backend that runs it, and which of its tensors are meant."""

    id: str
    path: Path
    facts: BackendFacts
    description: ModelDescription
    input: Tensor
    output: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its pixels; a side that the file leaves open is as long as the other, or the usual."""
        height, width = self.input.sides
        return height or width or USUAL_SIZE, width or height or USUAL_SIZE

    @property
    def size_is_stated(self) -> bool:
        """Whether the file says how large its pixels are."""
        return None not in self.input.sides

    @property
    def width(self) -> int:
        """Values an image of the output; those of ImageNet's classes where the file leaves it open."""
        return self.output.width or CLASSES

    @property
    def may_be_reference(self) -> bool:
        """Whether its backend runs references."""
        return "reference" in self.facts.roles

    @property
    def is_convertible(self) -> bool:
        """Whether a candidate can be converted from it: as a frozen graph, or read by a candidate's backend."""
        native = bool(self.facts.freezer or self.facts.exporter)
        return native or self.facts.name in facts_of(default_backend("candidate")).reads


def find_models(paths: Sequence[Path]) -> list[FoundModel]:
    """Describe the models, the least derived one first; it is the reference where its backend can run one.

    Among equally derived ones the order given decides. Raises ConfigError if a path is missing, is named twice or is of
    no known kind, ModelError if a file cannot be read or does not take images.
    """
    found: list[FoundModel] = []
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path}: does not exist; give the file or folder of a model")
        if any(path.samefile(other.path) for other in found):
            raise ConfigError(f"{path}: is given twice; give each model once")
        facts = recognise(path)
        if facts is None or facts.describer is None:
            forms = "; ".join(f"{item.title}: {item.forms}" for item in backends().values() if item.describer)
            raise ConfigError(f"{path}: not a known kind of model; supported: {forms}")
        description: ModelDescription = facts.describe(path)
        source = _image_input(path, description)
        found.append(FoundModel(facts.name, path, facts, description, source, _class_output(path, description)))
    ordered = sorted(
        found, key=lambda item: (not item.may_be_reference, DERIVATIONS.index(item.description.derivation))
    )
    return _with_ids(ordered)


def title_of(models: Sequence[FoundModel]) -> str:
    """Return a name for the configuration, from the first model's file."""
    return _NOT_IN_AN_ID.sub("-", models[0].path.stem).strip("_.-")[:60].strip("_.-") or "model"


def _image_input(path: Path, description: ModelDescription) -> Tensor:
    """Return the input of images: the only one with three channels, else the only one whose shape leaves that open.

    Others, such as the file name of a checkpoint's saver, are left out.
    """
    possible = [tensor for tensor in description.inputs if _may_be_images(tensor)]
    sure = [tensor for tensor in possible if tensor.layout is not None]
    chosen = sure or possible
    if len(chosen) == 1:
        return chosen[0]
    listed = ", ".join(f"{tensor.name} {shape_words(tensor.shape)}" for tensor in description.inputs) or "none"
    what = "several inputs that may be images" if chosen else "no image input"
    raise ModelError(
        f"{path}: has {what} (inputs: {listed}); export it with one of three channels, [n, height, width, 3] or "
        "[n, 3, height, width]"
    )


def _may_be_images(tensor: Tensor) -> bool:
    if tensor.dtype in ("string", "object", "bool") or (tensor.shape is not None and len(tensor.shape) != 4):
        return False
    return tensor.shape is None or tensor.shape[1] in (3, None) or tensor.shape[3] in (3, None)


def _class_output(path: Path, description: ModelDescription) -> Tensor:
    """Return the output with the classes: real or quantised, of one width, of several a softmax, then the last."""
    usable = [tensor for tensor in description.outputs if tensor.quantization or "float" in tensor.dtype]
    fitting = [tensor for tensor in usable if (tensor.width or 0) > 1]
    left_open = [tensor for tensor in usable if tensor.shape is None or None in tensor.shape[1:]]
    if not fitting and not left_open:
        listed = ", ".join(f"{tensor.name} {tensor.dtype}" for tensor in description.outputs) or "none"
        raise ModelError(f"{path}: has no output with one value per class; its outputs are: {listed}")
    return max(fitting or left_open, key=lambda tensor: (tensor.operation == "Softmax", usable.index(tensor)))


def _with_ids(models: Sequence[FoundModel]) -> list[FoundModel]:
    """Give each model its own id: its backend's name, numbered where there are several."""
    named: list[FoundModel] = []
    for model in models:
        taken = [other.facts.name for other in named].count(model.facts.name)
        named.append(replace(model, id=model.facts.name if not taken else f"{model.facts.name}-{taken + 1}"))
    return named
