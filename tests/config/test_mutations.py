"""Whatever a configuration is turned into: it is a Config or a ConfigError, at once, and never a bug."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.config import Config, load_config, require_files
from harness.errors import ConfigError

ENVIRONMENT = {"IMAGENET_VAL": "/data/val", "OTHER": "[1, 2]"}
WHOLE = """
version: 1
name: whole
dataset: {path: "${IMAGENET_VAL}", form: auto, labels: {source: l.txt, trust: true}, classes: 1000,
  subset: {images: 5, seed: 1}, preprocess: {crop_fraction: 0.875, size: 224}, bad_images: {policy: skip, max: 1}}
reference: {id: tf, backend: tensorflow, model: a.pb, input: {color: RGB, mean: [1, 2, 3], scale: 127.5}, output: o}
candidates:
  - {id: ir, backend: openvino, model: a.xml, device: CPU, precision: f32, input: {color: BGR}, output: o,
     timeout_seconds: 30, gates: {parity: null}, conversion: {weights: int8, calibration: {path: c, images: 3}}}
matrix:
  models: [{id: m, model: b.xml, input: {color: BGR}, output: o}]
  devices: [CPU, {device: GPU, id: g, optional: true}]
  precisions: [f32, {precision: f16, gates: {parity: null}}]
  exclude: [{device: GPU, precision: [f32]}]
published: {top1_percent: 71.85, top5_percent: 90.69, images: 50000}
gates: {parity: {images: 64, max_abs_diff: 1.0e-3}, target: null, baseline: {file: b.json}, drop: {top1_max_pp: 0.1}}
certify: {top1_max_drop_pp: 0.1, confidence: 0.95, seed: 0}
conversion: {weights: f32, automatic: true}
archive: {url: "https://example.org/a.tgz", mirrors: [], bytes: 1, sha384: %s, members: [a], folder: build}
cache: {folder: null, max_gb: 5}
checksums: sums.txt
""" % ("a" * 96)
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 10**30, -(10**400), 0.5, 1e300, float("nan"), float("inf"), -float("inf")),
    *(
        "",
        " ",
        "x",
        "auto",
        "CPU",
        "tf",
        "ir",
        "1",
        "..",
        "/",
        "~",
        "~x",
        "a\0b",
        "\u202e",
        "${",
        "${X}",
        "${OTHER}",
    ),
    *([], [1], [[]], [None], ["x"], [{}], {}, {"id": "x"}, {"id": {}}, {"a": 1}, {"id": [1]}, {"source": {}}),
    *([1, 2, 3], [1.5, None, "x"], {"path": []}, {"device": {}}, {"model": 1}, {1: 2}, {None: 1}, {"x": {"y": [{}]}}),
    *("y" * 5000, [0] * 3000, {str(n): n for n in range(500)}),
]
TEXTS = [
    *("060", "1:30:20", "0b11", "1_000", ".nan", ".inf", "1e400", "9" * 5000, "0x" + "f" * 3000, "2024-01-31"),
    *("2024-13-45 99:99:99", "!!binary aGk=", "!!binary x", "!!timestamp x", "!!set {a}", "!!omap [a: 1]", "!!int x"),
    *("!!python/object:os.system {}", "!x y", "&a [*a]", "&a {b: *a}", "*a", "<<: {a: 1}", "? [a]: b", "{? {a: b}: c}"),
    *(
        "[" * 500,
        "{a: " * 500,
        "- " * 2000,
        "{a: " * 90 + "1" + "}" * 90,
        "[" * 300 + "]" * 300,
        "|\n x",
        ">-",
        "%",
        "@",
        "`",
    ),
    *(
        "'",
        '"',
        "#",
        ":",
        "-",
        "?",
        "=",
        "~",
        "yes",
        "no",
        "!!null x",
        "!!bool maybe",
        "!!float ''",
        "\t",
        "\x85",
        "\u2028",
    ),
]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value within."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, item in items for place in places(item, (*at, key)))]


def mutated(plain: Any, generator: random.Random) -> Any:
    """Return the values with one to three of them replaced, left out, renamed, nested or moved."""
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        every = places(plain)
        place = generator.choice(every)
        if not place:
            if generator.random() < 0.02:
                return generator.choice(VALUES)
            continue
        parent = plain
        for key in place[:-1]:
            parent = parent[key]
        key, kind = place[-1], generator.randrange(6)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[generator.choice(["id", "x", "", "path", "labels", 1, None, True, "a.b", "a[0]"])] = parent.pop(key)
        elif kind == 2:
            parent[key] = [parent[key]]
        elif kind == 3:
            parent[key] = {generator.choice(["id", "path", "device", "x"]): parent[key]}
        else:
            parent[key] = copy.deepcopy(generator.choice(VALUES))
    return plain


def outcome(file: Path, *overrides: str) -> str:
    try:
        config = load_config(file, overrides, ENVIRONMENT)
        assert isinstance(config, Config)
        config.resolved()
        require_files(config)
    except ConfigError as error:
        message = str(error)
    else:
        return "accepted"
    assert all(line.isprintable() for line in message.split("\n"))
    assert len(message) < 60_000
    return "refused"


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


@pytest.mark.parametrize("seed", range(4))
def test_mutated_values(seed: int, tmp_path: Path) -> None:
    generator = random.Random(seed)
    plain = yaml.safe_load(WHOLE)
    for _ in range(250):
        text = yaml.dump(mutated(copy.deepcopy(plain), generator), Dumper=yaml.CSafeDumper)
        outcome(write(tmp_path / "c.yml", text))


@pytest.mark.parametrize("seed", range(2))
def test_mutated_text(seed: int, tmp_path: Path) -> None:
    generator = random.Random(seed)
    for _ in range(250):
        text = WHOLE
        for _ in range(generator.choice((1, 1, 2, 4))):
            at, length = generator.randrange(len(text)), generator.choice((0, 0, 1, 3, 20))
            text = text[:at] + generator.choice([*TEXTS, *"{}[],:&*#?|-<>=!%@`'\"\n "]) + text[at + length :]
        outcome(write(tmp_path / "c.yml", text))


@pytest.mark.parametrize("text", TEXTS)
def test_each_text_as_each_kind_of_value(text: str, tmp_path: Path) -> None:
    whole = yaml.load(WHOLE, Loader=yaml.CSafeLoader)
    for place in random.Random(text).sample(places(whole)[1:], 6):
        parent = changed = copy.deepcopy(whole)
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = "MARK"
        outcome(write(tmp_path / "c.yml", yaml.dump(changed, Dumper=yaml.CSafeDumper).replace("MARK", text)))


@pytest.mark.parametrize("seed", range(2))
def test_mutated_overrides(seed: int, tmp_path: Path) -> None:
    generator = random.Random(seed)
    file = write(tmp_path / "c.yml", WHOLE)
    keys = [".".join(map(str, place)) for place in places(yaml.safe_load(WHOLE))[1:]]
    keys += [
        "",
        ".",
        "a..b",
        "candidates.ir.gates",
        "candidates[9]",
        "candidates.ir",
        "candidates.no.x",
        "[0]",
        "\n",
        "x",
    ]
    values = [*TEXTS, "x", "", "[]", "{}", "null", "1", "${", "[1]", "{id: {}}", "\ud800", "\x1b[31m"]
    for _ in range(150):
        chosen = [f"{generator.choice(keys)}={generator.choice(values)}" for _ in range(generator.choice((1, 1, 2)))]
        outcome(file, *chosen)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{key}: &{key} [{', '.join([f'*{before}'] * 9)}]\n"
            for before, key in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "a: " + "[" * 50_000,
        "a: " + "{a: " * 30_000,
        "- " * 60_000,
        "a: &a {b: *a}",
        "? " * 50_000,
        "a: !!binary " + "A" * 150_000,
        "a: " + "9" * 150_000,
        "a: 1" + ":59" * 40_000,
        "".join(f"k{n}: &x{n} {n}\n" for n in range(12_000)),
    ],
    ids=["laughs", "lists", "mappings", "dashes", "itself", "keys", "binary", "digits", "sexagesimal", "many"],
)
@pytest.mark.parametrize("how", ["whole", "within"])
def test_what_is_made_to_be_slow_is_refused_soon(text: str, how: str, tmp_path: Path) -> None:
    whole = text if how == "whole" else WHOLE + "\nx:\n " + text.replace("\n", "\n ")
    began = time.process_time()
    assert outcome(write(tmp_path / "c.yml", whole)) == "refused"
    assert time.process_time() - began < 20


def test_the_whole_is_accepted_but_for_its_files(tmp_path: Path, example: Callable[..., Path]) -> None:
    config = load_config(write(tmp_path / "c.yml", WHOLE), environment=ENVIRONMENT)
    assert len(config.candidates) == 4
    assert outcome(example()) == "refused"  # its files are not there
