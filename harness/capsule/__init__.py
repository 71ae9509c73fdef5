"""The parity capsule: images, labels and the reference's predictions in one file that travels. docs/capsule.md."""
