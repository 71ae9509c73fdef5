"""Model files for nodes that do not see them: they are sent once per node, and trusted only by their digest."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock

from harness.disk.atomic import write_atomically
from harness.disk.kept_folders import hold
from harness.disk.private import foreign, make_private
from harness.engine.task import ModelTask
from harness.errors import ModelError, RecordError
from harness.machine.digests import Digested, digested

LARGEST = 8_000_000_000  # bytes of one model that travels; a larger one has to be on a shared path


@dataclass(frozen=True)
class Delivery:
    """A model's files. ``names``: relative to the folder that all are in, with ``/``; ``fetch``: gives their bytes.

    ``folder``: where a node keeps them; ``main``: the file or folder that the backend is given, relative as well.
    """

    names: tuple[str, ...]
    main: str
    folder: Path
    fetch: Callable[[], Sequence[bytes]]


def packed(
    model: ModelTask, folder: Path, keep: Callable[[Sequence[bytes]], Callable[[], Sequence[bytes]]]
) -> Delivery | None:
    """Return a model's files for travelling; None if it has none, or more than travel.

    ``keep``: puts bytes where every node can take them from, and returns what gives them there. Raises ModelError.
    """
    if model.files is None or model.recorded is not None:
        return None
    paths = [Path(os.path.abspath(path)) for path in (*model.files.paths, Path(model.spec.model))]  # noqa: PTH100
    try:
        if sum(path.stat().st_size for path in paths[:-1]) > LARGEST:
            return None
        content = [path.read_bytes() for path in paths[:-1]]
    except OSError as error:
        raise ModelError(f"{model.spec.id}: {error.filename} cannot be read: {error.strerror}") from None
    common = Path(os.path.commonpath([path.parent for path in paths[:-1]]))
    if paths[-1] != common and not paths[-1].is_relative_to(common):
        return None
    names = tuple(path.relative_to(common).as_posix() for path in paths[:-1])
    return Delivery(names, paths[-1].relative_to(common).as_posix(), folder, keep(content))


def at_hand(model: ModelTask, delivery: Delivery | None) -> ModelTask:
    """Return a model with its files as they are on this node: at the same path, or delivered. Raises ModelError."""
    if model.files is None or model.recorded is not None:
        return model
    here = _digested(model.files.paths)
    if here is not None and here.sha256 == model.files.sha256:
        return dataclasses.replace(model, files=here)
    if delivery is None:
        raise ModelError(
            f"{model.spec.id}: {model.spec.model} is not the same file on this node and is too large to be sent; "
            "put the model on a path that all nodes share"
        )
    folder = delivery.folder / model.files.sha256
    paths = tuple(folder / _inside(name) for name in delivery.names)
    try:
        make_private(folder)
        if fault := foreign(folder):
            raise ModelError(f"{model.spec.id}: its files cannot be kept on this node: {fault}")
        hold(folder)
        with FileLock(folder.with_suffix(".lock")):  # the other workers of this node find them there
            here = _digested(paths)
            if here is None or here.sha256 != model.files.sha256:
                for path, content in zip(paths, delivery.fetch(), strict=True):
                    make_private(path.parent)
                    write_atomically(path, content)
                here = _digested(paths)
    except (OSError, RecordError) as error:
        raise ModelError(f"{model.spec.id}: its files cannot be kept on this node: {error}") from None
    if here is None or here.sha256 != model.files.sha256:
        raise ModelError(
            f"{model.spec.id}: its files were damaged during the transfer to this node; start the run again"
        )
    spec = dataclasses.replace(model.spec, model=str(folder / _inside(delivery.main)))
    return dataclasses.replace(model, spec=spec, files=here)


def _digested(paths: tuple[Path, ...]) -> Digested | None:
    try:
        return digested(*paths)[0]
    except ModelError:
        return None


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ModelError(f"{name}: is not the name of a delivered file")
    return path
