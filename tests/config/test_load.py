"""Reading a configuration: paths, overrides, files that cannot be read, and all faults at once."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.backends.registry import backends, facts_of, register, unregister
from harness.config import Config, load_config
from harness.config.load import _LARGEST
from harness.errors import ConfigError

Example = Callable[..., Path]
ENVIRONMENT = {"IMAGENET_VAL": "/data/val"}
DESIGN = Path(__file__).resolve().parents[2].parent / "shared" / "DESIGN.md"


def refused(path: Path, *overrides: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides, ENVIRONMENT if environment is None else environment)
    assert caught.value.exit_code == 2
    return str(caught.value)


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text in line)


def test_the_example_of_the_design_loads_word_for_word(example: Example) -> None:
    config = load_config(example(), environment=ENVIRONMENT)
    assert config.name == "mobilenet-v2-1.0-224"
    assert config.dataset.path == Path("/data/val")
    assert (config.dataset.images, config.dataset.outputs, config.dataset.background_class) == (50_000, 1001, True)
    assert config.dataset.preprocess.model_dump() == {
        "crop_fraction": 0.875,
        "size": 224,
        "interpolation": "bilinear",
        "exif": "ignore",
    }
    assert config.original.id == "tf"
    assert config.original.input.mean_per_channel == (127.5, 127.5, 127.5)
    assert config.original.input.scale_per_channel == (127.5, 127.5, 127.5)
    assert config.candidates[0].input.mean_per_channel == (0, 0, 0)
    assert config.candidates[0].input.scale_per_channel == (1, 1, 1)
    assert (config.candidates[0].input.color, config.candidates[0].precision) == ("BGR", "f32")
    assert config.published is not None
    assert (config.published.top1_percent, config.published.top5_percent) == (71.85, 90.69)
    assert config.gates.parity is not None
    assert (config.gates.parity.images, config.gates.parity.max_abs_diff) == (64, 0.001)


@pytest.mark.shared
def test_the_example_is_the_designs() -> None:
    if not DESIGN.exists():
        pytest.skip("the design lies next to the project, and it is not there")
    blocks = re.findall(r"```yaml\n(.*?)```", DESIGN.read_text(encoding="utf-8"), re.DOTALL)
    assert (Path(__file__).parent / "example.yml").read_text(encoding="utf-8") in blocks


def test_paths_are_relative_to_the_file(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = example(("labels: auto", "labels: ../lists/val.txt"), ("${IMAGENET_VAL}", "images/val"))
    monkeypatch.chdir(elsewhere)
    config = load_config(path)
    assert config.dataset.path == tmp_path / "images/val"
    assert config.dataset.labels == str(tmp_path.parent / "lists/val.txt")
    assert config.original.model == tmp_path / "build/mobilenet_v2_1.0_224_frozen.pb"
    assert config.candidates[0].model == tmp_path / "build/mobilenet-v2-1.0-224.xml"


def test_a_file_named_relatively_still_gives_absolute_paths(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example()
    monkeypatch.chdir(tmp_path)
    config = load_config("c.yml", environment=ENVIRONMENT)
    assert config.original.model == tmp_path / "build/mobilenet_v2_1.0_224_frozen.pb"
    assert config.where("reference.model").startswith("c.yml:")


def test_the_archives_default_folder_is_beside_the_models(example: Example, tmp_path: Path) -> None:
    archive = "archive: {url: https://example.org/a.tgz, bytes: 1, sha384: " + "a" * 96 + "}\ngates:"
    config = load_config(example(("gates:", archive)), environment=ENVIRONMENT)
    assert config.archive is not None
    assert config.archive.folder == tmp_path / "build" == config.original.model.parent


def test_overridden_paths_are_relative_to_the_current_folder(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    overrides = ["dataset.path=val", "dataset.labels=val.txt", "candidates.ir.model=new/ir.xml", "cache.folder=c"]
    config = load_config(example(), overrides, {})
    assert config.dataset.path == elsewhere / "val"
    assert config.dataset.labels == str(elsewhere / "val.txt")
    assert config.candidates[0].model == elsewhere / "new/ir.xml"
    assert config.cache.folder == elsewhere / "c"
    assert config.original.model.parent == tmp_path / "build"  # not overridden


def test_a_home_folder_is_expanded_and_a_stranger_s_is_left(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    path = example()
    assert load_config(path, ["dataset.path=~/val"]).dataset.path == Path("/home/me/val")
    assert load_config(path, ["dataset.path=~nobody-has-this-name/val"]).dataset.path.name == "val"


def test_what_needs_no_images_needs_no_variable_for_them(example: Example) -> None:
    path = example()
    config = load_config(path, environment={}, without_dataset=True)
    assert config.original.id == "tf"
    assert load_config(path, ["dataset.path=/x"], {}, without_dataset=True).dataset.path == Path("/x")
    with pytest.raises(ConfigError, match=r"1 fault[^s]"):  # any other fault is still one
        load_config(example(("color: RGB", "color: rgb")), environment={}, without_dataset=True)
    with pytest.raises(ConfigError, match="the variable GRAPH is not set"):
        load_config(example(("build/mobilenet_v2_1.0_224_frozen.pb", "${GRAPH}")), environment={}, without_dataset=True)


def test_labels_auto_is_no_path(example: Example) -> None:
    assert load_config(example(), ["dataset.labels=auto"], ENVIRONMENT).dataset.labels == "auto"


def test_all_faults_at_once_with_file_line_key_and_mend(example: Example) -> None:
    path = example(
        ("labels: auto", "lables: auto"),
        ("images: 50000", "images: many"),
        ("color: RGB", "color: rgb"),
        ("device: CPU", "device: CPU\n    device: GPU"),
        ("  model: build/mobilenet_v2_1.0_224_frozen.pb\n", ""),
        ("drop: ", "drp: "),
        ("top5_percent: 90.69", "top5_percent: 190.69"),
    )
    told = refused(path, environment={})

    def one(text: str) -> str:
        found = [line for line in told.splitlines() if text in line]
        assert len(found) == 1, (text, told)
        return found[0].strip()

    assert told.splitlines()[0] == f"{path}: 8 faults in the configuration"
    assert len(told.splitlines()) == 9
    assert one("IMAGENET_VAL").startswith(f"{path}:{line_of(path, 'IMAGENET_VAL')}: dataset.path: ")
    assert "export IMAGENET_VAL=" in one("IMAGENET_VAL")
    at = line_of(path, "lables")
    assert one("lables") == f"{path}:{at}: dataset.lables: unknown key; did you mean `labels`?"
    assert one("dataset.images").startswith(f"{path}:{line_of(path, 'many')}: dataset.images: ")
    assert one("color").endswith("'rgb' is not one of 'RGB' or 'BGR'; did you mean 'RGB'?")
    assert one("device").startswith(f"{path}:{line_of(path, 'device: GPU')}: candidates[0].device: appears twice")
    assert f"first in line {line_of(path, 'device: CPU')}" in one("device")
    assert one("reference.model").startswith(f"{path}:{line_of(path, 'reference:')}: reference.model: is missing: ")
    assert one("gates.drp").endswith("unknown key; did you mean `drop`?")
    assert "less than or equal to 100 (it is 190.69)" in one("top5_percent")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("version: 1", "version: 2", "version: 2 is not supported, only version 1 is"),
        ("version: 1", "version: true", "version: true is not supported"),
        ("version: 1\n", "", "version: is missing; add `version: 1`"),
        ("images: 50000 ", "images: true ", "dataset.images: should be a number (it is true)"),
        ("images: 50000 ", "images: 64.5 ", "dataset.images: should be a valid integer"),
        ("images: 50000 ", "images: 0 ", "dataset.images: should be greater than or equal to 1 (it is 0)"),
        ("images: 50000 ", "images: -3 ", "dataset.images: "),
        ("max_abs_diff: 1.0e-3", "max_abs_diff: .nan", "gates.parity.max_abs_diff: should be a finite number"),
        ("max_abs_diff: 1.0e-3", "max_abs_diff: .inf", "gates.parity.max_abs_diff: should be a finite number"),
        ("max_abs_diff: 1.0e-3", "max_abs_diff: true", "gates.parity.max_abs_diff: should be a number (it is true)"),
        ("mean: 127.5", "mean: [1, 2]", "reference.input.mean: write one number, or three"),
        ("mean: 127.5", "mean: [1, .nan, 2]", "reference.input.mean: write one number, or three"),
        ("mean: 127.5", "mean: .inf", "reference.input.mean: write one number, or three"),
        ("mean: 127.5", "mean: true", "reference.input.mean: write one number, or three"),
        ("mean: 127.5", "mean: " + "1" * 400, "reference.input.mean: write one number, or three"),
        ("scale: 127.5", "scale: [1, 0, 1]", "reference.input.scale: a scale of 0 would divide by zero"),
        ("name: mobilenet-v2-1.0-224", "name: 224", 'name: should be text; put it in quotes, such as "224"'),
        ("name: mobilenet-v2-1.0-224", "name: on", 'name: should be text; put it in quotes, such as "on" (it is true)'),
        (
            "name: mobilenet-v2-1.0-224",
            "name: 0x1F",
            'name: should be text; put it in quotes, such as "0x1F" (it is 31)',
        ),
        ("id: ir", "id: no", 'candidates[0].id: should be text; put it in quotes, such as "no" (it is false)'),
        ("id: ir", "id: 1e3", 'candidates[0].id: should be text; put it in quotes, such as "1e3" (it is 1000.0)'),
        (
            "top1_percent: 71.85",
            "top1_percent: 0.7185",
            "published.top1_percent: is in percent, and 0.7185 % is a frac",
        ),
        (
            "top5_percent: 90.69",
            "top5_percent: .9069",
            "top5_percent: is in percent, and 0.9069 % is a fraction; write 90.69",
        ),
        (
            "top5_percent: 90.69",
            "top5_percent: 9.069",
            "published: top5_percent is 9.069, less than the top1_percent of 71.85",
        ),
        ("name: mobilenet-v2-1.0-224", "name: a/b", "name: String should match pattern"),
        ("name: mobilenet-v2-1.0-224", "name: ..", "name: String should match pattern"),
        ("${IMAGENET_VAL}", "2012", 'dataset.path: should be a path; put it in quotes, such as "2012"'),
        ("${IMAGENET_VAL}", '""', "dataset.path: is empty"),
        ("${IMAGENET_VAL}", "[a]", "dataset.path: should be a path"),
        ("id: ir", "id: tf", "candidates[0].id: the id 'tf' is already used by reference"),
        ("preprocess: {", "preprocess: 3 #", "dataset.preprocess: should be a mapping"),
        ("precision: f32", "precision: fp32", "'fp32' is not one of"),
        ("precision: f32", "precision: fp32", "did you mean 'f32'?"),
        (
            "backend: openvino",
            "backend: zzz",
            f"candidates[0].backend: there is no backend 'zzz'; available: {', '.join(backends())}",
        ),
        ("backend: openvino", "backend: 3", 'candidates[0].backend: should be text; put it in quotes, such as "3"'),
        ("backend: openvino", "backend: [openvino]", "candidates[0].backend: should be text"),
        ("max_abs_diff: 1.0e-3", "max_abs_diff: 1", "at most 1, so the gate could never fail; write a limit below 1"),
        ("max_abs_diff: 1.0e-3", "max_abs_diff: 60.0", "so the gate could never fail; write a limit below 1"),
        (
            "max_abs_diff: 1.0e-3",
            "max_abs_diff: 1e-3_0",
            "max_abs_diff: should be a number, without `_` (it is '1e-3_0')",
        ),
        ("max_abs_diff: 1.0e-3", "max_abs_diff: '0.0_1'", "max_abs_diff: should be a number, without `_`"),
        ("images: 64", "images: '6_4'", "gates.parity.images: should be a number, without `_` (it is '6_4')"),
        ("top1_tolerance_pp: 0.10", "top1_tolerance_pp: 1.0e+300", "should be less than or equal to 100"),
        ("images: 50000 ", "images: 060 ", "dataset.images: '060' is read as different numbers by different ver"),
        ("    device: CPU", "    timeout_seconds: 1e300", "timeout_seconds: should be less than or equal to 604800"),
        ("    device: CPU", "    timeout_seconds: .nan", "timeout_seconds: should be a finite number"),
        ("    device: CPU", "    timeout_seconds: .inf", "timeout_seconds: should be a finite number"),
        ("    device: CPU", "    timeout_seconds: 0", "timeout_seconds: should be greater than 0"),
        ("    device: CPU", "    timeout_seconds: -1", "timeout_seconds: should be greater than 0"),
        ("    device: CPU", "    timeout_seconds: 1:30:20", "'1:30:20' is read as different numbers by different ver"),
        ("    device: CPU", "    timeout_seconds: 300s", "timeout_seconds: should be a valid number"),
        ("published:", "images: 5\npublished:", "images: unknown key; did you mean `dataset.images`?"),
        ("drop: ", "images: 5\n  drop: ", "gates.images: unknown key; did you mean `dataset.images`?"),
        ("crop_fraction: 0.875", "crop_fraction: 87.5", "dataset.preprocess.crop_fraction: should be less than"),
        ("crop_fraction: 0.875", "crop_fraction: 0", "dataset.preprocess.crop_fraction: should be greater than 0"),
        ("drop:   {top1_max_pp: 0.10, top5_max_pp: 0.10}", "drop: 0.1", "gates.drop: should be a mapping"),
    ],
)
def test_wrong_values(example: Example, old: str, new: str, told: str) -> None:
    path = example((old, new))
    message = refused(path)
    assert told in message
    assert len(message.splitlines()) == 2, message


def test_a_backend_that_there_is_not_is_answered_with_those_that_there_are(example: Example) -> None:
    path = example(("backend: openvino", "backend: qqq"))
    there = ", ".join(backends())
    at = line_of(path, "qqq")
    assert refused(path).splitlines()[1:] == [
        f"  {path}:{at}: candidates[0].backend: there is no backend 'qqq'; available: {there}"
    ]
    told = refused(example(("backend: openvino", "backend: openvin")))
    assert "there is no backend 'openvin'; did you mean 'openvino'?" in told
    assert told.endswith(f"? Available: {there}")
    told = refused(example(("backend: tensorflow", "backend: tensorflw")))
    assert "reference.backend: there is no backend 'tensorflw'; did you mean 'tensorflow'?" in told


def test_a_registered_backend_can_be_named_in_its_roles(example: Example) -> None:
    facts = dataclasses.replace(facts_of("openvino"), name="own", roles=frozenset({"candidate"}))
    register(facts)
    try:
        config = load_config(example(("backend: openvino", "backend: own")), environment=ENVIRONMENT)
        assert config.candidates[0].backend == "own"
        told = refused(example(("backend: tensorflow", "backend: own")))
        assert "reference.backend: the backend 'own' cannot run a reference; those that can are " in told
        assert "tensorflow" in told.rpartition("those that can are")[2]
        register(dataclasses.replace(facts, roles=frozenset({"candidate", "reference"})))
        config = load_config(example(("backend: tensorflow", "backend: own")), environment=ENVIRONMENT)
        assert config.original.backend == "own"
    finally:
        unregister("own")


@pytest.mark.parametrize("value", ["[]", "{}", "null", "x", "3"])
def test_no_candidates(example: Example, value: str, tmp_path: Path) -> None:
    text = example().read_text(encoding="utf-8")
    head, _, rest = text.partition("candidates:")
    path = tmp_path / "none.yml"
    path.write_text(f"{head}candidates: {value}\npublished:{rest.partition('published:')[2]}", encoding="utf-8")
    assert "candidates: " in refused(path)


def test_messages_stay_short(example: Example) -> None:
    told = refused(example(("color: RGB", f"color: {'x' * 5000}")))
    assert len(told) < 500


def test_the_faults_of_a_later_candidate_name_its_line(example: Example) -> None:
    text = "  - {id: gpu, model: x.xml, input: {color: BGR}, output: o, devise: GPU}\npublished:"
    path = example(("published:", text))
    at = line_of(path, "devise")
    assert f"{path}:{at}: candidates[1].devise: unknown key; did you mean `device`?" in refused(path)


def test_numbers_as_people_write_them(example: Example) -> None:
    path = example(("max_abs_diff: 1.0e-3", "max_abs_diff: 1e-3"), ("mean: 127.5", "mean: 1.275e2"))
    config = load_config(path, environment=ENVIRONMENT)
    assert config.gates.parity is not None
    assert config.gates.parity.max_abs_diff == 0.001
    assert config.original.input.mean == 127.5


def test_a_date_or_a_sign_is_text(example: Example) -> None:
    config = load_config(example(("name: mobilenet-v2-1.0-224", "name: 2024-01-31")), environment=ENVIRONMENT)
    assert config.name == "2024-01-31"


class TestTheFile:
    def test_missing_with_a_near_miss(self, tmp_path: Path) -> None:
        (tmp_path / "mobilenet.yml").write_text("")
        (tmp_path / "other.txt").write_text("")
        told = refused(tmp_path / "mobilnet.yml")
        assert told == f"{tmp_path}/mobilnet.yml: no such configuration; did you mean {tmp_path}/mobilenet.yml?"
        assert refused(tmp_path / "zzz") == f"{tmp_path}/zzz: no such configuration"

    def test_missing_folder(self, tmp_path: Path) -> None:
        assert refused(tmp_path / "no" / "c.yml").endswith("no such file, and no such folder")

    def test_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "b.yml").write_text("")
        assert refused(tmp_path) == f"{tmp_path}: a folder; give the YAML file in it, such as {tmp_path}/b.yml"

    def test_a_file_taken_for_a_folder(self, example: Example) -> None:
        assert "cannot be read: Not a directory" in refused(example() / "c.yml")

    def test_unreadable(self, example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_permission(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        path = example()
        monkeypatch.setattr(Path, "open", no_permission)  # the tests may run as root, who may read everything
        assert refused(path) == f"{path}: cannot be read: Permission denied"

    def test_a_name_that_no_file_can_have(self) -> None:
        assert "cannot be read" in refused(Path("a\0b"))

    @pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "- a\n", "3\n", "word\n"])
    def test_nothing_in_it(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "c.yml"
        path.write_text(text)
        assert refused(path) == f"{path}: the file must contain a mapping that begins with `version: 1`"

    def test_huge(self, tmp_path: Path) -> None:
        path = tmp_path / "c.yml"
        path.write_bytes(b"#" * (_LARGEST + 1))
        assert "larger than" in refused(path)
        with (tmp_path / "sparse.yml").open("wb") as stream:
            stream.truncate(1 << 40)
        assert "larger than" in refused(tmp_path / "sparse.yml")

    def test_not_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / "c.yml"
        path.write_bytes(b"name: caf\xe9\n")
        assert refused(path) == f"{path}: not UTF-8 text (byte 9); save it as UTF-8"
        path.write_bytes("version: 1\n".encode("utf-16"))
        assert "not UTF-8 text" in refused(path)

    def test_a_byte_order_mark_is_fine(self, example: Example) -> None:
        path = example()
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert load_config(path, environment=ENVIRONMENT).version == 1

    def test_windows_line_ends_are_fine(self, example: Example) -> None:
        path = example(("images: 50000", "images: many"))
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert f"{path}:{line_of(path, 'many')}: dataset.images" in refused(path)

    @pytest.mark.parametrize(
        ("text", "line", "what"),
        [
            ("version: 1\nname: [a\n", 3, "expected ',' or ']'"),
            ("version: 1\n\tname: a\n", 2, "cannot start any token"),
            ("version: 1\nname: a\n--- \nb: 1\n", 3, "another document"),
            ("version: 1\nname: \0\n", 2, "special characters are not allowed"),
            ("version: 1\ndataset: {path: ${DATA}}\n", 2, 'inside { } and [ ], put a variable in quotes: "${NAME}"'),
        ],
    )
    def test_no_yaml(self, tmp_path: Path, text: str, line: int, what: str) -> None:
        path = tmp_path / "c.yml"
        path.write_text(text)
        told = refused(path)
        assert told.startswith(f"{path}:{line}: not readable as YAML: ")
        assert what in told


def test_where_knows_file_line_and_override(example: Example) -> None:
    path = example()
    config = load_config(path, ["candidates.ir.device=GPU"], ENVIRONMENT)
    assert config.source_file == path
    at = line_of(path, "build/mobilenet_v2_1.0_224_frozen.pb")
    assert config.where("reference.model") == f"{path}:{at}: reference.model"
    assert config.where("candidates[0].device") == "--set candidates[0].device"
    # A key that only has its default is found at the mapping around it.
    assert config.where("dataset.classes") == f"{path}:{line_of(path, 'dataset:')}: dataset.classes"


def test_what_was_resolved_loads_again(example: Example) -> None:
    config = load_config(example(), ["gates.parity=null"], ENVIRONMENT)
    again = Config.model_validate(config.resolved())
    assert again.resolved() == config.resolved()
    assert os.fspath(again.dataset.path) == "/data/val"
