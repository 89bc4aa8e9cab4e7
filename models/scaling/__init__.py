"""Compound scaling: coefficients, stage tables, the rounded network, its cost and its parts.

Standard library only. Used by every process, the API included.
"""
