"""INT8 by NNCF, calibrated on images that are never evaluated."""
