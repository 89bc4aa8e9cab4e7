"""Samplers and studies."""
