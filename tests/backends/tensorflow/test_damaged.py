"""Damaged graphs: what our own reader lets pass and TensorFlow does not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from harness.backends.base import ModelSpec
from harness.backends.tensorflow.description import describe
from harness.backends.tensorflow.runner import TensorFlowBackend
from harness.config import Input
from harness.errors import ModelError
from tests.backends.one_backend import OneBackend
from tests.campaign.structured import mutate_message
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, GraphMaker

CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
ALONE = OneBackend(TensorFlowBackend, ModelSpec("tf", "", CONTRACT, "Net/Softmax", SIZE, CLASSES + 1, batch=3))


@pytest.fixture(scope="module")
def graph(make_graph: GraphMaker, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_graph(tmp_path_factory.mktemp("graph") / "g.pb").read_bytes()


def test_a_name_that_is_not_utf_8(graph: bytes, tmp_path: Path) -> None:
    path = tmp_path / "g.pb"
    path.write_bytes(graph.replace(b"Net/Softmax", b"Net/Soft\xff\xfe\xff"))
    said = f"{path}: not a frozen TensorFlow graph, or cut off; fetch or freeze it again"
    with pytest.raises(ModelError) as caught:
        describe(path)
    assert said in (str(caught.value), ALONE.refused(ALONE.spec(path, output="input")))


def test_damage_of_every_field_is_refused_with_the_files_name(tensorflow: Any, graph: bytes, tmp_path: Path) -> None:
    assert tensorflow.__version__
    path, messages = tmp_path / "g.pb", []
    for seed in range(120):
        path.write_bytes(mutate_message(graph, random.Random(seed)))
        try:
            describe(path)
        except ModelError as error:
            messages.append(str(error))
    assert len(messages) > 20
    assert all(str(path) in message for message in messages)
