"""The Kubernetes recipe of docs/scale.md: the fields of KubeRay's RayJob, with types, and what the harness needs."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
import yaml

from harness.cli import build_parser
from tests.conftest import PROJECT

# By KubeRay's published custom resources (ray.io/v1): RayJobSpec, RayClusterSpec, and Kubernetes' Container.
CONTAINER = {
    "type": "object",
    "required": ["name", "image"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
        "image": {"type": "string"},
        "resources": {
            "type": "object",
            "properties": {"limits": {"type": "object", "additionalProperties": {"type": "string"}}},
            "additionalProperties": False,
        },
        "volumeMounts": {"type": "array", "items": {"type": "object", "required": ["name", "mountPath"]}},
        "envFrom": {"type": "array", "items": {"type": "object", "required": ["secretRef"]}},
    },
    "additionalProperties": False,
}
TEMPLATE = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["containers"],
            "properties": {
                "containers": {"type": "array", "minItems": 1, "items": CONTAINER},
                "volumes": {"type": "array", "items": {"type": "object", "required": ["name"]}},
            },
            "additionalProperties": False,
        }
    },
    "additionalProperties": False,
}
PARAMETERS = {"type": "object", "additionalProperties": {"type": "string"}}
COUNT = {"type": "integer", "minimum": 0}
WORKERS = {
    "type": "object",
    "required": ["groupName", "rayStartParams", "template"],
    "properties": {
        "groupName": {"type": "string"},
        "replicas": COUNT,
        "minReplicas": COUNT,
        "maxReplicas": COUNT,
        "rayStartParams": PARAMETERS,
        "template": TEMPLATE,
    },
    "additionalProperties": False,
}
RAY_JOB = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayJob"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "required": ["entrypoint", "rayClusterSpec"],
            "properties": {
                "entrypoint": {"type": "string"},
                "shutdownAfterJobFinishes": {"type": "boolean"},
                "rayClusterSpec": {
                    "type": "object",
                    "required": ["headGroupSpec"],
                    "properties": {
                        "headGroupSpec": {
                            "type": "object",
                            "required": ["rayStartParams", "template"],
                            "properties": {"rayStartParams": PARAMETERS, "template": TEMPLATE},
                            "additionalProperties": False,
                        },
                        "workerGroupSpecs": {"type": "array", "items": WORKERS},
                    },
                    "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}


def recipe() -> dict[str, Any]:
    blocks = re.findall(r"```yaml\n(.*?)```", (PROJECT / "docs" / "scale.md").read_text(encoding="utf-8"), re.DOTALL)
    (found,) = (block for block in blocks if "kind: RayJob" in block)
    return dict(yaml.safe_load(found))


def test_it_has_the_fields_of_a_ray_job() -> None:
    pytest.importorskip("jsonschema").validate(recipe(), RAY_JOB)  # comes with Ray


def test_its_volumes_numbers_and_resources_fit_together() -> None:
    cluster = recipe()["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        spec = group["template"]["spec"]
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        assert {mount["name"] for item in spec["containers"] for mount in item.get("volumeMounts", [])} == volumes
        if "replicas" in group:
            assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    named = [group["rayStartParams"].get("resources") for group in cluster["workerGroupSpecs"]]
    # KubeRay puts the value behind --resources= in a shell, so that it is quoted once more.
    assert [json.loads(shlex.split(value)[0]) for value in named if value] == [{"NPU": 1}]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"  # the driver's node evaluates nothing


def test_its_command_is_one_of_the_harness() -> None:
    program, *arguments = shlex.split(recipe()["spec"]["entrypoint"])
    assert program == "harness"
    options = build_parser().parse_args(arguments)
    assert (options.engine, options.resume, str(options.out)) == ("ray", True, "/runs/net")
    head = recipe()["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    mounted = [mount["mountPath"] for mount in head["volumeMounts"]]
    assert all(any(str(path).startswith(place) for place in mounted) for path in (options.out, options.config))
