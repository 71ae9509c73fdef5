"""Whole files: entries, definitions, published accuracy, what is refused, and input that nobody wrote on purpose."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import ConfigError, HarnessError
from harness.importing.accuracy_checker import Check, read_accuracy_check
from harness.importing.configuration import write_configuration

Imported = Callable[..., dict[str, Any]]

ENTRY = """\
  - name: net
    launchers:
      - {framework: FRAMEWORK, adapter: classification, model: MODEL}
    datasets:
      - name: imagenet_1000_classes
        preprocessing:
          - {type: resize, size: 224}
        metrics:
          - {type: accuracy, reference: TOP1}
          - {type: accuracy, top_k: 5, reference: 0.9}
"""


def entries(*rows: tuple[str, str, str]) -> str:
    text = "models:\n"
    for framework, model, top1 in rows:
        text += ENTRY.replace("FRAMEWORK", framework).replace("MODEL", model).replace("TOP1", top1)
    return text


class TestEntries:
    def test_the_original_model_is_the_reference_wherever_it_stands(self, imported: Imported) -> None:
        config = imported(entries(("openvino", "a.xml", "0.7"), ("onnx_runtime", "a.onnx", "0.7")))
        assert (config["reference"]["id"], [item["id"] for item in config["candidates"]]) == (
            "onnx_runtime",
            ["openvino"],
        )

    def test_a_single_original_model_is_a_candidate_without_reference(self, imported: Imported) -> None:
        config = imported(entries(("onnx_runtime", "a.onnx", "0.7")))
        assert config["reference"] is None
        assert config["candidates"][0]["backend"] == "onnxruntime"

    def test_ids_are_unique(self, imported: Imported) -> None:
        config = imported(entries(("tf", "a.pb", "0.7"), ("openvino", "a.xml", "0.7"), ("openvino", "b.xml", "0.7")))
        assert [item["id"] for item in config["candidates"]] == ["openvino", "openvino-2"]

    def test_another_published_accuracy_turns_the_target_gate_of_that_model_off(self, imported: Imported) -> None:
        config = imported(
            entries(("tf", "a.pb", "0.757"), ("openvino", "a.xml", "0.757"), ("onnx_runtime", "b", "0.777"))
        )
        assert config["published"] == {"top1_percent": 75.7, "top5_percent": 90, "images": 50000}
        assert "gates" not in config["candidates"][0]
        assert config["candidates"][1]["gates"] == {"target": None}

    def test_only_chooses_frameworks(self, write: Callable[..., Path]) -> None:
        file = write(entries(("caffe", "a", "0.7"), ("openvino", "a.xml", "0.7")))
        with pytest.raises(ConfigError, match=r"accuracy-check.yml:4: models\[0\].launchers\[0\].framework: Caffe"):
            read_accuracy_check(file)
        assert [entry.id for entry in read_accuracy_check(file, only=["openvino"]).entries] == ["openvino"]
        with pytest.raises(ConfigError, match=r"--only tf: .* has no such entry, only caffe, openvino"):
            read_accuracy_check(file, only=["tf"])

    def test_two_sets_of_labels_are_refused(self, write: Callable[..., Path]) -> None:
        text = entries(("tf", "a.pb", "0.7"), ("openvino", "a.xml", "0.7"))
        file = write(text[::-1].replace("imagenet_1000_classes"[::-1], "imagenet_1001_classes"[::-1], 1)[::-1])
        with pytest.raises(ConfigError, match="differ in whether class 0 is background"):
            read_accuracy_check(file)


class TestDataSets:
    def test_imagenet_is_known_without_definitions(self, imported: Imported) -> None:
        dataset = imported()["dataset"]
        assert (dataset["labels"], dataset["background_class"], dataset["classes"]) == ("auto", False, 1000)

    def test_definitions_beside_the_file_are_found_and_the_entry_wins(self, imported: Imported, minimal: str) -> None:
        definitions = (
            "datasets:\n  - name: mine\n    reader: pillow_imread\n    annotation_conversion: {converter: imagenet, "
            "annotation_file: val15.txt, has_background: True}\n    metrics: [{type: accuracy}]\n"
        )
        text = minimal.replace("imagenet_1000_classes", "mine")
        config = imported(text, dataset_definitions=definitions)
        assert config["dataset"]["labels"] == "val15.txt"
        assert config["dataset"]["background_class"] is True
        assert config["dataset"]["preprocess"]["decoder"] == "pillow"
        assert config["published"]["top1_percent"] == 74.46

    def test_named_definitions(self, imported: Imported, minimal: str) -> None:
        definitions = (
            "datasets:\n  - {name: mine, annotation_conversion: {converter: imagenet, annotation_file: val.txt}}\n"
        )
        text = "global_definitions: other.yml\n" + minimal.replace("imagenet_1000_classes", "mine")
        assert imported(text, other=definitions)["dataset"]["labels"] == "auto"

    def test_an_undefined_data_set_is_refused(self, check: Callable[..., Check], minimal: str) -> None:
        with pytest.raises(
            ConfigError, match=r":7: models\[0\].datasets\[0\].name: 'imagenet_1000' is defined neither"
        ):
            check(minimal.replace("imagenet_1000_classes", "imagenet_1000"))

    @pytest.mark.parametrize(
        ("line", "key"),
        [
            ("subsample_size: 100", "subsample_size"),
            ("postprocessing: [{type: x}]", "postprocessing"),
            ("preprocesing: []", "preprocesing"),
            (
                "annotation_conversion: {converter: imagenet, annotation_file: val.txt, has_backgrond: True}",
                "has_backgrond",
            ),
        ],
    )
    def test_what_would_evaluate_something_else_is_refused(
        self, check: Callable[..., Check], minimal: str, line: str, key: str
    ) -> None:
        with pytest.raises(ConfigError, match=rf":8: .*{key}: "):
            check(minimal.replace("        preprocessing:", f"        {line}\n        preprocessing:"))

    def test_labels_of_another_converter_are_asked_for(self, check: Callable[..., Check], minimal: str) -> None:
        line = "annotation_conversion: {converter: mine, images: x}"
        found = check(minimal.replace("        preprocessing:", f"        {line}\n        preprocessing:"))
        assert "the harness does not read labels of the converter mine" in found.notes[0].what
        dataset = yaml.safe_load(write_configuration(found))["dataset"]
        assert (dataset["path"], dataset["labels"], dataset["classes"]) == ("${IMAGES}", "${LABELS}", "${CLASSES}")


class TestMetrics:
    @pytest.mark.parametrize(
        ("metric", "message"),
        [
            ("{type: acuracy}", r"type: 'acuracy' is not a metric of a classifier.*did you mean accuracy\?"),
            ("{type: accuracy, reference: 71.8}", "reference: 71.8 is not a fraction between 0 and 1"),
            ("{type: accuracy, match: True}", "match: the harness does not compare predictions"),
            ("{type: accuracy, refrence: 0.7}", "refrence: this key is unknown"),
            ("{type: accuracy, abs_threshold: 0.1}", "abs_threshold: set the tolerance in percentage points"),
            ("{type: accuracy, top_k: 1, reference: 0.1}", "states Top-1 a second time"),
            ("{name: x}", "has no `type`"),
        ],
    )
    def test_faults(self, check: Callable[..., Check], minimal: str, metric: str, message: str) -> None:
        with pytest.raises(ConfigError, match=rf"accuracy-check.yml:16: .*{message}"):
            check(minimal + f"          - {metric}\n")

    @pytest.mark.parametrize(
        "metric", ["{type: acer_score, reference: 0.04}", "{type: accuracy, top_k: 3, reference: 0.8}"]
    )
    def test_what_no_gate_judges_is_a_note(self, check: Callable[..., Check], minimal: str, metric: str) -> None:
        found = check(minimal + f"          - {metric}\n")
        assert [note.place for note in found.notes] == ["accuracy-check.yml:16"]
        assert "# Note: accuracy-check.yml:16: " in write_configuration(found)

    def test_one_number_alone_sets_no_target(self, check: Callable[..., Check], minimal: str) -> None:
        text = write_configuration(check("\n".join(minimal.splitlines()[:-1]) + "\n"))
        assert "published" not in yaml.safe_load(text)
        assert "# Published Top-1: 74.46 % (accuracy-check.yml:14)" in text


class TestModelYml:
    MODEL = """\
files:
  - {name: net.tgz, size: 5, checksum: %s, source: "https://example.org/net.tgz", original_source: {id: x}}
postprocessing:
  - {$type: unpack_archive, format: gztar, file: net.tgz}
input_info:
  - {name: input, shape: [1, 224, 224, 3], layout: NHWC}
model_optimizer_args:
  - --mean_values=input[127.5,127.5,127.5]
  - --scale_values=input[127.5]
  - --output=prob
  - --data_type=FP16
  - --input_model=$dl_dir/net.pb
framework: tf
""" % ("ab" * 48)

    def test_input_output_conversion_and_archive(self, imported: Imported) -> None:
        text = entries(("tf", "net.pb", "0.7"), ("openvino", "net.xml", "0.7")).replace(
            "preprocessing:", "preprocessing:\n          - {type: normalization, mean: 127.5, std: 127.5}", 1
        )
        config = imported(text, model=self.MODEL)
        assert config["reference"]["input"] == {"name": "input", "color": "BGR", "mean": 127.5, "scale": 127.5}
        assert [config["reference"]["output"], config["candidates"][0]["output"]] == ["prob", "prob"]
        assert config["conversion"] == {"weights": "f16"}
        assert config["archive"] == {
            "url": "https://example.org/net.tgz",
            "bytes": 5,
            "sha384": "ab" * 48,
            "members": ["net.pb"],
            "folder": "build",
        }

    def test_another_contract_than_the_entries_is_a_note(self, check: Callable[..., Check]) -> None:
        text = entries(("tf", "net.pb", "0.7"), ("openvino", "net.xml", "0.7"))
        written = write_configuration(check(text, model=self.MODEL))
        assert "# Note: model.yml puts mean 127.5, 127.5, 127.5, scale 127.5, 127.5, 127.5" in written

    @pytest.mark.parametrize(
        ("argument", "message"),
        [
            ("--transformations_config=x.json", "changes the IR in a way that `harness convert` cannot repeat"),
            ("--mean_values=a[1,2,3],b[1,2,3]", "is not one number or three for a single input"),
            ("--scale_values=a[0]", "is not one number or three for a single input"),
            ("--output=a,b", "has several outputs"),
            ("--input=a,b", "has several inputs"),
        ],
    )
    def test_arguments_that_cannot_be_repeated(
        self, check: Callable[..., Check], minimal: str, argument: str, message: str
    ) -> None:
        with pytest.raises(ConfigError, match=rf"model.yml:2: model_optimizer_args\[0\]: .*{message}"):
            check(minimal, model=f"model_optimizer_args:\n  - {argument}\n")

    def test_size_and_checksum_of_older_files(self, check: Callable[..., Check], minimal: str) -> None:
        found = check(
            minimal,
            model="files:\n  - {name: a.pb, size: 5, sha384: " + "ab" * 48 + ", source: 'https://example.org/a'}\n"
            "model_optimizer_args:\n  - --input=0:sub\n  - --input_shape=[1,224,256,3]\n  - --input_proto=$dl_dir/a\n",
        )
        assert found.model is not None
        assert (found.model.input_name, found.model.input_size) == (None, (224, 256))
        assert [file.sha384 for file in found.model.files] == ["ab" * 48]
        assert "the preprocessing ends at 224x224, but model.yml says 224x256" in found.notes[0].what

    def test_an_unknown_key_is_refused(self, check: Callable[..., Check], minimal: str) -> None:
        with pytest.raises(
            ConfigError, match=r"model.yml:1: model_optimiser_args: .*did you mean `model_optimizer_args`"
        ):
            check(minimal, model="model_optimiser_args: []\n")


class TestOtherFiles:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("task_type: classification\n", "this is a model.yml; name the accuracy-check.yml next to it"),
            ("reference: null\n", "this is a configuration of the harness already"),
            ("datasets: []\n", "this is definitions of data sets"),
            ("evaluations: []\n", "evaluations by a Python module cannot be imported"),
            (
                "model: []\n",
                "contains no `models:`; `harness import` reads an accuracy-check.yml .* did you mean `models`",
            ),
            ("models: []\n", "contains no entry to import"),
            ("models: 1\n", "models: should be a list"),
            ("models: [{name: x}]\n", r"models\[0\]: has no `launchers`"),
        ],
    )
    def test_say_what_import_reads(self, check: Callable[..., Check], text: str, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            check(text)


def _public(shared: Path) -> list[Path]:
    return sorted((shared / "accuracy-check").glob("*/accuracy-check.yml"))


@pytest.mark.shared
@pytest.mark.slow
def test_no_misspelt_key_of_the_public_files_is_dropped(shared: Path, tmp_path: Path) -> None:
    """Rename each key in turn: the file is refused, and the message names the line."""
    definitions = shared / "accuracy-check" / "dataset_definitions.yml"
    short = "".join(re.findall(r"  - name: imagenet_100\d_classes\n(?:    .*\n)+", definitions.read_text()))
    (tmp_path / "dataset_definitions.yml").write_text(f"datasets:\n{short}")
    seen = 0
    for file in _public(shared):
        text = file.read_text()
        if "imagenet" not in text:  # the two others have a metric whose keys no gate needs
            continue
        lines = text.split("\n")
        for number, line in enumerate(lines):
            match = re.match(r"(\s*(?:- )?)([a-z_]+)(:.*)", line)
            if not match:
                continue
            renamed = [*lines[:number], f"{match[1]}{match[2]}x{match[3]}", *lines[number + 1 :]]
            (tmp_path / "accuracy-check.yml").write_text("\n".join(renamed))
            with pytest.raises(ConfigError) as error:
                read_accuracy_check(tmp_path / "accuracy-check.yml")
            assert f":{number + 1}: " in str(error.value) or "did you mean `models`" in str(error.value)
            seen += 1
    assert seen > 1000


_VALUES = (
    "null {} [] [[]] -1 0 1e400 0x"
    + "f" * 5000
    + " true ${X} !!python/object:os.system 2001-99-99 1.5 [1,2,3,4] {a:1} .. /etc/passwd nan &a "
    + "a" * 300
).split()


def _mutated(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(lines))
        kind = chance.randrange(7)
        if kind == 0:
            lines[at] = re.sub(r":.*", lambda _: f": {chance.choice(_VALUES)}", lines[at], count=1)
        elif kind == 1:
            lines[at] = re.sub(r"- .*", lambda _: f"- {chance.choice(_VALUES)}", lines[at], count=1)
        elif kind == 2:
            lines[at] = ""
        elif kind == 3:
            lines.insert(at, chance.choice(lines))
        elif kind == 4:
            lines[at] = "  " + lines[at]
        elif kind == 5 and lines[at]:
            place = chance.randrange(len(lines[at]))
            lines[at] = lines[at][:place] + chr(chance.randrange(1, 0x2100)) + lines[at][place + 1 :]
        else:
            lines[at] = lines[at].replace(" ", "", 2)
    return "\n".join(lines)


def test_mutated_files_end_in_a_message_or_a_configuration(write: Callable[..., Path], minimal: str) -> None:
    """500 files that nobody wrote on purpose: a message, or a text that is YAML; never an error of ours."""
    chance = random.Random(20261125)
    rich = minimal.replace(
        "adapter: classification",
        "adapter: {type: classification, do_softmax: True}\n        inputs: [{name: a, shape: '1,3,8,8'}]",
    ).replace(
        "          - type: crop", "          - type: normalization\n            mean: (1, 2, 3)\n          - type: crop"
    )
    outcomes = {"refused": 0, "written": 0}
    for _ in range(500):
        file = write(_mutated(rich, chance), model=_mutated(TestModelYml.MODEL, chance))
        try:
            found = read_accuracy_check(file)
            text = write_configuration(found, Path("images"), file.parent, file.parent / "out" / "x.yml")
        except HarnessError:
            outcomes["refused"] += 1
            continue
        assert yaml.safe_load(text)["version"] == 1
        outcomes["written"] += 1
    assert min(outcomes.values()) > 20
