"""OpenVINO: reading an IR, running it, and what it reports about itself."""
