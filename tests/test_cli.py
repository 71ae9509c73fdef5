"""The command line: help and light commands without any framework, usage errors, and the exit code whatever happens."""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import harness.commands
from harness import __version__
from harness.cli import build_parser, commands, main
from harness.commands import validate
from harness.commands.result import Result, Screen
from harness.errors import BaselineError, ConfigError, DatasetError, DeviceError, HarnessError, RecordError

ROOT = Path(__file__).parents[1]
RUN = ROOT / "tests/record/fixtures/schema-1"
FRAMEWORKS = ("tensorflow", "openvino", "keras", "jax", "torch", "onnx", "ray")
HEAVY = ("numpy", "pandas", "scipy", "cv2", "pyarrow", "pydantic", "yaml", "rich", "tqdm", "pooch", "requests")

# Runs the commands of argv[3] one after the other, with the packages of argv[1] as if they were not installed; writes
# what came of it to argv[2].
SCRIPT = """
import contextlib, io, json, sys
blocked = set(sys.argv[1].split(","))
class Block:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block)
from harness.cli import main
results = []
for arguments in json.loads(sys.argv[3]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            code = main(arguments)
        except SystemExit as exit:
            code = exit.code or 0
    results.append([code, out.getvalue(), err.getvalue()])
with open(sys.argv[2], "w") as stream:
    json.dump([results, sorted({name.partition(".")[0] for name in sys.modules})], stream)
"""


@pytest.fixture
def without(tmp_path: Path) -> Callable[..., tuple[list[tuple[int, str, str]], set[str]]]:
    """Return a function that runs commands with packages blocked: (code, stdout, stderr) of each, and the imports."""

    def run(
        blocked: Sequence[str], *commands: Sequence[str], folder: Path = ROOT
    ) -> tuple[list[tuple[int, str, str]], set[str]]:
        report = tmp_path / "report.json"
        arguments = [sys.executable, "-c", SCRIPT, ",".join(blocked), str(report), json.dumps(commands)]
        subprocess.run(arguments, check=True, cwd=folder, timeout=120)
        results, modules = json.loads(report.read_text(encoding="utf-8"))
        return [tuple(result) for result in results], set(modules)

    return run


def parsers(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command's words with its parser."""
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from parsers(inner, (*path, name))


class TestWithoutFrameworks:
    def test_every_help_needs_the_standard_library_only(self, without: Any) -> None:
        commands = [[*path, "--help"] for path, _ in parsers(build_parser())]
        assert ["validate", "--help"] in commands
        results, modules = without((*FRAMEWORKS, *HEAVY), *commands, ["--version"])
        for command, (code, out, err) in zip([*commands, ["--version"]], results, strict=True):
            assert (code, err) == (0, ""), command
            assert out
        assert modules.isdisjoint({*FRAMEWORKS, *HEAVY})

    def test_config_commands(self, without: Any, tmp_path: Path) -> None:
        config = ROOT / "tests/config/example.yml"
        commands = [["config", "schema"], ["config", "check", str(config), "--set", f"dataset.path={tmp_path}"]]
        results, modules = without(FRAMEWORKS, *commands)
        assert results[0][0] == 0
        assert json.loads(results[0][1])["title"] == "Config"
        assert results[1][0] == 2  # the models are not there
        assert "frozen.pb does not exist" in results[1][2]
        assert modules.isdisjoint({"numpy", "pandas", "scipy", "cv2", "pyarrow", "rich", "tqdm", "pooch", "requests"})

    def test_report(self, without: Any, tmp_path: Path) -> None:
        shutil.copytree(RUN, tmp_path / "run")
        blocked = (*FRAMEWORKS, "cv2", "scipy", "pandas", "requests", "pooch")
        results, modules = without(blocked, ["report", str(tmp_path / "run"), "--format", "md,junit"])
        assert results[0] == (0, f"{tmp_path}/run/report.md\n{tmp_path}/run/junit.xml\n", "")
        assert modules.isdisjoint({"yaml", "rich", "tqdm"})

    def test_a_record_without_a_table_needs_no_arrays_at_all(self, without: Any, tmp_path: Path) -> None:
        shutil.copy(RUN / "run.json", tmp_path / "run.json")
        results, modules = without(FRAMEWORKS, ["report", str(tmp_path)])
        assert results[0][0] == 0, results
        assert modules.isdisjoint({"pandas", "scipy", "cv2", "pyarrow"})

    def test_the_package_itself_imports_nothing(self) -> None:
        code = "import sys; before = set(sys.modules); import harness; print(sorted(set(sys.modules) - before))"
        shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8").stdout
        tops = {name.partition(".")[0] for name in json.loads(shown.replace("'", '"'))}
        assert tops <= {"harness", "typing", "_typing", "collections"}


LONG = "a" * 5000  # longer than any file's name may be


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", LONG],
        ["report", "--index", LONG],
        ["compare", LONG, LONG],
        ["compare", "--all", LONG, LONG],
        ["baseline", "check", LONG, LONG],
        ["validate", LONG],
        ["suite", LONG],
        ["import", LONG],
        ["capsule", "show", LONG],
        ["dataset", "inspect", LONG],
        ["config", "check", LONG],
        ["config", "check", str(ROOT / "tests/config/example.yml"), "--set", f"dataset.path={LONG}"],
        ["config", "check", str(ROOT / "tests/config/example.yml"), "--set", f"dataset.labels={LONG}"],
        ["config", "check", str(ROOT / "tests/config/example.yml"), "--set", f"reference.model={LONG}"],
        ["config", "check", str(ROOT / "tests/config/example.yml"), "--set", f"cache.folder={LONG}"],
    ],
    ids=lambda arguments: " ".join(arguments).replace(LONG, "LONG")[:60],
)
def test_a_name_that_is_too_long_is_one_message(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) in (2, 3)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "harness: " in said


class TestUsageErrors:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["vaildate", "c.yml"], "Did you mean `validate`?"),
            (["Validate", "c.yml"], "Did you mean `validate`?"),
            (["config", "chekc", "c.yml"], "Did you mean `check`?"),
            (["validate", "c.yml", "--resum"], "Did you mean `--resume`?"),
            (["validate", "c.yml", "--limt=3"], "Did you mean `--limit`?"),
            (["config", "check", "c.yml", "--sett", "a=1"], "Did you mean `--set`?"),
            (["report", "run", "--from", "md"], "Did you mean `--format`?"),
            (["validate", "c.yml", "--images", "64"], "`--limit N` for fewer images, or `--set dataset.path=PATH`?"),
            (["diagnose", "c.yml", "--images", "64"], "Did you mean `--set dataset.path=PATH`?"),
            (["validate"], "the following arguments are required: CONFIG"),
            ([], "the following arguments are required: COMMAND"),
            (["config"], "the following arguments are required: ACTION"),
            (["validate", "c.yml", "--limit", "0"], "'0' is not a whole number from 1"),
            (["validate", "c.yml", "--model", "x"], "Did you mean `--set reference.model=FILE`"),
            (["validate", "c.yml", "--device=GPU"], "Did you mean `--set candidates.ID.device=DEVICE`?"),
            (["validate", "c.yml", "--limit", "1.5"], "'1.5' is not a whole number from 1"),
            (["validate", "c.yml", "--limit"], "expected one argument"),
            (["validate", "c.yml", "--engine", "locl"], "Did you mean `local`?"),
            (["validate", "c.yml", "d.yml"], "unrecognized arguments: d.yml"),
        ],
    )
    def test_exit_2_with_the_near_miss(
        self, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert told in err
        assert err.startswith("usage: harness")

    @pytest.mark.parametrize("arguments", [["xyzzy"], ["validate", "c.yml", "--xyzzy"], ["validate", "--xyzzy", "c"]])
    def test_no_near_miss_where_nothing_is_near(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(arguments)
        assert "Did you mean" not in capsys.readouterr().err

    def test_abbreviations_are_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["validate", "c.yml", "--res"])
        assert "unrecognized arguments: --res" in capsys.readouterr().err

    def test_a_missing_configuration(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["config", "check", str(tmp_path / "no.yml")]) == 2
        assert capsys.readouterr().err == f"harness: {tmp_path}/no.yml: no such configuration\n"

    def test_a_wrong_override(self, capsys: pytest.CaptureFixture[str]) -> None:
        config = str(ROOT / "tests/config/example.yml")
        assert main(["config", "check", config, "--set", "datset.path=/x"]) == 2
        assert "--set datset: unknown key; did you mean `dataset`?" in capsys.readouterr().err


def command_that(monkeypatch: pytest.MonkeyPatch, run: Callable[[argparse.Namespace], Result]) -> None:
    """Put a command of the test's own in the place of `harness validate`."""
    monkeypatch.setattr(validate, "run", run)


def raising(error: BaseException) -> Callable[[argparse.Namespace], Result]:
    def run(_: argparse.Namespace) -> Result:
        raise error

    return run


class PanicException(BaseException):
    """What they raise for a bug of their own: no subclass of Exception, and exit code 1 if it is not caught."""


class TestExitCodes:
    @pytest.mark.parametrize("code", [0, 1, 3, 4, 5])
    def test_the_command_s_own(self, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
        command_that(monkeypatch, lambda _: Result(code))
        assert main(["validate", "c.yml"]) == code

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (ConfigError("what is wrong"), 2),
            (DatasetError("what is wrong"), 3),
            (DeviceError("what is wrong"), 3),
            (RecordError("what is wrong"), 3),
            (BaselineError("what is wrong"), 4),
        ],
    )
    def test_an_error_of_the_user_is_one_message(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: HarnessError, code: int
    ) -> None:
        command_that(monkeypatch, raising(error))
        assert main(["validate", "c.yml"]) == code
        assert capsys.readouterr() == ("", "harness: what is wrong\n")

    @pytest.mark.parametrize(
        "error",
        [ValueError("inside"), KeyError("inside"), OSError("inside"), RecursionError(), PanicException("inside")],
    )
    def test_a_bug_keeps_its_traceback(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
    ) -> None:
        command_that(monkeypatch, raising(error))
        assert main(["validate", "c.yml"]) == 70
        out, err = capsys.readouterr()
        assert out == ""
        assert "Traceback (most recent call last)" in err
        assert type(error).__name__ in err
        assert "this is a bug in the harness" in err

    def test_an_interruption(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        command_that(monkeypatch, raising(KeyboardInterrupt()))
        assert main(["validate", "c.yml"]) == 130
        assert capsys.readouterr() == ("", "harness: interrupted\n")

    def test_what_was_typed_is_known_to_the_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[argparse.Namespace] = []
        command_that(monkeypatch, lambda options: seen.append(options) or Result())  # type: ignore[func-returns-value]
        arguments = ["validate", "c.yml", "--set", "a=1", "--set", "b.c=d", "--limit", "7", "--json"]
        assert main(arguments) == 0
        assert seen[0].given == arguments
        assert (seen[0].overrides, seen[0].limit, seen[0].json) == (["a=1", "b.c=d"], 7, True)
        assert (seen[0].resume, seen[0].no_cache, seen[0].out, seen[0].engine) == (False, False, None, None)

    @pytest.mark.parametrize("verdict", [0, 1, 5])
    @pytest.mark.parametrize("document", [None, {"a": 1}])
    def test_a_reader_that_left_does_not_change_the_verdict(
        self, monkeypatch: pytest.MonkeyPatch, verdict: int, document: Any
    ) -> None:
        class Left(io.StringIO):
            def write(self, _: str) -> int:
                raise BrokenPipeError

        command_that(monkeypatch, lambda _: Result(verdict, "text", document))
        monkeypatch.setattr(sys, "stdout", Left())
        assert main(["validate", "c.yml"]) == verdict

    def test_a_reader_that_left_before_there_is_a_verdict(self, monkeypatch: pytest.MonkeyPatch) -> None:
        command_that(monkeypatch, raising(BrokenPipeError()))
        assert main(["validate", "c.yml"]) == 3

    def test_a_document_is_all_that_is_printed(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command_that(monkeypatch, lambda _: Result(1, document={"a": [1, None, "\u00e9"]}))
        assert main(["validate", "c.yml"]) == 1
        out, err = capsys.readouterr()
        assert (json.loads(out), err) == ({"a": [1, None, "\u00e9"]}, "")

    def test_an_error_beside_a_text(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        command_that(monkeypatch, lambda _: Result(3, "as far as it came\n", error="and why no further"))
        assert main(["validate", "c.yml"]) == 3
        assert capsys.readouterr() == ("as far as it came\n", "harness: and why no further\n")

    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    def test_closed_streams(self, closed: str, tmp_path: Path) -> None:
        config = ROOT / "tests/config/example.yml"
        command = f'"{sys.executable}" -m harness config check "{config}" --set dataset.path=/nowhere {closed}'
        process = subprocess.run(["sh", "-c", command], capture_output=True, check=False, cwd=ROOT)
        assert process.returncode == 2
        assert process.stdout == b""
        assert (b"/nowhere does not exist" in process.stderr) == ("2>&-" not in closed)
        command = f'"{sys.executable}" -m harness config schema {closed}'
        process = subprocess.run(["sh", "-c", command], capture_output=True, check=False, cwd=ROOT)
        assert (process.returncode, process.stderr) == (0, b"")
        assert (process.stdout == b"") == (">&- " in f"{closed} ".replace("2>&-", ""))

    def test_a_reader_that_left_is_no_error_of_a_listing(self) -> None:
        code = "import sys; from harness.cli import main; sys.exit(main(['config', 'schema']))"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_output_onto_a_full_disk(self) -> None:
        with open("/dev/full", "w", encoding="utf-8") as full:
            arguments = [sys.executable, "-m", "harness", "config", "schema"]
            process = subprocess.run(
                arguments, stdout=full, stderr=subprocess.PIPE, check=False, encoding="utf-8", cwd=ROOT
            )
        assert (process.returncode, process.stderr) == (
            3,
            "harness: output cannot be written: No space left on device; free some space\n",
        )

    def test_a_name_that_the_terminal_cannot_show(self) -> None:
        code = (
            "import sys; from harness.cli import main; from harness.commands import result, validate; "
            "validate.run = lambda _: result.Result(1, 'caf\\udce9 \\u2713\\n'); sys.exit(main(['validate', 'c']))"
        )
        arguments = [sys.executable, "-X", "utf8=0", "-c", code]
        environment = {"PYTHONIOENCODING": "ascii"}
        process = subprocess.run(arguments, capture_output=True, env=environment, check=False, cwd=ROOT)
        assert (process.returncode, process.stdout) == (1, b"caf\\udce9 \\u2713\n"), process.stderr


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"harness {__version__}\n"


def test_python_m(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "harness", "config", "check", str(tmp_path / "no.yml")],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=ROOT,
    )
    assert process.returncode == 2
    assert "no such configuration" in process.stderr


def test_every_command_is_one_module_with_its_options_and_its_run() -> None:
    found = commands()
    assert [command.NAME for command in found][:3] == ["validate", "convert", "fetch"]
    assert len({command.NAME for command in found}) == len(found)
    known = dict(parsers(build_parser()))
    for command in found:
        assert command.HELP[0].islower()
        assert not command.HELP.endswith(".")
        assert known[(command.NAME,)]._defaults["run"] is command.run
        source = Path(str(vars(command)["__file__"]))
        assert source.parent == ROOT / "harness/commands"
    assert {path[:1] for path in known} == {(), *((command.NAME,) for command in found)}


def test_a_new_command_is_one_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
from harness.commands.options import positive
from harness.commands.result import Result, Screen

NAME = "example"
HELP = "do something new"

def add(parser):
    parser.add_argument("--times", type=positive, default=2)

def run(options):
    return Result(1, "new " * options.times + "\\n")
"""
    (tmp_path / "example_.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(harness.commands, "__path__", [*harness.commands.__path__, str(tmp_path)])
    try:
        assert main(["example", "--times", "3"]) == 1
        assert capsys.readouterr() == ("new new new \n", "")
        assert "do something new" in build_parser().format_help()
    finally:
        sys.modules.pop("harness.commands.example_", None)
        vars(harness.commands).pop("example_", None)


class TestHostileText:
    HOSTILE = "a\x1b[31m\u202eb\r::stop-commands::x\x07"

    def test_an_error_of_several_lines_keeps_its_lines_and_nothing_else(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command_that(monkeypatch, raising(DatasetError(f"first {self.HOSTILE}\n  second\n::error::third\n  ::x\n")))
        assert main(["validate", "c.yml"]) == 3
        lines = capsys.readouterr().err.splitlines()
        assert lines == [
            "harness: first a\\x1b[31m\\u202eb\\r::stop-commands::x\\x07",
            "  second",
            "  :\\x3aerror::third",
            "  :\\x3ax",
        ]

    def test_an_unknown_option(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["validate", "c.yml", "--x\n::error::\x1b"])
        err = capsys.readouterr().err
        assert "\x1b" not in err
        assert not any(line.lstrip().startswith("::") for line in err.splitlines())

    @pytest.mark.parametrize("arguments", [["config", "check"], ["report"], ["compare", "x"], ["fetch"], ["convert"]])
    def test_a_file_name(self, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        name = f"{tmp_path}/\n::error::x\x1b]0;t\x07\udcff"
        assert main([*arguments, name]) in (2, 3)
        out, err = capsys.readouterr()
        assert out == ""
        assert not any(hidden in err for hidden in ("\x1b", "\x07", "\udcff"))
        assert not any(line.lstrip().startswith("::") for line in err.splitlines())


def test_names_are_shown_as_they_are_on_the_screen() -> None:
    """Neither rich's markup, which could draw a link, nor its names of emojis, which could draw a verdict."""
    screen = Screen()
    screen.console(80).print("[link=https://example.com]a[/link] :white_check_mark: [bold]b[/bold]")
    assert screen.getvalue() == "[link=https://example.com]a[/link] :white_check_mark: [bold]b[/bold]\n"
