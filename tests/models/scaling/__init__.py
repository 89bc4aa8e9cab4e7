"""Scaling, architecture, baselines and cost: exact arithmetic, against published numbers."""
