"""Measurements. `python -m tests.benchmarks` runs them all and rewrites BENCHMARKS.md; nothing here passes or fails.

Each module offers `figures()`, which yields `Figure`s; a new one is added to `__main__.MODULES`.
"""
