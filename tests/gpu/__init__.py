"""What a CUDA card computes, and how fast: `make gpu`. Nothing of the product runs this."""
