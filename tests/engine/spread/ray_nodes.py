"""A Ray cluster of several nodes on this machine, run as a process of its own: a line for each step, as JSON.

``python ray_nodes.py NODE...``, each node as JSON arguments of ``Cluster.add_node``. Then it reads lines:
the number of a node is to leave at once; an empty line, or the end, ends the cluster.
"""

from __future__ import annotations

import json
import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
from ray.cluster_utils import Cluster


def main(*nodes: str) -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    added = [cluster.add_node(**json.loads(node)) for node in nodes]
    print(json.dumps({"address": cluster.address}), flush=True)
    for line in sys.stdin:
        if not line.strip():
            break
        cluster.remove_node(added[int(line)], allow_graceful=False)
        print(json.dumps({"left": int(line)}), flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
