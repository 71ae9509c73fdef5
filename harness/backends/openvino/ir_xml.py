"""What an IR's .xml states about itself, read in one pass without OpenVINO.

The file may come from anywhere: a document type declaration (and with it every entity) is refused, nothing outside the
file is read, and its size is limited.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from harness.errors import ModelError

_LARGEST = 512 * 2**20
_OUTPUT_PORT = ["net", "layers", "layer", "output", "port"]
_INFO_ROOTS = ("rt_info", "meta_data")  # meta_data: Model Optimizer before 2022.3
_LOOPS = ("loop", "tensoriterator")  # OpenVINO reads types of layers in any case


@dataclass(frozen=True)
class IrInput:
    """An input of the model: its names, its shape (-1: free) and its element type, such as ``f32``."""

    names: tuple[str, ...]
    shape: tuple[int, ...]
    element_type: str


@dataclass
class IrXml:
    """The parts of an IR's .xml that the harness looks at.

    ``rt_info`` is flat (``harness/color``); ``weights_end`` is the number of bytes that the .bin must have;
    ``constant_bytes`` counts the bytes of constants by element type; ``loops``: whether a layer repeats others, in the
    bodies of other layers, too.
    """

    name: str = ""
    version: str = ""
    rt_info: dict[str, str] = field(default_factory=dict)
    inputs: list[IrInput] = field(default_factory=list)
    weights_end: int = 0
    constant_bytes: dict[str, int] = field(default_factory=dict)
    loops: bool = False

    def section(self, name: str) -> dict[str, str]:
        """Return the entries below ``name/`` in ``rt_info``, without that prefix."""
        prefix = f"{name}/"
        return {key[len(prefix) :]: value for key, value in self.rt_info.items() if key.startswith(prefix)}


def read_ir_xml(path: Path) -> IrXml:
    """Read an IR's .xml. Raises ModelError: missing, unreadable, cut off, or no IR."""
    reader = _Reader(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(f"{path}: larger than {_LARGEST} bytes; this is not an OpenVINO IR")
        with path.open("rb") as stream:
            reader.parser.ParseFile(stream)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such IR; run `harness convert CONFIG`") from None
    except OSError as error:
        raise ModelError(f"{path}: the IR cannot be read: {error.strerror or error}") from None
    except expat.ExpatError as error:
        raise ModelError(
            f"{path}: the IR is cut off, or not an IR: {error}; run `harness convert CONFIG` again, or copy it again"
        ) from None
    return reader.result


def may_loop(path: Path) -> bool:
    """Return whether an IR has a layer that loops; False for one that cannot be read, which is said on loading."""
    try:
        return read_ir_xml(path).loops
    except ModelError:
        return False


class _Reader:
    def __init__(self, path: Path) -> None:
        self.result = IrXml()
        self.path = path
        self.stack: list[str] = []
        self._layer: dict[str, str] = {}
        self._data: dict[str, str] = {}
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise ModelError(
            f"{self.path}: refused: it contains a document type declaration, which an OpenVINO IR never has"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self.stack:
            if tag != "net":
                raise ModelError(f"{self.path}: not an OpenVINO IR: it begins with <{tag}>, not with <net>")
            self.result.name, self.result.version = attributes.get("name", ""), attributes.get("version", "")
        self.stack.append(attributes.get("name", tag) if tag == "info" else tag)
        if len(self.stack) > 2 and self.stack[1] in _INFO_ROOTS:
            if "value" in attributes:
                self.result.rt_info["/".join(self.stack[2:])] = attributes["value"]
        elif tag == "layer":
            self._layer, self._data = attributes, {}
            self.result.loops |= attributes.get("type", "").casefold() in _LOOPS
        elif tag == "data":
            self._data = attributes
            self._count(attributes)
        elif self.stack == _OUTPUT_PORT and self._layer.get("type") == "Parameter":
            self._input(attributes)

    def _end(self, _: str) -> None:
        self.stack.pop()

    def _count(self, data: dict[str, str]) -> None:
        if self._layer.get("type") != "Const" or "offset" not in data or "size" not in data:
            return
        try:
            offset, size = int(data["offset"]), int(data["size"])
        except ValueError:
            offset = size = -1
        if offset < 0 or size < 0:
            line = self.parser.CurrentLineNumber
            raise ModelError(f"{self.path}:{line}: not an OpenVINO IR: a constant without a valid offset and size")
        kind = data.get("element_type", "?")
        self.result.weights_end = max(self.result.weights_end, offset + size)
        self.result.constant_bytes[kind] = self.result.constant_bytes.get(kind, 0) + size

    def _input(self, port: dict[str, str]) -> None:
        names = port.get("names") or self._layer.get("name", "")
        sizes = [size.strip() for size in self._data.get("shape", "").split(",") if size.strip()]
        shape = tuple(int(size) if size.isdecimal() else -1 for size in sizes)
        kind = self._data.get("element_type", "?")
        self.result.inputs.append(IrInput(tuple(names.split(",")), shape, kind))


def weights_type(xml: IrXml) -> str | None:
    """Return the type (``f32``, ``f16``, ``int8`` ...) of most bytes of the constants; None: there are none.

    ``int8`` stands for both ``i8`` and ``u8``.
    """
    sizes = {kind: size for kind, size in xml.constant_bytes.items() if kind not in ("i64", "i32", "i8", "u8") and size}
    if integers := integer_bytes(xml):
        sizes["int8"] = integers
    return max(sizes, key=lambda kind: (sizes[kind], kind), default=None)


def integer_bytes(xml: IrXml) -> int:
    """Return how many bytes of the constants are INT8."""
    return sum(xml.constant_bytes.get(kind, 0) for kind in ("i8", "u8"))
