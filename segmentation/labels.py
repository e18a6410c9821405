"""Labels of one slice: ids of neurons, or a mask of membranes."""

UNLABELLED = 2**64 - 1  # nobody labelled the pixel (the CREMI convention)
