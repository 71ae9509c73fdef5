"""A framework that cannot be imported is told in words, from however many threads at once."""

from __future__ import annotations

import contextlib
import errno
import gc
import subprocess
import sys
from pathlib import Path

import pytest

from harness.backends.importing import IMPORT_FAILS, one_at_a_time
from harness.backends.registry import backends, facts_of
from harness.errors import ModelError
from tests.conftest import PROJECT

# The package of each importer, and what makes room for a false one.
PACKAGES = {
    "keras": "keras",
    "litert": "ai_edge_litert",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "saved_model": "tensorflow",
    "tensorflow": "tensorflow",
    "tf_checkpoint": "tensorflow",
    "torch": "torch",
}
PROGRAM = """
import sys, threading
from harness.backends.registry import load_target
from harness.errors import ModelError

sys.path.insert(0, {folder!r})
importer, said, begun = load_target({target!r}), [], threading.Event()

def ask():
    try:
        said.append(f"returned {{importer()}}")
    except ModelError as error:
        said.append(str(error))
    except BaseException as error:
        said.append(f"{{type(error).__name__}}: {{error}}")

threads = [threading.Thread(target=ask) for _ in range(4)]
threads[0].start()
begun.wait(60)  # the first one is inside the package
[each.start() for each in threads[1:]]
[each.join() for each in threads]
print(*said, sep="\\n")
"""


def answers(folder: Path, target: str) -> list[str]:
    """Return what four threads that import at the same time are told, a line each."""
    program = PROGRAM.format(folder=str(folder), target=target)
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_each_backend_of_the_project_is_tried() -> None:
    assert {name for name, facts in backends().items() if facts.importer} == set(PACKAGES)


@pytest.mark.parametrize("raised", ["ImportError", "ModuleNotFoundError", "OSError"])
@pytest.mark.parametrize("backend", PACKAGES)
def test_four_threads_are_told_the_same(backend: str, raised: str, tmp_path: Path) -> None:
    package = tmp_path / PACKAGES[backend]
    package.mkdir()
    # The pause holds the import open until the other threads wait for it.
    (package / "__init__.py").write_text(
        "import sys, time\nsys.modules['__main__'].begun.set()\ntime.sleep(0.2)\n"
        f"raise {raised}('libcore.so.7 is missing')\n"
    )
    importer = facts_of(backend).importer
    assert importer is not None
    said = answers(tmp_path, importer)
    assert len(said) == 4
    for line in said:
        assert line.startswith(f"the backend {backend} needs ")
        assert "which cannot be imported (libcore.so.7 is missing)" in line
        assert f"pip install 'conversion-accuracy-harness[{facts_of(backend).extra}]'" in line


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/x']"), FileNotFoundError),
        (OSError(errno.EMFILE, "Too many open files"), OSError),
        (OSError(errno.ENOSPC, "No space left on device"), OSError),
        (ImportError("libx.so: failed to map segment from shared object"), MemoryError),
        (ImportError("no module named x"), ModelError),
        (FileNotFoundError(errno.ENOENT, "libx.so"), ModelError),
    ],
)
def test_what_the_system_refuses_is_no_missing_framework(raised: Exception, kind: type[Exception]) -> None:
    """A message that says to install the framework would send the user the wrong way."""

    @one_at_a_time
    def importer() -> None:
        try:
            raise raised
        except IMPORT_FAILS as error:
            raise ModelError(f"cannot be imported ({error}); install it") from None

    with pytest.raises(kind):
        importer()


@pytest.mark.parametrize("collects", [True, False])
@pytest.mark.parametrize("fails", [False, True])
def test_the_garbage_collector_rests_during_an_import_and_is_left_as_it_was(collects: bool, fails: bool) -> None:
    seen = []

    @one_at_a_time
    def inner() -> None:
        seen.append(gc.isenabled())

    @one_at_a_time
    def importer() -> None:
        inner()
        seen.append(gc.isenabled())
        if fails:
            raise ModelError("absent")

    before = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        with contextlib.suppress(ModelError):
            importer()
        assert seen == [False, False]
        assert gc.isenabled() is collects
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.parametrize("fails", [False, True])
def test_a_framework_is_frozen_only_in_a_process_of_the_harness_itself(fails: bool) -> None:
    """Whatever else was frozen in it: Python 3.12 begins with frozen objects."""
    program = """if True:
    import contextlib, gc, sys
    from harness.backends.importing import one_at_a_time
    from harness.errors import ModelError
    from harness.machine.garbage import begin_own_process

    made = []

    def new():
        made.extend([] for _ in range(1000))  # what a framework makes at its import
        if sys.argv[1] == "True":
            raise ModelError("absent")

    def frozen_by_import():
        before = gc.get_freeze_count()
        with contextlib.suppress(ModelError):
            one_at_a_time(new)()
        return gc.get_freeze_count() - before >= 1000

    gc.freeze()
    print(frozen_by_import())
    begin_own_process()
    print(frozen_by_import())
    """
    done = subprocess.run(
        [sys.executable, "-c", program, str(fails)], capture_output=True, encoding="utf-8", cwd=PROJECT, check=True
    )
    assert done.stdout.split() == ["False", str(not fails)]


@pytest.mark.parametrize(
    ("call", "own"),
    [
        ("from harness.cli import main; main()", True),
        ("from harness.cli import main; main(sys.argv[1:])", False),
        ("from harness.backends.isolation.worker import main; main()", True),
    ],
)
def test_who_begins_a_process_of_the_harness_itself(call: str, own: bool) -> None:
    program = f"import sys; from harness.machine import garbage; {call}; print(garbage._own_process, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program, "devices"],
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", cwd=PROJECT, check=True,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == str(own)
