"""The registry names every backend without importing its framework."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

import harness.backends
from harness.backends.registry import backends, built_in, facts_of, load_target, recognise, register, unregister
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
    lazy = ("runner", "reader", "devices", "importer", "editor", "recogniser", "files")
    for target in (getattr(facts, field) for field in lazy):
        assert target is None or callable(load_target(target))


@pytest.mark.parametrize("name", list(backends()))
def test_every_lazy_target_lies_in_the_folder_of_its_backend(name: str) -> None:
    values = dataclasses.asdict(facts_of(name)).values()
    targets = [value for value in values if isinstance(value, str) and ":" in value]
    assert targets
    assert all(target.startswith(f"harness.backends.{name}.") for target in targets)


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
    folder = dataclasses.replace(facts_of("tensorflow"), name="folder", suffixes=(), markers=("marker.test",))
    register(folder)
    try:
        assert recognise(tmp_path) is None
        (tmp_path / "marker.test").touch()
        assert recognise(tmp_path) is folder
    finally:
        unregister("folder")


def test_a_built_in_backend_is_a_folder_with_facts() -> None:
    folder = Path(harness.backends.__file__).parent
    folders = {path.name for path in folder.iterdir() if (path / "facts.py").is_file()}
    assert {"openvino", "tensorflow"} <= folders
    assert {*built_in("reference"), *built_in("candidate")} == folders


def test_a_model_that_is_a_folder_is_all_files_below_it(tmp_path: Path) -> None:
    for name in ("variables/variables.index", "saved_model.pb", "assets/b/c.txt", "assets/a.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    facts = dataclasses.replace(facts_of("tensorflow"), suffixes=(), markers=("saved_model.pb",))
    assert facts.runs_folders
    expected = ("assets/a.txt", "assets/b/c.txt", "saved_model.pb", "variables/variables.index")
    assert facts.files_of(tmp_path) == tuple(tmp_path / name for name in expected)


def files_with_weights(model: Path) -> tuple[Path, ...]:
    return (model, *sorted(model.parent.glob("*.weights")))


def test_a_backend_can_find_the_files_of_its_models_itself(tmp_path: Path) -> None:
    (tmp_path / "a.weights").touch()
    facts = dataclasses.replace(facts_of("tensorflow"), files=f"{__name__}:files_with_weights")
    assert facts.files_of(tmp_path / "a.pb") == (tmp_path / "a.pb", tmp_path / "a.weights")


def begins_with_zip(model: Path) -> bool:
    return model.read_bytes().startswith(b"PK")


def test_backends_with_the_same_suffix_are_distinguished_by_content(tmp_path: Path) -> None:
    other = dataclasses.replace(facts_of("tensorflow"), name="other", recogniser=f"{__name__}:begins_with_zip")
    (tmp_path / "zip.pb").write_bytes(b"PK\3\4")
    (tmp_path / "graph.pb").write_bytes(b"\n\5")
    register(other)
    try:
        assert recognise(tmp_path / "zip.pb") is other
        assert recognise(tmp_path / "graph.pb") is facts_of("tensorflow")
        assert not other.recognises(tmp_path / "graph.pb")
        assert not other.recognises(tmp_path / "zip.xml")
        assert other.recognises(tmp_path / "absent.pb")  # by its name, since it has no content
    finally:
        unregister("other")


def test_the_fake_backend_is_registered(fake_backend: dict[str, object]) -> None:
    assert recognise(Path("a.fake")) is facts_of("fake")
    assert fake_backend == {}
    assert callable(load_target(facts_of("fake").runner))


def test_another_distribution_adds_a_backend_by_an_entry_point(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(
        "from harness.backends.registry import BackendFacts\n"
        "FACTS = BackendFacts(name='theirs', title='Theirs', roles=frozenset({'candidate'}), suffixes=('.theirs',),\n"
        "    module='theirs', distributions=('theirs',), extra='theirs', runner='theirs:Runner')\n"
    )
    described = tmp_path / "theirs-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[harness.backends]\ntheirs = theirs:FACTS\n")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from harness.backends.registry import facts_of; "
        "print(facts_of('theirs').title, facts_of('theirs').version())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "Theirs theirs 1.0"


@pytest.mark.parametrize(
    ("word", "name"),
    [("onnx", "onnxruntime"), ("ort", "onnxruntime"), ("tflite", "litert"), ("PyTorch", "torch"), ("litret", "litert")],
)
def test_names_that_people_type_get_a_hint_and_are_not_accepted(word: str, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"there is no backend '{word}'; did you mean '{name}'\? Available"):
        facts_of(word)
