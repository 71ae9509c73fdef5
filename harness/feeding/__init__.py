"""From an image's bytes to what a model takes: decoding, pixels, and the input contract."""
