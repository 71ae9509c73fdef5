"""Procedural drawings of ImageNet classes: everything is made of polygons, ellipses and noise, nothing is copied in."""
