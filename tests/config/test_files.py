"""The files that a configuration names."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.backends.registry import facts_of, register, unregister
from harness.config import Config, load_config, require_calibration, require_files
from harness.errors import ConfigError

Example = Callable[..., Path]


def whole(example: Example, tmp_path: Path, *changes: tuple[str, str]) -> Config:
    """Return the example with every file that it names in its place."""
    (tmp_path / "val").mkdir(exist_ok=True)
    (tmp_path / "build").mkdir(exist_ok=True)
    for name in ("mobilenet_v2_1.0_224_frozen.pb", "mobilenet-v2-1.0-224.xml", "mobilenet-v2-1.0-224.bin"):
        (tmp_path / "build" / name).touch()
    return load_config(example(*changes), environment={"IMAGENET_VAL": str(tmp_path / "val")})


def refused(config: Config, **parts: bool) -> str:
    with pytest.raises(ConfigError) as caught:
        require_files(config, **parts)
    return str(caught.value)


def test_all_there(example: Example, tmp_path: Path) -> None:
    require_files(whole(example, tmp_path))


def test_every_missing_file_is_said_at_once_with_its_line_and_mend(example: Example, tmp_path: Path) -> None:
    config = load_config(example(("labels: auto", "labels: l.txt")), environment={"IMAGENET_VAL": "/nowhere/val"})
    lines = refused(config).splitlines()
    path = tmp_path / "c.yml"
    assert len(lines) == 5
    assert lines[1].startswith(f"  {path}:4: dataset.path: /nowhere/val does not exist")
    assert lines[1].endswith("`--set dataset.path=FOLDER`")
    assert lines[2].startswith(f"  {path}:5: dataset.labels: {tmp_path}/l.txt does not exist")
    assert lines[3].endswith("name a TensorFlow model (.pb)")
    assert lines[4].startswith(f"  {path}:18: candidates[0].model: {tmp_path}/build/mobilenet-v2-1.0-224.xml")
    assert lines[4].endswith(f"run `harness convert {path}`")


def test_convert_is_not_named_for_a_candidate_that_it_does_not_make(example: Example, tmp_path: Path) -> None:
    changes = ("backend: openvino", "backend: onnxruntime"), ("mobilenet-v2-1.0-224.xml", "mobilenet.onnx")
    config = load_config(example(*changes), environment={"IMAGENET_VAL": str(tmp_path)})
    assert refused(config, reference=False, dataset=False).endswith("; name the ONNX Runtime model")


def test_fetch_is_named_where_there_is_an_archive(example: Example, tmp_path: Path) -> None:
    archive = "archive: {url: https://example.org/a.tgz, bytes: 1, sha384: " + "a" * 96 + "}\ngates:"
    config = load_config(example(("gates:", archive)), environment={"IMAGENET_VAL": str(tmp_path)})
    assert f"run `harness fetch {tmp_path}/c.yml`" in refused(config, candidates=False)


def test_only_what_is_asked_for_is_wanted(example: Example, tmp_path: Path) -> None:
    config = load_config(example(), environment={"IMAGENET_VAL": "/nowhere"})
    require_files(config, dataset=False, reference=False, candidates=False)
    assert len(refused(config, dataset=False, reference=False).splitlines()) == 2


def test_near_misses(example: Example, tmp_path: Path) -> None:
    config = whole(example, tmp_path, ("mobilenet-v2-1.0-224.xml", "mobilenet-v2-1.0_224.xml"))
    assert f"(there is {tmp_path}/build/mobilenet-v2-1.0-224.xml)" in refused(config)
    config = whole(example, tmp_path, ("build/mobilenet_v2", "biuld/mobilenet_v2"))
    assert f"(there is {tmp_path}/build)" in refused(config)
    config = whole(example, tmp_path, ("build/mobilenet_v2", "c.yml/mobilenet_v2"))
    assert f"({tmp_path}/c.yml is not a folder)" in refused(config)


def test_weights_without_their_file(example: Example, tmp_path: Path) -> None:
    config = whole(example, tmp_path)
    (tmp_path / "build/mobilenet-v2-1.0-224.bin").unlink()
    assert "copy the .bin that belongs to the .xml" in refused(config)


def test_a_folder_is_no_model(example: Example, tmp_path: Path) -> None:
    config = whole(example, tmp_path, ("build/mobilenet_v2_1.0_224_frozen.pb", "build"))
    assert f"reference.model: {tmp_path}/build is a folder; name the file in it" in refused(config)


def test_a_folder_is_a_model_where_the_backend_runs_folders(example: Example, tmp_path: Path) -> None:
    facts = dataclasses.replace(facts_of("tensorflow"), suffixes=(), markers=("saved_model.pb",))
    register(facts)
    try:
        config = whole(example, tmp_path, ("build/mobilenet_v2_1.0_224_frozen.pb", "saved"))
        assert "name a TensorFlow model (a folder with saved_model.pb)" in refused(config)
        (tmp_path / "saved").mkdir()
        assert f"{tmp_path}/saved is no TensorFlow model, it has no saved_model.pb; name the model's" in refused(config)
        (tmp_path / "saved/saved_model.pb").touch()
        require_files(config)
    finally:
        unregister(facts.name)


def test_a_variable_without_braces_is_recognised(example: Example) -> None:
    config = load_config(example(("${IMAGENET_VAL}", "$IMAGENET_VAL")))
    assert "a variable is written ${NAME}" in refused(config)


def test_an_override_is_named(example: Example, tmp_path: Path) -> None:
    whole(example, tmp_path)
    config = load_config(tmp_path / "c.yml", ["dataset.path=/nowhere"])
    assert "  --set dataset.path: /nowhere does not exist" in refused(config)


def test_no_permission(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = whole(example, tmp_path)
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).suffix != ".pb")
    told = refused(config)
    assert "frozen.pb cannot be read: no permission" in told
    assert len(told.splitlines()) == 2


def test_no_permission_on_a_folder_above(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = whole(example, tmp_path)
    stat = Path.stat

    def closed(path: Path, **settings: bool) -> os.stat_result:
        if path.suffix == ".pb":
            raise PermissionError(13, "Permission denied")
        return stat(path, **settings)

    monkeypatch.setattr(Path, "stat", closed)
    assert "frozen.pb cannot be read: no permission" in refused(config)


def test_a_name_that_no_file_can_have(example: Example, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"c\.yml:12: reference\.model: contains a null byte"):
        whole(example, tmp_path, ("build/mobilenet_v2_1.0_224_frozen.pb", '"a\\0b"'))


def test_calibration_images_are_wanted_for_int8_only(example: Example, tmp_path: Path) -> None:
    def configured(weights: str) -> Config:
        keys = f"conversion: {{weights: {weights}, calibration: {{path: apart}}}}\ngates:"
        return whole(example, tmp_path, ("gates:", keys))

    require_calibration(configured("f16"), configured("f16").candidates)
    config = configured("int8")
    require_files(config)  # the IR is there, so nothing is about to be converted
    with pytest.raises(ConfigError) as caught:
        require_calibration(config, config.candidates)
    line = str(caught.value).splitlines()[1]
    assert re.search(r"c\.yml:\d+: conversion\.calibration\.path: ", line)
    assert f"{tmp_path / 'apart'} does not exist" in line
    require_calibration(config, [])
    (tmp_path / "apart").mkdir()
    require_calibration(config, config.candidates)


def test_a_candidates_own_calibration_path_is_relative_to_the_file_and_named_by_its_key(
    example: Example, tmp_path: Path
) -> None:
    own = "    conversion: {weights: int8, calibration: {path: mine}}\n    device: CPU"
    config = whole(example, tmp_path, ("    device: CPU", own))
    with pytest.raises(ConfigError, match=r"candidates\[0\]\.conversion\.calibration\.path: ") as caught:
        require_calibration(config, config.candidates)
    assert str(tmp_path / "mine") in str(caught.value)
