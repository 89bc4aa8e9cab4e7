"""The kernels for CPUs, against float64."""
