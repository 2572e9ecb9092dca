"""The images of the named benchmarks, and reference records of them."""
