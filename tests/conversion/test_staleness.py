from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.config import Config
from harness.conversion import convert, staleness
from harness.errors import ConfigError, ModelError

Make = Callable[..., Config]


@pytest.fixture
def graph(tiny: Any, tmp_path: Path) -> Path:
    path = tmp_path / "net.pb"
    path.write_bytes(tiny.path.read_bytes())
    return path


@pytest.fixture
def fresh(graph: Path, configure: Make) -> Config:
    config = configure(graph)
    convert(config, config.candidates[0])
    return config


def why(config: Config) -> str:
    sentence = staleness(config, config.candidates[0])
    assert sentence is not None
    return sentence


def test_a_fresh_ir_is_not_stale_and_the_answer_is_quick(fresh: Config) -> None:
    begin = time.thread_time()  # whatever else the machine does
    assert staleness(fresh, fresh.candidates[0]) is None
    assert time.thread_time() - begin < 0.5


def test_what_does_not_decide_does_not_make_it_stale(fresh: Config, graph: Path, configure: Make) -> None:
    def change(data: dict[str, Any]) -> None:
        data["dataset"]["preprocess"].update(crop_fraction=0.5, interpolation="cubic")
        data["candidates"][0].update(precision="bf16", device="GPU")

    assert staleness(configure(graph, change), configure(graph, change).candidates[0]) is None


def test_missing(graph: Path, configure: Make) -> None:
    assert why(configure(graph)).endswith("ir.xml does not exist")


def test_another_graph(fresh: Config, graph: Path) -> None:
    graph.write_bytes(graph.read_bytes() + b"\x22\x00")
    assert "made from a different graph: sha256" in why(fresh)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d["candidates"][0]["input"].update(color="RGB"), "color was BGR and is RGB now"),
        (lambda d: d["candidates"][0]["input"].update(name="pixels"), "input_name was input and is pixels now"),
        (lambda d: d["candidates"][0].update(output="P"), "output_name was Net/Probabilities and is P now"),
        (lambda d: d.update(conversion={"weights": "f16"}), "weights was f32 and is f16 now"),
        (
            lambda d: d["reference"]["input"].update(mean=1.0),
            "mean_inside was [120.0, 110.0, 100.0] and is [1.0, 1.0, 1.0]",
        ),
        (
            lambda d: d["reference"]["input"].update(scale=2.0),
            "scale_inside was [60.0, 50.0, 40.0] and is [2.0, 2.0, 2.0]",
        ),
        (
            lambda d: d["reference"].update(output="Net/Softmax"),
            "source_output was Net/Reshape_1:0 and is Net/Softmax:0",
        ),
        (lambda d: d["dataset"]["preprocess"].update(size=32), "input_shape was 1,16,16,3 and is 1,32,32,3 now"),
    ],
)
def test_every_setting_that_decides(
    fresh: Config, graph: Path, configure: Make, change: Callable[[dict[str, Any]], None], expected: str
) -> None:
    sentence = why(configure(graph, change))
    assert "made with other settings" in sentence
    assert expected in sentence


def test_another_openvino(fresh: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2030.1" if name == "openvino" else real(name))
    assert "this is OpenVINO 2030.1" in why(fresh)


def test_another_bin(fresh: Config, tmp_path: Path) -> None:
    weights = tmp_path / "ir.bin"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "its sha256 is not the one in ir.xml" in why(fresh)
    weights.write_bytes(content[:-1])
    assert "cut off" in why(fresh)
    weights.unlink()
    assert "is missing" in why(fresh)


def test_made_by_another_tool_cut_off_or_by_another_harness(fresh: Config, tmp_path: Path) -> None:
    xml = tmp_path / "ir.xml"
    whole = xml.read_text()
    xml.write_text(whole.replace('<contract_version value="1"', '<contract_version value="99"'))
    assert "made by another version of the harness" in why(fresh)
    xml.write_text(whole[:-100])
    assert "cut off" in why(fresh)
    xml.write_text(
        '<net><rt_info><MO_version value="2024.6"/><cli_parameters><a value="1"/></cli_parameters></rt_info></net>'
    )
    assert "made by the Model Optimizer (2024.6), not by the harness" in why(fresh)


def test_without_the_graph_nothing_can_be_said(fresh: Config, graph: Path) -> None:
    graph.unlink()
    with pytest.raises(ModelError, match=r"net\.pb"):
        staleness(fresh, fresh.candidates[0])


def test_a_candidate_that_is_never_converted(graph: Path, configure: Make) -> None:
    config = configure(graph, lambda data: data["candidates"][0].update(backend="tensorflow"))
    with pytest.raises(ConfigError):
        staleness(config, config.candidates[0])
