"""Measurements. `python -m tests.benchmarks` runs them all and rewrites BENCHMARKS.md; nothing here passes or fails.

Each module offers `figures(plan)`, which yields `Figure`s, and `Skipped` where this machine cannot take one; a new one
is added to `__main__.MODULES`. Its docstring is the text of its section. `rivals` are what we are compared with.
"""
