"""Options of ONNX Runtime's session, its configuration and its provider: set, read back, refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from harness.backends.onnxruntime.properties import Asked, asked, require_taken
from harness.backends.onnxruntime.runner import ONNXRuntimeBackend
from harness.errors import ConfigError
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.backends.onnxruntime.test_runner import spec
from tests.conftest import Network

ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; it is the extra [onnx]")


@pytest.fixture
def model(network: Network, tmp_path: Path) -> Path:
    return write_onnx(tmp_path / "m.onnx", network)


def test_read_back(model: Path) -> None:
    properties: dict[str, Any] = {
        "graph_optimization_level": "disable_all",
        "enable_mem_pattern": False,
        "intra_op_num_threads": 1,
        "session.intra_op.allow_spinning": False,
    }
    with ONNXRuntimeBackend(spec(model, properties=properties)) as backend:
        found = {name: pair["effective"] for name, pair in backend.loaded.properties.items()}
    assert found == {
        "graph_optimization_level": "ORT_DISABLE_ALL",
        "enable_mem_pattern": False,
        "intra_op_num_threads": 1,
        "session.intra_op.allow_spinning": "0",
    }


def test_the_devices_own_hints(model: Path) -> None:
    with ONNXRuntimeBackend(spec(model, hints="device", precision="device_default", threads=1)) as backend:
        assert backend.loaded.details["threads"] == len(
            os.sched_getaffinity(0)
        )  # also where this process may use fewer than there are
    with ONNXRuntimeBackend(spec(model, threads=1)) as backend:
        assert backend.loaded.details["threads"] == 1


@pytest.mark.parametrize(
    ("change", "streams", "each"),
    [
        ({"batch": 8}, 2, 1),
        ({"batch": 128}, 2, 1),
        ({"batch": 256}, 1, 2),
        ({"properties": {"intra_op_num_threads": 2}}, 1, 2),
        ({"properties": {"execution_mode": "parallel"}}, 1, 2),
    ],
)
def test_batches_run_side_by_side_unless_properties_decide_on_threads(
    model: Path, change: dict[str, Any], streams: int, each: int
) -> None:
    with ONNXRuntimeBackend(spec(model, threads=2, **change)) as backend:
        assert (backend.loaded.details["threads"], backend.loaded.details["streams"]) == (2, streams)
        assert backend._session.get_session_options().intra_op_num_threads == each


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"graph_optimisation_level": "all"}, "did you mean graph_optimization_level?"),
        ({"graph_optimization_level": "most"}, "is not one of ORT_DISABLE_ALL"),
        ({"enable_mem_pattern": "no"}, "true or false"),
        ({"intra_op_num_threads": -1}, "a whole number from 0"),
        ({"intra_op_num_threads": True}, "a whole number from 0"),
        ({"session.intra_op.allow_spining": 0}, "did you mean session.intra_op.allow_spinning?"),
        ({"session.zzz": 0}, "has no such entry"),
        ({"session.optimized_model_filepath": "x"}, "is a file or folder, which cannot be set"),
        ({"backend_path": "evil.so"}, "is a file or folder, which cannot be set"),
        ({"optimized_model_filepath": "x"}, "is a file or folder, which cannot be set"),
        ({"arena": 1}, "neither CPU nor the session has such an option"),
        ({"use_deterministic_compute": {"CPU": {}}}, "is a mapping"),
    ],
)
def test_refused(model: Path, properties: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught, ONNXRuntimeBackend(spec(model, properties=properties)):
        pass
    assert said in str(caught.value)


def test_options_of_a_provider_that_is_not_here(model: Path) -> None:
    """What a provider answers, written out: this machine has none but the processor's."""
    wanted = spec(model, device="CUDA", properties={"arena_extend_strategy": "kSameAsRequested", "use_tf32": True})
    with pytest.raises(ConfigError, match="is decided by `device` and `precision`"):
        asked(ort, wanted, {"use_tf32": "0"})
    found = asked(ort, wanted, {})
    assert found == Asked({}, {}, {"arena_extend_strategy": "kSameAsRequested", "use_tf32": "1"})
    require_taken(wanted, found, {"arena_extend_strategy": "kSameAsRequested", "use_tf32": "1"})
    with pytest.raises(ConfigError, match=r"arena_extend_strategy: .* did you mean arena_extend_strategi\?"):
        require_taken(wanted, found, {"arena_extend_strategi": "0", "use_tf32": "1"})
