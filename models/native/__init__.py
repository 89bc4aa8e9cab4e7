"""Kernels for CPUs in C++, compiled once on the machine that uses them; without a compiler XLA's own code is used."""
