"""A first configuration of a model: what its file says, and what labelled images tell."""
