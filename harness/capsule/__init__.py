"""The parity capsule: images, labels and the reference's answers in one file that travels. docs/capsule.md."""
