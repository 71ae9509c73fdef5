"""The operations that a graph may have: those that compute tensors from tensors, and nothing else.

An operation reads a file, writes one, opens a connection, runs Python or prints because its kernel does; nothing in the
graph tells. So what is known to compute is listed, and everything else is refused: a network that classifies pixels
has no use for it, and a hostile file has. ``tests/backends/tensorflow/test_operations.py`` checks the list with the
operations that TensorFlow registers: none takes text, a resource or a file, but for those under CONTROL and LISTS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import ModelError

# Source of names and of what each does: https://www.tensorflow.org/api_docs/python/tf/raw_ops
PLAIN = frozenset(
    [
        "Const",
        "HostConst",
        "Placeholder",
        "PlaceholderV2",
        "PlaceholderWithDefault",
        "Identity",
        "IdentityN",
        "NoOp",
        "StopGradient",
        "PreventGradient",
        "Snapshot",
        "EnsureShape",
        "ControlTrigger",
        "Abs",
        "AccumulateNV2",
        "Acos",
        "Acosh",
        "Add",
        "AddN",
        "AddV2",
        "Angle",
        "ApproximateEqual",
        "Asin",
        "Asinh",
        "Atan",
        "Atan2",
        "Atanh",
        "BesselI0",
        "BesselI0e",
        "BesselI1",
        "BesselI1e",
        "BesselJ0",
        "BesselJ1",
        "BesselK0",
        "BesselK0e",
        "BesselK1",
        "BesselK1e",
        "BesselY0",
        "BesselY1",
        "Betainc",
        "Bitcast",
        "BitwiseAnd",
        "BitwiseOr",
        "BitwiseXor",
        "Cast",
        "Ceil",
        "ClipByValue",
        "Complex",
        "ComplexAbs",
        "Conj",
        "Cos",
        "Cosh",
        "Cross",
        "Cumprod",
        "Cumsum",
        "CumulativeLogsumexp",
        "Dawsn",
        "Digamma",
        "Div",
        "DivNoNan",
        "Equal",
        "Erf",
        "Erfc",
        "Erfinv",
        "EuclideanNorm",
        "Exp",
        "Expint",
        "Expm1",
        "Floor",
        "FloorDiv",
        "FloorMod",
        "FresnelCos",
        "FresnelSin",
        "Greater",
        "GreaterEqual",
        "Igamma",
        "Igammac",
        "Imag",
        "Inv",
        "Invert",
        "IsFinite",
        "IsInf",
        "IsNan",
        "LeftShift",
        "Less",
        "LessEqual",
        "Lgamma",
        "Log",
        "Log1p",
        "LogicalAnd",
        "LogicalNot",
        "LogicalOr",
        "Maximum",
        "Minimum",
        "Mod",
        "Mul",
        "MulNoNan",
        "Ndtri",
        "Neg",
        "NextAfter",
        "NotEqual",
        "OnesLike",
        "Polygamma",
        "PopulationCount",
        "Pow",
        "Real",
        "RealDiv",
        "Reciprocal",
        "RightShift",
        "Rint",
        "Round",
        "Rsqrt",
        "Select",
        "SelectV2",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sinh",
        "Spence",
        "Sqrt",
        "Square",
        "SquaredDifference",
        "Sub",
        "Tan",
        "Tanh",
        "ToBool",
        "TruncateDiv",
        "TruncateMod",
        "Xdivy",
        "Xlog1py",
        "Xlogy",
        "ZerosLike",
        "Zeta",
        "All",
        "Any",
        "ArgMax",
        "ArgMin",
        "Bincount",
        "BroadcastArgs",
        "BroadcastGradientArgs",
        "BroadcastTo",
        "Bucketize",
        "Concat",
        "ConcatOffset",
        "ConcatV2",
        "DenseBincount",
        "DepthToSpace",
        "BatchToSpace",
        "BatchToSpaceND",
        "SpaceToBatch",
        "SpaceToBatchND",
        "SpaceToDepth",
        "Diag",
        "DiagPart",
        "DynamicPartition",
        "DynamicStitch",
        "ParallelDynamicStitch",
        "ParallelConcat",
        "ExpandDims",
        "Fill",
        "Gather",
        "GatherNd",
        "GatherV2",
        "HistogramFixedWidth",
        "InTopK",
        "InTopKV2",
        "InvertPermutation",
        "LinSpace",
        "ListDiff",
        "LowerBound",
        "UpperBound",
        "Max",
        "Mean",
        "Min",
        "MirrorPad",
        "NthElement",
        "OneHot",
        "Pack",
        "Pad",
        "PadV2",
        "Prod",
        "Range",
        "Rank",
        "Reshape",
        "Reverse",
        "ReverseSequence",
        "ReverseV2",
        "Roll",
        "ScatterNd",
        "ScatterNdNonAliasingAdd",
        "SegmentMax",
        "SegmentMean",
        "SegmentMin",
        "SegmentProd",
        "SegmentSum",
        "Shape",
        "ShapeN",
        "Size",
        "Slice",
        "Split",
        "SplitV",
        "Squeeze",
        "StridedSlice",
        "Sum",
        "TensorScatterAdd",
        "TensorScatterMax",
        "TensorScatterMin",
        "TensorScatterSub",
        "TensorScatterUpdate",
        "TensorStridedSliceUpdate",
        "Tile",
        "TopK",
        "TopKV2",
        "Transpose",
        "ConjugateTranspose",
        "Unique",
        "UniqueV2",
        "UniqueWithCounts",
        "UniqueWithCountsV2",
        "Unpack",
        "UnravelIndex",
        "UnsortedSegmentMax",
        "UnsortedSegmentMin",
        "UnsortedSegmentProd",
        "UnsortedSegmentSum",
        "Where",
        "BandedTriangularSolve",
        "BatchCholesky",
        "BatchMatMul",
        "BatchMatMulV2",
        "BatchMatMulV3",
        "BatchMatrixBandPart",
        "BatchMatrixDiag",
        "BatchMatrixDiagPart",
        "BatchMatrixDeterminant",
        "BatchMatrixInverse",
        "BatchMatrixSetDiag",
        "BatchMatrixSolve",
        "BatchMatrixTriangularSolve",
        "Cholesky",
        "Einsum",
        "Eig",
        "LogMatrixDeterminant",
        "Lu",
        "MatMul",
        "MatrixBandPart",
        "MatrixDeterminant",
        "MatrixDiag",
        "MatrixDiagPart",
        "MatrixDiagPartV2",
        "MatrixDiagPartV3",
        "MatrixDiagV2",
        "MatrixDiagV3",
        "MatrixExponential",
        "MatrixInverse",
        "MatrixLogarithm",
        "MatrixSetDiag",
        "MatrixSetDiagV2",
        "MatrixSetDiagV3",
        "MatrixSolve",
        "MatrixSolveLs",
        "MatrixSquareRoot",
        "MatrixTriangularSolve",
        "Qr",
        "SelfAdjointEig",
        "SelfAdjointEigV2",
        "Svd",
        "TridiagonalMatMul",
        "TridiagonalSolve",
        "SparseMatMul",
        "SparseTensorDenseMatMul",
        "SparseToDense",
        "SparseReshape",
        "SparseReorder",
        "SparseSoftmax",
        "SparseTensorDenseAdd",
        "SparseSegmentMean",
        "SparseSegmentSqrtN",
        "SparseSegmentSum",
        "FFT",
        "FFT2D",
        "FFT3D",
        "FFTND",
        "IFFT",
        "IFFT2D",
        "IFFT3D",
        "IFFTND",
        "IRFFT",
        "IRFFT2D",
        "IRFFT3D",
        "IRFFTND",
        "RFFT",
        "RFFT2D",
        "RFFT3D",
        "RFFTND",
        "AvgPool",
        "AvgPool3D",
        "BatchNormWithGlobalNormalization",
        "BiasAdd",
        "BiasAddV1",
        "Conv",
        "Conv2D",
        "Conv2DBackpropInput",
        "Conv2DBackpropInputV2",
        "Conv3D",
        "Conv3DBackpropInput",
        "Conv3DBackpropInputV2",
        "DataFormatDimMap",
        "DataFormatVecPermute",
        "DepthwiseConv2dNative",
        "DepthwiseConv2dNativeBackpropInput",
        "Dilation2D",
        "Elu",
        "ExtractImagePatches",
        "ExtractVolumePatches",
        "FractionalAvgPool",
        "FractionalMaxPool",
        "FusedBatchNorm",
        "FusedBatchNormV2",
        "FusedBatchNormV3",
        "FusedPadConv2D",
        "FusedResizeAndPadConv2D",
        "L2Loss",
        "LRN",
        "LeakyRelu",
        "LogSoftmax",
        "MaxPool",
        "MaxPool3D",
        "MaxPoolV2",
        "MaxPoolWithArgmax",
        "Relu",
        "Relu6",
        "Selu",
        "Softmax",
        "Softplus",
        "Softsign",
        "SoftmaxCrossEntropyWithLogits",
        "SparseSoftmaxCrossEntropyWithLogits",
        "BlockLSTM",
        "BlockLSTMV2",
        "GRUBlockCell",
        "LSTMBlockCell",
        "AdjustContrast",
        "AdjustContrastv2",
        "AdjustHue",
        "AdjustSaturation",
        "CombinedNonMaxSuppression",
        "CropAndResize",
        "DrawBoundingBoxes",
        "DrawBoundingBoxesV2",
        "ExtractGlimpse",
        "ExtractGlimpseV2",
        "HSVToRGB",
        "ImageProjectiveTransformV2",
        "ImageProjectiveTransformV3",
        "NonMaxSuppression",
        "NonMaxSuppressionV2",
        "NonMaxSuppressionV3",
        "NonMaxSuppressionV4",
        "NonMaxSuppressionV5",
        "NonMaxSuppressionWithOverlaps",
        "RGBToHSV",
        "ResizeArea",
        "ResizeBicubic",
        "ResizeBilinear",
        "ResizeNearestNeighbor",
        "ScaleAndTranslate",
        "Dequantize",
        "FakeQuantWithMinMaxArgs",
        "FakeQuantWithMinMaxVars",
        "FakeQuantWithMinMaxVarsPerChannel",
        "QuantizeAndDequantize",
        "QuantizeAndDequantizeV2",
        "QuantizeAndDequantizeV3",
        "QuantizeAndDequantizeV4",
        "QuantizeDownAndShrinkRange",
        "QuantizeV2",
        "QuantizedAdd",
        "QuantizedAvgPool",
        "QuantizedBatchNormWithGlobalNormalization",
        "QuantizedBiasAdd",
        "QuantizedConcat",
        "QuantizedConcatV2",
        "QuantizedConv2D",
        "QuantizedConv2DAndRelu",
        "QuantizedConv2DAndReluAndRequantize",
        "QuantizedConv2DAndRequantize",
        "QuantizedConv2DPerChannel",
        "QuantizedConv2DWithBias",
        "QuantizedConv2DWithBiasAndRelu",
        "QuantizedConv2DWithBiasAndReluAndRequantize",
        "QuantizedConv2DWithBiasAndRequantize",
        "QuantizedConv2DWithBiasSignedSumAndReluAndRequantize",
        "QuantizedConv2DWithBiasSumAndRelu",
        "QuantizedConv2DWithBiasSumAndReluAndRequantize",
        "QuantizedDepthwiseConv2D",
        "QuantizedDepthwiseConv2DWithBias",
        "QuantizedDepthwiseConv2DWithBiasAndRelu",
        "QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize",
        "QuantizedInstanceNorm",
        "QuantizedMatMul",
        "QuantizedMatMulWithBias",
        "QuantizedMatMulWithBiasAndDequantize",
        "QuantizedMatMulWithBiasAndRelu",
        "QuantizedMatMulWithBiasAndReluAndRequantize",
        "QuantizedMatMulWithBiasAndRequantize",
        "QuantizedMaxPool",
        "QuantizedMul",
        "QuantizedRelu",
        "QuantizedRelu6",
        "QuantizedReluX",
        "QuantizedReshape",
        "QuantizedResizeBilinear",
        "RequantizationRange",
        "RequantizationRangePerChannel",
        "Requantize",
        "RequantizePerChannel",
        "UniformDequantize",
        "UniformQuantize",
        "UniformQuantizedAdd",
        "UniformQuantizedClipByValue",
        "UniformQuantizedConvolution",
        "UniformQuantizedConvolutionHybrid",
        "UniformQuantizedDot",
        "UniformQuantizedDotHybrid",
        "UniformRequantize",
    ]
)

# Branches, loops and calls of functions of the graph's own library; what they call is looked at, too. Assert and
# CheckNumerics look at numbers and stop.
CONTROL = frozenset(
    [
        "Switch",
        "Merge",
        "Enter",
        "Exit",
        "NextIteration",
        "LoopCond",
        "If",
        "StatelessIf",
        "While",
        "StatelessWhile",
        "Case",
        "StatelessCase",
        "PartitionedCall",
        "StatefulPartitionedCall",
        "Assert",
        "CheckNumerics",
        "CheckNumericsV2",
    ]
)

# Lists of tensors that live as long as one call, as recurrent layers use them.
LISTS = frozenset(
    [
        "EmptyTensorList",
        "TensorListConcatV2",
        "TensorListElementShape",
        "TensorListFromTensor",
        "TensorListGather",
        "TensorListGetItem",
        "TensorListLength",
        "TensorListPopBack",
        "TensorListPushBack",
        "TensorListReserve",
        "TensorListResize",
        "TensorListScatterV2",
        "TensorListSetItem",
        "TensorListSplit",
        "TensorListStack",
        "TensorArrayV3",
        "TensorArrayCloseV3",
        "TensorArrayConcatV3",
        "TensorArrayGatherV3",
        "TensorArrayReadV3",
        "TensorArrayScatterV3",
        "TensorArraySizeV3",
        "TensorArraySplitV3",
        "TensorArrayWriteV3",
    ]
)

# They give something else at every call: what is left of a training graph.
_RANDOM = re.compile(r"^(Stateless)?(Random|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial|Stateful.*Random)")
# Named first where there are several: the others only lead to it.
_WORST = re.compile(r"File|Print|PyFunc|Restore|Save|Debug|Rpc|Remote|Reader|Dataset|Iterator|Summary|^Var")
_VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp", "ReadVariableOp", "TemporaryVariable"})
_NORMALISES = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})


@dataclass(frozen=True)
class Operation:
    """A node: ``calls`` are the functions of the graph's library that it calls; ``is_training``: its attribute."""

    name: str
    op: str
    calls: frozenset[str] = frozenset()
    is_training: bool | None = None


@dataclass(frozen=True)
class Operations:
    """The nodes of a graph, and those of each function in its library."""

    nodes: tuple[Operation, ...]
    functions: Mapping[str, tuple[Operation, ...]]

    @classmethod
    def of(cls, graph_def: Any) -> Operations:
        """Return the operations of a GraphDef."""
        return cls(
            tuple(map(_operation, graph_def.node)),
            {item.signature.name: tuple(map(_operation, item.node_def)) for item in graph_def.library.function},
        )

    def __iter__(self) -> Iterator[Operation]:
        yield from self.nodes
        for nodes in self.functions.values():
            yield from nodes

    def recursive(self) -> str | None:
        """Return a function that calls itself, by whatever way; None where there is none."""
        called = {
            name: {other for node in nodes for other in (node.op, *node.calls) if other in self.functions}
            for name, nodes in self.functions.items()
        }
        ended: set[str] = set()
        while True:
            more = {name for name, others in called.items() if name not in ended and others <= ended}
            if not more:
                return next((name for name in called if name not in ended), None)
            ended |= more


def _operation(node: Any) -> Operation:
    attributes = node.attr.values()
    calls = {value.func.name for value in attributes} | {each.name for value in attributes for each in value.list.func}
    training = node.attr["is_training"].b if "is_training" in node.attr else None
    return Operation(node.name, node.op, frozenset(calls - {""}), training)


def refuse_unknown_operations(graph_def: Any, path: object, allow: frozenset[str] = frozenset()) -> None:
    """Refuse a graph that has an operation which is not known to do nothing but compute.

    ``graph_def``: a GraphDef; as ``refuse_operations``.
    """
    refuse_operations(Operations.of(graph_def), path, allow)


def refuse_operations(found: Operations, path: object, allow: frozenset[str] = frozenset()) -> None:
    """Refuse a graph that has an operation which is not known to do nothing but compute, or calls itself without end.

    ``path``: named in the message; ``allow``: types of operations that are allowed besides. The library of functions is
    looked at, too. Raises ModelError that names the node and its operation.
    """
    if endless := found.recursive():
        raise ModelError(f"{path}: refused, its function '{endless}' calls itself, so nothing says that it ends")
    known = PLAIN | CONTROL | LISTS | found.functions.keys() | allow
    unknown = [node for node in found if node.op not in known]
    if not unknown:
        return
    node = next((node for node in unknown if _WORST.search(node.op)), unknown[0])
    if node.op in _VARIABLES:
        raise ModelError(f"{path}: not frozen ('{node.name}' is a variable); freeze the graph with its checkpoint")
    if _RANDOM.match(node.op):
        raise ModelError(
            f"{path}: in training mode, '{node.name}' ({node.op}) gives other numbers at every call, as a dropout "
            f"does; freeze the graph for inference, or write `allow_ops: [{node.op}]`"
        )
    raise ModelError(
        f"{path}: refused, its operation '{node.name}' ({node.op}) reaches outside the graph, or is not known to stay "
        f"inside; remove it, or write `allow_ops: [{node.op}]` if you trust this file"
    )


def refuse_training_mode(graph_def: Any, path: object) -> None:
    """Refuse a graph whose batch normalisation takes mean and variance from each batch. Raises ModelError."""
    refuse_training(Operations.of(graph_def), path)


def refuse_training(found: Operations, path: object) -> None:
    """Refuse a graph whose batch normalisation takes mean and variance from each batch. Raises ModelError."""
    for node in found:
        # `is_training` is true where a node does not say it: tensorflow/core/ops/nn_ops.cc
        if node.op in _NORMALISES and node.is_training is not False:
            raise ModelError(
                f"{path}: in training mode, '{node.name}' ({node.op}) takes mean and variance from the images of each "
                "batch, so an answer depends on the other images; freeze the graph for inference"
            )
