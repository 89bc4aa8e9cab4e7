"""Numbers into networks and networks into numbers.

The ground floor (`scaling`, `architecture`, `baselines`, `cost`) is standard library only, so that the API can plan a
search without importing JAX. Everything else in this package may import JAX.
"""
