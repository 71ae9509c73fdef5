"""Conversions to other formats than the IR: ONNX by tf2onnx, LiteRT by TensorFlow's own converter."""
