"""A Ray cluster of several nodes on this machine, run as a process of its own: a line for each step, as JSON.

``python ray_nodes.py NODE...``, each node as JSON arguments of ``Cluster.add_node``. Then it reads lines:
the process of a node (its raylet, the parent of its workers) is to leave with that node at once, and another node like
it joins; an empty line, or the end, ends the cluster.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
from ray.cluster_utils import Cluster


def main(*nodes: str) -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    wanted = [json.loads(node) for node in nodes]
    added = [cluster.add_node(**node) for node in wanted]
    _say(cluster, added)
    for line in sys.stdin:
        if not line.strip():
            break
        place = [_process(node) for node in added].index(int(line))
        cluster.remove_node(added[place], allow_graceful=False)
        added[place] = cluster.add_node(**wanted[place])
        _say(cluster, added)
    cluster.shutdown()


def _say(cluster: Cluster, nodes: list[Any]) -> None:
    print(json.dumps({"address": cluster.address, "nodes": [_process(node) for node in nodes]}), flush=True)


def _process(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


if __name__ == "__main__":
    main(*sys.argv[1:])
