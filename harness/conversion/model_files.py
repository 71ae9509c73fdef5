"""The files of models, each read once: its content, what it states about itself, and its digest."""

from __future__ import annotations

from pathlib import Path

from harness.backends.openvino.contract import IrContract, contract_of
from harness.backends.openvino.ir_files import weights_fault
from harness.backends.openvino.ir_xml import IrXml, read_ir_xml
from harness.backends.registry import loop_words
from harness.conversion.formats.contract_file import contract_file, read_contract_file
from harness.machine.digests import Digested, digested


class ModelFiles:
    """Reads every file of a model at most once, until it is forgotten."""

    def __init__(self) -> None:
        self._contents: dict[Path, IrXml] = {}
        self._contracts: dict[Path, IrContract] = {}
        self._digests: dict[tuple[Path, ...], tuple[Digested, tuple[str, ...], int]] = {}

    def contract(self, xml: Path) -> IrContract:
        """Return the contract that an IR carries, or that is next to a model of another format.

        Raises ModelError if the .xml is missing, cut off, or no IR, or where the contract file is none.
        """
        if xml not in self._contracts:
            of_ir = xml.suffix == ".xml"
            self.contract_file(xml)  # digested before it is read
            self._contracts[xml] = contract_of(self._content(xml)) if of_ir else read_contract_file(xml)
        return self._contracts[xml]

    def contract_file(self, model: Path) -> Digested | None:
        """Return the contract file next to a model as it was digested; None for an IR, and where there is none."""
        path = contract_file(model)
        if model.suffix == ".xml" or ((path,) not in self._digests and not path.exists()):
            return None
        return self.digested(path)

    def weights_fault(self, xml: Path) -> str | None:
        """Return why the .bin next to an IR's .xml is wrong, or a model is not that of its contract file.

        None if they fit. Raises as ``contract`` does.
        """
        if xml.suffix != ".xml":
            return self._foreign_content(xml)
        weights = xml.with_suffix(".bin")
        return weights_fault(xml, self._content(xml), lambda: self._digest(xml, weights)[1][1])

    def _foreign_content(self, model: Path) -> str | None:
        recorded = self.contract(model).parameters.get("file_sha256")
        if recorded is None or self.sha256(model) == recorded:
            return None
        return (
            f"{model} was changed after its conversion: its sha256 is not the one in {contract_file(model).name}; run "
            "`harness convert`, or remove that file"
        )

    def sha256(self, *paths: Path) -> str:
        """Return the sha256 (hex) over the bytes of the files, one after the other. Raises ModelError."""
        return self._digest(*paths)[0].sha256

    def digested(self, *paths: Path) -> Digested:
        """Return the files as they were digested. Raises ModelError."""
        return self._digest(*paths)[0]

    def bytes(self, *paths: Path) -> int:
        """Return how many bytes the files have together. Raises ModelError."""
        return self._digest(*paths)[2]

    def forget(self, *paths: Path) -> None:
        """Forget files that were written again."""
        for path in paths:
            self._contents.pop(path, None)
            self._contracts.pop(path, None)
        self._digests = {key: value for key, value in self._digests.items() if not set(key) & set(paths)}

    def _content(self, xml: Path) -> IrXml:
        if xml not in self._contents:
            self._contents[xml] = read_ir_xml(xml)
        return self._contents[xml]

    def _digest(self, *paths: Path) -> tuple[Digested, tuple[str, ...], int]:
        if paths not in self._digests:
            self._digests[paths] = digested(*paths, looked_for=loop_words())
        return self._digests[paths]
