"""What effscale is compared with: the same networks and trainings as others would write them.

Each rival is a program of its own that imports nothing of effscale, so that it runs in any interpreter that has its
library: `python -m tests.benchmarks.rivals.NAME`, JSON lines in and out (`channel`). Between two orders it is idle.
What the network is comes as data: a description of `shape`, and arrays named as effscale exports them.
"""
