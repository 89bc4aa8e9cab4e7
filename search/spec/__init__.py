"""The specification of a search as a client writes it: fields, defaults, what may exist.

Pydantic and the standard library only. Used by every process.
"""
