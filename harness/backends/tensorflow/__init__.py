"""TensorFlow: reading a frozen graph, and running it."""
