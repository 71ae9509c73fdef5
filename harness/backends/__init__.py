"""What runs a model: one folder per framework, each imported only when a model of it loads."""
