"""Whole services on one machine."""
