"""The life of searches: proposals, leases, rungs, endings, finals, caches. A session goes in, rows change.

No HTTP, no clock, no settings: time and terms are arguments. Used by the API.
"""
