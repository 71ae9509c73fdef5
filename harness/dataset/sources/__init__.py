"""The forms of an image set, one file each; `recognise` tells which one is at a path."""
