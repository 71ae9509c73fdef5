"""Two threads use the first arrays of OpenVINO, the second while the first looks for numpy; prints `done`."""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, cast

import numpy as np

from harness.backends.openvino.framework import import_openvino

IR = """<?xml version="1.0"?><net name="as_it_is" version="11"><layers>
<layer id="0" name="input" type="Parameter" version="opset1"><data shape="1" element_type="u8"/>
<output><port id="0" precision="U8"><dim>1</dim></port></output></layer>
<layer id="1" name="output" type="Result" version="opset1">
<input><port id="0" precision="U8"><dim>1</dim></port></input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/></edges></net>"""

looking, go_on = threading.Event(), threading.Event()
plain: Any = np.lib.NumpyVersion.__init__


def slow(self: np.lib.NumpyVersion, version: str) -> None:
    """Be the version of numpy, but let the other thread run first."""
    if threading.current_thread() is not threading.main_thread():
        looking.set()
        go_on.wait()
    plain(self, version)


np.lib.NumpyVersion.__init__ = cast("Any", slow)  # type: ignore[method-assign]
sys.setswitchinterval(100)  # seconds: a thread keeps the interpreter until it waits
core = import_openvino().Core()
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "m.xml").write_text(IR, encoding="utf-8")
    (Path(folder) / "m.bin").touch()
    compiled = core.compile_model(core.read_model(Path(folder) / "m.xml"), "CPU")
requests = [compiled.create_infer_request() for _ in range(2)]


def first() -> None:
    """Use an array; numpy is looked for here, or has been found before."""
    _ = requests[0].input_tensors[0].data
    looking.set()


def second() -> None:
    """Use another one meanwhile."""
    looking.wait()
    go_on.set()
    _ = requests[1].input_tensors[0].data


threads = [threading.Thread(target=each, daemon=True) for each in (first, second)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("done")
