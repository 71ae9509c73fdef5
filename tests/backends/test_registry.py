"""The registry names every backend without importing its framework."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from harness.backends.registry import backends, facts_of, load_target, recognise, register, unregister
from harness.errors import ConfigError


def test_asking_the_registry_imports_no_framework_and_no_numpy() -> None:
    heavy = ["openvino", "tensorflow", "numpy", "pydantic", "cv2"]
    script = (
        "import sys; from harness.backends.registry import backends; backends(); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", list(backends()))
def test_every_lazy_target_is_there(name: str) -> None:
    facts = facts_of(name)
    assert facts.name == name
    for target in (facts.runner, facts.reader, facts.devices):
        assert target is None or callable(load_target(target))


def test_an_ir_is_its_xml_and_its_bin() -> None:
    assert facts_of("openvino").files_of(Path("a/b.xml")) == (Path("a/b.xml"), Path("a/b.bin"))
    assert facts_of("tensorflow").files_of(Path("a/b.pb")) == (Path("a/b.pb"),)


def test_a_backend_can_be_added_and_taken_back() -> None:
    register(dataclasses.replace(facts_of("tensorflow"), name="fake"))
    try:
        assert facts_of("fake").name == "fake"
    finally:
        unregister("fake")
    with pytest.raises(ConfigError, match="there is no backend 'fake'"):
        facts_of("fake")


def test_a_misspelt_backend_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'tensorflow'"):
        facts_of("tensorflw")


def test_a_model_is_recognised_by_its_suffix_or_by_the_marker_in_its_folder(tmp_path: Path) -> None:
    assert recognise(Path("a/b.xml")) is facts_of("openvino")
    assert recognise(Path("a/b.jpg")) is None
    assert recognise(tmp_path) is None
    folder = dataclasses.replace(facts_of("tensorflow"), name="folder", suffixes=(), markers=("saved_model.pb",))
    register(folder)
    try:
        assert recognise(tmp_path) is None
        (tmp_path / "saved_model.pb").touch()
        assert recognise(tmp_path) is folder
    finally:
        unregister("folder")


def test_the_fake_backend_is_registered(fake_backend: dict[str, object]) -> None:
    assert recognise(Path("a.fake")) is facts_of("fake")
    assert fake_backend == {}
    assert callable(load_target(facts_of("fake").runner))
