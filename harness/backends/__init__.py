"""What runs a model: one folder a framework, each imported only when a model of it loads."""
