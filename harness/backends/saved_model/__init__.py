"""TensorFlow SavedModels, of TensorFlow 1 and 2."""
