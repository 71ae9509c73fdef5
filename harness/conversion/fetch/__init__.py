"""From an archive's address to the original model: download, verify, unpack."""
