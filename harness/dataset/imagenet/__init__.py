"""What is known of ILSVRC2012 without any file of the user's: classes, devkit ids, and the validation labels."""

from harness.dataset.imagenet.table import (
    CLASSES,
    IMAGES,
    class_names,
    class_of_wnid,
    classes_in_devkit_order,
    label_of,
    number_of,
    validation_labels,
)

__all__ = [
    "CLASSES",
    "IMAGES",
    "class_names",
    "class_of_wnid",
    "classes_in_devkit_order",
    "label_of",
    "number_of",
    "validation_labels",
]
