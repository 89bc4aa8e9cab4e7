"""Which trials go on at a rung: brackets, the rules, extrapolated curves. A pure function of what was reported.

May import `spec` and `results`. Used by the API.
"""
