"""The nodes of a GraphDef: which are fed from outside, and which others read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import ModelError

PLACEHOLDERS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")
M = TypeVar("M")


def fed_on(nodes: Iterable[Any]) -> set[str]:
    """Return the names of the nodes that these read."""
    return {name.lstrip("^").partition(":")[0] for node in nodes for name in node.input}


def parsed(message: M, path: str | Path, fault: str) -> M:
    """Fill a protocol buffer's message from a file; return it, and without colocations where it is a graph.

    ``fault``: what is said of a file that holds none, or is cut off. Raises ModelError.
    """
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(Path(path).read_bytes())  # type: ignore[attr-defined]
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except DecodeError:
        raise ModelError(f"{path}: {fault}") from None
    _drop_colocations(getattr(message, "graph_def", message))
    return message


def _drop_colocations(graph_def: Any) -> None:
    """Remove from the operations of a graph the hints to run next to another one, which may be missing."""
    functions = [node for function in _part(_part(graph_def, "library"), "function") for node in function.node_def]
    for node in [*_part(graph_def, "node"), *functions]:
        if "_class" in node.attr:
            del node.attr["_class"]


def _part(message: Any, name: str) -> Any:
    return getattr(message, name, ())


def parsed_graph(tf: Any, path: str | Path) -> Any:
    """Return the GraphDef of a file. Raises ModelError if it is none, or has no operation."""
    graph_def = parsed(
        tf.compat.v1.GraphDef(), path, "not a frozen TensorFlow graph, or cut off; fetch or freeze it again"
    )
    if not graph_def.node:
        raise ModelError(f"{path}: a graph without any operation; fetch or freeze it again")
    return graph_def
