"""The folder of a SavedModel, looked at without TensorFlow: links out of it, sizes, loops."""

from __future__ import annotations

from pathlib import Path

from harness.backends.saved_model.training import refuse_training_of
from harness.backends.tensorflow.checkpoint import LARGEST, require_inside
from harness.errors import ModelError

GRAPH = "saved_model.pb"
VARIABLES = Path("variables/variables")


def require_harmless(folder: Path) -> None:
    """Refuse a folder that is not a SavedModel, whose files are links to others, or whose graph is too large or trains.

    Raises ModelError.
    """
    graph = folder / GRAPH
    if not graph.is_file():
        text = folder / "saved_model.pbtxt"
        hint = "it is in text form; save it in binary form" if text.is_file() else "name the folder that contains it"
        raise ModelError(f"{folder}: not a SavedModel, it has no {GRAPH}; {hint}")
    require_inside(folder.rglob("*"), folder)
    if (size := graph.stat().st_size) > LARGEST:
        raise ModelError(f"{graph}: {size} bytes, more than {LARGEST}")
    refuse_training_of(graph)
