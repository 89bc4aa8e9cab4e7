"""The trainer process: takes jobs over a pipe and trains. The only room that loads JAX.

Kept apart from the worker so that what kills it costs one attempt.
"""
