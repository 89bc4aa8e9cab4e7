"""Training recipes: fields and presets, and what a recipe means for one network. Pydantic at most, no JAX.

Used by the API (validation) and by trainers.
"""
