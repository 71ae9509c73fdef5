"""Which layer of a converted model is wrong: its operations held against the original's, by weights and by values."""
