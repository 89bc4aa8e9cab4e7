"""The finite space of a search: every distinct network at its real cost, feasible or not.

May import `spec`. `catalogue` is standard library only, so that the API plans in milliseconds.
"""
