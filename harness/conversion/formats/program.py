"""A PyTorch program (.pt2) as ONNX, by PyTorch's own converter, with the preprocessing that the file has inside."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from harness.backends.names import find_by_name
from harness.backends.torch.framework import import_torch, reason
from harness.backends.torch.opened import Opened, open_file, require_input
from harness.config import Candidate, Config
from harness.conversion.settings import PreprocessingInside, inside
from harness.errors import ModelError
from harness.feeding.contract import limits_of

OPSET = 18  # the oldest that PyTorch's converter writes without converting again


def program_as_onnx(config: Config, candidate: Candidate, where: str) -> bytes:
    """Return an ONNX model of the reference, a PyTorch program.

    It takes f32 (n, height, width, 3) NHWC in the candidate's colour order. Raises ModelError that names ``where``.
    """
    torch = import_torch()
    try:
        import onnxscript
    except ImportError as error:
        raise ModelError(
            f"{where}: a conversion from PyTorch to ONNX needs onnxscript, which cannot be imported ({error}); run "
            "`pip install 'conversion-accuracy-harness[torch-to-onnx]'`"
        ) from None
    reference, path = config.original, str(config.original.model)
    opened = open_file(torch, path, "cpu")
    if opened.sides is None:
        raise ModelError(
            f"{path}: TorchScript, which PyTorch no longer converts to ONNX; export it by `torch.export.save` (.pt2)"
        )
    require_input(opened, reference.input.name, path)
    output = find_by_name(reference.output_name, opened.outputs, what="output", model=path)
    height, width = config.preprocess_for(candidate).output_size
    example = torch.zeros(opened.sides[0] or 2, height, width, 3)
    free = {0: torch.export.Dim("n")} if opened.sides[0] is None else None
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            network = _with_contract(torch, opened, inside(config, candidate), output, reference.input.layout)
            program = torch.export.export(network, (example,), dynamic_shapes={"pixels": free})
            made = torch.onnx.export(
                program,
                (),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                external_data=False,
                input_names=[candidate.input.tensor.removesuffix(":0")],
                output_names=[candidate.named_output],
            )
            return bytes(made.model_proto.SerializeToString())
    except Exception as error:  # noqa: BLE001  (the converter raises all kinds for what it does not know)
        versions = f"PyTorch {torch.__version__} with onnxscript {onnxscript.__version__}"
        raise ModelError(f"{where}: {versions} cannot convert it: {reason(error)}") from None


def _with_contract(torch: Any, opened: Opened, steps: PreprocessingInside, output: int, layout: str | None) -> Any:
    """Return the network as a module of NHWC pixels: channels reversed, mean and scale applied, one output."""
    sides = opened.sides or ()
    nchw = (layout or ("NCHW" if len(sides) == 4 and sides[1] == 3 and sides[3] != 3 else "NHWC")) == "NCHW"

    limits = limits_of(str(opened.dtype).removeprefix("torch.")) if not opened.dtype.is_floating_point else None

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = opened.run
            self.register_buffer("mean", torch.tensor(steps.mean))
            self.register_buffer("scale", torch.tensor(steps.scale))

        def forward(self, pixels: Any) -> Any:
            ordered = pixels.flip([3]) if steps.reverse else pixels
            normalised = (ordered - self.mean) / self.scale
            if limits:  # rounded half to even and saturated; a cast cuts off, and wraps around
                normalised = torch.clamp(torch.round(normalised), *limits)
            fed = normalised.permute(0, 3, 1, 2) if nchw else normalised
            answer = self.inner(fed.to(opened.dtype))
            return (answer[output] if isinstance(answer, (tuple, list)) else answer).float()

    return Network()  # what was exported is in inference already, and refuses `eval`
