"""Checkpoints of TensorFlow 1 with their graph, `.meta`."""
