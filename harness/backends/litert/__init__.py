"""LiteRT (TensorFlow Lite) models."""
