"""Whole services on one machine: `effscale up`, restarts, doctor, the demo's search.

Starts the processes of both sides. Used by commands.
"""
