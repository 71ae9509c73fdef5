"""A SavedModel as a frozen graph: one signature of it, with the variables' values as constants.

TensorFlow's own loader runs the operations that initialise a model, without any restriction. Here the file is read, the
part that the signature needs is checked, and the variables' values are read from the folder; nothing of the graph is
run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.backends.names import find_by_name
from harness.backends.saved_model.folder import GRAPH, VARIABLES, require_harmless
from harness.backends.saved_model.framework import import_framework
from harness.backends.tensorflow.exporting import written
from harness.backends.tensorflow.framework import reason
from harness.backends.tensorflow.freezing import freeze, needed, renamed
from harness.backends.tensorflow.frozen import Frozen
from harness.backends.tensorflow.nodes import parsed
from harness.backends.tensorflow.ports import Port, Ports, sides_of
from harness.backends.tensorflow.restoring import stored_values
from harness.config import Reference
from harness.disk.parsing import parsing
from harness.errors import ModelError

_DEFAULT = "serving_default"
_INTERNAL = "__saved_model_"
_SERVE = "serve"


def open_saved_model(
    tf: Any, folder: Path, *, names: tuple[str | None, str | None], signature: str | None, allow: frozenset[str]
) -> Frozen:
    """Return a signature as a frozen graph whose input and output bear the signature's names.

    ``names``: of the input and the output, as configured; ``signature``: None takes the only one, or the default.
    Raises ModelError.
    """
    require_harmless(folder)
    meta = _read(folder)
    chosen = _signature(meta, folder, signature)
    where = f"{folder} (signature '{chosen}')"
    ports = _ports(tf, meta.signature_def[chosen], folder)
    source = find_by_name(names[0], ports.inputs, what="input", model=where)
    output = find_by_name(names[1], ports.outputs, what="output", model=where)
    part = needed(tf, meta.graph_def, output.tensor, folder)
    constant = freeze(tf, part, folder, folder / VARIABLES, stored_values(meta), allow)
    return renamed(tf, constant, folder, (source.tensor, output.tensor), names, allow)


def ports(folder: Path, signature: str | None = None) -> Ports:
    """Return the input and outputs of a signature. Raises ModelError."""
    tf = import_framework()
    require_harmless(folder)
    meta = _read(folder)
    return _ports(tf, meta.signature_def[_signature(meta, folder, signature)], folder)


def frozen(reference: Reference) -> Frozen:
    """Return the configured signature as a frozen graph. Raises ModelError."""
    names = (reference.input.name, reference.output_name)
    allow = frozenset(reference.allow_ops)
    return open_saved_model(
        import_framework(), reference.model, names=names, signature=reference.signature, allow=allow
    )


def exported(reference: Reference, folder: Path) -> Path:
    """Write the configured signature as a frozen graph into a folder; return its path. Raises ModelError."""
    return written(frozen(reference), folder)


def _read(folder: Path) -> Any:
    """Return the MetaGraphDef that serves."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = folder / GRAPH
    saved = parsed(SavedModel(), path, "not a SavedModel, or cut off; export it again")
    metas = list(saved.meta_graphs)
    serving = [meta for meta in metas if _SERVE in meta.meta_info_def.tags]
    if not metas:
        raise ModelError(f"{path}: a SavedModel without a graph; export it again")
    if len(serving or metas) > 1:
        tags = "; ".join(", ".join(meta.meta_info_def.tags) for meta in serving or metas)
        raise ModelError(f"{path}: has several graphs (tags {tags}); export only the one for inference")
    return (serving or metas)[0]


def _signature(meta: Any, folder: Path, asked: str | None) -> str:
    """Return the name of the signature: the requested one, else the only one or TensorFlow's default."""
    known: dict[str, str] = {name: name for name in sorted(meta.signature_def) if not name.startswith(_INTERNAL)}
    if asked is not None:
        return find_by_name(asked, known, what="signature", model=str(folder))
    if len(known) == 1:
        return next(iter(known))
    if _DEFAULT in known:
        return _DEFAULT
    if not known:
        raise ModelError(
            f"{folder}: has no signature; export the model with one, for instance with `model.export(FOLDER)`"
        )
    raise ModelError(f"{folder}: has the signatures {', '.join(sorted(known))}; write `signature: NAME`")


def _ports(tf: Any, signature: Any, folder: Path) -> Ports:
    with parsing(folder / GRAPH, ModelError, "export it again", what="its signature cannot be read", say=reason):
        return Ports(
            *({key: _port(tf, side[key]) for key in sorted(side)} for side in (signature.inputs, signature.outputs))
        )


def _port(tf: Any, info: Any) -> Port:
    return Port(info.name, sides_of(tf, info.tensor_shape), tf.dtypes.as_dtype(info.dtype).name)
