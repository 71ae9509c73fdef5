"""The summary that `harness validate` prints: the facts of a run on a terminal."""
