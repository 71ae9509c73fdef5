"""The embedded demo: images that the project draws itself, and a small network that it trains on them."""
