"""The list of operations against those that TensorFlow itself registers, and hostile graphs."""

from __future__ import annotations

from typing import Any

import pytest

from harness.backends.tensorflow.known_operations import CONTROL, LISTS, PLAIN
from harness.backends.tensorflow.operations import Operation, Operations, refuse_operations
from harness.errors import ModelError


@pytest.fixture(scope="module")
def registered(tensorflow: Any) -> dict[str, Any]:
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    listed = op_def_pb2.OpList()
    listed.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return {operation.name: operation for operation in listed.op}


def test_plain_operations_take_and_give_nothing_but_numbers(registered: dict[str, Any]) -> None:
    """Not stateful, no text, no resource, no variant, no function, no reference: there is no way out of them."""
    from tensorflow.core.framework import types_pb2

    ways_out = {types_pb2.DT_STRING, types_pb2.DT_RESOURCE, types_pb2.DT_VARIANT}
    texts = {
        (name, attribute.name)
        for name in PLAIN & registered.keys()
        for attribute in registered[name].attr
        if attribute.type in ("func", "list(func)")
    }
    assert not texts
    for name in sorted(PLAIN & registered.keys()):
        operation = registered[name]
        arguments = [*operation.input_arg, *operation.output_arg]
        assert not operation.is_stateful, name
        assert not {argument.type for argument in arguments} & ways_out, name
        assert not any(argument.is_ref for argument in arguments), name


def test_every_name_is_one_of_tensorflow(registered: dict[str, Any]) -> None:
    assert (PLAIN | CONTROL | LISTS) - registered.keys() <= {"HostConst"}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "ImmutableConst",
            "GenerateVocabRemapping",
            "DecodeProtoV2",
            "EncodeProto",
            "FileSystemSetConfiguration",
            "Print",
        ),
        *(
            "PrintV2",
            "ReadFile",
            "WriteFile",
            "MatchingFiles",
            "PyFunc",
            "PyFuncStateless",
            "EagerPyFunc",
            "RestoreV2",
            "SaveV2",
        ),
        *(
            "LoadAndRemapMatrix",
            "TextLineReaderV2",
            "IteratorV2",
            "FIFOQueueV2",
            "QueueDequeueV2",
            "HashTableV2",
            "LookupTableFindV2",
        ),
        *(
            "DecodeJpeg",
            "DecodeRaw",
            "Abort",
            "XlaCustomCallV2",
            "RpcCall",
            "_Send",
            "_Recv",
            "CollectiveReduceV2",
            "SymbolicGradient",
        ),
        *(
            "DebugIdentityV2",
            "ConfigureDistributedTPU",
            "VarHandleOp",
            "RandomUniform",
            "InvokeTensorFlowLite",
            "RemoteCall",
        ),
    ],
)
@pytest.mark.parametrize("in_function", [False, True])
def test_what_reaches_outside_is_refused(tensorflow: Any, name: str, in_function: bool) -> None:
    graph = tensorflow.compat.v1.GraphDef()
    if in_function:
        function = graph.library.function.add()
        function.signature.name = "f"
        node = function.node_def.add()
        graph.node.add(name="call", op="f")
    else:
        node = graph.node.add()
    node.name, node.op = "evil", name
    with pytest.raises(ModelError, match=rf"m\.pb: .*'evil'.*({name}|variable)"):
        refuse_operations(Operations.of(graph), "m.pb")
    if name != "VarHandleOp":
        refuse_operations(Operations.of(graph), "m.pb", frozenset({name}))


def test_what_changes_a_variable_is_said_to_keep_a_value(registered: dict[str, Any]) -> None:
    changes = {
        name
        for name, operation in registered.items()
        if any(argument.is_ref for argument in operation.output_arg)
        and any(argument.is_ref for argument in operation.input_arg)
        and name.startswith(("Assign", "Scatter", "Apply", "SparseApply", "CountUpTo"))
    }
    changes |= {
        "AssignVariableOp",
        "AssignAddVariableOp",
        "AssignSubVariableOp",
        "ResourceScatterAdd",
        "ResourceApplyAdam",
    }
    assert len(changes) > 30
    for name in sorted(changes):
        with pytest.raises(
            ModelError, match=rf"refused: 'mean' \({name}\) keeps a value from call to call, .*; freeze"
        ):
            refuse_operations(Operations((Operation("mean", name),), {}), "g.pb")
