"""The parts of a network as Flax NNX modules, how each convolution is computed, and the flat vector of all weights.

May import `scaling` and `native`. Used by trainers.
"""
