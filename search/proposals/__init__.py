"""Which network comes next: the history a sampler sees, the samplers, the studies that ask them.

May import `spec`, `space` and `results`. The only room that imports Optuna. Used by the API.
"""
