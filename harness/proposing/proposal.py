"""What is proposed for a model: everything that its configuration needs, each with where it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.backends.description import Description
from harness.backends.registry import BackendFacts, backends, load_target, recognise
from harness.errors import ConfigError, ModelError

_ID = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Found:
    """A model that was described. ``id``: as the configuration will call it."""

    id: str
    path: Path
    facts: BackendFacts
    description: Description

    @property
    def is_original(self) -> bool:
        """Whether it may be the reference: whatever its backend converts others to is derived from one."""
        return "reference" in self.facts.roles


def found_models(paths: list[Path]) -> list[Found]:
    """Describe models; the originals first, in the order given.

    Raises ConfigError where a path is missing or of no known kind, ModelError where a file cannot be read.
    """
    found: list[Found] = []
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path}: does not exist")
        facts = recognise(path)
        if facts is None or facts.describer is None:
            forms = ", ".join(dict.fromkeys(item.forms for item in backends().values() if item.describer))
            raise ConfigError(f"{path}: no model of a kind that is known; known are {forms}")
        description = load_target(facts.describer)(path)
        if len(description.inputs) != 1:
            names = ", ".join(port.name for port in description.inputs)
            raise ModelError(
                f"{path}: has {len(description.inputs)} inputs ({names}); export it with one, for the pixels"
            )
        found.append(Found(_id(facts, found), path, facts, description))
    ordered = sorted(found, key=lambda item: not item.is_original)
    sizes = {item.description.size for item in ordered if item.description.size}
    if len(sizes) > 1:
        listed = ", ".join(f"{height}x{width}" for height, width in sorted(sizes))
        raise ConfigError(f"the models take pixels of several sizes ({listed}); make a configuration for each")
    return ordered


def _id(facts: BackendFacts, before: list[Found]) -> str:
    name = _ID.sub("-", facts.name)
    taken = {item.id for item in before}
    names = (name if count == 1 else f"{name}-{count}" for count in range(1, 1000))
    return next(each for each in names if each not in taken)


def size_of(found: list[Found]) -> int | tuple[int, int]:
    """Return the side, or height and width, of the pixels; 224 where no file says it."""
    height, width = next((item.description.size for item in found if item.description.size), (224, 224))
    return height if height == width else (height, width)


def classes_of(found: list[Found]) -> tuple[int, bool, str]:
    """Return the number of classes without background, whether there is one, and where that comes from.

    Raises ModelError where no output says how many classes there are.
    """
    width = next((item.description.width for item in found if item.description.width), None)
    if width is None:
        raise ModelError(
            f"{found[0].path}: its output does not say how many classes it has; write a configuration by hand"
        )
    if width == 1001:
        return 1000, True, "1001 values an image: ImageNet's 1000 classes and background"
    return width, False, f"{width} values an image"


def title_of(found: list[Found]) -> str:
    """Return a name for the configuration."""
    stem = found[0].path.stem or "model"
    return _ID.sub("-", stem)[:60].strip("-.") or "model"
