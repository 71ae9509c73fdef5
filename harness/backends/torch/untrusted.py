"""What a PyTorch file may contain, checked without PyTorch before PyTorch opens it.

Both formats are zip files. `torch.jit.load` reads TorchScript's pickles by an unpickler of its own in C++, which knows
tensors and TorchScript's classes only. `torch.export.load` is less careful (PyTorch 2.13,
`torch/_export/serde/serialize.py` and `torch/export/pt2_archive/_package.py`): it unpickles example inputs, and some
weights, with every class allowed where the safe way fails; it evaluates shape expressions by `sympy.sympify`, which is
`eval`; and it looks operators up by any path below `torch`. So a program is refused where one of these holds more than
an exported network needs.
"""

from __future__ import annotations

import io
import json
import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from harness.errors import ModelError

Kind = Literal["program", "script"]
LARGEST = 16 * 2**30  # bytes unpacked
_LARGEST_TEXT = 512 * 2**20  # bytes of the entries that are parsed here
_TENSORS = re.compile(
    r"torch\._utils _rebuild_(tensor_v2|parameter|qtensor)|collections OrderedDict|torch\.storage UntypedStorage"
    r"|torch (float\d*|double|half|bfloat16|u?int\d+|long|bool|qu?int\d+|Size|device|[A-Z]\w+Storage)"
)
_OF_SCRIPT = re.compile(r"(__torch__[\w.]* \w+|torch\.jit\._pickle \w+)")
_OPERATOR = re.compile(
    r"torch\.ops\.(aten|prim|prims|quantized|quantized_decomposed)\.\w+(\.\w+)?|_operator\.(getitem|add|sub|mul|floordiv"
    r"|truediv|mod|neg|pow|eq|ne|lt|le|gt|ge|and_|or_|not_)|torch\.sym_\w+"
)
# Of PyTorch's own operators, those that map or write a file, print, or call other processes.
REACHES_OUTSIDE = frozenset({"from_file", "save", "print", "_print", "Print", "rpc_async", "rpc_sync", "rpc_remote"})
_SCRIPT_CALL = re.compile(r"(?<![\w.])(?:(?:torch|ops\s*\.\s*\w+)\s*\.\s*(\w+)|(print))\s*\(")
_COMMENT = re.compile(r"#[^\n]*")
_SCRIPT_OPERATOR = re.compile(r"\bops\.(\w+)\.")
_KNOWN_OPERATORS = frozenset({"aten", "prim", "prims", "quantized"})
_EXPRESSION = re.compile(
    r"(?:Symbol|Integer|Rational|Add|Mul|Pow|Max|Min|Mod|PythonMod|FloorDiv|CleanDiv|CeilDiv|IntTrueDiv|Eq|Ne|Lt|Le|Gt|Ge"
    r"|Equality|Unequality|StrictLessThan|LessThan|StrictGreaterThan|GreaterThan|And|Or|Not|true|false|True|False"
    r"|positive|integer|nonnegative|[suz]+\d+|'[suz]+\d+'|\d+|[-+*/(),=<> ])*"
)


def kind_of(path: Path) -> Kind:
    """Return which of the two formats a file has, after its content was checked.

    Raises ModelError for a file that is cut off or of another kind, that unpacks to more than ``LARGEST`` bytes, or
    that holds pickles, operators or expressions which an exported network does not need.
    """
    try:
        with open(path, "rb") as file:
            first = file.read(4)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    if first[:1] == b"\x80":
        raise _pickled(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return _kind(path, archive)
    except (ModelError, MemoryError):
        raise
    except Exception:  # noqa: BLE001  (zipfile, zlib and pickletools raise all kinds for damaged bytes)
        raise ModelError(f"{path}: not a PyTorch model, or cut off; fetch or export it again") from None


def _pickled(path: Path) -> ModelError:
    return ModelError(
        f"{path}: refused: a pickled file of `torch.save`, which can run any code when it is loaded and needs "
        "the Python classes of its model; export the model with `torch.export.save` (.pt2) or `torch.jit.save` (.pt)"
    )


def _kind(path: Path, archive: zipfile.ZipFile) -> Kind:
    entries = archive.infolist()
    if archive.comment or min(entry.header_offset for entry in entries) != 0:
        raise ValueError("a zip file inside another one, as a file that is cut off may look")
    names = [entry.filename.partition("/")[2] for entry in entries]
    if (
        len({name.casefold() for name in names}) != len(names)
        or len({e.filename.partition("/")[0] for e in entries}) != 1
    ):
        raise _refused(path, "it has two entries of the same name, or more than one folder")
    if sum(entry.file_size for entry in entries) > LARGEST:
        raise _refused(path, f"it unpacks to more than {LARGEST // 2**30} GiB")
    by_name = dict(zip(names, entries, strict=True))
    if "archive_format" in by_name:
        _check_program(path, archive, by_name)
        return "program"
    if "constants.pkl" in by_name and any(name.startswith("code/") for name in names):
        _check_script(path, archive, by_name)
        return "script"
    if "data.pkl" in by_name:
        raise _pickled(path)
    raise ModelError(f"{path}: not a program of `torch.export` or TorchScript; export the model again")


def _refused(path: Path, why: str) -> ModelError:
    return ModelError(f"{path}: refused: {why}; export the model again as a plain network")


def outside(path: object, operator: str) -> ModelError:
    """Return the error for an operator of PyTorch that does more than compute."""
    return ModelError(
        f"{path}: refused, its operator '{operator[:100]}' reaches outside the network: it reads or writes a file, "
        "prints or calls another process; export the model again as a plain network"
    )


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.file_size > _LARGEST_TEXT:
        raise ValueError("too large")
    return archive.read(entry)


def _check_script(path: Path, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> None:
    for name, entry in entries.items():
        if name.endswith((".pkl", ".debug_pkl")):
            for found in globals_of(_read(archive, entry)):
                if found.startswith("__torch__.torch.classes"):
                    raise _refused(path, f"it needs the custom class '{found.replace(' ', '.')}'")
                if not (_TENSORS.fullmatch(found) or _OF_SCRIPT.fullmatch(found)):
                    raise _refused(path, f"its pickle {name} names '{found.replace(' ', '.')}'")
        elif name.startswith("code/") and name.endswith(".py"):
            code = _read(archive, entry).decode()
            for operators in _SCRIPT_OPERATOR.findall(code):
                if operators not in _KNOWN_OPERATORS:
                    raise _refused(
                        path, f"it needs the custom operators '{operators}', and no library of them is loaded"
                    )
            for spelt in (code, _COMMENT.sub("", code)):
                called = {name for pair in _SCRIPT_CALL.findall(spelt) for name in pair}
                if reaching := min(called & REACHES_OUTSIDE, default=None):
                    raise outside(path, reaching)
            if "torch.classes." in code:
                raise _refused(path, "it needs custom classes, and no library of them is loaded")


def _check_program(path: Path, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> None:
    for name, entry in entries.items():
        base = name.rpartition("/")[2]
        if name.startswith("data/aotinductor/") or base.endswith((".so", ".dll", ".dylib")):
            raise _refused(path, f"it has compiled code, {name}")
        if base.startswith(("custom_obj", "opaque_obj")):
            raise _refused(path, f"it has a pickled object, {name}")
        if name.startswith("data/sample_inputs/"):
            _check_tensors(path, name, _read(archive, entry))
        elif name.endswith(".json"):
            _check_fields(path, json.loads(_read(archive, entry)))


def _check_tensors(path: Path, name: str, data: bytes) -> None:
    """Check an entry that `torch.save` wrote: a zip in the zip, whose pickle names tensors only."""
    with zipfile.ZipFile(io.BytesIO(data)) as inner:
        pickles = [entry for entry in inner.infolist() if entry.filename.endswith(".pkl")]
        if len(pickles) != 1 or len({e.filename for e in inner.infolist()}) != len(inner.infolist()):
            raise _refused(path, f"{name} has more than one pickle")
        for found in globals_of(_read(inner, pickles[0])):
            if not _TENSORS.fullmatch(found):
                raise _refused(path, f"its pickle {name} names '{found.replace(' ', '.')}'")


def globals_of(data: bytes) -> Iterator[str]:
    """Yield `module name` of all classes and functions that a pickle names, without running it."""
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in ("GLOBAL", "INST"):
            yield str(argument)
        elif operation.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
            yield operation.name  # never written by PyTorch; its name is not a name of a tensor


def _check_fields(path: Path, value: Any) -> None:
    if isinstance(value, list):
        for each in value:
            _check_fields(path, each)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_field(path, key, each)
            _check_fields(path, each)


def _check_field(path: Path, key: str, value: Any) -> None:
    if key == "use_pickle" and value:
        raise _refused(path, "it has pickled weights")
    if key in ("target", "as_operator") and isinstance(value, str) and REACHES_OUTSIDE & set(value.split(".")):
        raise outside(path, value)
    if key in ("target", "as_operator") and isinstance(value, str) and not _OPERATOR.fullmatch(value):
        raise _refused(path, f"it needs the operator '{value[:100]}', and no library of custom operators is loaded")
    if key == "as_custom_obj" and value:
        raise _refused(path, "it has a custom object")
    if key in ("expr_str", "guards_code"):
        for expression in value if isinstance(value, list) else [value]:
            if key == "guards_code" or not _EXPRESSION.fullmatch(str(expression)):
                raise _refused(path, f"its shapes need the expression '{str(expression)[:100]}'")
    if key in ("in_spec", "out_spec") and isinstance(value, str) and "__enum__" in value:
        raise _refused(path, "its inputs name a Python enumeration")


def may_loop(model: Path) -> bool:
    """Return whether TorchScript's code has a loop; a program of ``torch.export`` has none.

    False for an unreadable file: loading it reports the error.
    """
    try:
        with zipfile.ZipFile(model) as archive:
            for name in archive.namelist():
                if name.endswith(".py"):
                    with archive.open(name) as stream:
                        if re.search(rb"\b(while|for)\b", stream.read(_LARGEST_TEXT)):
                            return True
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  (as above)
        return False
    return False
