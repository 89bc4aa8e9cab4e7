"""The tests, sorted by what they test. `tests/benchmarks` measures and asserts nothing about time."""
