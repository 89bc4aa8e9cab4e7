"""The canonical scaling config, and the check that rebuilds its networks.

May import `spec`, `space` and `results`. Used by the API and by commands.
"""
