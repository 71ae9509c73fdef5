"""Which release of a package, or which commit of a model's repository, changed the verdict of a capsule."""
