"""Names of files, folders, classes and models act on no terminal and give GitHub's runner no command."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.backends.openvino import devices_process
from harness.backends.openvino.devices import find_devices
from harness.cli import main
from tests.backends.openvino.test_devices import Core
from tests.conftest import CLASSES, IrMaker, Tiny, write_config, write_images
from tests.importing.conftest import MINIMAL

HOSTILE = "=cmd\n::stop-commands::x\r ##[error]\x1b[2J\x9b\u202e<script>alert(1)<:script>"
ONE_LINE = "=cmd ::x ##[error]\x1b[2J\x9b\u202e<script>"
IN_XML = "=cmd\n::stop-commands::x ##[error]\u202e<script>"


@pytest.fixture(scope="module")
def place(tiny: Tiny, make_ir: IrMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a folder of a hostile name, in which every file and every free text has one."""
    place = tmp_path_factory.mktemp("names") / HOSTILE
    pairs = write_images(place / "images", 6)
    pairs = [(f"{HOSTILE}{name}", label) for name, label in pairs]
    for path in list((place / "images").iterdir()):
        path.rename(path.with_name(f"{HOSTILE}{path.name}"))

    folders = [place / "folders" / f"{number}{ONE_LINE}" for number in range(CLASSES)]
    for folder in folders:
        folder.mkdir(parents=True)
    for name, label in pairs:
        shutil.copyfile(place / "images" / name, folders[label] / name)
    (folders[0] / f"{HOSTILE}bad.jpg").write_bytes(b"no picture")
    (place / "names.txt").write_text("".join(f"{folder.name}\n" for folder in folders))
    shutil.copyfile(tiny.graph, place / f"{HOSTILE}.pb")
    made = make_ir(place / "made.xml", names=(IN_XML,), friendly=IN_XML)
    for suffix in (".xml", ".bin"):
        made.with_suffix(suffix).rename(place / f"{HOSTILE}{suffix}")

    def change(data: dict[str, Any]) -> None:
        data["dataset"] |= {
            "path": "folders",
            "class_names": "names.txt",
            "images": 7,
            "bad_images": {"policy": "wrong", "max": 3, "max_percent": 50},
        }
        data["reference"]["model"] = f"{HOSTILE}.pb"
        data["candidates"][0] |= {"model": f"{HOSTILE}.xml", "output": IN_XML}
        new = {**data["candidates"][0], "id": "new", "model": f"{HOSTILE}new.xml", "output": "Net/Probabilities"}
        data["candidates"].append(new)

    write_config(place, tiny, change)
    text = MINIMAL.replace("name: net", "name: '=cmd ##[error]<script>'")
    (place / "accuracy-check.yml").write_text(text)
    runs = [{"id": "gone", "config": f"{HOSTILE}.yml"}, {"id": "folder", "config": "folders"}]
    (place / "suite.yml").write_text(yaml.safe_dump({"version": 1, "name": "s", "runs": runs}))
    assert main(["convert", str(place / "config.yml"), "--candidate", "new"]) == 0
    return place


COMMANDS = {
    "convert": ["convert", "config.yml", "--overwrite"],
    "convert-if-needed": ["convert", "config.yml", "--if-needed"],
    "inspect": ["dataset", "inspect", "folders", "--class-names", "names.txt", "--classes", "4"],
    "inspect-json": ["dataset", "inspect", "folders", "--class-names", "names.txt", "--classes", "4", "--json"],
    "index": ["dataset", "index", "folders", "index.csv", "--class-names", "names.txt", "--classes", "4"],
    "validate": ["validate", "config.yml", "--out", "runs/one"],
    "validate-github": ["validate", "config.yml", "--out", "runs/two"],
    "compare": ["compare", "runs/one", "runs/two"],
    "compare-all": ["compare", "--all", "runs/one", "runs/two"],
    "report": ["report", "runs/one"],
    "report-markdown": ["report", "runs/one", "--format", "md"],
    "capsule-make": ["capsule", "make", "config.yml", "a.capsule", "--images", "6"],
    "capsule-show": ["capsule", "show", "a.capsule"],
    "capsule-show-json": ["capsule", "show", "a.capsule", "--json"],
    "suite": ["suite", "suite.yml", "--out", "suites/one"],
    "bisect": ["bisect", "a.capsule", "--good", "1", "--bad", "2", "--find-links", "images", "--offline"],
    "diagnose": ["diagnose", "config.yml"],
    "diagnose-json": ["diagnose", "config.yml", "--json"],
    "init": ["init", f"{HOSTILE}.pb", f"{HOSTILE}.xml"],
    "init-out": ["init", f"{HOSTILE}.pb", f"{HOSTILE}.xml", "-o", f"{HOSTILE}init.yml"],
    "import": ["import", "accuracy-check.yml", "--images", HOSTILE, "--models", HOSTILE],
    "import-out": ["import", "accuracy-check.yml", "--out", f"{HOSTILE}import.yml"],
    "feed": ["feed", "config.yml", f"images/{HOSTILE}image 00000.png", "--out", f"{HOSTILE}.npz"],
    "feed-absent": ["feed", "config.yml", f"{HOSTILE}absent.png", "--out", f"{HOSTILE}.npz"],
    "devices": ["devices"],
    "devices-json": ["devices", "--json"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_name_acts(
    place: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    properties = {"FULL_DEVICE_NAME": HOSTILE, "OPTIMIZATION_CAPABILITIES": ["FP32", HOSTILE]}
    core = Core(["CPU", f"GPU{HOSTILE}"], {"CPU": properties}, {})
    monkeypatch.setattr(devices_process, "find_devices_in_process", lambda: find_devices(core, HOSTILE))
    monkeypatch.setenv("GITHUB_ACTIONS", "true" if name.endswith("github") else "")
    monkeypatch.chdir(place)
    code = main(COMMANDS[name])
    out, err = capsys.readouterr()
    assert code not in (70, 130)
    for text in (out, err):
        assert not [character for character in text if character != "\n" and ascii_control(character)]
        assert not [line for line in text.split("\n") if line.lstrip().startswith("::") and not allowed(line)]
        assert "##[" not in text


def ascii_control(character: str) -> bool:
    return character in "\x1b\x9b\r\u202e\x07\x00"


def allowed(line: str) -> bool:
    """An annotation of the harness itself, in GitHub Actions."""
    return line.startswith(("::error ", "::warning ", "::notice "))
