"""From a network, a recipe and images to weights and measurements: steps, epochs, devices, memory, latency.

The top room of `models`: may import all others. Used by trainers and by `effscale train`.
"""
