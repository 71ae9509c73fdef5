"""From a YAML file to an exit code: every exit code by a real situation, and the real models on real images."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import load_config, validate
from harness.conversion import calibrated_on, read_contract
from harness.engine.run import Options
from harness.errors import ConfigError, DatasetError, DeviceError, HarnessError, ModelError, WrongNameError
from harness.record import RunRecord, read_record
from tests.conftest import (
    CLASSES,
    Change,
    GraphMaker,
    Tiny,
    harness_environment,
    require,
    run_harness,
    run_harness_afresh,
    write_config,
    write_images,
    write_list,
)
from tests.preloaded.starting import server

# The whole way, with a network of a few hundred weights.


@pytest.fixture(scope="module")
def project(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_images(folder / "images", 12)
    write_config(folder, tiny)
    return folder


def fails_with(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the one message of a process that could not do what it was asked."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("harness: ")]
    assert len(said) == 1, done.stderr
    return done.stderr[done.stderr.index("harness: ") :]


def test_exit_0_and_what_is_written(project: Path) -> None:
    done = run_harness_afresh("validate", "config.yml", "--out", "good", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "PASS" in done.stdout
    assert "images/s" in done.stdout
    assert "PASS" not in done.stderr
    assert "12/12 images" in done.stderr
    assert {"run.json", "predictions.parquet", "report.md", "junit.xml"} <= {
        path.name for path in (project / "good").iterdir()
    }
    record = read_record(project / "good")
    assert (record.status, record.exit_code, record.dataset.evaluated) == ("complete", 0, 12)
    assert record.command == ("harness", "validate", "config.yml", "--out", "good")


def test_json_is_one_document_and_nothing_else(project: Path) -> None:
    done = run_harness("validate", "config.yml", "--json", "--out", "json", cwd=project)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((project / "json" / "run.json").read_text())
    assert done.stdout == (project / "json" / "run.json").read_text()


def test_without_out_there_is_a_folder_of_its_own_and_latest(project: Path) -> None:
    done = run_harness("validate", "config.yml", cwd=project)
    assert done.returncode == 0, done.stderr
    latest = project / "reports" / "tiny" / "latest"
    assert latest.is_symlink()
    assert json.loads((latest / "run.json").read_text())["exit_code"] == 0


def test_exit_1_a_gate_failed(project: Path) -> None:
    done = run_harness(
        "validate", "config.yml", "--set", "candidates.ir.input.color=RGB", "--out", "swapped", cwd=project
    )
    assert done.returncode == 1, done.stderr
    record = read_record(project / "swapped")
    assert {gate.gate for gate in record.gates if gate.verdict == "fail"} >= {"parity"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "candidates.ir.devise=GPU"), "device"),
        (("--set", "reference.model=nowhere.pb"), "nowhere.pb"),
        (("--set", "candidates.ir.input.color=RBG"), "RGB"),
    ],
)
def test_exit_2_the_configuration(project: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in fails_with(run_harness("validate", "config.yml", *arguments, cwd=project), 2)


def test_exit_2_the_command_line(project: Path) -> None:
    done = run_harness("validate", "config.yml", "--limit", "0", cwd=project)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_exit_3_a_missing_image(project: Path) -> None:
    (project / "missing.txt").write_text("image 00000.png 1\nimage 99999.png 1\n")
    done = run_harness("validate", "config.yml", "--set", "dataset.labels=missing.txt", cwd=project)
    assert "image 99999.png; there is image 0000" in fails_with(done, 3)


def test_exit_5_nothing_evaluated_and_nothing_decided(project: Path) -> None:
    (project / "empty.txt").write_text("")
    done = run_harness("validate", "config.yml", "--set", "dataset.labels=empty.txt", "--out", "empty", cwd=project)
    assert done.returncode == 5, done.stderr
    assert read_record(project / "empty").dataset.evaluated == 0
    done = run_harness("validate", "config.yml", "--set", "dataset.images=50000", "--out", "subset", cwd=project)
    assert done.returncode == 5, done.stderr
    verdicts = {gate.gate: gate.verdict for gate in read_record(project / "subset").gates if gate.model == "ir"}
    assert (verdicts["parity"], verdicts["drop"]) == ("pass", "inconclusive")


def test_exit_130_interrupted(tiny: Tiny, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 3000, different=50)
    write_config(tmp_path, tiny)
    arguments = ["validate", "config.yml", "--json", "--out", "run"]
    process = server().start(arguments, cwd=tmp_path, env=harness_environment())
    while process.poll() is None and not list((tmp_path / "run" / "shards").glob("*.table")):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert json.loads(stdout) == json.loads((tmp_path / "run" / "run.json").read_text())
    assert "Traceback" not in stderr
    assert (tmp_path / "run" / "junit.xml").exists()
    assert read_record(tmp_path / "run").status == "incomplete"


def test_the_api_gives_the_record_and_its_table(tiny: Tiny, tmp_path: Path) -> None:
    pairs = write_images(tmp_path / "images", 9)
    record = validate(load_config(write_config(tmp_path, tiny)), Options(out=tmp_path / "run", quiet=True))
    frame = record.to_pandas()
    assert frame["image_id"].tolist() == [name for name, _ in pairs]
    assert frame["label"].tolist() == [label + 1 for _, label in pairs]
    assert record.comparisons[0].max_abs_diff is not None
    assert record.comparisons[0].max_abs_diff < 1e-5
    assert all(f"{model}.top1" in frame for model in ("tf", "ir"))


# Bad input: one clear message and the documented exit code each.


def bin_of_another_model(folder: Path, tiny: Tiny, data: dict[str, Any]) -> None:
    (folder / "other.xml").write_bytes(tiny.ir.read_bytes())
    (folder / "other.bin").write_bytes(tiny.ir.with_suffix(".bin").read_bytes()[:-40])
    data["candidates"][0]["model"] = "other.xml"


def graph(content: Callable[[bytes], bytes]) -> Callable[[Path, Tiny, dict[str, Any]], None]:
    def spoil(folder: Path, tiny: Tiny, data: dict[str, Any]) -> None:
        (folder / "bad.pb").write_bytes(content(tiny.graph.read_bytes()))
        data["reference"]["model"] = "bad.pb"

    return spoil


def listed(*lines: str) -> Callable[[Path, Tiny, dict[str, Any]], None]:
    def spoil(folder: Path, tiny: Tiny, data: dict[str, Any]) -> None:
        (folder / "images.txt").write_text("".join(f"{line}\n" for line in lines))

    return spoil


def key(*path: Any, to: Any) -> Callable[[Path, Tiny, dict[str, Any]], None]:
    def spoil(folder: Path, tiny: Tiny, data: dict[str, Any]) -> None:
        for part in path[:-1]:
            data = data[part]
        data[path[-1]] = to

    return spoil


def no_image(folder: Path, tiny: Tiny, data: dict[str, Any]) -> None:
    (folder / "images" / "image 00003.png").write_text("no picture")


@pytest.mark.parametrize(
    ("spoil", "kind", "said"),
    [
        (key("reference", "model", to="none.pb"), ConfigError, "none.pb does not exist"),
        (graph(lambda data: data[:100]), ModelError, "cut off"),
        (graph(lambda data: b""), ModelError, "fetch or freeze it again"),
        (bin_of_another_model, ModelError, "other.bin"),
        (key("reference", "output", to="Net/Reshap_1"), WrongNameError, "did you mean 'Net/Reshape_1'?"),
        (key("candidates", 0, "output", to="Net/Softmaxx"), WrongNameError, "did you mean 'Net/Softmax'?"),
        (key("reference", "output", to="Net/Logits/MatMul"), WrongNameError, "has no output"),
        (key("dataset", "classes", to=9), ModelError, "has 5 values per image, but the labels need 10"),
        (listed("image 00000.png 4"), DatasetError, "classes are 0..3"),
        (listed("image 00000.png 1", "image 00001.jpg 4"), DatasetError, "These look 1-based"),
        (listed("image 00000.png 1", "image 00000.png 1"), DatasetError, "(image 00000.png) listed twice"),
        (listed("image 00000.png 1", "image 77777.png 1"), DatasetError, "does not have: image 77777.png"),
        (listed("image 00000.png"), DatasetError, "images.txt:1: "),
        (no_image, DatasetError, "image 00003.png: not an image"),
        (key("candidates", 0, "device", to="NPX"), DeviceError, "device 'NPX' not found"),
    ],
)
def test_bad_input(
    tiny: Tiny,
    tmp_path: Path,
    spoil: Callable[[Path, Tiny, dict[str, Any]], None],
    kind: type[HarnessError],
    said: str,
) -> None:
    write_images(tmp_path / "images", 6)
    config = write_config(tmp_path, tiny, lambda data: spoil(tmp_path, tiny, data))
    with pytest.raises(kind) as caught:
        validate(load_config(config), Options(out=tmp_path / "run", quiet=True))
    assert said in str(caught.value)
    assert caught.value.exit_code == (2 if kind in (ConfigError, WrongNameError) else 3)


def test_nan_in_an_output(make_graph: GraphMaker, tiny: Tiny, tmp_path: Path) -> None:
    path = make_graph(tmp_path / "nan.pb", add=lambda tf, given: tf.math.log(given - 2, name="Net/Nan"))
    write_images(tmp_path / "images", 6)

    def change(data: dict[str, Any]) -> None:
        data["reference"] |= {"model": str(path), "output": "Net/Nan"}

    config = write_config(tmp_path, tiny, change)
    with pytest.raises(ModelError, match=r"NaN or infinity, first for the image image 00000\.png"):
        validate(load_config(config), Options(out=tmp_path / "run", quiet=True))
    assert read_record(tmp_path / "run").exit_code == 3


def test_labels_are_joined_by_name(tiny: Tiny, tmp_path: Path) -> None:
    pairs = write_images(tmp_path / "images", 12)
    config = load_config(write_config(tmp_path, tiny))
    first = validate(config, Options(out=tmp_path / "one", quiet=True))
    write_list(tmp_path / "images", pairs[::-1])
    second = validate(config, Options(out=tmp_path / "two", quiet=True))
    assert [model.top1 for model in first.models] == [model.top1 for model in second.models]
    assert first.to_pandas()["image_id"].tolist() == second.to_pandas()["image_id"].tolist()[::-1]
    assert all(0 <= label < CLASSES for _, label in pairs)


# The real models on real images.

REAL = {
    "version": 1,
    "name": "mobilenet-v2",
    "dataset": {"path": "imagenet/val", "images": 650},
    "reference": {
        "id": "tf",
        "model": "models/mobilenet_v2_1.0_224_frozen.pb",
        "input": {"name": "input", "color": "RGB", "mean": 127.5, "scale": 127.5},
        "output": "MobilenetV2/Predictions/Reshape_1",
    },
    "candidates": [
        {
            "id": "ir",
            "model": "models/mo_2024.6/mobilenet-v2-1.0-224.xml",
            "input": {"name": "input", "color": "BGR"},
            "output": "MobilenetV2/Predictions/Softmax",
        }
    ],
    "published": {"top1_percent": 71.85, "top5_percent": 90.69, "images": 50000},
}

RealRun = Callable[..., RunRecord]


@pytest.fixture(scope="module")
def real(shared: Path, tensorflow: Any, openvino: Any, tmp_path_factory: pytest.TempPathFactory) -> RealRun:
    """Return a function that validates the real models, never from a cache."""

    def run(change: Change = lambda _: None, **options: Any) -> RunRecord:
        folder = tmp_path_factory.mktemp("real")
        data: dict[str, Any] = json.loads(json.dumps(REAL))
        data["dataset"]["path"] = str(shared / data["dataset"]["path"])
        for model in (data["reference"], *data["candidates"]):
            model["model"] = str(shared / model["model"])
        change(data)
        config = folder / "config.yml"
        config.write_text(yaml.safe_dump(data, sort_keys=False))
        return validate(load_config(config), Options(out=folder / "run", use_cache=False, quiet=True, **options))

    return run


def converted(real_config: Callable[[Change], Path], change: Change = lambda _: None) -> Path:
    """Convert the real graph and return the .xml; skip while there is no conversion."""
    if importlib.util.find_spec("harness.conversion.convert") is None:
        pytest.skip("harness.conversion.convert does not exist")
    from harness.conversion.convert import convert

    config = load_config(real_config(change))
    return convert(config, config.candidates[0]).xml


@pytest.fixture(scope="module")
def conversion_config(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Change], Path]:
    def write(change: Change) -> Path:
        folder = tmp_path_factory.mktemp("converted")
        data: dict[str, Any] = json.loads(json.dumps(REAL))
        data["dataset"]["path"] = str(shared / data["dataset"]["path"])
        data["reference"]["model"] = str(shared / data["reference"]["model"])
        data["candidates"][0]["model"] = "new.xml"
        change(data)
        (folder / "config.yml").write_text(yaml.safe_dump(data, sort_keys=False))
        return folder / "config.yml"

    return write


@pytest.fixture(scope="module")
def val(real: RealRun, conversion_config: Callable[[Change], Path], openvino: Any) -> RunRecord:
    """The 650 images through the graph, the old IR, one that is converted here, and the old one in bf16."""

    def change(data: dict[str, Any]) -> None:
        old = data["candidates"][0]
        data["candidates"].append({**old, "id": "converted", "model": str(converted(conversion_config))})
        if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            data["candidates"].append({**old, "id": "bf16", "precision": "bf16"})

    return real(change)


def counts(record: RunRecord, model: str) -> tuple[int, int, int]:
    part = next(each for each in record.models if each.id == model)
    assert part.top1 is not None
    assert part.top5 is not None
    return part.top1.correct, part.top5.correct, part.top1.total


def verdicts(record: RunRecord, model: str) -> dict[str, str]:
    return {gate.gate: gate.verdict for gate in record.gates if gate.model == model}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("model", ["tf", "ir", "converted"])
def test_validation_images(val: RunRecord, model: str) -> None:
    assert counts(val, model) == (509, 610, 650)
    assert verdicts(val, model)["target"] == "not_applicable"


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("model", ["ir", "converted"])
def test_a_faithful_ir(val: RunRecord, model: str) -> None:
    comparison = next(each for each in val.comparisons if each.candidate == model)
    assert (comparison.top1_agreement.count, comparison.top1_agreement.total) == (650, 650)
    assert comparison.max_abs_diff is not None
    assert 0 < comparison.max_abs_diff < 1e-5
    assert (comparison.flips.fixed, comparison.flips.broken, comparison.flips.changed_wrong) == (0, 0, 0)
    assert verdicts(val, model) == {"parity": "pass", "target": "not_applicable", "drop": "pass"}
    precision = next(each.precision for each in val.models if each.id == model)
    assert (precision.requested, precision.effective) == ("f32", "f32")


@pytest.mark.shared
@pytest.mark.slow
def test_bf16_is_recorded_and_fails_parity(val: RunRecord) -> None:
    if all(model.id != "bf16" for model in val.models):
        pytest.skip("this processor has no BF16")
    precision = next(each.precision for each in val.models if each.id == "bf16")
    assert (precision.requested, precision.effective) == ("bf16", "bf16")
    assert verdicts(val, "bf16")["parity"] == "fail"
    assert val.exit_code == 1


@pytest.mark.shared
@pytest.mark.slow
def test_full_resolution_images(real: RealRun, shared: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["dataset"] |= {"path": str(shared / "imagenet/fullres"), "images": 200}

    record = real(change)
    assert counts(record, "tf") == counts(record, "ir") == (181, 198, 200)
    assert record.exit_code == 0
    assert verdicts(record, "ir") == {"parity": "pass", "target": "not_applicable", "drop": "pass"}


@pytest.mark.shared
@pytest.mark.slow
def test_int8_of_the_real_graph(real: RealRun, shared: Path, tmp_path: Path) -> None:
    """Calibrated on 100 other images; 64 are evaluated, and a renamed copy of one of the 100 costs only INT8."""
    require("nncf")

    def change(data: dict[str, Any]) -> None:
        only(64)(data)
        calibration = {"path": str(shared / "imagenet/fullres"), "images": 100}
        data["conversion"] = {"automatic": True, "calibration": calibration}
        data["gates"] = {"parity": None, "drop": {"top1_max_pp": 5.0, "top5_max_pp": 5.0}}
        int8 = {"id": "int8", "model": str(tmp_path / "int8.xml"), "conversion": {"weights": "int8"}}
        data["candidates"].append({**data["candidates"][0], **int8})

    record = real(change)
    assert counts(record, "ir") == counts(record, "tf")
    agreed = next(each.top1_agreement for each in record.comparisons if each.candidate == "int8")
    assert agreed.total == 64
    assert 57 <= agreed.count <= 64
    contract = next(model.details["contract"] for model in record.models if model.id == "int8")
    assert contract["weights"] == "int8"
    assert contract["calibrated on"].startswith("100 images, named by sha256")
    assert (tmp_path / "int8.bin").stat().st_size * 3 < (
        shared / "models/mobilenet_v2_1.0_224_frozen.pb"
    ).stat().st_size

    used = calibrated_on(read_contract(tmp_path / "int8.xml"))
    images = tmp_path / "images"
    images.mkdir()
    kept = next(
        path
        for path in sorted((shared / "imagenet/fullres").iterdir())
        if hashlib.sha256(path.read_bytes()).digest() in used
    )
    (images / "renamed.JPEG").write_bytes(kept.read_bytes())
    (tmp_path / "images.txt").write_text("renamed.JPEG 1\n")

    def with_the_copy(data: dict[str, Any]) -> None:
        change(data)
        data["conversion"]["automatic"] = False
        data["dataset"] |= {"path": str(images), "labels": str(tmp_path / "images.txt"), "images": 1}

    record = real(with_the_copy)
    assert {model.id for model in record.models if model.status == "error"} == {"int8"}
    assert any("renamed.JPEG (compared by content)" in (model.error or "") for model in record.models)


def only(rows: int) -> Change:
    """Return a change that declares the first ``rows`` images as the whole set."""

    def change(data: dict[str, Any]) -> None:
        images = Path(data["dataset"]["path"])
        lines = (images.parent / f"{images.name}.txt").read_text().splitlines()[:rows]
        place = Path(os.environ["HARNESS_CACHE"]) / f"first-{rows}.txt"
        place.write_text("\n".join(lines))
        data["dataset"] |= {"labels": str(place), "images": rows}

    return change


@pytest.mark.shared
@pytest.mark.slow
def test_the_whole_set_decides_and_a_subset_does_not(real: RealRun) -> None:
    assert real(only(64)).exit_code == 0

    def of_many(data: dict[str, Any]) -> None:
        data["dataset"]["images"] = 50000

    record = real(of_many, limit=64)
    assert record.exit_code == 5
    assert verdicts(record, "ir") == {"parity": "pass", "target": "not_applicable", "drop": "inconclusive"}


@pytest.mark.shared
@pytest.mark.slow
def test_an_ir_without_the_colour_swap_fails(real: RealRun, conversion_config: Callable[[Change], Path]) -> None:
    def keeps_rgb(data: dict[str, Any]) -> None:
        data["candidates"][0]["input"]["color"] = "RGB"

    path = converted(conversion_config, keeps_rgb)

    def change(data: dict[str, Any]) -> None:
        only(64)(data)
        data["candidates"][0]["model"] = str(path)

    record = real(change)
    assert record.exit_code == 1
    assert verdicts(record, "ir")["parity"] == "fail"
    assert any("channels" in warning for warning in record.warnings)
    comparison = record.comparisons[0]
    assert comparison.max_abs_diff is not None
    assert comparison.max_abs_diff > 0.5


@pytest.mark.shared
def test_real_models_without_images(real: RealRun, tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        (tmp_path / "none.txt").write_text("\n")
        data["dataset"]["labels"] = str(tmp_path / "none.txt")

    assert real(change).exit_code == 5


@pytest.mark.shared
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ILSVRC2012_val_00000348.JPEG 1", r"does not have: ILSVRC2012_val_00000348\.JPEG; there is ILSVRC2012_val_"),
        ("ILSVRC2012_val_00000347.JPEG 1000", r"ILSVRC2012_val_00000347\.JPEG.*class 1000"),
        ("ILSVRC2012_val_00000347.JPEG 472\nILSVRC2012_val_00000347.JPEG 472", r"00347\.JPEG\) listed twice"),
    ],
)
def test_a_list_that_does_not_fit_the_real_images(real: RealRun, tmp_path: Path, line: str, said: str) -> None:
    def change(data: dict[str, Any]) -> None:
        (tmp_path / "bad.txt").write_text(line + "\n")
        data["dataset"]["labels"] = str(tmp_path / "bad.txt")

    with pytest.raises(DatasetError, match=said) as caught:
        real(change)
    assert caught.value.exit_code == 3


@pytest.mark.shared
def test_the_logits_are_no_probabilities_of_the_right_width(real: RealRun) -> None:
    def change(data: dict[str, Any]) -> None:
        data["dataset"]["background_class"] = False

    with pytest.raises(
        ModelError, match=r"has 1001 values per image, but the labels need 1000; set dataset\.background_class"
    ):
        real(change, limit=4)


@pytest.mark.shared
def test_the_weights_of_another_real_model(real: RealRun, tiny: Tiny, shared: Path, tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_bytes((shared / "models/mo_2024.6/mobilenet-v2-1.0-224.xml").read_bytes())
    (tmp_path / "m.bin").write_bytes(tiny.ir.with_suffix(".bin").read_bytes())

    def change(data: dict[str, Any]) -> None:
        data["candidates"][0]["model"] = str(tmp_path / "m.xml")

    with pytest.raises(ModelError, match=r"ir: .*m\.bin"):
        real(change, limit=4)
