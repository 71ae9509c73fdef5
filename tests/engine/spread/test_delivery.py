"""Model files reach a node that does not see them, once, and are believed by their digest alone."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.engine.spread.delivery import Delivery, at_hand, packed
from harness.engine.task import ModelTask
from harness.errors import ModelError
from harness.machine.digests import digested
from tests.engine.spread.conftest import model


class Store:
    """Keeps bytes; counts how often they are fetched."""

    def __init__(self) -> None:
        self.fetched = 0

    def __call__(self, content: Sequence[bytes]) -> Callable[[], Sequence[bytes]]:
        def fetch() -> Sequence[bytes]:
            self.fetched += 1
            return content

        return fetch


@pytest.fixture
def task(tmp_path: Path) -> ModelTask:
    folder = tmp_path / "driver" / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"weights")
    files, _, _ = digested(folder / "saved.pb", folder / "variables" / "data")
    return model("ir", file=folder, files=files)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return tmp_path / "node"


def delivered(task: ModelTask, node: Path, store: Any) -> Delivery:
    package = packed(task, node, store)
    assert package is not None
    return package


def test_files_that_are_there_are_used_where_they_lie(task: ModelTask, node: Path) -> None:
    store = Store()
    found = at_hand(task, delivered(task, node, store))
    assert (found.spec.model, found.files and found.files.sha256) == (task.spec.model, task.files and task.files.sha256)
    assert store.fetched == 0
    assert not node.exists()


def test_files_travel_once_a_node(task: ModelTask, node: Path) -> None:
    store = Store()
    package = delivered(task, node, store)
    shutil.rmtree(task.spec.model)
    for _ in range(3):
        found = at_hand(task, package)
    assert store.fetched == 1
    assert (Path(found.spec.model) / "saved.pb").read_bytes() == b"graph"
    assert (Path(found.spec.model) / "variables" / "data").read_bytes() == b"weights"
    assert found.files is not None
    assert task.files is not None
    assert found.files.sha256 == task.files.sha256
    assert found.files.replaced() is None


def test_another_file_at_the_same_path_is_not_used(task: ModelTask, node: Path) -> None:
    package = delivered(task, node, Store())
    (Path(task.spec.model) / "variables" / "data").write_bytes(b"others!")
    found = at_hand(task, package)
    assert (Path(found.spec.model) / "variables" / "data").read_bytes() == b"weights"


def test_a_file_that_was_damaged_on_a_node_is_fetched_again(task: ModelTask, node: Path) -> None:
    store = Store()
    package = delivered(task, node, store)
    shutil.rmtree(task.spec.model)
    found = at_hand(task, package)
    (Path(found.spec.model) / "saved.pb").write_bytes(b"GRAPH")
    again = at_hand(task, package)
    assert store.fetched == 2
    assert (Path(again.spec.model) / "saved.pb").read_bytes() == b"graph"


def test_files_that_arrive_damaged_are_refused(task: ModelTask, node: Path) -> None:
    package = dataclasses.replace(delivered(task, node, Store()), fetch=lambda: [b"graph", b"weightz"])
    shutil.rmtree(task.spec.model)
    with pytest.raises(ModelError, match="ir: its files were damaged during the transfer"):
        at_hand(task, package)


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_a_file_stays_in_its_folder(task: ModelTask, node: Path, name: str) -> None:
    package = dataclasses.replace(delivered(task, node, Store()), names=(name, "b"))
    shutil.rmtree(task.spec.model)
    with pytest.raises(ModelError, match="is not the name of a delivered file"):
        at_hand(task, package)


def test_a_model_that_is_too_large_to_travel_has_to_be_there(task: ModelTask) -> None:
    shutil.rmtree(task.spec.model)
    with pytest.raises(ModelError, match=r"ir: .* is not the same file on this node and is too large to be sent"):
        at_hand(task, None)
