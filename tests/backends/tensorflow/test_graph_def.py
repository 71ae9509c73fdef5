from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from harness.backends.tensorflow.graph_def import Graph, read_graph, tensor_name
from harness.errors import ModelError


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def text(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(name: str, op: str, *inputs: str, attribute: bytes = b"") -> bytes:
    parts = text(1, name.encode()) + text(2, op.encode()) + b"".join(text(3, item.encode()) for item in inputs)
    return text(1, parts + (text(5, attribute) if attribute else b""))


NODES = [
    node("input", "Placeholder"),
    node("weights", "Const", attribute=bytes(300)),
    node("Net/Conv", "Conv2D", "input", "weights:0"),
    node("Net/Softmax", "Softmax", "Net/Conv:0", "^weights"),
    node("Net/Reshape_1", "Reshape", "Net/Softmax"),
]
VERSIONS = text(4, b"\x08\x87\x0d")  # producer 1671
GRAPH = b"".join(NODES) + VERSIONS


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    (tmp_path / "net.pb").write_bytes(GRAPH)
    return read_graph(tmp_path / "net.pb")


def test_nodes_inputs_outputs_and_digest(graph: Graph) -> None:
    assert list(graph.nodes) == ["input", "weights", "Net/Conv", "Net/Softmax", "Net/Reshape_1"]
    assert graph.nodes["Net/Softmax"].inputs == ("Net/Conv", "weights")
    assert graph.inputs == ["input"]
    assert graph.outputs == ["Net/Reshape_1"]
    assert graph.sha256 == hashlib.sha256(GRAPH).hexdigest()


@pytest.mark.parametrize("name", ["input", "input:0"])
def test_an_input_is_found_with_or_without_its_port(graph: Graph, name: str) -> None:
    assert graph.find_input(name, "key") == "input:0"


@pytest.mark.parametrize("name", ["Net/Softmax", "Net/Softmax:0"])
def test_an_output_in_the_middle_is_found_too(graph: Graph, name: str) -> None:
    assert graph.find_output(name, "key") == "Net/Softmax:0"


def test_a_wrong_name_is_answered_with_the_nearest_and_the_candidates(graph: Graph) -> None:
    with pytest.raises(
        ModelError, match=r"^key: .*net\.pb has no input `inptu`; did you mean `input`\? .* are: input$"
    ):
        graph.find_input("inptu", "key")
    with pytest.raises(ModelError, match=r"no output `Net/Reshape`; did you mean `Net/Reshape_1`\? .*: Net/Reshape_1$"):
        graph.find_output("Net/Reshape", "key")
    with pytest.raises(ModelError, match=r"no output `Net/Softmx`; did you mean `Net/Softmax`\?"):
        graph.find_output("Net/Softmx", "key")
    with pytest.raises(ModelError, match=r"no input `weights`; its inputs are: input$"):
        graph.find_input("weights", "key")


def test_tensor_names() -> None:
    assert [tensor_name(name) for name in ("x", "x:0", "x:1", "a/b")] == ["x:0", "x:0", "x:1", "a/b:0"]


def test_a_file_cut_off_anywhere_is_refused_or_holds_exactly_the_nodes_before_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "cut.pb"
    borders = {sum(map(len, NODES[:count])): count for count in range(1, len(NODES) + 1)}
    whole = 0
    for length in range(len(GRAPH)):
        path.write_bytes(GRAPH[:length])
        if length in borders:
            whole += 1
            assert len(read_graph(path).nodes) == borders[length]
            continue
        with pytest.raises(ModelError, match=r"^[^\n]*cut\.pb: [^\n]*$"):
            read_graph(path)
    assert whole == len(borders)


def test_a_cut_between_two_nodes_is_noticed_where_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.pb"
    path.write_bytes(b"".join(NODES[1:]))
    with pytest.raises(ModelError, match="cut off: its node `Net/Conv` reads `input`, which is missing"):
        read_graph(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"hello, this is text\n" * 20, "not a frozen TensorFlow graph"),
        (b"\n\n\n" * 50, "not a frozen TensorFlow graph"),
        (b"node {\n  name: 'input'\n}\n", "it is in text form"),
        (b"\x08\x01" + text(2, b"meta graph"), "it is a SavedModel"),
        (VERSIONS, "it contains no node"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100), "not a frozen TensorFlow graph"),
        (b"\x00" * 100, "not a frozen TensorFlow graph"),
        (b"<?xml version='1.0'?><net></net>", "not a frozen TensorFlow graph"),
        (b"\xff" * 100, "not a frozen TensorFlow graph"),
    ],
)
def test_what_is_no_graph_is_said_to_be_none(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "net.pb"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_graph(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such graph; run `harness fetch"):
        read_graph(tmp_path / "none.pb")
    with pytest.raises(ModelError, match="a folder"):
        read_graph(tmp_path)


@pytest.mark.shared
def test_the_real_graph_is_read_quickly(shared: Path) -> None:
    begin = time.thread_time()  # whatever else the machine does
    graph = read_graph(shared / "models" / "mobilenet_v2_1.0_224_frozen.pb")
    assert time.thread_time() - begin < 1
    assert graph.inputs == ["input"]
    assert graph.outputs == ["MobilenetV2/Predictions/Reshape_1"]
    assert graph.sha256 == "4a95a7d63d4b7f4e6ca130dde2153b5788a8231e6ec6180c3c8c070f51356e68"  # its publisher's note
